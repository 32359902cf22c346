// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"sync"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// stored is what the reader finds for one user in a service, "" for nothing.
func stored(t *testing.T, r *Reader, name string, service identity.ServiceKey) string {
	t.Helper()
	users, err := r.FindUsers(t.Context(), keys(name))
	if err != nil {
		t.Error(err)
	}
	if len(users) == 0 {
		return ""
	}
	m, _ := users[0].Mapping(service)
	id, _ := m.Matcher.Identity(service.Type)
	return id
}

// warm makes the reader hold a snapshot.
func warm(t *testing.T, r *Reader) {
	t.Helper()
	for _, err := range r.AllUsers(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, _, held := r.cache.find(nil); !held {
		t.Fatal("no snapshot")
	}
}

// each runs do for every element, at most workers at once.
func each[T any](list []T, workers int, do func(T)) {
	var wait sync.WaitGroup
	slots := make(chan struct{}, workers)
	for _, e := range list {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			do(e)
		})
	}
	wait.Wait()
}

func write(name string, service identity.ServiceKey, value string) identity.Write {
	return identity.Write{User: identity.UserKey(name), Service: service, Matcher: identity.NewMatcher(service.Type, value)}
}

func TestPassedThrough(t *testing.T) {
	t.Parallel()
	f := newFakeAPI()
	r := New(f)
	who, err := r.Login(t.Context())
	ids, refErr := r.References(t.Context(), "s1")
	if err != nil || refErr != nil || who.Org != "acme" || len(ids) != 1 || ids[0] != "s1" {
		t.Errorf("%v, %v, %v, %v", who, err, ids, refErr)
	}
}
