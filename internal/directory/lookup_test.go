// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var okta = identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}

// single is a directory that only looks up.
type single struct {
	find func(ctx context.Context, email string) ([]directory.Account, error)
}

func (single) Describe() directory.Descriptor { return directory.Descriptor{Lookup: true} }
func (single) Check(context.Context) error    { return nil }
func (s single) Find(ctx context.Context, email string) ([]directory.Account, error) {
	return s.find(ctx, email)
}

// listed is a directory with a list; err ends it.
type listed struct {
	single
	descriptor directory.Descriptor
	pages      [][]directory.Account
	err        error
	read       *atomic.Int64 // pages
}

func (l listed) Describe() directory.Descriptor { return l.descriptor }
func (l listed) Pages(context.Context) iter.Seq2[[]directory.Account, error] {
	return func(yield func([]directory.Account, error) bool) {
		for _, page := range l.pages {
			l.read.Add(1)
			if !yield(page, nil) {
				return
			}
		}
		if l.err != nil {
			yield(nil, l.err)
		}
	}
}

func person(id, email string) directory.Account {
	return directory.Account{Identity: id, Addresses: directory.Primaries(email), State: directory.StateActive}
}

func found(email, id string) identity.LookupResult {
	return identity.LookupResult{
		Email: email, Status: identity.Found, Matcher: identity.Matcher{"user_id": id}, AccountID: id, Evidence: identity.EvidenceEmail,
	}
}

var ignoreErr = cmpopts.IgnoreFields(identity.LookupResult{}, "Err")

func TestLookupAnswersInOrder(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	d := single{func(_ context.Context, email string) ([]directory.Account, error) {
		calls.Add(1)
		if email == "nobody@example.com" {
			return nil, nil
		}
		return []directory.Account{person("id-of-"+email, email)}, nil
	}}
	got, err := directory.Lookup(t.Context(), d, okta, []string{"B@example.com", "bot", "nobody@example.com", "a@example.com", " b@example.com", "", "c,d@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	want := []identity.LookupResult{
		found("B@example.com", "id-of-b@example.com"),
		{Email: "bot", Status: identity.Failed},
		{Email: "nobody@example.com", Status: identity.NotFound},
		found("a@example.com", "id-of-a@example.com"),
		found(" b@example.com", "id-of-b@example.com"),
		{Email: "", Status: identity.Failed},
		{Email: "c,d@example.com", Status: identity.Failed},
	}
	if diff := cmp.Diff(want, got, ignoreErr); diff != "" {
		t.Errorf("Lookup (-want +got):\n%s", diff)
	}
	for _, a := range got {
		if (a.Status == identity.Failed) != (a.Err != nil) || a.Err != nil && a.Err.Code != identity.CodeUserInvalid {
			t.Errorf("%q: %v", a.Email, a.Err)
		}
	}
	if n := calls.Load(); n != 3 {
		t.Errorf("%d lookups, want one for each of three people", n)
	}
}

// Nobody of another domain is asked for, and the answer says why.
func TestLookupOtherDomain(t *testing.T) {
	t.Parallel()
	var asked []string
	d := directory.Cache(single{func(_ context.Context, email string) ([]directory.Account, error) {
		asked = append(asked, email)
		return []directory.Account{person("1", email)}, nil
	}}, okta, directory.Settings{Domains: []string{"acme.com"}})
	emails := []string{"ann@other.com", "Ann@ACME.com", "ann@sub.acme.com", "ann@notacme.com", `"acme.com@"@evil.com`}
	got, err := directory.Lookup(t.Context(), d, okta, emails)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range got {
		if own := i == 1; (a.Status == identity.Found) != own || a.OtherDomain == own {
			t.Errorf("%s: %+v", emails[i], a)
		}
	}
	if len(asked) != 1 {
		t.Errorf("asked for %q", asked)
	}
}

// The options of a directory reach the decision, by lookup and by walk.
func TestLookupOptions(t *testing.T) {
	t.Parallel()
	alias := directory.Account{Identity: "1", Addresses: directory.Aliases(ann)}
	pending := directory.Account{Identity: "2", Addresses: directory.Primaries(bobs), State: directory.StatePending, Name: "Bob"}
	bot := directory.Account{Identity: "3", Addresses: directory.Primaries(cys), Kind: directory.KindBot}
	for name, tc := range map[string]struct {
		options directory.Options
		want    string
	}{
		"none":       {directory.Options{}, "alias unverified not_found"},
		"aliases":    {directory.Options{MatchAliases: true}, "found=1 unverified not_found"},
		"unverified": {directory.Options{IncludeUnverified: true}, "alias found=2 not_found"},
		"bots":       {directory.Options{Kinds: []directory.Kind{directory.KindBot}}, "alias unverified found=3"},
	} {
		accounts := []directory.Account{alias, pending, bot}
		for way, d := range map[string]directory.Directory{
			"look up": single{func(context.Context, string) ([]directory.Account, error) { return accounts, nil }},
			"walk":    listed{pages: [][]directory.Account{accounts}, read: new(atomic.Int64)},
		} {
			if got := says(t, directory.Cache(d, okta, directory.Settings{Options: tc.options})); got != tc.want {
				t.Errorf("%s, %s: %s, want %s", name, way, got, tc.want)
			}
		}
	}
}

// Accounts to choose from are shown with their state and name.
func TestLookupCandidates(t *testing.T) {
	t.Parallel()
	d := single{func(context.Context, string) ([]directory.Account, error) {
		return []directory.Account{
			{Identity: "1", AccountID: "a", Addresses: directory.Primaries(ann), State: directory.StateInactive, Name: "Ann Lee"},
			{Identity: "2", Addresses: directory.Primaries(ann)},
		}, nil
	}}
	got, err := directory.Lookup(t.Context(), d, okta, []string{ann})
	want := []identity.LookupResult{{Email: ann, Status: identity.Ambiguous, Candidates: []identity.Candidate{
		{Matcher: identity.Matcher{"user_id": "1"}, AccountID: "a", State: "inactive", Name: "Ann Lee"},
		{Matcher: identity.Matcher{"user_id": "2"}, AccountID: "2"},
	}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Lookup: %v (-want +got):\n%s", err, diff)
	}
}

// What the service type does not allow is never stored.
func TestLookupValidatesIDs(t *testing.T) {
	t.Parallel()
	iam := identity.ServiceKey{Type: "aws_iam", ExternalID: "123456789012"}
	for _, state := range []directory.State{directory.StateActive, directory.StateInactive} {
		a := person("arn:aws:iam::999999999999:user/ann", ann)
		a.State = state
		got, err := directory.Lookup(t.Context(), single{func(context.Context, string) ([]directory.Account, error) { return []directory.Account{a}, nil }}, iam, []string{ann})
		if err != nil {
			t.Fatal(err)
		}
		if got[0].Status != identity.Failed || got[0].Matcher != nil || identity.CodeOf(got[0].Err) != identity.CodeIdentityInvalid || got[0].Err.User != ann {
			t.Errorf("Lookup = %+v (%v), want Failed with %s", got[0], got[0].Err, identity.CodeIdentityInvalid)
		}
	}
}

// Ids that the service type compares without case are one account.
func TestLookupFoldsIDs(t *testing.T) {
	t.Parallel()
	google := identity.ServiceKey{Type: "google", ExternalID: "example.com"}
	d := single{func(context.Context, string) ([]directory.Account, error) {
		return []directory.Account{person("ann@example.com", ann), person("Ann@Example.com", ann)}, nil
	}}
	got, err := directory.Lookup(t.Context(), d, google, []string{ann})
	if err != nil {
		t.Fatal(err)
	}
	want := []identity.LookupResult{{Email: ann, Status: identity.Found, Matcher: identity.Matcher{"email": "Ann@Example.com"}, Evidence: identity.EvidenceEmail}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Lookup (-want +got):\n%s", diff)
	}
}

func TestLookupFailsAsAWhole(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err       error
		code      identity.Code
		retryable bool
	}{
		"credential":         {directory.ErrCredential, identity.CodeDirectoryDenied, false},
		"permission":         {fmt.Errorf("list: %w", directory.ErrPermission), identity.CodeDirectoryDenied, false},
		"unreachable":        {directory.ErrUnavailable, identity.CodeDirectoryFailed, true},
		"refused":            {directory.ErrRefused, identity.CodeDirectoryFailed, false},
		"something else":     {errors.New("broken"), identity.CodeDirectoryFailed, false},
		"limited from first": {&directory.RateLimitError{RetryAfter: time.Second}, identity.CodeDirectoryLimited, true},
	} {
		fail := func(context.Context, string) ([]directory.Account, error) { return nil, tc.err }
		for way, d := range map[string]directory.Directory{
			"look up": single{fail},
			"walk":    listed{pages: [][]directory.Account{{person("1", ann)}}, err: tc.err, read: new(atomic.Int64)},
			"batch":   directoryWithBatches{single{fail}, func([]string) (map[string][]directory.Account, error) { return nil, tc.err }},
		} {
			t.Run(name+"/"+way, func(t *testing.T) {
				t.Parallel()
				got, err := directory.Lookup(t.Context(), d, okta, []string{ann, "b@example.com"})
				var e *identity.Error
				if got != nil || !errors.As(err, &e) || e.Code != tc.code || e.Retryable != tc.retryable || e.Service != okta || !errors.Is(err, tc.err) {
					t.Errorf("Lookup = %+v, %+v, want %s, retryable %t", got, err, tc.code, tc.retryable)
				}
			})
		}
	}
}

type directoryWithBatches struct {
	single
	many func(emails []string) (map[string][]directory.Account, error)
}

func (d directoryWithBatches) FindMany(_ context.Context, emails []string) (map[string][]directory.Account, error) {
	return d.many(emails)
}

// many is n addresses.
func many(n int) []string {
	emails := make([]string, n)
	for i := range emails {
		emails[i] = fmt.Sprintf("p%d@example.com", i)
	}
	return emails
}

// A rate limit in the middle keeps the known answers and fails the others
// without asking for them.
func TestLookupLimitedInTheMiddle(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	limit := &directory.RateLimitError{RetryAfter: time.Minute}
	for way, d := range map[string]directory.Directory{
		"look up": single{func(_ context.Context, email string) ([]directory.Account, error) {
			if calls.Add(1) > 10 {
				return nil, limit
			}
			return []directory.Account{person("u", email)}, nil
		}},
		"batch": directoryWithBatches{single{}, func(emails []string) (map[string][]directory.Account, error) {
			if emails[0] != "p0@example.com" {
				return nil, limit
			}
			all := map[string][]directory.Account{}
			for _, email := range emails {
				all[email] = []directory.Account{person("u", email)}
			}
			return all, nil
		}},
	} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			emails := many(700)
			got, err := directory.Lookup(t.Context(), d, okta, emails)
			if err != nil {
				t.Fatal(err)
			}
			known := 0
			for i, a := range got {
				switch {
				case a.Email != emails[i]:
					t.Fatalf("answer %d is about %s", i, a.Email)
				case a.Status == identity.Found:
					known++
				case a.Status != identity.Failed || a.Err == nil || a.Err.Code != identity.CodeDirectoryLimited || !a.Err.Retryable:
					t.Errorf("%s: %+v, want a retryable failure", a.Email, a)
				}
			}
			if known == 0 || known == len(emails) {
				t.Errorf("%d of %d known", known, len(emails))
			}
			if way == "look up" && (known != 10 || calls.Load() > 20) {
				t.Errorf("%d known after %d calls, want 10 and few calls after the limit", known, calls.Load())
			}
		})
	}
}

func TestLookupOddAnswer(t *testing.T) {
	t.Parallel()
	d := single{func(_ context.Context, email string) ([]directory.Account, error) {
		if email == ann {
			return nil, fmt.Errorf("%w: no idea", directory.ErrAnswer)
		}
		return []directory.Account{person("u", email)}, nil
	}}
	got, err := directory.Lookup(t.Context(), d, okta, []string{ann, "b@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	want := []identity.LookupResult{{Email: ann, Status: identity.Failed}, found("b@example.com", "u")}
	if diff := cmp.Diff(want, got, ignoreErr); diff != "" || got[0].Err == nil || got[0].Err.Retryable {
		t.Errorf("Lookup (-want +got):\n%s\n%v", diff, got[0].Err)
	}
}

func TestLookupConcurrency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		d := single{func(_ context.Context, _ string) ([]directory.Account, error) {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(time.Second)
			now.Add(-1)
			return nil, nil
		}}
		began := time.Now()
		if _, err := directory.Lookup(t.Context(), d, okta, many(40)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); most.Load() != 4 || took != 10*time.Second {
			t.Errorf("at most %d at once, %s for 40 lookups of a second; want 4 and 10s", most.Load(), took)
		}
	})
}

// TestLookupInList: only a whole list shows that nobody else gets an account, and
// only for the owner of its one own address.
func TestLookupInList(t *testing.T) {
	t.Parallel()
	two := person("00u2", "login@acme.com")
	two.Addresses = append(two.Addresses, directory.Address{Email: "mail@acme.com", Kind: directory.Primary})
	aliased := person("00u3", "own@acme.com")
	aliased.Addresses = append(aliased.Addresses, directory.Address{Email: "other@acme.com", Kind: directory.Alias})
	left := person("00u4", "left@acme.com")
	left.State = directory.StateInactive
	pages := [][]directory.Account{{person("00u1", "Ada@acme.com"), two}, {aliased, left}}
	rows := func(_ context.Context, email string) (found []directory.Account, _ error) {
		for _, page := range pages {
			for _, a := range page {
				if a.Addresses[0].Email == email || email == "ada@acme.com" && a.Identity == "00u1" {
					found = append(found, a)
				}
			}
		}
		return found, nil
	}
	list := func(err error) listed {
		return listed{single: single{rows}, descriptor: directory.Descriptor{Lookup: true, ListPage: 2, LookupSeesInactive: true}, pages: pages, err: err, read: new(atomic.Int64)}
	}
	emails := []string{"ada@acme.com", "login@acme.com", "own@acme.com", "left@acme.com", "nobody@acme.com"}
	for name, test := range map[string]struct {
		d      directory.Directory
		unique []bool
	}{
		"a whole list":           {list(nil), []bool{true, false, true, false, false}},
		"a list that is cut off": {list(directory.ErrTruncated), make([]bool, 5)},
		"no list":                {single{rows}, make([]bool, 5)},
	} {
		got, err := directory.LookupInList(t.Context(), test.d, okta, emails, "")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		plain, err := directory.Lookup(t.Context(), test.d, okta, emails)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i, a := range got {
			if a.Unique != test.unique[i] || plain[i].Unique {
				t.Errorf("%s: %s is unique: %t, looked up %t", name, emails[i], a.Unique, plain[i].Unique)
			}
			if a.Status != plain[i].Status || !cmp.Equal(a.Matcher, plain[i].Matcher) {
				t.Errorf("%s: %s is %v, looked up %v", name, emails[i], a, plain[i])
			}
		}
	}
	if _, err := directory.LookupInList(t.Context(), list(directory.ErrUnavailable), okta, emails, ""); err == nil {
		t.Error("a list that breaks off answers")
	}
}
