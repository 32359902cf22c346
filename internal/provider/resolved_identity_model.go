// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
)

// resolvedIdentityModel is the configuration and answer of sym_resolved_identity.
type resolvedIdentityModel struct {
	User         types.String `tfsdk:"user"`
	ServiceType  types.String `tfsdk:"service_type"`
	ExternalID   types.String `tfsdk:"external_id"`
	Rules        types.List   `tfsdk:"rules"`
	Declared     types.Map    `tfsdk:"declared"`
	OnUnmapped   types.String `tfsdk:"on_unmapped"`
	Persist      types.Bool   `tfsdk:"persist"`
	CheckStale   types.Bool   `tfsdk:"check_stale"`
	Identity     types.String `tfsdk:"identity"`
	Matcher      types.Map    `tfsdk:"matcher"`
	Mapped       types.Bool   `tfsdk:"mapped"`
	Source       types.String `tfsdk:"source"`
	StoredSource types.String `tfsdk:"stored_source"`
	Rule         types.String `tfsdk:"rule"`
	LookupEmail  types.String `tfsdk:"lookup_email"`
	Reason       types.String `tfsdk:"reason"`
	Stale        types.Bool   `tfsdk:"stale"`
	Account      types.String `tfsdk:"account"`
	Steps        types.List   `tfsdk:"steps"`
}

var stepType = types.ObjectType{AttrTypes: map[string]attr.Type{
	"name": types.StringType, "outcome": types.StringType, "detail": types.StringType,
}}

func (m *resolvedIdentityModel) setAnswer(a resolve.Resolution) {
	m.Identity, m.Matcher = types.StringNull(), types.MapNull(types.StringType)
	if a.Mapped() {
		m.Matcher = matcherValue(a.Matcher)
		if id, plain := a.Identity(); plain {
			m.Identity = types.StringValue(id)
		}
	}
	m.Mapped = types.BoolValue(a.Mapped())
	m.Source = textOrNull(a.Source)
	m.StoredSource = textOrNull(a.StoredSource)
	m.Rule = textOrNull(a.Rule)
	m.LookupEmail = textOrNull(a.LookupEmail)
	m.Reason = textOrNull(a.Reason)
	m.Stale, m.Account = types.BoolNull(), types.StringNull()
	if m.CheckStale.ValueBool() {
		m.Stale = types.BoolValue(a.Stale)
		m.Account = textOrNull(a.Account)
	}
	steps := make([]attr.Value, len(a.Steps))
	for i, s := range a.Steps {
		steps[i] = types.ObjectValueMust(stepType.AttrTypes, map[string]attr.Value{
			"name":    types.StringValue(string(s.Name)),
			"outcome": types.StringValue(string(s.Outcome)),
			"detail":  types.StringValue(s.Detail),
		})
	}
	m.Steps = types.ListValueMust(stepType, steps)
}

// textOrNull keeps "" and null apart: what is absent is null.
func textOrNull[T ~string](s T) types.String {
	if s == "" {
		return types.StringNull()
	}
	return types.StringValue(string(s))
}

// declaredMappings reads a map from user to identity. Values that are still
// unknown are left out; everything wrong is in diags, at its key.
func declaredMappings(value types.Map, service identity.ServiceKey, at path.Path, diags *diag.Diagnostics) map[identity.UserKey]identity.Matcher {
	declared := make(map[identity.UserKey]identity.Matcher, len(value.Elements()))
	spelled := make(map[identity.UserKey]string, len(value.Elements()))
	elements := value.Elements()
	if err := service.CheckDeclarable(); err != nil && len(elements) > 0 {
		addInvalid(diags, at, "Identities Cannot Be Declared", err)
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(elements)) {
		user, err := identity.ParseUser(name)
		if err != nil {
			addInvalid(diags, at.AtMapKey(name), "Invalid User", err)
			continue
		}
		if other, twice := spelled[user]; twice {
			diags.AddAttributeError(at.AtMapKey(name), "Duplicate User",
				fmt.Sprintf("The keys %q and %q are the same user, %s: e-mails compare without case and outer spaces. Keep one of them.", other, name, user))
			continue
		}
		spelled[user] = name
		id, ok := elements[name].(types.String)
		if !ok || id.IsUnknown() {
			continue
		}
		matcher := identity.NewMatcher(service.Type, id.ValueString())
		if err := matcher.Validate(service); err != nil {
			addInvalid(diags, at.AtMapKey(name), "Invalid Identity", err)
			continue
		}
		declared[user] = matcher
	}
	return declared
}
