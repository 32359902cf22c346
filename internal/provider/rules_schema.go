// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	providerschema "github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

const rulesDescription = "Reducer rules. They are tried in order for users without a stored mapping; the first that gives an identity wins. " +
	"Each rule has exactly one of `identity`, `identities`, `expression` and `lookup_email`. Rules see the normalised e-mail: trimmed and in lower case."

// ruleAttributes lists the attributes of a rule for both schemas. They are all
// optional there: for a rule that is unknown as a whole, the framework would
// report required attributes as missing. The rules package checks them.
var ruleAttributes = []struct {
	name, doc  string
	isMap      bool
	validators []validator.String
}{
	{name: "name", doc: "Required. Name of the rule, shown with the identities that it gives. It must be unique in the list."},
	{name: "service_type", doc: "Required. Type of the services that the rule applies to, such as `aws_iam`. `custom` is not allowed: custom services use fetch_remote_identity instead.", validators: likelyServiceType},
	{name: "external_id", doc: "Limits the rule to one service of that type. Default: all services of that type."},
	{name: "match", doc: "Regular expression (RE2) that the whole e-mail must match. It ignores case. Its groups can be used in `identity` and `lookup_email`. Users without e-mail never match."},
	{name: "identity", doc: "Template of the identity: `$1` and `$${name}` are groups of `match`, `$0` is the e-mail, `$${local}` and `$${domain}` are its parts, `$$` is a dollar sign. Terraform reads `${` as its own template, so write `$${` with two dollar signs."},
	{name: "identities", isMap: true, doc: "Map from e-mail (or a bot's username) to identity."},
	{name: "expression", doc: "CEL expression over `user` (`email`, `local`, `domain`, `username`, `type`, `role`, `first_name`, `last_name`, `identities` by service key) and `service` (`type`, `external_id`, `key`). It gives the identity as a string; `\"\"` and `optional.none()` mean none."},
	{name: "lookup_email", doc: "Template, as in `identity`, of an e-mail to look up in place of the user's own. It gives no identity itself. The first such rule that matches is used."},
}

// ruleNames are the names of the attributes of a rule.
var ruleNames = []string{"name", "service_type", "external_id", "match", "identity", "identities", "expression", "lookup_email"}

func providerRulesAttribute() providerschema.ListNestedAttribute {
	attributes := map[string]providerschema.Attribute{}
	for _, a := range ruleAttributes {
		if a.isMap {
			attributes[a.name] = providerschema.MapAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: a.doc}
			continue
		}
		attributes[a.name] = providerschema.StringAttribute{Optional: true, MarkdownDescription: a.doc, Validators: a.validators}
	}
	return providerschema.ListNestedAttribute{
		Optional: true, NestedObject: providerschema.NestedAttributeObject{Attributes: attributes},
		MarkdownDescription: rulesDescription + " They apply to every data source of this provider configuration, after the data source's own rules.",
	}
}

func dataSourceRulesAttribute() schema.ListNestedAttribute {
	attributes := map[string]schema.Attribute{}
	for _, a := range ruleAttributes {
		if a.isMap {
			attributes[a.name] = schema.MapAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: a.doc}
			continue
		}
		attributes[a.name] = schema.StringAttribute{Optional: true, MarkdownDescription: a.doc, Validators: a.validators}
	}
	return schema.ListNestedAttribute{
		Optional: true, NestedObject: schema.NestedAttributeObject{Attributes: attributes},
		MarkdownDescription: rulesDescription + " They run before the provider's rules.",
	}
}

// compileRules compiles a rules list and reports each error at its attribute, and
// warns of domains that match more than they seem to. While any part is unknown it still checks the known rules, but returns no set.
func compileRules(ctx context.Context, list types.List, at path.Path) (*rules.Set, diag.Diagnostics) {
	var diags diag.Diagnostics
	if list.IsUnknown() {
		return nil, diags
	}
	written := make([]rules.Rule, 0, len(list.Elements()))
	places := make([]int, 0, len(list.Elements())) // index of each known rule in the list
	for i, element := range list.Elements() {
		if value, err := element.ToTerraformValue(ctx); err != nil || !value.IsFullyKnown() {
			continue
		}
		o, err := objectOf(plainValue(element), ruleNames...)
		if err != nil {
			addAt(&diags, at.AtListIndex(i), invalidRule, "A rule is null. Remove it from the list, or say what it gives.")
			continue
		}
		rule := o.rule()
		identities, _ := o.attributes["identities"].(map[string]any)
		for user, id := range identities {
			if id == nil { // is refused, as an empty one is
				rule.Identities[user] = ""
			}
		}
		written, places = append(written, rule), append(places, i)
	}
	loose := ""
	for i, rule := range written {
		if rule.Match == nil {
			continue
		}
		if escaped := rules.EscapeDomain(*rule.Match); escaped != *rule.Match {
			loose += fmt.Sprintf("  %s:\n    match = %s\n", rulePlace(at, places[i], rule.Name, &rules.Error{Attribute: "match"}), hclString(escaped))
		}
	}
	if loose != "" {
		diags.AddAttributeWarning(at, "Unescaped Dot in a Domain",
			"A dot matches any character. These rules hold for people of other domains too, as acme.example also matches acmeXexample. Escape the dots:\n\n"+strings.TrimRight(loose, "\n"))
	}
	set, problems := rules.Compile(written)
	for _, p := range problems {
		where := at.AtListIndex(places[p.Index])
		if p.Attribute != "" {
			where = where.AtName(p.Attribute)
		}
		if p.Key != "" {
			where = where.AtMapKey(p.Key)
		}
		detail := sentence(p.Message)
		if p.Hint != "" {
			detail += "\n\n" + sentence(p.Hint)
		}
		diags.AddAttributeError(where, invalidRule, rulePlace(at, places[p.Index], written[p.Index].Name, p)+": "+detail)
	}
	if diags.HasError() || len(written) != len(list.Elements()) {
		return nil, diags
	}
	return set, diags
}

// rulePlace says which part of a rules list a problem is about, as in
// rules[3] (gh), match.
func rulePlace(at path.Path, index int, name string, p *rules.Error) string {
	place := at.AtListIndex(index).String()
	if name != "" {
		place += " (" + name + ")"
	}
	if p.Attribute != "" {
		place += ", " + p.Attribute
	}
	if p.Key != "" {
		place += fmt.Sprintf("[%q]", p.Key)
	}
	return place
}

const invalidRule = "Invalid Reducer Rule"

// addBrokenRule reports a rule that failed while it ran. It names no attribute:
// the rule may be the provider's or the data source's.
func addBrokenRule(diags *diag.Diagnostics, e *rules.EvalError) {
	detail := sentence(fmt.Sprintf("The rule %q failed for %s in %s: %s", e.Rule, e.User, e.Service, e.Message))
	if e.Hint != "" {
		detail += "\n\n" + sentence(e.Hint)
	}
	diags.AddError("Reducer Rule Failed", detail+"\n\nWhat the rule would have said is not known, so the user counts neither as mapped nor as unmapped. "+
		"Correct the rule, or keep it from this user with match.")
}
