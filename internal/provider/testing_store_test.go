// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"io"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
)

// register registers services in the store, behind the API.
func (s *testServer) register(services ...string) *testServer {
	s.t.Helper()
	for _, key := range services {
		s.registerAs(key, "")
	}
	return s
}

func (s *testServer) registerAs(service, label string) identity.Service {
	s.t.Helper()
	created, err := s.Store.CreateService(s.t.Context(), testActor, mustService(service), label)
	if err != nil {
		s.t.Fatal(err)
	}
	return created
}

// service finds a registered service.
func (s *testServer) service(service string) (identity.Service, bool) {
	s.t.Helper()
	all, err := s.Store.Services(s.t.Context(), store.ServiceFilter{})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, found := range all {
		if found.Key == mustService(service) {
			return found, true
		}
	}
	return identity.Service{}, false
}

// testActor is who changes the store behind the API's back.
var testActor = store.Actor{Name: "somebody"}

// mapping stores a mapping behind the API, whatever was there before.
func (s *testServer) mapping(user, service, value string, source identity.Source) identity.Mapping {
	s.t.Helper()
	key := mustService(service)
	if _, there := s.stored(user, service); there && source != identity.Manual {
		s.unmap(user, service) // an automatic source never overwrites
	}
	who := mustUser(user)
	written := s.upsert(store.UserWrite{Key: who, Name: user, Type: who.Type(), Mappings: []store.MappingWrite{
		{Service: key, Matcher: identity.NewMatcher(key.Type, value), Source: source},
	}})
	m, _ := written.Mapping(key)
	return m
}

func (s *testServer) upsert(w store.UserWrite) identity.User {
	s.t.Helper()
	users, err := s.Store.UpsertUsers(context.Background(), testActor, []store.UserWrite{w})
	if err != nil {
		s.t.Fatal(err)
	}
	return users[0]
}

// stored reads a mapping behind the API.
func (s *testServer) stored(user, service string) (identity.Mapping, bool) {
	s.t.Helper()
	users, err := s.Store.FindUsers(context.Background(), []identity.UserKey{mustUser(user)})
	if err != nil {
		s.t.Fatal(err)
	}
	if len(users) == 0 {
		return identity.Mapping{}, false
	}
	return users[0].Mapping(mustService(service))
}

// unmap removes a mapping behind the API.
func (s *testServer) unmap(user, service string) {
	s.t.Helper()
	users, err := s.Store.FindUsers(context.Background(), []identity.UserKey{mustUser(user)})
	if err != nil || len(users) == 0 {
		s.t.Fatalf("no user %s: %v", user, err)
	}
	m, _ := users[0].Mapping(mustService(service))
	_, err = s.Store.DeleteMappings(context.Background(), testActor, []store.MappingDelete{
		{UserID: users[0].ID, Service: m.Service, Matcher: m.Matcher},
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func mustService(key string) identity.ServiceKey {
	k, err := identity.ParseServiceKey(key)
	if err != nil {
		panic(err)
	}
	return k
}

func mustUser(name string) identity.UserKey {
	k, err := identity.ParseUser(name)
	if err != nil {
		panic(err)
	}
	return k
}

// onPostgres puts the API on a store in PostgreSQL.
func onPostgres(t *testing.T) func(*server.Config) {
	t.Helper()
	return onStore(t, pgtest.URL(t))
}

// onStore puts the API on the store that a URL names.
func onStore(t *testing.T, url string) func(*server.Config) {
	t.Helper()
	st, err := sqlstore.Open(t.Context(), url, sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return func(cfg *server.Config) { cfg.Store = st }
}

// copyStore fills an empty store with all of another, as sym-identityd export and
// import do.
func copyStore(t *testing.T, from, to *testServer) {
	t.Helper()
	id, err := from.Store.ID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var records []store.Record
	err = from.Store.Export(t.Context(), sqlstore.ExportOptions{History: true}, func(r store.Record) error {
		records = append(records, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = to.Store.Import(t.Context(), sqlstore.ImportOptions{StoreID: id}, func() (store.Record, error) {
		if len(records) == 0 {
			return store.Record{}, io.EOF
		}
		r := records[0]
		records = records[1:]
		return r, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
