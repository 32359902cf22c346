// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// An explanation shows the accounts that a decision passed over, and whether a
// list or a lookup showed them. The answers are those of Lookup.
func TestExplain(t *testing.T) {
	t.Parallel()
	accounts := []directory.Account{
		person("1", ann), kind(directory.KindBot, person("2", ann)), inactive("3", bobs), acc("4", directory.StateActive, cys, bobs),
	}
	listed := newCompany(accounts...)
	asked := single{func(_ context.Context, email string) ([]directory.Account, error) {
		if email != ann {
			return nil, nil
		}
		return accounts[:2], nil
	}}
	for name, tc := range map[string]struct {
		d      directory.Directory
		want   map[string][]string
		listed int
	}{
		"from a list":   {listed, map[string][]string{ann: {"1", "2"}, bobs: {"3", "4"}, "nobody@example.com": nil}, 4},
		"from a lookup": {asked, map[string][]string{ann: {"1", "2"}, "nobody@example.com": nil}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := directory.Cache(tc.d, okta, minutes)
				var emails []string
				for email := range tc.want {
					emails = append(emails, email)
				}
				got, err := directory.Explain(t.Context(), d, okta, emails)
				if err != nil {
					t.Fatal(err)
				}
				answers, err := directory.Lookup(t.Context(), d, okta, emails)
				if err != nil {
					t.Fatal(err)
				}
				for i, e := range got {
					var ids []string
					for _, a := range e.Shown {
						ids = append(ids, a.AccountID)
					}
					if diff := cmp.Diff(tc.want[e.Email], ids); diff != "" || e.Listed != tc.listed {
						t.Errorf("%s: of %d listed (-want +got):\n%s", e.Email, e.Listed, diff)
					}
					if diff := cmp.Diff(answers[i], e.LookupResult); diff != "" {
						t.Errorf("%s (-lookup +explained):\n%s", e.Email, diff)
					}
				}
			})
		})
	}
}

func TestExplainFails(t *testing.T) {
	t.Parallel()
	got, err := directory.Explain(t.Context(), directory.Cache(failing(nil, directory.ErrCredential), okta, minutes), okta, []string{ann})
	if identity.CodeOf(err) != identity.CodeDirectoryDenied || got != nil {
		t.Errorf("got %+v, %v", got, err)
	}
	got, err = directory.Explain(t.Context(), directory.Cache(newCompany(), okta, directory.Settings{Domains: []string{"acme.example"}}), okta, []string{ann, "no address"})
	if err != nil || !got[0].OtherDomain || got[1].Status != identity.Failed || got[0].Shown != nil {
		t.Errorf("got %+v, %v", got, err)
	}
}
