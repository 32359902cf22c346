// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/sym-identity/terraform-provider-sym/internal/authn"
)

// jwts reads the jwt blocks.
func (d *decoder) jwts(blocks hcl.Blocks) []authn.Trust {
	var trusts []authn.Trust
	for _, block := range blocks {
		trusts = append(trusts, d.jwt(block))
	}
	return trusts
}

func (d *decoder) jwt(block *hcl.Block) authn.Trust {
	content := d.content(block.Body, &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{
			{Name: "issuer", Required: true}, {Name: "audience", Required: true}, {Name: "ca_file"}, {Name: "allow_http"},
		},
		Blocks: []hcl.BlockHeaderSchema{{Type: "role", LabelNames: []string{"role"}}},
	})
	args := arguments{d, content.Attributes}
	issuer, _ := args.text("issuer")
	trust := authn.Trust{
		Issuer:   authn.Issuer{URL: issuer.value, AllowHTTP: args.boolean("allow_http"), CAFile: args.path("ca_file")},
		Audience: args.str("audience"),
	}
	if issuer.value != "" {
		if err := trust.Issuer.CheckURL(); err != nil {
			d.problem(issuer.at, fmt.Sprintf("issuer: %s cannot be an issuer: %s", issuer.quoted(), err),
				"It is what the tokens' iss claim says, letter by letter.")
		}
	}
	for _, role := range content.Blocks {
		trust.Roles = append(trust.Roles, d.roleRule(role, trust.Issuer.URL))
	}
	if len(content.Blocks) == 0 {
		d.problem(block.DefRange, "jwt lets nobody in", `Add a block such as role "admin" { claims = { repository = "acme/infra" } }.`)
	}
	return trust
}

// roleRule reads what a token must claim for a role.
func (d *decoder) roleRule(block *hcl.Block, issuer string) authn.RoleRule {
	args := arguments{d, d.content(block.Body, &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "claims", Required: true}},
	}).Attributes}
	rule := authn.RoleRule{Role: d.labelledRole(block)}
	attr := args.attrs["claims"]
	if attr == nil {
		return rule
	}
	pairs, diags := hcl.ExprMap(attr.Expr)
	if diags.HasErrors() {
		d.problem(attr.Expr.Range(), "claims must be an object of claims and the values they must have",
			`It looks like { repository = "acme/infra", ref = ["refs/heads/main", "refs/heads/release"] }.`)
		return rule
	}
	sound := true
	for _, pair := range pairs {
		condition, ok := d.condition(pair.Key, pair.Value)
		if sound = sound && ok; !ok {
			continue
		}
		if slices.ContainsFunc(rule.Conditions, func(c authn.Condition) bool { return c.Claim == condition.Claim }) {
			d.problem(pair.Key.Range(), fmt.Sprintf("The claim %q stands twice", condition.Claim), "Give it a list of values.")
		}
		rule.Conditions = append(rule.Conditions, condition)
	}
	switch {
	case !sound:
	case len(rule.Conditions) == 0:
		d.problem(attr.Expr.Range(), "claims must name at least one claim", "Without one, every token of the issuer would have the role.")
	default:
		d.tenant(attr.Expr.Range(), issuer, rule)
	}
	return rule
}

// condition reads one claim and the value, or list of values, it must have.
func (d *decoder) condition(key, value hcl.Expression) (authn.Condition, bool) {
	name, ok := d.evaluate(key, "a claim", cty.String)
	if !ok {
		return authn.Condition{}, false
	}
	c := authn.Condition{Claim: name.AsString()}
	elements := []hcl.Expression{value}
	if list, diags := hcl.ExprList(value); !diags.HasErrors() {
		elements = list
	}
	for _, element := range elements {
		v, ok := d.evaluate(element, "The value of a claim", cty.String)
		if !ok {
			return c, false
		}
		t, ok := d.nonEmpty(element, "The value of a claim", v)
		if !ok {
			return c, false
		}
		if strings.ContainsAny(t.value, "*?") {
			d.problem(t.at, "The values of claims have no wildcards",
				"They compare exactly. List the values, or choose a claim that stands for all of them, such as repository_owner.")
			return c, false
		}
		c.Values = append(c.Values, t.value)
	}
	if len(c.Values) == 0 {
		d.problem(value.Range(), "The value of a claim must not be an empty list", "")
		return c, false
	}
	return c, true
}

// tenants are the claims that tell whose token it is, for issuers that sign
// tokens for everybody in the world. GitHub's job_workflow_ref is not among
// them: strangers may call a public workflow of one's own.
func tenants(issuer string) []string {
	switch strings.TrimSuffix(issuer, "/") {
	case "https://token.actions.githubusercontent.com":
		return []string{"repository", "repository_id", "repository_owner", "repository_owner_id", "sub"}
	case "https://gitlab.com":
		return []string{"project_path", "project_id", "namespace_path", "namespace_id", "sub"}
	case "https://app.terraform.io":
		return []string{"terraform_organization_name", "terraform_organization_id", "terraform_workspace_id", "terraform_project_id", "sub"}
	}
	return nil
}

// tenant refuses a rule that strangers meet as well.
func (d *decoder) tenant(at hcl.Range, issuer string, rule authn.RoleRule) {
	own := tenants(issuer)
	if len(own) == 0 || slices.ContainsFunc(rule.Conditions, func(c authn.Condition) bool { return slices.Contains(own, c.Claim) }) {
		return
	}
	d.problem(at, "Anybody could meet these conditions",
		fmt.Sprintf("%s signs tokens for everybody. Say whose they must be: add one of %s.", issuer, strings.Join(own, ", ")))
}
