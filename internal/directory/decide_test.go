// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

const ann = "ann@example.com"

// acc is an account with a state and addresses, the first one primary.
func acc(id string, state directory.State, emails ...string) directory.Account {
	return directory.Account{ID: id, Emails: emails, State: state}
}

func kind(kind string, a directory.Account) directory.Account {
	a.Kind = kind
	return a
}

func TestDecide(t *testing.T) {
	t.Parallel()
	const (
		unknown, active   = directory.StateUnknown, directory.StateActive
		pending, inactive = directory.StatePending, directory.StateInactive
	)
	one, two := acc("1", active, ann), acc("2", active, ann)
	found := func(a directory.Account) directory.Result {
		return directory.Result{Status: identity.Found, Account: a}
	}
	notFound := directory.Result{Status: identity.NotFound}

	for name, tc := range map[string]struct {
		email      string
		candidates []directory.Account
		kinds      []string
		want       directory.Result
	}{
		"nobody":                 {candidates: nil, want: notFound},
		"one":                    {candidates: []directory.Account{one}, want: found(one)},
		"unknown state":          {candidates: []directory.Account{acc("1", unknown, ann)}, want: found(acc("1", unknown, ann))},
		"pending":                {candidates: []directory.Account{acc("1", pending, ann)}, want: found(acc("1", pending, ann))},
		"upper case asked":       {email: " Ann@Example.COM", candidates: []directory.Account{one}, want: found(one)},
		"upper case there":       {candidates: []directory.Account{acc("1", active, "ANN@example.com ")}, want: found(acc("1", active, "ANN@example.com "))},
		"longer address":         {candidates: []directory.Account{acc("1", active, "joann@example.com"), acc("2", active, "ann@example.com.au")}, want: notFound},
		"Kelvin sign is not a k": {email: "k@example.com", candidates: []directory.Account{acc("1", active, "\u212a@example.com")}, want: notFound},
		"invisible character":    {candidates: []directory.Account{acc("1", active, "ann\u200b@example.com")}, want: notFound},
		"alias":                  {candidates: []directory.Account{acc("1", active, "a@example.com", ann)}, want: found(acc("1", active, "a@example.com", ann))},
		"primary before alias":   {candidates: []directory.Account{acc("1", active, "a@example.com", ann), two}, want: found(two)},
		"active before inactive": {candidates: []directory.Account{acc("1", inactive, ann), two}, want: found(two)},
		"active alias before inactive primary": {candidates: []directory.Account{acc("1", inactive, ann), acc("2", active, "b@example.com", ann)},
			want: found(acc("2", active, "b@example.com", ann))},
		"two":               {candidates: []directory.Account{two, one}, want: directory.Result{Status: identity.Ambiguous, Candidates: []directory.Account{one, two}}},
		"two aliases":       {candidates: []directory.Account{acc("1", active, "a@example.com", ann), acc("2", pending, "b@example.com", ann)}, want: directory.Result{Status: identity.Ambiguous, Candidates: []directory.Account{acc("1", active, "a@example.com", ann), acc("2", pending, "b@example.com", ann)}}},
		"one twice":         {candidates: []directory.Account{one, one}, want: found(one)},
		"rows of one":       {candidates: []directory.Account{acc("1", active, "b@example.com"), acc("1", unknown, ann)}, want: found(acc("1", active, ann, "b@example.com"))},
		"inactive":          {candidates: []directory.Account{acc("1", inactive, ann)}, want: directory.Result{Status: identity.Inactive, Account: acc("1", inactive, ann)}},
		"two inactive":      {candidates: []directory.Account{acc("2", inactive, ann), acc("1", inactive, ann)}, want: directory.Result{Status: identity.Inactive, Candidates: []directory.Account{acc("1", inactive, ann), acc("2", inactive, ann)}}},
		"bot":               {candidates: []directory.Account{kind(directory.KindBot, one)}, want: notFound},
		"guest beside":      {candidates: []directory.Account{kind(directory.KindGuest, one), two}, want: found(two)},
		"shared":            {candidates: []directory.Account{kind(directory.KindShared, one)}, want: notFound},
		"a kind of its own": {candidates: []directory.Account{kind("device", one)}, want: notFound},
		"another row is a bot": {candidates: []directory.Account{one, kind(directory.KindBot, acc("1", active, "b@example.com"))},
			want: notFound},
		"bot allowed": {candidates: []directory.Account{kind(directory.KindBot, one)}, kinds: []string{directory.KindBot},
			want: found(kind(directory.KindBot, one))},
		"unwanted account without id": {candidates: []directory.Account{acc("", inactive, ann), two}, want: found(two)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			email := tc.email
			if email == "" {
				email = ann
			}
			if diff := cmp.Diff(tc.want, directory.Decide(email, tc.candidates, tc.kinds...)); diff != "" {
				t.Errorf("Decide (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecideFails(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		email      string
		candidates []directory.Account
	}{
		"no id":           {ann, []directory.Account{acc("", directory.StateActive, ann)}},
		"blank id":        {ann, []directory.Account{acc(" ", directory.StateActive, ann)}},
		"no id among two": {ann, []directory.Account{acc("1", directory.StateActive, ann), acc("", directory.StateActive, ann)}},
		"no address":      {"", []directory.Account{acc("1", directory.StateActive, "")}},
		"invisible":       {"a\u200bnn@example.com", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := directory.Decide(tc.email, tc.candidates)
			if got.Status != identity.Failed || !errors.Is(got.Err, directory.ErrAnswer) {
				t.Errorf("Decide = %+v, want Failed with ErrAnswer", got)
			}
		})
	}
}

// The order of candidates never changes the outcome, and what is found has
// the address and an id.
func TestDecideIgnoresOrder(t *testing.T) {
	t.Parallel()
	address := rapid.SampledFrom([]string{ann, "ANN@example.com", "b@example.com", "joann@example.com", ""})
	account := rapid.Custom(func(t *rapid.T) directory.Account {
		a := directory.Account{
			ID:     rapid.SampledFrom([]string{"1", "2", "3", ""}).Draw(t, "id"),
			Emails: rapid.SliceOfN(address, 0, 3).Draw(t, "emails"),
			State:  rapid.SampledFrom([]directory.State{directory.StateUnknown, directory.StateActive, directory.StatePending, directory.StateInactive}).Draw(t, "state"),
			Kind:   rapid.SampledFrom([]string{"", directory.KindPerson, directory.KindGuest}).Draw(t, "kind"),
		}
		return a
	})
	rapid.Check(t, func(t *rapid.T) {
		candidates := rapid.SliceOfN(account, 0, 6).Draw(t, "candidates")
		shuffled := rapid.Permutation(candidates).Draw(t, "shuffled")
		want, got := directory.Decide(ann, candidates), directory.Decide(ann, shuffled)
		sameErr := cmp.Comparer(func(a, b error) bool { return a == nil && b == nil || a != nil && b != nil && a.Error() == b.Error() })
		if diff := cmp.Diff(want, got, sameErr); diff != "" {
			t.Fatalf("another order (-before +after):\n%s", diff)
		}
		if got.Status == identity.Found && (got.Account.ID == "" || got.Account.State == directory.StateInactive) {
			t.Fatalf("found %+v", got.Account)
		}
		if got.Status == identity.Ambiguous && len(got.Candidates) < 2 {
			t.Fatalf("ambiguous among %+v", got.Candidates)
		}
	})
}

func TestPreferWalk(t *testing.T) {
	t.Parallel()
	slack := directory.Descriptor{Lookup: true, LookupEvery: 1200 * time.Millisecond, ListEvery: 3 * time.Second, ListPage: 200}
	capped := directory.Descriptor{Lookup: true, LookupEvery: time.Second, ListEvery: time.Second, ListPage: 100, ListMaxAccounts: 1000}
	whole := directory.Descriptor{Lookup: true}
	for name, tc := range map[string]struct {
		d          directory.Descriptor
		want, size int
		walk       bool
	}{
		"everybody":                     {slack, 10_000, 10_000, true},
		"five of ten thousand":          {slack, 5, 10_000, false},
		"five of unknown":               {slack, 5, 0, false},
		"hundreds of unknown":           {slack, 300, 0, true},
		"one":                           {slack, 1, 0, false},
		"list only":                     {directory.Descriptor{ListEvery: time.Hour}, 1, 1_000_000, true},
		"at the cap":                    {capped, 1000, 1000, false},
		"below the cap":                 {capped, 900, 999, true},
		"unknown may reach the cap":     {capped, 100, 0, false},
		"no pace known, one answer":     {whole, 100, 0, true},
		"no pace known, few":            {whole, 3, 0, false},
		"equal times prefer to look up": {whole, 4, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := directory.PreferWalk(tc.d, tc.want, tc.size); got != tc.walk {
				t.Errorf("Plan = %t, want %t", got, tc.walk)
			}
		})
	}
}
