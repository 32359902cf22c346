// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

func (s *service) registerUsers(api huma.API) {
	register(s, api, identity.Guest, huma.Operation{
		OperationID: "list-users", Method: http.MethodGet, Path: "/users",
		Summary: "List users with their identities", Errors: []int{http.StatusBadRequest},
		Description: "All people, or those the filters select; a filter that selects nobody gives an empty list. " +
			"Without a limit, one reply lists all users, as they are at one moment. A long list is sent while it is read from the store: if that fails " +
			"in the middle, the connection is closed and the reply is not complete.",
		Metadata: map[string]any{streamMetadata: reflect.TypeFor[symapi.UserList]()},
	}, s.listUsers)
	register(s, api, identity.Guest, huma.Operation{
		OperationID: "search-users", Method: http.MethodPost, Path: "/users/search",
		Summary: "Find many users at once", Errors: []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge},
		Description: "Those of the named users that exist, ordered by name.",
	}, s.searchUsers)
	register(s, api, identity.Admin, huma.Operation{
		OperationID: "set-role", Method: http.MethodPost, Path: "/users/{id}/set-role",
		Summary: "Change a user's role", Errors: []int{http.StatusBadRequest, http.StatusNotFound},
	}, s.setRole)
}

type listUsersInput struct {
	Email  string `query:"email" doc:"Only the person with this e-mail"`
	ID     string `query:"id" doc:"Only the user with this id"`
	Type   string `query:"type" enum:"normal,bot,any" doc:"normal is the default, except with an id, which finds either"`
	Which  string `query:"identities" enum:"all" doc:"all shows every identity. Without it, only those of Sym's own service types whose matcher is their own key alone: symflow deletes what it cannot write back"`
	Limit  int    `query:"limit" minimum:"0" maximum:"2500" doc:"Users of one page. Pages are ordered by id. 0 or absent gives all users, ordered by name"`
	Cursor string `query:"cursor" doc:"next_cursor of the page before"`
}

// Resolve implements huma.Resolver.
func (in *listUsersInput) Resolve(ctx huma.Context) []error {
	return checkFilters(ctx, "all users", "email", "id", "type", "identities")
}

// userType returns the type to select, "" for either.
func (in *listUsersInput) userType() identity.UserType {
	switch {
	case in.Type == "any" || in.Type == "" && in.ID != "":
		return ""
	case in.Type == "":
		return identity.Normal
	}
	return identity.UserType(in.Type)
}

// encode returns a user with the identities that the caller can handle.
func (in *listUsersInput) encode(u identity.User) symapi.User {
	if in.Which != "all" {
		u.Mappings = slices.DeleteFunc(slices.Clone(u.Mappings), func(m identity.Mapping) bool { return !m.Plain() })
	}
	return symapi.EncodeUser(u)
}

func (s *service) listUsers(ctx context.Context, in *listUsersInput) (stream, error) {
	filter := store.UserFilter{ID: in.ID, Type: in.userType(), Limit: in.Limit, Cursor: in.Cursor}
	if in.Email != "" {
		key, err := parseEmail(in.Email)
		if err != nil {
			return nil, err
		}
		filter.Key = key
	}
	all := filter.Limit == 0
	if all {
		filter.Limit = symapi.MaxPage
	}
	users, next, err := s.Store.Users(ctx, filter)
	switch {
	case err != nil:
		return nil, err
	case all && next != "":
		return s.allUsers(ctx, filter, in.encode)
	case all: // by name, as allUsers streams them
		slices.SortFunc(users, func(a, b identity.User) int { return cmp.Compare(a.Key, b.Key) })
	}
	list := symapi.UserList{Users: make([]symapi.User, len(users)), NextCursor: next}
	for i, u := range users {
		list.Users[i] = in.encode(u)
	}
	return streamBody(list), nil
}

// allUsers streams more users than one page holds.
func (s *service) allUsers(ctx context.Context, filter store.UserFilter, encode func(identity.User) symapi.User) (stream, error) {
	return streamList(s, symapi.UserList{}, func(yield func(symapi.User, error) bool) {
		for page, err := range s.Store.UserPages(ctx, filter) {
			if err != nil {
				yield(symapi.User{}, err)
				return
			}
			for _, u := range page {
				if !yield(encode(u), nil) {
					return
				}
			}
		}
	})
}

func (s *service) searchUsers(ctx context.Context, in *input[symapi.UserSearch]) (symapi.UserList, error) {
	keys, err := parseEach("emails", in.Body.Emails, parseEmail)
	if err != nil {
		return symapi.UserList{}, err
	}
	bots, err := parseEach("usernames", in.Body.Usernames, parseUsername)
	if err != nil {
		return symapi.UserList{}, err
	}
	users, err := s.Store.FindUsers(ctx, append(keys, bots...))
	if err != nil {
		return symapi.UserList{}, err
	}
	slices.SortFunc(users, func(a, b identity.User) int { return cmp.Compare(a.Key, b.Key) })
	return symapi.UserList{Users: symapi.EncodeUsers(users)}, nil
}

type setRoleInput struct {
	ID   string `path:"id" doc:"UUID of the user"`
	Body symapi.RoleChange
}

func (s *service) setRole(ctx context.Context, in *setRoleInput) (symapi.User, error) {
	role := identity.Role(in.Body.Role)
	if !role.Valid() {
		return symapi.User{}, identity.Invalid(identity.CodeUserInvalid, fmt.Sprintf("%q is not a role", in.Body.Role),
			"Roles are admin, member and guest.")
	}
	user, err := s.Store.SetRole(ctx, actorOf(ctx), in.ID, role)
	return symapi.EncodeUser(user), err
}

func (s *service) registerUserWrites(api huma.API) {
	bulk := map[string]any{bulkMetadata: true}
	tooLarge := []int{http.StatusRequestEntityTooLarge}
	register(s, api, identity.Admin, huma.Operation{
		OperationID: "upsert-users", Method: http.MethodPatch, Path: "/users",
		Summary: "Create or change users and their identities", Errors: tooLarge, Metadata: bulk,
		Description: "All or nothing. Identities that are not sent are left alone.",
	}, s.upsertUsers)
	register(s, api, identity.Admin, huma.Operation{
		OperationID: "delete-identities", Method: http.MethodPost, Path: "/users/identities/delete",
		Summary: "Delete identities whose stored value is the one sent", Errors: tooLarge, Metadata: bulk,
		Description: "All or nothing. Another stored value is a conflict; deleting what is not stored succeeds.",
	}, s.deleteIdentities)
	register(s, api, identity.Admin, huma.Operation{
		OperationID: "delete-users", Method: http.MethodPost, Path: "/users/delete",
		Summary: "Delete users with their identities", Errors: tooLarge, Metadata: bulk,
		Description: "All or nothing. A user is named by id, or by the sym identity. With both, the stored name must be the one sent, else it is a conflict. " +
			"Deleting a user who is not stored succeeds, except for a bot that is named without id.",
	}, s.deleteUsers)
}

// bulk answers a bulk call of n elements: write does all of them or none.
func (s *service) bulk(ctx context.Context, list string, n int, write func() ([]symapi.BulkResult, error),
	complete func(*symapi.BulkResult)) (symapi.BulkReply, error) {
	if err := checkLength(list, n, symapi.MaxWrites); err != nil {
		return symapi.BulkReply{}, err
	}
	if n == 0 {
		return symapi.BulkSuccess(nil), nil
	}
	results, err := write()
	if err != nil {
		return symapi.BulkReply{}, s.bulkError(ctx, err, n, complete)
	}
	return symapi.BulkSuccess(results), nil
}

func (s *service) upsertUsers(ctx context.Context, in *input[symapi.UserUpserts]) (symapi.BulkReply, error) {
	elements := in.Body.Users
	writes := make([]store.UserWrite, len(elements))
	return s.bulk(ctx, "users", len(elements), func() ([]symapi.BulkResult, error) {
		unreadable := map[int]*identity.Error{}
		for i, u := range elements {
			var problem *identity.Error
			if writes[i], problem = decodeUserWrite(u); problem != nil {
				unreadable[i] = problem
			}
		}
		users, err := s.Store.UpsertUsers(ctx, actorOf(ctx), writes)
		if err != nil {
			explainUnreadable(err, unreadable)
			return nil, err
		}
		results := make([]symapi.BulkResult, len(users))
		for i, u := range users {
			record := symapi.EncodeUser(u)
			results[i] = symapi.BulkResult{Index: i, UserID: u.ID, User: string(u.Key), Record: &record}
		}
		return results, nil
	}, func(r *symapi.BulkResult) { r.User = cmp.Or(r.User, string(writes[r.Index].Key)) })
}

// explainUnreadable replaces the store's refusal to map a sym identity with the
// reason why that identity could not be read.
func explainUnreadable(err error, unreadable map[int]*identity.Error) {
	var batch *identity.BatchError
	if !errors.As(err, &batch) {
		return
	}
	for i, item := range batch.Items {
		if problem := unreadable[item.Index]; problem != nil && item.Err.Service == identity.SymCloud() {
			batch.Items[i].Err = problem
		}
	}
}

func (s *service) deleteIdentities(ctx context.Context, in *input[symapi.IdentityDeletes]) (symapi.BulkReply, error) {
	elements := in.Body.Identities
	return s.bulk(ctx, "identities", len(elements), func() ([]symapi.BulkResult, error) {
		deletes := make([]store.MappingDelete, len(elements))
		for i, e := range elements {
			deletes[i] = store.MappingDelete{UserID: e.UserID, Service: identity.ServiceKey{Type: e.ServiceType, ExternalID: e.ExternalID},
				Matcher: identity.Matcher(e.Matcher), IfRevision: e.IfRevision}
			if e.UserID == "" || e.ServiceType == "" || e.ExternalID == "" { // as by a script whose variable is not set
				deletes[i].Invalid = identity.Invalid(identity.CodeIdentityInvalid,
					"An element names no mapping", "Send user_id, service_type and external_id; none may be empty.")
			}
		}
		deleted, err := s.Store.DeleteMappings(ctx, actorOf(ctx), deletes)
		if err != nil {
			return nil, err
		}
		results := make([]symapi.BulkResult, len(deleted))
		for i, e := range elements {
			results[i] = symapi.BulkResult{Index: i, UserID: e.UserID, ServiceType: e.ServiceType, ExternalID: e.ExternalID, Deleted: &deleted[i]}
		}
		return results, nil
	}, func(r *symapi.BulkResult) {
		e := elements[r.Index]
		r.UserID, r.ServiceType, r.ExternalID = e.UserID, e.ServiceType, e.ExternalID
	})
}

func (s *service) deleteUsers(ctx context.Context, in *input[symapi.UserDeletes]) (symapi.BulkReply, error) {
	elements := in.Body.Users
	deletes := make([]store.UserDelete, len(elements))
	return s.bulk(ctx, "users", len(elements), func() ([]symapi.BulkResult, error) {
		for i, e := range elements {
			var problem *identity.Error
			deletes[i], problem = decodeUserDelete(e)
			deletes[i].Invalid = problem
		}
		deleted, err := s.Store.DeleteUsers(ctx, actorOf(ctx), deletes)
		if err != nil {
			return nil, err
		}
		results := make([]symapi.BulkResult, len(deleted))
		for i, d := range deleted {
			results[i] = symapi.BulkResult{Index: i, UserID: cmp.Or(deletes[i].ID, d.ID), User: string(deletes[i].Key), Deleted: &d.Existed, Identities: d.Mappings}
		}
		return results, nil
	}, func(r *symapi.BulkResult) {
		r.UserID, r.User = elements[r.Index].ID, cmp.Or(r.User, string(deletes[r.Index].Key))
	})
}

// decodeUserWrite reads one element of PATCH users. It does not validate: the
// store checks every element, so that one reply names every failure. A sym
// identity that names nobody, or a second one, is passed on as a mapping of
// sym:cloud, which every store refuses; unreadable is the real reason.
func decodeUserWrite(u symapi.UserUpsert) (w store.UserWrite, unreadable *identity.Error) {
	w = store.UserWrite{ID: u.ID, Type: identity.UserType(u.Type)}
	named := false
	for _, i := range u.Identities {
		m := store.MappingWrite{
			Service: identity.ServiceKey{Type: i.ServiceType, ExternalID: i.ExternalID},
			Matcher: identity.Matcher(i.Matcher), AccountID: i.AccountID, Source: identity.Source(i.Source), Rule: i.Rule,
			Conditions: identity.Conditions{IfAbsent: i.IfAbsent, IfRevision: i.IfRevision, IfUnclaimed: i.IfUnclaimed},
		}
		if len(i.Profile) > 0 { // symflow's CSV editor sends empty ones, which must change nothing
			m.Profile = i.Profile
		}
		if m.Service != identity.SymCloud() {
			w.Mappings = append(w.Mappings, m)
			continue
		}
		name, problem := parseSymName(i.Matcher)
		switch {
		case named:
			problem = "A user has one sym:cloud identity; this one has two"
		case problem == "":
			named = true
			name.apply(&w)
			if first, sent := i.Profile["first_name"]; sent {
				w.FirstName = &first
			}
			if last, sent := i.Profile["last_name"]; sent {
				w.LastName = &last
			}
			w.IfRevision, w.Assert = i.IfRevision, i.IfRevision != 0 && m.Source == identity.Manual
			if i.IfAbsent {
				unreadable = &identity.Error{Code: identity.CodeUserInvalid, User: w.Key, Service: identity.SymCloud(),
					Message: "A sym:cloud identity takes no if_absent", Hint: "Send if_revision, or no condition."}
				w.Mappings = append(w.Mappings, m)
			}
			continue
		}
		w.Mappings = append(w.Mappings, m)
		unreadable = &identity.Error{Code: identity.CodeUserInvalid, Message: problem, User: w.Key, Service: identity.SymCloud(),
			Hint: `Its matcher is {"email": …}, or {"username": …} for a bot.`}
	}
	return w, unreadable
}

// symName is the name in a sym identity, and whether its key was email.
type symName struct {
	text  string
	email bool
}

// parseSymName reads a sym:cloud matcher, or returns its problem.
func parseSymName(matcher map[string]string) (name symName, problem string) {
	email, isEmail := matcher["email"]
	username, isUsername := matcher["username"]
	switch {
	case isEmail == isUsername || len(matcher) != 1:
		return symName{}, "The matcher of a sym:cloud identity must have exactly one of the keys email and username"
	case strings.TrimSpace(email+username) == "":
		return symName{}, "The matcher of a sym:cloud identity is empty"
	}
	return symName{text: strings.TrimSpace(email + username), email: isEmail}, ""
}

// apply names the user of a write. A name under the wrong key sets the other
// type, which is an error. Otherwise the type stays as sent: a username alone
// does not ask for a new bot.
func (n symName) apply(w *store.UserWrite) {
	w.Name, w.Key = n.text, identity.KeyOf(n.text)
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

// decodeUserDelete reads one element of POST users/delete. A comparison that
// cannot be made is an error: without it too much would be deleted.
func decodeUserDelete(d symapi.UserDelete) (store.UserDelete, *identity.Error) {
	out := store.UserDelete{ID: d.ID, IfRevision: d.IfRevision, IfUnmapped: d.IfUnmapped}
	if d.Identity == nil {
		if d.ID == "" {
			return out, identity.Invalid(identity.CodeUserInvalid, "An element names no user", `Send the id, or {"identity": {"service_type": "sym", "matcher": {"email": …}}}.`)
		}
		return out, nil
	}
	if d.Identity.ServiceType != identity.SymCloud().Type {
		return out, identity.Invalid(identity.CodeUserInvalid,
			fmt.Sprintf("A user is named by its sym identity, not by one of service type %q", d.Identity.ServiceType),
			`Send {"service_type": "sym", "matcher": {"email": …}}.`)
	}
	name, problem := parseSymName(d.Identity.Matcher)
	if problem != "" {
		return out, identity.Invalid(identity.CodeUserInvalid, problem, `It is {"email": …}, or {"username": …} for a bot.`)
	}
	out.Key = identity.KeyOf(name.text)
	if name.email != out.Key.IsEmail() { // symflow's "bots delete" with a person's e-mail
		return out, identity.Invalid(identity.CodeUserInvalid, "The matcher names "+identity.Quote(string(out.Key))+" by the wrong key",
			"A person is named by email, with an @; a bot by username, without one.")
	}
	return out, nil
}
