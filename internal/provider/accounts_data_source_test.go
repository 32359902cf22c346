// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// accountPages is a directory that lists accounts in pages of a thousand.
type accountPages []directory.Account

func (accountPages) Describe() directory.Descriptor { return directory.Descriptor{ListPage: 1000} }
func (accountPages) Check(context.Context) error    { return nil }
func (accountPages) Find(context.Context, string) ([]directory.Account, error) {
	return nil, directory.ErrNeedsList
}

func (a accountPages) Pages(context.Context) iter.Seq2[[]directory.Account, error] {
	return func(yield func([]directory.Account, error) bool) {
		for from := 0; from < len(a); from += 1000 {
			if !yield(a[from:min(from+1000, len(a))], nil) {
				return
			}
		}
	}
}

// variedAccounts are accounts of every kind: one held, one shared by two, one
// renamed since it was mapped, one that cannot be read.
func variedAccounts(t *testing.T) *testServer {
	t.Helper()
	account := func(id, login string, state directory.State, kind directory.Kind, emails ...string) directory.Account {
		return directory.Account{AccountID: id, Identity: login, SignIn: login, Name: "Name of " + login, State: state, Kind: kind,
			Addresses: directory.Primaries(emails...)}
	}
	ada := account("1", "Ada-L", directory.StateActive, "", "ada@acme.com")
	ada.Add(directory.Alias, directory.Proved, "ada@acme.example")
	torn := directory.Account{AccountID: "6", Identity: "torn", Unreadable: fmt.Errorf("its e-mail is a number")}
	api := newTestServer(t, withDirectory("github:acme", accountPages{
		ada,
		account("2", "bob", directory.StateInactive, directory.KindPerson, "bob@acme.com"),
		account("3", "contractor", directory.StateInvited, directory.KindGuest, "carl@other.example"),
		account("4", "deployer", directory.StateActive, directory.KindBot),
		account("5", "new-name", directory.StatePending, directory.KindPerson, "eve@acme.com"),
		torn,
	}), withDirectory("github:narrow", directoryOf())).register("github:acme", "github:narrow", "github:none")
	api.mapping("ada@acme.com", "github:acme", "ada-l", identity.Manual)
	api.mapping("zoe@acme.com", "github:acme", "Ada-L", identity.FromRule)
	api.upsert(store.UserWrite{Key: "eve@acme.com", Name: "eve@acme.com", Mappings: []store.MappingWrite{
		{Service: mustService("github:acme"), Matcher: identity.NewMatcher("github", "old-name"), AccountID: "5", Source: identity.Manual}}})
	return api
}

func TestAccountsDataSource_validate(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, nil)
	for name, tt := range map[string]struct {
		config map[string]any
		want   []string
	}{
		"all":        {config: map[string]any{"service_type": "github", "external_id": "acme", "state": "pending", "kind": "shared", "held": false}},
		"unknown":    {config: map[string]any{"service_type": unknown, "external_id": unknown, "state": unknown, "kind": unknown, "held": unknown}},
		"no service": {config: map[string]any{}, want: []string{`AttributeName("service_type")`, `AttributeName("external_id")`}},
		"all wrong": {config: map[string]any{"service_type": "slack", "external_id": "x", "state": "gone", "kind": "robot"}, want: []string{
			`AttributeName("external_id") … Must start with 'T'`, `AttributeName("state") … "unknown"`, `AttributeName("kind") … "shared"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantDiagnostics(t, (&protocolServer{t: t, server: p.server, schema: p.schema}).validateData("sym_accounts", tt.config), tt.want...)
		})
	}
}

func TestAccountsDataSource(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, variedAccounts(t).settings(map[string]any{"token": testMemberToken}))
	all := []any{"Ada-L", "bob", "contractor", "deployer", "new-name", "torn"}
	for name, tt := range map[string]struct {
		filters map[string]any
		want    []any
	}{
		"all":         {nil, all},
		"a state":     {map[string]any{"state": "active"}, []any{"Ada-L", "deployer"}},
		"no state":    {map[string]any{"state": "unknown"}, []any{"torn"}},
		"a kind":      {map[string]any{"kind": "person"}, []any{"Ada-L", "bob", "new-name", "torn"}},
		"held":        {map[string]any{"held": true}, []any{"Ada-L", "new-name"}},
		"nobody's":    {map[string]any{"held": false}, []any{"bob", "contractor", "deployer", "torn"}},
		"combined":    {map[string]any{"held": false, "kind": "person", "state": "inactive"}, []any{"bob"}},
		"none at all": {map[string]any{"held": true, "kind": "bot"}, []any{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := map[string]any{"service_type": "github", "external_id": "acme"}
			for k, v := range tt.filters {
				config[k] = v
			}
			state, diags := (&protocolServer{t: t, server: p.server, schema: p.schema}).readData("sym_accounts", config)
			wantDiagnostics(t, diags)
			if diff := cmp.Diff(tt.want, column(t, state["accounts"], "identity")); diff != "" {
				t.Errorf("accounts (-want +got):\n%s", diff)
			}
			counts := map[string]any{
				"held": 2, "unheld": 4,
				"states": map[string]any{"active": 2, "invited": 1, "pending": 1, "inactive": 1, "unknown": 1},
				"kinds":  map[string]any{"person": 4, "guest": 1, "bot": 1, "shared": 0},
			}
			if diff := cmp.Diff([]any{6, counts}, []any{state["total"], state["counts"]}); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
		})
	}
	state, diags := p.readData("sym_accounts", map[string]any{"service_type": "github", "external_id": "acme", "held": true, "state": "active"})
	wantDiagnostics(t, diags)
	want := []any{map[string]any{
		"identity": "Ada-L", "account_id": "1", "sign_in": "Ada-L", "name": "Name of Ada-L", "state": "active", "kind": "person", "unreadable": nil,
		"emails":  []any{map[string]any{"address": "ada@acme.com", "kind": "primary", "verified": nil}, map[string]any{"address": "ada@acme.example", "kind": "alias", "verified": true}},
		"held_by": []any{"ada@acme.com", "zoe@acme.com"},
	}}
	if diff := cmp.Diff(want, state["accounts"]); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
	state, diags = p.readData("sym_accounts", map[string]any{"service_type": "github", "external_id": "acme", "state": "unknown"})
	wantDiagnostics(t, diags)
	if got := column(t, state["accounts"], "unreadable"); got[0] != "its e-mail is a number" {
		t.Errorf("an account that cannot be read says %q", got[0])
	}
}

// A list that cannot be had is an error, never an empty one.
func TestAccountsDataSource_failures(t *testing.T) {
	t.Parallel()
	api := variedAccounts(t)
	p := newProtocolServer(t, nil, api.settings(map[string]any{"max_retries": 0}))
	for externalID, want := range map[string]string{
		"narrow": "ERROR: Unable to Read Accounts … github:narrow … the directory cannot list accounts … Remove it here … status 404",
		"none":   "ERROR: Unable to Read Accounts … No directory is configured for github:none … status 404",
		"gone":   `ERROR AttributeName("external_id"): Service Is Not Registered … github:gone … github:acme`,
	} {
		state, diags := p.readData("sym_accounts", map[string]any{"service_type": "github", "external_id": externalID})
		wantDiagnostics(t, diags, want)
		if state != nil && state["accounts"] != nil {
			t.Errorf("%s: a list that cannot be had is %v", externalID, state["accounts"])
		}
	}
	acme := map[string]any{"service_type": "github", "external_id": "acme"}
	api.failNext(1, http.MethodGet, "accounts", http.StatusServiceUnavailable, `{"message":"the service did not answer in full","code":"Directory:UNAVAILABLE"}`)
	_, diags := p.readData("sym_accounts", acme)
	wantDiagnostics(t, diags, "ERROR: Unable to Read Accounts … github:acme … the service did not answer in full … try again in a minute … status 503")
	api.failNext(1, http.MethodGet, "accounts", http.StatusNotFound, `{"message":"the service is not registered","code":"Service:NOT_FOUND"}`)
	state, diags := p.readData("sym_accounts", acme) // though the list of services has it
	wantDiagnostics(t, diags, "ERROR: Unable to Read Accounts … github:acme … the service is not registered … status 404")
	if state != nil && state["accounts"] != nil {
		t.Errorf("a list that cannot be had is %v", state["accounts"])
	}
	api.failNext(5, http.MethodGet, "accounts", http.StatusConflict, `{"message":"the list of accounts has changed","code":"Directory:LIST_CHANGED"}`)
	_, diags = p.readData("sym_accounts", acme)
	wantDiagnostics(t, diags, "ERROR: Unable to Read Accounts … github:acme … the list of accounts has changed … status 409")
	_, diags = newProtocolServer(t, nil, api.settings(map[string]any{"token": testGuestToken})).readData("sym_accounts", acme)
	wantDiagnostics(t, diags, "ERROR: Unable to Read Accounts … github:acme … the role guest, looking people up member")
}

// TestAccountsDataSource_many: more accounts than a page, half of them held.
func TestAccountsDataSource_many(t *testing.T) {
	t.Parallel()
	const n = 10_002
	accounts := make(accountPages, n)
	var writes []store.UserWrite
	for i := range n {
		email, id := fmt.Sprintf("p%05d@acme.com", i), fmt.Sprintf("00u%05d", i)
		accounts[i] = directory.Account{Identity: id, SignIn: email, Name: "Person " + id, Addresses: directory.Primaries(email), State: directory.StateActive}
		if i%2 == 0 {
			writes = append(writes, store.UserWrite{Key: identity.UserKey(email), Name: email, Mappings: []store.MappingWrite{
				{Service: mustService(testOkta), Matcher: identity.NewMatcher("okta", id), Source: identity.Manual}}})
		}
	}
	api := newTestServer(t, withDirectory(testOkta, directory.Cache(accounts, mustService(testOkta), directory.Settings{TTL: time.Hour, Misses: time.Hour}))).register(testOkta)
	if _, err := api.Store.UpsertUsers(t.Context(), testActor, writes); err != nil {
		t.Fatal(err)
	}
	p := newProtocolServer(t, nil, api.settings())
	state, diags := p.readData("sym_accounts", map[string]any{"service_type": "okta", "external_id": "acme.okta.com"})
	wantDiagnostics(t, diags)
	if got := len(state["accounts"].([]any)); got != n || state["total"] != n || state["counts"].(map[string]any)["held"] != n/2 {
		t.Errorf("%d accounts of %v, counts %v", got, state["total"], state["counts"])
	}
	if requests := api.requests("GET accounts"); len(requests) != 2 {
		t.Errorf("%d requests, want 2", len(requests))
	}
}

// TestAccAccounts reads accounts as configurations do. A second plan is empty,
// though the service is asked again.
func TestAccAccounts(t *testing.T) {
	t.Parallel()
	s := variedAccounts(t)
	configuration := s.provider() + `
data "sym_accounts" "github" {
  service_type = "github"
  external_id  = "acme"
}
data "sym_accounts" "nobodys" {
  service_type = "github"
  external_id  = "acme"
  kind         = "person"
  held         = false
}
output "everything" { value = data.sym_accounts.github }
output "holders" { value = { for a in data.sym_accounts.github.accounts : a.identity => join(" ", a.held_by) } }
output "nobodys" { value = data.sym_accounts.nobodys.accounts[*].identity }
output "bots" { value = data.sym_accounts.github.counts.kinds["bot"] }
`
	holders := map[string]knownvalue.Check{}
	for id, who := range map[string]string{"Ada-L": "ada@acme.com zoe@acme.com", "bob": "", "contractor": "", "deployer": "", "new-name": "eve@acme.com", "torn": ""} {
		holders[id] = knownvalue.StringExact(who)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{
				Config: configuration,
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownOutputValue("holders", knownvalue.ObjectExact(holders)),
					statecheck.ExpectKnownOutputValue("nobodys", knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact("bob"), knownvalue.StringExact("torn")})),
					statecheck.ExpectKnownOutputValue("bots", knownvalue.Int64Exact(1)),
				},
			},
			{
				Config:           configuration,
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			},
		},
	})
}
