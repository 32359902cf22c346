// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
)

const token = "round-trip-token"

var (
	okta   = identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}
	github = identity.ServiceKey{Type: "github", ExternalID: "acme"}
)

// accounts is a directory of a few people.
type accounts map[string]string

func (accounts) Describe() directory.Descriptor { return directory.Descriptor{Lookup: true} }
func (accounts) Check(context.Context) error    { return nil }

func (a accounts) Find(_ context.Context, email string) ([]directory.Account, error) {
	if id, there := a[email]; there {
		return []directory.Account{{Identity: id, Addresses: directory.Primaries(email), State: directory.StateActive}}, nil
	}
	return nil, nil
}

// realHandler is the real handler over a real store.
func realHandler(t *testing.T) http.Handler {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "identities.db"), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	hash := sha256.Sum256([]byte(token))
	handler, err := server.New(server.Config{
		Org: "acme", Store: store,
		Authenticate: server.StaticTokens([]server.Token{{Name: "ci", SHA256: hex.EncodeToString(hash[:]), Role: identity.Admin}}, "acme"),
		Directories:  map[identity.ServiceKey]directory.Directory{okta: accounts{"ada@example.com": "00u1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

func inProcess(t *testing.T) client.Config {
	t.Helper()
	return client.Config{BaseURL: "http://embedded/api/v1", Token: client.StaticToken(token), Transport: client.InProcess(realHandler(t))}
}

func mustNew(t *testing.T, cfg client.Config) *client.Client {
	t.Helper()
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestRoundTrip walks the calls against the real server, in process and over
// the network.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	t.Run("in process", func(t *testing.T) {
		t.Parallel()
		walk(t, mustNew(t, inProcess(t)))
	})
	t.Run("network", func(t *testing.T) {
		t.Parallel()
		listening := httptest.NewServer(realHandler(t))
		t.Cleanup(listening.Close)
		walk(t, mustNew(t, client.Config{BaseURL: listening.URL + "/api/v1/", Token: client.StaticToken(token)}))
	})
}

func walk(t *testing.T, c *client.Client) {
	ctx := t.Context()
	who, err := c.Login(ctx)
	if err != nil || who.Principal != (identity.Principal{Name: "ci", Org: "acme", Role: identity.Admin}) || who.StoreID == "" {
		t.Fatalf("login: %+v, %v", who, err)
	}
	for _, key := range []identity.ServiceKey{okta, github} {
		if s, err := c.CreateService(ctx, key, "L"); err != nil || s.Key != key || s.ID == "" || s.NoDirectory != (key == github) {
			t.Fatalf("create %s: %+v, %v", key, s, err)
		}
	}
	if s, err := c.UpdateService(ctx, github, "GitHub", 0); err != nil || s.Label != "GitHub" {
		t.Errorf("update: %+v, %v", s, err)
	}
	asserted, err := c.UpdateService(ctx, github, "GitHub", 1)
	if err != nil || asserted.Revision <= 1 {
		t.Errorf("assert: %+v, %v", asserted, err)
	}
	if _, err := c.DeleteService(ctx, github, 1); identity.CodeOf(err) != identity.CodeServiceConflict {
		t.Errorf("deleting another revision: %v", err)
	}
	services, err := c.Services(ctx)
	if err != nil || len(services) != 3 {
		t.Fatalf("services: %+v, %v", services, err)
	}

	// Two new people, then a conflict and a claim that write nothing.
	const odd = "O'Brien+x%/@Example.com"
	oddKey := identity.UserKey(strings.ToLower(odd))
	written, err := c.Write(ctx, []identity.Write{
		{User: oddKey, Name: odd, Service: okta, Matcher: identity.NewMatcher("okta", "00u9"), Conditions: identity.Conditions{IfAbsent: true, IfUnclaimed: true}},
		{User: "ada@example.com", Service: github, Matcher: identity.NewMatcher("github", "Ada-L"), AccountID: "583231", Source: identity.FromRule, Rule: "logins"},
	})
	if err != nil || len(written) != 2 || written[0].Name != odd || written[1].Mappings[0].Rule != "logins" || written[1].Mappings[0].Source != identity.FromRule {
		t.Fatalf("write: %+v, %v", written, err)
	}
	_, err = c.Write(ctx, []identity.Write{
		{UserID: written[0].ID, User: oddKey, Service: okta, Matcher: identity.NewMatcher("okta", "other"), Conditions: identity.Conditions{IfAbsent: true}},
		{User: "new@example.com", Service: okta, Matcher: identity.NewMatcher("okta", "00u7")},
		{User: "bob@example.com", Service: github, Matcher: identity.NewMatcher("github", "ada-l"), Conditions: identity.Conditions{IfUnclaimed: true}},
		{User: "unknown-bot", Service: github, Matcher: identity.NewMatcher("github", "bot")},
	})
	var batch *identity.BatchError
	var apiErr *client.Error
	if !errors.As(err, &batch) || !errors.As(err, &apiErr) || apiErr.Status != 409 {
		t.Fatalf("conflicts: %v", err)
	}
	var got []string
	for _, failure := range batch.Items {
		got = append(got, strings.Join([]string{string(rune('0' + failure.Index)), string(failure.Err.Code), string(failure.Err.User), string(failure.Err.Holder)}, " "))
	}
	want := []string{"0 Identity:CONFLICT " + string(oddKey) + " ", "2 Identity:CLAIMED bob@example.com ada@example.com", "3 User:NOT_FOUND unknown-bot "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	if stored := batch.Items[0].Err.Stored; stored == nil || stored.Matcher["user_id"] != "00u9" || stored.Revision != written[0].Mappings[0].Revision {
		t.Errorf("stored %+v", stored)
	}

	found, err := c.FindUsers(ctx, []identity.UserKey{"new@example.com", "ada@example.com", oddKey})
	if diff := cmp.Diff([]identity.User{written[1], written[0]}, found); err != nil || diff != "" {
		t.Errorf("find: %v (-written +found):\n%s", err, diff)
	}
	var names []string
	for u, err := range c.AllUsers(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, u.Name)
	}
	if !slices.Equal(names, []string{odd, "ada@example.com"}) {
		t.Errorf("all users: %q", names)
	}
	holders, err := c.Holders(ctx, github, identity.Named("ada-l", "nobody"))
	if err != nil || len(holders) != 1 || holders[0].User != "ada@example.com" || holders[0].Mapping.Matcher["user_id"] != "Ada-L" {
		t.Errorf("holders: %+v, %v", holders, err)
	}

	renamed := []identity.AccountQuery{{Identity: "ada-byron", AccountID: "583231"}, {Identity: "nobody"}}
	holders, err = c.Holders(ctx, github, renamed)
	if err != nil || len(holders) != 1 || holders[0].User != "ada@example.com" {
		t.Errorf("holders of a renamed account: %+v, %v", holders, err)
	}

	answers, err := c.Lookup(ctx, okta, []string{"ada@example.com", "o'brien+x%/@example.com"}, "")
	if err != nil || answers[0].Status != identity.Found || answers[0].Matcher["user_id"] != "00u1" || answers[1].Status != identity.NotFound {
		t.Errorf("lookup: %+v, %v", answers, err)
	}
	if _, err := c.Lookup(ctx, github, []string{"ada@example.com"}, ""); identity.CodeOf(err) != identity.CodeNoDirectory {
		t.Errorf("no directory: %v", err)
	}
	if _, err := c.Lookup(ctx, identity.ServiceKey{Type: "okta", ExternalID: "none"}, []string{"ada@example.com"}, ""); identity.CodeOf(err) != identity.CodeServiceNotFound {
		t.Errorf("unknown service: %v", err)
	}

	oktaID := services[slices.IndexFunc(services, func(s identity.Service) bool { return s.Key == okta })].ID
	if refs, err := c.References(ctx, oktaID); err != nil || len(refs) != 1 {
		t.Errorf("references: %v, %v", refs, err)
	}
	if _, err := c.DeleteService(ctx, okta, 0); identity.CodeOf(err) != identity.CodeServiceReferenced {
		t.Errorf("delete of a service in use: %v", err)
	}
	revision := written[0].Mappings[0].Revision
	gone := identity.Delete{User: oddKey, Service: okta, Matcher: identity.NewMatcher("okta", "00u9"), IfRevision: revision + 1}
	if _, err := c.Delete(ctx, []identity.Delete{gone}); identity.CodeOf(err) != identity.CodeIdentityConflict {
		t.Errorf("delete of another revision: %v", err)
	}
	gone.IfRevision = revision
	for _, want := range []bool{true, false} {
		if got, err := c.Delete(ctx, []identity.Delete{gone}); err != nil || !slices.Equal(got, []bool{want}) {
			t.Errorf("delete: %v, %v, want %v", got, err, want)
		}
		if got, err := c.DeleteService(ctx, okta, 0); err != nil || got != want {
			t.Errorf("delete service: %v, %v, want %v", got, err, want)
		}
	}

	first := "Ada"
	if u, err := c.UpsertUser(ctx, client.UserWrite{ID: written[1].ID, Name: "Ada.L@Example.com", FirstName: &first}); err != nil || u.Name != "Ada.L@Example.com" || u.FirstName != "Ada" {
		t.Errorf("upsert: %+v, %v", u, err)
	}
	ada, err := c.SetRole(ctx, written[1].ID, identity.Guest)
	if err != nil || ada.Role != identity.Guest {
		t.Errorf("role: %+v, %v", ada, err)
	}
	for _, want := range []bool{true, false} {
		if got, err := c.DeleteUsers(ctx, []identity.User{ada}); err != nil || !slices.Equal(got, []bool{want}) {
			t.Errorf("delete users: %v, %v, want %v", got, err, want)
		}
	}
}

func TestRoundTripWrongToken(t *testing.T) {
	t.Parallel()
	cfg := inProcess(t)
	cfg.Token = client.StaticToken("wrong-" + token)
	_, err := mustNew(t, cfg).Login(t.Context())
	var e *client.Error
	if !errors.As(err, &e) || e.Status != 401 || identity.CodeOf(err) != identity.CodeUnauthenticated || strings.Contains(err.Error(), token) {
		t.Errorf("got %v", err)
	}
}
