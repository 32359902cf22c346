// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package resolve_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

// TestClaims asks for ada, then bob. Rules give each of them 00u1 unless a test
// says otherwise.
func TestClaims(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		api      *fakeAPI
		declared declared
		users    []identity.UserKey
		want     []string
	}{
		"nobody else": {
			users: []identity.UserKey{ada}, want: []string{"rule 00u1 rule=same"},
		},
		"two by a rule": {
			want: []string{"unmapped ambiguous rivals=bob@acme.com candidates=00u1", "unmapped ambiguous rivals=ada@acme.com candidates=00u1"},
		},
		"two by a rule, the other order": {
			users: []identity.UserKey{bob, ada},
			want:  []string{"unmapped ambiguous rivals=ada@acme.com candidates=00u1", "unmapped ambiguous rivals=bob@acme.com candidates=00u1"},
		},
		"two by a rule, and the owner of the address": {
			api:   newFake(okta).account("zoe@acme.com", "00u1"),
			users: []identity.UserKey{ada, "zoe@acme.com", bob},
			want:  []string{"unmapped claimed holder=zoe@acme.com candidates=00u1", "email 00u1", "unmapped claimed holder=zoe@acme.com candidates=00u1"},
		},
		"an alias, and the owner of the address": {
			api:   newFake(okta).found("alias@acme.com", "00u7", identity.EvidenceAlias).found("own@acme.com", "00u7", identity.EvidenceVerifiedEmail),
			users: []identity.UserKey{"alias@acme.com", "own@acme.com"},
			want:  []string{"unmapped claimed holder=own@acme.com candidates=00u7", "email 00u7"},
		},
		"two aliases": {
			api:   newFake(okta).found("alias@acme.com", "00u7", identity.EvidenceAlias).found("other@acme.com", "00u7", identity.EvidenceAlias),
			users: []identity.UserKey{"alias@acme.com", "other@acme.com"},
			want:  []string{"unmapped ambiguous rivals=other@acme.com candidates=00u7", "unmapped ambiguous rivals=alias@acme.com candidates=00u7"},
		},
		"two primary addresses of one account": {
			api:   newFake(okta).account("login@acme.com", "00u7").account("mail@acme.com", "00u7"),
			users: []identity.UserKey{"login@acme.com", "mail@acme.com", "zoe@acme.com"},
			want:  []string{"unmapped ambiguous rivals=mail@acme.com candidates=00u7", "unmapped ambiguous rivals=login@acme.com candidates=00u7", "unmapped not_found"},
		},
		"an API that does not say why": {
			api:   newFake(okta).found("login@acme.com", "00u7", "").account("mail@acme.com", "00u7"),
			users: []identity.UserKey{"login@acme.com", "mail@acme.com"},
			want:  []string{"unmapped claimed holder=mail@acme.com candidates=00u7", "email 00u7"},
		},
		"contested, and in the store": {
			api: newFake(okta).store(carol, okta, "00u1", identity.FromRule),
			want: []string{
				"unmapped claimed holder=carol@acme.com candidates=00u1",
				"unmapped claimed holder=carol@acme.com candidates=00u1",
			},
		},
		"in the store, by somebody not asked for": {
			api: newFake(okta).store(carol, okta, "00u1", identity.Manual),
			want: []string{
				"unmapped claimed holder=carol@acme.com candidates=00u1",
				"unmapped claimed holder=carol@acme.com candidates=00u1",
			},
		},
		"in the store, by somebody asked for": {
			api:  newFake(okta).store(bob, okta, "00u1", identity.FromEmail),
			want: []string{"unmapped claimed holder=bob@acme.com candidates=00u1", "store 00u1 stored=email"},
		},
		"in the store, shared: always the same holder": {
			api: newFake(okta).store("zoe@acme.com", okta, "00u1", identity.Manual).store(carol, okta, "00u1", identity.Manual).
				store("dan@acme.com", okta, "00u1", identity.Manual),
			users: []identity.UserKey{ada}, want: []string{"unmapped claimed holder=carol@acme.com candidates=00u1"},
		},
		"in the store of another service": {
			api:   newFake(okta, github).store(carol, github, "00u1", identity.Manual),
			users: []identity.UserKey{ada}, want: []string{"rule 00u1 rule=same"},
		},
		"the identity is spelled another way, and case counts": {
			api:   newFake(okta).store(carol, okta, "00U1", identity.Manual),
			users: []identity.UserKey{ada}, want: []string{"rule 00u1 rule=same"},
		},
		"declared for somebody not asked for": {
			declared: declares(okta, "carol@acme.com", "00u1"),
			users:    []identity.UserKey{ada}, want: []string{"unmapped claimed holder=carol@acme.com candidates=00u1"},
		},
		"declared for somebody later in the pass": {
			declared: declares(okta, "bob@acme.com", "00u1"),
			want:     []string{"unmapped claimed holder=bob@acme.com candidates=00u1", "declared 00u1"},
		},
		"the holder is declared to have another account": {
			api: newFake(okta).store(carol, okta, "00u1", identity.Manual), declared: declares(okta, "carol@acme.com", "00u3"),
			users: []identity.UserKey{ada}, want: []string{"rule 00u1 rule=same"},
		},
		"the holder is declared to keep the account": {
			api: newFake(okta).store(carol, okta, "00u1", identity.FromRule), declared: declares(okta, "carol@acme.com", "00u1"),
			users: []identity.UserKey{ada}, want: []string{"unmapped claimed holder=carol@acme.com candidates=00u1"},
		},
		"one of two holders is declared to have another account": {
			api: newFake(okta).store(bob, okta, "00u1", identity.Manual).store(carol, okta, "00u1", identity.Manual), declared: declares(okta, "bob@acme.com", "00u3"),
			users: []identity.UserKey{ada}, want: []string{"unmapped claimed holder=carol@acme.com candidates=00u1"},
		},
		"the holder is declared in another service": {
			api: newFake(okta, github).store(carol, okta, "00u1", identity.Manual), declared: declares(github, "carol@acme.com", "c"),
			users: []identity.UserKey{ada}, want: []string{"unmapped claimed holder=carol@acme.com candidates=00u1"},
		},
		"a lookup hit": {
			api:   newFake(okta).store(ada, okta, "00u1", identity.Manual).account("carol@acme.com", "00u1"),
			users: []identity.UserKey{carol}, want: []string{"unmapped claimed holder=ada@acme.com candidates=00u1"},
		},
		"a lookup hit on what a rule gave": {
			api:   newFake(okta).account("carol@acme.com", "00u1"),
			users: []identity.UserKey{ada, carol},
			want:  []string{"unmapped claimed holder=carol@acme.com candidates=00u1", "email 00u1"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.api == nil {
				test.api = newFake(okta)
			}
			if test.users == nil {
				test.users = []identity.UserKey{ada, bob}
			}
			req := ask(okta, test.users...)
			req.Declared = test.declared
			set := compile(t, gives("same", "ada@acme.com", "00u1", "bob@acme.com", "00u1"))
			if diff := cmp.Diff(test.want, brief(run(t, test.api, set, req))); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSeveralContested: each account is settled for itself.
func TestSeveralContested(t *testing.T) {
	t.Parallel()
	pairs := []string{"one@acme.com", "00u0"}
	users := []identity.UserKey{"one@acme.com"}
	want := []string{"rule 00u0 rule=r"}
	for i := range 8 {
		a, b, id := fmt.Sprintf("a%d@acme.com", i), fmt.Sprintf("b%d@acme.com", i), fmt.Sprintf("00x%d", i)
		pairs, users = append(pairs, a, id, b, id), append(users, identity.UserKey(a), identity.UserKey(b))
		want = append(want, "unmapped ambiguous rivals="+b+" candidates="+id, "unmapped ambiguous rivals="+a+" candidates="+id)
	}
	if diff := cmp.Diff(want, brief(run(t, newFake(okta), compile(t, gives("r", pairs...)), ask(okta, users...)))); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

// TestListAccounts: a name cannot write lines of its own into a plan or a log.
func TestListAccounts(t *testing.T) {
	t.Parallel()
	got := resolve.ListAccounts([]identity.Candidate{
		{Matcher: identity.Matcher{"user_id": "u1"}, Name: "Zoë O’Hara, née X", State: "active"},
		{Matcher: identity.Matcher{"user_id": "u2\n"}, Name: "Bob\n::error::Apply complete!\x1b[2J\u202e"},
	})
	const want = `u1 (Zoë O’Hara, née X, active), "u2\n" ("Bob\n::error::Apply complete!\x1b[2J\u202e")`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestClaimedStep(t *testing.T) {
	t.Parallel()
	f := newFake(okta).account("ada@acme.com", "00u1").store(bob, okta, "00u1", identity.Manual)
	want := []string{"unmapped claimed holder=bob@acme.com candidates=00u1\nstore miss: nothing is stored\nrule miss: no rules are configured\n" +
		"email miss: ada@acme.com has the account 00u1, which belongs to bob@acme.com"}
	if diff := cmp.Diff(want, lines(run(t, f, nil, ask(okta, ada)))); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

func TestGithubClaimsIgnoreCase(t *testing.T) {
	t.Parallel()
	f := newFake(github).account("ada@acme.com", "Ada-L").store(bob, github, "ada-l", identity.Manual)
	want := []string{"unmapped claimed holder=bob@acme.com candidates=Ada-L"}
	if diff := cmp.Diff(want, brief(run(t, f, nil, ask(github, ada)))); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

// TestStale checks a stored value against what rules and lookup give.
func TestStale(t *testing.T) {
	t.Parallel()
	noDirectory := &identity.Error{Code: identity.CodeNoDirectory, Message: "this API has no directories"}
	rule := gives("now", "ada@acme.com", "00u2")
	tests := map[string]struct {
		source identity.Source
		user   identity.UserKey
		api    func(*fakeAPI)
		rules  []rules.Rule
		want   string
	}{
		"manual, a rule differs":   {source: identity.Manual, rules: []rules.Rule{rule}, want: "store 00u1 stored=manual fresh=00u2 stale"},
		"rule, a rule differs":     {source: identity.FromRule, rules: []rules.Rule{rule}, want: "store 00u1 stored=rule rule=then fresh=00u2 stale"},
		"email, a rule differs":    {source: identity.FromEmail, rules: []rules.Rule{rule}, want: "store 00u1 stored=email fresh=00u2 stale"},
		"manual, a rule agrees":    {source: identity.Manual, rules: []rules.Rule{gives("now", "ada@acme.com", "00u1")}, want: "store 00u1 stored=manual"},
		"rule, the lookup agrees":  {source: identity.FromRule, api: func(f *fakeAPI) { f.account("ada@acme.com", "00u1") }, want: "store 00u1 stored=rule rule=then"},
		"email, the lookup agrees": {source: identity.FromEmail, api: func(f *fakeAPI) { f.account("ada@acme.com", "00u1") }, want: "store 00u1 stored=email"},
		"manual, not found":        {source: identity.Manual, want: "store 00u1 stored=manual"},
		"rule, not found":          {source: identity.FromRule, want: "store 00u1 stored=rule rule=then stale"},
		"email, not found":         {source: identity.FromEmail, want: "store 00u1 stored=email stale"},
		"email, inactive": {
			source: identity.FromEmail, want: "store 00u1 stored=email stale",
			api: func(f *fakeAPI) { f.said("ada@acme.com", identity.LookupResult{Status: identity.Inactive}) },
		},
		"manual, one of several": {
			source: identity.Manual, want: "store 00u1 stored=manual",
			api: func(f *fakeAPI) {
				f.said("ada@acme.com", identity.LookupResult{Status: identity.Ambiguous, Candidates: accounts("00u1", "00u2")})
			},
		},
		"manual, the other account is somebody else's": {
			source: identity.Manual, rules: []rules.Rule{rule}, want: "store 00u1 stored=manual",
			api: func(f *fakeAPI) { f.store(bob, okta, "00u2", identity.FromRule) },
		},
		"rule, the other account is somebody else's": {
			source: identity.FromRule, rules: []rules.Rule{rule}, want: "store 00u1 stored=rule rule=then stale",
			api: func(f *fakeAPI) { f.store(bob, okta, "00u2", identity.FromRule) },
		},
		"manual, shared with somebody, a rule agrees": {
			source: identity.Manual, rules: []rules.Rule{gives("now", "ada@acme.com", "00u1")}, want: "store 00u1 stored=manual",
			api: func(f *fakeAPI) { f.store("aaa@acme.com", okta, "00u1", identity.Manual) },
		},
		"manual, nobody can be asked": {source: identity.Manual, api: func(f *fakeAPI) { f.failing("lookup", noDirectory) }, want: "store 00u1 stored=manual"},
		"email, nobody can be asked":  {source: identity.FromEmail, api: func(f *fakeAPI) { f.failing("lookup", noDirectory) }, want: "store 00u1 stored=email"},
		"rule, nobody can be asked":   {source: identity.FromRule, api: func(f *fakeAPI) { f.failing("lookup", noDirectory) }, want: "store 00u1 stored=rule rule=then stale"},
		"bot, manual":                 {source: identity.Manual, user: bot, want: "store 00u1 stored=manual"},
		"bot, by a rule that is gone": {source: identity.FromRule, user: bot, want: "store 00u1 stored=rule rule=then stale"},
		"the lookup fails": {
			source: identity.Manual, want: "error stored=manual",
			api: func(f *fakeAPI) {
				f.said("ada@acme.com", identity.LookupResult{Status: identity.Failed, Err: &identity.Error{Code: identity.CodeDirectoryFailed}})
			},
		},
		"a rule fails": {
			source: identity.Manual, rules: []rules.Rule{{Name: "broken", Expression: ptr(`user.identities["x"]`)}}, want: "error stored=manual",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.user == "" {
				test.user = ada
			}
			rule := ""
			if test.source == identity.FromRule {
				rule = "then"
			}
			f := newFake(okta).store(test.user, okta, "00u1", test.source, rule)
			if test.api != nil {
				test.api(f)
			}
			req := ask(okta, test.user)
			req.CheckStale, req.Persist = true, true
			got := brief(run(t, f, compile(t, test.rules...), req))
			if diff := cmp.Diff([]string{test.want}, got); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
			if len(f.writes) != 0 {
				t.Errorf("checking wrote %v", f.writes)
			}
		})
	}
}

func TestStaleIsCheckedOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	f := newFake(okta).store(ada, okta, "00u1", identity.FromEmail)
	got := run(t, f, nil, ask(okta, ada))
	if diff := cmp.Diff([]string{"store 00u1 stored=email"}, brief(got)); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"services", "users"}, f.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// TestStaleOrder: an account that somebody gets in the same pass is theirs for
// those before them as well.
func TestStaleOrder(t *testing.T) {
	t.Parallel()
	for _, users := range [][]identity.UserKey{{ada, bob}, {bob, ada}} {
		f := newFake(okta).store(ada, okta, "00u1", identity.Manual)
		req := ask(okta, users...)
		req.CheckStale = true
		got := map[identity.UserKey]string{}
		for _, a := range run(t, f, compile(t, gives("same", "ada@acme.com", "00u2", "bob@acme.com", "00u2")), req) {
			got[a.User] = line(a)
		}
		want := map[identity.UserKey]string{
			ada: "store 00u1 stored=manual\nstore hit: 00u1 is stored (source manual)\nrule miss: rule \"same\" gives 00u2, which belongs to bob@acme.com",
			bob: "rule 00u2 rule=same\nstore miss: nothing is stored\nrule hit: rule \"same\" gives 00u2",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("answers for %v (-want +got):\n%s", users, diff)
		}
	}
}

var _ resolve.API = (*fakeAPI)(nil)

// TestChain_manyRivals: one bad rule gives one account to everybody. Each answer names
// a few of the others and counts the rest.
func TestChain_manyRivals(t *testing.T) {
	t.Parallel()
	const people = 500
	users := make([]identity.UserKey, people)
	for i := range users {
		users[i] = identity.UserKey(fmt.Sprintf("p%03d@acme.com", i))
	}
	set := compile(t, rules.Rule{Name: "all", ServiceType: "okta", Match: new(".*@acme\\.com"), Identity: new("00u1")})
	answers := run(t, newFake(okta), set, ask(okta, users...))
	for i, a := range answers {
		if len(a.Rivals) == 0 || len(a.Rivals)+a.MoreRivals != people-1 || slices.Contains(a.Rivals, users[i]) {
			t.Fatalf("%s: %d rivals and %d more", users[i], len(a.Rivals), a.MoreRivals)
		}
		if text := a.ListRivals(); len(text) > 200 || !strings.HasSuffix(text, " and 494 more") {
			t.Fatalf("%s: %s", users[i], text)
		}
	}
}
