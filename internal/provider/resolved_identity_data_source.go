// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/readcache"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

// NewResolvedIdentityDataSource returns sym_resolved_identity, which runs the
// chain for one user and one service.
func NewResolvedIdentityDataSource() datasource.DataSource {
	return newDataSource[resolvedIdentityModel]("resolved_identity")
}

// Values of on_unmapped, whose default is error, and of on_stale, whose default
// is warn.
const (
	onError  = "error"
	onWarn   = "warn"
	onIgnore = "ignore"
)

// onStaleAttribute returns what both data sources that resolve share.
func onStaleAttribute() schema.StringAttribute {
	return optionalText("What to do, with `check_stale`, if a value that a rule or a lookup stored is out of date: rules or the service give another account (`changed`), or its account is `inactive`, `absent` or `renamed`. "+
		"`warn` (default), `ignore`, or `error`, which also stores nothing. For manual mappings, `error` only warns. "+
		"An identity that now belongs to another account (`reused`) is always an error.",
		stringvalidator.OneOf(onIgnore, onWarn, onError), stringvalidator.AlsoRequires(path.MatchRoot("check_stale")))
}

// resolvedIdentityModel holds the configuration and the result.
type resolvedIdentityModel struct {
	User         types.String `tfsdk:"user"`
	ServiceType  types.String `tfsdk:"service_type"`
	ExternalID   types.String `tfsdk:"external_id"`
	Rules        types.List   `tfsdk:"rules"`
	Declared     types.Map    `tfsdk:"declared"`
	OnUnmapped   types.String `tfsdk:"on_unmapped"`
	Persist      types.Bool   `tfsdk:"persist"`
	CheckStale   types.Bool   `tfsdk:"check_stale"`
	OnStale      types.String `tfsdk:"on_stale"`
	Identity     types.String `tfsdk:"identity"`
	Matcher      types.Map    `tfsdk:"matcher"`
	Mapped       types.Bool   `tfsdk:"mapped"`
	AccountID    types.String `tfsdk:"account_id"`
	Source       types.String `tfsdk:"source"`
	Evidence     types.String `tfsdk:"evidence"`
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

func (*resolvedIdentityModel) schema() schema.Schema {
	return schema.Schema{
		MarkdownDescription: "Finds the account of one user in one service, and fails the plan if there is none.\n\n" +
			"It tries these steps in order: declared mappings of this configuration, stored mappings, reducer rules, and an e-mail lookup in the service. If no step finds an account, the user is *unmapped*.",
		Attributes: map[string]schema.Attribute{
			"user":         requiredText("The user: a person by e-mail, or a bot by username (no `@`)."),
			"service_type": requiredText("Type of the service, such as `okta`, `github` or `custom`."),
			"external_id":  requiredText("Which workspace, domain or account of that type, such as `acme.okta.com`. The service must be registered, unless `declared` has the user."),
			"rules":        dataSourceRulesAttribute(),
			"declared": optionalMap(types.StringType, "Manual mappings of this service in this configuration, as a map of user to identity. They are used before the store, "+
				"so the plan that adds one passes without `depends_on`. Use the same local map for this and for `sym_identity`."),
			"on_unmapped": optionalText("What to do if the user is unmapped: `error` (default), `warn` or `ignore`. Failures of the API, of a directory or of a rule are always errors. "+
				"`error` also stops `terraform destroy`: use `-refresh=false` or a variable then.", stringvalidator.OneOf(onError, onWarn, onIgnore)),
			"persist": optionalBool("Stores an account that a rule or a lookup finds, as Sym does. This happens during the plan too. Later reads find it in the store. " +
				"Once stored, only a manual mapping changes it. This data source does not know whether other users get the same account, so it stores an account only if the service's whole list shows that the user's e-mail is its only primary address, " +
				"and warns otherwise. `sym_resolved_identities` stores the others too. Nothing is stored if the data source fails. Default: `false`, a plan writes nothing."),
			"check_stale": optionalBool("Compares a stored value with what rules and the service give now, and checks that the account of a stored or declared mapping exists and is active. " +
				"A difference is a warning, and `stale` is true. The service is asked even for a mapped user, and its failure is an error. Default: `false`."),
			"on_stale": onStaleAttribute(),
			"identity": computedText("The account. Null if the user is unmapped, or if the stored value has more than one key; see `matcher`."),
			"matcher":  computedMap(types.StringType, "The account as the API stores it. Null if the user is unmapped."),
			"mapped":   computedBool("Whether an account was found."),
			"account_id": computedText("Immutable id of the account, if the service has one in addition to the identity. A GitHub login or a Google address can later go to somebody else; this id cannot. " +
				"Null if it is not known, or if the user is unmapped."),
			"evidence": computedText("Evidence for the identity: `declared`, `manual`, `rule`, `verified_email` (a primary address that the service has verified), `email` (a primary address that the service has not reported as verified), " +
				"`alias` (an alias, with `match_aliases`) or `fetch_remote_identity`. For a stored value, it is the source: `email` even if the address was verified, unless `check_stale` asks again. Null if the user is unmapped."),
			"source":        computedText("The step that found the account: `declared`, `store`, `rule`, `email` or `fetch_remote_identity`. Null if the user is unmapped."),
			"stored_source": computedText("Who stored the stored value: `manual`, `rule`, `email` or `fetch_remote_identity`. Null if none is stored."),
			"rule":          computedText("Name of the rule that gave the identity, now or when it was stored. Null if no rule did."),
			"lookup_email":  computedText("The e-mail that a `lookup_email` rule gave for the lookup. Null if the user's own e-mail was used."),
			"reason":        computedText("Why the user is unmapped: " + reasonsDoc + " Null for a mapped user."),
			"stale": computedBool("Whether the stored value is out of date: rules and the service give another account or none, or the account is inactive, gone or renamed. " +
				"False for a manual mapping that they know nothing about, and for a declared one unless its account is renamed. Null unless `check_stale = true`."),
			"account": computedText("State of the account of a stored or declared mapping: `active`, `inactive`, `absent` (the service has no such account) or `renamed` (the account has a new name). " +
				"Null if the service cannot look up accounts by identity, if a rule or a lookup found the account just now, and unless `check_stale = true`."),
			"steps": computedList("Result of each step, in order, up to the one that found the account.", map[string]schema.Attribute{
				"name":    computedText("The step: `declared`, `store`, `rule`, `email` or `fetch_remote_identity`; with `check_stale` also `account`, which checks the account of a mapping."),
				"outcome": computedText("How it ended: `hit`, `miss`, `skipped` or `error`."),
				"detail":  computedText("What was found, or why nothing was found."),
			}),
		},
	}
}

func (m *resolvedIdentityModel) check(ctx context.Context, diags *diag.Diagnostics) {
	if _, err := identity.ParseUser(m.User.ValueString()); err != nil && isSet(m.User) {
		addInvalid(diags, path.Root("user"), "Invalid User", err)
	}
	_, found := compileRules(ctx, m.Rules, path.Root("rules"))
	diags.Append(found...)
	if service, ok := resolvableService(m, diags); ok {
		declaredMappings(m.Declared, service, path.Root("declared"), diags)
	}
}

func (m *resolvedIdentityModel) read(ctx context.Context, data *providerData, api *readcache.Reader, diags *diag.Diagnostics) {
	user, _ := identity.ParseUser(m.User.ValueString())
	own, _ := compileRules(ctx, m.Rules, path.Root("rules"))
	service, _ := resolvableService(m, diags)
	declared := declaredMappings(m.Declared, service, path.Root("declared"), diags)
	persist := m.Persist.ValueBool()
	data.checkPersist(persist, diags)
	if diags.HasError() {
		return
	}
	pass, err := resolve.Chain{API: api, Rules: rules.Join(own, data.rules)}.Resolve(ctx, resolve.Request{
		Users: []identity.UserKey{user}, Services: []identity.ServiceKey{service},
		Declared: map[identity.ServiceKey]map[identity.UserKey]identity.Matcher{service: declared},
		Persist:  persist, OnlyUnique: true, CheckStale: m.CheckStale.ValueBool(),
	})
	if err != nil {
		addResolveFailure(diags, user, service, err)
		return
	}
	addAccountConflicts(diags, data.claims.add(pass.Resolutions))
	if diags.HasError() {
		return
	}
	report := func(answers []resolve.Resolution) (diags diag.Diagnostics) {
		reportResolution(&diags, answers[0], m.OnUnmapped.ValueString(), m.OnStale.ValueString(), !m.Declared.IsNull())
		return diags
	}
	if persist {
		finish, stop := finishing(ctx)
		defer stop()
		if err := pass.Persist(finish, func(answers []resolve.Resolution) bool { return !report(answers).HasError() }); err != nil {
			addResolveFailure(diags, user, service, err)
			return
		}
	}
	diags.Append(report(pass.Resolutions)...)
	m.setResolution(pass.Resolutions[0])
}

// checkPersist refuses persist where the provider is read-only.
func (d *providerData) checkPersist(persist bool, diags *diag.Diagnostics) {
	if persist && d.readOnly {
		diags.AddAttributeError(path.Root("persist"), "Provider Is Read-Only",
			"persist = true stores what rules and lookups yield, but the provider is configured with read_only = true. Remove one of the two.")
	}
}

// resolvableService returns the service asked for.
func resolvableService(config *resolvedIdentityModel, diags *diag.Diagnostics) (identity.ServiceKey, bool) {
	service, ok := serviceKey(config.ServiceType, config.ExternalID, diags)
	return service, ok && isResolvable(service, path.Root("service_type"), "user already names", diags)
}

// isResolvable refuses sym:cloud, which holds the users themselves. named says
// which attribute has them.
func isResolvable(service identity.ServiceKey, at path.Path, named string, diags *diag.Diagnostics) bool {
	if service != identity.SymCloud() {
		return true
	}
	diags.AddAttributeError(at, "Service Cannot Be Resolved",
		"sym:cloud holds the users themselves, so there is nothing to look for: the identity of a user there is the e-mail or username that "+named+".")
	return false
}

// reportResolution reports what is to be said of one user and one service. A
// failure never makes the user unmapped.
func reportResolution(diags *diag.Diagnostics, a resolve.Resolution, onUnmapped, onStale string, hasDeclared bool) {
	switch {
	case a.Err != nil:
		addResolveFailure(diags, a.User, a.Service, a.Err)
	case a.Reused():
		reportReused(diags, a, hasDeclared)
	default:
		reportUnmapped(diags, a, onUnmapped, hasDeclared)
		reportStale(diags, a, onStale, hasDeclared)
		if a.NotStored != "" {
			warnNotStored(diags, a)
		}
	}
}

// warnNotStored warns that persist = true has stored nothing.
func warnNotStored(diags *diag.Diagnostics, a resolve.Resolution) {
	diags.AddWarning(fmt.Sprintf("Identity Was Not Stored: %s in %s", a.User, a.Service),
		fmt.Sprintf("%s has the identity %s in %s, but persist = true did not store it: for %s, %s. A data source of one user does not know who else gets the account.\n\n"+
			"Resolve the users in one sym_resolved_identities, which compares them before it stores, or map the user by hand:\n\n%s",
			a.User, a.Matcher, a.Service, a.Service, a.NotStored, indent(identityBlock(a.User, a.Service, a.Matcher))))
}

// addResolveFailure reports a failure of the chain for one user and one service.
func addResolveFailure(diags *diag.Diagnostics, user identity.UserKey, service identity.ServiceKey, err error) {
	var (
		unregistered *resolve.UnregisteredError
		broken       *rules.EvalError
	)
	switch {
	case errors.As(err, &unregistered):
		addUnregistered(diags, service, unregistered.Registered)
	case errors.As(err, &broken):
		addBrokenRule(diags, broken)
	default:
		addFailure(diags, "Resolve Identity", string(user), service.String(), err)
	}
}

func (m *resolvedIdentityModel) setResolution(a resolve.Resolution) {
	m.Identity, m.Matcher = types.StringNull(), types.MapNull(types.StringType)
	if a.Mapped() {
		m.Matcher = matcherValue(a.Matcher)
		if id, plain := a.Identity(); plain {
			m.Identity = types.StringValue(id)
		}
	}
	m.Mapped = types.BoolValue(a.Mapped())
	m.AccountID, m.Evidence = textOrNull(a.AccountID), textOrNull(a.Evidence)
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

// textOrNull returns null for "".
func textOrNull[T ~string](s T) types.String {
	if s == "" {
		return types.StringNull()
	}
	return types.StringValue(string(s))
}

// declaredMappings reads a map from user to identity. It leaves out values that
// are still unknown, and reports bad ones at their keys.
func declaredMappings(value types.Map, service identity.ServiceKey, at path.Path, diags *diag.Diagnostics) map[identity.UserKey]identity.Matcher {
	declared := make(map[identity.UserKey]identity.Matcher, len(value.Elements()))
	names := make(map[identity.UserKey]string, len(value.Elements()))
	elements := value.Elements()
	if err := service.CheckDeclarable(); err != nil && len(elements) > 0 {
		addInvalid(diags, at, "Identities Cannot Be Declared", err)
		return nil
	}
	wrong := elementErrors{diags: diags, at: at}
	defer wrong.end()
	for _, name := range slices.Sorted(maps.Keys(elements)) {
		user, err := identity.ParseUser(name)
		if err != nil {
			addInvalid(wrong.next(), at.AtMapKey(name), "Invalid User", err)
			continue
		}
		if other, twice := names[user]; twice {
			addAt(wrong.next(), at.AtMapKey(name), "Duplicate User",
				fmt.Sprintf("The keys %q and %q are the same user, %s: e-mails compare without case and outer spaces. Keep one of them.", other, name, user))
			continue
		}
		names[user] = name
		id, ok := elements[name].(types.String)
		if !ok || id.IsUnknown() {
			continue
		}
		matcher := shownMatcher(service.Type, id.ValueString())
		if err := matcher.Validate(service); err != nil {
			addInvalid(wrong.next(), at.AtMapKey(name), "Invalid Identity", err)
			continue
		}
		declared[user] = matcher
	}
	return declared
}
