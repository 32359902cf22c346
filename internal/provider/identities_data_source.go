// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var (
	_ datasource.DataSource                   = (*identitiesDataSource)(nil)
	_ datasource.DataSourceWithConfigure      = (*identitiesDataSource)(nil)
	_ datasource.DataSourceWithValidateConfig = (*identitiesDataSource)(nil)
)

// NewIdentitiesDataSource returns sym_identities, which lists what is stored.
func NewIdentitiesDataSource() datasource.DataSource {
	return &identitiesDataSource{dataSource{name: "identities"}}
}

type identitiesDataSource struct{ dataSource }

type identitiesDataModel struct {
	mappingFilterModel
	Identities types.List `tfsdk:"identities"`
	ByUser     types.Map  `tfsdk:"by_user"`
	ByService  types.Map  `tfsdk:"by_service"`
}

func (d *identitiesDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Lists the stored identities. It looks nothing up: an account that only a rule or a service knows is not listed; " +
			"`sym_resolved_identities` finds those. Filters combine. Without filters, all identities are listed.",
		Attributes: map[string]schema.Attribute{
			"service_type": schema.StringAttribute{Optional: true, MarkdownDescription: filterServiceType},
			"external_id":  schema.StringAttribute{Optional: true, MarkdownDescription: filterExternalID},
			"user":         schema.StringAttribute{Optional: true, Validators: []validator.String{userCheck}, MarkdownDescription: filterUser},
			"source":       schema.StringAttribute{Optional: true, Validators: sourceValidators(), MarkdownDescription: filterSource},
			"identities": schema.ListNestedAttribute{
				Computed: true, NestedObject: schema.NestedAttributeObject{Attributes: mappingRecordAttributes()},
				MarkdownDescription: "The identities, ordered by user, then by service key.",
			},
			"by_user": schema.MapAttribute{
				Computed: true, ElementType: identityMapType,
				MarkdownDescription: "Map of user (normalised) to service key to identity. Values with more than one key are only in `identities`. " +
					"A user without identities is missing, so read it with `try` or `lookup`.",
			},
			"by_service": schema.MapAttribute{
				Computed: true, ElementType: identityMapType,
				MarkdownDescription: "Map of service key to user (normalised) to identity.",
			},
		},
	}
}

// identityMapType is a map of strings inside another map: by user or service key.
var identityMapType = types.MapType{ElemType: types.StringType}

func (d *identitiesDataSource) ValidateConfig(ctx context.Context, req datasource.ValidateConfigRequest, resp *datasource.ValidateConfigResponse) {
	config, ok := decode[identitiesDataModel](ctx, req.Config, &resp.Diagnostics)
	if ok {
		config.User = types.StringNull() // has a validator of its own
		config.filter(&resp.Diagnostics)
	}
}

func (d *identitiesDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	config, ok := decode[identitiesDataModel](ctx, req.Config, &resp.Diagnostics)
	if !ok {
		return
	}
	filter := config.filter(&resp.Diagnostics)
	api, ok := d.data.connect(ctx, &resp.Diagnostics)
	if !ok {
		return
	}
	var found []storedMapping
	for m, err := range filter.mappings(ctx, api) {
		if err != nil {
			addFailure(&resp.Diagnostics, "Read Identities", string(filter.user), "", err)
			return
		}
		found = append(found, m)
	}
	if len(found) == 0 {
		filter.checkRegistered(ctx, api, "Read Identities", &resp.Diagnostics)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	config.setFound(found)
	resp.Diagnostics.Append(resp.State.Set(ctx, config)...)
}

func (m *identitiesDataModel) setFound(found []storedMapping) {
	sortMappings(found)
	records := make([]attr.Value, len(found))
	byUser, byService := map[string]map[string]attr.Value{}, map[string]map[string]attr.Value{}
	for i, f := range found {
		records[i] = mappingRecord(f)
		if id, plain := f.Matcher.Identity(f.Service.Type); plain {
			user, service, value := string(f.user), f.Service.String(), types.StringValue(id)
			putNested(byUser, user, service, value)
			putNested(byService, service, user, value)
		}
	}
	m.Identities = types.ListValueMust(mappingRecordType, records)
	m.ByUser, m.ByService = nestedMap(byUser), nestedMap(byService)
}

func putNested(m map[string]map[string]attr.Value, outer, inner string, value attr.Value) {
	if m[outer] == nil {
		m[outer] = map[string]attr.Value{}
	}
	m[outer][inner] = value
}

func nestedMap(m map[string]map[string]attr.Value) types.Map {
	outer := make(map[string]attr.Value, len(m))
	for key, inner := range m {
		outer[key] = types.MapValueMust(types.StringType, inner)
	}
	return types.MapValueMust(identityMapType, outer)
}
