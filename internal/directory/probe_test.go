// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Probe finds the services whose lookups and lists contradict each other.
func TestProbe(t *testing.T) {
	t.Parallel()
	page := func(people ...directory.Account) [][]directory.Account { return [][]directory.Account{people} }
	alias := directory.Account{Identity: "u3", Addresses: append(directory.Primaries("carl@example.com"), directory.Aliases("maiden@example.com")...)}
	people := page(person("u1", "Ann.Lee@example.com"), person("u2", "bob@example.com"), inactive("u4", "gone@example.com"), alias)
	type finder = func(email string) ([]directory.Account, error)
	search := func(fold bool) finder { // a search of that list
		return func(email string) (found []directory.Account, err error) {
			for _, a := range people[0] {
				for _, address := range a.Emails() {
					if address == email || fold && strings.EqualFold(address, email) {
						found = append(found, a)
					}
				}
			}
			return found, nil
		}
	}
	for name, tc := range map[string]struct {
		find   finder // nil: there is no lookup
		pages  [][]directory.Account
		fails  error // at the end of the list
		emails []string
		want   string // part of the error, or what was probed
		is     error
	}{
		"works":            {find: search(true), pages: people, emails: []string{"BOB@example.com"}, want: "4 accounts, whole, 2 looked up, bob@example.com=u2"},
		"list only":        {pages: people, emails: []string{"ann.lee@example.com"}, want: "4 accounts, whole, 0 looked up, ann.lee@example.com=u1"},
		"empty list":       {find: search(true), pages: page(), want: "0 accounts, whole, 0 looked up"},
		"compares case":    {find: search(false), pages: people, want: `does not find the account "u1"`, is: directory.ErrUnavailable},
		"finds nobody":     {find: func(string) ([]directory.Account, error) { return nil, nil }, pages: people, want: `does not find the account "u1"`, is: directory.ErrUnavailable},
		"filter refused":   {find: func(string) ([]directory.Account, error) { return nil, directory.ErrRefused }, pages: people, want: "refused", is: directory.ErrRefused},
		"filter not used":  {find: func(string) ([]directory.Account, error) { return nil, directory.ErrNeedsList }, pages: people, emails: []string{"bob@example.com"}, want: "4 accounts, whole, 0 looked up, bob@example.com=u2"},
		"list ends early":  {find: search(true), pages: people, fails: directory.ErrUnavailable, want: "did not answer", is: directory.ErrUnavailable},
		"list is cut off":  {find: search(true), pages: people, fails: directory.ErrTruncated, want: "4 accounts, 2 looked up"},
		"list lacks Bob":   {find: search(true), pages: page(person("u1", "ann.lee@example.com")), emails: []string{"bob@example.com"}, want: "the list says not_found", is: directory.ErrUnavailable},
		"list has another": {find: search(true), pages: page(person("u9", "bob@example.com"), person("u2", "robert@example.com")), emails: []string{"bob@example.com"}, want: `does not find the account "u9"`, is: directory.ErrUnavailable},
		"nobody":           {find: search(true), pages: people, emails: []string{"bob@example.com", "eve@example.com"}, want: "eve@example.com: no account has the address", is: directory.ErrMissing},
		"inactive":         {find: search(true), pages: people, emails: []string{"gone@example.com"}, want: "gone@example.com: the account is inactive", is: directory.ErrMissing},
		"alias":            {find: search(true), pages: people, emails: []string{"maiden@example.com"}, want: "only an alias", is: directory.ErrMissing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := listed{descriptor: directory.Descriptor{Lookup: tc.find != nil, LookupSeesInactive: true}, pages: tc.pages, err: tc.fails, read: new(atomic.Int64)}
			d.find = func(_ context.Context, email string) ([]directory.Account, error) {
				if tc.find == nil {
					return nil, directory.ErrNeedsList
				}
				return tc.find(email)
			}
			p, err := directory.Probe(t.Context(), d, okta, directory.Settings{}, tc.emails)
			if tc.is != nil {
				if !errors.Is(err, tc.is) || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("Probe: %v, want %v with %q", err, tc.is, tc.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprintf("%d accounts", p.Accounts)
			if p.Whole {
				got += ", whole"
			}
			got += fmt.Sprintf(", %d looked up", p.LookedUp)
			for _, a := range p.Answers {
				id, _ := a.Matcher.Identity(okta.Type)
				got += fmt.Sprintf(", %s=%s", identity.FoldASCII(a.Email), id)
			}
			if got != tc.want || !p.Listed {
				t.Errorf("Probe = %s, want %s", got, tc.want)
			}
		})
	}
}

// A directory without a list is asked for the people who must be found.
func TestProbeWithoutList(t *testing.T) {
	t.Parallel()
	d := single{func(_ context.Context, email string) ([]directory.Account, error) {
		if email == "twice@example.com" {
			return []directory.Account{person("u1", email), person("u2", email)}, nil
		}
		return []directory.Account{person("u1", "ann@example.com")}, nil
	}}
	if p, err := directory.Probe(t.Context(), d, okta, directory.Settings{}, []string{"ann@example.com"}); err != nil || p.Listed || p.Answers[0].Status != identity.Found {
		t.Errorf("Probe = %+v, %v", p, err)
	}
	if _, err := directory.Probe(t.Context(), d, okta, directory.Settings{}, []string{"twice@example.com"}); !errors.Is(err, directory.ErrMissing) || !strings.Contains(err.Error(), "several accounts") {
		t.Errorf("Probe: %v, want ErrMissing", err)
	}
	d = single{func(context.Context, string) ([]directory.Account, error) {
		t.Error("somebody of another domain is asked for")
		return nil, nil
	}}
	settings := directory.Settings{Domains: []string{"example.com"}}
	if p, err := directory.Probe(t.Context(), d, okta, settings, []string{"ann@example.org"}); err != nil || !p.Answers[0].OtherDomain {
		t.Errorf("Probe = %+v, %v", p, err)
	}
}
