// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// stocked is an API with three people, a bot and identities of every kind.
func stocked(t *testing.T) *testServer {
	t.Helper()
	api := newTestServer(t).register(testOkta, "okta:beta.okta.com", "github:acme", "ldap:corp")
	api.userWith("Grace@acme.com", "Grace", "", identity.Admin)
	api.userWith("ada@acme.com", "Ada", "Byron", identity.Member)
	api.addUser("zoe@acme.com")
	api.addUser("deploy-bot")
	api.mapping("Grace@acme.com", testOkta, "00u2", identity.FromEmail)
	api.mapping("ada@acme.com", testOkta, "00u1", identity.Manual)
	api.mapping("ada@acme.com", "github:acme", "Ada-L", identity.FromRule)
	api.mapping("deploy-bot", "github:acme", "acme-bot", identity.Manual)
	api.upsert(store.UserWrite{Key: "ada@acme.com", Mappings: []store.MappingWrite{
		{Service: mustService("ldap:corp"), Matcher: identity.Matcher{"dn": "cn=ada", "realm": "corp"}, Source: identity.Manual},
	}})
	return api
}

// column is one attribute of each element of a list.
func column(t *testing.T, list any, attribute string) []any {
	t.Helper()
	elements, ok := list.([]any)
	if !ok {
		t.Fatalf("no list: %v", list)
	}
	out := []any{}
	for _, e := range elements {
		out = append(out, e.(map[string]any)[attribute])
	}
	return out
}

func TestStoredDataSources_validate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, source string
		config       map[string]any
		want         []string
	}{
		{name: "users", source: "sym_users", config: map[string]any{"type": "bot", "role": "guest", "emails": []any{"o'brien+x%/@acme.com", unknown}}},
		{name: "users, unknown", source: "sym_users", config: map[string]any{"type": unknown, "role": unknown, "emails": unknown}},
		{
			name: "users, all wrong", source: "sym_users", config: map[string]any{"type": "person", "role": "owner", "emails": []any{"ada", "ada@acme.com", "", "a b@c"}},
			want: []string{`AttributeName("type") … "normal"`, `AttributeName("role") … "guest"`, `AttributeName("emails"): Invalid E-mails … [0] "ada" is not an e-mail … [2] … empty … [3] … "a b@c"`},
		},
		{name: "users, null e-mail", source: "sym_users", config: map[string]any{"emails": []any{nil}}, want: []string{`AttributeName("emails") … null`}},
		{name: "user", source: "sym_user", config: map[string]any{"email": "ada@acme.com"}},
		{name: "user, unknown", source: "sym_user", config: map[string]any{"email": unknown, "id": unknown}},
		{name: "user, nobody", source: "sym_user", config: map[string]any{}, want: []string{"email … username … id"}},
		{name: "user, two", source: "sym_user", config: map[string]any{"email": "ada@acme.com", "id": "x"}, want: []string{"email … username … id"}},
		{name: "user, wrong kind", source: "sym_user", config: map[string]any{"email": "ada"}, want: []string{`AttributeName("email"): Invalid User`}},
		{name: "user, empty id", source: "sym_user", config: map[string]any{"id": ""}, want: []string{`AttributeName("id")`}},
		{name: "identities", source: "sym_identities", config: map[string]any{"service_type": "okta", "external_id": "acme.okta.com", "user": "ada@acme.com", "source": "rule"}},
		{name: "identities, unknown", source: "sym_identities", config: map[string]any{"service_type": unknown, "external_id": unknown, "user": unknown, "source": unknown}},
		{name: "identities, no type", source: "sym_identities", config: map[string]any{"external_id": "acme"}, want: []string{`AttributeName("external_id"): Missing Service Type`}},
		{
			name: "identities, all wrong", source: "sym_identities", config: map[string]any{"service_type": "slack", "external_id": "t1", "user": "a b", "source": "guess"},
			want: []string{`AttributeName("external_id") … Must start with 'T'`, `AttributeName("user"): Invalid User`, `AttributeName("source") … "manual"`},
		},
		{name: "identities, empty type", source: "sym_identities", config: map[string]any{"service_type": ""}, want: []string{`AttributeName("service_type")`}},
		{name: "services", source: "sym_services", config: map[string]any{"service_type": "Okta"}, want: []string{`AttributeName("service_type") … "Okta" is not a service type`}},
		{name: "service", source: "sym_service", config: map[string]any{"service_type": "slack", "external_id": "x"}, want: []string{`AttributeName("external_id") … Must start with 'T'`}},
		{name: "service, unknown", source: "sym_service", config: map[string]any{"service_type": "slack", "external_id": unknown}},
	}
	p := newProtocolServer(t, nil, nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantDiagnostics(t, (&protocolServer{t: t, server: p.server, schema: p.schema}).validateData(tt.source, tt.config), tt.want...)
		})
	}
}

func TestUsersDataSource(t *testing.T) {
	t.Parallel()
	api := stocked(t)
	p := newProtocolServer(t, nil, api.settings(map[string]any{"token": testGuestToken}))
	tests := map[string]struct {
		config         map[string]any
		names, missing []any
	}{
		"all":      {config: map[string]any{}, names: []any{"ada@acme.com", "deploy-bot", "Grace@acme.com", "zoe@acme.com"}, missing: []any{}},
		"people":   {config: map[string]any{"type": "normal"}, names: []any{"ada@acme.com", "Grace@acme.com", "zoe@acme.com"}, missing: []any{}},
		"bots":     {config: map[string]any{"type": "bot"}, names: []any{"deploy-bot"}, missing: []any{}},
		"admins":   {config: map[string]any{"role": "admin"}, names: []any{"Grace@acme.com"}, missing: []any{}},
		"none":     {config: map[string]any{"type": "bot", "role": "admin"}, names: []any{}, missing: []any{}},
		"no names": {config: map[string]any{"emails": []any{}}, names: []any{}, missing: []any{}},
		"by name": {
			config: map[string]any{"emails": []any{"ZOE@acme.com", "Nobody@acme.com", " grace@acme.com", "zoe@acme.com", "nobody@acme.com"}},
			names:  []any{"Grace@acme.com", "zoe@acme.com"}, missing: []any{"Nobody@acme.com"},
		},
		// Who is stored is not missing, whatever the other filters say.
		"by name and role": {config: map[string]any{"emails": []any{"zoe@acme.com", "grace@acme.com"}, "role": "admin"}, names: []any{"Grace@acme.com"}, missing: []any{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &protocolServer{t: t, server: p.server, schema: p.schema}
			state, diags := p.readData("sym_users", tt.config)
			wantDiagnostics(t, diags)
			names := column(t, state["users"], "email")
			for i, username := range column(t, state["users"], "username") {
				if names[i] == nil {
					names[i] = username
				}
			}
			if diff := cmp.Diff(tt.names, names); diff != "" {
				t.Errorf("users (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.missing, state["missing"]); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
		})
	}
	state, diags := p.readData("sym_users", map[string]any{"emails": []any{"ada@acme.com"}})
	wantDiagnostics(t, diags)
	stored, _ := api.storedUser("ada@acme.com")
	want := []any{map[string]any{
		"id": stored.ID, "email": "ada@acme.com", "username": nil, "type": "normal", "role": "member",
		"first_name": "Ada", "last_name": "Byron", "created_at": timeOrNull(stored.CreatedAt).ValueString(),
	}}
	if diff := cmp.Diff(want, state["users"]); diff != "" {
		t.Errorf("user (-want +got):\n%s", diff)
	}
}

func TestUserDataSource(t *testing.T) {
	t.Parallel()
	api := stocked(t)
	p := newProtocolServer(t, nil, api.settings())
	ada, _ := api.storedUser("ada@acme.com")
	want := map[string]any{
		"id": ada.ID, "email": "ADA@acme.com", "username": nil, "type": "normal", "role": "member",
		"first_name": "Ada", "last_name": "Byron", "created_at": timeOrNull(ada.CreatedAt).ValueString(),
		"identities": map[string]any{testOkta: "00u1", "github:acme": "Ada-L"}, // ldap:corp has two keys
	}
	state, diags := p.readData("sym_user", map[string]any{"email": "ADA@acme.com"})
	wantDiagnostics(t, diags)
	if diff := cmp.Diff(want, state); diff != "" {
		t.Errorf("by e-mail (-want +got):\n%s", diff)
	}
	state, diags = p.readData("sym_user", map[string]any{"id": ada.ID})
	wantDiagnostics(t, diags)
	want["email"] = "ada@acme.com"
	if diff := cmp.Diff(want, state); diff != "" {
		t.Errorf("by id (-want +got):\n%s", diff)
	}
	state, diags = p.readData("sym_user", map[string]any{"username": "deploy-bot"})
	wantDiagnostics(t, diags)
	if state["type"] != "bot" || state["email"] != nil {
		t.Errorf("bot: %v", state)
	}
	for attribute, name := range map[string]string{"email": "nobody@acme.com", "username": "other-bot", "id": "c0ffee00-0000-4000-8000-000000000000"} {
		_, diags = p.readData("sym_user", map[string]any{attribute: name})
		wantDiagnostics(t, diags, fmt.Sprintf("ERROR AttributeName(%q): User Not Found … No user is stored with the %s %q", attribute, attribute, name))
	}
	p.nextRun()
	_, diags = p.readData("sym_services", map[string]any{}) // logs in
	wantDiagnostics(t, diags)
	api.failNext(1, "", "", http.StatusForbidden, `{"message":"no"}`)
	_, diags = p.readData("sym_user", map[string]any{"email": "ada@acme.com"})
	wantDiagnostics(t, diags, "Unable to Read User … ada@acme.com … role … status 403")
}

func TestIdentitiesDataSource(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, stocked(t).settings(map[string]any{"token": testGuestToken}))
	all := []any{"ada@acme.com github:acme", "ada@acme.com ldap:corp", "ada@acme.com okta:acme.okta.com", "deploy-bot github:acme", "grace@acme.com okta:acme.okta.com"}
	tests := map[string]struct {
		config map[string]any
		want   []any
	}{
		"all":          {config: map[string]any{}, want: all},
		"type":         {config: map[string]any{"service_type": "okta"}, want: []any{all[2], all[4]}},
		"service":      {config: map[string]any{"service_type": "github", "external_id": "acme"}, want: []any{all[0], all[3]}},
		"nobody in it": {config: map[string]any{"service_type": "okta", "external_id": "beta.okta.com"}, want: []any{}},
		"unused type":  {config: map[string]any{"service_type": "slack"}, want: []any{}},
		"user":         {config: map[string]any{"user": " ADA@acme.com"}, want: all[:3]},
		"bot":          {config: map[string]any{"user": "deploy-bot"}, want: []any{all[3]}},
		"no such user": {config: map[string]any{"user": "nobody@acme.com"}, want: []any{}},
		"source":       {config: map[string]any{"source": "rule"}, want: []any{all[0]}},
		"combined":     {config: map[string]any{"source": "manual", "user": "ada@acme.com", "service_type": "ldap"}, want: []any{all[1]}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &protocolServer{t: t, server: p.server, schema: p.schema}
			state, diags := p.readData("sym_identities", tt.config)
			wantDiagnostics(t, diags)
			got := column(t, state["identities"], "user")
			for i, service := range column(t, state["identities"], "service") {
				got[i] = fmt.Sprintf("%s %s", got[i], service)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestIdentitiesDataSource_values(t *testing.T) {
	t.Parallel()
	api := stocked(t)
	p := newProtocolServer(t, nil, api.settings())
	state, diags := p.readData("sym_identities", map[string]any{})
	wantDiagnostics(t, diags)
	wantMap := map[string]any{
		"ada@acme.com":   map[string]any{"github:acme": "Ada-L", testOkta: "00u1"},
		"deploy-bot":     map[string]any{"github:acme": "acme-bot"},
		"grace@acme.com": map[string]any{testOkta: "00u2"},
	}
	if diff := cmp.Diff(wantMap, state["by_user"]); diff != "" {
		t.Errorf("by_user (-want +got):\n%s", diff)
	}
	wantMap = map[string]any{
		"github:acme": map[string]any{"ada@acme.com": "Ada-L", "deploy-bot": "acme-bot"},
		testOkta:      map[string]any{"ada@acme.com": "00u1", "grace@acme.com": "00u2"},
	}
	if diff := cmp.Diff(wantMap, state["by_service"]); diff != "" {
		t.Errorf("by_service (-want +got):\n%s", diff)
	}
	m, _ := api.stored("ada@acme.com", "ldap:corp")
	want := map[string]any{
		"user": "ada@acme.com", "service": "ldap:corp", "service_type": "ldap", "external_id": "corp",
		"identity": nil, "matcher": map[string]any{"dn": "cn=ada", "realm": "corp"}, "source": "manual", "rule": nil,
		"revision": int(m.Revision), "updated_at": timeOrNull(m.UpdatedAt).ValueString(), "updated_by": "somebody",
	}
	if diff := cmp.Diff(want, state["identities"].([]any)[1]); diff != "" {
		t.Errorf("element (-want +got):\n%s", diff)
	}
}

func TestIdentitiesDataSource_failures(t *testing.T) {
	t.Parallel()
	api := stocked(t)
	p := newProtocolServer(t, nil, api.settings())
	_, diags := p.readData("sym_identities", map[string]any{"service_type": "okta", "external_id": "acme.com"})
	wantDiagnostics(t, diags, `AttributeName("external_id"): Service Is Not Registered … okta:acme.com … okta:acme.okta.com … okta:beta.okta.com`)
	p.nextRun()
	api.failNext(1, http.MethodGet, "users", http.StatusBadGateway, "<h1>Bad Gateway</h1>")
	state, diags := p.readData("sym_identities", map[string]any{})
	wantDiagnostics(t, diags, "Unable to Read Identities … status 502")
	if state != nil && state["identities"] != nil {
		t.Errorf("a failed read looks empty: %v", state)
	}
}

// TestStoredDataSources_haveNoSets: the framework compares each element of a
// set with each other, which thousands of people make too slow.
func TestStoredDataSources_haveNoSets(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, nil)
	for _, name := range []string{"sym_users", "sym_user", "sym_identities", "sym_accounts", "sym_services", "sym_service"} {
		for attribute, attributeType := range p.dataSource(name).ValueType().(tftypes.Object).AttributeTypes {
			if attributeType.Is(tftypes.Set{}) {
				t.Errorf("%s.%s is a set", name, attribute)
			}
		}
	}
}
