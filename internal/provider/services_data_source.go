// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var (
	_ datasource.DataSource                   = (*servicesDataSource)(nil)
	_ datasource.DataSourceWithConfigure      = (*servicesDataSource)(nil)
	_ datasource.DataSourceWithValidateConfig = (*servicesDataSource)(nil)
)

// NewServicesDataSource returns sym_services, which lists the registered
// services.
func NewServicesDataSource() datasource.DataSource {
	return &servicesDataSource{dataSource{name: "services"}}
}

type servicesDataSource struct{ dataSource }

type servicesModel struct {
	ServiceType types.String `tfsdk:"service_type"`
	Services    types.List   `tfsdk:"services"`
}

func (d *servicesDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Lists the registered services. `sym_resolved_identities` takes the list as its `services`.",
		Attributes: map[string]schema.Attribute{
			"service_type": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Only services of this type, such as `okta`. " +
					"Without it, all services are listed except `sym:cloud`, which holds the users themselves and is listed only for the type `sym`.",
			},
			"services": schema.ListNestedAttribute{
				Computed: true, NestedObject: schema.NestedAttributeObject{Attributes: serviceRecordAttributes()},
				MarkdownDescription: "The services, ordered by type, then by external id.",
			},
		},
	}
}

func (d *servicesDataSource) ValidateConfig(ctx context.Context, req datasource.ValidateConfigRequest, resp *datasource.ValidateConfigResponse) {
	config, _ := decode[servicesModel](ctx, req.Config, &resp.Diagnostics)
	serviceKey(config.ServiceType, types.StringNull(), &resp.Diagnostics)
}

func (d *servicesDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	config, _ := decode[servicesModel](ctx, req.Config, &resp.Diagnostics)
	serviceKey(config.ServiceType, types.StringNull(), &resp.Diagnostics) // may have been unknown until now
	api, ok := d.data.connect(ctx, &resp.Diagnostics)
	if !ok {
		return
	}
	services, err := api.Services(ctx)
	if err != nil {
		addFailure(&resp.Diagnostics, "Read Services", "", "", err)
		return
	}
	config.setServices(services)
	resp.Diagnostics.Append(resp.State.Set(ctx, config)...)
}

func (m *servicesModel) setServices(services []identity.Service) {
	records := []attr.Value{}
	for _, s := range sortedServices(services) {
		if s.Key.Type == m.ServiceType.ValueString() || m.ServiceType.IsNull() && s.Key != identity.SymCloud() {
			records = append(records, serviceRecord(s))
		}
	}
	m.Services = types.ListValueMust(serviceRecordType, records)
}
