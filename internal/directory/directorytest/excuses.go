// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directorytest

import "slices"

// Ways of asking a connector. Each case runs in every way that it has.
const (
	OneByOne = "one by one"
	Batch    = "batch"
	ByWalk   = "walk"
)

// Excuse names cases that have no meaning for a connector, and why.
type Excuse struct {
	Why   string
	Cases []Case
	Ways  []string // of asking; nil = all
}

func always(why string, cases ...Case) Excuse { return Excuse{Why: why, Cases: cases} }

// lookups excuses one-by-one lookups: a walk of the same list shows the case.
func lookups(why string, cases ...Case) Excuse {
	return Excuse{Why: why, Cases: cases, Ways: []string{OneByOne}}
}

// Excuses lists all cases that do not run, by kind of directory. Any other case
// runs, in every way, and other kinds do not exist.
func Excuses() map[string][]Excuse {
	const (
		oneAddress = "users have one address there"
		oneAnswer  = "a lookup leads to one account, and has no pages"
		noCount    = "the service does not count its list, and each page says where the next one is"
	)
	oneAccount := []Case{Twin, Duplicate, DuplicateOnTwoPages, RepeatedPage}
	return map[string][]Excuse{
		"aptible": {
			always(noCount, NeedsCount()...),
			always(oneAddress, Alias),
			always("the service does not say who left", Inactive, Twin),
		},
		"auth0": {
			always(oneAddress, Alias),
			lookups("the lookup by e-mail gives all its rows in one answer", RepeatedPage),
		},
		"aws_iam": {
			always(noCount, NeedsCount()...),
			always("IAM users cannot be disabled", Inactive, Twin),
		},
		"aws_sso": {
			always(noCount, NeedsCount()...),
		},
		"boundary": {
			always(noCount, NeedsCount()...),
			always("users are deleted, not disabled", Inactive, Twin),
		},
		"datadog": {
			always(oneAddress, Alias),
		},
		"entra": {
			always(noCount, NeedsCount()...),
		},
		"file": {
			always("a file is read without HTTP; its own tests cut it off, and change and remove it", NeedsHTTP()...),
			always("a file has no pages", NeedsPages()...),
		},
		"github": {
			always(noCount, NeedsCount()...),
			always("who left is no member any more", Inactive, Twin),
		},
		"gitlab": {
			always(noCount, NeedsCount()...),
		},
		"google": {
			always(noCount, NeedsCount()...),
			always("the address is the identity, so no two accounts have it", Duplicate, DuplicateOnTwoPages, Twin),
			lookups(oneAnswer, RepeatedPage),
		},
		"http": {
			always("an endpoint answers for one person, in one answer", NeedsPages()...),
			always("the expressions give no state", Inactive, Twin),
		},
		"ldap": {
			always(noCount, NeedsCount()...),
			always("LDAP is not HTTP; its own tests have its result codes, a server that hangs, and a real OpenLDAP",
				append(NeedsHTTP(), FailsInMiddle, LimitedInMiddle, ShortPages)...),
		},
		"okta": {
			always(noCount, NeedsCount()...),
		},
		"onelogin": {
			always(oneAddress, Alias),
		},
		"pagerduty": {
			always(oneAddress, Alias),
			always("users are deleted, not disabled", Inactive, Twin),
		},
		"scim": {},
		"slack": {
			always(noCount, NeedsCount()...),
			always(oneAddress, Alias),
			lookups(oneAnswer, oneAccount...),
		},
		"tailscale": {
			always("a login name is one address", Alias),
			always("the address is the identity, so no two accounts have it", Duplicate, Twin),
			always("the list is one answer", NeedsPages()...),
		},
	}
}

// excused returns why a case does not run in a way of asking, "" if it runs.
func (s Subject) excused(c Case, way string) string {
	if why := s.Lacks[c]; why != "" {
		return why
	}
	for _, e := range Excuses()[s.Kind] {
		if slices.Contains(e.Cases, c) && (e.Ways == nil || slices.Contains(e.Ways, way)) {
			return e.Why
		}
	}
	return ""
}
