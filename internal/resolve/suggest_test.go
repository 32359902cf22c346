// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package resolve_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
)

func TestSuggest(t *testing.T) {
	t.Parallel()
	account := func(login, name, state string, emails ...string) identity.Account {
		a := identity.Account{Matcher: identity.NewMatcher("github", login), Name: name, State: state, Kind: identity.KindPerson}
		for _, e := range emails {
			a.Emails = append(a.Emails, identity.AccountEmail{Address: e, Primary: true})
		}
		return a
	}
	const nora = identity.UserKey("nora.lindqvist@acme.example")
	for name, tc := range map[string]struct {
		accounts []identity.Account
		user     identity.UserKey
		fullName string
		want     string
	}{
		"nobody's are like it":       {[]identity.Account{account("nora", "Nora", "active", "nora@x.example")}, nora, "Nora Lindqvist", ""},
		"the same local part":        {[]identity.Account{account("octo", "", "active", "Nora.Lindqvist@home.example")}, nora, "", "octo same_local_part"},
		"the same name":              {[]identity.Account{account("octo", " nora  LINDQVIST", "active")}, nora, "Nora Lindqvist", "octo same_name"},
		"no name":                    {[]identity.Account{account("octo", "", "active")}, nora, "", ""},
		"half a name":                {[]identity.Account{account("octo", "Nora Lindqvist Berg", "active")}, nora, "Nora Lindqvist", ""},
		"letters that only look so":  {[]identity.Account{account("octo", "Nora Lindqvıst", "active")}, nora, "Nora Lindqvist", ""},
		"the handle is the part":     {[]identity.Account{account("nlind", "", "active")}, "NLind@acme.example", "", "nlind handle"},
		"the handle is the name":     {[]identity.Account{account("nora-lindqvist", "", "active")}, "nl@acme.example", "Nora Lindqvist", "nora-lindqvist handle"},
		"the handle is nearly":       {[]identity.Account{account("nora-lindqvist-acme", "", "active")}, nora, "Nora Lindqvist", ""},
		"separators of a local part": {[]identity.Account{account("NoraLindqvist", "", "active")}, nora, "", "NoraLindqvist handle"},
		"a sign-in name": {[]identity.Account{{Matcher: identity.NewMatcher("github", "7"), SignIn: "nora_lindqvist", Kind: identity.KindPerson}},
			nora, "Nora Lindqvist", "7 handle"},
		"once, the strongest fact": {[]identity.Account{account("nora.lindqvist", "Nora Lindqvist", "active", "nora.lindqvist@x.example", "nora.lindqvist@y.example")},
			nora, "Nora Lindqvist", "nora.lindqvist same_local_part"},
		"three at most, in order": {[]identity.Account{account("nora-lindqvist", "", "active"), account("e", "Nora Lindqvist", "inactive"), account("d", "Nora Lindqvist", "active"),
			account("c", "Nora Lindqvist", "active"), account("a", "", "inactive", "nora.lindqvist@x.example")},
			nora, "Nora Lindqvist", "a same_local_part, c same_name, d same_name"},
		"a bot": {[]identity.Account{account("deploy-bot", "deploy-bot", "active")}, "deploy-bot", "deploy-bot", ""},
	} {
		orphans := resolve.NewOrphans(github, tc.accounts)
		var got []string
		for _, s := range orphans.Suggest(identity.KeyOf(string(tc.user)), tc.fullName) {
			id, _ := s.Account.Matcher.Identity("github")
			got = append(got, fmt.Sprintf("%s %s", id, string(s.Why)))
		}
		if text := strings.Join(got, ", "); text != tc.want {
			t.Errorf("%s: got %q, want %q", name, text, tc.want)
		}
	}
}
