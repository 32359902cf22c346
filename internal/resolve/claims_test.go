// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package resolve_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

// TestClaims asks for ada, then bob, whom rules give 00u1 each unless a test
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
		"earlier in the pass": {
			want: []string{"rule 00u1 rule=same", "unmapped claimed holder=ada@acme.com candidates=00u1"},
		},
		"earlier in the pass, the other order": {
			users: []identity.UserKey{bob, ada},
			want:  []string{"rule 00u1 rule=same", "unmapped claimed holder=bob@acme.com candidates=00u1"},
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
			users: []identity.UserKey{carol, ada},
			want:  []string{"email 00u1", "unmapped claimed holder=carol@acme.com candidates=00u1"},
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
				f.said("ada@acme.com", identity.LookupResult{Status: identity.Ambiguous, Candidates: []identity.Candidate{{Matcher: identity.Matcher{"user_id": "00u1"}}, {Matcher: identity.Matcher{"user_id": "00u2"}}}})
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

// persistReq asks for users in okta and stores what is found.
func persistReq(users ...identity.UserKey) resolve.Request {
	req := ask(okta, users...)
	req.Persist = true
	return req
}

func TestPersist_writes(t *testing.T) {
	t.Parallel()
	f := newFake(okta).account("bob@acme.com", "00u2").store("dan@acme.com", okta, "00u4", identity.Manual)
	f.user(bob)
	req := persistReq(ada, bob, carol, "dan@acme.com", "eve@acme.com")
	req.Declared = declares(okta, "eve@acme.com", "00u5")
	got := run(t, f, compile(t, gives("a", "ada@acme.com", "00u1")), req)
	conditions := identity.Conditions{IfAbsent: true, IfUnclaimed: true}
	want := [][]identity.Write{{
		{User: ada, Service: okta, Matcher: identity.Matcher{"user_id": "00u1"}, Source: identity.FromRule, Rule: "a", Conditions: conditions},
		{User: bob, UserID: "id-bob@acme.com", Service: okta, Matcher: identity.Matcher{"user_id": "00u2"}, Source: identity.FromEmail, Conditions: conditions},
	}}
	if diff := cmp.Diff(want, f.writes); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	answers := []string{
		"store 00u1 stored=rule rule=a\nstore hit: 00u1 is stored (source rule \"a\")",
		"store 00u2 stored=email\nstore hit: 00u2 is stored (source email)",
		"unmapped not_found\nstore miss: nothing is stored\nrule miss: no rule gives an identity\nemail miss: no account has the e-mail carol@acme.com",
		"store 00u4 stored=manual\nstore hit: 00u4 is stored (source manual)",
		"declared 00u5\ndeclared hit: 00u5 is declared in this configuration",
	}
	if diff := cmp.Diff(answers, lines(got)); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

// TestPersist_isToldAsLaterRunsTell: a second plan shows no change.
func TestPersist_isToldAsLaterRunsTell(t *testing.T) {
	t.Parallel()
	for _, stale := range []bool{false, true} {
		f := newFake(okta, pager).account("ada.byron@acme.com", "00u1").account("bob@acme.com", "00u2").account("ada@acme.com", "P1")
		set := compile(t,
			rules.Rule{Name: "married", Match: ptr(`ada@acme\.com`), LookupEmail: ptr("ada.byron@acme.com")},
			gives("c", "carol@acme.com", "00u3"),
		)
		req := resolve.Request{Users: []identity.UserKey{ada, bob, carol}, Services: []identity.ServiceKey{okta, pager}, Persist: true, CheckStale: stale}
		first := run(t, f, set, req)
		second := run(t, f, set, req)
		if diff := cmp.Diff(first, second); diff != "" {
			t.Errorf("check_stale %t: the second run differs (-first +second):\n%s", stale, diff)
		}
		if len(f.writes) != 2 {
			t.Errorf("check_stale %t: wrote %d times", stale, len(f.writes))
		}
		if !first[0].Mapped() || first[0].Source != resolve.Store || first[0].Stale {
			t.Errorf("check_stale %t: got %s", stale, line(first[0]))
		}
	}
}

// TestPersist_itemErrors: what cannot be stored is settled, the rest is stored.
func TestPersist_itemErrors(t *testing.T) {
	t.Parallel()
	const dan = identity.UserKey("dan@acme.com")
	f := newFake(okta).account("dan@acme.com", "00u4")
	f.between = func() { // another writer comes first
		f.store(ada, okta, "00u9", identity.Manual)
		f.store("zoe@acme.com", okta, "00u2", identity.FromEmail)
	}
	set := compile(t, gives("r", "ada@acme.com", "00u1", "bob@acme.com", "00u2", "carol@acme.com", "00u3", "deploy-bot", "00b1"))
	got := run(t, f, set, persistReq(ada, bob, carol, bot, dan))
	want := []string{
		"store 00u9 stored=manual\nstore hit: 00u9 is stored (source manual)",
		"unmapped claimed holder=zoe@acme.com candidates=00u2\nstore miss: nothing is stored\nrule miss: rule \"r\" gives 00u2, which belongs to zoe@acme.com",
		"store 00u3 stored=rule rule=r\nstore hit: 00u3 is stored (source rule \"r\")",
		"error rule=r\nstore miss: nothing is stored\nrule hit: rule \"r\" gives 00b1\n" +
			"rule error: the answer could not be stored: Unknown bot: deploy-bot. A bot must exist before it is mapped; a person is named by e-mail, with an @.",
		"store 00u4 stored=email\nstore hit: 00u4 is stored (source email)",
	}
	if diff := cmp.Diff(want, lines(got)); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if !errors.Is(got[3].Err, &identity.Error{Code: identity.CodeUserNotFound}) {
		t.Errorf("got the error %v", got[3].Err)
	}
	if len(f.writes) != 2 || len(f.writes[1]) != 2 {
		t.Errorf("writes: %v", f.writes)
	}
}

func TestPersist_conflictIsComparedToo(t *testing.T) {
	t.Parallel()
	f := newFake(okta)
	f.between = func() { f.store(ada, okta, "00u9", identity.Manual) }
	req := persistReq(ada)
	req.CheckStale = true
	want := []string{"store 00u9 stored=manual fresh=00u1 stale\nstore hit: 00u9 is stored (source manual)\nrule hit: rule \"r\" gives 00u1"}
	if diff := cmp.Diff(want, lines(run(t, f, compile(t, gives("r", "ada@acme.com", "00u1")), req))); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

// TestPersist_severalTransactions: what was stored beside failures is not sent
// again.
func TestPersist_severalTransactions(t *testing.T) {
	t.Parallel()
	f := newFake(okta)
	f.batch = 2
	f.between = func() { f.store("zoe@acme.com", okta, "00u1", identity.Manual) }
	set := compile(t, gives("r", "ada@acme.com", "00u1", "bob@acme.com", "00u2", "carol@acme.com", "00u3"))
	got := run(t, f, set, persistReq(ada, bob, carol))
	want := []string{"unmapped claimed holder=zoe@acme.com candidates=00u1", "store 00u2 stored=rule rule=r", "store 00u3 stored=rule rule=r"}
	if diff := cmp.Diff(want, brief(got)); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	var sent []string
	for _, w := range f.writes {
		sent = append(sent, fmt.Sprint(len(w)))
	}
	if diff := cmp.Diff([]string{"3", "1"}, sent); diff != "" {
		t.Errorf("sizes of writes (-want +got):\n%s", diff)
	}
}

// TestPersist_freedByApply: the account's holder is declared to have another
// one, which apply stores after this plan. Until then it cannot be stored.
func TestPersist_freedByApply(t *testing.T) {
	t.Parallel()
	f := newFake(okta).store(carol, okta, "00u1", identity.Manual)
	set := compile(t, gives("r", "ada@acme.com", "00u1", "bob@acme.com", "00u2"))
	req := persistReq(ada, bob)
	req.Declared = declares(okta, "carol@acme.com", "00u3")
	want := []string{"rule 00u1 rule=r", "store 00u2 stored=rule rule=r"}
	if diff := cmp.Diff(want, brief(run(t, f, set, req))); diff != "" {
		t.Errorf("before apply (-want +got):\n%s", diff)
	}
	f.users[carol].Mappings = nil
	f.store(carol, okta, "00u3", identity.Manual)
	want = []string{"store 00u1 stored=rule rule=r", "store 00u2 stored=rule rule=r"}
	if diff := cmp.Diff(want, brief(run(t, f, set, req))); diff != "" {
		t.Errorf("after apply (-want +got):\n%s", diff)
	}
}

func TestPersist_nextServiceSeesIt(t *testing.T) {
	t.Parallel()
	f := newFake(okta, github).account("ada@acme.com", "00u1")
	set := compile(t, rules.Rule{Name: "same as okta", ServiceType: "github", Expression: ptr(`user.identities[?"okta:acme.okta.com"].orValue("")`)})
	req := resolve.Request{Users: []identity.UserKey{ada}, Services: []identity.ServiceKey{okta, github}, Persist: true}
	want := []string{"store 00u1 stored=email", "store 00u1 stored=rule rule=same as okta"}
	if diff := cmp.Diff(want, brief(run(t, f, set, req))); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

// strayAPI blames elements that were not sent.
type strayAPI struct{ *fakeAPI }

func (s strayAPI) Write(_ context.Context, writes []identity.Write) ([]identity.User, error) {
	if err := s.called("write"); err != nil {
		return nil, err
	}
	return nil, &identity.BatchError{Items: []identity.ItemError{{Index: len(writes), Err: &identity.Error{Code: identity.CodeInternal}}}}
}

func TestPersist_strayItemErrorEnds(t *testing.T) {
	t.Parallel()
	f := newFake(okta)
	set := compile(t, gives("r", "ada@acme.com", "00u1"))
	_, err := resolve.Chain{API: strayAPI{f}, Rules: set}.Resolve(context.Background(), persistReq(ada))
	var batch *identity.BatchError
	if !errors.As(err, &batch) {
		t.Errorf("got %v", err)
	}
}
