// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/readcache"
)

// NewServicesDataSource returns sym_services, which lists the registered
// services.
func NewServicesDataSource() datasource.DataSource { return newDataSource[servicesModel]("services") }

type servicesModel struct {
	ServiceType types.String `tfsdk:"service_type"`
	Services    types.List   `tfsdk:"services"`
}

func (*servicesModel) schema() schema.Schema {
	return schema.Schema{
		MarkdownDescription: "Lists the registered services. `sym_resolved_identities` takes the list as its `services`.",
		Attributes: map[string]schema.Attribute{
			"service_type": optionalText("Only services of this type, such as `okta`. " +
				"Without it, all services are listed except `sym:cloud`, which holds the users themselves and is listed only for the type `sym`."),
			"services": computedList("The services, ordered by type, then by external id.", serviceRecordAttributes()),
		},
	}
}

func (m *servicesModel) check(_ context.Context, diags *diag.Diagnostics) {
	serviceKey(m.ServiceType, types.StringNull(), diags)
}

func (m *servicesModel) read(ctx context.Context, _ *providerData, api *readcache.Reader, diags *diag.Diagnostics) {
	services, err := api.Services(ctx)
	if err != nil {
		addFailure(diags, "Read Services", "", "", err)
		return
	}
	records := []attr.Value{}
	for _, s := range sortedServices(services) {
		if s.Key.Type == m.ServiceType.ValueString() || m.ServiceType.IsNull() && s.Key != identity.SymCloud() {
			records = append(records, serviceRecord(s))
		}
	}
	m.Services = types.ListValueMust(serviceRecordType, records)
}
