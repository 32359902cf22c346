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
// query, in order. Identities compare as those of the service type do; bots,
// guests and accounts without an address count like any other. A query with an
// account id also says whether that account still has the identity. It uses the
// list or asks for each identity, as preferWalk decides. A directory that can do
// neither gives AccountUnknown. With the version of a list that Accounts gave, it
// answers from that list, however old, or is CodeListChanged.
//
// It reports failures as Lookup does; none of them is AccountAbsent.
func Status(ctx context.Context, d Directory, service identity.ServiceKey, queries []identity.AccountQuery, version string) ([]identity.AccountStatus, error) {
	cache, release := withCache(d, service)
	defer release()
	s := &statuses{cache: cache, service: service, queries: map[string]identity.AccountQuery{}, results: map[string]identity.AccountStatus{}}
	keys := make([]string, len(queries))
	var want []string
	for i, q := range queries {
		key := cache.foldID(q.Identity) + "\x00" + q.AccountID
		if _, seen := s.queries[key]; !seen {
			s.queries[key] = q
			want = append(want, key)
		}
		keys[i] = key
	}
	run := s.run
	if version != "" {
		run = func(ctx context.Context, want []string) error { return s.runInList(ctx, want, version) }
	}
	if err := run(ctx, want); err != nil {
		return nil, AsIdentityError(service, err)
	}
	out := make([]identity.AccountStatus, len(queries))
	for i, q := range queries {
		out[i] = s.results[keys[i]]
		out[i].Identity = q.Identity
	}
	return out, nil
}

// statuses is one call of Status. results has an entry for each key once run
// returns nil.
type statuses struct {
	cache   *Cached
	service identity.ServiceKey
	queries map[string]identity.AccountQuery // by key, in the first spelling
	results map[string]identity.AccountStatus
}

func (s *statuses) runInList(ctx context.Context, want []string, version string) error {
	list, _, err := s.cache.accounts(ctx, version)
	if err != nil {
		return err
	}
	s.applyList(list, want)
	if contradicted, err := s.contradicts(ctx, list, want); err != nil || !contradicted {
		return err
	}
	return ErrListChanged
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
	if asked := s.cache.spend(len(missing)); s.cache.lister() != nil && preferWalk(d, asked, size) {
		list, err := s.cache.walk(ctx, d.maxPages(asked))
		switch {
		case err == nil:
			s.applyList(list, want)
			if contradicted, err := s.contradicts(ctx, list, want); err != nil || !contradicted {
				return err
			}
			missing = want
		case errors.Is(err, ErrTruncated), canFind && s.cache.mayLack(err):
			// The list is longer than what the service shows, or than what pays.
		case !preferWalk(d, len(missing), size):
			s.cache.startOver() // lookups do without the list
		default:
			return s.failRest(err, missing)
		}
	}
	if !canFind {
		for _, key := range missing {
			s.results[key] = identity.AccountStatus{Status: identity.AccountUnknown}
		}
		return nil
	}
	asOf := time.Now()
	var needList []string
	find := func(ctx context.Context, key string) ([]Account, error) { return s.find(ctx, finder, s.queries[key]) }
	err := lookupEach(ctx, missing, find, func(key string, found []Account, err error) {
		switch {
		case errors.Is(err, ErrNeedsList) && s.cache.lister() != nil:
			needList = append(needList, key)
		case err != nil:
			s.fail(key, err)
		default:
			s.results[key] = s.status(key, found, asOf)
		}
	})
	if onlyMisses(missing, func(key string) identity.AccountState { return s.results[key].Status }, identity.AccountAbsent, identity.AccountFailed) {
		if blind := s.cache.checkSight(ctx, err); blind != nil {
			return blind
		}
	}
	if err == nil && len(needList) > 0 {
		var list *snapshot
		if list, err = s.cache.walk(ctx, 0); err == nil {
			for _, key := range needList {
				s.results[key] = s.status(key, list.holding(s.queries[key]), list.asOf)
			}
		}
	}
	return s.failRest(err, missing)
}

// find asks for an identity and, where another account has it or none, for the
// account that had it. Only the list shows that one if the service cannot be
// asked for it.
func (s *statuses) find(ctx context.Context, finder IDFinder, q identity.AccountQuery) ([]Account, error) {
	found, err := observed(s.cache, func() ([]Account, error) { return finder.FindID(ctx, q.Identity) })
	pinned := func(a Account) bool { return a.AccountID == q.AccountID }
	if err != nil || q.AccountID == "" || slices.ContainsFunc(found, pinned) {
		return found, err
	}
	if byAccount, ok := finder.(AccountFinder); ok {
		same, err := observed(s.cache, func() ([]Account, error) { return byAccount.FindAccount(ctx, q.AccountID) })
		return append(found, same...), err
	}
	named := func(a Account) bool { return s.cache.foldID(a.Identity) == s.cache.foldID(q.Identity) }
	if s.cache.lister() != nil && !slices.ContainsFunc(found, named) {
		return nil, ErrNeedsList
	}
	return found, nil
}

// contradicts asks for a few of the accounts that a list lacks, if the list of
// the service may lack some. If one exists, it forgets the list and its answers. A
// question that fails proves nothing about any of them.
func (s *statuses) contradicts(ctx context.Context, list *snapshot, want []string) (bool, error) {
	finder, canFind := s.cache.Directory.(IDFinder)
	if _, ok := s.cache.Directory.(Searcher); !ok || !canFind {
		return false, nil
	}
	searches := 0
	for _, key := range want {
		if s.results[key].Status != identity.AccountAbsent {
			continue
		}
		if searches++; searches > maxSearches {
			return false, nil
		}
		found, err := observed(s.cache, func() ([]Account, error) { return finder.FindID(ctx, s.queries[key].Identity) })
		switch {
		case errors.Is(err, ErrNeedsList): // it can be asked in no other way
		case err != nil:
			clear(s.results)
			return false, err
		case s.status(key, found, list.asOf).Status != identity.AccountAbsent:
			s.cache.forget(list)
			clear(s.results)
			return true, nil
		}
	}
	return false, nil
}

// applyCache answers from the list that is kept and returns the other keys.
// Answers about accounts that are gone or inactive are fresh as long as misses.
func (s *statuses) applyCache(list *snapshot, want []string) (missing []string) {
	if list == nil {
		return want
	}
	s.applyList(list, want)
	for _, key := range want {
		r := s.results[key]
		if !s.cache.settings.fresh(time.Since(list.ended), r.Status == identity.AccountActive) {
			delete(s.results, key)
			missing = append(missing, key)
		}
	}
	return missing
}

// applyList answers from a list.
func (s *statuses) applyList(list *snapshot, want []string) {
	for _, key := range want {
		s.results[key] = s.status(key, list.holding(s.queries[key]), list.asOf)
	}
}

// status returns what rows say about an account. It ignores rows of other
// accounts: a service may accept more than ids where it is asked for one.
func (s *statuses) status(key string, found []Account, asOf time.Time) identity.AccountStatus {
	q := s.queries[key]
	named := rowsWhere(found, func(a Account) bool { return s.cache.foldID(a.Identity) == s.cache.foldID(q.Identity) })
	pinned := rowsWhere(found, func(a Account) bool { return a.AccountID == q.AccountID && q.AccountID != "" })
	same := rowsWhere(named, func(a Account) bool { return q.AccountID == "" || a.AccountID == "" || a.AccountID == q.AccountID })
	out := identity.AccountStatus{Status: identity.AccountAbsent, AsOf: asOf}
	concerned := same
	switch {
	case len(same) > 0:
		out.Status, out.AccountID = identity.AccountInactive, accountID(s.service.Type, same[0])
		if i := slices.IndexFunc(same, func(a Account) bool { return a.State != StateInactive }); i >= 0 {
			out.Status, out.AccountID = identity.AccountActive, accountID(s.service.Type, same[i])
		}
	case len(named) > 0:
		concerned = named
		out.Status, out.AccountID = identity.AccountReused, accountID(s.service.Type, named[0])
	case len(pinned) > 0:
		concerned = pinned
		out.Status, out.AccountID, out.NewIdentity = identity.AccountRenamed, q.AccountID, pinned[0].Identity
	}
	if i := slices.IndexFunc(concerned, func(a Account) bool { return a.Unreadable != nil }); i >= 0 {
		return s.failure(key, unreadable(concerned[i]))
	}
	return out
}

func rowsWhere(rows []Account, cond func(Account) bool) []Account {
	return slices.DeleteFunc(slices.Clone(rows), func(a Account) bool { return !cond(a) })
}

func (s *statuses) fail(key string, err error) { s.results[key] = s.failure(key, err) }

func (s *statuses) failure(key string, err error) identity.AccountStatus {
	failure := AsIdentityError(s.service, err)
	failure.Message = fmt.Sprintf("whether the account %s exists could not be asked: %s", s.queries[key].Identity, failure.Message)
	return identity.AccountStatus{Status: identity.AccountFailed, Err: failure}
}

func (s *statuses) failRest(err error, keys []string) error {
	return failRest(err, keys, s.results, func(key string) { s.fail(key, err) })
}
