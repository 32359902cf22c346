// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package resolve

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Roster says who works here: the people of one service's whole list of accounts.
type Roster struct {
	service  identity.ServiceKey
	active   map[identity.UserKey]string // the full names that the service shows, "" if none
	inactive map[identity.UserKey]bool
	listed   map[identity.UserKey]bool // all addresses of all accounts
	held     map[identity.UserKey][]identity.Account
}

// NewRoster reads a whole list. A person with several primary addresses goes by
// the one by which they are known here, else by the sign-in name, else by the first.
func NewRoster(service identity.ServiceKey, list []identity.Account, known func(identity.UserKey) bool) *Roster {
	r := &Roster{
		service: service, active: map[identity.UserKey]string{}, inactive: map[identity.UserKey]bool{},
		listed: map[identity.UserKey]bool{}, held: map[identity.UserKey][]identity.Account{},
	}
	for _, a := range list {
		for _, holder := range a.HeldBy {
			r.held[holder] = append(r.held[holder], a)
		}
		own := primaries(a)
		for _, e := range a.Emails {
			r.listed[identity.KeyOf(e.Address)] = true
		}
		if a.Kind != identity.KindPerson || len(own) == 0 {
			continue
		}
		person := ownAddress(a, own, known)
		switch a.State {
		case "active", "invited", "unknown":
			r.active[person] = a.Name
		case "inactive":
			for _, address := range own {
				r.inactive[address] = true
			}
		}
	}
	return r
}

// primaries returns the primary addresses of an account that can name a person.
func primaries(a identity.Account) []identity.UserKey {
	var own []identity.UserKey
	for _, e := range a.Emails {
		if key, err := identity.ParseUser(e.Address); err == nil && e.Primary && key.IsEmail() {
			own = append(own, key)
		}
	}
	return own
}

func ownAddress(a identity.Account, own []identity.UserKey, known func(identity.UserKey) bool) identity.UserKey {
	signIn := identity.KeyOf(a.SignIn)
	if !slices.Contains(own, signIn) {
		signIn = own[0]
	}
	if i := slices.IndexFunc(own, known); i >= 0 && !known(signIn) {
		return own[i]
	}
	return signIn
}

// Name returns the full name that the service shows of an active person, "" if none.
func (r *Roster) Name(person identity.UserKey) string { return r.active[person] }

// Active returns the addresses of accounts that are active or invited, sorted. Whose
// they are is decided by a lookup, see People.
func (r *Roster) Active() []identity.UserKey { return slices.Sorted(maps.Keys(r.active)) }

// Inactive returns the addresses of inactive accounts of persons that no active
// person goes by, sorted.
func (r *Roster) Inactive() []identity.UserKey {
	var out []identity.UserKey
	for _, key := range slices.Sorted(maps.Keys(r.inactive)) {
		if _, active := r.active[key]; !active {
			out = append(out, key)
		}
	}
	return out
}

// People returns the active people, sorted, by what lookups of Active said in order.
// An address whose lookup is Inactive is another account's, and that one is not
// active. Several accounts of one address are a *SharedAddressError, and nobody at
// all is an *EmptyRosterError: everybody would look as if they had left.
func (r *Roster) People(lookups []identity.LookupResult) ([]identity.UserKey, error) {
	var people []identity.UserKey
	var shared []SharedAddress
	for i, person := range r.Active() {
		switch found := lookups[i]; found.Status {
		case identity.Ambiguous:
			shared = append(shared, SharedAddress{person, found.Candidates})
		case identity.Failed:
			if found.Err == nil {
				return nil, fmt.Errorf("%s could not be asked for %s", r.service, person)
			}
			return nil, fmt.Errorf("%s could not be asked for %s: %w", r.service, person, found.Err)
		case identity.Inactive:
		default:
			people = append(people, person)
		}
	}
	switch {
	case len(shared) > 0:
		return nil, &SharedAddressError{r.service, shared}
	case len(people) == 0:
		return nil, &EmptyRosterError{r.service}
	}
	return people, nil
}

// LeaverReason says why somebody is a leaver.
type LeaverReason string

// Reasons of leavers.
const (
	LeftInactive LeaverReason = "inactive" // the service calls the person inactive
	LeftAbsent   LeaverReason = "absent"   // a mapping to the service is stored, and its whole list lacks the account
)

// Left reports whether somebody who is not among the active people has left, by what
// a lookup of their address said. stored says that a mapping to the service is stored.
// An account that they hold decides, whatever address it has.
func (r *Roster) Left(user identity.UserKey, stored bool, found identity.LookupResult) (LeaverReason, bool) {
	holds := r.held[user]
	working := func(a identity.Account) bool { return a.State != "inactive" }
	// Who left twice has several accounts, and it does not matter which was the last.
	allInactive := found.Status == identity.Ambiguous && len(found.Candidates) > 0 &&
		!slices.ContainsFunc(found.Candidates, func(c identity.Candidate) bool { return c.State != "inactive" })
	switch {
	case !user.IsEmail(), slices.ContainsFunc(holds, working), found.Status == identity.Found:
		return "", false
	case len(holds) > 0, found.Status == identity.Inactive, allInactive:
		return LeftInactive, true
	}
	return LeftAbsent, stored && found.Status == identity.NotFound && !r.listed[user]
}

// Leaver is somebody who left and who holds mappings.
type Leaver struct {
	User     identity.UserKey
	Reason   LeaverReason
	Mappings []LeaverMapping // sorted by service; never empty
}

// LeaverMapping is an account that a leaver has, or would get.
type LeaverMapping struct {
	Service identity.ServiceKey
	Matcher identity.Matcher
	Source  Origin
}

// NewLeaver collects the mappings of somebody who left: what is declared, what is
// stored, in any service, and what rules and lookups found. It returns false if they
// have none.
func NewLeaver(user identity.UserKey, reason LeaverReason, stored identity.User, declared map[identity.ServiceKey]map[identity.UserKey]identity.Matcher, found []Resolution) (Leaver, bool) {
	byService := map[identity.ServiceKey]LeaverMapping{}
	for _, a := range found {
		if a.Mapped() && a.Source != Declared && a.Source != Store {
			byService[a.Service] = LeaverMapping{a.Service, a.Matcher, a.Source}
		}
	}
	for _, m := range stored.Mappings {
		byService[m.Service] = LeaverMapping{m.Service, m.Matcher, Store}
	}
	for service, people := range declared {
		if matcher, ok := people[user]; ok {
			byService[service] = LeaverMapping{service, matcher, Declared}
		}
	}
	l := Leaver{User: user, Reason: reason, Mappings: slices.Collect(maps.Values(byService))}
	slices.SortFunc(l.Mappings, func(a, b LeaverMapping) int {
		return cmp.Or(strings.Compare(a.Service.Type, b.Service.Type), strings.Compare(a.Service.ExternalID, b.Service.ExternalID))
	})
	return l, len(l.Mappings) > 0
}

// SharedAddress is an address that several accounts have as their own.
type SharedAddress struct {
	Address  identity.UserKey
	Accounts []identity.Candidate
}

// SharedAddressError reports addresses that do not say who a person is.
type SharedAddressError struct {
	Service   identity.ServiceKey
	Addresses []SharedAddress
}

func (e *SharedAddressError) Error() string {
	first := e.Addresses[0]
	return fmt.Sprintf("in %s several accounts have the address %s: %s", e.Service, first.Address, ListAccounts(first.Accounts))
}

// EmptyRosterError reports a list without an active person.
type EmptyRosterError struct{ Service identity.ServiceKey }

func (e *EmptyRosterError) Error() string {
	return fmt.Sprintf("the list of %s has no active person with an address", e.Service)
}
