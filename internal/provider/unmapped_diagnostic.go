// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
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
	b.WriteString("\n" + remedy(a))
	if !a.Service.Managed() {
		b.WriteString(" " + declareAdvice(hasDeclared) + "\n\n" + indent(declaredLines([]resolve.Resolution{a}, hasDeclared, false)))
	}
	return b.String()
}

// likelyAccount returns the account to fill into the HCL of an unmapped user:
// the only one that has the e-mail as another address. Otherwise nil.
func likelyAccount(a resolve.Resolution) identity.Matcher {
	if a.Reason != resolve.Alias || len(a.Candidates) != 1 {
		return nil
	}
	return a.Candidates[0].Matcher
}

// reasonsDoc says what the reasons mean.
const reasonsDoc = "`not_found`, `inactive`, `alias` (the e-mail is only another address of an account), `unverified` (the service has not proved the e-mail, or nobody approved the account), " +
	"`ambiguous` (several accounts have the e-mail, or several people get the account), `claimed` (the account belongs to somebody else), " +
	"`no_email`, `other_domain` (the directory is for other domains) or `no_directory` (nobody can be asked)."

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
			return fmt.Sprintf("the account that was found, %s, was found for %s as well", resolve.ListAccounts(a.Candidates), resolve.ListUsers(a.Rivals))
		}
		return "several accounts there have " + whose + ": " + resolve.ListAccounts(a.Candidates)
	case resolve.Claimed:
		return fmt.Sprintf("the account that was found, %s, belongs to %s", resolve.ListAccounts(a.Candidates), a.Holder)
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

// contradiction returns what contradicts a stored automatic value, as a word;
// "" if nothing does. A service that merely finds nobody now contradicts nothing.
func contradiction(a resolve.Resolution) string {
	switch {
	case a.Source != resolve.Store || a.StoredSource == identity.Manual || !a.Stale:
		return ""
	case a.Account == identity.AccountRenamed:
		return string(a.Account)
	case a.Fresh != nil:
		return reasonChanged
	case a.Retired():
		return string(a.Account)
	}
	return ""
}

// reportStale reports a stored value that rules or the lookup contradict, and
// a mapping whose account is inactive or gone: as warnings, or as on_stale says.
func reportStale(diags *diag.Diagnostics, a resolve.Resolution, onStale string) {
	var detail string
	switch {
	case onStale == onIgnore:
		return
	case a.Retired() && a.Fresh == nil:
		detail = retiredDetail(a)
	case a.Stale:
		detail = staleDetail(a)
	default:
		return
	}
	if why := contradiction(a); why != "" && onStale == onError {
		diags.AddError("Stale Identity", fmt.Sprintf("%s in %s: %s, and on_stale = \"error\".\n\n", a.User, a.Service, why)+detail)
		return
	}
	diags.AddWarning(fmt.Sprintf("Stale Identity: %s in %s", a.User, a.Service), detail)
}

// staleDetail says what is stored and what rules and the service give now.
func staleDetail(a resolve.Resolution) string {
	var b strings.Builder
	if a.Account == identity.AccountRenamed {
		fmt.Fprintf(&b, "For %s in %s the store holds %s, but that account is called %s now. ", a.User, a.Service, a.Matcher, orUnknown(a.Fresh))
	} else {
		fmt.Fprintf(&b, "For %s in %s the store holds %s, but rules and the service now give %s. ", a.User, a.Service, a.Matcher, orNone(a.Fresh))
	}
	b.WriteString("What is stored stays the answer until somebody maps the user by hand.\n\n")
	b.WriteString(stepLines(a.Steps))
	switch {
	case a.Fresh == nil:
		b.WriteString("\nIf the account is still right, declare it, which makes it a manual mapping. If it is not, declare the right one:\n\n")
		b.WriteString(indent(identityBlock(a.User, a.Service, a.Matcher)))
	case a.StoredSource == identity.Manual:
		b.WriteString("\nA person decided on the stored value, so it may well be right. If it is not, correct the mapping where it is declared, or declare it with overwrite = true:\n\n")
		b.WriteString(indent(identityBlock(a.User, a.Service, a.Fresh)))
	default:
		b.WriteString("\nTo use the new account, declare it; it then replaces what is stored. To keep the stored one, declare that instead:\n\n")
		b.WriteString(indent(identityBlock(a.User, a.Service, a.Fresh)))
	}
	return b.String()
}

// retiredDetail describes a mapping whose account is inactive or gone.
func retiredDetail(a resolve.Resolution) string {
	where := "The store"
	if a.Source == resolve.Declared {
		where = "This configuration"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s maps %s in %s to %s, but that account %s. It stays the answer until the mapping is changed.\n\n",
		where, a.User, a.Service, a.Matcher, retiredText(a))
	b.WriteString(stepLines(a.Steps))
	b.WriteString("\nIf the person left, remove the mapping and take them out of this configuration. If they have another account now, declare it:\n\n")
	b.WriteString(indent(identityBlock(a.User, a.Service, nil)))
	return b.String()
}

// reportReused reports a mapping whose identity is the name of another account
// now. Whatever the settings, that is an error: it would give somebody else's
// access.
func reportReused(diags *diag.Diagnostics, a resolve.Resolution) {
	diags.AddError("Identity Belongs to Another Account Now", fmt.Sprintf("%s\n\n%s\n%s\n\n%s",
		reusedText(a), stepLines(a.Steps), reusedRemedy, indent(identityBlock(a.User, a.Service, nil))))
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

func orUnknown(m identity.Matcher) string {
	if m == nil {
		return "something else"
	}
	return m.String()
}

func orNone(m identity.Matcher) string {
	if m == nil {
		return "none"
	}
	return m.String()
}
