// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/readcache"
)

// NewServiceDataSource returns sym_service, which reads one registered service.
func NewServiceDataSource() datasource.DataSource { return newDataSource[serviceDataModel]("service") }

type serviceDataModel struct {
	serviceModel
	Directory  types.Bool `tfsdk:"directory"`
	Configured types.Bool `tfsdk:"configured"`
}

func (*serviceDataModel) schema() schema.Schema {
	attributes := serviceRecordAttributes()
	attributes["service_type"] = requiredText("Type of the service, such as `okta`, `github` or `custom`.")
	attributes["external_id"] = requiredText("External id of the service, such as `acme.okta.com`. It compares exactly.")
	return schema.Schema{
		MarkdownDescription: "Reads one registered service. If it is not registered, the error lists the registered ones of its type.",
		Attributes:          attributes,
	}
}

func (m *serviceDataModel) check(_ context.Context, diags *diag.Diagnostics) {
	serviceKey(m.ServiceType, m.ExternalID, diags)
}

func (m *serviceDataModel) read(ctx context.Context, _ *providerData, api *readcache.Reader, diags *diag.Diagnostics) {
	key, _ := serviceKey(m.ServiceType, m.ExternalID, diags)
	if stored, ok := findService(ctx, api, key, "Read Service", diags); ok {
		*m = serviceDataModel{newServiceModel(stored), types.BoolValue(!stored.NoDirectory), types.BoolValue(stored.Configured)}
	}
}
