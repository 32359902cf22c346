// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var (
	okta   = identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}
	github = identity.ServiceKey{Type: "github", ExternalID: "acme"}
)

// fakeAPI is the identity API in memory, as a direct client sees it. The
// fake counts requests and can wait, fail and change underneath.
type fakeAPI struct {
	mu       sync.Mutex
	users    map[identity.UserKey]identity.User
	order    []identity.UserKey // of users, sorted
	ids      map[string]bool    // ever given
	revision int64
	services []identity.Service
	accounts map[string]identity.LookupResult  // what each service answers, by e-mail; not_found where nothing
	states   map[string]identity.AccountStatus // by identity; absent where nothing
	list     string                            // the name of the list of accounts; others are changed
	counts   map[string]int
	sizes    map[string][]int // keys of each request
	atOnce   map[string]int
	most     map[string]int // requests of a kind at once, at most

	// before and after run around each request, outside the lock; an error of
	// before is the request's. n counts the requests of the kind, from 1.
	before func(ctx context.Context, call string, n int) error
	after  func(ctx context.Context, call string, n int) error
	refuse map[identity.UserKey]error // FindUsers fails where one of these is asked for
}

func newFakeAPI(names ...string) *fakeAPI {
	f := &fakeAPI{
		users: map[identity.UserKey]identity.User{}, ids: map[string]bool{}, accounts: map[string]identity.LookupResult{}, states: map[string]identity.AccountStatus{},
		services: []identity.Service{{ID: "s1", Key: okta}, {ID: "s2", Key: github}},
		counts:   map[string]int{}, sizes: map[string][]int{}, atOnce: map[string]int{}, most: map[string]int{},
		refuse: map[identity.UserKey]error{},
	}
	for _, name := range names {
		f.set(name, okta, "00u-"+name)
	}
	return f
}

// people are n names.
func people(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("p%06d@acme.com", i)
	}
	return names
}

func keys(names ...string) []identity.UserKey {
	out := make([]identity.UserKey, len(names))
	for i, n := range names {
		out[i] = identity.UserKey(n)
	}
	return out
}

// set stores a mapping, as another client would.
func (f *fakeAPI) set(name string, service identity.ServiceKey, value string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.store(identity.UserKey(name), service, identity.NewMatcher(service.Type, value))
}

func (f *fakeAPI) store(key identity.UserKey, service identity.ServiceKey, m identity.Matcher) identity.User {
	u, there := f.users[key]
	if !there {
		u = identity.User{ID: f.newID(string(key)), Key: key, Type: key.Type(), Name: string(key)}
	}
	f.revision++
	u.Mappings = slices.DeleteFunc(slices.Clone(u.Mappings), func(m identity.Mapping) bool { return m.Service == service })
	u.Mappings = append(u.Mappings, identity.Mapping{Service: service, Matcher: m, Source: identity.Manual, Revision: f.revision})
	slices.SortFunc(u.Mappings, func(a, b identity.Mapping) int { return strings.Compare(a.Service.Type, b.Service.Type) })
	f.put(key, u)
	return u
}

// newID is an id that nobody ever had: that of the first user of a name is
// "id of NAME".
func (f *fakeAPI) newID(name string) string {
	id := "id of " + name
	for f.ids[id] {
		id += "+"
	}
	f.ids[id] = true
	return id
}

func (f *fakeAPI) put(key identity.UserKey, u identity.User) {
	if at, there := slices.BinarySearch(f.order, key); !there {
		f.order = slices.Insert(f.order, at, key)
	}
	f.users[key] = u
}

func (f *fakeAPI) drop(key identity.UserKey) {
	if at, there := slices.BinarySearch(f.order, key); there {
		f.order = slices.Delete(f.order, at, at+1)
	}
	delete(f.users, key)
}

// request counts a request, runs what the test put around it, and answers it
// under the lock.
func (f *fakeAPI) request(ctx context.Context, call string, size int, answer func() error) error {
	f.mu.Lock()
	f.counts[call]++
	n := f.counts[call]
	f.sizes[call] = append(f.sizes[call], size)
	f.atOnce[call]++
	f.most[call] = max(f.most[call], f.atOnce[call])
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.atOnce[call]--
	}()
	if f.before != nil {
		if err := f.before(ctx, call, n); err != nil {
			return err
		}
	}
	f.mu.Lock()
	err := answer()
	f.mu.Unlock()
	if err == nil && f.after != nil {
		err = f.after(ctx, call, n)
	}
	return err
}

// count is how many requests there were, of one kind or of all.
func (f *fakeAPI) count(call ...string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(call) == 1 {
		return f.counts[call[0]]
	}
	n := 0
	for _, c := range f.counts {
		n += c
	}
	return n
}

// latency makes requests take d, or until their context ends.
func latency(d time.Duration) func(context.Context, string, int) error {
	return func(ctx context.Context, _ string, _ int) error { return sleep(ctx, d) }
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
