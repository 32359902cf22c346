// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// mappingsAPI is what sym_identities asks of the identity API.
type mappingsAPI interface {
	FindUsers(ctx context.Context, keys []identity.UserKey) ([]identity.User, error)
	AllUsers(ctx context.Context) iter.Seq2[identity.User, error]
	Holders(ctx context.Context, service identity.ServiceKey, claims []string) ([]identity.Holder, error)
	Write(ctx context.Context, writes []identity.Write) ([]identity.User, error)
	Delete(ctx context.Context, deletes []identity.Delete) ([]bool, error)
}

// storedMappings is what one reading found of a service.
type storedMappings struct {
	service  identity.ServiceKey
	byUser   map[identity.UserKey]identity.Mapping
	complete bool // of all users, so whoever is not here has nothing stored
}

// findStored reads the mappings of some users.
func findStored(ctx context.Context, api mappingsAPI, service identity.ServiceKey, users []identity.UserKey) (storedMappings, error) {
	s := storedMappings{service: service, byUser: make(map[identity.UserKey]identity.Mapping, len(users))}
	if len(users) == 0 {
		return s, nil
	}
	found, err := api.FindUsers(ctx, users)
	for _, u := range found {
		s.add(u)
	}
	return s, err
}

// allStored reads the mappings of everybody.
func allStored(ctx context.Context, api mappingsAPI, service identity.ServiceKey) (storedMappings, error) {
	return walkStored(ctx, api, service, 0)
}

// storedForClaims reads the mappings of users where it also matters who else
// has their accounts. Searching for both takes two requests per thousand; where
// the map covers about everybody there is, as such maps do, reading everybody
// takes a fifth of that and answers both.
func storedForClaims(ctx context.Context, api mappingsAPI, service identity.ServiceKey, users []identity.UserKey) (storedMappings, error) {
	if len(users) > symapi.MaxBatch {
		pages := (len(users) + symapi.MaxBatch + symapi.MaxPage - 1) / symapi.MaxPage
		s, err := walkStored(ctx, api, service, pages*symapi.MaxPage)
		if err != nil || s.complete {
			return s, err
		}
	}
	return findStored(ctx, api, service, users)
}

// walkStored reads everybody, or gives up after so many users; 0 is no limit.
func walkStored(ctx context.Context, api mappingsAPI, service identity.ServiceKey, limit int) (storedMappings, error) {
	s := storedMappings{service: service, byUser: map[identity.UserKey]identity.Mapping{}}
	seen := 0
	for u, err := range api.AllUsers(ctx) {
		if err != nil {
			return s, err
		}
		s.add(u)
		if seen++; seen == limit {
			return s, nil // before the next page is asked for
		}
	}
	s.complete = true
	return s, nil
}

func (s storedMappings) add(u identity.User) {
	if m, ok := u.Mapping(s.service); ok {
		s.byUser[u.Key] = m
	}
}

// get is what is stored for a user; nil where nothing is.
func (s storedMappings) get(user identity.UserKey) *identity.Mapping {
	if m, ok := s.byUser[user]; ok {
		return &m
	}
	return nil
}

// unlisted are the manual mappings of users that rows do not name, as rows
// ordered by user. It needs a complete reading.
func (s storedMappings) unlisted(rows []mappingRow) []mappingRow {
	listed := make(map[identity.UserKey]bool, len(rows))
	for _, row := range rows {
		listed[row.user] = true
	}
	var out []mappingRow
	for user, m := range s.byUser {
		if !listed[user] && m.Source.OrManual() == identity.Manual {
			out = append(out, mappingRow{spelled: string(user), user: user, value: shownValue(s.service.Type, m.Matcher), known: true})
		}
	}
	slices.SortFunc(out, func(a, b mappingRow) int { return cmp.Compare(a.user, b.user) })
	return out
}

// holders is who has the accounts of rows, by claim, ordered. Nobody has any
// in a service that is not registered yet.
func (s storedMappings) holders(ctx context.Context, api mappingsAPI, rows []mappingRow) (map[string][]identity.UserKey, error) {
	byClaim := map[string][]identity.UserKey{}
	if s.complete {
		for user, m := range s.byUser {
			claim := m.Matcher.AccountKey(s.service.Type)
			byClaim[claim] = append(byClaim[claim], user)
		}
		for _, users := range byClaim {
			slices.Sort(users)
		}
		return byClaim, nil
	}
	if len(rows) == 0 {
		return byClaim, nil
	}
	claims := make([]string, len(rows))
	for i, row := range rows {
		claims[i] = identity.FoldIdentity(s.service.Type, row.value)
	}
	found, err := api.Holders(ctx, s.service, claims)
	if identity.CodeOf(err) == identity.CodeServiceNotFound {
		return byClaim, nil // this run may be about to register it; apply will tell
	}
	for _, h := range found {
		claim := h.Mapping.Matcher.AccountKey(s.service.Type)
		byClaim[claim] = append(byClaim[claim], h.User)
	}
	return byClaim, err
}
