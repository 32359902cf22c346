// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

var (
	_ datasource.DataSource                   = (*resolvedIdentitiesDataSource)(nil)
	_ datasource.DataSourceWithConfigure      = (*resolvedIdentitiesDataSource)(nil)
	_ datasource.DataSourceWithValidateConfig = (*resolvedIdentitiesDataSource)(nil)
)

// NewResolvedIdentitiesDataSource is sym_resolved_identities: the chain, run
// for many users and many services in one batched pass.
func NewResolvedIdentitiesDataSource() datasource.DataSource { return &resolvedIdentitiesDataSource{} }

type resolvedIdentitiesDataSource struct{ data *providerData }

func (d *resolvedIdentitiesDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_resolved_identities"
}

// identitiesByKey is a map of maps of strings.
var identitiesByKey = types.MapType{ElemType: types.StringType}

func (d *resolvedIdentitiesDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Which accounts of services belong to many users: the chain of `sym_resolved_identity`, run for all of them in one batched pass. " +
			"Ten thousand people take a few dozen requests. Everybody without an answer stands in `unmapped`, with the reason, and in one diagnostic.\n\n" +
			"Reading writes nothing unless `persist = true`.",
		Attributes: map[string]schema.Attribute{
			"users": schema.ListAttribute{
				Optional: true, ElementType: types.StringType,
				MarkdownDescription: "Whose accounts are wanted: people by e-mail, bots by username (no `@`). Two spellings of one user are an error. Of two users for whom rules or lookups find one account the earlier has it. " +
					"Without it: everybody who is stored, people and bots, by normalised e-mail or username and sorted. An element that is unknown at plan defers the data source to apply.",
			},
			"services": schema.ListNestedAttribute{
				Required:            true,
				MarkdownDescription: "The services in which accounts are wanted. Each must be registered, unless `declared` answers for all users.",
				// Not Required: the framework would call them missing in a service
				// that is unknown as a whole.
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"service_type": schema.StringAttribute{Optional: true, MarkdownDescription: "Required. Type of the service, such as `okta`, `github` or `custom`."},
					"external_id":  schema.StringAttribute{Optional: true, MarkdownDescription: "Required. Which workspace, domain or account of that type, such as `acme.okta.com`."},
				}},
			},
			"rules": dataSourceRulesAttribute(),
			"declared": schema.MapAttribute{
				Optional: true, ElementType: identitiesByKey,
				MarkdownDescription: "Manual mappings that this configuration declares: service key to user to identity. They are what apply will store, so they answer before the store does, " +
					"and a plan that adds missing mappings passes without `depends_on`. Services and users that are not asked for may stand in it.",
			},
			"on_unmapped": schema.StringAttribute{
				Optional: true, Validators: []validator.String{stringvalidator.OneOf(onUnmappedError, onUnmappedWarn, onUnmappedIgnore)},
				MarkdownDescription: "What to do about unmapped users: `error` (default), `warn` or `ignore`. Failures of the API, of a directory or of a rule are errors in every case. " +
					"`error` also stops `terraform destroy`; use `-refresh=false` or a variable there.",
			},
			"persist": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Whether to store what a rule or a service yields, as Sym does; later reads then find it in the store. Off when not set, so that a plan writes nothing. " +
					"Only a manual mapping changes it once it is stored.",
			},
			"check_stale": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Whether to compare stored values with what rules and services give now, and to ask services whether the accounts of stored and declared mappings still exist and are active; " +
					"what is found is in `stale`, `offboarding` and one warning. It asks the services for mapped users too, so a failure to ask is an error for them as well. Off when not set.",
			},
			"identities": schema.MapAttribute{
				Computed: true, ElementType: identitiesByKey,
				MarkdownDescription: "Accounts by user: user to service key to identity. Every user is a key, spelled as in `users`; a service in which the user is unmapped is an absent key, so read it with `try` or `lookup`. " +
					"Where the stored value has several keys, the identity is the value of the service type's own key, else all of them as `key=value` text; `sym_resolved_identity` has them apart.",
			},
			"by_service": schema.MapAttribute{
				Computed: true, ElementType: identitiesByKey,
				MarkdownDescription: "The same by service: service key to user to identity. Every service asked for is a key; unmapped users are absent. It is the form that `identities_to_csv` takes.",
			},
			"unmapped": schema.ListNestedAttribute{
				Computed:            true,
				MarkdownDescription: "Who is unmapped where, service by service in the order of `services` and `users`.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"user":    schema.StringAttribute{Computed: true, MarkdownDescription: "The user, spelled as in `users`."},
					"service": schema.StringAttribute{Computed: true, MarkdownDescription: "The service key."},
					"reason": schema.StringAttribute{Computed: true, MarkdownDescription: "`not_found`, `inactive`, `ambiguous` (several accounts have the e-mail), `claimed` (the account belongs to somebody else; see `collisions`), " +
						"`no_email` or `no_directory` (nobody can be asked)."},
				}},
			},
			"stale": schema.ListNestedAttribute{
				Computed:            true,
				MarkdownDescription: "Stored values that rules and services contradict. Null unless `check_stale = true`. A manual mapping of which they know nothing is not stale; one whose account is inactive or no longer there is.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"user":          schema.StringAttribute{Computed: true, MarkdownDescription: "The user, spelled as in `users`."},
					"service":       schema.StringAttribute{Computed: true, MarkdownDescription: "The service key."},
					"stored":        schema.StringAttribute{Computed: true, MarkdownDescription: "The identity that is stored, and stays the answer until a manual mapping replaces it."},
					"stored_source": schema.StringAttribute{Computed: true, MarkdownDescription: "Who stored it: `manual`, `rule`, `email` or `fetch_remote_identity`."},
					"current":       schema.StringAttribute{Computed: true, MarkdownDescription: "The identity that rules or the service give now. Null where they give none."},
					"reason":        schema.StringAttribute{Computed: true, MarkdownDescription: "`changed` where they give another identity; `inactive` where the account is; `absent` where the service no longer has it; else why they give none: a reason as in `unmapped`."},
				}},
			},
			"offboarding": schema.ListNestedAttribute{
				Computed: true,
				MarkdownDescription: "Mappings, stored or declared, whose account the service calls inactive or no longer has: of people who left, as a rule. Null unless `check_stale = true`. " +
					"Services that cannot be asked for accounts by identity add nothing.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"user":     schema.StringAttribute{Computed: true, MarkdownDescription: "The user, spelled as in `users`."},
					"service":  schema.StringAttribute{Computed: true, MarkdownDescription: "The service key."},
					"identity": schema.StringAttribute{Computed: true, MarkdownDescription: "The account."},
					"source":   schema.StringAttribute{Computed: true, MarkdownDescription: "Where the mapping is: `declared` or `store`."},
					"account":  schema.StringAttribute{Computed: true, MarkdownDescription: "`inactive`, or `absent` where the service has no such account."},
				}},
			},
			"collisions": schema.ListNestedAttribute{
				Computed: true,
				MarkdownDescription: "Accounts that more than one user has or claims: stored for several users, declared for several, or found by rules or a lookup for one while it belongs to another. " +
					"Who else holds a stored account is known among the users asked for only.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"service":  schema.StringAttribute{Computed: true, MarkdownDescription: "The service key."},
					"identity": schema.StringAttribute{Computed: true, MarkdownDescription: "The account."},
					"users": schema.ListAttribute{Computed: true, ElementType: types.StringType,
						MarkdownDescription: "The users, sorted; those of `users` in its spelling."},
				}},
			},
			"hcl": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "`sym_identity` blocks for everybody unmapped, sorted by service and user, to paste and fill in. Users of services that Sym manages itself are left out. Empty where nobody is unmapped.",
			},
			"mapped_count": schema.Int64Attribute{
				Computed:            true,
				MarkdownDescription: "How many pairs of user and service have an identity.",
			},
			"unmapped_count": schema.Int64Attribute{
				Computed:            true,
				MarkdownDescription: "How many pairs of user and service have none.",
			},
			"by_source": schema.MapAttribute{
				Computed: true, ElementType: types.NumberType,
				MarkdownDescription: "How many identities each step of the chain gave: `declared`, `store`, `rule`, `email` and `fetch_remote_identity` are always keys.",
			},
		},
	}
}

func (d *resolvedIdentitiesDataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.data = fromProviderData(req.ProviderData, &resp.Diagnostics)
}

func (d *resolvedIdentitiesDataSource) ValidateConfig(ctx context.Context, req datasource.ValidateConfigRequest, resp *datasource.ValidateConfigResponse) {
	readBulkConfig(ctx, req.Config, &resp.Diagnostics)
}

func (d *resolvedIdentitiesDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	config := readBulkConfig(ctx, req.Config, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if config.persist && d.data.readOnly {
		resp.Diagnostics.AddAttributeError(path.Root("persist"), "Provider Is Read-Only",
			"persist = true stores what rules and lookups yield, but the provider is configured with read_only = true. Remove one of the two.")
		return
	}
	api, ok := d.data.use(ctx, &resp.Diagnostics)
	if !ok {
		return
	}
	answers, err := config.resolve(ctx, api, rules.Join(config.rules, d.data.rules))
	if err != nil {
		addBulkFailure(&resp.Diagnostics, config, err)
		return
	}
	summary := summarize(config, answers)
	summary.report(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	summary.setState(ctx, req.Config, &resp.State, &resp.Diagnostics)
}

// resolve runs the chain for the users that are configured, or for everybody.
func (c *bulkConfig) resolve(ctx context.Context, api bulkAPI, set *rules.Set) ([]resolve.Resolution, error) {
	chain := resolve.Chain{API: api, Rules: set}
	if c.everybody {
		all, err := readEverybody(ctx, api)
		if err != nil {
			return nil, err
		}
		chain.API = all
		c.users, c.names = all.keys, nil
	}
	return chain.Resolve(ctx, resolve.Request{
		Users: c.users, Services: c.services, Declared: c.declared,
		Persist: c.persist, CheckStale: c.checkStale, NoTrace: true,
	})
}
