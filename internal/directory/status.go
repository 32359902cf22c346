// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Status returns whether accounts still exist and are active: one answer per
// id, in order. Ids compare as identities of the service type do; bots, guests
// and accounts without an address count like any other. It uses the list or
// asks for each id, as preferWalk decides. A directory that can do neither
// gives AccountUnknown.
//
// It reports failures as Lookup does; none of them is AccountAbsent.
func Status(ctx context.Context, d Directory, service identity.ServiceKey, ids []string) ([]identity.AccountStatus, error) {
	cache, release := withCache(d, service)
	defer release()
	s := &statuses{cache: cache, service: service, ids: map[string]string{}, results: map[string]identity.AccountStatus{}}
	var want []string
	for _, id := range ids {
		key := cache.foldID(id)
		if _, seen := s.ids[key]; !seen {
			s.ids[key] = id
			want = append(want, key)
		}
	}
	if err := s.run(ctx, want); err != nil {
		return nil, AsIdentityError(service, err)
	}
	out := make([]identity.AccountStatus, len(ids))
	for i, id := range ids {
		out[i] = s.results[cache.foldID(id)]
		out[i].Identity = id
	}
	return out, nil
}

// statuses is one call of Status. Its keys are folded ids; results has an
// entry for each once run returns nil.
type statuses struct {
	cache   *Cached
	service identity.ServiceKey
	ids     map[string]string // the first spelling of each key
	results map[string]identity.AccountStatus
}

func (s *statuses) run(ctx context.Context, want []string) error {
	list, size := s.cache.current()
	missing := s.applyCache(list, want)
	if len(missing) == 0 {
		return nil
	}
	d := s.cache.Describe()
	finder, canFind := s.cache.Directory.(IDFinder)
	d.Lookup, d.BatchSize = canFind, 0
	if s.cache.lister() != nil && preferWalk(d, len(missing), size) {
		list, err := s.cache.walk(ctx, d.maxPages(len(missing)))
		switch {
		case err == nil:
			if missing = s.applyList(list, want); len(missing) == 0 {
				return nil
			}
		case !errors.Is(err, ErrTruncated):
			return s.failRest(err, missing)
		}
		// The list is longer than what the service shows, or than what pays.
	}
	if !canFind {
		for _, key := range missing {
			s.results[key] = identity.AccountStatus{Status: identity.AccountUnknown}
		}
		return nil
	}
	asOf := time.Now()
	find := func(ctx context.Context, key string) ([]Account, error) { return finder.FindID(ctx, s.ids[key]) }
	err := lookupEach(ctx, missing, find, func(key string, found []Account, err error) {
		if err != nil {
			s.fail(key, err)
			return
		}
		s.results[key] = s.status(key, found, asOf)
	})
	return s.failRest(err, missing)
}

// applyCache answers from the list that is kept and returns the other keys.
// Answers about accounts that are gone or inactive are fresh as long as misses.
func (s *statuses) applyCache(list *snapshot, want []string) (missing []string) {
	if list == nil {
		return want
	}
	missing = s.applyList(list, want)
	for _, key := range want {
		r, known := s.results[key]
		if known && !s.cache.settings.fresh(time.Since(list.ended), r.Status == identity.AccountActive) {
			delete(s.results, key)
			missing = append(missing, key)
		}
	}
	return missing
}

// applyList answers from a list and returns the keys that it says nothing
// about, because it leaves out accounts without an address.
func (s *statuses) applyList(list *snapshot, want []string) (missing []string) {
	partial := s.cache.Describe().ListNeedsEmail
	for _, key := range want {
		found := list.withID(key)
		if len(found) == 0 && partial {
			missing = append(missing, key)
			continue
		}
		s.results[key] = s.status(key, found, list.asOf)
	}
	return missing
}

// status returns what rows say about an account. It ignores rows with another
// id: a service may accept more than ids where it is asked for one.
func (s *statuses) status(key string, found []Account, asOf time.Time) identity.AccountStatus {
	found = slices.DeleteFunc(slices.Clone(found), func(a Account) bool { return s.cache.foldID(a.ID) != key })
	a := identity.AccountStatus{Status: identity.AccountInactive, AsOf: asOf}
	switch {
	case len(found) == 0:
		a.Status = identity.AccountAbsent
	case slices.ContainsFunc(found, func(a Account) bool { return a.State != StateInactive }):
		a.Status = identity.AccountActive
	}
	return a
}

func (s *statuses) fail(key string, err error) {
	failure := AsIdentityError(s.service, err)
	failure.Message = fmt.Sprintf("whether the account %s exists could not be asked: %s", s.ids[key], failure.Message)
	s.results[key] = identity.AccountStatus{Status: identity.AccountFailed, Err: failure}
}

func (s *statuses) failRest(err error, keys []string) error {
	return failRest(err, keys, s.results, func(key string) { s.fail(key, err) })
}
