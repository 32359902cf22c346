// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package storetest

import (
	"context"
	"fmt"
	"sync"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

const writers = 8

var concurrentTests = map[string]func(f *fixture){
	"Of many if_absent writers one wins": func(f *fixture) {
		f.race(identity.CodeIdentityConflict, func(i int) store.UserWrite {
			return write(alice, on(ifAbsent, value(okta, fmt.Sprint(i))))
		})
	},
	"Of many if_revision writers one wins": func(f *fixture) {
		old := f.put(alice, value(okta, "old"))
		f.race(identity.CodeIdentityConflict, func(i int) store.UserWrite {
			return write(alice, on(identity.Conditions{IfRevision: old.Revision}, value(okta, fmt.Sprint(i))))
		})
	},
	"Of many who claim one account one wins": func(f *fixture) {
		f.race(identity.CodeIdentityClaimed, func(i int) store.UserWrite {
			return write(identity.UserKey(fmt.Sprintf("user%d@acme.com", i)), on(ifUnclaimed, value(okta, "00u1")))
		})
		equal(f, "holders", 1, len(f.holders(okta, "00u1")))
	},
	"Of many who take one name one wins": func(f *fixture) {
		var ids []string
		for i := range writers {
			ids = append(ids, f.upsert(write(identity.UserKey(fmt.Sprintf("user%d@acme.com", i))))[0].ID)
		}
		f.race(identity.CodeUserConflict, func(i int) store.UserWrite { return store.UserWrite{ID: ids[i], Key: alice} })
	},
	"A person is created once": func(f *fixture) {
		ids := make([]string, writers)
		f.together(func(i int) error {
			users, err := f.store.UpsertUsers(f.ctx, f.actor, []store.UserWrite{write(alice, value(okta, "same"))})
			if err == nil {
				ids[i] = users[0].ID
			}
			return err
		})
		for _, id := range ids {
			equal(f, "id", ids[0], id)
		}
		equal(f, "users", 1, len(f.dump().Users))
	},
	"Revisions are handed out once": func(f *fixture) {
		const rounds = 10
		var mu sync.Mutex
		seen := map[int64]bool{}
		f.together(func(i int) error {
			for round := range rounds {
				key := identity.UserKey(fmt.Sprintf("user%d@acme.com", i))
				users, err := f.store.UpsertUsers(f.ctx, f.actor, []store.UserWrite{write(key, value(okta, fmt.Sprint(round)))})
				if err != nil {
					return err
				}
				mu.Lock()
				seen[users[0].Mappings[0].Revision] = true
				mu.Unlock()
			}
			return nil
		})
		equal(f, "revisions", writers*rounds, len(seen))
	},
	"Readers see whole batches": func(f *fixture) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range 40 {
				id := fmt.Sprint(i)
				_, err := f.store.UpsertUsers(f.ctx, f.actor, []store.UserWrite{write(alice, value(okta, id)), write(bob, value(okta, id))})
				if err != nil {
					f.Errorf("write %d: %v", i, err)
				}
			}
		}()
		for reading := true; reading; {
			select {
			case <-done:
				reading = false
			default:
			}
			users := f.dump().Users
			switch len(users) {
			case 0:
			case 2:
				equal(f, "both halves of a batch", users[0].Mappings[0].Matcher, users[1].Mappings[0].Matcher)
			default:
				f.Errorf("read half a batch: %v", keysOf(users))
			}
		}
	},
	"A cancelled call writes nothing": func(f *fixture) {
		user := f.upsert(write(alice, value(okta, "00u1")))[0]
		before := f.dump()
		ctx, cancel := context.WithCancel(f.ctx)
		cancel()
		for name, call := range map[string]func() error{
			"UpsertUsers": func() error {
				_, err := f.store.UpsertUsers(ctx, f.actor, []store.UserWrite{write(bob)})
				return err
			},
			"DeleteMappings": func() error {
				_, err := f.store.DeleteMappings(ctx, f.actor, []store.MappingDelete{{UserID: user.ID, Service: okta, Matcher: user.Mappings[0].Matcher}})
				return err
			},
			"DeleteUsers": func() error {
				_, err := f.store.DeleteUsers(ctx, f.actor, []store.UserDelete{{ID: user.ID}})
				return err
			},
			"SetRole": func() error {
				_, err := f.store.SetRole(ctx, f.actor, user.ID, identity.Admin)
				return err
			},
			"CreateService": func() error {
				_, err := f.store.CreateService(ctx, f.actor, identity.ServiceKey{Type: "okta", ExternalID: "new"}, "")
				return err
			},
			"DeleteService": func() error {
				_, err := f.store.DeleteService(ctx, f.actor, custom)
				return err
			},
			"Users": func() error {
				_, _, err := f.store.Users(ctx, store.UserFilter{})
				return err
			},
			"FindUsers": func() error {
				_, err := f.store.FindUsers(ctx, []identity.UserKey{alice})
				return err
			},
			"Holders": func() error {
				_, err := f.store.Holders(ctx, okta, []string{"00u1"})
				return err
			},
			"Ping": func() error { return f.store.Ping(ctx) },
		} {
			err := call()
			if e := identity.AsError(err); err == nil || e.Code != identity.CodeUnavailable || !e.Retryable {
				f.Errorf("%s: got error %v, want a retryable %s", name, err, identity.CodeUnavailable)
			}
		}
		f.same(before, "cancelled calls")
	},
	"A store answers": func(f *fixture) {
		if err := f.store.Ping(f.ctx); err != nil {
			f.Error(err)
		}
	},
}

// together runs fn at once in several goroutines; none may fail.
func (f *fixture) together(fn func(i int) error) {
	f.Helper()
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			if err := fn(i); err != nil {
				f.Errorf("writer %d: %v", i, err)
			}
		})
	}
	group.Wait()
}

// race lets writers store at once; one must succeed, the others be refused.
func (f *fixture) race(refusal identity.Code, element func(i int) store.UserWrite) {
	f.Helper()
	var mu sync.Mutex
	won := 0
	f.together(func(i int) error {
		_, err := f.store.UpsertUsers(f.ctx, f.actor, []store.UserWrite{element(i)})
		if err != nil && identity.CodeOf(err) == refusal {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		won++
		return err
	})
	equal(f, "winners", 1, won)
}
