// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package resolve_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

// TestAccount: a stored value whose account is inactive or gone is stale,
// whoever stored it and whatever its e-mail.
func TestAccount(t *testing.T) {
	t.Parallel()
	limited := &identity.Error{Code: identity.CodeDirectoryLimited, Message: "slow down", Retryable: true}
	same := gives("now", "ada@acme.com", "00u1")
	for name, test := range map[string]struct {
		api      func(*fakeAPI)
		rules    []rules.Rule
		declared declared
		want     string
		calls    string
	}{
		"active":           {api: func(f *fakeAPI) { f.is("00u1", identity.AccountActive) }, want: "store 00u1 stored=manual; account hit: the account 00u1 is active"},
		"inactive":         {api: func(f *fakeAPI) { f.is("00u1", identity.AccountInactive) }, want: "store 00u1 stored=manual account=inactive stale; account miss: the account 00u1 is inactive"},
		"gone":             {api: func(f *fakeAPI) { f.is("00u1", identity.AccountAbsent) }, want: "store 00u1 stored=manual account=absent stale; account miss: okta:acme.okta.com has no account 00u1"},
		"nothing is known": {want: "store 00u1 stored=manual; email miss: no account has the e-mail ada@acme.com"},
		"a rule gives it":  {api: func(f *fakeAPI) { f.is("00u1", identity.AccountAbsent) }, rules: []rules.Rule{same}, want: "store 00u1 stored=manual account=absent stale; account miss: okta:acme.okta.com has no account 00u1", calls: "services users status"},
		"another, and it is gone": {api: func(f *fakeAPI) { f.account("ada@acme.com", "00u2").is("00u1", identity.AccountAbsent) },
			want: "store 00u1 stored=manual fresh=00u2 account=absent stale; account miss: okta:acme.okta.com has no account 00u1"},
		"the lookup has told: active": {api: func(f *fakeAPI) { f.account("ada@acme.com", "00u1").is("00u1", identity.AccountAbsent) },
			want: "store 00u1 stored=manual; email hit: ada@acme.com has the account 00u1", calls: "services users lookup"},
		"the lookup has told: inactive": {api: func(f *fakeAPI) {
			f.said("ada@acme.com", identity.LookupResult{Status: identity.Inactive, Matcher: identity.Matcher{"user_id": "00u1"}})
		}, want: "store 00u1 stored=manual account=inactive stale; email miss: the account of ada@acme.com, 00u1, is inactive", calls: "services users lookup"},
		"declared": {api: func(f *fakeAPI) { f.is("00u7", identity.AccountInactive) }, declared: declares(okta, "ada@acme.com", "00u7"),
			want: "declared 00u7 stored=manual account=inactive; account miss: the account 00u7 is inactive"},
		"limited": {api: func(f *fakeAPI) {
			f.states["00u1"] = identity.AccountStatus{Status: identity.AccountFailed, Err: limited}
		},
			want: "error stored=manual; account error: okta:acme.okta.com could not be asked for the account 00u1: slow down"},
		"an odd answer":          {api: func(f *fakeAPI) { f.is("00u1", "asleep") }, want: `error stored=manual; account error: okta:acme.okta.com could not be asked for the account 00u1: the API answered with the status "asleep"`},
		"an API without status":  {api: func(f *fakeAPI) { f.failing("status", &identity.Error{Code: identity.CodeNoDirectory}) }, want: "store 00u1 stored=manual; email miss: no account has the e-mail ada@acme.com"},
		"a server without a one": {api: func(f *fakeAPI) { f.services[0].NoDirectory = true }, want: "store 00u1 stored=manual; email skipped: the server has no directory for okta:acme.okta.com", calls: "services users"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(okta).store(ada, okta, "00u1", identity.Manual)
			if test.api != nil {
				test.api(f)
			}
			req := ask(okta, ada)
			req.CheckStale, req.Declared = true, test.declared
			all := strings.Split(line(run(t, f, compile(t, test.rules...), req)[0]), "\n")
			if got := all[0] + "; " + all[len(all)-1]; got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if calls := strings.Join(f.calls, " "); test.calls != "" && calls != test.calls {
				t.Errorf("calls: %s, want %s", calls, test.calls)
			}
		})
	}
}

// TestAccount_pinOfAnother: an account that somebody holds under the name that it had
// is not free under its new one.
func TestAccount_pinOfAnother(t *testing.T) {
	t.Parallel()
	for accountID, want := range map[string]string{"1": "unmapped claimed holder=ada@acme.com as=ada-l candidates=ada-byron", "2": "email ada-byron", "": "email ada-byron"} {
		f := newFake(github).store(ada, github, "ada-l", identity.FromEmail).pin(ada, "1")
		f.said("bob@acme.com", identity.LookupResult{Status: identity.Found, Matcher: identity.Matcher{"user_id": "ada-byron"}, AccountID: accountID, Evidence: identity.EvidenceEmail})
		for _, of := range []declared{nil, declares(github, "ada@acme.com", "Ada-L")} { // declaring the old name changes nothing
			for _, asked := range [][]identity.UserKey{{ada, bob}, {bob}} {
				req := ask(github, asked...)
				req.Declared = of
				if got := brief(run(t, f, nil, req))[len(asked)-1]; got != want {
					t.Errorf("%q of %q: declared %v: %s, want %s", accountID, asked, of, got, want)
				}
			}
		}
	}
}

// TestAccount_pinOfRule: what a rule gives is compared by id once the service has told it.
func TestAccount_pinOfRule(t *testing.T) {
	t.Parallel()
	byRule := gives("r", "bob@acme.com", "ada-byron")
	byRule.ServiceType = github.Type
	for holder, want := range map[identity.UserKey]string{
		ada:   "unmapped claimed holder=ada@acme.com as=ada-l candidates=ada-byron",
		carol: "unmapped claimed holder=carol@acme.com as=ada-l candidates=ada-byron",
		bob:   "store ada-l stored=email fresh=ada-byron stale",
	} {
		for _, unique := range []bool{false, true} {
			f := newFake(github).store(holder, github, "ada-l", identity.FromEmail).pin(holder, "1")
			f.states["ada-byron"] = identity.AccountStatus{Status: identity.AccountActive, AccountID: "1"}
			req := ask(github, bob)
			req.Persist, req.CheckStale, req.OnlyUnique = true, true, unique
			a := run(t, f, compile(t, byRule), req)[0]
			if got := brief([]resolve.Resolution{a})[0]; got != want || a.NotStored != "" || len(f.writes) > 0 {
				t.Errorf("%s holds it: got %s (%s), writes %v, want %s", holder, got, a.NotStored, f.writes, want)
			}
		}
	}
}

// TestAccount_pinOfTwo: an account that is renamed while a pass looks people up is one
// account under both names.
func TestAccount_pinOfTwo(t *testing.T) {
	t.Parallel()
	for evidence, want := range map[identity.Evidence][]string{
		identity.EvidenceEmail: {"unmapped ambiguous rivals=bob@acme.com candidates=ada-l", "unmapped ambiguous rivals=ada@acme.com candidates=ada-byron"},
		identity.EvidenceFetch: {"email ada-l", "unmapped claimed holder=ada@acme.com as=ada-l candidates=ada-byron"},
	} {
		f := newFake(github)
		f.said("ada@acme.com", identity.LookupResult{Status: identity.Found, Matcher: identity.Matcher{"user_id": "ada-l"}, AccountID: "1", Evidence: identity.EvidenceEmail})
		f.said("bob@acme.com", identity.LookupResult{Status: identity.Found, Matcher: identity.Matcher{"user_id": "ada-byron"}, AccountID: "1", Evidence: evidence})
		if got := brief(run(t, f, nil, ask(github, ada, bob))); !slices.Equal(got, want) {
			t.Errorf("%s:\ngot  %q\nwant %q", evidence, got, want)
		}
	}
}

// TestAccount_pins: the account's own id shows that a name has changed, or that
// somebody else has it now.
func TestAccount_pins(t *testing.T) {
	t.Parallel()
	found := func(id, accountID string) func(*fakeAPI) {
		return func(f *fakeAPI) {
			f.said("ada@acme.com", identity.LookupResult{Status: identity.Found, Matcher: identity.Matcher{"user_id": id}, AccountID: accountID, Evidence: identity.EvidenceEmail})
		}
	}
	for name, test := range map[string]struct {
		api   func(*fakeAPI)
		want  string
		asked string
	}{
		"the same":                 {found("ada-l", "1"), "store ada-l stored=email", ""},
		"without case":             {found("Ada-L", "1"), "store ada-l stored=email", ""},
		"found under another name": {found("ada-byron", "1"), "store ada-l stored=email fresh=ada-byron account=renamed stale", "ada-l=1"},
		"found under another name, and the old one is another's": {func(f *fakeAPI) {
			found("ada-byron", "1")(f)
			f.states["ada-l"] = identity.AccountStatus{Status: identity.AccountReused, AccountID: "2"}
		}, "store ada-l stored=email fresh=ada-byron account=reused stale", "ada-l=1"},
		"found another with the name": {found("ada-l", "2"), "store ada-l stored=email account=reused stale", ""},
		"found another":               {found("ada-byron", "2"), "store ada-l stored=email fresh=ada-byron stale", "ada-l=1"},
		"found another, and the old one has another name": {func(f *fakeAPI) {
			found("ada-byron", "2")(f)
			f.states["ada-l"] = identity.AccountStatus{Status: identity.AccountRenamed, AccountID: "1", NewIdentity: "ada-work"}
		}, "store ada-l stored=email fresh=ada-byron stale", "ada-l=1"},
		"a service that shows no ids": {found("ada-l", ""), "store ada-l stored=email", ""},
		"asked: it has another name": {func(f *fakeAPI) {
			f.states["ada-l"] = identity.AccountStatus{Status: identity.AccountRenamed, AccountID: "1", NewIdentity: "ada-byron"}
		}, "store ada-l stored=email fresh=ada-byron account=renamed stale", "ada-l=1"},
		"asked: somebody else has it": {func(f *fakeAPI) {
			f.states["ada-l"] = identity.AccountStatus{Status: identity.AccountReused, AccountID: "2"}
		}, "store ada-l stored=email account=reused stale", "ada-l=1"},
		"asked: it is still the same": {func(f *fakeAPI) { f.is("ada-l", identity.AccountActive) }, "store ada-l stored=email stale", "ada-l=1"},
		"an inactive one, another's id": {func(f *fakeAPI) {
			f.said("ada@acme.com", identity.LookupResult{Status: identity.Inactive, Matcher: identity.Matcher{"user_id": "ada-l"}, AccountID: "2"})
		}, "store ada-l stored=email account=reused stale", ""},
	} {
		f := newFake(github).store(ada, github, "ada-l", identity.FromEmail).pin(ada, "1")
		test.api(f)
		req := ask(github, ada)
		req.CheckStale = true
		a := run(t, f, nil, req)[0]
		if got := brief([]resolve.Resolution{a})[0]; got != test.want {
			t.Errorf("%s: got  %s\nwant %s", name, got, test.want)
		}
		if a.AccountID != "1" {
			t.Errorf("%s: the account id is %q", name, a.AccountID)
		}
		asked := ""
		if len(f.asked) > 1 {
			asked = f.asked[1][0]
		}
		if asked != test.asked {
			t.Errorf("%s: asked for %q, want %q", name, asked, test.asked)
		}
	}
}

// TestAccount_declaredRenamed: declaring what is stored hides no new name. Whether
// another value is that of a renamed account is not known: it has no pin yet.
func TestAccount_declaredRenamed(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"ada-l":  "declared ada-l stored=manual fresh=ada-byron account=renamed stale",
		"octo-a": "declared octo-a stored=manual account=absent",
	} {
		f := newFake(github).store(ada, github, "ada-l", identity.Manual).pin(ada, "1").is("octo-a", identity.AccountAbsent)
		f.states["ada-l"] = identity.AccountStatus{Status: identity.AccountRenamed, AccountID: "1", NewIdentity: "ada-byron"}
		req := ask(github, ada)
		req.CheckStale, req.Declared = true, declares(github, "ada@acme.com", id)
		if got := brief(run(t, f, nil, req))[0]; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// TestAccount_once: one question holds all accounts, each once; without
// check_stale, for a service that Sym manages and for values of several keys
// there is none.
func TestAccount_once(t *testing.T) {
	t.Parallel()
	f := newFake(okta, auth0).store(ada, okta, "00u1", identity.Manual).store(bob, okta, "00u1", identity.Manual).store(ada, auth0, "a|1", identity.Manual)
	f.user(carol).Mappings = []identity.Mapping{{Service: okta, Matcher: identity.Matcher{"a": "1", "b": "2"}}}
	req := resolve.Request{Users: []identity.UserKey{ada, bob, carol}, Services: []identity.ServiceKey{okta, auth0}, CheckStale: true}
	run(t, f, nil, req)
	var asked [][]string
	for _, keys := range f.asked {
		if !strings.Contains(keys[0], "@") {
			asked = append(asked, keys)
		}
	}
	if diff := cmp.Diff([][]string{{"00u1"}}, asked); diff != "" {
		t.Errorf("asked for accounts (-want +got):\n%s", diff)
	}
	f.calls = nil
	req.CheckStale = false
	run(t, f, nil, req)
	if calls := fmt.Sprint(f.calls); strings.Contains(calls, "status") {
		t.Errorf("asked without check_stale: %s", calls)
	}
}

// TestAccount_failure: what could not be asked as a whole is an error.
func TestAccount_failure(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection refused")
	f := newFake(okta).store(ada, okta, "00u1", identity.Manual).failing("status", broken)
	req := ask(okta, ada)
	req.CheckStale = true
	if _, err := (resolve.Chain{API: f}).Resolve(t.Context(), req); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// A rename whose new name the service does not say proposes nothing.
func TestRenamedToUnknown(t *testing.T) {
	t.Parallel()
	for newName, want := range map[string]string{"": "", "octo-2": "octo-2"} {
		f := newFake(github).store(ada, github, "octo", identity.Manual)
		f.states["octo"] = identity.AccountStatus{Status: identity.AccountRenamed, NewIdentity: newName}
		got := run(t, f, nil, resolve.Request{Users: []identity.UserKey{ada}, Services: []identity.ServiceKey{github}, CheckStale: true})[0]
		if fresh, _ := got.Fresh.Identity("github"); fresh != want || (got.Fresh == nil) != (want == "") || !got.Stale {
			t.Errorf("renamed to %q: proposes %v, stale %t", newName, got.Fresh, got.Stale)
		}
	}
}
