// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package resolve_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

// scenario is a small company in which accounts clash often.
type scenario struct {
	stored   map[int]int // user → account; automatic where the account is odd
	byRule   map[int]int
	byEmail  map[int]int // account; 0 = inactive, -1 = ambiguous; above 6, an alias of the account less 6
	declared map[int]int
	asked    []int
	stale    bool
}

func drawScenario(t *rapid.T) scenario {
	user, account := rapid.IntRange(0, 7), rapid.IntRange(1, 6)
	return scenario{
		stored:   rapid.MapOfN(user, account, 0, 4).Draw(t, "stored"),
		byRule:   rapid.MapOfN(user, account, 0, 5).Draw(t, "rule"),
		byEmail:  rapid.MapOfN(user, rapid.IntRange(-1, 12), 0, 6).Draw(t, "email"),
		declared: rapid.MapOfN(user, account, 0, 3).Draw(t, "declared"),
		asked:    rapid.SliceOfNDistinct(user, 1, 8, rapid.ID[int]).Draw(t, "asked"),
		stale:    rapid.Bool().Draw(t, "stale"),
	}
}

func person(i int) identity.UserKey { return identity.UserKey(fmt.Sprintf("p%d@acme.com", i)) }
func account(i int) string          { return fmt.Sprintf("00u%d", i) }

// build makes a fresh world of a scenario: nothing is shared between two.
func (s scenario) build(t *rapid.T) (*fakeAPI, *rules.Set, resolve.Request) {
	f := newFake(okta)
	for u, a := range s.stored {
		source := identity.Manual
		if a%2 == 1 {
			source = identity.FromEmail
		}
		f.store(person(u), okta, account(a), source)
	}
	for u, a := range s.byEmail {
		switch a {
		case -1:
			f.said(string(person(u)), identity.LookupResult{Status: identity.Ambiguous, Candidates: accounts("00u1", "00u2")})
		case 0:
			f.said(string(person(u)), identity.LookupResult{Status: identity.Inactive})
		default:
			evidence := identity.EvidenceEmail
			if a > 6 {
				a, evidence = a-6, identity.EvidenceAlias
			}
			f.found(string(person(u)), account(a), evidence)
		}
	}
	rule := rules.Rule{Name: "r", ServiceType: okta.Type, Identities: map[string]string{}}
	for u, a := range s.byRule {
		rule.Identities[string(person(u))] = account(a)
	}
	set, errs := rules.Compile([]rules.Rule{rule})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	of := map[identity.UserKey]identity.Matcher{}
	for u, a := range s.declared {
		of[person(u)] = identity.NewMatcher(okta.Type, account(a))
	}
	req := resolve.Request{Services: []identity.ServiceKey{okta}, CheckStale: s.stale, Declared: declared{okta: of}}
	for _, u := range s.asked {
		req.Users = append(req.Users, person(u))
	}
	return f, set, req
}

func TestProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawScenario(t)
		f, set, req := s.build(t)
		first := run(t, f, set, req)

		again, set2, req2 := s.build(t)
		if diff := cmp.Diff(first, run(t, again, set2, req2)); diff != "" {
			t.Fatalf("the order of maps changes answers:\n%s", diff)
		}
		if len(f.writes) > 0 {
			t.Fatalf("wrote without being told to: %v", f.writes)
		}
		checkHolders(t, s, first)
		for i, a := range first {
			if a.User != req.Users[i] || a.Mapped() == (a.Reason != "") || a.Err != nil || len(a.Steps) == 0 {
				t.Fatalf("answer %d makes no sense: %s", i, line(a))
			}
		}

		// Persisting gives the same accounts, and then changes nothing more.
		req.Persist = true
		persisted := run(t, f, set, req)
		for i, a := range persisted {
			if !cmp.Equal(a.Matcher, first[i].Matcher) {
				t.Fatalf("persisting changes the answer from %s to %s", line(first[i]), line(a))
			}
		}
		if diff := cmp.Diff(persisted, run(t, f, set, req)); diff != "" {
			t.Fatalf("persisting again changes answers:\n%s", diff)
		}
	})
}

// TestOrderDecidesNothing: everybody gets the same answer in any order of the
// users. Alone a person may get an account that others get as well, or else the
// same answer; nobody gets another account, or one where a person alone gets none.
func TestOrderDecidesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawScenario(t)
		byUser := func(asked []int) map[identity.UserKey]resolve.Resolution {
			s.asked = asked
			f, set, req := s.build(t)
			answers := map[identity.UserKey]resolve.Resolution{}
			for _, a := range run(t, f, set, req) {
				answers[a.User] = a
			}
			return answers
		}
		asked := s.asked
		together := byUser(asked)
		if diff := cmp.Diff(together, byUser(rapid.Permutation(asked).Draw(t, "order"))); diff != "" {
			t.Fatalf("the order of users changes answers:\n%s", diff)
		}
		for _, u := range asked {
			alone, all := byUser([]int{u})[person(u)], together[person(u)]
			contested := len(all.Rivals) > 0 || all.Reason == resolve.Claimed || all.FreshReason == resolve.Claimed || all.FreshReason == resolve.Ambiguous
			if diff := cmp.Diff(alone, all); diff != "" && !contested {
				t.Fatalf("alone and among others (-alone +all):\n%s", diff)
			}
			if all.Mapped() && !cmp.Equal(all.Matcher, alone.Matcher) {
				t.Fatalf("alone %s, among others %s", line(alone), line(all))
			}
		}
	})
}

// TestNothingOfAFailedPassIsPersisted: a service that fails, whichever and
// however, and a pass that is not accepted write nothing.
func TestNothingOfAFailedPassIsPersisted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f, set, req := drawScenario(t).build(t)
		req.Persist = true
		req.Services = append(req.Services, github)
		f.services = append(f.services, identity.Service{Key: github})
		switch rapid.SampledFrom([]string{"call", "person", "refused"}).Draw(t, "failure") {
		case "call":
			f.failing(rapid.SampledFrom([]string{"services", "users", "lookup", "status", "holders"}).Draw(t, "call"), errors.New("connection refused"))
		case "person":
			f.said(string(req.Users[0]), identity.LookupResult{Status: identity.Failed, Err: &identity.Error{Code: identity.CodeDirectoryFailed}})
		case "refused":
			f.fail["holds"] = errors.New("not accepted")
		}
		pass, err := resolve.Chain{API: f, Rules: set}.Resolve(t.Context(), req)
		failed := err != nil
		if err == nil {
			holds := func(all []resolve.Resolution) bool {
				failed = failed || f.fail["holds"] != nil || slices.ContainsFunc(all, func(a resolve.Resolution) bool { return a.Err != nil })
				return !failed
			}
			if err := pass.Persist(t.Context(), holds); err != nil {
				t.Fatal(err)
			}
		}
		if failed && len(f.writes) > 0 {
			t.Fatalf("wrote %v", f.writes)
		}
		for _, batch := range f.writes {
			accounts := map[string]identity.UserKey{}
			for _, w := range batch {
				if other, twice := accounts[w.Service.String()+" "+w.Matcher.String()]; twice {
					t.Fatalf("stored %s for %s and %s", w.Matcher, other, w.User)
				}
				accounts[w.Service.String()+" "+w.Matcher.String()] = w.User
			}
		}
	})
}

// checkHolders: an automatic answer names an account that nobody else has, be
// it by declaration, by the store or in the same pass.
func checkHolders(t *rapid.T, s scenario, answers []resolve.Resolution) {
	has := map[string]identity.UserKey{}
	for u, a := range s.stored {
		if _, replaced := s.declared[u]; !replaced {
			has[account(a)] = person(u)
		}
	}
	for u, a := range s.declared {
		has[account(a)] = person(u)
	}
	for _, a := range answers {
		id, ok := a.Identity()
		if !ok || a.Source == resolve.Store || a.Source == resolve.Declared {
			continue
		}
		if holder, taken := has[id]; taken {
			t.Fatalf("%s got %s, which is %s's", a.User, id, holder)
		}
		has[id] = a.User
	}
}
