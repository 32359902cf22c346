// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
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

func TestUserResource_nameTaken(t *testing.T) {
	t.Parallel()
	api := newTestServer(t)
	p := newProtocolServer(t, nil, api.settings())
	state, diags := p.apply("sym_user", nil, map[string]any{"email": "ada@acme.com"})
	wantDiagnostics(t, diags)
	free := p.plan("sym_user", state, map[string]any{"email": "grace@acme.com"})
	wantDiagnostics(t, free.Diagnostics)

	api.addUser("grace@acme.com")
	p.nextRun()
	plan := p.plan("sym_user", state, map[string]any{"email": "grace@acme.com"})
	wantDiagnostics(t, plan.Diagnostics, `ERROR AttributeName("email"): Name Belongs to Another User … ada@acme.com cannot be renamed to grace@acme.com`)
	// Taken between plan and apply.
	kept, diags := p.applyPlan("sym_user", state, map[string]any{"email": "grace@acme.com"}, free)
	wantDiagnostics(t, diags, `ERROR AttributeName("email"): Name Belongs to Another User … The server said: ada@acme.com cannot be renamed … status 409`)
	if diff := cmp.Diff(state, kept); diff != "" {
		t.Errorf("the state of a refused rename (-want +got):\n%s", diff)
	}
}

func TestUserResource_destroyRefuses(t *testing.T) {
	t.Parallel()
	api := newTestServer(t).register(testOkta, "github:acme")
	p := newProtocolServer(t, nil, api.settings())
	config := map[string]any{"email": "ada@acme.com"}
	state, diags := p.apply("sym_user", nil, config)
	wantDiagnostics(t, diags)
	api.mapping("ada@acme.com", testOkta, "00u1", identity.Manual)
	api.mapping("ada@acme.com", "github:acme", "ada-l", identity.FromEmail)

	kept, diags := p.apply("sym_user", state, nil)
	wantDiagnostics(t, diags, "User Still Has Identities … github:acme: ada-l (source email … okta:acme.okta.com: 00u1 (source manual … "+
		"user = sym_user.NAME.email … delete_identities = true")
	if diff := cmp.Diff(state, kept); diff != "" || api.writes() != 2 { // creating it, and asserting it
		t.Errorf("%d writes; the state of a refused deletion (-want +got):\n%s", api.writes(), diff)
	}
	if m, ok := api.stored("ada@acme.com", testOkta); !ok {
		t.Errorf("the identity is gone: %v", m)
	}

	config["delete_identities"] = true
	state, diags = p.apply("sym_user", state, config)
	wantDiagnostics(t, diags)
	gone, diags := p.apply("sym_user", state, nil)
	wantDiagnostics(t, diags)
	if _, there := api.storedUser("ada@acme.com"); there || gone != nil {
		t.Errorf("not deleted: %v", gone)
	}
}

func TestUserResource_renamedElsewhere(t *testing.T) {
	t.Parallel()
	api := newTestServer(t)
	p := newProtocolServer(t, nil, api.settings())
	state, diags := p.apply("sym_user", nil, map[string]any{"email": "ada@acme.com", "role": "member"})
	wantDiagnostics(t, diags)
	stored, _ := api.storedUser("ada@acme.com")
	api.renameUser(stored, "Countess@acme.com")
	p.nextRun()

	read, diags := p.read("sym_user", state)
	wantDiagnostics(t, diags)
	if read["email"] != "Countess@acme.com" || read["id"] != stored.ID {
		t.Errorf("read: %v", read)
	}
	// A stale state changes the role of the right user, and does not undo the rename.
	_, diags = p.apply("sym_user", state, map[string]any{"email": "ada@acme.com", "role": "guest", "first_name": "Ada"})
	wantDiagnostics(t, diags)
	if after, _ := api.storedUser("countess@acme.com"); after.ID != stored.ID || after.Role != identity.Guest || after.FirstName != "Ada" {
		t.Errorf("stored: %+v", after)
	}
}

func TestUserResource_gone(t *testing.T) {
	t.Parallel()
	for name, recreate := range map[string]bool{"deleted": false, "created again by somebody": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newTestServer(t)
			p := newProtocolServer(t, nil, api.settings())
			state, diags := p.apply("sym_user", nil, map[string]any{"email": "ada@acme.com", "role": "member"})
			wantDiagnostics(t, diags)
			stored, _ := api.storedUser("ada@acme.com")
			api.dropUser(stored)
			want := "the next apply creates it again"
			if recreate {
				api.addUser("ada@acme.com")
				want = "the next apply adopts that one"
			}
			p.nextRun()
			// Neither is another user changed in its place, nor a new one created.
			api.forget()
			kept, diags := p.apply("sym_user", state, map[string]any{"email": "ada@acme.com", "role": "admin", "first_name": "Ada"})
			wantDiagnostics(t, diags, "User Is Gone … terraform plan again")
			if after, there := api.storedUser("ada@acme.com"); there != recreate || after.Role == identity.Admin || api.writes() != 0 {
				t.Errorf("stored: %+v after %d writes", after, api.writes())
			}
			if diff := cmp.Diff(state, kept); diff != "" {
				t.Errorf("the state of a failed update (-want +got):\n%s", diff)
			}
			read, diags := p.read("sym_user", state)
			wantDiagnostics(t, diags, "WARNING: User Is Gone: ada@acme.com … "+stored.ID+" … "+want)
			if read != nil {
				t.Errorf("still in state: %v", read)
			}
			// Deleting what is gone leaves the other user alone.
			_, diags = p.apply("sym_user", state, nil)
			wantDiagnostics(t, diags)
			if _, there := api.storedUser("ada@acme.com"); there != recreate {
				t.Errorf("there: %t", there)
			}
		})
	}
}

func TestUserResource_import(t *testing.T) {
	t.Parallel()
	api := newTestServer(t)
	ada := api.userWith("Ada@acme.com", "Ada", "Byron", identity.Guest)
	bot := api.addUser("deploy-bot")
	p := newProtocolServer(t, nil, api.settings())
	for id, want := range map[string]map[string]any{
		"ADA@acme.com": {"email": "Ada@acme.com", "username": nil, "id": ada.ID, "role": "guest", "first_name": "Ada", "last_name": "Byron", "type": "normal"},
		ada.ID:         {"email": "Ada@acme.com", "id": ada.ID},
		"deploy-bot":   {"email": nil, "username": "deploy-bot", "id": bot.ID, "type": "bot", "first_name": nil},
		bot.ID:         {"username": "deploy-bot", "id": bot.ID},
	} {
		state, diags := p.importState("sym_user", id)
		wantDiagnostics(t, diags)
		for name, value := range want {
			if state[name] != value {
				t.Errorf("import %s: %s = %v, want %v", id, name, state[name], value)
			}
		}
	}
	for id, want := range map[string]string{
		"":               "User Not Found … nothing to import",
		"a b":            "Invalid Import ID … username … terraform import ADDRESS 'ada@example.com'",
		"grace@acme.com": `User Not Found … "grace@acme.com"`,
		"other-bot":      `User Not Found … "other-bot"`,
	} {
		_, diags := p.importState("sym_user", id)
		wantDiagnostics(t, diags, want)
	}
}

func TestUserResource_failures(t *testing.T) {
	t.Parallel()
	api := newTestServer(t)
	p := newProtocolServer(t, nil, api.settings())
	// The role of a new user cannot be set: no state, so no taint; then adopted.
	config := map[string]any{"email": "ada@acme.com", "role": "admin"}
	plan := p.plan("sym_user", nil, config)
	api.answerNext(1, http.MethodPost, "", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "down", http.StatusBadGateway) })
	state, diags := p.applyPlan("sym_user", nil, config, plan)
	wantDiagnostics(t, diags, "Unable to Set the Role of a New User | ada@acme.com is stored, but without the role admin … The next apply adopts … set-role, status 502")
	if state != nil {
		t.Fatalf("a failed creation is in state: %v", state)
	}
	state, diags = p.apply("sym_user", nil, config)
	wantDiagnostics(t, diags)
	if stored, _ := api.storedUser("ada@acme.com"); stored.ID != state["id"] || stored.Role != identity.Admin {
		t.Errorf("not adopted: %+v, %v", stored, state)
	}

	// A part of an update fails: state holds what was written.
	config = map[string]any{"email": "ada.byron@acme.com", "role": "guest"}
	plan = p.plan("sym_user", state, config)
	api.answerNext(1, http.MethodPost, "users/"+state["id"].(string)+"/set-role", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "down", http.StatusBadGateway) })
	part, diags := p.applyPlan("sym_user", state, config, plan)
	wantDiagnostics(t, diags, "Unable to Update User … status 502")
	if part["email"] != "ada.byron@acme.com" || part["role"] != "admin" {
		t.Errorf("state of the half update: %v", part)
	}

	for call, fail := range map[string]func() []string{
		"read": func() []string {
			left, diags := p.read("sym_user", part)
			wantDiagnostics(t, diags, "Unable to Read User … ada.byron@acme.com … status 503")
			return []string{left["id"].(string)}
		},
		"delete": func() []string {
			left, diags := p.apply("sym_user", part, nil)
			wantDiagnostics(t, diags, "Unable to Delete User … ada.byron@acme.com … status 503")
			return []string{left["id"].(string)}
		},
	} {
		api.failNext(1, "", "", http.StatusServiceUnavailable, "<h1>maintenance</h1>")
		if left := fail(); left[0] != part["id"] {
			t.Errorf("a failed %s dropped the state", call)
		}
	}
	readOnly := newProtocolServer(t, nil, api.settings(map[string]any{"read_only": true}))
	_, diags = readOnly.apply("sym_user", nil, map[string]any{"email": "grace@acme.com"})
	wantDiagnostics(t, diags, "Unable to Create User … read-only")
}

// A person or another resource stores the user after this one did: between two runs,
// or while the user is about to be deleted.
func TestUserResource_destroyLeaves(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*testServer, identity.User){
		"asserted": func(s *testServer, u identity.User) {
			s.upsert(store.UserWrite{ID: u.ID, Key: u.Key, Assert: true})
		},
		"role": func(s *testServer, u identity.User) {
			if _, err := s.Store.SetRole(s.t.Context(), testActor, u.ID, identity.Guest); err != nil {
				t.Error(err)
			}
		},
		"renamed": func(s *testServer, u identity.User) { s.renameUser(u, "countess@acme.com") },
	} {
		for _, when := range []string{"before", "refreshed", "meanwhile"} {
			t.Run(name+" "+when, func(t *testing.T) {
				t.Parallel()
				s := newTestServer(t).register(testOkta)
				p := newProtocolServer(t, nil, s.settings())
				r := &instance{typeName: "sym_user"}
				wantDiagnostics(t, r.apply(p, map[string]any{"email": "ada@acme.com", "delete_identities": true}))
				s.mapping("ada@acme.com", testOkta, "00u1", identity.Manual)
				u, _ := s.storedUser("ada@acme.com")
				p.nextRun()
				if when == "meanwhile" {
					var once sync.Once
					s.onRequest(func(req *http.Request) {
						if strings.HasSuffix(req.URL.Path, "users/delete") {
							once.Do(func() { change(s, u) })
						}
					})
				} else {
					change(s, u)
				}
				if when == "refreshed" {
					for range 2 { // the second read must not take the new revision for its own
						_ = r.refresh(p)
						p.nextRun()
					}
				}
				wantDiagnostics(t, r.apply(p, nil), "WARNING: User Kept: … (id "+u.ID+") was changed or adopted … (by somebody, 20 … To delete the user as well")
				users, err := s.Store.FindUsers(t.Context(), []identity.UserKey{"ada@acme.com", "countess@acme.com"})
				if err != nil || len(users) != 1 || users[0].ID != u.ID || len(users[0].Mappings) != 1 {
					t.Errorf("stored: %+v, %v", users, err)
				}
			})
		}
	}
}

// A user who is mapped while the resource is about to be destroyed has identities that
// go along only where the configuration says so.
func TestUserResource_destroyMappedMeanwhile(t *testing.T) {
	t.Parallel()
	for along, want := range map[bool][]string{false: {"ERROR: User Still Has Identities … okta:acme.okta.com: 00u1"}, true: nil} {
		t.Run(fmt.Sprint(along), func(t *testing.T) {
			t.Parallel()
			s := newTestServer(t).register(testOkta)
			p := newProtocolServer(t, nil, s.settings())
			r := &instance{typeName: "sym_user"}
			wantDiagnostics(t, r.apply(p, map[string]any{"email": "ada@acme.com", "delete_identities": along}))
			p.nextRun()
			var once sync.Once
			s.onRequest(func(req *http.Request) {
				if strings.HasSuffix(req.URL.Path, "users/delete") {
					once.Do(func() { s.mapping("ada@acme.com", testOkta, "00u1", identity.Manual) })
				}
			})
			wantDiagnostics(t, r.apply(p, nil), want...)
			if u, stored := s.storedUser("ada@acme.com"); stored == along || stored && len(u.Mappings) != 1 {
				t.Errorf("stored: %t, %+v", stored, u)
			}
		})
	}
}

// The read of a user that is the same, but is owned by somebody else, warns each time.
func TestUserResource_ownedElsewhere(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	p := newProtocolServer(t, nil, s.settings())
	a, b := &instance{typeName: "sym_user"}, &instance{typeName: "sym_user"}
	wantDiagnostics(t, a.apply(p, map[string]any{"email": "ada@acme.com", "role": "guest"}))
	p.nextRun()
	wantDiagnostics(t, a.refresh(p))
	wantDiagnostics(t, b.apply(p, map[string]any{"email": "ada@acme.com"}))
	for range 2 {
		p.nextRun()
		wantDiagnostics(t, b.refresh(p))
		wantDiagnostics(t, a.refresh(p), "WARNING: User Is Owned Elsewhere: ada@acme.com … Stored now: guest (by token:ci, 20 … -replace=ADDRESS")
	}
	// A change takes the user back.
	wantDiagnostics(t, a.apply(p, map[string]any{"email": "ada@acme.com", "role": "admin"}))
	p.nextRun()
	wantDiagnostics(t, a.refresh(p))
	wantDiagnostics(t, b.apply(p, nil), "WARNING: User Kept: ada@acme.com")
	wantDiagnostics(t, a.apply(p, nil))
	if _, there := s.storedUser("ada@acme.com"); there {
		t.Error("the owner's destroy left the user")
	}
}

// State of older releases does not know the user's revision: the first read tells.
func TestUserResource_learnsRevision(t *testing.T) {
	t.Parallel()
	for _, asserted := range []bool{false, true} {
		s := newTestServer(t)
		p := newProtocolServer(t, nil, s.settings())
		r := &instance{typeName: "sym_user"}
		wantDiagnostics(t, r.apply(p, map[string]any{"email": "ada@acme.com"}))
		r.private = nil
		p.nextRun()
		wantDiagnostics(t, r.refresh(p))
		want := []string{}
		if asserted {
			u, _ := s.storedUser("ada@acme.com")
			s.upsert(store.UserWrite{ID: u.ID, Key: u.Key, Assert: true})
			want = []string{"WARNING: User Kept"}
		}
		wantDiagnostics(t, r.apply(p, nil), want...)
		if _, there := s.storedUser("ada@acme.com"); there != asserted {
			t.Errorf("asserted %t: stored %t", asserted, there)
		}
	}
}

// The user goes away, or changes, while it is adopted.
func TestUserResource_adoptionStartsOver(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(*testServer, identity.User){
		"deleted": func(s *testServer, u identity.User) { s.dropUser(u) },
		"changed": func(s *testServer, u identity.User) {
			first := "Augusta"
			s.upsert(store.UserWrite{ID: u.ID, Key: u.Key, FirstName: &first})
		},
		"another role": func(s *testServer, u identity.User) {
			if _, err := s.Store.SetRole(s.t.Context(), testActor, u.ID, identity.Guest); err != nil {
				t.Error(err)
			}
		},
	} {
		for _, last := range []string{"/set-role", "/users"} { // before which request
			t.Run(name+" before "+last, func(t *testing.T) {
				t.Parallel()
				s := newTestServer(t)
				p := newProtocolServer(t, nil, s.settings())
				config := map[string]any{"email": "ada@acme.com", "first_name": "Ada", "role": "admin"}
				r := &instance{typeName: "sym_user"}
				planned := r.plan(p, config)
				wantDiagnostics(t, planned.Diagnostics)
				var once sync.Once
				writes := 0
				s.onRequest(func(req *http.Request) {
					if req.Method == http.MethodPatch {
						writes++
					}
					if writes == 2 && last == "/users" || strings.HasSuffix(req.URL.Path, last) && last == "/set-role" {
						once.Do(func() {
							u, _ := s.storedUser("ada@acme.com")
							meanwhile(s, u)
						})
					}
				})
				wantDiagnostics(t, r.applyPlan(p, config, planned))
				stored, _ := s.storedUser("ada@acme.com")
				if stored.ID != r.state["id"] || stored.FirstName != "Ada" || stored.Role != identity.Admin {
					t.Errorf("stored %+v, state %v", stored, r.state)
				}
				p.nextRun()
				wantDiagnostics(t, r.refresh(p))
				wantDiagnostics(t, r.apply(p, nil))
			})
		}
	}
}

// A rename without a moved block is refused where it may delete identities.
func TestUserResource_destroyedAndCreated(t *testing.T) {
	t.Parallel()
	const refused = "ERROR: User Is Destroyed and Created in One Plan | One resource for ada@acme.com goes … moved {\n    from = sym_user.OLD_NAME"
	for _, what := range []string{"free", "mapped", "mapped, but not its own any more"} {
		for _, deletes := range []bool{false, true} {
			for _, destroyFirst := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, delete_identities %t, destroyed first %t", what, deletes, destroyFirst), func(t *testing.T) {
					t.Parallel()
					s := newTestServer(t).register(testOkta)
					p := newProtocolServerOf(t, newRecordedServer(nil), s.settings()) // one walk plans both
					config := map[string]any{"email": "ada@acme.com", "delete_identities": deletes}
					old, fresh := &instance{typeName: "sym_user"}, &instance{typeName: "sym_user"}
					wantDiagnostics(t, old.apply(p, config))
					if what != "free" {
						s.mapping("ada@acme.com", testOkta, "00u1", identity.Manual)
					}
					if u, _ := s.storedUser("ada@acme.com"); strings.Contains(what, "not") {
						s.upsert(store.UserWrite{ID: u.ID, Key: u.Key, Assert: true})
					}
					p.nextRun()
					var diags []*tfprotov6.Diagnostic
					if destroyFirst {
						diags = slices.Concat(old.plan(p, nil).Diagnostics, fresh.plan(p, config).Diagnostics)
					} else {
						diags = slices.Concat(fresh.plan(p, config).Diagnostics, old.plan(p, nil).Diagnostics)
					}
					if what == "mapped" && deletes {
						wantDiagnostics(t, diags, refused)
					} else {
						wantDiagnostics(t, diags)
					}
				})
			}
		}
	}
}

// A destroy waits a little for the resource that adopts the user in the same apply.
func TestUserResource_renamed(t *testing.T) {
	t.Parallel()
	s := newTestServer(t).register(testOkta)
	p := newProtocolServer(t, nil, s.settings())
	config := map[string]any{"email": "ada@acme.com"}
	old, fresh := &instance{typeName: "sym_user"}, &instance{typeName: "sym_user"}
	wantDiagnostics(t, old.apply(p, config))
	s.mapping("ada@acme.com", testOkta, "00u1", identity.Manual)
	p.nextRun()
	going, coming := old.plan(p, nil), fresh.plan(p, config)
	read := make(chan struct{})
	var once sync.Once
	s.onRequest(func(req *http.Request) {
		if req.Method == http.MethodGet && strings.HasSuffix(req.URL.Path, "/users") {
			once.Do(func() { close(read) })
		}
	})
	var wait sync.WaitGroup
	wait.Go(func() {
		<-read // the destroy is first
		wantDiagnostics(t, fresh.applyPlan(p, config, coming))
	})
	wantDiagnostics(t, old.applyPlan(p, nil, going), "WARNING: User Kept: ada@acme.com")
	wait.Wait()
	s.wantStored("ada@acme.com", testOkta, "00u1", identity.Manual)
}
