// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"fmt"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// The functions here turn the wire into store writes and judge nothing: the
// store checks every element, so that one reply can name every failure. What
// cannot be said in a store's terms is handed on in a form it refuses.

// decodeUserWrite reads one element of PATCH users. A sym identity that names
// nobody, or a second one, is handed on as a mapping of sym:cloud, which every
// store refuses; unreadable then is what is really wrong with it.
func decodeUserWrite(u symapi.UserUpsert) (w store.UserWrite, unreadable *identity.Error) {
	w = store.UserWrite{ID: u.ID, Type: identity.UserType(u.Type)}
	named := false
	for _, i := range u.Identities {
		m := decodeMappingWrite(i)
		if m.Service != identity.SymCloud() {
			w.Mappings = append(w.Mappings, m)
			continue
		}
		name, problem := readOwnName(i.Matcher)
		switch {
		case named:
			problem = "A user has one sym:cloud identity; this one has two"
		case problem == "":
			named = true
			name.apply(&w)
			w.FirstName, w.LastName = profileField(i.Profile, "first_name"), profileField(i.Profile, "last_name")
			continue
		}
		w.Mappings = append(w.Mappings, m)
		unreadable = &identity.Error{Code: identity.CodeUserInvalid, Message: problem, User: w.Key, Service: identity.SymCloud(),
			Hint: `Its matcher is {"email": …}, or {"username": …} for a bot.`}
	}
	return w, unreadable
}

func decodeMappingWrite(i symapi.IdentityUpsert) store.MappingWrite {
	return store.MappingWrite{
		Service: identity.ServiceKey{Type: i.ServiceType, ExternalID: i.ExternalID},
		Matcher: identity.Matcher(i.Matcher),
		Profile: i.Profile,
		Source:  identity.Source(i.Source),
		Rule:    i.Rule,
		Conditions: identity.Conditions{
			IfAbsent: i.IfAbsent, IfRevision: i.IfRevision, IfUnclaimed: i.IfUnclaimed,
		},
	}
}

// ownName is the name in a sym identity and the key it stood under.
type ownName struct {
	text  string
	email bool
}

// readOwnName reads a sym:cloud matcher, or says what is wrong with it.
func readOwnName(matcher map[string]string) (name ownName, problem string) {
	email, isEmail := matcher["email"]
	username, isUsername := matcher["username"]
	switch {
	case isEmail == isUsername || len(matcher) != 1:
		return ownName{}, "The matcher of a sym:cloud identity has not just one of the keys email and username"
	case strings.TrimSpace(email+username) == "":
		return ownName{}, "The matcher of a sym:cloud identity is empty"
	}
	return ownName{text: strings.TrimSpace(email + username), email: isEmail}, ""
}

// key is the normalised name. One that is no user's is kept as it is, for the
// store to refuse.
func (n ownName) key() identity.UserKey {
	key, err := identity.ParseUser(n.text)
	if err != nil {
		return identity.UserKey(n.text)
	}
	return key
}

// apply names the user of a write. A name under the wrong key makes the type
// disagree with the name, which is an error. Otherwise the type stays as sent:
// a username alone does not ask for a new bot.
func (n ownName) apply(w *store.UserWrite) {
	w.Name, w.Key = n.text, n.key()
	if w.Type != "" {
		return
	}
	switch {
	case n.email && !w.Key.IsEmail():
		w.Type = identity.Normal
	case !n.email && w.Key.IsEmail():
		w.Type = identity.Bot
	}
}

func profileField(profile map[string]string, name string) *string {
	if value, sent := profile[name]; sent {
		return &value
	}
	return nil
}

func decodeMappingDelete(d symapi.IdentityDelete) store.MappingDelete {
	return store.MappingDelete{
		UserID:     d.UserID,
		Service:    identity.ServiceKey{Type: d.ServiceType, ExternalID: d.ExternalID},
		Matcher:    identity.Matcher(d.Matcher),
		IfRevision: d.IfRevision,
	}
}

// decodeUserDelete reads one element of POST users/delete. A comparison that
// cannot be made is an error: leaving it out would delete more than was asked.
func decodeUserDelete(d symapi.UserDelete) (store.UserDelete, *identity.Error) {
	out := store.UserDelete{ID: d.ID}
	if d.Identity == nil {
		return out, nil
	}
	if d.Identity.ServiceType != identity.SymCloud().Type {
		return out, identity.Invalid(identity.CodeUserInvalid,
			fmt.Sprintf("A user is compared by its sym identity, not by one of service type %q", d.Identity.ServiceType),
			`Send {"service_type": "sym", "matcher": {"email": …}}.`)
	}
	name, problem := readOwnName(d.Identity.Matcher)
	if problem != "" {
		return out, identity.Invalid(identity.CodeUserInvalid, problem, `It is {"email": …}, or {"username": …} for a bot.`)
	}
	out.Key = name.key()
	return out, nil
}
