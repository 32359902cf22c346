// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Records are stored users, mappings and services as the elements of data
// sources' lists. They are built as framework values, because reflecting over
// thousands of Go structs costs most of a read.

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
		"id":         schema.StringAttribute{Computed: true, MarkdownDescription: "Id of the user."},
		"email":      schema.StringAttribute{Computed: true, MarkdownDescription: "E-mail, in its owner's spelling. Null for a bot."},
		"username":   schema.StringAttribute{Computed: true, MarkdownDescription: "Username of a bot. Null for a person."},
		"type":       schema.StringAttribute{Computed: true, MarkdownDescription: "Kind of user: `normal` for a person, `bot` for a bot."},
		"role":       schema.StringAttribute{Computed: true, MarkdownDescription: "What the user may do in Sym: `admin`, `member` or `guest`."},
		"first_name": schema.StringAttribute{Computed: true, MarkdownDescription: "First name. Null where none is stored."},
		"last_name":  schema.StringAttribute{Computed: true, MarkdownDescription: "Last name. Null where none is stored."},
		"created_at": schema.StringAttribute{Computed: true, MarkdownDescription: "When the user was created, as RFC 3339 in UTC."},
	}
}

func userRecord(u identity.User) attr.Value {
	var m userModel
	m.setStored(u)
	return types.ObjectValueMust(userRecordType.AttrTypes, map[string]attr.Value{
		"id": m.ID, "email": m.Email, "username": m.Username, "type": m.Type, "role": m.Role,
		"first_name": m.FirstName, "last_name": m.LastName, "created_at": m.CreatedAt,
	})
}

var mappingRecordType = recordType(mappingRecordAttributes())

func mappingRecordAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"user":         schema.StringAttribute{Computed: true, MarkdownDescription: "Whose account it is: the normalised e-mail, or a bot's username."},
		"service":      schema.StringAttribute{Computed: true, MarkdownDescription: "Service key: `SERVICE_TYPE:EXTERNAL_ID`."},
		"service_type": schema.StringAttribute{Computed: true, MarkdownDescription: "Type of the service."},
		"external_id":  schema.StringAttribute{Computed: true, MarkdownDescription: "External id of the service."},
		"identity":     schema.StringAttribute{Computed: true, MarkdownDescription: "The account. Null where the stored value is more than the service type's own key; see `matcher`."},
		"matcher":      schema.MapAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "The account as the API stores it."},
		"source":       schema.StringAttribute{Computed: true, MarkdownDescription: "Who stored it: `manual`, `rule`, `email` or `fetch_remote_identity`."},
		"rule":         schema.StringAttribute{Computed: true, MarkdownDescription: "Name of the reducer rule that gave it. Null where no rule did."},
		"revision":     schema.Int64Attribute{Computed: true, MarkdownDescription: "Grows with each change of this user and service. Null where the API keeps none."},
		"updated_at":   schema.StringAttribute{Computed: true, MarkdownDescription: "When it was stored last, as RFC 3339 in UTC. Null where the API does not say."},
		"updated_by":   schema.StringAttribute{Computed: true, MarkdownDescription: "Who stored it last: the name of a token. Null where the API does not say."},
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
		return cmp.Or(cmp.Compare(a.user, b.user), cmp.Compare(a.Service.Type, b.Service.Type), cmp.Compare(a.Service.ExternalID, b.Service.ExternalID))
	})
}

var serviceRecordType = recordType(serviceRecordAttributes())

func serviceRecordAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"id":           schema.StringAttribute{Computed: true, MarkdownDescription: "Id of the service."},
		"key":          schema.StringAttribute{Computed: true, MarkdownDescription: "Service key: `SERVICE_TYPE:EXTERNAL_ID`."},
		"service_type": schema.StringAttribute{Computed: true, MarkdownDescription: "Type of the service."},
		"external_id":  schema.StringAttribute{Computed: true, MarkdownDescription: "Which workspace, domain or account of that type."},
		"label":        schema.StringAttribute{Computed: true, MarkdownDescription: "Name shown to people. Null where it has none."},
		"directory":    schema.BoolAttribute{Computed: true, MarkdownDescription: directoryDescription},
	}
}

const directoryDescription = "Whether the API can ask the service which account has an e-mail. False only where it says that it cannot."

func serviceRecord(s identity.Service) attr.Value {
	return types.ObjectValueMust(serviceRecordType.AttrTypes, map[string]attr.Value{
		"id": types.StringValue(s.ID), "key": types.StringValue(s.Key.String()),
		"service_type": types.StringValue(s.Key.Type), "external_id": types.StringValue(s.Key.ExternalID),
		"label": textOrNull(s.Label), "directory": types.BoolValue(!s.NoDirectory),
	})
}

// sortedServices returns a copy ordered by key; the list itself is shared.
func sortedServices(list []identity.Service) []identity.Service {
	return slices.SortedFunc(slices.Values(list), func(a, b identity.Service) int {
		return cmp.Or(cmp.Compare(a.Key.Type, b.Key.Type), cmp.Compare(a.Key.ExternalID, b.Key.ExternalID))
	})
}

// sortUsers orders by normalised name.
func sortUsers(list []identity.User) {
	slices.SortFunc(list, func(a, b identity.User) int { return cmp.Compare(a.Key, b.Key) })
}
