// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var github = identity.ServiceKey{Type: "github", ExternalID: "acme"}

// octo is an account of a service whose identities are names.
func octo(accountID, login string, state directory.State, emails ...string) directory.Account {
	a := acc(login, state, emails...)
	a.AccountID, a.Name = accountID, "Name of "+login
	return a
}

func listAccounts(t *testing.T, d directory.Directory, service identity.ServiceKey) *directory.AccountList {
	t.Helper()
	list, err := directory.Accounts(t.Context(), d, service, "")
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Rows of one account are one account; the order of rows changes neither the
// list nor its version.
func TestAccounts(t *testing.T) {
	t.Parallel()
	rows := []directory.Account{
		kind(directory.KindBot, octo("3", "Robot", directory.StateUnknown)),
		proof(directory.Proved, octo("1", "ann", directory.StateActive, "Ann@Acme.Example")),
		proof(directory.Unproved, octo("2", "bob", directory.StatePending, "bob@acme.example", "robert@acme.example")),
		octo("1", "ann", directory.StateUnknown, "nan@acme.example", "no\x00address"),
		{AccountID: "4", Kind: directory.KindShared, State: directory.StateInactive, Unreadable: nil},
		{AccountID: "5", Identity: "torn", State: directory.StateActive, Unreadable: errors.New("its e-mail is a number")},
	}
	synctest.Test(t, func(t *testing.T) {
		list := listAccounts(t, directory.Cache(newCompany(rows...), github, minutes), github)
		var got []identity.Account
		for i := range list.Len() {
			got = append(got, list.At(i))
		}
		yes, no := true, false
		matcher := func(login string) identity.Matcher { return identity.NewMatcher("github", login) }
		want := []identity.Account{
			{AccountID: "4", State: "inactive", Kind: "shared", Emails: []identity.AccountEmail{}, Unreadable: "the account has no id"},
			{AccountID: "3", Matcher: matcher("Robot"), Name: "Name of Robot", State: "unknown", Kind: "bot", Emails: []identity.AccountEmail{}},
			{AccountID: "1", Matcher: matcher("ann"), Name: "Name of ann", State: "active", Kind: "person", Emails: []identity.AccountEmail{
				{Address: "ann@acme.example", Primary: true, Proved: &yes}, {Address: "nan@acme.example", Primary: true}}},
			{AccountID: "2", Matcher: matcher("bob"), Name: "Name of bob", State: "pending", Kind: "person", Emails: []identity.AccountEmail{
				{Address: "bob@acme.example", Primary: true, Proved: &no}, {Address: "robert@acme.example", Proved: &no}}},
			{AccountID: "5", Matcher: matcher("torn"), State: "active", Kind: "person", Emails: []identity.AccountEmail{}, Unreadable: "its e-mail is a number"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("accounts (-want +got):\n%s", diff)
		}
		backwards := newCompany(rows[5], rows[4], rows[3], rows[2], rows[1], rows[0])
		if again := listAccounts(t, backwards, github); again.Version() != list.Version() {
			t.Error("the order of rows changes the version")
		}
		changed := newCompany(rows...)
		changed.accounts[1].State = directory.StateInactive
		if other := listAccounts(t, changed, github); other.Version() == list.Version() {
			t.Error("a change of a state does not change the version")
		}
	})
}

// A mapping holds the account with its account id, whatever that is called now,
// else the account with its identity.
func TestAccountsHeld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		list := listAccounts(t, newCompany(
			octo("1", "ann", directory.StateActive, "ann@acme.example"),
			octo("2", "bob-new", directory.StateInactive, "bob@acme.example"),
			octo("", "idless", directory.StateActive, "idless@acme.example"),
			octo("7", "reused", directory.StateActive, "eve@acme.example"),
		), github)
		for _, tc := range []struct{ identity, accountID, want string }{
			{"Ann", "", "[1]"}, {"ANN", "1", "[1]"}, {"bob", "2", "[2]"}, {"bob", "", "[]"}, {"idless", "9", "[]"},
			{"idless", "", "[]"}, {"reused", "6", "[]"}, {"ann", "2", "[2]"}, {"gone", "99", "[]"},
		} {
			places := list.Held(identity.Mapping{Service: github, Matcher: identity.NewMatcher("github", tc.identity), AccountID: tc.accountID})
			ids := []string{}
			for _, place := range places {
				ids = append(ids, list.At(place).AccountID)
			}
			if got := fmt.Sprint(ids); got != tc.want && tc.identity != "idless" {
				t.Errorf("%+v holds %s", tc, got)
			}
			if tc.identity == "idless" && (len(places) != 1 || list.At(places[0]).Matcher.String() != "idless") {
				t.Errorf("%+v holds %v", tc, places)
			}
		}
	})
}

// cut is a list that the service cuts off.
type cut struct{ *company }

func (cut) Describe() directory.Descriptor {
	return directory.Descriptor{ListPage: 1, ListMaxAccounts: 2}
}

func TestAccountsRefuses(t *testing.T) {
	t.Parallel()
	people := []directory.Account{person("1", ann), person("2", bobs)}
	noAddress := []directory.Account{{Identity: "1"}, {Identity: "2"}}
	for name, tc := range map[string]struct {
		d    directory.Directory
		want identity.Code
	}{
		"a directory without a list":     {single{}, identity.CodeNoList},
		"a list that is cut off":         {cut{newCompany(people...)}, identity.CodeNoList},
		"a list that breaks off":         {failing(people, directory.ErrUnavailable), identity.CodeDirectoryFailed},
		"a limit":                        {failing(people, &directory.RateLimitError{}), identity.CodeDirectoryLimited},
		"a credential":                   {failing(people, directory.ErrCredential), identity.CodeDirectoryDenied},
		"people without a single e-mail": {newCompany(noAddress...), identity.CodeDirectoryDenied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				list, err := directory.Accounts(t.Context(), directory.Cache(tc.d, okta, minutes), okta, "")
				if identity.CodeOf(err) != tc.want || list != nil {
					t.Errorf("got %v and %v, want %s", list, err, tc.want)
				}
			})
		})
	}
}

// One walk serves for as long as misses are kept. A reader of pages goes on with
// the list that it began, and never with another one.
func TestAccountsVersions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(person("1", ann), person("2", bobs))
		d := directory.Cache(c, okta, minutes)
		ask := func(name, version string, want identity.Code, walks int) *directory.AccountList {
			t.Helper()
			list, err := directory.Accounts(t.Context(), d, okta, version)
			if identity.CodeOf(err) != want {
				t.Errorf("%s: %v, want %q", name, err, want)
			}
			if n, _ := c.asked(); n != walks {
				t.Errorf("%s: %d walks, want %d", name, n, walks)
			}
			return list
		}
		began := time.Now()
		first := ask("first", "", "", 1)
		if !first.AsOf.Equal(began) {
			t.Errorf("as of %v, want the walk's start %v", first.AsOf, began)
		}
		ask("kept", "", "", 0)
		time.Sleep(minutes.Misses)
		ask("old, for a reader of it", first.Version(), "", 0)
		ask("too old for another", "", "", 1)
		ask("equal to the one before", first.Version(), "", 0)
		c.set(nil, person("1", ann))
		time.Sleep(minutes.TTL + time.Second)
		ask("older than any answer, for a reader of it", first.Version(), "", 0)
		time.Sleep(time.Hour + time.Second)
		ask("gone, and changed", first.Version(), identity.CodeListChanged, 1)
		ask("changed", first.Version(), identity.CodeListChanged, 0)
		c.set(nil, person("1", ann), person("2", bobs))
		time.Sleep(time.Hour + time.Second)
		ask("gone, and as it was", first.Version(), "", 1)
	})
}

// Lookups and statuses are answered from the list that a caller has begun to read,
// however old it is, and never from another one.
func TestAnswersOfOneVersion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := searched{newCompany(person("1", ann)), []directory.Account{person("2", bobs)}}
		d := directory.Cache(s, okta, minutes)
		version := listAccounts(t, d, okta).Version()
		s.set(nil, person("3", ann))
		time.Sleep(2 * minutes.TTL)
		found, err := directory.LookupInList(t.Context(), d, okta, []string{ann, cys}, version)
		if err != nil || found[0].Matcher.String() != "1" || found[1].Status != identity.NotFound {
			t.Errorf("lookups: %+v, %v", found, err)
		}
		states, err := directory.Status(t.Context(), d, okta, []identity.AccountQuery{{Identity: "1"}, {Identity: "3"}}, version)
		if err != nil || states[0].Status != identity.AccountActive || states[1].Status != identity.AccountAbsent {
			t.Errorf("statuses: %+v, %v", states, err)
		}
		if walks, _ := s.asked(); walks != 1 {
			t.Errorf("%d walks, want 1", walks)
		}
		for name, ask := range map[string]func() error{
			"contradicted by a search": func() error {
				_, err := directory.LookupInList(t.Context(), d, okta, []string{bobs}, version)
				return err
			},
			"another version": func() error {
				_, err := directory.Status(t.Context(), d, okta, []identity.AccountQuery{{Identity: "1"}}, "other")
				return err
			},
			"no list": func() error {
				_, err := directory.LookupInList(t.Context(), directory.Cache(single{}, okta, minutes), okta, []string{bobs}, version)
				return err
			},
		} {
			if err := ask(); identity.CodeOf(err) != identity.CodeListChanged {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// A list that a search contradicts is refused and not kept.
func TestAccountsConfirm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := searched{newCompany(person("1", ann)), []directory.Account{person("2", bobs)}}
		d := directory.Cache(s, okta, minutes)
		list := listAccounts(t, d, okta)
		if err := list.Confirm(t.Context(), []identity.UserKey{ann, cys, "a-bot"}); err != nil {
			t.Errorf("nobody is lacking: %v", err)
		}
		// The account may be younger than a list that was kept, so one new walk may help.
		for _, kept := range []bool{true, false} {
			err := listAccounts(t, d, okta).Confirm(t.Context(), []identity.UserKey{cys, bobs})
			if identity.CodeOf(err) != identity.CodeDirectoryFailed || identity.AsError(err).Retryable != kept {
				t.Errorf("bob is lacking: %v, retryable %t, want %t", err, identity.AsError(err).Retryable, kept)
			}
		}
		if walks, _ := s.asked(); walks != 2 {
			t.Errorf("%d walks, want 2", walks)
		}
		abroad := directory.Cache(s, okta, directory.Settings{Domains: []string{"acme.example"}})
		if err := listAccounts(t, abroad, okta).Confirm(t.Context(), []identity.UserKey{bobs}); err != nil {
			t.Errorf("people of other domains are not asked for: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := directory.Accounts(ctx, newCompany(person("1", ann)), okta, ""); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	})
}
