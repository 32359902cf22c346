// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

func TestUserResource_validate(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		config map[string]any
		want   []string
	}{
		"person":             {config: map[string]any{"email": " o'Brien+x%/@acme.com ", "first_name": "Pat", "last_name": "", "role": "guest"}},
		"bot":                {config: map[string]any{"username": "deploy-bot"}},
		"unknown":            {config: map[string]any{"email": unknown, "first_name": unknown, "last_name": unknown, "role": unknown, "delete_identities": unknown}},
		"both unknown":       {config: map[string]any{"email": unknown, "username": unknown}},
		"nobody":             {config: map[string]any{}, want: []string{"email … username"}},
		"both":               {config: map[string]any{"email": "ada@acme.com", "username": "ada"}, want: []string{"email … username"}},
		"no e-mail":          {config: map[string]any{"email": "ada"}, want: []string{`AttributeName("email"): Invalid User … "ada" is not an e-mail … Set username for a bot`}},
		"empty e-mail":       {config: map[string]any{"email": ""}, want: []string{`AttributeName("email"): Invalid User … empty`}},
		"e-mail of a bot":    {config: map[string]any{"username": "ada@acme.com"}, want: []string{`AttributeName("username"): Invalid User … is an e-mail, not a username`}},
		"spaces in username": {config: map[string]any{"username": "deploy bot"}, want: []string{`AttributeName("username"): Invalid User`}},
		"bad names":          {config: map[string]any{"email": "a@acme.com", "first_name": "Ada ", "last_name": "Love\nlace"}, want: []string{`AttributeName("first_name"): Invalid Name`, `AttributeName("last_name"): Invalid Name … control characters`}},
		"long name":          {config: map[string]any{"email": "a@acme.com", "first_name": strings.Repeat("x", 1025)}, want: []string{`AttributeName("first_name"): Invalid Name … 1024 bytes`}},
		"bad role":           {config: map[string]any{"email": "a@acme.com", "role": "owner"}, want: []string{`AttributeName("role") … "admin" … "member" … "guest"`}},
	}
	p := newProtocolServer(t, nil, nil)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantDiagnostics(t, (&protocolServer{t: t, server: p.server, schema: p.schema}).validate("sym_user", tt.config), tt.want...)
		})
	}
}

func TestUserResource_lifecycle(t *testing.T) {
	t.Parallel()
	api := newTestServer(t)
	p := newProtocolServer(t, nil, api.settings())
	config := map[string]any{"email": "Ada@acme.com", "first_name": "Ada", "role": "admin"}

	planned := p.plain(p.resource("sym_user"), p.plan("sym_user", nil, config).PlannedState)
	if planned["type"] != "normal" || planned["id"] != unknown || planned["last_name"] != unknown || planned["role"] != "admin" {
		t.Errorf("planned: %v", planned)
	}
	state, diags := p.apply("sym_user", nil, config)
	wantDiagnostics(t, diags)
	stored, _ := api.storedUser("ada@acme.com")
	want := map[string]any{
		"email": "Ada@acme.com", "username": nil, "first_name": "Ada", "last_name": nil, "role": "admin", "delete_identities": nil,
		"id": stored.ID, "type": "normal", "created_at": timeOrNull(stored.CreatedAt).ValueString(),
	}
	if diff := cmp.Diff(want, state); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	if stored.Role != identity.Admin || stored.FirstName != "Ada" || stored.Name != "Ada@acme.com" {
		t.Errorf("stored: %+v", stored)
	}
	read, diags := p.read("sym_user", state)
	wantDiagnostics(t, diags)
	if diff := cmp.Diff(state, read); diff != "" {
		t.Errorf("read (-created +read):\n%s", diff)
	}

	// Renamed in place; what the configuration leaves out stays.
	config = map[string]any{"email": "ada.byron@acme.com", "last_name": "Byron"}
	plan := p.plan("sym_user", state, config)
	wantDiagnostics(t, plan.Diagnostics)
	if len(plan.RequiresReplace) > 0 {
		t.Errorf("a rename replaces because of %v", plan.RequiresReplace)
	}
	state, diags = p.apply("sym_user", state, config)
	wantDiagnostics(t, diags)
	want["email"], want["last_name"] = "ada.byron@acme.com", "Byron"
	if diff := cmp.Diff(want, state); diff != "" {
		t.Errorf("renamed (-want +got):\n%s", diff)
	}
	renamed, _ := api.storedUser("ada.byron@acme.com")
	if renamed.ID != stored.ID || renamed.FirstName != "Ada" || renamed.LastName != "Byron" || renamed.Role != identity.Admin {
		t.Errorf("stored after the rename: %+v", renamed)
	}

	// A name is removed by "", which a read keeps.
	state, diags = p.apply("sym_user", state, map[string]any{"email": "ada.byron@acme.com", "first_name": ""})
	wantDiagnostics(t, diags)
	read, diags = p.read("sym_user", state)
	wantDiagnostics(t, diags)
	if diff := cmp.Diff(state, read); diff != "" || state["first_name"] != "" || state["last_name"] != "Byron" {
		t.Errorf("without a first name: %v\n(-applied +read):\n%s", state, diff)
	}

	for range 2 { // gone already is success
		gone, diags := p.apply("sym_user", state, nil)
		wantDiagnostics(t, diags)
		if gone != nil {
			t.Errorf("deleted: %v", gone)
		}
	}
	if _, there := api.storedUser("ada.byron@acme.com"); there {
		t.Error("the user is still stored")
	}
}

func TestUserResource_bot(t *testing.T) {
	t.Parallel()
	api := newTestServer(t)
	p := newProtocolServer(t, nil, api.settings())
	state, diags := p.apply("sym_user", nil, map[string]any{"username": "deploy-bot", "role": "guest"})
	wantDiagnostics(t, diags)
	stored, there := api.storedUser("deploy-bot")
	if !there || stored.Type != identity.Bot || stored.Role != identity.Guest || state["type"] != "bot" || state["email"] != nil {
		t.Errorf("stored %+v, state %v", stored, state)
	}
	state, diags = p.apply("sym_user", state, map[string]any{"username": "release-bot"})
	wantDiagnostics(t, diags)
	if renamed, _ := api.storedUser("release-bot"); renamed.ID != stored.ID || state["id"] != stored.ID {
		t.Errorf("renamed: %+v", renamed)
	}

	// A bot's username and a person's e-mail are different users.
	plan := p.plan("sym_user", state, map[string]any{"email": "bot@acme.com"})
	wantDiagnostics(t, plan.Diagnostics)
	if len(plan.RequiresReplace) != 2 {
		t.Errorf("replaces because of %v", plan.RequiresReplace)
	}
	// While both may be the one, nothing is decided.
	plan = p.plan("sym_user", state, map[string]any{"email": unknown, "username": unknown})
	wantDiagnostics(t, plan.Diagnostics)
	if len(plan.RequiresReplace) > 0 {
		t.Errorf("unknown names replace because of %v", plan.RequiresReplace)
	}
}

func TestUserResource_caseOnly(t *testing.T) {
	t.Parallel()
	api := newTestServer(t)
	p := newProtocolServer(t, nil, api.settings())
	state, diags := p.apply("sym_user", nil, map[string]any{"email": "Ada@acme.com", "role": "member"})
	wantDiagnostics(t, diags)
	api.forget()
	plan := p.plan("sym_user", state, map[string]any{"email": " ADA@Acme.com", "role": "member"})
	wantDiagnostics(t, plan.Diagnostics)
	if diff := cmp.Diff(state, p.plain(p.resource("sym_user"), plan.PlannedState)); diff != "" {
		t.Errorf("a case-only change is planned (-state +plan):\n%s", diff)
	}
	changed, diags := p.apply("sym_user", state, map[string]any{"email": "ADA@acme.com", "delete_identities": true})
	wantDiagnostics(t, diags)
	if changed["email"] != "ADA@acme.com" || changed["delete_identities"] != true || changed["id"] != state["id"] {
		t.Errorf("state: %v", changed)
	}
	if n := len(api.requests()); n != 0 {
		t.Errorf("%d requests for nothing the API stores: %v", n, api.requests())
	}
}

func TestUserResource_adoption(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		config map[string]any
		want   []string // at plan and at apply
		stored [3]string
	}{
		"nothing said": {config: map[string]any{}, stored: [3]string{"Ada", "", "admin"}},
		"equal":        {config: map[string]any{"first_name": "Ada", "role": "admin"}, stored: [3]string{"Ada", "", "admin"}},
		"filled in":    {config: map[string]any{"last_name": "Byron"}, stored: [3]string{"Ada", "Byron", "admin"}},
		"overwritten": {
			config: map[string]any{"first_name": "Augusta", "role": "guest"}, stored: [3]string{"Augusta", "", "guest"},
			want: []string{`WARNING: Existing User Will Be Changed: ada@acme.com … first_name: "Ada" becomes "Augusta" … role: "admin" becomes "guest"`},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newTestServer(t).register(testOkta)
			before := api.userWith("ada@acme.com", "Ada", "", identity.Admin)
			api.mapping("ada@acme.com", testOkta, "00u1", identity.Manual)
			p := newProtocolServer(t, nil, api.settings())
			tt.config["email"] = "Ada@Acme.com"
			plan := p.plan("sym_user", nil, tt.config)
			wantDiagnostics(t, plan.Diagnostics, tt.want...)
			state, diags := p.applyPlan("sym_user", nil, tt.config, plan)
			wantDiagnostics(t, diags)
			after, _ := api.storedUser("ada@acme.com")
			if state["id"] != before.ID || state["email"] != "Ada@Acme.com" || len(after.Mappings) != 1 {
				t.Errorf("state %v, stored %+v", state, after)
			}
			if diff := cmp.Diff(tt.stored, [3]string{after.FirstName, after.LastName, string(after.Role)}); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
		})
	}
}
