// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

// reportUnmapped reports an unmapped user as an error, a warning or not at all.
func reportUnmapped(diags *diag.Diagnostics, a resolve.Resolution, onUnmapped string, hasDeclared bool) {
	switch {
	case a.Mapped() || onUnmapped == onIgnore:
	case onUnmapped == onWarn:
		// Terraform folds warnings with equal summaries and would show one
		// person of forty.
		diags.AddWarning(fmt.Sprintf("Unmapped User: %s in %s", a.User, a.Service), unmappedDetail(a, hasDeclared))
	default:
		diags.AddError("Unmapped User", unmappedDetail(a, hasDeclared))
	}
}

// unmappedDetail returns a text that names user and service, lists the steps,
// and ends with the HCL that makes the plan pass. hasDeclared says that the
// configuration has a map in declared.
func unmappedDetail(a resolve.Resolution, hasDeclared bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s has no identity in %s: %s (reason: %s).\n\n", a.User, a.Service, reasonText(a), a.Reason)
	b.WriteString(stepLines(a.Steps))
	b.WriteString("\n" + remedy(a) + passLines(a, hasDeclared))
	return b.String()
}

// passLines returns the HCL that makes the plan of one user pass, and says where it
// goes; "" where nobody can declare anything.
func passLines(a resolve.Resolution, hasDeclared bool) string {
	advice := declareAdvice(hasDeclared)
	switch {
	case a.Service.Managed():
		return ""
	case a.Source == resolve.Declared:
		advice = "Correct this in the map that declared takes, and fill in the blanks:"
	}
	return " " + advice + "\n\n" + indent(declaredLines([]resolve.Resolution{a}, hasDeclared, declaredShape{}))
}

// likelyAccount returns the account to fill into the HCL of a user: of a stale value
// what rules and the service give now, of an unmapped user the only account that has
// the e-mail as another address. Otherwise nil.
func likelyAccount(a resolve.Resolution) identity.Matcher {
	if a.Fresh != nil && !a.Reused() {
		return a.Fresh
	}
	if a.Reason != resolve.Alias || len(a.Candidates) != 1 {
		return nil
	}
	return a.Candidates[0].Matcher
}

// reasonsDoc says what the reasons mean.
const reasonsDoc = "`not_found`, `inactive`, `alias` (the e-mail is only an alias of an account), `unverified` (the service has not verified the e-mail, or nobody has approved the account), " +
	"`ambiguous` (several accounts have the e-mail, or several people get the account), `claimed` (the account belongs to somebody else), " +
	"`no_email`, `other_domain` (the directory is for other domains) or `no_directory` (the API cannot ask the service)."

// stepLines returns the trace, one indented line for each step.
func stepLines(steps []resolve.Step) string {
	width := 0
	for _, s := range steps {
		width = max(width, len(s.Name))
	}
	var b strings.Builder
	b.WriteString("What each step said:\n\n")
	for _, s := range steps {
		fmt.Fprintf(&b, "  %-*s  %s: %s\n", width, s.Name, s.Outcome, s.Detail)
	}
	return b.String()
}

func reasonText(a resolve.Resolution) string {
	whose := "its e-mail"
	if a.User.IsEmail() {
		whose = "this e-mail"
	}
	if a.LookupEmail != "" {
		whose = "the e-mail " + a.LookupEmail
	}
	switch a.Reason {
	case resolve.NotFound:
		return "no account there has " + whose
	case resolve.Inactive:
		return "the account there with " + whose + " is inactive"
	case resolve.Alias:
		return "no account there has " + whose + " as its own address; it is another address of " + resolve.ListAccounts(a.Candidates)
	case resolve.Unverified:
		return "the service has not verified " + whose + ", or nobody approved the account: " + resolve.ListAccounts(a.Candidates)
	case resolve.Ambiguous:
		if len(a.Rivals) > 0 {
			return fmt.Sprintf("the account that was found, %s, was found for %s as well", resolve.ListAccounts(a.Candidates), a.ListRivals())
		}
		return "several accounts there have " + whose + ": " + resolve.ListAccounts(a.Candidates)
	case resolve.Claimed:
		text := fmt.Sprintf("the account that was found, %s, belongs to %s", resolve.ListAccounts(a.Candidates), a.Holder)
		if a.HolderAs != nil {
			text += ", who has it under the name " + a.HolderAs.String()
		}
		return text
	case resolve.OtherDomain:
		return "the directory of the service is not for the domain of " + whose
	case resolve.NoEmail:
		return "a bot has no e-mail by which the service could be asked"
	case resolve.NoDirectory:
		if a.Service.Managed() {
			return "Sym has stored none"
		}
		return "nobody can be asked which accounts it has"
	}
	return "no step of the chain has an answer"
}

func remedy(a resolve.Resolution) string {
	switch {
	case a.Service.Managed():
		return fmt.Sprintf("Identities of %s are managed by Sym and cannot be declared: have the user log in to Sym, or ask Sym's support.", a.Service.Type)
	case !a.User.IsEmail():
		return "Map the bot by hand; it must exist in Sym before."
	}
	switch a.Reason {
	case resolve.Inactive:
		return "If the person left, take them out of this configuration. Otherwise map the right account by hand."
	case resolve.Alias:
		return "If the account is theirs, map it by hand. To accept such addresses of this service, set match_aliases = true on its directory."
	case resolve.Unverified:
		return "Have the person verify the address there, or have the account approved. Where nobody can sign up by themselves, set include_unverified = true on the directory. " +
			"Otherwise map the right account by hand."
	case resolve.OtherDomain:
		return "If people of this domain have accounts there, add it to domains of the service's directory. Otherwise map the user by hand."
	case resolve.Ambiguous:
		if len(a.Rivals) > 0 {
			return "Decide whose account it is and map it by hand; the others then need accounts of their own."
		}
		return "Decide which account is the right one and map it by hand."
	case resolve.Claimed:
		return fmt.Sprintf("If the account is not %s's, correct that mapping. If %s has another account, map it by hand.", a.Holder, a.User)
	case resolve.NoDirectory:
		return "Add a directory for the service to the server's configuration, write a rule, or map the user by hand."
	}
	return "Map the user by hand."
}

// contradiction returns what contradicts a stored value, as a word; "" if nothing
// does. A service that merely finds nobody now contradicts nothing.
func contradiction(a resolve.Resolution) string {
	switch {
	case a.Account == identity.AccountRenamed, a.Retired() && a.Fresh == nil:
		return string(a.Account)
	case a.Fresh != nil:
		return "changed"
	}
	return ""
}

// contradictsAutomatic reports whether a value is contradicted that no person decided
// on, and that is stored or about to be. on_stale is about these.
func contradictsAutomatic(a resolve.Resolution) bool {
	return a.Source != resolve.Declared && a.StoredSource != identity.Manual && a.Stale && contradiction(a) != ""
}

// reportStale reports a stored value that rules or the lookup contradict, and
// a mapping whose account is inactive or gone: as warnings, or as on_stale says.
func reportStale(diags *diag.Diagnostics, a resolve.Resolution, onStale string, hasDeclared bool) {
	var detail, pass string
	isError := contradictsAutomatic(a) && onStale == onError
	if isError {
		pass = passLines(a, hasDeclared)
	}
	switch {
	case onStale == onIgnore:
		return
	case a.Retired() && a.Fresh == nil:
		detail = retiredDetail(a, pass)
	case a.Stale:
		detail = staleDetail(a, pass)
	default:
		return
	}
	if isError {
		diags.AddError("Stale Identity", fmt.Sprintf("%s in %s: %s, and on_stale = \"error\".\n\n", a.User, a.Service, contradiction(a))+detail)
		return
	}
	diags.AddWarning(fmt.Sprintf("Stale Identity: %s in %s", a.User, a.Service), detail)
}

// ending returns what ends a remedy: what makes the plan pass that an error stops, or
// the block where a warning stops nothing.
func ending(pass, block string) string {
	if pass != "" {
		return "." + pass
	}
	return ":\n\n" + indent(block)
}

// staleDetail says what is stored and what rules and the service give now. pass is
// what makes the plan pass, "" for a warning.
func staleDetail(a resolve.Resolution, pass string) string {
	var b strings.Builder
	if a.Account == identity.AccountRenamed {
		fmt.Fprintf(&b, "For %s in %s the store holds %s, but that account is called %s now. ", a.User, a.Service, a.Matcher, cmp.Or(a.Fresh.String(), "something else"))
	} else {
		fmt.Fprintf(&b, "For %s in %s the store holds %s, but rules and the service now give %s. ", a.User, a.Service, a.Matcher, cmp.Or(a.Fresh.String(), "none"))
	}
	b.WriteString("What is stored stays the answer until somebody maps the user by hand.\n\n")
	b.WriteString(stepLines(a.Steps))
	switch {
	case a.Source == resolve.Declared:
		b.WriteString("\nCorrect the mapping where it is declared.\n")
	case a.Fresh == nil:
		b.WriteString("\nIf the account is still right, declare it, which makes it a manual mapping. If it is not, declare the right one")
		b.WriteString(ending(pass, identityBlock(a.User, a.Service, a.Matcher)))
	case a.StoredSource == identity.Manual:
		advice := "\nA person decided on the stored value, so it may well be right. If it is not, correct"
		if a.Retired() || a.Account == identity.AccountRenamed {
			advice = "\nCorrect"
		}
		b.WriteString(advice + " the mapping where it is declared, or declare it with overwrite = true:\n\n")
		b.WriteString(indent(replacingBlock(a, a.Fresh)))
	default:
		b.WriteString("\nTo use the new account, declare it; it then replaces what is stored. To keep the stored one, declare that instead")
		b.WriteString(ending(pass, identityBlock(a.User, a.Service, a.Fresh)))
	}
	return b.String()
}

// retiredDetail describes a mapping whose account is inactive or gone. pass is what
// makes the plan pass, "" for a warning.
func retiredDetail(a resolve.Resolution, pass string) string {
	where := "The store"
	switch a.Source {
	case resolve.Declared:
		where = "This configuration"
	case resolve.Rule: // about to be stored
		where = fmt.Sprintf("The rule %q", a.Rule)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s maps %s in %s to %s, but that account %s. It stays the answer until the mapping is changed.\n\n",
		where, a.User, a.Service, a.Matcher, retiredText(a))
	b.WriteString(stepLines(a.Steps))
	b.WriteString("\nIf the person left, remove the mapping and take them out of this configuration. If they have another account now, ")
	if a.Source == resolve.Declared {
		return b.String() + "correct the mapping where it is declared.\n"
	}
	b.WriteString("declare it" + ending(pass, replacingBlock(a, nil)))
	return b.String()
}

// reportReused reports a mapping whose identity is the name of another account
// now. Whatever the settings, that is an error: it would give somebody else's
// access.
func reportReused(diags *diag.Diagnostics, a resolve.Resolution, hasDeclared bool) {
	diags.AddError("Identity Belongs to Another Account Now", fmt.Sprintf("%s\n\n%s\n%s%s",
		reusedText(a), stepLines(a.Steps), reusedRemedy, passLines(a, hasDeclared)))
}

// reusedText says that a mapping names somebody else's account.
func reusedText(a resolve.Resolution) string {
	text := fmt.Sprintf("%s is mapped to %s in %s, but that is the name of another account now", a.User, a.Matcher, a.Service)
	if a.AccountID != "" {
		text += "; the one that was mapped has the id " + a.AccountID
	}
	return text + "."
}

// reusedRemedy says what to do about an identity that has been reused.
const reusedRemedy = "Find out which account the user has now and declare it, with overwrite = true where a person mapped the old one. If the user left, remove the mapping."

// maxListed bounds the lists in a diagnostic. The attributes list everybody.
const maxListed = 50

// report adds at most eight diagnostics, whatever the number of people: failures,
// reused identities, unmapped users, stale identities where they are errors,
// identities to review, exempt users who have or may have accounts, and services
// without lists.
func (s *bulkSummary) report(diags *diag.Diagnostics) {
	if len(s.failed) > 0 {
		diags.AddError("Unable to Resolve Identities", s.failedDetail())
	}
	if len(s.reused) > 0 {
		diags.AddError("Identities Belong to Other Accounts Now", "Identities of mappings have become names of other accounts:\n\n"+listed(s.reused, reusedText)+"\n"+reusedRemedy+
			s.passLines(filtered(s.reused, func(a resolve.Resolution) bool { return a.Source != resolve.Declared })))
	}
	if len(s.unmapped) > 0 {
		first := s.unmapped[0]
		switch s.config.onUnmapped {
		case onIgnore:
		case onWarn:
			// Terraform folds warnings with equal summaries.
			diags.AddWarning("Unmapped Users: "+s.where(first)+andMore(len(s.unmapped)-1), s.unmappedDetail())
		default:
			diags.AddError("Unmapped Users", s.unmappedDetail())
		}
	}
	if s.config.onStale == onError {
		if stale := filtered(s.stale, contradictsAutomatic); len(stale) > 0 {
			diags.AddError("Stale Identities", "Rules and services contradict automatic values that are stored or would be, and on_stale = \"error\":\n\n"+listed(stale, s.staleLine)+
				"\nDeclare the account that is right, or remove the mapping."+s.passLines(stale))
		}
	}
	s.reportFindings(diags)
	if n := len(s.exemptMapped); n > 0 {
		diags.AddWarning("Exempt Users Have Accounts: "+s.where(s.exemptMapped[0])+andMore(n-1),
			"Exemptions say that users have no account, but they have one:\n\n"+listed(s.exemptMapped, s.exemptLine)+
				"\nRemove the exemptions. Where an account is not theirs, correct the mapping.")
	}
	if n := len(s.exemptMaybe); n > 0 {
		diags.AddWarning("Exempt Users May Have Accounts: "+s.where(s.exemptMaybe[0])+andMore(n-1),
			"Exemptions say that users have no account, but accounts may be theirs:\n\n"+listed(s.exemptMaybe, s.exemptLine)+
				"\nWhere an account is theirs, map it by hand and remove the exemption. Where it is not, correct its addresses in the service.")
	}
	if n := len(s.unlisted); n > 0 {
		diags.AddWarning("Accounts Cannot Be Listed: "+s.unlisted[0].service.String()+andMore(n-1), unlistedDetail(s.unlisted))
	}
}

func andMore(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}

// where returns a user and a service as text.
func (s *bulkSummary) where(a resolve.Resolution) string {
	return s.config.name(a.User) + " in " + a.Service.String()
}

// listed returns a line for each element, up to maxListed.
func listed[T any](elements []T, line func(T) string) string {
	var b strings.Builder
	for i, e := range elements {
		if i == maxListed {
			fmt.Fprintf(&b, "  … and %d more\n", len(elements)-i)
			break
		}
		b.WriteString("  " + line(e) + "\n")
	}
	return b.String()
}

// share returns "3 of 40 users in okta:acme.okta.com", or the like for several
// services.
func (s *bulkSummary) share(n int) string {
	if len(s.config.services) == 1 {
		return fmt.Sprintf("%d of %d users in %s", n, len(s.config.users), s.config.services[0])
	}
	return fmt.Sprintf("%d of %d pairs of user and service", n, len(s.answers))
}

func (s *bulkSummary) failedDetail() string {
	var hints []string
	list := listed(s.failed, func(a resolve.Resolution) string {
		what, hint := explainOne(a.Err)
		if hint != "" && !slices.Contains(hints, hint) {
			hints = append(hints, hint)
		}
		return s.where(a) + ": " + what
	})
	detail := fmt.Sprintf("For %s a step of the chain failed, so it is not known which account is theirs. They count neither as mapped nor as unmapped.\n\n%s", s.share(len(s.failed)), list)
	if len(hints) > 0 {
		detail += "\n" + strings.Join(hints, "\n")
	}
	return strings.TrimRight(detail, "\n")
}

// explainOne returns why one person's chain failed and what to do about it.
func explainOne(err error) (what, hint string) {
	if broken, ok := errors.AsType[*rules.EvalError](err); ok {
		return fmt.Sprintf("the rule %q failed: %s", broken.Rule, broken.Message), sentence(broken.Hint)
	}
	e := explain(err)
	return e.what, sentence(e.remedy)
}

func (s *bulkSummary) unmappedDetail() string {
	var b strings.Builder
	fmt.Fprintf(&b, "No identity was found for %s:\n\n", s.share(len(s.unmapped)))
	if len(s.unmapped) > 1 {
		b.WriteString(s.unmappedTable() + "\n")
	}
	people := byUser(s.unmapped)
	b.WriteString(listed(people, s.unmappedLine))
	if remedies := bulkRemedies(s.unmapped); remedies != "" {
		b.WriteString("\n" + remedies)
	}
	examples := s.examples(s.unmapped)
	if len(examples) > 0 {
		b.WriteString("\nMap them by hand." + s.passLines(s.unmapped) + "\n")
	}
	if len(s.unmapped) > max(len(examples), 1) {
		attributes := "The attributes unmapped and hcl have everybody."
		if s.config.onUnmapped != onWarn {
			attributes = "With on_unmapped = \"warn\" the attributes unmapped and hcl have everybody."
		}
		b.WriteString("\n" + attributes + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

// maxExamples bounds the blocks in a diagnostic. Entries of a map are lines, and as
// many as in a list.
const maxExamples = 3

// passLines returns the HCL that makes the plan pass for as many users as are shown,
// and says where it goes.
func (s *bulkSummary) passLines(answers []resolve.Resolution) string {
	examples := s.examples(answers)
	if len(examples) == 0 {
		return ""
	}
	return " " + declareAdvice(s.config.hasDeclared) + "\n\n" + indent(declaredLines(examples, s.config.hasDeclared, declaredShape{true, s.config.declared}))
}

// examples returns users whose HCL is shown: one of each service first.
func (s *bulkSummary) examples(answers []resolve.Resolution) []resolve.Resolution {
	var first, others []resolve.Resolution
	seen := map[identity.ServiceKey]bool{}
	for _, a := range answers {
		switch {
		case a.Service.Managed():
		case seen[a.Service]:
			others = append(others, a)
		default:
			seen[a.Service] = true
			first = append(first, a)
		}
	}
	all := slices.Concat(first, others)
	most := maxExamples
	if s.config.hasDeclared {
		most = maxListed
	}
	return all[:min(most, len(all))]
}

// unmappedTable counts unmapped users by service and reason.
func (s *bulkSummary) unmappedTable() string {
	counts := map[identity.ServiceKey]map[resolve.Reason]int{}
	var services []identity.ServiceKey
	var reasons []resolve.Reason
	for _, a := range s.unmapped {
		if counts[a.Service] == nil {
			counts[a.Service] = map[resolve.Reason]int{}
			services = append(services, a.Service)
		}
		counts[a.Service][a.Reason]++
		if !slices.Contains(reasons, a.Reason) {
			reasons = append(reasons, a.Reason)
		}
	}
	slices.Sort(reasons)
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(name string, cells []string) { fmt.Fprintf(w, "  %s\t%s\n", name, strings.Join(cells, "\t")) }
	row("service", each(reasons, func(r resolve.Reason) string { return string(r) }))
	for _, service := range services {
		row(service.String(), each(reasons, func(r resolve.Reason) string { return strconv.Itoa(counts[service][r]) }))
	}
	_ = w.Flush() // a strings.Builder takes everything
	return b.String()
}

// byUser groups what a pass found by user, in the order of their first service.
func byUser(unmapped []resolve.Resolution) [][]resolve.Resolution {
	var people [][]resolve.Resolution
	at := map[identity.UserKey]int{}
	for _, a := range unmapped {
		i, known := at[a.User]
		if !known {
			i = len(people)
			at[a.User] = i
			people = append(people, nil)
		}
		people[i] = append(people[i], a)
	}
	return people
}

// unmappedLine returns one person with every service that lacks them.
func (s *bulkSummary) unmappedLine(person []resolve.Resolution) string {
	parts := each(person, func(a resolve.Resolution) string {
		part := fmt.Sprintf("%s: %s, %s", a.Service, a.Reason, reasonText(a))
		if len(a.Suggestions) > 0 {
			part += "; may be theirs: " + strings.Join(each(a.Suggestions, func(c resolve.Suggestion) string { return suggestionText(c, a.Service, identity.Quote) }), "; ")
		}
		return part
	})
	return s.config.name(person[0].User) + " in " + strings.Join(parts, "; in ")
}

// bulkRemedies returns a line of advice for each reason that occurs.
func bulkRemedies(unmapped []resolve.Resolution) string {
	occurs := map[resolve.Reason]bool{}
	managed := false
	for _, a := range unmapped {
		if a.Service.Managed() {
			managed = true
		} else {
			occurs[a.Reason] = true
		}
	}
	var b strings.Builder
	for _, r := range []struct {
		reason resolve.Reason
		advice string
	}{
		{resolve.NotFound, "not_found: name people who need no account there in exempt, each with the reason."},
		{resolve.Inactive, "inactive: remove people who left from the list of users, or name them in exempt."},
		{resolve.Alias, "alias: if the account is theirs, map it by hand; match_aliases = true on the directory accepts such addresses."},
		{resolve.Unverified, "unverified: have the address verified or the account approved; include_unverified = true on the directory is for services without sign-up."},
		{resolve.Ambiguous, "ambiguous: decide which of the accounts is the right one."},
		{resolve.Claimed, "claimed: if the account is not its holder's, correct that mapping instead."},
		{resolve.NoEmail, "no_email: bots are mapped by hand, and must exist in Sym before."},
		{resolve.OtherDomain, "other_domain: add the domain to domains of the directory if its people have accounts there."},
		{resolve.NoDirectory, "no_directory: a directory in the server's configuration or a rule would find them."},
	} {
		if occurs[r.reason] {
			b.WriteString(r.advice + "\n")
		}
	}
	if managed {
		b.WriteString("Identities of services that Sym manages itself cannot be declared: have the users log in to Sym, or ask Sym's support.\n")
	}
	return b.String()
}

// isWarning reports whether on_stale leaves a stale value to a warning.
func (s *bulkSummary) isWarning(a resolve.Resolution) bool {
	return s.config.onStale != onIgnore && (s.config.onStale != onError || !contradictsAutomatic(a))
}

// reportFindings warns of collisions, and of stored values that are stale, as far as
// on_stale leaves them to a warning.
func (s *bulkSummary) reportFindings(diags *diag.Diagnostics) {
	retired := filtered(s.retired, s.isWarning)
	contradicted := filtered(s.stale, func(a resolve.Resolution) bool { return !a.Retired() && s.isWarning(a) })
	findings := slices.Concat(
		each(s.collisions, func(c collision) string { return c.account + " in " + c.service.String() }), each(retired, s.where), each(contradicted, s.where))
	if len(findings) == 0 {
		return
	}
	var parts []string
	if len(s.collisions) > 0 {
		parts = append(parts, "Several users have or claim one account:\n\n"+listed(s.collisions, s.collisionLine)+
			"\nOne of them would have the other's access. Correct the mapping that is wrong; where they really share the account, nothing is to be done.")
	}
	if len(retired) > 0 {
		parts = append(parts, "Accounts of mappings are inactive or gone:\n\n"+listed(retired, s.retiredLine)+
			"\nFor people who left, remove the mapping, and remove them from the list of users. For people who have another account now, declare that one.")
	}
	if len(contradicted) > 0 {
		parts = append(parts, "Rules and services contradict what is stored:\n\n"+listed(contradicted, s.staleLine)+
			"\nWhat is stored stays the answer until somebody maps the user by hand: declare the account that is right.")
	}
	diags.AddWarning("Identities to Review: "+findings[0]+andMore(len(findings)-1),
		strings.Join(parts, "\n\n")+"\n\nThe attributes collisions, offboarding and stale have all of them.")
}

// filtered returns the elements that a test accepts.
func filtered[T any](list []T, accepts func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(list), func(x T) bool { return !accepts(x) })
}

func (s *bulkSummary) collisionLine(c collision) string {
	const most = 5
	names := make([]string, 0, most)
	for _, user := range c.users[:min(most, len(c.users))] {
		names = append(names, s.config.name(user))
	}
	return fmt.Sprintf("%s in %s: %s%s", c.account, c.service, strings.Join(names, ", "), andMore(len(c.users)-len(names)))
}

func (s *bulkSummary) staleLine(a resolve.Resolution) string {
	line := fmt.Sprintf("%s: %s is stored (%s)", s.where(a), accountText(a.Matcher, a.Service.Type), a.StoredSource)
	if a.Source == resolve.Rule {
		line = fmt.Sprintf("%s: %s would be stored (%s)", s.where(a), accountText(a.Matcher, a.Service.Type), a.Source)
	}
	if a.Fresh != nil {
		return line + ", now it is " + accountText(a.Fresh, a.Service.Type)
	}
	return line + ", now there is none (" + staleReason(a) + ")"
}

func (s *bulkSummary) retiredLine(a resolve.Resolution) string {
	mapped := string(a.Source)
	if a.Source == resolve.Store {
		mapped = "stored, " + string(a.StoredSource)
	}
	line := fmt.Sprintf("%s: %s (%s) %s", s.where(a), accountText(a.Matcher, a.Service.Type), mapped, retiredText(a))
	if a.Stale && a.Fresh != nil {
		line += ", now it is " + accountText(a.Fresh, a.Service.Type)
	}
	return line
}

// retiredText returns what became of an account.
func retiredText(a resolve.Resolution) string {
	if a.Account == identity.AccountAbsent {
		return "is not there"
	}
	return "is inactive"
}

// addBulkFailure reports a request that failed as a whole.
func addBulkFailure(diags *diag.Diagnostics, config *bulkConfig, err error) {
	if missing := unregisteredIn(err); len(missing) > 0 {
		addAllUnregistered(diags, config, missing)
		return
	}
	user, about := "", ""
	if len(config.services) == 1 {
		about = config.services[0].String()
	}
	if of, ok := errors.AsType[*serviceError](err); ok {
		if of.isRoster {
			addRosterFailure(diags, of)
			return
		}
		user, about = string(of.user), of.service.String()
	}
	addFailure(diags, "Resolve Identities", user, about, err)
}

// unregisteredIn returns every service that an error calls unregistered.
func unregisteredIn(err error) []*resolve.UnregisteredError {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*resolve.UnregisteredError
		for _, e := range joined.Unwrap() {
			all = append(all, unregisteredIn(e)...)
		}
		return all
	}
	if one, ok := errors.AsType[*resolve.UnregisteredError](err); ok {
		return []*resolve.UnregisteredError{one}
	}
	return nil
}

func addAllUnregistered(diags *diag.Diagnostics, config *bulkConfig, missing []*resolve.UnregisteredError) {
	var lines []string
	for _, m := range missing {
		line := "  " + m.Service.String() + "; registered of this type: "
		if len(m.Registered) == 0 {
			line += "none"
		}
		lines = append(lines, line+joinServices(m.Registered))
	}
	blocks := serviceBlocks(each(missing, func(m *resolve.UnregisteredError) identity.ServiceKey { return m.Service })...)
	at := path.Root("services")
	if len(missing) == 1 {
		if i := slices.Index(config.services, missing[0].Service); i >= 0 {
			at = at.AtListIndex(i).AtName("external_id")
		} else {
			at = path.Root("users_from")
		}
	}
	diags.AddAttributeError(at, "Service Is Not Registered",
		"Nobody can be mapped in a service that is not registered:\n\n"+strings.Join(lines, "\n")+
			"\n\nIf the external IDs are right, register the services first, in the server's configuration file or here:\n\n"+strings.Join(each(blocks, indent), "\n\n"))
}

func joinServices(keys []identity.ServiceKey) string {
	return strings.Join(each(keys, identity.ServiceKey.String), ", ")
}
