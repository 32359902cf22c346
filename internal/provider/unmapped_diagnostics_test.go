// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
)

// unmappedAda is an answer for ada in okta whose last step is given.
func unmappedAda(reason resolve.Reason, last resolve.Step) resolve.Resolution {
	return resolve.Resolution{User: "ada@acme.com", Service: mustService("okta:acme.okta.com"), Reason: reason, Steps: []resolve.Step{
		{Name: resolve.Store, Outcome: resolve.Miss, Detail: "nothing is stored"},
		{Name: resolve.Rule, Outcome: resolve.Miss, Detail: "no rule gives an identity"},
		last,
	}}
}

const adaBlock = `

  resource "sym_identity" "ada_okta" {
    user         = "ada@acme.com"
    service_type = "okta"
    external_id  = "acme.okta.com"
    identity     = "" # fill in the Okta user ID, as in 00u1ab2cd3EF4gh5i6j7
  }`

const adaDeclared = `
  
  declared = {
    "ada@acme.com" = sym_identity.ada_okta.identity
  }`

func TestUnmappedDetail_golden(t *testing.T) {
	t.Parallel()
	email := func(outcome resolve.Outcome, detail string) resolve.Step {
		return resolve.Step{Name: resolve.Email, Outcome: outcome, Detail: detail}
	}
	ambiguous := unmappedAda(resolve.Ambiguous, email(resolve.Miss, "ada@acme.com has several accounts: 00u1, 00u2"))
	ambiguous.Candidates = []identity.Candidate{{Matcher: identity.Matcher{"user_id": "00u1"}, State: "inactive", Name: "Ada L"}, {Matcher: identity.Matcher{"user_id": "00u2"}}}
	claimed := unmappedAda(resolve.Claimed, email(resolve.Miss, "ada@acme.com has the account 00u1, which belongs to bob@acme.com"))
	claimed.Candidates, claimed.Holder = []identity.Candidate{{Matcher: identity.Matcher{"user_id": "00u1"}}}, "bob@acme.com"
	elsewhere := claimed
	elsewhere.HolderAs = identity.Matcher{"user_id": "00u0"}
	only := []identity.Candidate{{Matcher: identity.Matcher{"user_id": "00u7"}, State: "active"}}
	alias := unmappedAda(resolve.Alias, email(resolve.Miss, "ada@acme.com is only another address of 00u7 (active)"))
	alias.Candidates = only
	unverified := unmappedAda(resolve.Unverified, email(resolve.Miss, "ada@acme.com is not verified in 00u7 (active)"))
	unverified.Candidates = only
	contested := unmappedAda(resolve.Ambiguous, email(resolve.Miss, "ada@acme.com has the account 00u7, as bob@acme.com, carol@acme.com would, so nobody has it"))
	contested.Candidates, contested.Rivals = only, []identity.UserKey{"bob@acme.com", "carol@acme.com"}
	renamed := unmappedAda(resolve.NotFound, email(resolve.Miss, `no account has the e-mail ada.byron@acme.com (by rule "married")`))
	renamed.LookupEmail = "ada.byron@acme.com"
	bot := resolve.Resolution{User: "deploy-bot", Service: mustService("github:acme"), Reason: resolve.NoEmail, Steps: []resolve.Step{
		{Name: resolve.Store, Outcome: resolve.Miss, Detail: "nothing is stored"},
		{Name: resolve.Rule, Outcome: resolve.Miss, Detail: "no rules are configured"},
		email(resolve.Skipped, "deploy-bot is a bot and has no e-mail to look up"),
	}}
	custom := resolve.Resolution{User: "ada@acme.com", Service: mustService("custom:victorops"), Reason: resolve.NotFound, Steps: []resolve.Step{
		{Name: resolve.Store, Outcome: resolve.Miss, Detail: "nothing is stored"},
		{Name: resolve.Rule, Outcome: resolve.Skipped, Detail: "custom services have fetch_remote_identity in place of rules"},
		{Name: resolve.Remote, Outcome: resolve.Miss, Detail: "no account has the e-mail ada@acme.com"},
	}}
	managed := resolve.Resolution{User: "ada@acme.com", Service: mustService("auth0:acme"), Reason: resolve.NoDirectory, Steps: []resolve.Step{
		{Name: resolve.Store, Outcome: resolve.Miss, Detail: "nothing is stored"},
		{Name: resolve.Rule, Outcome: resolve.Skipped, Detail: "identities of auth0 are managed by Sym"},
		email(resolve.Skipped, "Sym itself keeps these identities"),
	}}
	tests := map[string]struct {
		answer resolve.Resolution
		want   string
	}{
		"not_found": {unmappedAda(resolve.NotFound, email(resolve.Miss, "no account has the e-mail ada@acme.com")),
			`ada@acme.com has no identity in okta:acme.okta.com: no account there has this e-mail (reason: not_found).

What each step said:

  store  miss: nothing is stored
  rule   miss: no rule gives an identity
  email  miss: no account has the e-mail ada@acme.com

Map the user by hand. Add the resource, add declared to the data source, and fill in the blanks:` + adaBlock + adaDeclared},
		"not_found by another e-mail": {renamed,
			`ada@acme.com has no identity in okta:acme.okta.com: no account there has the e-mail ada.byron@acme.com (reason: not_found).

What each step said:

  store  miss: nothing is stored
  rule   miss: no rule gives an identity
  email  miss: no account has the e-mail ada.byron@acme.com (by rule "married")

Map the user by hand. Add the resource, add declared to the data source, and fill in the blanks:` + adaBlock + adaDeclared},
		"inactive": {unmappedAda(resolve.Inactive, email(resolve.Miss, "the account of ada@acme.com, 00u1, is inactive")),
			`ada@acme.com has no identity in okta:acme.okta.com: the account there with this e-mail is inactive (reason: inactive).

What each step said:

  store  miss: nothing is stored
  rule   miss: no rule gives an identity
  email  miss: the account of ada@acme.com, 00u1, is inactive

If the person left, take them out of this configuration. Otherwise map the right account by hand. Add the resource, add declared to the data source, and fill in the blanks:` + adaBlock + adaDeclared},
		"ambiguous": {ambiguous,
			`ada@acme.com has no identity in okta:acme.okta.com: several accounts there have this e-mail: 00u1 (Ada L, inactive), 00u2 (reason: ambiguous).

What each step said:

  store  miss: nothing is stored
  rule   miss: no rule gives an identity
  email  miss: ada@acme.com has several accounts: 00u1, 00u2

Decide which account is the right one and map it by hand. Add the resource, add declared to the data source, and fill in the blanks:` + adaBlock + adaDeclared},
		"ambiguous: several people": {contested,
			`ada@acme.com has no identity in okta:acme.okta.com: the account that was found, 00u7 (active), was found for bob@acme.com, carol@acme.com as well (reason: ambiguous).

What each step said:

  store  miss: nothing is stored
  rule   miss: no rule gives an identity
  email  miss: ada@acme.com has the account 00u7, as bob@acme.com, carol@acme.com would, so nobody has it

Decide whose account it is and map it by hand; the others then need accounts of their own. Add the resource, add declared to the data source, and fill in the blanks:` + adaBlock + adaDeclared},
		"alias": {alias,
			`ada@acme.com has no identity in okta:acme.okta.com: no account there has this e-mail as its own address; it is another address of 00u7 (active) (reason: alias).

What each step said:

  store  miss: nothing is stored
  rule   miss: no rule gives an identity
  email  miss: ada@acme.com is only another address of 00u7 (active)

If the account is theirs, map it by hand. To accept such addresses of this service, set match_aliases = true on its directory. Add the resource, add declared to the data source, and fill in the blanks:` +
				strings.Replace(adaBlock, `"" # fill in the Okta user ID, as in 00u1ab2cd3EF4gh5i6j7`, `"00u7"`, 1) + adaDeclared},
		"unverified": {unverified,
			`ada@acme.com has no identity in okta:acme.okta.com: the service has not verified this e-mail, or nobody approved the account: 00u7 (active) (reason: unverified).

What each step said:

  store  miss: nothing is stored
  rule   miss: no rule gives an identity
  email  miss: ada@acme.com is not verified in 00u7 (active)

Have the person verify the address there, or have the account approved. Where nobody can sign up by themselves, set include_unverified = true on the directory. Otherwise map the right account by hand. Add the resource, add declared to the data source, and fill in the blanks:` + adaBlock + adaDeclared},
		"other_domain": {unmappedAda(resolve.OtherDomain, email(resolve.Skipped, "the directory of okta:acme.okta.com is not for the domain of ada@acme.com")),
			`ada@acme.com has no identity in okta:acme.okta.com: the directory of the service is not for the domain of this e-mail (reason: other_domain).

What each step said:

  store  miss: nothing is stored
  rule   miss: no rule gives an identity
  email  skipped: the directory of okta:acme.okta.com is not for the domain of ada@acme.com

If people of this domain have accounts there, add it to domains of the service's directory. Otherwise map the user by hand. Add the resource, add declared to the data source, and fill in the blanks:` + adaBlock + adaDeclared},
		"claimed": {claimed,
			`ada@acme.com has no identity in okta:acme.okta.com: the account that was found, 00u1, belongs to bob@acme.com (reason: claimed).

What each step said:

  store  miss: nothing is stored
  rule   miss: no rule gives an identity
  email  miss: ada@acme.com has the account 00u1, which belongs to bob@acme.com

If the account is not bob@acme.com's, correct that mapping. If ada@acme.com has another account, map it by hand. Add the resource, add declared to the data source, and fill in the blanks:` + adaBlock + adaDeclared},
		"claimed under another name": {elsewhere,
			`ada@acme.com has no identity in okta:acme.okta.com: the account that was found, 00u1, belongs to bob@acme.com, who has it under the name 00u0 (reason: claimed).

What each step said:

  store  miss: nothing is stored
  rule   miss: no rule gives an identity
  email  miss: ada@acme.com has the account 00u1, which belongs to bob@acme.com

If the account is not bob@acme.com's, correct that mapping. If ada@acme.com has another account, map it by hand. Add the resource, add declared to the data source, and fill in the blanks:` + adaBlock + adaDeclared},
		"no_email": {bot,
			`deploy-bot has no identity in github:acme: a bot has no e-mail by which the service could be asked (reason: no_email).

What each step said:

  store  miss: nothing is stored
  rule   miss: no rules are configured
  email  skipped: deploy-bot is a bot and has no e-mail to look up

Map the bot by hand; it must exist in Sym before. Add the resource, add declared to the data source, and fill in the blanks:

  resource "sym_identity" "deploy_bot_github" {
    user         = "deploy-bot"
    service_type = "github"
    external_id  = "acme"
    identity     = "" # fill in the GitHub login, as in octocat, not a number
  }
  
  declared = {
    "deploy-bot" = sym_identity.deploy_bot_github.identity
  }`},
		"no_directory": {unmappedAda(resolve.NoDirectory, email(resolve.Skipped, "this API has no directories")),
			`ada@acme.com has no identity in okta:acme.okta.com: nobody can be asked which accounts it has (reason: no_directory).

What each step said:

  store  miss: nothing is stored
  rule   miss: no rule gives an identity
  email  skipped: this API has no directories

Add a directory for the service to the server's configuration, write a rule, or map the user by hand. Add the resource, add declared to the data source, and fill in the blanks:` + adaBlock + adaDeclared},
		"custom": {custom,
			`ada@acme.com has no identity in custom:victorops: no account there has this e-mail (reason: not_found).

What each step said:

  store                  miss: nothing is stored
  rule                   skipped: custom services have fetch_remote_identity in place of rules
  fetch_remote_identity  miss: no account has the e-mail ada@acme.com

Map the user by hand. Add the resource, add declared to the data source, and fill in the blanks:

  resource "sym_identity" "ada_custom" {
    user         = "ada@acme.com"
    service_type = "custom"
    external_id  = "victorops"
    identity     = "" # fill in the account's user_id
  }
  
  declared = {
    "ada@acme.com" = sym_identity.ada_custom.identity
  }`},
		"managed": {managed,
			`ada@acme.com has no identity in auth0:acme: Sym has stored none (reason: no_directory).

What each step said:

  store  miss: nothing is stored
  rule   skipped: identities of auth0 are managed by Sym
  email  skipped: Sym itself keeps these identities

Identities of auth0 are managed by Sym and cannot be declared: have the user log in to Sym, or ask Sym's support.`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, unmappedDetail(test.answer, false)); diff != "" {
				t.Errorf("detail (-want +got):\n%s", diff)
			}
			if _, block, ok := strings.Cut(test.want, "\n  resource"); ok {
				block, _, _ = strings.Cut(block, "\n  declared")
				parsedBlock(t, "resource"+block)
			}
		})
	}
}

func TestReportUnmapped_modes(t *testing.T) {
	t.Parallel()
	unmapped := unmappedAda(resolve.NotFound, resolve.Step{Name: resolve.Email, Outcome: resolve.Miss, Detail: "nobody"})
	mapped := unmapped
	mapped.Matcher = identity.Matcher{"user_id": "00u1"}
	tests := map[string]struct {
		answer resolve.Resolution
		mode   string
		want   diag.Diagnostics
	}{
		"not set": {unmapped, "", diag.Diagnostics{diag.NewErrorDiagnostic("Unmapped User", unmappedDetail(unmapped, false))}},
		"error":   {unmapped, "error", diag.Diagnostics{diag.NewErrorDiagnostic("Unmapped User", unmappedDetail(unmapped, false))}},
		"warn": {unmapped, "warn", diag.Diagnostics{
			diag.NewWarningDiagnostic("Unmapped User: ada@acme.com in okta:acme.okta.com", unmappedDetail(unmapped, false)),
		}},
		"ignore": {unmapped, "ignore", nil},
		"mapped": {mapped, "error", nil},
	}
	for name, test := range tests {
		var got diag.Diagnostics
		reportUnmapped(&got, test.answer, test.mode, false)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestReportStale_golden(t *testing.T) {
	t.Parallel()
	block := func(id string) string {
		return strings.Replace(adaBlock, `"" # fill in the Okta user ID, as in 00u1ab2cd3EF4gh5i6j7`, `"`+id+`"`, 1)
	}
	steps := `

What each step said:

  store  hit: 00u1 is stored
  rule   hit: rule "new" gives 00u2
`
	tests := map[string]struct {
		source identity.Source
		fresh  identity.Matcher
		want   string
	}{
		"another account": {identity.FromEmail, identity.Matcher{"user_id": "00u2"},
			"For ada@acme.com in okta:acme.okta.com the store holds 00u1, but rules and the service now give 00u2. " +
				"What is stored stays the answer until somebody maps the user by hand." + steps +
				"\nTo use the new account, declare it; it then replaces what is stored. To keep the stored one, declare that instead:" + block("00u2")},
		"another account than a person's": {identity.Manual, identity.Matcher{"user_id": "00u2"},
			"For ada@acme.com in okta:acme.okta.com the store holds 00u1, but rules and the service now give 00u2. " +
				"What is stored stays the answer until somebody maps the user by hand." + steps +
				"\nA person decided on the stored value, so it may well be right. If it is not, correct the mapping where it is declared, " +
				"or declare it with overwrite = true:" + strings.Replace(block("00u2"), "\n  }", "\n    overwrite    = true\n  }", 1)},
		"none": {identity.FromRule, nil,
			"For ada@acme.com in okta:acme.okta.com the store holds 00u1, but rules and the service now give none. " +
				"What is stored stays the answer until somebody maps the user by hand." + steps +
				"\nIf the account is still right, declare it, which makes it a manual mapping. If it is not, declare the right one:" + block("00u1")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := resolve.Resolution{
				User: "ada@acme.com", Service: mustService("okta:acme.okta.com"), Matcher: identity.Matcher{"user_id": "00u1"},
				Source: resolve.Store, StoredSource: test.source, Stale: true, Fresh: test.fresh,
				Steps: []resolve.Step{{Name: resolve.Store, Outcome: resolve.Hit, Detail: "00u1 is stored"}, {Name: resolve.Rule, Outcome: resolve.Hit, Detail: `rule "new" gives 00u2`}},
			}
			var got diag.Diagnostics
			reportStale(&got, a, "", false)
			want := diag.Diagnostics{diag.NewWarningDiagnostic("Stale Identity: ada@acme.com in okta:acme.okta.com", test.want)}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			a.Stale, got = false, nil
			if reportStale(&got, a, onError, false); len(got) > 0 {
				t.Errorf("a value that is not stale: %v", got)
			}
		})
	}
}

// TestStaleDetail_account: a value whose account is gone or renamed is not right, even
// if a person decided on it.
func TestStaleDetail_account(t *testing.T) {
	t.Parallel()
	for account, right := range map[identity.AccountState]bool{
		"": true, identity.AccountActive: true, identity.AccountInactive: false, identity.AccountAbsent: false, identity.AccountRenamed: false,
	} {
		detail := staleDetail(resolve.Resolution{
			User: "ada@acme.com", Service: mustService("github:acme"), Matcher: identity.Matcher{"user_id": "ada-l"}, Source: resolve.Store,
			StoredSource: identity.Manual, Stale: true, Fresh: identity.Matcher{"user_id": "ada-byron"}, Account: account,
		}, "")
		if strings.Contains(detail, "it may well be right") != right || !strings.Contains(strings.ToLower(detail), "correct the mapping where it is declared, or declare it with overwrite = true:") {
			t.Errorf("%s: %s", account, detail)
		}
	}
	// What is declared is not declared once more, whoever stored the same value.
	for _, source := range []identity.Source{identity.Manual, identity.FromEmail} {
		a := resolve.Resolution{User: "ada@acme.com", Service: mustService("github:acme"), Matcher: identity.Matcher{"user_id": "ada-l"},
			Source: resolve.Declared, StoredSource: source, Stale: true, Account: identity.AccountRenamed}
		if detail := staleDetail(a, ""); !strings.HasSuffix(detail, "\nCorrect the mapping where it is declared.\n") {
			t.Errorf("stored by %s: %s", source, detail)
		}
	}
}

// TestRetiredDetail: a message says who maps the user: what a rule is about to store,
// the store does not hold.
func TestRetiredDetail(t *testing.T) {
	t.Parallel()
	for source, want := range map[resolve.Origin]string{resolve.Store: "The store", resolve.Declared: "This configuration", resolve.Rule: `The rule "gh"`} {
		a := resolve.Resolution{User: "ada@acme.com", Service: mustService("github:acme"), Matcher: identity.Matcher{"user_id": "ada-l"}, Source: source, Rule: "gh", Account: identity.AccountInactive}
		detail := retiredDetail(a, "")
		if !strings.HasPrefix(detail, want+" maps ada@acme.com in github:acme to ada-l, but ") {
			t.Errorf("%s: %s", source, detail)
		}
		// Where it is declared, a block to paste would be a second one.
		if strings.Contains(detail, "resource \"sym_identity\"") == (source == resolve.Declared) {
			t.Errorf("%s: %s", source, detail)
		}
	}
}

// TestReportStale_modes: on_stale is about automatic values that are
// contradicted; an identity that is another account's name is an error in every
// mode.
func TestReportStale_modes(t *testing.T) {
	t.Parallel()
	const (
		warning = "WARNING Stale Identity: ada@acme.com in okta:acme.okta.com"
		stale   = "ERROR Stale Identity"
		reused  = "ERROR Identity Belongs to Another Account Now"
	)
	other := identity.Matcher{"user_id": "00u2"}
	tests := map[string]struct {
		source                 identity.Source
		origin                 resolve.Origin
		account                identity.AccountState
		fresh                  identity.Matcher
		reason                 resolve.Reason
		isIgnored, warns, errs string
	}{
		"changed":             {source: identity.FromEmail, fresh: other, warns: warning, errs: stale},
		"changed, by hand":    {source: identity.Manual, fresh: other, warns: warning, errs: warning},
		"changed, inactive":   {source: identity.FromEmail, fresh: other, account: identity.AccountInactive, warns: warning, errs: stale},
		"inactive":            {source: identity.FromRule, account: identity.AccountInactive, reason: resolve.Inactive, warns: warning, errs: stale},
		"absent":              {source: identity.FromRemote, account: identity.AccountAbsent, reason: resolve.NotFound, warns: warning, errs: stale},
		"absent, by hand":     {source: identity.Manual, account: identity.AccountAbsent, warns: warning, errs: warning},
		"absent, declared":    {source: identity.FromEmail, origin: resolve.Declared, account: identity.AccountAbsent, warns: warning, errs: warning},
		"renamed":             {source: identity.FromEmail, fresh: other, account: identity.AccountRenamed, warns: warning, errs: stale},
		"renamed, by hand":    {source: identity.Manual, fresh: other, account: identity.AccountRenamed, warns: warning, errs: warning},
		"nobody is found now": {source: identity.FromEmail, reason: resolve.NotFound, warns: warning, errs: warning},
		"reused":              {source: identity.FromEmail, account: identity.AccountReused, isIgnored: reused, warns: reused, errs: reused},
		"reused, by hand":     {source: identity.Manual, account: identity.AccountReused, isIgnored: reused, warns: reused, errs: reused},
		"reused, declared":    {source: identity.Manual, origin: resolve.Declared, account: identity.AccountReused, isIgnored: reused, warns: reused, errs: reused},
	}
	for name, test := range tests {
		a := resolve.Resolution{
			User: "ada@acme.com", Service: mustService("okta:acme.okta.com"), Matcher: identity.Matcher{"user_id": "00u1"}, AccountID: "id-1",
			Source: resolve.Store, StoredSource: test.source, Stale: true, Fresh: test.fresh, FreshReason: test.reason, Account: test.account,
		}
		if test.origin != "" {
			a.Source, a.Stale = test.origin, false
		}
		for mode, want := range map[string]string{"": test.warns, onWarn: test.warns, onIgnore: test.isIgnored, onError: test.errs} {
			var diags diag.Diagnostics
			reportResolution(&diags, a, onError, mode, false)
			got := ""
			for _, d := range diags {
				got += strings.ToUpper(d.Severity().String()) + " " + d.Summary()
				if !strings.Contains(d.Detail(), "ada@acme.com") || !strings.Contains(d.Detail(), "okta:acme.okta.com") {
					t.Errorf("%s, on_stale = %q: the detail names nobody: %s", name, mode, d.Detail())
				}
			}
			if got != want {
				t.Errorf("%s, on_stale = %q: got %q, want %q", name, mode, got, want)
			}
		}
	}
}

func TestBulkReport_golden(t *testing.T) {
	t.Parallel()
	okta, github := mustService(testOkta), mustService(testGitHub)
	config := &bulkConfig{
		users: []identity.UserKey{"ada@acme.com", "bob@acme.com", "carol@acme.com"}, services: []identity.ServiceKey{okta, github},
		names: map[identity.UserKey]string{"ada@acme.com": "Ada@ACME.com"}, checkStale: true,
	}
	answers := []resolve.Resolution{
		{User: "ada@acme.com", Service: okta, Matcher: identity.Matcher{"user_id": "00u1"}, Source: resolve.Store, StoredSource: identity.FromEmail, Stale: true, Fresh: identity.Matcher{"user_id": "00u9"}},
		{User: "bob@acme.com", Service: okta, Reason: resolve.Claimed, Holder: "ada@acme.com", Candidates: []identity.Candidate{{Matcher: identity.Matcher{"user_id": "00u1"}}}},
		{User: "carol@acme.com", Service: okta, Reason: resolve.Ambiguous, Candidates: []identity.Candidate{{Matcher: identity.Matcher{"user_id": "00u2"}}, {Matcher: identity.Matcher{"user_id": "00u3"}}}},
		{User: "ada@acme.com", Service: github, Reason: resolve.Inactive},
		{User: "bob@acme.com", Service: github, Reason: resolve.NotFound, LookupEmail: "robert@acme.com"},
		{User: "carol@acme.com", Service: github, Matcher: identity.Matcher{"user_id": "carol"}, Source: resolve.Store, StoredSource: identity.Manual, Stale: true, Account: identity.AccountInactive},
	}
	var diags diag.Diagnostics
	summarize(config, answers).report(&diags)
	want := diag.Diagnostics{
		diag.NewErrorDiagnostic("Unmapped Users", `No identity was found for 4 of 6 pairs of user and service:

  service             ambiguous  claimed  inactive  not_found
  okta:acme.okta.com  1          1        0         0
  github:acme         0          0        1         1

  bob@acme.com in okta:acme.okta.com: claimed, the account that was found, 00u1, belongs to ada@acme.com; in github:acme: not_found, no account there has the e-mail robert@acme.com
  carol@acme.com in okta:acme.okta.com: ambiguous, several accounts there have this e-mail: 00u2, 00u3
  Ada@ACME.com in github:acme: inactive, the account there with this e-mail is inactive

not_found: name people who need no account there in exempt, each with the reason.
inactive: remove people who left from the list of users, or name them in exempt.
ambiguous: decide which of the accounts is the right one.
claimed: if the account is not its holder's, correct that mapping instead.

Map them by hand. Add the resource, add declared to the data source, and fill in the blanks:

  resource "sym_identity" "ada_github" {
    user         = "ada@acme.com"
    service_type = "github"
    external_id  = "acme"
    identity     = "" # fill in the GitHub login, as in octocat, not a number
  }
  
  resource "sym_identity" "bob_okta" {
    user         = "bob@acme.com"
    service_type = "okta"
    external_id  = "acme.okta.com"
    identity     = "" # fill in the Okta user ID, as in 00u1ab2cd3EF4gh5i6j7
  }
  
  resource "sym_identity" "carol_okta" {
    user         = "carol@acme.com"
    service_type = "okta"
    external_id  = "acme.okta.com"
    identity     = "" # fill in the Okta user ID, as in 00u1ab2cd3EF4gh5i6j7
  }
  
  declared = {
    "github:acme" = {
      "ada@acme.com" = sym_identity.ada_github.identity
    }
    "okta:acme.okta.com" = {
      "bob@acme.com"   = sym_identity.bob_okta.identity
      "carol@acme.com" = sym_identity.carol_okta.identity
    }
  }

With on_unmapped = "warn" the attributes unmapped and hcl have everybody.`),
		diag.NewWarningDiagnostic("Identities to Review: 00u1 in okta:acme.okta.com and 2 more", `Several users have or claim one account:

  00u1 in okta:acme.okta.com: Ada@ACME.com, bob@acme.com

One of them would have the other's access. Correct the mapping that is wrong; where they really share the account, nothing is to be done.

Accounts of mappings are inactive or gone:

  carol@acme.com in github:acme: carol (stored, manual) is inactive

For people who left, remove the mapping, and remove them from the list of users. For people who have another account now, declare that one.

Rules and services contradict what is stored:

  Ada@ACME.com in okta:acme.okta.com: 00u1 is stored (email), now it is 00u9

What is stored stays the answer until somebody maps the user by hand: declare the account that is right.

The attributes collisions, offboarding and stale have all of them.`),
	}
	if diff := cmp.Diff(want, diags); diff != "" {
		t.Errorf("diagnostics (-want +got):\n%s", diff)
	}
}

// TestUnmappedDetail_linesForAllWhoAreListed: people fill in what the plan prints.
func TestUnmappedDetail_linesForAllWhoAreListed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		hasDeclared           bool
		unmapped, lines, more int
	}{
		{true, maxListed, maxListed, 0},
		{true, maxListed + 1, maxListed, 1},
		{false, maxExamples, maxExamples, 0},
		{false, maxExamples + 1, maxExamples, 1},
	} {
		config := &bulkConfig{services: []identity.ServiceKey{mustService(testOkta)}, hasDeclared: tt.hasDeclared}
		answers := make([]resolve.Resolution, tt.unmapped)
		for i := range answers {
			user := identity.UserKey(fmt.Sprintf("u%d@acme.com", i))
			config.users = append(config.users, user)
			answers[i] = resolve.Resolution{User: user, Service: mustService(testOkta), Reason: resolve.NotFound}
		}
		detail := summarize(config, answers).unmappedDetail()
		if lines, more := strings.Count(detail, "# fill in "), strings.Count(detail, "have everybody."); lines != tt.lines || more != tt.more {
			t.Errorf("%+v: %d lines, %d references to everybody:\n%s", tt, lines, more, detail)
		}
	}
}

// TestDeclaredLines_serviceIsThere: HCL takes the last of two equal keys, so that the
// key of a service printed again would drop what is declared under it.
func TestDeclaredLines_serviceIsThere(t *testing.T) {
	t.Parallel()
	var unmapped []resolve.Resolution
	for _, service := range []string{"github:acme", "okta:acme.okta.com", "slack:T1"} {
		for _, user := range []identity.UserKey{"ada@acme.com", "bob@acme.com"} {
			unmapped = append(unmapped, resolve.Resolution{User: user, Service: mustService(service), Reason: resolve.NotFound})
		}
	}
	there := map[identity.ServiceKey]map[identity.UserKey]identity.Matcher{mustService("okta:acme.okta.com"): {"cy@acme.com": {"user_id": "00u3"}}, mustService("slack:T1"): {}}
	lines := declaredLines(unmapped, true, declaredShape{true, there})
	var keys []string
	for line := range strings.Lines(lines) {
		if line = strings.TrimSpace(line); strings.HasSuffix(line, "= {") || strings.HasPrefix(line, "#") || line == "}" {
			keys = append(keys, line)
		}
	}
	want := []string{`"github:acme" = {`, "}", `# Into the map of "okta:acme.okta.com", which is there already:`, `# Into the map of "slack:T1", which is there already:`}
	if diff := cmp.Diff(want, keys); diff != "" || strings.Count(lines, "# fill in") != 6 {
		t.Errorf("(-want +got):\n%s\n%s", diff, lines)
	}
	if pasted := pasteBlocks(unmapped, there); strings.Contains(pasted, `"okta:acme.okta.com" = {`) || !strings.Contains(pasted, `# "github:acme" = {`) {
		t.Errorf("hcl is\n%s", pasted)
	}
}

// TestPasteBlocks_namesAreUnique: people share local parts, and one person is
// in two services of a type. Terraform refuses a name that is used twice.
func TestPasteBlocks_namesAreUnique(t *testing.T) {
	t.Parallel()
	var unmapped []resolve.Resolution
	for _, user := range []identity.UserKey{"ada@b.com", "ada@a.com", "ada_okta_2@a.com", "☃@a.com", "☂@a.com", "ada.okta@a.com", "ada@c.com"} {
		for _, service := range []string{"okta:b", "okta:a", "okta_2:x", "auth0:acme"} {
			unmapped = append(unmapped, resolve.Resolution{User: user, Service: mustService(service), Reason: resolve.NotFound})
		}
	}
	file, diags := hclparse.NewParser().ParseHCL([]byte(pasteBlocks(unmapped, nil)), "pasted.tf")
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	seen := map[string]bool{}
	var order []string
	for _, block := range file.Body.(*hclsyntax.Body).Blocks {
		name := block.Labels[1]
		if seen[name] || !hclsyntax.ValidIdentifier(name) {
			t.Errorf("the name %s is used twice or none", name)
		}
		seen[name] = true
		text := func(attribute string) string {
			value, diags := block.Body.Attributes[attribute].Expr.Value(nil)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			return value.AsString()
		}
		order = append(order, fmt.Sprintf("%s:%s %s", text("service_type"), text("external_id"), text("user")))
	}
	if len(order) != 21 {
		t.Errorf("%d blocks", len(order))
	}
	for i := 1; i < len(order); i++ {
		if order[i-1] >= order[i] {
			t.Errorf("%s stands before %s", order[i-1], order[i])
		}
	}
	if got := pasteBlocks(nil, nil); got != "" {
		t.Errorf("nobody is unmapped: %q", got)
	}
}
