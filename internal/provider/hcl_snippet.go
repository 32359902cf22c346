// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
)

// Snippets are what diagnostics end with: HCL or a command to paste.

// identityBlock returns the sym_identity block that maps a user. A nil matcher
// leaves the account to the reader: as an empty identity, which validation
// refuses, because any other placeholder would be stored when it is pasted
// unread. Suggestions are comments above it.
func identityBlock(user identity.UserKey, service identity.ServiceKey, matcher identity.Matcher, suggestions ...resolve.Suggestion) string {
	var b strings.Builder
	fmt.Fprintf(&b, "resource \"sym_identity\" %s {\n", hclString(blockLabel(user, service)))
	fmt.Fprintf(&b, "user = %s\n", hclString(string(user)))
	fmt.Fprintf(&b, "service_type = %s\n", hclString(service.Type))
	fmt.Fprintf(&b, "external_id = %s\n", hclString(service.ExternalID))
	id, plain := matcher.Identity(service.Type)
	switch {
	case len(matcher) == 0:
		for _, c := range suggestions {
			fmt.Fprintf(&b, "# may be theirs: %s\n", suggestionText(c, service, hclString))
		}
		fmt.Fprintf(&b, "identity = \"\" # fill in %s\n", wantedIdentity(service.Type))
	case plain:
		fmt.Fprintf(&b, "identity = %s\n", hclString(id))
	default:
		b.WriteString("matcher = {\n")
		for _, k := range slices.Sorted(maps.Keys(matcher)) {
			fmt.Fprintf(&b, "%s = %s\n", hclString(k), hclString(matcher[k]))
		}
		b.WriteString("}\n")
	}
	b.WriteString("}")
	return string(hclwrite.Format([]byte(b.String())))
}

// replacingBlock returns the sym_identity block that maps a user to another account
// than the stored one, whoever stored that.
func replacingBlock(a resolve.Resolution, matcher identity.Matcher) string {
	block := identityBlock(a.User, a.Service, matcher, a.Suggestions...)
	if a.StoredSource != identity.Manual {
		return block
	}
	return string(hclwrite.Format([]byte(strings.TrimSuffix(block, "}") + "overwrite = true\n}")))
}

// wantedIdentity says in the service's own words what an identity is there.
func wantedIdentity(serviceType string) string {
	return cmp.Or(map[string]string{
		"slack":     "the Slack member ID, as in U024BE7LD",
		"aws_sso":   "the user ID in IAM Identity Center, a UUID",
		"aws_iam":   "the user's ARN, as in arn:aws:iam::123456789012:user/ada",
		"pagerduty": "the PagerDuty user ID, as in PT4KHLK",
		"okta":      "the Okta user ID, as in 00u1ab2cd3EF4gh5i6j7",
		"onelogin":  "the OneLogin user ID",
		"github":    "the GitHub login, as in octocat, not a number",
		"google":    "the address of the Google account",
		"tailscale": "the Tailscale login, as in ada@acme.example",
	}[serviceType], "the account's "+identity.MatcherKey(serviceType))
}

// declaredEntry returns the entry of a map in declared that maps a user.
func declaredEntry(a resolve.Resolution) string {
	var b strings.Builder
	id, plain := likelyAccount(a).Identity(a.Service.Type)
	if !plain {
		for _, c := range a.Suggestions {
			fmt.Fprintf(&b, "# may be theirs: %s\n", suggestionText(c, a.Service, hclString))
		}
		return b.String() + fmt.Sprintf("%s = \"\" # fill in %s\n", hclString(string(a.User)), wantedIdentity(a.Service.Type))
	}
	return fmt.Sprintf("%s = %s\n", hclString(string(a.User)), hclString(id))
}

// declaredLines returns what makes the plan of a data source pass whose users are
// unmapped, stale or reused: where it has a map in declared, the entries of that map; else
// the blocks, and declared with what they map.
func declaredLines(unmapped []resolve.Resolution, hasDeclared bool, shape declaredShape) string {
	blocks := namedBlocks(unmapped)
	var out strings.Builder
	if hasDeclared {
		out.WriteString(declaredMap(blocks, func(b namedBlock) string { return declaredEntry(b.Resolution) }, shape))
	} else {
		for _, block := range blocks {
			out.WriteString(block.hcl + "\n")
		}
		if entries := declaredMap(blocks, namedBlock.reference, shape); entries != "" {
			out.WriteString("declared = {\n" + entries + "}\n")
		}
	}
	return strings.TrimRight(string(hclwrite.Format([]byte(out.String()))), "\n")
}

// declaredShape is the shape of a map in declared: from user to identity, or, as bulk
// has it, from service key to such a map.
type declaredShape struct {
	byService bool
	has       map[identity.ServiceKey]map[identity.UserKey]identity.Matcher // services that have such a map already
}

// declaredMap returns the entries of declared, those of one service together. HCL
// takes the last of two equal keys without a word, so the key of a service that is
// there already is not printed again.
func declaredMap(blocks []namedBlock, entryOf func(namedBlock) string, shape declaredShape) string {
	var entries strings.Builder
	var service identity.ServiceKey
	end := ""
	for _, block := range blocks {
		entry := entryOf(block)
		if entry == "" {
			continue
		}
		if shape.byService && block.Service != service {
			entries.WriteString(end)
			service = block.Service
			if _, there := shape.has[service]; there {
				fmt.Fprintf(&entries, "# Into the map of %s, which is there already:\n", hclString(service.String()))
				end = ""
			} else {
				fmt.Fprintf(&entries, "%s = {\n", hclString(service.String()))
				end = "}\n"
			}
		}
		entries.WriteString(entry)
	}
	entries.WriteString(end)
	return entries.String()
}

// declareAdvice says where declaredLines go.
func declareAdvice(hasDeclared bool) string {
	if hasDeclared {
		return "Add this to the map that declared takes, which should feed sym_identity or sym_identities as well, and fill in the blanks:"
	}
	return "Add the resource, add declared to the data source, and fill in the blanks:"
}

// suggestionText returns an account that may be somebody's, with what speaks for it.
// quote makes one line of what the service shows.
func suggestionText(c resolve.Suggestion, service identity.ServiceKey, quote func(string) string) string {
	text := quote(accountText(c.Account.Matcher, service.Type))
	if c.Account.Name != "" {
		text += " of " + quote(c.Account.Name)
	}
	return text + ", " + c.Why.String()
}

// serviceBlocks returns the sym_service blocks that register services, each with its
// own name.
func serviceBlocks(services ...identity.ServiceKey) []string {
	var names uniqueNames
	return each(services, func(service identity.ServiceKey) string {
		return serviceBlock(names.next(label(service.Type, "service")), service)
	})
}

func serviceBlock(name string, service identity.ServiceKey) string {
	f := hclwrite.NewEmptyFile()
	body := f.Body().AppendNewBlock("resource", []string{"sym_service", name}).Body()
	body.SetAttributeValue("service_type", cty.StringVal(service.Type))
	body.SetAttributeValue("external_id", cty.StringVal(service.ExternalID))
	return strings.TrimRight(string(hclwrite.Format(f.Bytes())), "\n")
}

// importCommand takes what is stored into state. ADDRESS stands for the
// resource, whose address a provider is not told.
func importCommand(importID string) string {
	return "terraform import ADDRESS " + shellQuote(importID)
}

func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// hclString quotes a string as HCL does.
func hclString(s string) string {
	return string(hclwrite.TokensForValue(cty.StringVal(s)).Bytes())
}

// blockLabel makes a resource name of a user's own name and the service type.
func blockLabel(user identity.UserKey, service identity.ServiceKey) string {
	local, _ := identity.SplitEmail(string(user))
	return label(local+"_"+service.Type, "user")
}

// indent moves a snippet to the right: Terraform leaves such lines as they
// are, where it would wrap others in the middle of HCL.
func indent(snippet string) string {
	return "  " + strings.ReplaceAll(snippet, "\n", "\n  ")
}

var outsideOfLabels = regexp.MustCompile(`[^a-z0-9]+`)

// label turns text into a valid resource name.
func label(text, fallback string) string {
	name := strings.Trim(outsideOfLabels.ReplaceAllString(identity.FoldASCII(text), "_"), "_")
	switch {
	case name == "":
		return fallback
	case name[0] >= '0' && name[0] <= '9':
		return fallback + "_" + name
	}
	return name
}
