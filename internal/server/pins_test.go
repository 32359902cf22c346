// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// octo is a GitHub account: a login, which can be given away, and an id.
func octo(id, login, email string, state directory.State) directory.Account {
	return directory.Account{AccountID: id, Identity: login, Addresses: directory.Primaries(email), State: state}
}

func onGitHub(found ...directory.Account) func(*server.Config) {
	world := accounts{found: map[string][]directory.Account{}}
	for _, a := range found {
		email := a.Addresses[0].Email
		world.found[email] = append(world.found[email], a)
	}
	return func(c *server.Config) {
		c.Directories = map[identity.ServiceKey]directory.Directory{github: byAccount{byID{world}}}
	}
}

// byAccount finds accounts by their own id as well, as services do which have
// one beside a name.
type byAccount struct{ byID }

func (a byAccount) FindID(_ context.Context, login string) ([]directory.Account, error) {
	return a.where(func(account directory.Account) bool { return strings.EqualFold(account.Identity, login) }), nil
}

func (a byAccount) FindAccount(_ context.Context, id string) ([]directory.Account, error) {
	return a.where(func(account directory.Account) bool { return account.AccountID == id }), nil
}

func (a byAccount) where(wanted func(directory.Account) bool) (out []directory.Account) {
	for _, found := range a.found {
		for _, account := range found {
			if wanted(account) {
				out = append(out, account)
			}
		}
	}
	return out
}

// maps stores a mapping to GitHub and returns it.
func (h *harness) maps(email, login, accountID string) identity.Mapping {
	h.t.Helper()
	users, err := h.store.UpsertUsers(h.t.Context(), store.Actor{Name: "test"}, []store.UserWrite{{Key: identity.UserKey(email), Name: email,
		Mappings: []store.MappingWrite{{Service: github, Matcher: identity.NewMatcher("github", login), AccountID: accountID, Source: identity.Manual}}}})
	if err != nil {
		h.t.Fatal(err)
	}
	m, _ := users[0].Mapping(github)
	return m
}

func (h *harness) stored(email string) identity.Mapping {
	h.t.Helper()
	users, err := h.store.FindUsers(h.t.Context(), []identity.UserKey{identity.UserKey(email)})
	if err != nil || len(users) != 1 {
		h.t.Fatalf("%s: %v, %v", email, users, err)
	}
	m, _ := users[0].Mapping(github)
	return m
}

func gitHubStatus(identities, accountIDs string) string {
	return `{"service_type":"github","external_id":"acme","identities":[` + identities + `]` + accountIDs + `}`
}

// The id identifies an account: it shows the new name, and who has the old one now.
func TestStatusOfPinnedAccounts(t *testing.T) {
	t.Parallel()
	h := start(t, onGitHub(
		octo("1", "ada", "ada@example.com", directory.StateActive),
		octo("2", "bob-new", "bob@example.com", directory.StateActive),
		octo("4", "eve", "eve@example.com", directory.StateActive),
		octo("5", "kim", "kim@example.com", directory.StateInactive),
	)).register(github)
	a := h.api(member, http.MethodPost, "/identities/status", gitHubStatus(`"Ada","bob","eve","kim","gone","ada"`, `,"account_ids":["1","2","3","5","6",""]`))
	results, _ := a.body["results"].([]any)
	var got []string
	for _, r := range results {
		m := r.(map[string]any)
		line := ""
		for _, field := range []string{"identity", "status", "account_id", "new_identity"} {
			text, _ := m[field].(string)
			line += "/" + text
		}
		got = append(got, line)
	}
	want := "/Ada/active/1/ /bob/renamed/2/bob-new /eve/reused/4/ /kim/inactive/5/ /gone/absent// /ada/active/1/"
	if text := strings.Join(got, " "); a.status != http.StatusOK || text != want {
		t.Errorf("status %d:\n got %s\nwant %s\n%s", a.status, text, want, a.raw)
	}
	h.api(member, http.MethodPost, "/identities/status", gitHubStatus(`"ada","bob"`, `,"account_ids":["1"]`)).wantError(t, http.StatusBadRequest, identity.CodeInvalid,
		"account_ids holds 1 elements, identities 2. Send one account id for each identity, empty where there is none, or leave account_ids out.")
}

// Mappings of reusable names get the account's id when they are next seen, and
// stay as they are otherwise.
func TestAccountsArePinnedWhenSeen(t *testing.T) {
	t.Parallel()
	h := start(t, onGitHub(
		octo("1", "Ada", "ada@example.com", directory.StateActive),
		octo("2", "bob", "bob@example.com", directory.StateActive),
		octo("3", "kim", "kim@example.com", directory.StateInactive),
	)).register(github)
	ada, bob := h.maps("ada@example.com", "ada", ""), h.maps("bob@example.com", "bob", "99")
	kim, eve := h.maps("kim@example.com", "kim", ""), h.maps("eve@example.com", "ada", "")
	check := func(what string, want map[string]identity.Mapping) {
		t.Helper()
		for email, m := range want {
			if got := h.stored(email); got.AccountID != m.AccountID || got.Revision != m.Revision {
				t.Errorf("%s: %s has %+v, want account %q, revision %d", what, email, got, m.AccountID, m.Revision)
			}
		}
	}
	h.api(member, http.MethodPost, "/identities/lookup",
		`{"service_type":"github","external_id":"acme","emails":["ada@example.com","bob@example.com","kim@example.com","eve@example.com"]}`)
	ada.AccountID = "1"
	check("a lookup", map[string]identity.Mapping{"ada@example.com": ada, "bob@example.com": bob, "kim@example.com": kim, "eve@example.com": eve})
	h.api(member, http.MethodPost, "/identities/status", gitHubStatus(`"ada","bob","kim"`, ""))
	eve.AccountID = "1" // whoever holds the account
	check("a status", map[string]identity.Mapping{"ada@example.com": ada, "bob@example.com": bob, "kim@example.com": kim, "eve@example.com": eve})

	changes, _, err := h.store.History(t.Context(), store.HistoryFilter{})
	if err != nil || len(changes) != 4 {
		t.Errorf("the history has %d changes, %v", len(changes), err)
	}
	a := h.api(guest, http.MethodGet, "/users?email=ada@example.com", nil)
	if !strings.Contains(a.raw, `"account_id":"1"`) {
		t.Errorf("the account id is not shown: %s", a.raw)
	}
}

// noPins is a store that cannot be written.
type noPins struct{ store.Store }

func (noPins) PinAccounts(context.Context, []store.Pin) error { return errors.New("read-only") }

func TestLookupsDoNotNeedPins(t *testing.T) {
	t.Parallel()
	h := start(t, onGitHub(octo("1", "ada", "ada@example.com", directory.StateActive)),
		func(c *server.Config) { c.Store = noPins{c.Store} }).register(github)
	h.maps("ada@example.com", "ada", "")
	a := h.api(member, http.MethodPost, "/identities/lookup", `{"service_type":"github","external_id":"acme","emails":["ada@example.com"]}`)
	if a.status != http.StatusOK || !strings.Contains(h.logs.String(), "account ids could not be stored") {
		t.Errorf("status %d: %s", a.status, a.raw)
	}
}

// heldPins is a store whose commits wait for a standby.
type heldPins struct{ store.Store }

func (heldPins) PinAccounts(ctx context.Context, _ []store.Pin) error {
	<-ctx.Done()
	return ctx.Err()
}

// A lookup does not wait for a standby that is away.
func TestLookupsDoNotWaitForPins(t *testing.T) {
	t.Parallel()
	h := start(t, onGitHub(octo("1", "ada", "ada@example.com", directory.StateActive)),
		func(c *server.Config) { c.Store = heldPins{c.Store} }).register(github)
	h.maps("ada@example.com", "ada", "")
	a := h.api(member, http.MethodPost, "/identities/lookup", `{"service_type":"github","external_id":"acme","emails":["ada@example.com"]}`)
	if a.status != http.StatusOK || !strings.Contains(a.raw, `"found"`) {
		t.Errorf("status %d: %s", a.status, a.raw)
	}
}

// A write may name the account; it is shown, kept in the history, and compared
// with nothing else.
func TestWritesNameAccounts(t *testing.T) {
	t.Parallel()
	h := start(t).register(github, okta)
	patch := func(identity string) answer {
		return h.api(admin, http.MethodPatch, "/users", `{"users":[{"identities":[
			{"service_type":"sym","external_id":"cloud","matcher":{"email":"ada@example.com"}},`+identity+`]}]}`)
	}
	if a := patch(`{"service_type":"github","external_id":"acme","matcher":{"user_id":"ada"},"account_id":"7"}`); a.status != http.StatusOK || !strings.Contains(a.raw, `"account_id":"7"`) {
		t.Errorf("status %d: %s", a.status, a.raw)
	}
	if a := patch(`{"service_type":"okta","external_id":"acme.okta.com","matcher":{"user_id":"00u1"},"account_id":"7"}`); a.status != http.StatusOK || strings.Count(a.raw, `"account_id"`) != 1 {
		t.Errorf("an Okta id has another id beside it: %d: %s", a.status, a.raw)
	}
	if a := patch(`{"service_type":"github","external_id":"acme","matcher":{"user_id":"ada"},"account_id":"7\u200b"}`); a.status != http.StatusBadRequest {
		t.Errorf("status %d: %s", a.status, a.raw)
	}
	if a := h.api(guest, http.MethodGet, "/identities/history?user=ada@example.com", nil); strings.Count(a.raw, `"account_id":"7"`) != 1 {
		t.Errorf("history: %s", a.raw)
	}
}
