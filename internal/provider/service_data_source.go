// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var (
	_ datasource.DataSource                   = (*serviceDataSource)(nil)
	_ datasource.DataSourceWithConfigure      = (*serviceDataSource)(nil)
	_ datasource.DataSourceWithValidateConfig = (*serviceDataSource)(nil)
)

// NewServiceDataSource returns sym_service, which reads one registered service.
func NewServiceDataSource() datasource.DataSource {
	return &serviceDataSource{dataSource{name: "service"}}
}

type serviceDataSource struct{ dataSource }

type serviceDataModel struct {
	serviceModel
	Directory  types.Bool `tfsdk:"directory"`
	Configured types.Bool `tfsdk:"configured"`
}

func (d *serviceDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := serviceRecordAttributes()
	attributes["service_type"] = schema.StringAttribute{Required: true, MarkdownDescription: "Type of the service, such as `okta`, `github` or `custom`."}
	attributes["external_id"] = schema.StringAttribute{Required: true, MarkdownDescription: "External id of the service, such as `acme.okta.com`. It compares exactly."}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Reads one registered service. If it is not registered, the error lists the registered ones of its type.",
		Attributes:          attributes,
	}
}

func (d *serviceDataSource) ValidateConfig(ctx context.Context, req datasource.ValidateConfigRequest, resp *datasource.ValidateConfigResponse) {
	config, _ := decode[serviceDataModel](ctx, req.Config, &resp.Diagnostics)
	serviceKey(config.ServiceType, config.ExternalID, &resp.Diagnostics)
}

func (d *serviceDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	config, _ := decode[serviceDataModel](ctx, req.Config, &resp.Diagnostics)
	key, ok := serviceKey(config.ServiceType, config.ExternalID, &resp.Diagnostics) // may have been unknown until now
	if !ok {
		return
	}
	api, ok := d.data.connect(ctx, &resp.Diagnostics)
	if !ok {
		return
	}
	stored, ok := findService(ctx, api, key, "Read Service", &resp.Diagnostics)
	if !ok {
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, serviceDataModel{newServiceModel(stored), types.BoolValue(!stored.NoDirectory), types.BoolValue(stored.Configured)})...)
}
