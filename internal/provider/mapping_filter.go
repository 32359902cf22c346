// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"iter"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// mappingFilterModel are the filters that the data source sym_identities and
// the list resource sym_identity share.
type mappingFilterModel struct {
	ServiceType types.String `tfsdk:"service_type"`
	ExternalID  types.String `tfsdk:"external_id"`
	User        types.String `tfsdk:"user"`
	Source      types.String `tfsdk:"source"`
}

const (
	filterServiceType = "Only identities in services of this type, such as `okta`."
	filterExternalID  = "Only identities in the service with this external id, such as `acme.okta.com`; needs `service_type`. A service that is not registered is an error."
	filterUser        = "Only identities of this user: a person's e-mail or a bot's username. An unknown user has none."
	filterSource      = "Only identities stored by this source: `manual`, `rule`, `email` or `fetch_remote_identity`."
)

func sourceValidators() []validator.String {
	return []validator.String{stringvalidator.OneOf(
		string(identity.Manual), string(identity.FromRule), string(identity.FromEmail), string(identity.FromRemote))}
}

// mappingFilter selects stored mappings; zero fields select all.
type mappingFilter struct {
	serviceType, externalID string
	user                    identity.UserKey
	source                  identity.Source
}

// filter reads the model; what is wrong is in diags at its attribute, and what
// is unknown selects all.
func (m mappingFilterModel) filter(diags *diag.Diagnostics) mappingFilter {
	f := mappingFilter{serviceType: m.ServiceType.ValueString(), externalID: m.ExternalID.ValueString(), source: identity.Source(m.Source.ValueString())}
	if m.ServiceType.IsNull() && isSet(m.ExternalID) {
		diags.AddAttributeError(path.Root("external_id"), "Missing Service Type",
			"external_id names a service only together with service_type: the same id may exist in two types. Set service_type as well, or leave external_id out.")
	}
	serviceKey(m.ServiceType, m.ExternalID, diags)
	if isSet(m.User) {
		user, err := identity.ParseUser(m.User.ValueString())
		if err != nil {
			addInvalid(diags, path.Root("user"), "Invalid User", err)
		}
		f.user = user
	}
	return f
}

// service returns the one service that the filter names.
func (f mappingFilter) service() (identity.ServiceKey, bool) {
	return identity.ServiceKey{Type: f.serviceType, ExternalID: f.externalID}, f.externalID != ""
}

func (f mappingFilter) selects(m identity.Mapping) bool {
	return (f.serviceType == "" || f.serviceType == m.Service.Type) &&
		(f.externalID == "" || f.externalID == m.Service.ExternalID) &&
		(f.source == "" || f.source == m.Source.OrManual())
}

// storeReader is the part of the API's client that reads what is stored.
type storeReader interface {
	FindUsers(ctx context.Context, keys []identity.UserKey) ([]identity.User, error)
	AllUsers(ctx context.Context) iter.Seq2[identity.User, error]
	Services(ctx context.Context) ([]identity.Service, error)
}

// mappings walks the selected mappings in the API's order, page by page.
// After an error nothing follows.
func (f mappingFilter) mappings(ctx context.Context, api storeReader) iter.Seq2[storedMapping, error] {
	return func(yield func(storedMapping, error) bool) {
		for u, err := range f.users(ctx, api) {
			if err != nil {
				yield(storedMapping{}, err)
				return
			}
			for _, m := range u.Mappings {
				if f.selects(m) && !yield(storedMapping{u.Key, u.Name, m}, nil) {
					return
				}
			}
		}
	}
}

func (f mappingFilter) users(ctx context.Context, api storeReader) iter.Seq2[identity.User, error] {
	if f.user == "" {
		return api.AllUsers(ctx)
	}
	return func(yield func(identity.User, error) bool) {
		found, err := api.FindUsers(ctx, []identity.UserKey{f.user})
		if err != nil {
			yield(identity.User{}, err)
			return
		}
		for _, u := range found {
			if u.Key == f.user && !yield(u, nil) {
				return
			}
		}
	}
}

// checkRegistered reports a service that the filter names and nobody
// registered. It is worth asking only where nothing was selected.
func (f mappingFilter) checkRegistered(ctx context.Context, api storeReader, action string, diags *diag.Diagnostics) {
	if service, named := f.service(); named {
		findService(ctx, api, service, action, diags)
	}
}

// findService finds a registered service. One that is not is an error that
// lists those of its type, as is a failure.
func findService(ctx context.Context, api storeReader, key identity.ServiceKey, action string, diags *diag.Diagnostics) (identity.Service, bool) {
	services, err := api.Services(ctx)
	if err != nil {
		addFailure(diags, action, "", key.String(), err)
		return identity.Service{}, false
	}
	var registered []identity.ServiceKey
	for _, s := range sortedServices(services) {
		if s.Key == key {
			return s, true
		}
		if s.Key.Type == key.Type {
			registered = append(registered, s.Key)
		}
	}
	addUnregistered(diags, key, registered)
	return identity.Service{}, false
}
