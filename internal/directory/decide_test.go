// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory_test

import (
	"errors"
	"slices"
	"strings"
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
	a := directory.Account{Identity: id, State: state}
	if len(emails) > 0 {
		a.Addresses = append(directory.Primaries(emails[0]), directory.Aliases(emails[1:]...)...)
	}
	return a
}

// signIn gives an account a sign-in name.
func signIn(name string, a directory.Account) directory.Account {
	a.SignIn = name
	return a
}

// proof sets what a service proved of an account's addresses.
func proof(p directory.Proof, a directory.Account) directory.Account {
	a.Addresses = slices.Clone(a.Addresses)
	for i := range a.Addresses {
		a.Addresses[i].Proof = p
	}
	return a
}

func kind(kind directory.Kind, a directory.Account) directory.Account {
	a.Kind = kind
	return a
}

func TestDecide(t *testing.T) {
	t.Parallel()
	const (
		unknown, active, invited = directory.StateUnknown, directory.StateActive, directory.StateInvited
		pending, inactive        = directory.StatePending, directory.StateInactive
	)
	type accounts = []directory.Account
	one, two := acc("1", active, ann), acc("2", active, ann)
	alias, alias2 := acc("1", active, "a@example.com", ann), acc("2", active, "b@example.com", ann)
	found := func(a directory.Account) directory.Result {
		return directory.Result{Status: identity.Found, Account: a, Evidence: identity.EvidenceEmail}
	}
	with := func(evidence identity.Evidence, a directory.Account) directory.Result {
		return directory.Result{Status: identity.Found, Account: a, Evidence: evidence}
	}
	left := func(a directory.Account) directory.Result {
		return directory.Result{Status: identity.Inactive, Account: a}
	}
	named := func(status identity.LookupStatus, a ...directory.Account) directory.Result {
		return directory.Result{Status: status, Candidates: a}
	}
	notFound := directory.Result{Status: identity.NotFound}
	aliases, unverified := directory.Options{MatchAliases: true}, directory.Options{IncludeUnverified: true}
	bots := directory.Options{Kinds: []directory.Kind{directory.KindBot}}
	id := func(accountID string, a directory.Account) directory.Account {
		a.AccountID = accountID
		return a
	}

	for name, tc := range map[string]struct {
		email      string
		candidates accounts
		options    directory.Options
		want       directory.Result
	}{
		"nobody":                 {candidates: nil, want: notFound},
		"one":                    {candidates: accounts{one}, want: found(one)},
		"unknown state":          {candidates: accounts{acc("1", unknown, ann)}, want: found(acc("1", unknown, ann))},
		"invited":                {candidates: accounts{acc("1", invited, ann)}, want: found(acc("1", invited, ann))},
		"inactive":               {candidates: accounts{acc("1", inactive, ann)}, want: left(acc("1", inactive, ann))},
		"upper case asked":       {email: " Ann@Example.COM", candidates: accounts{one}, want: found(one)},
		"upper case there":       {candidates: accounts{acc("1", active, "ANN@example.com ")}, want: found(acc("1", active, "ANN@example.com "))},
		"longer address":         {candidates: accounts{acc("1", active, "joann@example.com"), acc("2", active, "ann@example.com.au")}, want: notFound},
		"Kelvin sign is not a k": {email: "k@example.com", candidates: accounts{acc("1", active, "\u212a@example.com")}, want: notFound},
		"invisible character":    {candidates: accounts{acc("1", active, "ann\u200b@example.com")}, want: notFound},

		// Several owners.
		"two":                              {candidates: accounts{two, one}, want: named(identity.Ambiguous, one, two)},
		"two inactive":                     {candidates: accounts{acc("2", inactive, ann), acc("1", inactive, ann)}, want: named(identity.Ambiguous, acc("1", inactive, ann), acc("2", inactive, ann))},
		"inactive twin":                    {candidates: accounts{acc("1", inactive, ann), two}, want: named(identity.Ambiguous, acc("1", inactive, ann), two)},
		"sign-in name decides":             {candidates: accounts{one, signIn(ann, two)}, want: found(signIn(ann, two))},
		"sign-in name in upper case":       {candidates: accounts{one, signIn("ANN@Example.com", two)}, want: found(signIn("ANN@Example.com", two))},
		"sign-in name of the inactive one": {candidates: accounts{one, signIn(ann, acc("2", inactive, ann))}, want: left(signIn(ann, acc("2", inactive, ann)))},
		"both sign in by it":               {candidates: accounts{signIn(ann, one), signIn(ann, two)}, want: named(identity.Ambiguous, signIn(ann, one), signIn(ann, two))},
		"other sign-in names":              {candidates: accounts{signIn("ann.martin@example.com", one), signIn("svc-backup", two)}, want: named(identity.Ambiguous, signIn("ann.martin@example.com", one), signIn("svc-backup", two))},
		"hired again":                      {candidates: accounts{signIn(ann, acc("1", inactive, ann)), signIn(ann, two)}, want: found(signIn(ann, two))},
		"hired again, no address":          {candidates: accounts{signIn("Ann ", acc("1", inactive, ann)), signIn("ann", acc("3", inactive, ann)), signIn("ann", two)}, want: found(signIn("ann", two))},
		"hired again, name unknown":        {candidates: accounts{acc("1", inactive, ann), signIn("ann", two)}, want: named(identity.Ambiguous, acc("1", inactive, ann), signIn("ann", two))},
		"hired again, twice there":         {candidates: accounts{signIn("ann", acc("1", inactive, ann)), signIn("ann", two), signIn("ann", acc("3", unknown, ann))}, want: named(identity.Ambiguous, signIn("ann", acc("1", inactive, ann)), signIn("ann", two), signIn("ann", acc("3", unknown, ann)))},
		"hired again under another name":   {candidates: accounts{signIn("ann1", acc("1", inactive, ann)), signIn("ann2", two)}, want: named(identity.Ambiguous, signIn("ann1", acc("1", inactive, ann)), signIn("ann2", two))},
		"left twice":                       {candidates: accounts{signIn(ann, acc("1", inactive, ann)), signIn(ann, acc("2", inactive, ann))}, want: named(identity.Ambiguous, signIn(ann, acc("1", inactive, ann)), signIn(ann, acc("2", inactive, ann)))},

		// Aliases.
		"alias":                              {candidates: accounts{alias}, want: named(identity.Alias, alias)},
		"two aliases":                        {candidates: accounts{alias2, alias}, want: named(identity.Alias, alias, alias2)},
		"alias matched":                      {candidates: accounts{alias}, options: aliases, want: with(identity.EvidenceAlias, alias)},
		"proved alias matched":               {candidates: accounts{proof(directory.Proved, alias)}, options: aliases, want: with(identity.EvidenceAlias, proof(directory.Proved, alias))},
		"alias of an inactive one":           {candidates: accounts{acc("1", inactive, "a@example.com", ann)}, options: aliases, want: left(acc("1", inactive, "a@example.com", ann))},
		"two aliases matched":                {candidates: accounts{alias, alias2}, options: aliases, want: named(identity.Ambiguous, alias, alias2)},
		"alias of an active and an inactive": {candidates: accounts{alias, acc("2", inactive, "b@example.com", ann)}, options: aliases, want: named(identity.Ambiguous, alias, acc("2", inactive, "b@example.com", ann))},
		"owner before alias":                 {candidates: accounts{alias, two}, options: aliases, want: found(two)},
		"inactive owner before active alias": {candidates: accounts{acc("1", inactive, ann), alias2}, options: aliases, want: left(acc("1", inactive, ann))},
		"owners are ambiguous, alias is not": {candidates: accounts{one, two, acc("3", active, "c@example.com", ann)}, options: aliases, want: named(identity.Ambiguous, one, two)},
		"alias equal to the sign-in name":    {candidates: accounts{signIn(ann, alias)}, want: named(identity.Alias, signIn(ann, alias))},

		// Unverified.
		"unproved":                       {candidates: accounts{proof(directory.Unproved, one)}, want: named(identity.Unverified, proof(directory.Unproved, one))},
		"proved":                         {candidates: accounts{proof(directory.Proved, one)}, want: with(identity.EvidenceVerifiedEmail, proof(directory.Proved, one))},
		"pending":                        {candidates: accounts{acc("1", pending, ann)}, want: named(identity.Unverified, acc("1", pending, ann))},
		"pending and proved":             {candidates: accounts{proof(directory.Proved, acc("1", pending, ann))}, want: named(identity.Unverified, proof(directory.Proved, acc("1", pending, ann)))},
		"unproved and inactive":          {candidates: accounts{proof(directory.Unproved, acc("1", inactive, ann))}, want: named(identity.Unverified, proof(directory.Unproved, acc("1", inactive, ann)))},
		"owner before unproved":          {candidates: accounts{proof(directory.Unproved, one), two}, want: found(two)},
		"inactive owner before unproved": {candidates: accounts{one, acc("2", inactive, ann)}, want: named(identity.Ambiguous, one, acc("2", inactive, ann))},
		"an inactive owner blocks an unproved one": {candidates: accounts{proof(directory.Unproved, one), acc("2", inactive, ann)}, want: left(acc("2", inactive, ann))},
		"unproved before alias":                    {candidates: accounts{proof(directory.Unproved, one), alias2}, options: aliases, want: named(identity.Unverified, proof(directory.Unproved, one))},
		"unproved with the sign-in name":           {candidates: accounts{proof(directory.Unproved, signIn(ann, one)), two}, want: found(two)},
		"unproved alias":                           {candidates: accounts{proof(directory.Unproved, alias)}, want: named(identity.Unverified, proof(directory.Unproved, alias))},
		"unproved alias matched":                   {candidates: accounts{proof(directory.Unproved, alias)}, options: aliases, want: named(identity.Unverified, proof(directory.Unproved, alias))},
		"alias of a pending one":                   {candidates: accounts{acc("1", pending, "a@example.com", ann)}, options: aliases, want: named(identity.Unverified, acc("1", pending, "a@example.com", ann))},
		"alias before unproved alias":              {candidates: accounts{proof(directory.Unproved, alias), alias2}, options: aliases, want: with(identity.EvidenceAlias, alias2)},
		"unproved included":                        {candidates: accounts{proof(directory.Unproved, one)}, options: unverified, want: found(proof(directory.Unproved, one))},
		"pending included":                         {candidates: accounts{acc("1", pending, ann)}, options: unverified, want: found(acc("1", pending, ann))},
		"pending included and proved":              {candidates: accounts{proof(directory.Proved, acc("1", pending, ann))}, options: unverified, want: found(proof(directory.Proved, acc("1", pending, ann)))},
		"unproved included beside an owner":        {candidates: accounts{proof(directory.Unproved, one), two}, options: unverified, want: named(identity.Ambiguous, proof(directory.Unproved, one), two)},
		"unproved alias included":                  {candidates: accounts{proof(directory.Unproved, alias)}, options: directory.Options{MatchAliases: true, IncludeUnverified: true}, want: with(identity.EvidenceAlias, proof(directory.Unproved, alias))},

		// Rows of one account.
		"one twice":                              {candidates: accounts{one, one}, want: found(one)},
		"rows of one":                            {candidates: accounts{acc("1", active, "b@example.com"), acc("1", unknown, ann)}, want: found(directory.Account{Identity: "1", State: active, Addresses: directory.Primaries(ann, "b@example.com")})},
		"pending in one row, active in another":  {candidates: accounts{acc("1", pending, ann), one}, want: found(one)},
		"pending in one row, unknown in another": {candidates: accounts{acc("1", pending, ann), acc("1", unknown, ann)}, want: named(identity.Unverified, acc("1", pending, ann))},
		"alias in one row, primary in another": {candidates: accounts{alias, one}, want: found(directory.Account{Identity: "1", State: active,
			Addresses: []directory.Address{{Email: "a@example.com", Kind: directory.Primary}, {Email: ann, Kind: directory.Primary}, {Email: ann}}})},
		"proved in one row, unproved in another": {candidates: accounts{proof(directory.Proved, one), proof(directory.Unproved, one)}, want: named(identity.Unverified, directory.Account{Identity: "1", State: active,
			Addresses: []directory.Address{{Email: ann, Kind: directory.Primary, Proof: directory.Proved}, {Email: ann, Kind: directory.Primary, Proof: directory.Unproved}}})},
		"proved in one row": {candidates: accounts{proof(directory.Proved, one), one}, want: with(identity.EvidenceVerifiedEmail, directory.Account{Identity: "1", State: active,
			Addresses: []directory.Address{{Email: ann, Kind: directory.Primary}, {Email: ann, Kind: directory.Primary, Proof: directory.Proved}}})},
		"one sign-in name, spelled twice": {candidates: accounts{signIn(ann, one), signIn("Ann@Example.com", one), two}, want: found(signIn("Ann@Example.com", one))},
		"two sign-in names of one":        {candidates: accounts{signIn(ann, one), signIn("b@example.com", one), two}, want: named(identity.Ambiguous, one, two)},
		"one name, two accounts":          {candidates: accounts{id("a", one), id("b", one)}, want: named(identity.Ambiguous, id("a", one), id("b", one))},
		"one name, given again":           {candidates: accounts{id("a", signIn(ann, acc("1", inactive, ann))), id("b", signIn(ann, one))}, want: found(id("b", signIn(ann, one)))},

		// Kinds.
		"bot":                  {candidates: accounts{kind(directory.KindBot, one)}, want: notFound},
		"guest beside":         {candidates: accounts{kind(directory.KindGuest, one), two}, want: found(two)},
		"shared":               {candidates: accounts{kind(directory.KindShared, one)}, want: notFound},
		"a kind of its own":    {candidates: accounts{kind("device", one)}, want: notFound},
		"an inactive bot":      {candidates: accounts{kind(directory.KindBot, acc("1", inactive, ann)), alias2}, want: named(identity.Alias, alias2)},
		"another row is a bot": {candidates: accounts{one, kind(directory.KindBot, acc("1", active, "b@example.com"))}, want: notFound},
		"bot allowed":          {candidates: accounts{kind(directory.KindBot, one)}, options: bots, want: found(kind(directory.KindBot, one))},

		// Records that cannot be read.
		"unreadable record of somebody else": {candidates: accounts{unreadable("9", "b@example.com"), two}, want: found(two)},
		"an account without id elsewhere":    {candidates: accounts{acc("", inactive, "b@example.com", ann), two}, want: found(two)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			email := tc.email
			if email == "" {
				email = ann
			}
			if diff := cmp.Diff(tc.want, directory.Decide(email, tc.candidates, tc.options)); diff != "" {
				t.Errorf("Decide (-want +got):\n%s", diff)
			}
		})
	}
}

// unreadable is a record with an address that a connector could not read.
func unreadable(id, email string) directory.Account {
	a := acc(id, directory.StateUnknown, email)
	a.Unreadable = errors.New("emails is a number")
	return a
}

func TestDecideFails(t *testing.T) {
	t.Parallel()
	renamed := func(name string) directory.Account {
		a := acc(name, directory.StateActive, ann)
		a.AccountID = "7"
		return a
	}
	for name, tc := range map[string]struct {
		email      string
		candidates []directory.Account
		want       error
	}{
		"no id":                     {ann, []directory.Account{acc("", directory.StateActive, ann)}, directory.ErrAnswer},
		"blank id":                  {ann, []directory.Account{acc(" ", directory.StateActive, ann)}, directory.ErrAnswer},
		"no id among two":           {ann, []directory.Account{acc("1", directory.StateActive, ann), acc("", directory.StateActive, ann)}, directory.ErrAnswer},
		"no id, inactive":           {ann, []directory.Account{acc("1", directory.StateActive, ann), acc("", directory.StateInactive, ann)}, directory.ErrAnswer},
		"no id, inactive, alone":    {ann, []directory.Account{acc("", directory.StateInactive, ann)}, directory.ErrAnswer},
		"no address":                {"", []directory.Account{acc("1", directory.StateActive, "")}, directory.ErrAnswer},
		"invisible":                 {"a\u200bnn@example.com", nil, directory.ErrAnswer},
		"unreadable":                {ann, []directory.Account{unreadable("1", ann)}, directory.ErrAnswer},
		"unreadable beside one":     {ann, []directory.Account{acc("2", directory.StateActive, ann), unreadable("1", ann)}, directory.ErrAnswer},
		"one row is unreadable":     {ann, []directory.Account{acc("1", directory.StateActive, ann), unreadable("1", "b@example.com")}, directory.ErrAnswer},
		"renamed while it was read": {ann, []directory.Account{renamed("old"), renamed("new")}, directory.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := directory.Decide(tc.email, tc.candidates, directory.Options{})
			if got.Status != identity.Failed || !errors.Is(got.Err, tc.want) {
				t.Errorf("Decide = %+v, want Failed with %v", got, tc.want)
			}
		})
	}
}

// randomAccounts draws accounts around one address.
func randomAccounts(t *rapid.T) []directory.Account {
	address := rapid.Custom(func(t *rapid.T) directory.Address {
		return directory.Address{
			Email: rapid.SampledFrom([]string{ann, "ANN@example.com", "b@example.com", "joann@example.com", ""}).Draw(t, "email"),
			Kind:  rapid.SampledFrom([]directory.AddressKind{directory.Alias, directory.Primary}).Draw(t, "kind"),
			Proof: rapid.SampledFrom([]directory.Proof{directory.ProofUnknown, directory.Proved, directory.Unproved}).Draw(t, "proof"),
		}
	})
	account := rapid.Custom(func(t *rapid.T) directory.Account {
		a := directory.Account{
			Identity:  rapid.SampledFrom([]string{"1", "2", "3", ""}).Draw(t, "id"),
			AccountID: rapid.SampledFrom([]string{"", "", "a", "b"}).Draw(t, "account id"),
			SignIn:    rapid.SampledFrom([]string{"", ann, "Ann@Example.com", "svc"}).Draw(t, "sign-in"),
			Name:      rapid.SampledFrom([]string{"", "Ann Lee"}).Draw(t, "name"),
			Addresses: rapid.SliceOfN(address, 0, 3).Draw(t, "addresses"),
			State:     rapid.SampledFrom([]directory.State{directory.StateUnknown, directory.StateActive, directory.StateInvited, directory.StatePending, directory.StateInactive}).Draw(t, "state"),
			Kind:      rapid.SampledFrom([]directory.Kind{"", directory.KindPerson, directory.KindGuest}).Draw(t, "kind"),
		}
		if rapid.IntRange(0, 9).Draw(t, "unreadable") == 0 {
			a.Unreadable = errors.New("broken")
		}
		return a
	})
	return rapid.SliceOfN(account, 0, 6).Draw(t, "candidates")
}

func randomOptions(t *rapid.T) directory.Options {
	return directory.Options{MatchAliases: rapid.Bool().Draw(t, "aliases"), IncludeUnverified: rapid.Bool().Draw(t, "unverified")}
}

// The order of candidates never changes the outcome.
func TestDecideIgnoresOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		candidates, options := randomAccounts(t), randomOptions(t)
		shuffled := rapid.Permutation(candidates).Draw(t, "shuffled")
		want, got := directory.Decide(ann, candidates, options), directory.Decide(ann, shuffled, options)
		sameErr := cmp.Comparer(func(a, b error) bool { return a == nil && b == nil || a != nil && b != nil && a.Error() == b.Error() })
		if diff := cmp.Diff(want, got, sameErr); diff != "" {
			t.Fatalf("another order (-before +after):\n%s", diff)
		}
	})
}

// Who is found has the address, an id and the proof that the options ask for;
// no other account that is somebody's own blocks them.
func TestDecideNeedsProof(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		candidates, options := randomAccounts(t), randomOptions(t)
		got := directory.Decide(ann, candidates, options)
		if (got.Status == identity.Ambiguous) != (len(got.Candidates) > 1) && got.Status != identity.Alias && got.Status != identity.Unverified {
			t.Fatalf("%s among %+v", got.Status, got.Candidates)
		}
		if (got.Status == identity.Found) != (got.Evidence != "") {
			t.Fatalf("%s by %q", got.Status, got.Evidence)
		}
		if got.Status != identity.Found {
			return
		}
		a := got.Account
		var own, has, unproved bool
		for _, address := range a.Addresses {
			if strings.EqualFold(address.Email, ann) {
				has, own, unproved = true, own || address.Kind == directory.Primary, unproved || address.Proof == directory.Unproved
			}
		}
		if !has || a.Identity == "" || a.State == directory.StateInactive || a.Kind == directory.KindGuest || a.Unreadable != nil {
			t.Fatalf("found %+v", a)
		}
		if !own && !options.MatchAliases || own == (got.Evidence == identity.EvidenceAlias) {
			t.Fatalf("found %+v by %s", a, got.Evidence)
		}
		if !options.IncludeUnverified && (unproved || a.State == directory.StatePending) {
			t.Fatalf("found %+v, which is unverified", a)
		}
	})
}

// An alias never changes what the owners of an address decide, and neither does
// an account that is not verified.
func TestDecideOwnersAlone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		owner := acc("owner", rapid.SampledFrom([]directory.State{directory.StateActive, directory.StateInvited, directory.StateUnknown, directory.StateInactive}).Draw(t, "state"), ann)
		want := directory.Decide(ann, []directory.Account{owner}, directory.Options{})
		others := randomAccounts(t)
		for i := range others {
			others[i].Unreadable = nil
			for j := range others[i].Addresses {
				if a := &others[i].Addresses[j]; rapid.Bool().Draw(t, "alias") {
					a.Kind = directory.Alias
				} else {
					a.Proof = directory.Unproved
				}
			}
		}
		// A row may prove what another row of its account denies, so each account has one row.
		seen := map[string]bool{"": true}
		others = slices.DeleteFunc(others, func(a directory.Account) bool {
			known := seen[a.Identity]
			seen[a.Identity] = true
			return known || a.AccountID != ""
		})
		got := directory.Decide(ann, append(others, owner), directory.Options{MatchAliases: true})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("with aliases and unproved addresses (-want +got):\n%s", diff)
		}
	})
}

func TestPreferWalk(t *testing.T) {
	t.Parallel()
	slack := directory.Descriptor{Lookup: true, LookupEvery: 1200 * time.Millisecond, ListEvery: 3 * time.Second, ListPage: 200}
	capped := directory.Descriptor{Lookup: true, LookupEvery: time.Second, ListEvery: time.Second, ListPage: 100, ListMaxAccounts: 1000}
	whole := directory.Descriptor{Lookup: true}
	bursty := slack
	bursty.Burst = 5
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
		"unknown may reach the cap":     {capped, 100, 0, true},
		"few of unknown under a cap":    {capped, 9, 0, false},
		"within the burst":              {bursty, 5, 0, false},
		"beyond the burst":              {bursty, 6, 1000, true},
		"longer than the burst":         {bursty, 6, 1001, false},
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
