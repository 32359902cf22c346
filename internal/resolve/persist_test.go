// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package resolve_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

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
		if len(f.writes) != 1 {
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

// TestPersist_account: what the service says of an account is said of that one.
func TestPersist_account(t *testing.T) {
	t.Parallel()
	for want, between := range map[string]func(*fakeAPI){
		"store 00u1 stored=rule rule=r account=inactive stale":                  nil,
		"store 00u9 stored=manual fresh=00u1 stale":                             func(f *fakeAPI) { f.store(ada, okta, "00u9", identity.Manual) },
		"unmapped claimed holder=bob@acme.com candidates=00u1 account=inactive": func(f *fakeAPI) { f.store(bob, okta, "00u1", identity.Manual) },
	} {
		f := newFake(okta).is("00u1", identity.AccountInactive)
		if between != nil {
			f.between = func() { between(f) }
		}
		req := persistReq(ada)
		req.CheckStale = true
		set := compile(t, gives("r", "ada@acme.com", "00u1"))
		pass, err := resolve.Chain{API: f, Rules: set}.Resolve(t.Context(), req)
		if err != nil || !pass.Resolutions[0].Stale || len(f.writes) > 0 {
			t.Errorf("before it is stored: %v, %v", pass.Resolutions, err)
		}
		if got := brief(run(t, f, set, req))[0]; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	req := persistReq(ada)
	req.CheckStale, req.OnlyUnique = true, true
	held := run(t, newFake(okta).is("00u1", identity.AccountInactive), compile(t, gives("r", "ada@acme.com", "00u1")), req)[0]
	if held.NotStored == "" || !held.Retired() || held.Stale {
		t.Errorf("what is held back: %+v", held)
	}
}

// vagueAPI reports conflicts without what is stored.
type vagueAPI struct{ *fakeAPI }

func (vagueAPI) Write(context.Context, []identity.Write) ([]identity.User, error) {
	return nil, &identity.BatchError{Items: []identity.ItemError{{Err: &identity.Error{Code: identity.CodeIdentityConflict}}}}
}

func TestPersist_conflictWithoutTheStored(t *testing.T) {
	t.Parallel()
	got := run(t, vagueAPI{newFake(okta)}, compile(t, gives("r", "ada@acme.com", "00u1")), persistReq(ada))
	if got[0].Err == nil || got[0].Mapped() {
		t.Errorf("got %s", line(got[0]))
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

// TestPersist_notFreedByApply: the holder is declared to have what was stored for
// them meanwhile, another name of the same account.
func TestPersist_notFreedByApply(t *testing.T) {
	t.Parallel()
	f := newFake(github).said("bob@acme.com", identity.LookupResult{
		Status: identity.Found, Matcher: identity.Matcher{"user_id": "ada-byron"}, AccountID: "1", Evidence: identity.EvidenceEmail})
	f.between = func() { f.store(ada, github, "ada-l", identity.Manual).pin(ada, "1") }
	req := ask(github, bob)
	req.Persist, req.Declared = true, declares(github, "ada@acme.com", "ada-l")
	if got, want := brief(run(t, f, nil, req))[0], "unmapped claimed holder=ada@acme.com candidates=ada-byron"; got != want {
		t.Errorf("got %s, want %s", got, want)
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

// TestRulesSeeDeclared: rules see what apply will store in other services, whatever
// the store holds now, and what they give is stored.
func TestRulesSeeDeclared(t *testing.T) {
	t.Parallel()
	two := declared{okta: {bob: {"user_id": "00uNEW", "realm": "acme"}}}
	shown := "user.role + '-' + ('okta:acme.okta.com' in user.identities ? user.identities['okta:acme.okta.com'] : 'none')"
	set := compile(t, rules.Rule{Name: "after okta", ServiceType: "github", Expression: &shown})
	for name, test := range map[string]struct {
		stored   bool
		declared declared
		want     string
	}{
		"nothing declared":        {true, nil, "member-00uOLD"},
		"another account":         {true, declares(okta, "bob@acme.com", "00uNEW"), "member-00uNEW"},
		"somebody else's":         {true, declares(okta, "ada@acme.com", "00uNEW"), "member-00uOLD"},
		"a value of several keys": {true, two, "member-none"},
		"of nobody stored":        {false, declares(okta, "bob@acme.com", "00uNEW"), "member-00uNEW"},
		"of nobody stored, keys":  {false, two, "member-none"},
	} {
		for _, services := range [][]identity.ServiceKey{{okta, github}, {github}} {
			f := newFake(okta, github)
			if test.stored {
				f.store(bob, okta, "00uOLD", identity.FromEmail).user(bob).Role = identity.Member
			}
			req := resolve.Request{Users: []identity.UserKey{bob}, Services: services, Declared: test.declared, Persist: true}
			answers := run(t, f, set, req)
			m, _ := f.user(bob).Mapping(github)
			for _, matcher := range []identity.Matcher{answers[len(answers)-1].Matcher, m.Matcher} {
				if id, _ := matcher.Identity(github.Type); id != test.want {
					t.Errorf("%s, %v: the rule gives %q, want %q", name, services, id, test.want)
				}
			}
		}
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
	_, err := runAll(strayAPI{f}, set, persistReq(ada))
	var batch *identity.BatchError
	if !errors.As(err, &batch) {
		t.Errorf("got %v", err)
	}
}

// TestPersist_holds: nothing is stored where the caller does not accept the
// resolutions, be it before the first write or after one that was refused.
func TestPersist_holds(t *testing.T) {
	t.Parallel()
	set := compile(t, gives("r", "ada@acme.com", "00u1", "bob@acme.com", "00u2"))
	for name, test := range map[string]struct {
		users   []identity.UserKey
		between func(*fakeAPI)
		writes  int
	}{
		"everybody is mapped":     {users: []identity.UserKey{ada, bob}, writes: 1},
		"somebody is unmapped":    {users: []identity.UserKey{ada, bob, carol}},
		"somebody is unmapped by": {users: []identity.UserKey{ada, bob}, between: func(f *fakeAPI) { f.store(carol, okta, "00u1", identity.Manual) }, writes: 1},
	} {
		f := newFake(okta)
		if test.between != nil {
			f.between = func() { test.between(f) }
		}
		pass, err := resolve.Chain{API: f, Rules: set}.Resolve(t.Context(), persistReq(test.users...))
		if err != nil {
			t.Fatal(err)
		}
		everybody := func(all []resolve.Resolution) bool {
			for _, a := range all {
				if !a.Mapped() {
					return false
				}
			}
			return true
		}
		if err := pass.Persist(t.Context(), everybody); err != nil {
			t.Fatal(err)
		}
		if len(f.writes) != test.writes {
			t.Errorf("%s: writes %v", name, f.writes)
		}
		_, stored := f.user(bob).Mapping(okta)
		if want := name == "everybody is mapped"; stored != want {
			t.Errorf("%s: bob is stored: %t", name, stored)
		}
	}
}

// TestPersist_oneTransaction: all services of a pass are stored together, so
// that a service that fails leaves none of them behind.
func TestPersist_oneTransaction(t *testing.T) {
	t.Parallel()
	f := newFake(okta, github).account("ada@acme.com", "00u1")
	req := resolve.Request{Users: []identity.UserKey{ada}, Services: []identity.ServiceKey{okta, github}, Persist: true}
	run(t, f, nil, req)
	if len(f.writes) != 1 || len(f.writes[0]) != 2 {
		t.Errorf("writes: %v", f.writes)
	}

	f = newFake(okta, github).account("ada@acme.com", "00u1").failing("lookup", errors.New("connection refused"))
	set := compile(t, gives("r", "ada@acme.com", "00u1"))
	if _, err := runAll(f, set, req); err == nil || len(f.writes) != 0 {
		t.Errorf("a service fails: error %v, writes %v", err, f.writes)
	}
}

// TestPersist_ruleWasShownAnother: a rule saw what okta was going to hold, and
// somebody else was quicker. What it gave is not stored.
func TestPersist_ruleWasShownAnother(t *testing.T) {
	t.Parallel()
	for name, between := range map[string]func(*fakeAPI){
		"another value is stored": func(f *fakeAPI) { f.store(ada, okta, "00u9", identity.Manual) },
		"the account is claimed":  func(f *fakeAPI) { f.store(bob, okta, "00u1", identity.Manual) },
	} {
		f := newFake(okta, github).account("ada@acme.com", "00u1").account("carol@acme.com", "00u3")
		f.between = func() { between(f) }
		set := compile(t, rules.Rule{Name: "same as okta", ServiceType: "github", Expression: ptr(`user.identities[?"okta:acme.okta.com"].orValue("")`)})
		got := run(t, f, set, resolve.Request{Users: []identity.UserKey{ada, carol}, Services: []identity.ServiceKey{okta, github}, Persist: true})
		if got[2].Err == nil || got[2].Mapped() {
			t.Errorf("%s: got %s", name, line(got[2]))
		}
		if _, stored := f.user(ada).Mapping(github); stored {
			t.Errorf("%s: stored %v", name, f.user(ada).Mappings)
		}
		if _, stored := f.user(carol).Mapping(github); !stored {
			t.Errorf("%s: carol's is not stored: %s", name, line(got[3]))
		}
	}
}

// TestPersist_pins: the account's own id is stored beside its identity.
func TestPersist_pins(t *testing.T) {
	t.Parallel()
	f := newFake(github).said("ada@acme.com", identity.LookupResult{
		Status: identity.Found, Matcher: identity.Matcher{"user_id": "ada-l"}, AccountID: "4711", Evidence: identity.EvidenceVerifiedEmail})
	req := ask(github, ada)
	req.Persist = true
	got := run(t, f, nil, req)
	if f.writes[0][0].AccountID != "4711" || got[0].AccountID != "4711" {
		t.Errorf("wrote %v, answered %s", f.writes, line(got[0]))
	}
}

// TestPersist_onlyUnique: alone, only what the whole list shows to be nobody
// else's is stored. The answer is the same, and rules see only what is stored.
func TestPersist_onlyUnique(t *testing.T) {
	t.Parallel()
	sameAddress := gives("r", "ada@acme.com", "00u1")
	tests := map[string]struct {
		api    func(*fakeAPI)
		rules  []rules.Rule
		user   identity.UserKey
		stored bool
		want   string
		why    string // part of NotStored
	}{
		"the owner of the only address": {api: func(f *fakeAPI) { f.account("ada@acme.com", "00u1") }, stored: true, want: "store 00u1 stored=email"},
		"an account with another owner": {api: func(f *fakeAPI) { f.account("ada@acme.com", "00u1"); f.shared = map[string]bool{"00u1": true} }, want: "email 00u1"},
		"a rule that the list confirms": {api: func(f *fakeAPI) { f.account("ada@acme.com", "00u1") }, rules: []rules.Rule{sameAddress}, stored: true, want: "store 00u1 stored=rule rule=r"},
		"a rule that it contradicts":    {api: func(f *fakeAPI) { f.account("ada@acme.com", "00u2") }, rules: []rules.Rule{sameAddress}, want: "rule 00u1 rule=r"},
		"a rule that it cannot confirm": {rules: []rules.Rule{sameAddress}, want: "rule 00u1 rule=r"},
		"a lookup by somebody else's e-mail": {
			api:   func(f *fakeAPI) { f.account("team@acme.com", "00u1") },
			rules: []rules.Rule{{Name: "team", Match: ptr(`ada@acme\.com`), LookupEmail: ptr("team@acme.com")}},
			want:  "email 00u1 lookup=team@acme.com",
		},
		"a bot by a rule":            {rules: []rules.Rule{gives("bots", "deploy-bot", "00b1")}, user: bot, want: "rule 00b1 rule=bots"},
		"a list that cannot be read": {api: func(f *fakeAPI) { f.account("ada@acme.com", "00u1").failing("list", errors.New("no permission")) }, want: "email 00u1"},
		"no directory":               {api: func(f *fakeAPI) { f.services[0].NoDirectory = true }, rules: []rules.Rule{sameAddress}, want: "rule 00u1 rule=r"},
		"a list that fails without a reason": {
			api:   func(f *fakeAPI) { f.said("ada@acme.com", identity.LookupResult{Status: identity.Failed}) },
			rules: []rules.Rule{sameAddress}, want: "rule 00u1 rule=r", why: "does not show",
		},
		"a list that fails for one": {
			api: func(f *fakeAPI) {
				f.said("ada@acme.com", identity.LookupResult{Status: identity.Failed, Err: &identity.Error{Message: "slow down"}})
			},
			rules: []rules.Rule{sameAddress}, want: "rule 00u1 rule=r", why: "could not be read: slow down",
		},
		"unmapped": {want: "unmapped not_found"},
	}
	for name, test := range tests {
		f := newFake(okta)
		if test.api != nil {
			test.api(f)
		}
		if test.user == "" {
			test.user = ada
		}
		f.user(bot)
		req := persistReq(test.user)
		req.OnlyUnique = true
		got := run(t, f, compile(t, test.rules...), req)
		if text := brief(got)[0]; text != test.want {
			t.Errorf("%s: got %q, want %q", name, text, test.want)
		}
		if (len(f.writes) > 0) != test.stored || (got[0].NotStored == "") != (test.stored || !got[0].Mapped()) {
			t.Errorf("%s: wrote %v, not stored: %q", name, f.writes, got[0].NotStored)
		}
		if !strings.Contains(got[0].NotStored, test.why) {
			t.Errorf("%s: not stored: %q, want %q", name, got[0].NotStored, test.why)
		}
		if len(f.asked) > 0 && (test.user == bot || f.services[0].NoDirectory) {
			t.Errorf("%s: asked %v", name, f.asked)
		}
	}
}
