// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symapi

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// DecodeUser reads a user of the wire. The sym identity gives the names; fields
// that the server does not send are zero, and a mapping without source counts
// as manual, so that only a person overwrites it. It refuses a user that could
// be confused with others: no id, no name, two names, two identities of one
// service.
func DecodeUser(u User) (identity.User, error) {
	if u.ID == "" {
		return identity.User{}, errors.New("a user has no id")
	}
	out := identity.User{ID: u.ID, Role: identity.Role(u.Role), CreatedAt: u.CreatedAt.Time,
		Revision: u.Revision, UpdatedAt: decodeTime(u.UpdatedAt), UpdatedBy: u.UpdatedBy}
	named := false
	for _, i := range u.Identities {
		if i.Service.Slug == identity.SymCloud().Type {
			if named {
				return identity.User{}, fmt.Errorf("user %s has two sym identities", u.ID)
			}
			named = true
			out.Name = symName(u.Type, i.Matcher)
			out.FirstName, out.LastName = i.Profile["first_name"], i.Profile["last_name"]
			continue
		}
		m, err := DecodeIdentity(i)
		if err != nil {
			return identity.User{}, fmt.Errorf("user %s: %w", u.ID, err)
		}
		if _, twice := out.Mapping(m.Service); twice {
			return identity.User{}, fmt.Errorf("user %s has two identities of %s", u.ID, m.Service)
		}
		out.Mappings = append(out.Mappings, m)
	}
	if out.Name == "" {
		return identity.User{}, fmt.Errorf("user %s has no sym identity with an email or username", u.ID)
	}
	out.Key = identity.KeyOf(out.Name)
	slices.SortFunc(out.Mappings, func(a, b identity.Mapping) int {
		return cmp.Compare(a.Service.String(), b.Service.String())
	})
	switch t := identity.UserType(u.Type); t {
	case identity.Normal, identity.Bot:
		out.Type = t
	case "":
		out.Type = out.Key.Type()
	default:
		return identity.User{}, fmt.Errorf("user %s has the unknown type %q", u.ID, u.Type)
	}
	return out, nil
}

// symName returns the name in a sym identity's matcher: a bot's username, else
// the e-mail, else whichever there is.
func symName(userType string, matcher map[string]string) string {
	if userType == string(identity.Bot) {
		return cmp.Or(matcher["username"], matcher["email"])
	}
	return cmp.Or(matcher["email"], matcher["username"])
}

// DecodeUsers reads a list. One invalid user fails the whole list, because a
// user left out would look like one who is not stored.
func DecodeUsers(users []User) ([]identity.User, error) {
	out := make([]identity.User, 0, len(users))
	for _, u := range users {
		user, err := DecodeUser(u)
		if err != nil {
			return nil, err
		}
		out = append(out, user)
	}
	return out, nil
}

// decodeTime returns the zero time where the server sends none.
func decodeTime(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

// DecodeIdentity reads a stored identity of the wire as a mapping.
func DecodeIdentity(i Identity) (identity.Mapping, error) {
	service, err := decodeServiceKey(i.Service.Slug, i.Service.ExternalID)
	if err != nil {
		return identity.Mapping{}, err
	}
	m := identity.Mapping{
		Service:   service,
		Matcher:   identity.Matcher(i.Matcher),
		AccountID: i.AccountID,
		Source:    identity.Source(i.Source).OrManual(),
		Rule:      i.Rule,
		Revision:  i.Revision,
		UpdatedAt: decodeTime(i.UpdatedAt),
		UpdatedBy: i.UpdatedBy,
	}
	if len(i.Profile) > 0 {
		m.Profile = i.Profile
	}
	switch {
	case len(m.Matcher) == 0:
		return identity.Mapping{}, fmt.Errorf("the identity of %s has no matcher", service)
	case !m.Source.Valid():
		return identity.Mapping{}, fmt.Errorf("the identity of %s has the unknown source %q", service, i.Source)
	case m.Revision < 0:
		return identity.Mapping{}, fmt.Errorf("the identity of %s has the revision %d", service, m.Revision)
	}
	return m, nil
}

// decodeServiceKey does not validate: identities stored under a key that today's
// rules refuse must stay readable.
func decodeServiceKey(slug, externalID string) (identity.ServiceKey, error) {
	switch {
	case slug == "":
		return identity.ServiceKey{}, errors.New("a service has no slug")
	case externalID == "":
		return identity.ServiceKey{}, fmt.Errorf("a service of type %s has no external id", slug)
	}
	return identity.ServiceKey{Type: slug, ExternalID: externalID}, nil
}

// DecodeService reads a registered service of the wire. The wire does not say
// whether the server's configuration owns it.
func DecodeService(s Service) (identity.Service, error) {
	key, err := decodeServiceKey(s.Slug, s.ExternalID)
	if err != nil {
		return identity.Service{}, err
	}
	if s.ID == "" {
		return identity.Service{}, fmt.Errorf("the service %s has no id", key)
	}
	return identity.Service{ID: s.ID, Key: key, Label: s.Label, Revision: s.Revision, UpdatedAt: decodeTime(s.UpdatedAt), UpdatedBy: s.UpdatedBy,
		NoDirectory: s.Directory != nil && !*s.Directory, Configured: s.Configured != nil && *s.Configured}, nil
}

// DecodeLogin reads who a token belongs to. It refuses a reply without org, role
// and name: it does not come from this API. The store's id is kept in state and
// shown, so it must be a plain short word.
func DecodeLogin(l Login) (identity.Session, error) {
	if l.Org == "" && l.Role == "" && l.Name == "" {
		return identity.Session{}, errors.New("it names neither org nor role, so the URL may not be that of an identity API")
	}
	if strings.ContainsFunc(l.StoreID, func(r rune) bool { return r <= ' ' || r > '~' }) || len(l.StoreID) > maxStoreID {
		return identity.Session{}, errors.New("its store_id is not a UUID")
	}
	return identity.Session{Principal: identity.Principal{Name: l.Name, Org: l.Org, Role: identity.Role(l.Role)}, StoreID: l.StoreID}, nil
}

// maxStoreID is the longest id of a store, in bytes.
const maxStoreID = 64

// DecodeLookup reads one result of identities/lookup. An unclear result is an
// error, never "not found".
func DecodeLookup(r LookupResult) (identity.LookupResult, error) {
	a := identity.LookupResult{Email: r.Email, Status: identity.LookupStatus(r.Status), AsOf: decodeTime(r.AsOf)}
	switch a.Status {
	case identity.Found:
		if len(r.Matcher) == 0 {
			return identity.LookupResult{}, fmt.Errorf("the result for %q is found but has no matcher", r.Email)
		}
		a.Matcher, a.AccountID, a.Evidence, a.Unique = r.Matcher, r.AccountID, identity.Evidence(r.Evidence), r.Unique
	case identity.Inactive:
		a.Matcher, a.AccountID = r.Matcher, r.AccountID
	case identity.Ambiguous, identity.Alias, identity.Unverified:
		for _, c := range r.Accounts {
			a.Candidates = append(a.Candidates, identity.Candidate{Matcher: c.Matcher, AccountID: c.AccountID, State: c.State, Name: c.Name})
		}
	case identity.NotFound:
		a.OtherDomain = r.Reason == otherDomain
	case identity.Failed:
		a.Err = decodeDirectoryError(r.Error)
	default:
		return identity.LookupResult{}, fmt.Errorf("the result for %q has the unknown status %q", r.Email, r.Status)
	}
	if a.Email == "" {
		return identity.LookupResult{}, errors.New("a result has no email")
	}
	return a, nil
}

// decodeDirectoryError reads why one question to a directory failed.
func decodeDirectoryError(e *Error) *identity.Error {
	if e == nil {
		return &identity.Error{Code: identity.CodeDirectoryFailed, Message: "the directory could not be asked", Retryable: true}
	}
	return DecodeError(*e)
}

// DecodeStatus reads one result of identities/status. An unclear result is an
// error, never "gone".
func DecodeStatus(r StatusResult) (identity.AccountStatus, error) {
	a := identity.AccountStatus{Identity: r.Identity, AccountID: r.AccountID, NewIdentity: r.NewIdentity, Status: identity.AccountState(r.Status), AsOf: decodeTime(r.AsOf)}
	switch a.Status {
	case identity.AccountActive, identity.AccountInactive, identity.AccountAbsent, identity.AccountReused, identity.AccountUnknown:
	case identity.AccountRenamed:
		if a.NewIdentity == "" {
			return identity.AccountStatus{}, fmt.Errorf("the result for the account %q is renamed but has no new identity", r.Identity)
		}
	case identity.AccountFailed:
		a.Err = decodeDirectoryError(r.Error)
	default:
		return identity.AccountStatus{}, fmt.Errorf("the result for the account %q has the unknown status %q", r.Identity, r.Status)
	}
	if a.Identity == "" {
		return identity.AccountStatus{}, errors.New("a result has no identity")
	}
	return a, nil
}

// DecodeAccount reads an account of a service. A state or kind that is not known
// is an error: an account must not be counted as something that it is not.
func DecodeAccount(a Account) (identity.Account, error) {
	out := identity.Account{AccountID: a.AccountID, Matcher: a.Matcher, SignIn: a.SignIn, Name: a.Name, State: a.State, Kind: a.Kind,
		Unreadable: a.Unreadable, Emails: make([]identity.AccountEmail, len(a.Emails))}
	switch {
	case len(a.Matcher) == 0 && a.Unreadable == "":
		return identity.Account{}, fmt.Errorf("the account %q has no matcher", a.AccountID)
	case !slices.Contains(identity.AccountStates(), a.State):
		return identity.Account{}, fmt.Errorf("the account %s has the unknown state %q", out.Matcher, a.State)
	case !slices.Contains(identity.AccountKinds(), a.Kind):
		return identity.Account{}, fmt.Errorf("the account %s is of the unknown kind %q", out.Matcher, a.Kind)
	}
	for i, email := range a.Emails {
		if email.Kind != primaryAddress && email.Kind != aliasAddress {
			return identity.Account{}, fmt.Errorf("an address of the account %s is of the unknown kind %q", out.Matcher, email.Kind)
		}
		out.Emails[i] = identity.AccountEmail{Address: email.Address, Primary: email.Kind == primaryAddress, Proved: email.Verified}
	}
	for _, user := range a.HeldBy {
		key := identity.KeyOf(user)
		if key == "" {
			return identity.Account{}, fmt.Errorf("a holder of the account %s has no name", out.Matcher)
		}
		out.HeldBy = append(out.HeldBy, key)
	}
	return out, nil
}
