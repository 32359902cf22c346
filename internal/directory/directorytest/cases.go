// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directorytest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
)

// caseTests lists the test of each case.
func caseTests() []caseTest {
	return []caseTest{
		{Found, testFound},
		{NotFound, testNotFound},
		{Alias, testAlias},
		{Inactive, testInactive},
		{Twin, testTwin},
		{Duplicate, testDuplicate},
		{SameAccount, testSameAccount},
		{UpperCase, testUpperCase},
		{OddAddress, testOddAddress},
		{SubstringMatch, testSubstringMatch},
		{Alike, testAlike},
		{SecondPage, testSecondPage},
		{PageSizeOne, testPageSizeOne},
		{DuplicateOnTwoPages, testDuplicateOnTwoPages},
		{Accounts, testAccounts},
		{RepeatedPage, testRepeatedPage},
		{FailsInMiddle, testFailsInMiddle},
		{LimitedInMiddle, testLimitedInMiddle},
		{ShortPages, testShortPages},
		{MovingList, testMovingList},
		{OtherCount, testOtherCount},
		{PagesAtOnce, testPagesAtOnce},
		{Checks, testChecks},
		{Cancelled, testCancelled},
		{Unauthorized, testUnauthorized},
		{Forbidden, testForbidden},
		{CollectionGone, testCollectionGone},
		{LimitedOnce, testLimitedOnce},
		{LimitedLong, testLimitedLong},
		{Paced, testPaced},
		{FailsOnce, testFailsOnce},
		{FailsAlways, testFailsAlways},
		{HTMLBody, testHTMLBody},
		{TruncatedJSON, testTruncatedJSON},
		{OtherJSON, testOtherJSON},
		{Redirect, testRedirect},
		{PrivateCA, testPrivateCA},
		{SecretHidden, testSecretHidden},
	}
}

func isCase(name Case) bool {
	return slices.ContainsFunc(caseTests(), func(c caseTest) bool { return c.name == name })
}

// caseTest is one row of the suite.
type caseTest struct {
	name Case
	run  func(*trial)
}

func testFound(tr *trial) {
	tr.want(tr.few(), nil, ann, identity.Found, tr.subject.id(1))
}

func testNotFound(tr *trial) {
	tr.want(tr.few(), nil, "nobody@example.com", identity.NotFound)
	if tr.open(World{}, nil).Describe().MayBeBlind {
		if got, err := tr.lookup(tr.Context(), World{}, nil, ann); !errors.Is(err, directory.ErrPermission) {
			tr.Errorf("Lookup where nobody is seen = %+v, %v, want ErrPermission", got, err)
		}
		return
	}
	tr.want(World{}, nil, ann, identity.NotFound)
}

func testAlias(tr *trial) {
	w := tr.few()
	w.People[1].Emails = append(w.People[1].Emails, "maiden.name@example.com")
	want := identity.Alias
	if tr.subject.AllPrimary {
		want = identity.Found
	}
	tr.want(w, nil, "maiden.name@example.com", want, w.People[1].ID)
	tr.options.MatchAliases = true
	tr.want(w, nil, "maiden.name@example.com", identity.Found, w.People[1].ID)
}

func testInactive(tr *trial) {
	w := tr.one()
	w.People[0].Inactive = true
	tr.want(w, nil, ann, identity.Inactive, tr.subject.id(1))
}

// testTwin proves that somebody who was hired again is found, and that
// without a sign-in name nobody is: the active account may be another person's.
func testTwin(tr *trial) {
	w := tr.one()
	w.People[0].Inactive = true
	w.People = append(w.People, Person{ID: tr.subject.id(2), Emails: []string{ann}})
	if tr.subject.SignsIn {
		tr.want(w, nil, ann, identity.Found, tr.subject.id(2))
	} else {
		tr.want(w, nil, ann, identity.Ambiguous, tr.subject.id(1), tr.subject.id(2))
	}
}

func testDuplicate(tr *trial) {
	w := tr.one()
	w.People = append(w.People, Person{ID: tr.subject.id(2), Emails: []string{ann}})
	tr.want(w, nil, ann, identity.Ambiguous, tr.subject.id(1), tr.subject.id(2))
}

func testSameAccount(tr *trial) {
	w := tr.one()
	w.People = append(w.People, w.People[0])
	tr.want(w, nil, ann, identity.Found, tr.subject.id(1))
}

func testUpperCase(tr *trial) {
	w := tr.one()
	w.People[0].Emails = []string{"Ann.Lee@Example.COM"}
	tr.want(w, nil, ann, identity.Found, tr.subject.id(1))
	tr.want(w, nil, "ANN.lee@EXAMPLE.com", identity.Found, tr.subject.id(1))
}

func testSecondPage(tr *trial) {
	w := tr.few()
	w.PageSize = 3
	tr.want(w, nil, ann, identity.Found, tr.subject.id(1))
}

func testPageSizeOne(tr *trial) {
	w := tr.few()
	w.PageSize = 1
	tr.want(w, nil, ann, identity.Found, tr.subject.id(1))
}

func testDuplicateOnTwoPages(tr *trial) {
	w := tr.few()
	w.PageSize = 1
	w.People = append(w.People, Person{ID: tr.subject.id(9), Emails: []string{ann}})
	tr.want(w, nil, ann, identity.Ambiguous, tr.subject.id(1), tr.subject.id(9))
}

// testOddAddress asks for addresses whose characters mean something in URLs,
// filters and SQL, one world for all of them: none may match another.
func testOddAddress(tr *trial) {
	odd := []string{"a+b@example.com", "o'hara@example.com", "50%25@example.com", "a/b@example.com", `back\slash@example.com`,
		`"quoted"@example.com`, "a&b=c@example.com", "star*@example.com", "ab@example.com", "a_b@example.com"}
	var w World
	for i, address := range odd {
		w.People = append(w.People, Person{ID: tr.subject.id(i), Emails: []string{address}})
	}
	for i, address := range odd {
		tr.want(w, nil, address, identity.Found, tr.subject.id(i))
	}
	tr.want(w, nil, "a?b@example.com", identity.NotFound)
	tr.want(w, nil, "a%2fb@example.com", identity.NotFound)
}

// testSubstringMatch proves that a search that also finds parts of addresses
// gives no match.
func testSubstringMatch(tr *trial) {
	w := World{People: []Person{
		{ID: tr.subject.id(1), Emails: []string{"jo" + ann}},
		{ID: tr.subject.id(2), Emails: []string{ann + ".au"}},
	}}
	tr.want(w, nil, ann, identity.NotFound)
}

// mixed returns a world of people of every sort that the connector knows, and
// the addresses to ask for.
func (tr *trial) mixed() (World, []string) {
	w := tr.few()
	knows := func(c Case) bool {
		return tr.subject.excused(c, OneByOne) == "" && tr.subject.excused(c, ByWalk) == ""
	}
	add := func(p Person) {
		p.ID = tr.subject.id(len(w.People) + 1)
		w.People = append(w.People, p)
	}
	add(Person{Emails: []string{"Upper.Case@Example.COM"}})
	add(Person{Emails: []string{"unproved@example.com"}, Unproved: true})
	add(Person{Emails: []string{"pending@example.com"}, Pending: true})
	add(Person{Emails: []string{"guest@example.com"}, Guest: true})
	if knows(Alias) {
		add(Person{Emails: []string{"bride@example.com", "maiden.name@example.com"}})
	}
	if knows(Alias) && knows(Duplicate) {
		add(Person{Emails: []string{"boss@example.com", "p1@example.com", "left@example.com"}})
	}
	if tr.subject.excused(Inactive, ByWalk) == "" {
		add(Person{Emails: []string{"left@example.com"}, Inactive: true})
	}
	if knows(Twin) {
		add(Person{Emails: []string{"again@example.com"}, Inactive: true})
		add(Person{Emails: []string{"again@example.com"}})
	}
	if knows(Duplicate) {
		add(Person{Emails: []string{"team@example.com"}})
		add(Person{Emails: []string{"team@example.com"}})
	}
	emails := []string{"nobody@example.com"}
	for _, p := range w.People {
		for _, email := range p.Emails {
			if !slices.Contains(emails, email) {
				emails = append(emails, email)
			}
		}
	}
	return w, emails
}

// testAlike proves that a person gets the same answer alone, in a batch of
// three and among everybody, in this way of asking and in the connector's own
// choice of ways.
func testAlike(tr *trial) {
	w, emails := tr.mixed()
	d := tr.open(w, nil)
	ask := func(d directory.Directory, emails []string) []identity.LookupResult {
		answers, err := directory.Lookup(tr.Context(), d, tr.subject.Service, emails)
		if err != nil {
			tr.Fatalf("Lookup of %d addresses: %v", len(emails), err)
		}
		return answers
	}
	want := map[string]identity.LookupResult{}
	reference := tr.way.narrow(d)
	if _, ok := d.(directory.Lister); ok {
		reference = ListOnly(d)
	}
	for _, a := range ask(reference, emails) {
		want[a.Email] = a
	}
	backwards := slices.Clone(emails)
	slices.Reverse(backwards)
	for name, d := range map[string]directory.Directory{tr.way.name: tr.way.narrow(d), "own choice": d} {
		for size, all := range map[int][]string{1: emails, 3: emails, len(emails): backwards} {
			for some := range slices.Chunk(all, size) {
				for _, got := range ask(d, some) {
					if got.Status == identity.Failed {
						tr.Errorf("%s, %d at once: %s: %v", name, size, got.Email, got.Err)
					} else if diff := cmp.Diff(want[got.Email], got); diff != "" {
						tr.Errorf("%s, %d at once: %s (-everybody +now):\n%s", name, size, got.Email, diff)
					}
				}
			}
		}
	}
	tr.alikeStored(d, want)
}

// alikeStored compares what the list says of the accounts that answers name with
// what the connector says of each alone.
func (tr *trial) alikeStored(d directory.Directory, answers map[string]identity.LookupResult) {
	_, lists := d.(directory.Lister)
	_, asks := d.(directory.IDFinder)
	if !lists || !asks {
		return
	}
	var queries []identity.AccountQuery
	for _, a := range answers {
		for _, m := range matchers(a) {
			id, _ := m.Identity(tr.subject.Service.Type)
			queries = append(queries, identity.AccountQuery{Identity: id}, identity.AccountQuery{Identity: id, AccountID: a.AccountID})
		}
	}
	want, err := directory.Status(tr.Context(), ListOnly(d), tr.subject.Service, queries, "")
	if err != nil {
		tr.Fatalf("Status: %v", err)
	}
	for i, q := range queries {
		got, err := directory.Status(tr.Context(), d, tr.subject.Service, []identity.AccountQuery{q}, "")
		if err != nil || got[0].Status != want[i].Status || got[0].AccountID != want[i].AccountID {
			tr.Errorf("Status(%+v) = %+v, %v, in the list %+v", q, got, err, want[i])
		}
	}
}

// testAccounts proves that the list of accounts has everybody that the service
// counts, once, on however many pages: active or not, guest or not, with a state
// and a kind that are known.
func testAccounts(tr *trial) {
	if tr.way.name != ByWalk {
		return // only a list shows all accounts
	}
	w, _ := tr.mixed()
	w.People = append(w.People, w.People[0]) // a row that comes again
	for _, w.PageSize = range []int{0, 2} {
		list, err := directory.Accounts(tr.Context(), tr.way.narrow(tr.open(w, nil)), tr.subject.Service, "")
		if err != nil {
			tr.Fatalf("Accounts: %v", err)
		}
		tr.classesSum(list)
		left := map[string]Person{}
		for _, p := range w.People {
			left[tr.identities(w, []string{p.ID})[0]] = p
		}
		if list.Len() != len(left) {
			tr.Errorf("%d accounts in pages of %d, the service counts %d", list.Len(), w.PageSize, len(left))
		}
		for i := range list.Len() {
			a := list.At(i)
			id, _ := a.Matcher.Identity(tr.subject.Service.Type)
			p, known := left[id]
			switch {
			case !known:
				tr.Errorf("the account %+v comes twice, or the service has no such account", a)
			case !slices.Contains(identity.AccountStates(), a.State) || !slices.Contains(identity.AccountKinds(), a.Kind):
				tr.Errorf("the account %q has the state %q and the kind %q", id, a.State, a.Kind)
			case p.Inactive != (a.State == "inactive"):
				tr.Errorf("the account %q has the state %q", id, a.State)
			case p.Unproved, p.Pending: // GitHub shows no such address
			case !slices.ContainsFunc(a.Emails, func(e identity.AccountEmail) bool { return e.Address == identity.FoldASCII(p.Emails[0]) }):
				tr.Errorf("the account %q lacks its address: %+v", id, a.Emails)
			}
			delete(left, id)
		}
	}
}

// classesSum checks that each account is held, resolved, ambiguous or an orphan, or
// that of a bot or a guest, or shared, and that these add up to the service's count.
func (tr *trial) classesSum(list *directory.AccountList) {
	first, second := list.At(0), list.At(1)
	claims := resolve.NewAccountClaims(tr.subject.Service, []resolve.Resolution{
		{User: ann, Matcher: first.Matcher, AccountID: first.AccountID, Source: resolve.Email},
		{User: "two@example.com", Reason: resolve.Ambiguous, Candidates: []identity.Candidate{{Matcher: second.Matcher, AccountID: second.AccountID}}},
	})
	counts := map[resolve.AccountClass]int{}
	for i := range list.Len() {
		a := list.At(i)
		if i == 2 {
			a.HeldBy = []identity.UserKey{"held@example.com"}
		}
		counts[claims.Class(a)]++
	}
	persons := counts[resolve.HeldAccount] + counts[resolve.ResolvedAccount] + counts[resolve.AmbiguousAccount] + counts[resolve.OrphanAccount]
	if sum := persons + counts[resolve.BotAccount] + counts[resolve.GuestAccount] + counts[resolve.SharedAccount]; sum != list.Len() || persons == 0 {
		tr.Errorf("the classes %v add up to %d, the service counts %d accounts", counts, sum, list.Len())
	}
}

// testRepeatedPage proves that a walk that never ends fails, and that "not
// found" does not come out of it.
func testRepeatedPage(tr *trial) {
	w := tr.few()
	w.PageSize, w.Repeats = 1, true
	for i := range w.People { // so that searches have more than one page too
		w.People[i].Emails = []string{ann}
	}
	answers, err := tr.lookup(tr.Context(), w, nil, ann)
	if err == nil {
		tr.Fatalf("Lookup = %+v, want an error: the list never ends", answers)
	}
	if !errors.Is(err, directory.ErrUnavailable) {
		tr.Errorf("Lookup: %v, want ErrUnavailable", err)
	}
}

func testChecks(tr *trial) {
	if err := tr.open(tr.few(), nil).Check(tr.Context()); err != nil {
		tr.Errorf("Check of a working service: %v", err)
	}
	if tr.subject.Fake == nil {
		return
	}
	deny := func(_ int, w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.WriteHeader(http.StatusUnauthorized)
	}
	if err := tr.open(tr.few(), deny).Check(tr.Context()); !errors.Is(err, directory.ErrCredential) {
		tr.Errorf("Check with a rejected credential: %v, want ErrCredential", err)
	}
}

// testCancelled ends the context before a call and, with a fake, in the middle
// of one.
func testCancelled(tr *trial) {
	ctx, cancel := context.WithCancel(tr.Context())
	cancel()
	if answers, err := tr.lookup(ctx, tr.one(), nil, ann); !errors.Is(err, context.Canceled) {
		tr.Errorf("Lookup with an ended context = %+v, %v, want context.Canceled", answers, err)
	}
	if tr.subject.Fake == nil {
		return
	}
	ctx, cancel = context.WithCancel(tr.Context())
	defer cancel()
	hang := func(_ int, _ http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.Copy(io.Discard, r.Body) // before that the server does not notice that the client has gone
		cancel()
		<-r.Context().Done()
	}
	began := time.Now()
	_, err := tr.lookup(ctx, tr.one(), hang, ann)
	if !errors.Is(err, context.Canceled) {
		tr.Errorf("Lookup cancelled in the middle: %v, want context.Canceled", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		tr.Errorf("Lookup went on for %s after the cancellation", took)
	}
}
