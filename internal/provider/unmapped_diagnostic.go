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
func reportUnmapped(diags *diag.Diagnostics, a resolve.Resolution, onUnmapped string) {
	switch {
	case a.Mapped() || onUnmapped == onUnmappedIgnore:
	case onUnmapped == onUnmappedWarn:
		// Terraform folds warnings with equal summaries and would show one
		// person of forty.
		diags.AddWarning(fmt.Sprintf("Unmapped User: %s in %s", a.User, a.Service), unmappedDetail(a))
	default:
		diags.AddError("Unmapped User", unmappedDetail(a))
	}
}

// unmappedDetail returns a text that names user and service, lists the steps,
// and ends with the HCL that maps the user.
func unmappedDetail(a resolve.Resolution) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s has no identity in %s: %s (reason: %s).\n\n", a.User, a.Service, reasonText(a), a.Reason)
	b.WriteString(stepLines(a.Steps))
	b.WriteString("\n" + remedy(a))
	if !a.Service.Managed() {
		b.WriteString("\n\n" + indent(identityBlock(a.User, a.Service, nil)))
	}
	return b.String()
}

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
	case resolve.Ambiguous:
		return "several accounts there have " + whose + ": " + resolve.List(a.Candidates)
	case resolve.Claimed:
		return fmt.Sprintf("the account that was found, %s, belongs to %s", resolve.List(a.Candidates), a.Holder)
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
	const declare = " Give the same value to declared here, so that the plan which adds the mapping passes:"
	switch {
	case a.Service.Managed():
		return fmt.Sprintf("Identities of %s are managed by Sym and cannot be declared: have the user log in to Sym, or ask Sym's support.", a.Service.Type)
	case !a.User.IsEmail():
		return "Map the bot by hand; it must exist in Sym before." + declare
	}
	switch a.Reason {
	case resolve.Inactive:
		return "If the person left, take them out of this configuration. Otherwise map the right account by hand." + declare
	case resolve.Ambiguous:
		return "Decide which account is the right one and map it by hand." + declare
	case resolve.Claimed:
		return fmt.Sprintf("If the account is not %s's, correct that mapping. If %s has another account, map it by hand.", a.Holder, a.User) + declare
	case resolve.NoDirectory:
		return "Add a directory for the service to the server's configuration, write a rule, or map the user by hand." + declare
	}
	return "Map the user by hand." + declare
}

// reportStale warns of a stored value that rules or the lookup contradict, and of
// a mapping whose account is inactive or gone.
func reportStale(diags *diag.Diagnostics, a resolve.Resolution) {
	switch {
	case a.Retired() && a.Fresh == nil:
		reportRetired(diags, a)
		return
	case !a.Stale:
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "For %s in %s the store holds %s, but rules and the service now give %s. What is stored stays the answer until somebody maps the user by hand.\n\n",
		a.User, a.Service, a.Matcher, orNone(a.Fresh))
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
	diags.AddWarning(fmt.Sprintf("Stale Identity: %s in %s", a.User, a.Service), b.String())
}

// reportRetired warns of a mapping whose account is inactive or gone.
func reportRetired(diags *diag.Diagnostics, a resolve.Resolution) {
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
	diags.AddWarning(fmt.Sprintf("Stale Identity: %s in %s", a.User, a.Service), b.String())
}

func orNone(m identity.Matcher) string {
	if m == nil {
		return "none"
	}
	return m.String()
}
