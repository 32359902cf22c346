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

	"github.com/sym-identity/terraform-provider-sym/internal/readcache"
)

// NewIdentitiesDataSource returns sym_identities, which lists what is stored.
func NewIdentitiesDataSource() datasource.DataSource {
	return newDataSource[identitiesDataModel]("identities")
}

type identitiesDataModel struct {
	mappingFilterModel
	Identities types.List `tfsdk:"identities"`
	ByUser     types.Map  `tfsdk:"by_user"`
	ByService  types.Map  `tfsdk:"by_service"`
}

func (*identitiesDataModel) schema() schema.Schema {
	return schema.Schema{
		MarkdownDescription: "Lists the stored identities. It looks nothing up: an account that only a rule or a service knows is not listed; " +
			"`sym_resolved_identities` finds those. Filters combine. Without filters, all identities are listed.",
		Attributes: map[string]schema.Attribute{
			"service_type": optionalText(filterServiceType),
			"external_id":  optionalText(filterExternalID),
			"user":         optionalText(filterUser, userCheck),
			"source":       optionalText(filterSource, sourceValidators()...),
			"identities":   computedList("The identities, ordered by user, then by service key.", mappingRecordAttributes()),
			"by_user": computedMap(identityMapType, "Map of user (normalised) to service key to identity. Values with more than one key are only in `identities`. "+
				"A user without identities is missing, so read it with `try` or `lookup`."),
			"by_service": computedMap(identityMapType, "Map of service key to user (normalised) to identity."),
		},
	}
}

// identityMapType is a map of strings inside another map: by user or service key.
var identityMapType = types.MapType{ElemType: types.StringType}

func (m *identitiesDataModel) check(_ context.Context, diags *diag.Diagnostics) {
	m.mappingFilterModel.check(diags)
}

func (m *identitiesDataModel) read(ctx context.Context, _ *providerData, api *readcache.Reader, diags *diag.Diagnostics) {
	var found []storedMapping
	for stored, err := range m.mappings(ctx, api) {
		if err != nil {
			addFailure(diags, "Read Identities", m.User.ValueString(), "", err)
			return
		}
		found = append(found, stored)
	}
	if len(found) == 0 {
		m.checkRegistered(ctx, api, "Read Identities", diags)
	}
	m.setFound(found)
}

func (m *identitiesDataModel) setFound(found []storedMapping) {
	sortMappings(found)
	records := make([]attr.Value, len(found))
	byUser, byService := map[string]map[string]string{}, map[string]map[string]string{}
	for i, f := range found {
		records[i] = mappingRecord(f)
		if id, plain := f.Matcher.Identity(f.Service.Type); plain {
			user, service := string(f.user), f.Service.String()
			ofUser, ofService := byUser[user], byService[service]
			put(&ofUser, service, id)
			put(&ofService, user, id)
			byUser[user], byService[service] = ofUser, ofService
		}
	}
	m.Identities = types.ListValueMust(mappingRecordType, records)
	m.ByUser, m.ByService = nestedMap(byUser), nestedMap(byService)
}

// nestedMap returns a map of maps of identities.
func nestedMap(m map[string]map[string]string) types.Map {
	outer := make(map[string]attr.Value, len(m))
	for key, inner := range m {
		outer[key] = matcherValue(inner)
	}
	return types.MapValueMust(identityMapType, outer)
}
