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
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

var (
	_ datasource.DataSource                   = (*resolvedIdentityDataSource)(nil)
	_ datasource.DataSourceWithConfigure      = (*resolvedIdentityDataSource)(nil)
	_ datasource.DataSourceWithValidateConfig = (*resolvedIdentityDataSource)(nil)
)

// NewResolvedIdentityDataSource returns sym_resolved_identity, which runs the
// chain for one user and one service.
func NewResolvedIdentityDataSource() datasource.DataSource {
	return &resolvedIdentityDataSource{dataSource{name: "resolved_identity"}}
}

type resolvedIdentityDataSource struct{ dataSource }

// Values of on_unmapped, whose default is error, and of on_stale, whose default
// is warn.
const (
	onError  = "error"
	onWarn   = "warn"
	onIgnore = "ignore"
)

// onStaleAttribute returns what both data sources that resolve share.
func onStaleAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true, Validators: []validator.String{
			stringvalidator.OneOf(onIgnore, onWarn, onError),
			stringvalidator.AlsoRequires(path.MatchRoot("check_stale")),
		},
		MarkdownDescription: "What to do, with `check_stale`, when a stored automatic value is contradicted: rules or the service give another account (`changed`), or its account is `inactive`, `absent` or `renamed`. " +
			"`warn` (default), `ignore`, or `error`, which stores nothing either. Contradicted manual mappings are warnings, or ignored. " +
			"An identity that has become the name of another account (`reused`) is an error in every case.",
	}
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

func (d *resolvedIdentityDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Finds the account of one user in one service, and fails the plan if there is none.\n\n" +
			"It tries these steps in order: what this configuration declares, what is stored, what a reducer rule yields, which account the service finds by the e-mail. If no step has an answer, the user is *unmapped*.",
		Attributes: map[string]schema.Attribute{
			"user": schema.StringAttribute{
				Required: true, Validators: []validator.String{userCheck},
				MarkdownDescription: "The user: a person by e-mail, or a bot by username (no `@`).",
			},
			"service_type": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Type of the service, such as `okta`, `github` or `custom`.",
			},
			"external_id": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Which workspace, domain or account of that type, such as `acme.okta.com`. The service must be registered, unless `declared` answers.",
			},
			"rules": dataSourceRulesAttribute(),
			"declared": schema.MapAttribute{
				Optional: true, ElementType: types.StringType,
				MarkdownDescription: "Manual mappings of this service that this configuration declares: user to identity. Apply is about to store them, " +
					"so they answer before the store, and the plan that adds one passes without `depends_on`. Give it the same local map that feeds `sym_identity`.",
			},
			"on_unmapped": schema.StringAttribute{
				Optional: true, Validators: []validator.String{stringvalidator.OneOf(onError, onWarn, onIgnore)},
				MarkdownDescription: "What to do about an unmapped user: `error` (default), `warn` or `ignore`. Failures of the API, of a directory or of a rule are always errors. " +
					"`error` also stops `terraform destroy`; use `-refresh=false` or a variable there.",
			},
			"persist": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Stores what a rule or the service yields, as Sym does, during the plan as well; later reads then find it in the store. " +
					"Once stored, only a manual mapping changes it. A data source of one user does not know who else gets the account. So it stores an account only if the service's whole list shows that the user's e-mail is its only own address, " +
					"and warns otherwise; `sym_resolved_identities` stores all. Nothing is stored if the data source fails. Default: `false`, a plan writes nothing.",
			},
			"check_stale": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Compares a stored value with what rules and the service give now, and asks the service whether the account of a stored or declared mapping still exists and is active. " +
					"A difference is a warning, and `stale` is true. The service is asked for mapped users too, so a failure to ask is an error for them as well. Default: `false`.",
			},
			"on_stale": onStaleAttribute(),
			"identity": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "The account. Null while the user is unmapped, or where the stored value has more than one key; see `matcher`.",
			},
			"matcher": schema.MapAttribute{
				Computed: true, ElementType: types.StringType,
				MarkdownDescription: "The account as the API stores it. Null while the user is unmapped.",
			},
			"mapped": schema.BoolAttribute{
				Computed:            true,
				MarkdownDescription: "Whether the chain found an account.",
			},
			"account_id": schema.StringAttribute{
				Computed: true,
				MarkdownDescription: "The account's immutable id, where the service has one beside the identity: a GitHub login or a Google address may be given to somebody else later, this id is not. " +
					"Null where it is not known, and while the user is unmapped.",
			},
			"evidence": schema.StringAttribute{
				Computed: true,
				MarkdownDescription: "Why the identity is believed: `declared`, `manual`, `rule`, `verified_email` (the service has proved that the e-mail is the account's), `email` (the e-mail is the account's own address), " +
					"`alias` (another address of the account, with `match_aliases`) or `fetch_remote_identity`. A stored value has the evidence of its source: `email` also where the service had proved the address, unless `check_stale` asks again. Null while the user is unmapped.",
			},
			"source": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "The step that answered: `declared`, `store`, `rule`, `email` or `fetch_remote_identity`. Null while the user is unmapped.",
			},
			"stored_source": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "Who stored the value that the store holds: `manual`, `rule`, `email` or `fetch_remote_identity`. Null until the store holds one.",
			},
			"rule": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "Name of the rule that gave the identity, now or when it was stored. Null where no rule did.",
			},
			"lookup_email": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "The e-mail that a `lookup_email` rule gave for asking the service. Null where the user's own was used.",
			},
			"reason": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "Why the user is unmapped: " + reasonsDoc + " Null for a mapped user.",
			},
			"stale": schema.BoolAttribute{
				Computed: true,
				MarkdownDescription: "Whether rules and the service give another account than the stored one, or no longer give the one they once gave, or the stored account is inactive, no longer there or has another name. " +
					"False for a manual mapping that they know nothing about, and for one in `declared`. Null unless `check_stale = true`.",
			},
			"account": schema.StringAttribute{
				Computed: true,
				MarkdownDescription: "What the service says of the account of a stored or declared mapping: `active`, `inactive`, `absent` where it has no such account, or `renamed` where the account has another name now. " +
					"Null where it cannot be asked for accounts by identity, for a user whose account a rule or a lookup found just now, and unless `check_stale = true`.",
			},
			"steps": schema.ListNestedAttribute{
				Computed:            true,
				MarkdownDescription: "What each step of the chain said, in order, up to the one that answered.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"name":    schema.StringAttribute{Computed: true, MarkdownDescription: "The step: `declared`, `store`, `rule`, `email` or `fetch_remote_identity`; with `check_stale` also `account`, which asks for the account of a mapping and answers nothing."},
					"outcome": schema.StringAttribute{Computed: true, MarkdownDescription: "How it ended: `hit`, `miss`, `skipped` or `error`."},
					"detail":  schema.StringAttribute{Computed: true, MarkdownDescription: "What was found, or why not, in words."},
				}},
			},
		},
	}
}

func (d *resolvedIdentityDataSource) ValidateConfig(ctx context.Context, req datasource.ValidateConfigRequest, resp *datasource.ValidateConfigResponse) {
	var config resolvedIdentityModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	_, diags := compileRules(ctx, config.Rules, path.Root("rules"))
	resp.Diagnostics.Append(diags...)
	if service, ok := resolvableService(config, &resp.Diagnostics); ok {
		declaredMappings(config.Declared, service, path.Root("declared"), &resp.Diagnostics)
	}
}

func (d *resolvedIdentityDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config resolvedIdentityModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	user, err := identity.ParseUser(config.User.ValueString())
	if err != nil {
		addInvalid(&resp.Diagnostics, path.Root("user"), "Invalid User", err)
	}
	own, diags := compileRules(ctx, config.Rules, path.Root("rules"))
	resp.Diagnostics.Append(diags.Errors()...) // validation has given the warnings
	service, ok := resolvableService(config, &resp.Diagnostics)
	if !ok || resp.Diagnostics.HasError() {
		return
	}
	declared := declaredMappings(config.Declared, service, path.Root("declared"), &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	d.data.checkPersist(config.Persist.ValueBool(), &resp.Diagnostics)
	api, ok := d.data.connect(ctx, &resp.Diagnostics)
	if !ok {
		return
	}
	persist := config.Persist.ValueBool()
	pass, err := resolve.Chain{API: api, Rules: rules.Join(own, d.data.rules)}.Resolve(ctx, resolve.Request{
		Users: []identity.UserKey{user}, Services: []identity.ServiceKey{service},
		Declared: map[identity.ServiceKey]map[identity.UserKey]identity.Matcher{service: declared},
		Persist:  persist, OnlyUnique: true, CheckStale: config.CheckStale.ValueBool(),
	})
	if err != nil {
		addResolveFailure(&resp.Diagnostics, user, service, err)
		return
	}
	addAccountConflicts(&resp.Diagnostics, d.data.claims.add(pass.Resolutions))
	if resp.Diagnostics.HasError() {
		return
	}
	report := func(answers []resolve.Resolution) (diags diag.Diagnostics) {
		reportResolution(&diags, answers[0], config.OnUnmapped.ValueString(), config.OnStale.ValueString(), !config.Declared.IsNull())
		return diags
	}
	if persist {
		finish, stop := finishing(ctx)
		defer stop()
		if err := pass.Persist(finish, func(answers []resolve.Resolution) bool { return !report(answers).HasError() }); err != nil {
			addResolveFailure(&resp.Diagnostics, user, service, err)
			return
		}
	}
	resp.Diagnostics.Append(report(pass.Resolutions)...)
	if resp.Diagnostics.HasError() {
		return
	}
	config.setResolution(pass.Resolutions[0])
	resp.Diagnostics.Append(resp.State.Set(ctx, config)...)
}

// checkPersist refuses persist where the provider is read-only.
func (d *providerData) checkPersist(persist bool, diags *diag.Diagnostics) {
	if persist && d.readOnly {
		diags.AddAttributeError(path.Root("persist"), "Provider Is Read-Only",
			"persist = true stores what rules and lookups yield, but the provider is configured with read_only = true. Remove one of the two.")
	}
}

// resolvableService returns the service asked for. It refuses sym:cloud, which
// holds the users themselves.
func resolvableService(config resolvedIdentityModel, diags *diag.Diagnostics) (identity.ServiceKey, bool) {
	service, ok := serviceKey(config.ServiceType, config.ExternalID, diags)
	if ok && service == identity.SymCloud() {
		diags.AddAttributeError(path.Root("service_type"), "Service Cannot Be Resolved",
			"sym:cloud holds the users themselves, so there is nothing to look for: the identity of a user there is the e-mail or username that user already names.")
		return service, false
	}
	return service, ok
}

// reportResolution reports what is to be said of one user and one service. A
// failure never makes the user unmapped.
func reportResolution(diags *diag.Diagnostics, a resolve.Resolution, onUnmapped, onStale string, hasDeclared bool) {
	switch {
	case a.Err != nil:
		addResolveFailure(diags, a.User, a.Service, a.Err)
	case a.Reused():
		reportReused(diags, a)
	default:
		reportUnmapped(diags, a, onUnmapped, hasDeclared)
		reportStale(diags, a, onStale)
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
	for _, name := range slices.Sorted(maps.Keys(elements)) {
		user, err := identity.ParseUser(name)
		if err != nil {
			addInvalid(diags, at.AtMapKey(name), "Invalid User", err)
			continue
		}
		if other, twice := names[user]; twice {
			addAt(diags, at.AtMapKey(name), "Duplicate User",
				fmt.Sprintf("The keys %q and %q are the same user, %s: e-mails compare without case and outer spaces. Keep one of them.", other, name, user))
			continue
		}
		names[user] = name
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
