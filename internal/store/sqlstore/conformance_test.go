// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	diff "github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
)

// The conformance suite is the contract of package store in executable form.
// Every store runs it.

func TestSQLite(t *testing.T) {
	t.Parallel()
	runConformance(t, func(t *testing.T) store.Store {
		return open(t, "sqlite:"+filepath.Join(t.TempDir(), "identities.db"))
	})
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	runConformance(t, func(t *testing.T) store.Store { return open(t, pgtest.URL(t)) })
}

// open opens a handle on a store and closes it when the test ends.
func open(t *testing.T, url string) store.Store {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), url, sqlstore.Options{})
	if err != nil {
		t.Fatalf("opening the store: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the store: %v", err)
		}
	})
	return s
}

// conformanceTest runs on a new store that has the services of newFixture.
type conformanceTest struct {
	name string
	run  func(f *fixture)
}

// runConformance runs the suite, or some of its groups. open returns a new, empty
// store; it is called for many tests at once.
func runConformance(t *testing.T, open func(t *testing.T) store.Store, only ...string) {
	t.Helper()
	for _, group := range []struct {
		name  string
		tests []conformanceTest
	}{
		{"Sources", sourceTests},
		{"Conditions", conditionTests},
		{"Claims", claimTests},
		{"Pins", pinTests},
		{"BadInput", badInputTests},
		{"Users", userTests},
		{"Batches", batchTests},
		{"Deletes", deleteTests},
		{"Lists", listTests},
		{"Services", serviceTests},
		{"Revisions", revisionTests},
		{"History", historyTests},
		{"Concurrent", concurrentTests},
		{"Model", modelTests},
	} {
		if len(only) > 0 && !slices.Contains(only, group.name) {
			continue
		}
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			for _, test := range group.tests {
				t.Run(test.name, func(t *testing.T) {
					t.Parallel()
					test.run(newFixture(t, open(t)))
				})
			}
		})
	}
}

// The services that a fixture's store has registered.
var (
	okta   = identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}
	github = identity.ServiceKey{Type: "github", ExternalID: "acme"}
	google = identity.ServiceKey{Type: "google", ExternalID: "acme.com"}
	tail   = identity.ServiceKey{Type: "tailscale", ExternalID: "acme.ts.net"}
	custom = identity.ServiceKey{Type: "custom", ExternalID: "VictorOps: EU/1"}
)

const (
	alice = identity.UserKey("alice@acme.com")
	bob   = identity.UserKey("bob@acme.com")
	carol = identity.UserKey("carol@acme.com")
)

// fixture is a store with a few services, and short ways to ask it.
type fixture struct {
	*testing.T
	store store.Store
	ctx   context.Context
	actor store.Actor
}

func newFixture(t *testing.T, s store.Store) *fixture {
	t.Helper()
	f := &fixture{T: t, store: s, ctx: t.Context(), actor: store.Actor{Name: "ci"}}
	for _, key := range []identity.ServiceKey{okta, github, google, tail, custom} {
		if _, err := s.CreateService(f.ctx, f.actor, key, "label of "+key.Type); err != nil {
			t.Fatalf("registering %s: %v", key, err)
		}
	}
	return f
}

// write is one user with mappings.
func write(user identity.UserKey, mappings ...store.MappingWrite) store.UserWrite {
	return store.UserWrite{Key: user, Mappings: mappings}
}

// value is one mapping, without a source or conditions.
func value(service identity.ServiceKey, id string) store.MappingWrite {
	return store.MappingWrite{Service: service, Matcher: identity.NewMatcher(service.Type, id)}
}

func from(source identity.Source, m store.MappingWrite) store.MappingWrite {
	m.Source = source
	return m
}

func on(conditions identity.Conditions, m store.MappingWrite) store.MappingWrite {
	m.Conditions = conditions
	return m
}

func (f *fixture) upsert(writes ...store.UserWrite) []identity.User {
	f.Helper()
	users, err := f.store.UpsertUsers(f.ctx, f.actor, writes)
	if err != nil {
		f.Fatalf("upsert: %v", err)
	}
	if len(users) != len(writes) {
		f.Fatalf("upsert of %d elements returned %d users", len(writes), len(users))
	}
	return users
}

// put stores one mapping and returns it.
func (f *fixture) put(user identity.UserKey, m store.MappingWrite) identity.Mapping {
	f.Helper()
	got, ok := f.upsert(write(user, m))[0].Mapping(m.Service)
	if !ok {
		f.Fatalf("upsert returned no mapping of %s for %s", user, m.Service)
	}
	return got
}

// refuse expects that the batch fails with exactly these failures.
func (f *fixture) refuse(want []failure, writes ...store.UserWrite) []identity.ItemError {
	f.Helper()
	before := f.dump()
	users, err := f.store.UpsertUsers(f.ctx, f.actor, writes)
	if users != nil {
		f.Errorf("a refused batch returned users: %v", users)
	}
	got := f.failures(err, want)
	f.same(before, "a refused batch")
	return got
}

// failure is what a test says of an identity.ItemError.
type failure struct {
	Index   int
	Code    identity.Code
	User    identity.UserKey
	Service identity.ServiceKey
	Holder  identity.UserKey
}

func (f *fixture) failures(err error, want []failure) []identity.ItemError {
	f.Helper()
	var batch *identity.BatchError
	if !errors.As(err, &batch) {
		f.Fatalf("got error %v (%T), want a *identity.BatchError with %+v", err, err, want)
	}
	got := make([]failure, len(batch.Items))
	for i, c := range batch.Items {
		got[i] = failure{c.Index, c.Err.Code, c.Err.User, c.Err.Service, c.Err.Holder}
		if c.Err.Message == "" {
			f.Errorf("failure %d has no message", c.Index)
		}
	}
	if d := diff.Diff(want, got); d != "" {
		f.Fatalf("failures (-want +got):\n%s", d)
	}
	return batch.Items
}

// stored is what the store holds for a user and service.
func (f *fixture) stored(user identity.UserKey, service identity.ServiceKey) (identity.Mapping, bool) {
	f.Helper()
	u, ok := f.user(user)
	if !ok {
		return identity.Mapping{}, false
	}
	return u.Mapping(service)
}

func (f *fixture) user(key identity.UserKey) (identity.User, bool) {
	f.Helper()
	users, err := f.store.FindUsers(f.ctx, []identity.UserKey{key})
	if err != nil {
		f.Fatalf("finding %s: %v", key, err)
	}
	if len(users) == 0 {
		return identity.User{}, false
	}
	return users[0], true
}

// crowd stores n people with two mappings each and returns their keys in order.
func (f *fixture) crowd(n int) []identity.UserKey {
	f.Helper()
	keys := make([]identity.UserKey, n)
	writes := make([]store.UserWrite, n)
	for i := range n {
		keys[i] = identity.UserKey(fmt.Sprintf("user%04d@acme.com", i))
		writes[i] = write(keys[i], value(okta, fmt.Sprint(i)), value(custom, fmt.Sprint(i)))
	}
	f.upsert(writes...)
	return keys
}

// dump is everything: users with mappings, and services.
type dump struct {
	Users    []identity.User
	Services []identity.Service
}

func (f *fixture) dump() dump {
	f.Helper()
	users, _, err := f.store.Users(f.ctx, store.UserFilter{})
	if err != nil {
		f.Fatalf("listing users: %v", err)
	}
	services, err := f.store.Services(f.ctx, store.ServiceFilter{})
	if err != nil {
		f.Fatalf("listing services: %v", err)
	}
	return dump{users, services}
}

// same expects that nothing changed since before.
func (f *fixture) same(before dump, what string) {
	f.Helper()
	if d := diff.Diff(before, f.dump()); d != "" {
		f.Fatalf("%s changed the store (-before +after):\n%s", what, d)
	}
}

// equal compares values, and explains what they are.
func equal[T any](f *fixture, what string, want, got T) {
	f.Helper()
	if d := diff.Diff(want, got); d != "" {
		f.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// code expects an error with a code.
func (f *fixture) code(err error, want identity.Code) {
	f.Helper()
	if got := identity.CodeOf(err); got != want {
		f.Fatalf("got error %v with code %q, want code %q", err, got, want)
	}
}

func keysOf(users []identity.User) []identity.UserKey {
	keys := make([]identity.UserKey, len(users))
	for i, u := range users {
		keys[i] = u.Key
	}
	return keys
}

func sorted[T cmp.Ordered](s []T) []T {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}
