// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package resolve_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

// TestChain asks for one user in one service, without persisting.
func TestChain(t *testing.T) {
	t.Parallel()
	noDirectory := &identity.Error{Code: identity.CodeNoDirectory, Message: "this API has no directories"}
	lookupRule := rules.Rule{Name: "married", Match: ptr(`ada@acme\.com`), LookupEmail: ptr("ada.byron@acme.com")}
	tests := map[string]struct {
		api      *fakeAPI
		rules    []rules.Rule
		declared declared
		user     identity.UserKey
		service  identity.ServiceKey
		stale    bool
		want     string
	}{
		"declared": {
			api: newFake(okta), declared: declares(okta, "ada@acme.com", "00u1"),
			want: "declared 00u1\ndeclared hit: 00u1 is declared in this configuration",
		},
		"declared before the store": {
			api: newFake(okta).store(ada, okta, "00u0", identity.FromRule, "old"), declared: declares(okta, "ada@acme.com", "00u1"), stale: true,
			want: "declared 00u1 stored=rule\ndeclared hit: 00u1 is declared in this configuration",
		},
		"declared in a service still to be registered": {
			api: newFake(), declared: declares(okta, "ada@acme.com", "00u1"),
			want: "declared 00u1\ndeclared hit: 00u1 is declared in this configuration",
		},
		"others are declared": {
			api: newFake(okta).account("ada@acme.com", "00u1"), declared: declares(okta, "bob@acme.com", "00u2"),
			want: "email 00u1\nstore miss: nothing is stored\nrule miss: no rules are configured\nemail hit: ada@acme.com has the account 00u1",
		},
		"stored by hand": {
			api: newFake(okta).store(ada, okta, "00u1", identity.Manual), rules: []rules.Rule{gives("r", "ada@acme.com", "00u9")},
			want: "store 00u1 stored=manual\nstore hit: 00u1 is stored (source manual)",
		},
		"stored by a rule": {
			api:  newFake(okta).store(ada, okta, "00u1", identity.FromRule, "old"),
			want: "store 00u1 stored=rule rule=old\nstore hit: 00u1 is stored (source rule \"old\")",
		},
		"stored without a source": {
			api:  newFake(okta).store(ada, okta, "00u1", ""),
			want: "store 00u1 stored=manual\nstore hit: 00u1 is stored (source manual)",
		},
		"stored in another service of the type": {
			api:  newFake(okta).store(ada, identity.ServiceKey{Type: "okta", ExternalID: "other"}, "00u1", identity.Manual),
			want: "unmapped not_found\nstore miss: nothing is stored\nrule miss: no rules are configured\nemail miss: no account has the e-mail ada@acme.com",
		},
		"first rule": {
			api: newFake(okta), rules: []rules.Rule{gives("none", "bob@acme.com", "00u2"), gives("a", "ada@acme.com", "00u1"), gives("b", "ada@acme.com", "00u3")},
			want: "rule 00u1 rule=a\nstore miss: nothing is stored\nrule hit: rule \"a\" gives 00u1",
		},
		"rule beats lookup": {
			api: newFake(okta).account("ada@acme.com", "00u9"), rules: []rules.Rule{lookupRule, gives("a", "ada@acme.com", "00u1")},
			want: "rule 00u1 rule=a\nstore miss: nothing is stored\nrule hit: rule \"a\" gives 00u1",
		},
		"rule without a directory": {
			api: newFake(okta).failing("lookup", noDirectory), rules: []rules.Rule{gives("a", "ada@acme.com", "00u1")},
			want: "rule 00u1 rule=a\nstore miss: nothing is stored\nrule hit: rule \"a\" gives 00u1",
		},
		"rule sees other identities": {
			api: newFake(okta, github).store(ada, github, "ada-gh", identity.Manual),
			rules: []rules.Rule{{Name: "from github", Expression: ptr(
				`user.identities[?"github:acme"].orValue("") + "-" + user.role`)}},
			want: "rule ada-gh-member rule=from github\nstore miss: nothing is stored\nrule hit: rule \"from github\" gives ada-gh-member",
		},
		"lookup": {
			api: newFake(okta).account("ada@acme.com", "00u1"), rules: []rules.Rule{gives("none", "bob@acme.com", "00u2")},
			want: "email 00u1\nstore miss: nothing is stored\nrule miss: no rule gives an identity\nemail hit: ada@acme.com has the account 00u1",
		},
		"lookup by another e-mail": {
			api: newFake(okta).account("ada.byron@acme.com", "00u1").account("ada@acme.com", "00u9"), rules: []rules.Rule{lookupRule},
			want: "email 00u1 lookup=ada.byron@acme.com\nstore miss: nothing is stored\nrule miss: no rule gives an identity\n" +
				"email hit: ada.byron@acme.com (by rule \"married\") has the account 00u1",
		},
		"lookup by another e-mail finds nobody": {
			api: newFake(okta).account("ada@acme.com", "00u9"), rules: []rules.Rule{lookupRule},
			want: "unmapped not_found lookup=ada.byron@acme.com\nstore miss: nothing is stored\nrule miss: no rule gives an identity\n" +
				"email miss: no account has the e-mail ada.byron@acme.com (by rule \"married\")",
		},
		"inactive": {
			api: newFake(okta).said("ada@acme.com", identity.LookupResult{Status: identity.Inactive, Matcher: identity.Matcher{"user_id": "100%s"}}),
			want: "unmapped inactive\nstore miss: nothing is stored\nrule miss: no rules are configured\n" +
				"email miss: the account of ada@acme.com, 100%s, is inactive",
		},
		"inactive, several": {
			api: newFake(okta).said("ada@acme.com", identity.LookupResult{Status: identity.Inactive}),
			want: "unmapped inactive\nstore miss: nothing is stored\nrule miss: no rules are configured\n" +
				"email miss: the account of ada@acme.com is inactive",
		},
		"ambiguous": {
			api: newFake(okta).said("ada@acme.com", identity.LookupResult{Status: identity.Ambiguous, Candidates: accounts("00u1", "00u2")}),
			want: "unmapped ambiguous candidates=00u1, 00u2\nstore miss: nothing is stored\nrule miss: no rules are configured\n" +
				"email miss: ada@acme.com has several accounts: 00u1, 00u2",
		},
		"an alias": {
			api: newFake(okta).said("ada@acme.com", identity.LookupResult{Status: identity.Alias, Candidates: []identity.Candidate{{Matcher: identity.Matcher{"user_id": "00u1"}, State: "active", Name: "Ada L"}}}),
			want: "unmapped alias candidates=00u1 (Ada L, active)\nstore miss: nothing is stored\nrule miss: no rules are configured\n" +
				"email miss: ada@acme.com is only another address of 00u1 (Ada L, active)",
		},
		"unverified": {
			api: newFake(okta).said("ada@acme.com", identity.LookupResult{Status: identity.Unverified, Candidates: []identity.Candidate{{Matcher: identity.Matcher{"user_id": "00u1"}, State: "pending"}}}),
			want: "unmapped unverified candidates=00u1 (pending)\nstore miss: nothing is stored\nrule miss: no rules are configured\n" +
				"email miss: ada@acme.com is not verified in 00u1 (pending)",
		},
		"another domain": {
			api: newFake(okta).said("ada@acme.com", identity.LookupResult{Status: identity.NotFound, OtherDomain: true}),
			want: "unmapped other_domain\nstore miss: nothing is stored\nrule miss: no rules are configured\n" +
				"email skipped: the directory of okta:acme.okta.com is not for the domain of ada@acme.com",
		},
		"bot": {
			api: newFake(okta).account("deploy-bot", "00u1"), user: bot,
			want: "unmapped no_email\nstore miss: nothing is stored\nrule miss: no rules are configured\nemail skipped: deploy-bot is a bot and has no e-mail to look up",
		},
		"bot by rule": {
			api: newFake(okta), user: bot, rules: []rules.Rule{gives("bots", "deploy-bot", "00b1")},
			want: "rule 00b1 rule=bots\nstore miss: nothing is stored\nrule hit: rule \"bots\" gives 00b1",
		},
		"API without directories": {
			api:  newFake(okta).failing("lookup", fmt.Errorf("POST identities/lookup: %w", noDirectory)),
			want: "unmapped no_directory\nstore miss: nothing is stored\nrule miss: no rules are configured\nemail skipped: this API has no directories",
		},
		"custom": {
			api: newFake(pager).account("ada@acme.com", "P1"), service: pager,
			want: "fetch_remote_identity P1\nstore miss: nothing is stored\nrule skipped: custom services have fetch_remote_identity in place of rules\n" +
				"fetch_remote_identity hit: ada@acme.com has the account P1",
		},
		"custom, not found": {
			api: newFake(pager), service: pager, rules: []rules.Rule{lookupRule},
			want: "unmapped not_found\nstore miss: nothing is stored\nrule skipped: custom services have fetch_remote_identity in place of rules\n" +
				"fetch_remote_identity miss: no account has the e-mail ada@acme.com",
		},
		"managed, stored": {
			api: newFake(auth0).store(ada, auth0, "auth0|1", identity.Manual), service: auth0, stale: true,
			want: "store auth0|1 stored=manual\nstore hit: auth0|1 is stored (source manual)",
		},
		"managed, not stored": {
			api: newFake(auth0).account("ada@acme.com", "auth0|1"), service: auth0,
			want: "unmapped no_directory\nstore miss: nothing is stored\nrule skipped: identities of auth0 are managed by Sym\nemail skipped: Sym itself keeps these identities",
		},
		"failed": {
			api: newFake(okta).said("ada@acme.com", identity.LookupResult{Status: identity.Failed, Err: &identity.Error{Code: identity.CodeDirectoryLimited, Message: "too fast"}}),
			want: "error\nstore miss: nothing is stored\nrule miss: no rules are configured\n" +
				"email error: okta:acme.okta.com could not be asked for ada@acme.com: too fast",
		},
		"a status from the future": {
			api: newFake(okta).said("ada@acme.com", identity.LookupResult{Status: "maybe"}),
			want: "error\nstore miss: nothing is stored\nrule miss: no rules are configured\n" +
				"email error: okta:acme.okta.com could not be asked for ada@acme.com: the API answered with the status \"maybe\"",
		},
		"found without an account": {
			api: newFake(okta).said("ada@acme.com", identity.LookupResult{Status: identity.Found}),
			want: "error\nstore miss: nothing is stored\nrule miss: no rules are configured\n" +
				"email error: the API found an account of ada@acme.com in okta:acme.okta.com but does not say which",
		},
		"rule fails": {
			api: newFake(okta).account("ada@acme.com", "00u1"), rules: []rules.Rule{{Name: "broken", Expression: ptr(`user.identities["x"]`)}},
			want: "error\nstore miss: nothing is stored\nrule error: rule \"broken\" failed for ada@acme.com in okta:acme.okta.com: expression: no such key: x",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.user == "" {
				test.user = ada
			}
			if test.service == (identity.ServiceKey{}) {
				test.service = okta
			}
			req := ask(test.service, test.user)
			req.Declared, req.CheckStale = test.declared, test.stale
			got := run(t, test.api, compile(t, test.rules...), req)
			if diff := cmp.Diff([]string{test.want}, lines(got)); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
			if len(test.api.writes) != 0 {
				t.Errorf("wrote %v", test.api.writes)
			}
		})
	}
}

func TestServerKnowsItHasNoDirectory(t *testing.T) {
	t.Parallel()
	f := newFake(okta)
	f.services[0].NoDirectory = true
	got := run(t, f, nil, ask(okta, ada))
	want := []string{"unmapped no_directory\nstore miss: nothing is stored\nrule miss: no rules are configured\n" +
		"email skipped: the server has no directory for okta:acme.okta.com"}
	if diff := cmp.Diff(want, lines(got)); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"services", "users"}, f.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// TestFailures of the API as a whole are errors, never answers.
func TestFailures(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection refused")
	for _, call := range []string{"services", "users", "lookup", "holders", "write"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			f := newFake(okta).account("ada@acme.com", "00u1").failing(call, broken)
			req := ask(okta, ada, bob)
			req.Persist = true
			answers, err := runAll(f, nil, req)
			if !errors.Is(err, broken) || call != "write" && answers != nil {
				t.Errorf("got %v and %v", answers, err)
			}
		})
	}
}

// shortAPI answers fewer e-mails than were asked.
type shortAPI struct{ *fakeAPI }

func (shortAPI) Lookup(context.Context, identity.ServiceKey, []string) ([]identity.LookupResult, error) {
	return make([]identity.LookupResult, 1), nil
}

func TestTooFewAnswers(t *testing.T) {
	t.Parallel()
	_, err := resolve.Chain{API: shortAPI{newFake(okta)}}.Resolve(context.Background(), ask(okta, ada, bob))
	if err == nil || !strings.Contains(err.Error(), "answered 1 of 2 e-mails") {
		t.Errorf("got %v", err)
	}
}

func TestUnregistered(t *testing.T) {
	t.Parallel()
	other := identity.ServiceKey{Type: "okta", ExternalID: "b.okta.com"}
	third := identity.ServiceKey{Type: "okta", ExternalID: "a.okta.com"}
	tests := map[string]struct {
		services []identity.ServiceKey
		declared declared
		want     string
	}{
		"none of the type": {
			services: []identity.ServiceKey{github},
			want:     "no service is registered for okta:acme.okta.com; no service of type okta is",
		},
		"others of the type": {
			services: []identity.ServiceKey{other, github, third},
			want:     "no service is registered for okta:acme.okta.com; registered of type okta: okta:a.okta.com, okta:b.okta.com",
		},
		"declared for one of two": {
			declared: declares(okta, "ada@acme.com", "00u1"),
			want:     "no service is registered for okta:acme.okta.com; no service of type okta is",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := ask(okta, ada, bob)
			req.Declared = test.declared
			_, err := resolve.Chain{API: newFake(test.services...)}.Resolve(context.Background(), req)
			var unregistered *resolve.UnregisteredError
			if !errors.As(err, &unregistered) || err.Error() != test.want {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestEverythingIsBatched(t *testing.T) {
	t.Parallel()
	const n = 300
	f := newFake(okta, github)
	users := make([]identity.UserKey, n)
	for i := range users {
		users[i] = identity.UserKey(fmt.Sprintf("p%d@acme.com", i))
		f.account(string(users[i]), fmt.Sprint("00u", i))
	}
	got := run(t, f, nil, resolve.Request{Users: users, Services: []identity.ServiceKey{okta, github}, Persist: true, CheckStale: true})
	if len(got) != 2*n {
		t.Fatalf("%d answers", len(got))
	}
	for i, a := range got {
		if !a.Mapped() || a.User != users[i%n] || a.Service != []identity.ServiceKey{okta, github}[i/n] {
			t.Fatalf("answer %d: %s", i, line(a))
		}
	}
	want := []string{"services", "users", "holders", "holders", "lookup", "lookup", "write"}
	slices.Sort(f.calls[2:6]) // the services are asked at the same time
	if diff := cmp.Diff(want, f.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// Stored users are read in parts, and those who have every answer in the store
// are not kept.
func TestStoredUsersAreNotKept(t *testing.T) {
	t.Parallel()
	f := newFake(okta, github)
	users := make([]identity.UserKey, 25_001)
	for i := range users {
		users[i] = identity.UserKey(fmt.Sprintf("p%d@acme.com", i))
		f.store(users[i], okta, fmt.Sprint("00u", i), identity.Manual).store(users[i], github, fmt.Sprint("p", i), identity.Manual)
		f.user(users[i]).FirstName = "Pat"
	}
	first, last := users[0], users[25_000]
	f.users[last].Mappings = f.users[last].Mappings[:1]
	pass, err := resolve.Chain{API: f}.Resolve(t.Context(), resolve.Request{Users: users, Services: []identity.ServiceKey{okta, github}, NoTrace: true})
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range pass.Resolutions {
		if a.User != users[i%len(users)] || a.Mapped() != (i != len(pass.Resolutions)-1) {
			t.Fatalf("answer %d: %s", i, line(a))
		}
	}
	if pass.FullName(first) != "" || pass.FullName(last) != "Pat" {
		t.Errorf("the pass keeps %q of %s and %q of %s", pass.FullName(first), first, pass.FullName(last), last)
	}
	if diff := cmp.Diff([]string{"services", "users", "users", "lookup"}, f.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// slowAPI takes a second for each lookup, and an hour where it fails.
type slowAPI struct {
	*fakeAPI
	broken map[identity.ServiceKey]error
}

func (s slowAPI) Lookup(ctx context.Context, service identity.ServiceKey, emails []string) ([]identity.LookupResult, error) {
	if err := s.broken[service]; err != nil {
		time.Sleep(time.Hour)
		return nil, err
	}
	time.Sleep(time.Second)
	return s.fakeAPI.Lookup(ctx, service, emails)
}

// Services are asked side by side, unless rules may see what an earlier one is
// going to store. The order of answers stays, and of failures the first service's
// counts.
func TestServicesSideBySide(t *testing.T) {
	t.Parallel()
	rule := compile(t, rules.Rule{Name: "none", ServiceType: "slack", Identities: map[string]string{"nobody@acme.com": "U1"}})
	for _, test := range []struct {
		set     *rules.Set
		persist bool
		took    time.Duration
	}{{nil, false, time.Second}, {rule, false, time.Second}, {nil, true, time.Second}, {rule, true, 10 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			services := make([]identity.ServiceKey, 10)
			for i := range services {
				services[i] = identity.ServiceKey{Type: "okta", ExternalID: fmt.Sprint(i, ".okta.com")}
			}
			f := newFake(services...).account("ada@acme.com", "00u1").account("bob@acme.com", "00u2")
			req := resolve.Request{Users: []identity.UserKey{ada, bob, carol}, Services: services, Persist: test.persist}
			began := time.Now()
			pass, err := resolve.Chain{API: slowAPI{fakeAPI: f}, Rules: test.set}.Resolve(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took != test.took {
				t.Errorf("persist %t, %d rules: took %s, want %s", test.persist, test.set.Len(), took, test.took)
			}
			for i, a := range pass.Resolutions {
				if a.User != req.Users[i%3] || a.Service != services[i/3] || a.Mapped() == (a.User == carol) {
					t.Errorf("answer %d: %s", i, line(a))
				}
			}
			broken := map[identity.ServiceKey]error{services[7]: errors.New("seven"), services[4]: errors.New("four")}
			if _, err := (resolve.Chain{API: slowAPI{f, broken}, Rules: test.set}).Resolve(t.Context(), req); err == nil || err.Error() != "four" {
				t.Errorf("two services fail: %v, want the first one's error", err)
			}
		})
	}
}

// timedAPI takes as many seconds for a service's lookup as its place, and a second
// for each search for holders.
type timedAPI struct {
	*fakeAPI
	began time.Time
	mu    sync.Mutex
	asked map[string]time.Duration // when each service was searched
}

func (s *timedAPI) Lookup(ctx context.Context, service identity.ServiceKey, emails []string) ([]identity.LookupResult, error) {
	time.Sleep(time.Duration(service.ExternalID[0]-'0') * time.Second)
	return s.fakeAPI.Lookup(ctx, service, emails)
}

func (s *timedAPI) Holders(ctx context.Context, service identity.ServiceKey, accounts []identity.AccountQuery) ([]identity.Holder, error) {
	s.mu.Lock()
	s.asked[service.ExternalID] = time.Since(s.began)
	s.mu.Unlock()
	time.Sleep(time.Second)
	return s.fakeAPI.Holders(ctx, service, accounts)
}

// Who holds the accounts of one service is asked while another is still read.
func TestHoldersAreSearchedMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var services []identity.ServiceKey
		want := map[string]time.Duration{}
		for i := range 5 {
			id := fmt.Sprint(5-i, ".okta.com") // the slowest first
			services = append(services, identity.ServiceKey{Type: "okta", ExternalID: id})
			want[id] = time.Duration(5-i) * time.Second
		}
		api := &timedAPI{fakeAPI: newFake(services...).account("ada@acme.com", "00u1"), began: time.Now(), asked: map[string]time.Duration{}}
		pass, err := resolve.Chain{API: api}.Resolve(t.Context(), resolve.Request{Users: []identity.UserKey{ada}, Services: services})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, api.asked); diff != "" || time.Since(api.began) != 6*time.Second {
			t.Errorf("after %s (-want +got):\n%s", time.Since(api.began), diff)
		}
		for i, a := range pass.Resolutions {
			if a.Service != services[i] || len(a.Steps) != 3 || a.Steps[2].Name != resolve.Email {
				t.Errorf("answer %d: %s, %+v", i, line(a), a.Steps)
			}
		}
	})
}

func TestEachEmailIsAskedOnce(t *testing.T) {
	t.Parallel()
	f := newFake(okta).account("team@acme.com", "00u1")
	set := compile(t, rules.Rule{Name: "team", Match: ptr(`(ada|bob)@acme\.com`), LookupEmail: ptr("team@acme.com")})
	got := run(t, f, set, ask(okta, ada, bob, carol))
	if diff := cmp.Diff([][]string{{"team@acme.com", "carol@acme.com"}}, f.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	want := []string{
		"unmapped ambiguous lookup=team@acme.com rivals=bob@acme.com candidates=00u1",
		"unmapped ambiguous lookup=team@acme.com rivals=ada@acme.com candidates=00u1",
		"unmapped not_found",
	}
	if diff := cmp.Diff(want, brief(got)); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

// TestNoTrace: without a trace everything but the steps is the same, whether
// an account is claimed, persisted or compared.
func TestNoTrace(t *testing.T) {
	t.Parallel()
	for _, persist := range []bool{false, true} {
		api := func() *fakeAPI {
			return newFake(okta).store(bob, okta, "00u2", identity.Manual).account("ada@acme.com", "00u2").account("carol@acme.com", "00u3")
		}
		req := resolve.Request{Users: []identity.UserKey{ada, bob, carol, bot}, Services: []identity.ServiceKey{okta}, Persist: persist, CheckStale: true}
		traced := run(t, api(), nil, req)
		req.NoTrace = true
		untraced := run(t, api(), nil, req)
		for i := range traced {
			if len(traced[i].Steps) == 0 || untraced[i].Steps != nil {
				t.Errorf("%s: steps %v with a trace, %v without", traced[i].User, traced[i].Steps, untraced[i].Steps)
			}
			traced[i].Steps = nil
		}
		if diff := cmp.Diff(traced, untraced); diff != "" {
			t.Errorf("persist %v (-traced +untraced):\n%s", persist, diff)
		}
	}
}

// TestCheckStale_saysWhy: the answer tells why rules and lookup give a stored user nothing, and
// whether it is the stored account that is inactive.
func TestCheckStale_saysWhy(t *testing.T) {
	t.Parallel()
	inactive := func(id string) identity.LookupResult {
		return identity.LookupResult{Status: identity.Inactive, Matcher: identity.Matcher{"user_id": id}}
	}
	tests := map[string]struct {
		found   identity.LookupResult
		reason  resolve.Reason
		retired bool
	}{
		"same":             {identity.LookupResult{Status: identity.Found, Matcher: identity.Matcher{"user_id": "00u1"}}, "", false},
		"other":            {identity.LookupResult{Status: identity.Found, Matcher: identity.Matcher{"user_id": "00u9"}}, "", false},
		"none":             {identity.LookupResult{Status: identity.NotFound}, resolve.NotFound, false},
		"inactive":         {inactive("00u1"), resolve.Inactive, true},
		"another inactive": {inactive("00u9"), resolve.Inactive, false},
		"which inactive?":  {identity.LookupResult{Status: identity.Inactive}, resolve.Inactive, false},
		"several":          {identity.LookupResult{Status: identity.Ambiguous}, resolve.Ambiguous, false},
		"somebody else's":  {identity.LookupResult{Status: identity.Found, Matcher: identity.Matcher{"user_id": "00u2"}}, resolve.Claimed, false},
	}
	for name, test := range tests {
		f := newFake(okta).store(ada, okta, "00u1", identity.Manual).store(bob, okta, "00u2", identity.Manual).said("ada@acme.com", test.found)
		req := resolve.Request{Users: []identity.UserKey{ada}, Services: []identity.ServiceKey{okta}, CheckStale: true}
		if a := run(t, f, nil, req)[0]; a.FreshReason != test.reason || (a.Account == identity.AccountInactive) != test.retired || a.Reason != "" || !a.Mapped() {
			t.Errorf("%s: fresh reason %q, account %q, reason %q", name, a.FreshReason, a.Account, a.Reason)
		}
	}
}

// TestEvidence says why each identity is believed, and names the account.
func TestEvidence(t *testing.T) {
	t.Parallel()
	verified := identity.LookupResult{Status: identity.Found, Matcher: identity.Matcher{"user_id": "00u1"}, AccountID: "id-1", Evidence: identity.EvidenceVerifiedEmail}
	tests := map[string]struct {
		api      *fakeAPI
		rules    []rules.Rule
		declared declared
		service  identity.ServiceKey
		stale    bool
		want     string
	}{
		"declared":                     {declared: declares(github, "ada@acme.com", "00u1"), want: "declared "},
		"declared and stored with one": {api: newFake(github).store(ada, github, "00u1", identity.FromRule).pin(ada, "id-1"), declared: declares(github, "ada@acme.com", "00u1"), want: "declared id-1"},
		"another is stored":            {api: newFake(github).store(ada, github, "00u2", identity.FromRule).pin(ada, "id-2"), declared: declares(github, "ada@acme.com", "00u1"), want: "declared "},
		"stored by hand":               {api: newFake(github).store(ada, github, "00u1", identity.Manual).pin(ada, "id-1"), want: "manual id-1"},
		"stored by a rule":             {api: newFake(github).store(ada, github, "00u1", identity.FromRule), want: "rule "},
		"stored by e-mail":             {api: newFake(github).store(ada, github, "00u1", identity.FromEmail), want: "email "},
		"stored by a fetch":            {api: newFake(github).store(ada, github, "00u1", identity.FromRemote), want: "fetch_remote_identity "},
		"stored by e-mail, checked":    {api: newFake(github).store(ada, github, "00u1", identity.FromEmail).said("ada@acme.com", verified), stale: true, want: "verified_email id-1"},
		"stored by hand, checked":      {api: newFake(github).store(ada, github, "00u1", identity.Manual).said("ada@acme.com", verified), stale: true, want: "manual id-1"},
		"another is found":             {api: newFake(github).store(ada, github, "00u2", identity.FromEmail).said("ada@acme.com", verified), stale: true, want: "email "},
		"a rule":                       {rules: []rules.Rule{{Name: "r", ServiceType: "github", Identities: map[string]string{"ada@acme.com": "00u1"}}}, want: "rule "},
		"a verified e-mail":            {api: newFake(github).said("ada@acme.com", verified), want: "verified_email id-1"},
		"an alias":                     {api: newFake(github).found("ada@acme.com", "00u1", identity.EvidenceAlias), want: "alias "},
		"a fetch":                      {api: newFake(pager).account("ada@acme.com", "P1"), service: pager, want: "fetch_remote_identity "},
		"unmapped":                     {want: " "},
	}
	for name, test := range tests {
		if test.api == nil {
			test.api = newFake(github)
		}
		if test.service == (identity.ServiceKey{}) {
			test.service = github
		}
		req := ask(test.service, ada)
		req.Declared, req.CheckStale = test.declared, test.stale
		a := run(t, test.api, compile(t, test.rules...), req)[0]
		if got := string(a.Evidence) + " " + a.AccountID; got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

// TestUnregistered_all names every service that is not registered, not the
// first alone.
func TestUnregistered_all(t *testing.T) {
	t.Parallel()
	req := resolve.Request{Users: []identity.UserKey{ada}, Services: []identity.ServiceKey{github, okta, pager}}
	_, err := resolve.Chain{API: newFake(okta)}.Resolve(t.Context(), req)
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 2 {
		t.Fatalf("got %v", err)
	}
	for i, want := range []identity.ServiceKey{github, pager} {
		var one *resolve.UnregisteredError
		if !errors.As(joined.Unwrap()[i], &one) || one.Service != want {
			t.Errorf("got %v, want %s", joined.Unwrap()[i], want)
		}
	}
}

// A stored value whose address the directory is not asked for any more is not
// contradicted by that.
func TestStaleOtherDomain(t *testing.T) {
	t.Parallel()
	for otherDomain, stale := range map[bool]bool{true: false, false: true} {
		f := newFake(okta).store(ada, okta, "00u1", identity.FromEmail)
		f.said("ada@acme.com", identity.LookupResult{Status: identity.NotFound, OtherDomain: otherDomain})
		f.states["00u1"] = identity.AccountStatus{Status: identity.AccountActive}
		got := run(t, f, nil, resolve.Request{Users: []identity.UserKey{ada}, Services: []identity.ServiceKey{okta}, CheckStale: true})
		if id, _ := got[0].Identity(); got[0].Stale != stale || id != "00u1" {
			t.Errorf("other domain %t: %+v, want stale %t", otherDomain, got[0], stale)
		}
	}
}
