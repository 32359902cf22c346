// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/readcache"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
)

// Records are the elements of data sources' lists. They are framework values, because
// reflecting over thousands of Go structs costs most of a read.

func recordType(attributes map[string]schema.Attribute) types.ObjectType {
	record := types.ObjectType{AttrTypes: make(map[string]attr.Type, len(attributes))}
	for name, attribute := range attributes {
		record.AttrTypes[name] = attribute.GetType()
	}
	return record
}

var userRecordType = recordType(userRecordAttributes())

func userRecordAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"id":         computedText("Id of the user."),
		"email":      computedText("E-mail in its original spelling. Null for a bot."),
		"username":   computedText("Username of a bot. Null for a person."),
		"type":       computedText("Kind of user: `normal` for a person, `bot` for a bot."),
		"role":       computedText("What the user may do in Sym: `admin`, `member` or `guest`."),
		"first_name": computedText("First name. Null if none is stored."),
		"last_name":  computedText("Last name. Null if none is stored."),
		"created_at": computedText("When the user was created, in RFC 3339 format and UTC."),
	}
}

func userRecord(u identity.User) attr.Value {
	var m storedUserModel
	m.setStored(u)
	return types.ObjectValueMust(userRecordType.AttrTypes, map[string]attr.Value{
		"id": m.ID, "email": m.Email, "username": m.Username, "type": m.Type, "role": m.Role,
		"first_name": m.FirstName, "last_name": m.LastName, "created_at": m.CreatedAt,
	})
}

var mappingRecordType = recordType(mappingRecordAttributes())

func mappingRecordAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"user":         computedText("The user: a person's normalised e-mail, or a bot's username."),
		"service":      computedText("Service key: `SERVICE_TYPE:EXTERNAL_ID`."),
		"service_type": computedText("Type of the service."),
		"external_id":  computedText("External id of the service."),
		"identity":     computedText("The account. Null if the stored value has other keys than the service type's own; see `matcher`."),
		"matcher":      computedMap(types.StringType, "The account as the API stores it."),
		"source":       computedText("Who stored it: `manual`, `rule`, `email` or `fetch_remote_identity`."),
		"rule":         computedText("Name of the reducer rule that gave it. Null if no rule did."),
		"revision":     computedInt("Number that grows with each change of the mapping. Null if the API has none."),
		"updated_at":   computedText("When it was last stored, in RFC 3339 format and UTC. Null if the API does not say."),
		"updated_by":   computedText("Name of the token that stored it last. Null if the API does not say."),
	}
}

// storedMapping is a mapping with whose it is.
type storedMapping struct {
	user identity.UserKey
	name string // in the user's own spelling
	identity.Mapping
}

func mappingRecord(m storedMapping) attr.Value {
	id, revision := types.StringNull(), types.Int64Null()
	if plain, ok := m.Matcher.Identity(m.Service.Type); ok {
		id = types.StringValue(plain)
	}
	if m.Revision != 0 {
		revision = types.Int64Value(m.Revision)
	}
	return types.ObjectValueMust(mappingRecordType.AttrTypes, map[string]attr.Value{
		"user": types.StringValue(string(m.user)), "service": types.StringValue(m.Service.String()),
		"service_type": types.StringValue(m.Service.Type), "external_id": types.StringValue(m.Service.ExternalID),
		"identity": id, "matcher": matcherValue(m.Matcher), "source": types.StringValue(string(m.Source.OrManual())), "rule": textOrNull(m.Rule),
		"revision": revision, "updated_at": timeOrNull(m.UpdatedAt), "updated_by": textOrNull(m.UpdatedBy),
	})
}

// sortMappings orders by user, then by service key.
func sortMappings(list []storedMapping) {
	slices.SortFunc(list, func(a, b storedMapping) int {
		return cmp.Or(cmp.Compare(a.user, b.user), compareServices(a.Service, b.Service))
	})
}

var serviceRecordType = recordType(serviceRecordAttributes())

func serviceRecordAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"id":           computedText("Id of the service."),
		"key":          computedText("Service key: `SERVICE_TYPE:EXTERNAL_ID`."),
		"service_type": computedText("Type of the service."),
		"external_id":  computedText("Which workspace, domain or account of that type."),
		"label":        computedText("Name shown to people. Null if there is none."),
		"directory":    computedBool(directoryDescription),
		"configured":   computedBool(configuredDescription),
	}
}

const directoryDescription = "Whether the API can look up e-mails in the service. False only if the API says that it cannot."

const configuredDescription = "Whether a `service` block of the server's configuration file owns the service. Its label can then be changed only there. " +
	"If the block was removed, the service stays registered and this is `false`."

func serviceRecord(s identity.Service) attr.Value {
	return types.ObjectValueMust(serviceRecordType.AttrTypes, map[string]attr.Value{
		"id": types.StringValue(s.ID), "key": types.StringValue(s.Key.String()),
		"service_type": types.StringValue(s.Key.Type), "external_id": types.StringValue(s.Key.ExternalID),
		"label": textOrNull(s.Label), "directory": types.BoolValue(!s.NoDirectory), "configured": types.BoolValue(s.Configured),
	})
}

// sortedServices returns a copy ordered by key; the list itself is shared.
func sortedServices(list []identity.Service) []identity.Service {
	return slices.SortedFunc(slices.Values(list), func(a, b identity.Service) int { return compareServices(a.Key, b.Key) })
}

func compareServices(a, b identity.ServiceKey) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.ExternalID, b.ExternalID))
}

// sortUsers orders by normalised name.
func sortUsers(list []identity.User) {
	slices.SortFunc(list, func(a, b identity.User) int { return cmp.Compare(a.Key, b.Key) })
}

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

// check reports filters that are wrong, at their attributes.
func (m mappingFilterModel) check(diags *diag.Diagnostics) {
	if m.ServiceType.IsNull() && isSet(m.ExternalID) {
		diags.AddAttributeError(path.Root("external_id"), "Missing Service Type",
			"external_id names a service only together with service_type: the same id may exist in two types. Set service_type as well, or leave external_id out.")
	}
	serviceKey(m.ServiceType, m.ExternalID, diags)
	if _, err := identity.ParseUser(m.User.ValueString()); err != nil && isSet(m.User) {
		addInvalid(diags, path.Root("user"), "Invalid User", err)
	}
}

// selects reports whether a mapping passes the filters of service and source. Null
// fields select all.
func (m mappingFilterModel) selects(stored identity.Mapping) bool {
	return (m.ServiceType.IsNull() || m.ServiceType.ValueString() == stored.Service.Type) &&
		(m.ExternalID.IsNull() || m.ExternalID.ValueString() == stored.Service.ExternalID) &&
		(m.Source.IsNull() || m.Source.ValueString() == string(stored.Source.OrManual()))
}

// mappings walks the selected mappings in the API's order, page by page.
// After an error nothing follows.
func (m mappingFilterModel) mappings(ctx context.Context, api *readcache.Reader) iter.Seq2[storedMapping, error] {
	return func(yield func(storedMapping, error) bool) {
		for u, err := range m.users(ctx, api) {
			if err != nil {
				yield(storedMapping{}, err)
				return
			}
			for _, stored := range u.Mappings {
				if m.selects(stored) && !yield(storedMapping{u.Key, u.Name, stored}, nil) {
					return
				}
			}
		}
	}
}

func (m mappingFilterModel) users(ctx context.Context, api *readcache.Reader) iter.Seq2[identity.User, error] {
	if m.User.IsNull() {
		return api.AllUsers(ctx)
	}
	return func(yield func(identity.User, error) bool) {
		key, _ := identity.ParseUser(m.User.ValueString())
		found, err := findUser(ctx, api, key)
		if err != nil {
			yield(identity.User{}, err)
		} else if found != nil {
			yield(*found, nil)
		}
	}
}

// checkRegistered reports a service that the filter names and nobody
// registered. It is worth asking only where nothing was selected.
func (m mappingFilterModel) checkRegistered(ctx context.Context, api *readcache.Reader, action string, diags *diag.Diagnostics) {
	if !m.ExternalID.IsNull() {
		findService(ctx, api, identity.ServiceKey{Type: m.ServiceType.ValueString(), ExternalID: m.ExternalID.ValueString()}, action, diags)
	}
}

// findService finds a registered service. One that is not is an error that
// lists those of its type, as is a failure.
func findService(ctx context.Context, api *readcache.Reader, key identity.ServiceKey, action string, diags *diag.Diagnostics) (identity.Service, bool) {
	services, err := api.Services(ctx)
	if err != nil {
		addFailure(diags, action, "", key.String(), err)
		return identity.Service{}, false
	}
	service, registered, ok := serviceAmong(services, key)
	if !ok {
		addUnregistered(diags, key, registered)
	}
	return service, ok
}

// serviceAmong returns the service with a key, or the keys of those of its type.
func serviceAmong(services []identity.Service, key identity.ServiceKey) (found identity.Service, registered []identity.ServiceKey, ok bool) {
	for _, s := range services {
		if s.Key == key {
			return s, nil, true
		}
	}
	return found, resolve.NewUnregisteredError(key, services).Registered, false
}
