// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// IDFinder is a Directory that can ask for an account by the id that is
// stored.
type IDFinder interface {
	// FindID returns the account, in whatever state; other accounts beside it
	// do no harm. None says that the service itself answered that there is no
	// such account; whatever else keeps it from answering is an error.
	FindID(ctx context.Context, id string) ([]Account, error)
}

// Status asks a directory whether accounts still exist and are active: one
// answer per id, in order. Ids compare as identities of the service type do;
// bots, guests and accounts without an address count like any other. It looks
// into the list or asks for each one, as Plan says. A directory that can do
// neither gives AccountUnknown.
//
// Failures are told as Lookup tells them; none of them is AccountAbsent.
func Status(ctx context.Context, d Directory, service identity.ServiceKey, ids []string) ([]identity.AccountStatus, error) {
	cache, ok := d.(*Cached)
	if !ok {
		cache = Cache(d, service, CacheSettings{})
	}
	s := &statuses{cache: cache, service: service, known: map[string]identity.AccountStatus{}}
	var want []string
	asked := map[string]bool{}
	for _, id := range ids {
		if key := cache.foldID(id); !asked[key] {
			asked[key] = true
			want = append(want, id)
		}
	}
	if err := s.ask(ctx, want); err != nil {
		return nil, AsIdentityError(service, err)
	}
	out := make([]identity.AccountStatus, len(ids))
	for i, id := range ids {
		out[i] = s.known[cache.foldID(id)]
		out[i].Identity = id
	}
	return out, nil
}

// statuses is one call of Status. known has an entry for every folded id once
// ask returns nil.
type statuses struct {
	cache   *Cached
	service identity.ServiceKey
	known   map[string]identity.AccountStatus
}

func (s *statuses) ask(ctx context.Context, want []string) error {
	missing := s.recall(want)
	if len(missing) == 0 {
		return nil
	}
	d := s.cache.Describe()
	lister, lists := s.cache.Directory.(Lister)
	direct, asks := s.cache.Directory.(IDFinder)
	d.Lookup, d.BatchSize = asks, 0
	if lists && Plan(d, len(missing), s.cache.lastSize()) {
		list, err := s.cache.walk(ctx, lister, d.patience(len(missing)))
		switch {
		case err == nil:
			missing = nil
			for _, id := range want {
				if found := list.withID(id); len(found) > 0 || !d.ListNeedsEmail {
					s.take(id, found, list.asOf)
				} else {
					missing = append(missing, id) // whoever has no address is not in the list
				}
			}
			if len(missing) == 0 {
				return nil
			}
		case !errors.Is(err, ErrTruncated):
			return s.limitedOr(err, missing)
		}
		// The list turned out to be longer than the service shows of it.
	}
	if !asks {
		for _, id := range missing {
			s.note(id, identity.AccountStatus{Status: identity.AccountUnknown})
		}
		return nil
	}
	asOf := time.Now()
	err := askEach(ctx, missing, direct.FindID, func(id string, found []Account, unusable error) {
		if unusable != nil {
			s.fail(id, unusable)
			return
		}
		s.take(id, found, asOf)
	})
	return s.limitedOr(err, missing)
}

// recall answers from the list that is kept, and returns for whom to ask.
// Accounts that are gone or inactive are believed as long as misses are.
func (s *statuses) recall(want []string) (missing []string) {
	s.cache.mu.Lock()
	list := s.cache.list
	s.cache.mu.Unlock()
	for _, id := range want {
		if list != nil {
			found := list.withID(id)
			partial := len(found) == 0 && s.cache.Describe().ListNeedsEmail
			if !partial && s.cache.settings.serves(time.Since(list.ended), alive(found)) {
				s.take(id, found, list.asOf)
				continue
			}
		}
		missing = append(missing, id)
	}
	return missing
}

// alive reports whether any row calls the account active.
func alive(rows []Account) bool {
	for _, a := range rows {
		if a.State != StateInactive {
			return true
		}
	}
	return false
}

// take notes what rows say of an account. Rows of others are passed over:
// what a service takes for an id may be more than ids.
func (s *statuses) take(id string, found []Account, asOf time.Time) {
	var rows []Account
	for _, a := range found {
		if s.cache.foldID(a.ID) == s.cache.foldID(id) {
			rows = append(rows, a)
		}
	}
	status := identity.AccountInactive
	switch {
	case len(rows) == 0:
		status = identity.AccountAbsent
	case alive(rows):
		status = identity.AccountActive
	}
	s.note(id, identity.AccountStatus{Status: status, AsOf: asOf})
}

func (s *statuses) fail(id string, err error) {
	failure := AsIdentityError(s.service, err)
	failure.Message = fmt.Sprintf("whether the account %s exists could not be asked: %s", id, failure.Message)
	s.note(id, identity.AccountStatus{Status: identity.AccountFailed, Err: failure})
}

func (s *statuses) note(id string, a identity.AccountStatus) { s.known[s.cache.foldID(id)] = a }

// limitedOr is lookup's: a rate limit keeps what is known.
func (s *statuses) limitedOr(err error, want []string) error {
	var limit *RateLimitError
	if !errors.As(err, &limit) || len(s.known) == 0 {
		return err
	}
	for _, id := range want {
		if _, known := s.known[s.cache.foldID(id)]; !known {
			s.fail(id, err)
		}
	}
	return nil
}
