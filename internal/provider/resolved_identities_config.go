// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

// bulkConfig is a configuration of sym_resolved_identities. What is still
// unknown is left out of it.
type bulkConfig struct {
	users      []identity.UserKey
	names      map[identity.UserKey]string // users that are spelled otherwise than their keys
	everybody  bool                        // users is not configured
	services   []identity.ServiceKey
	rules      *rules.Set
	declared   map[identity.ServiceKey]map[identity.UserKey]identity.Matcher
	onUnmapped string
	persist    bool
	checkStale bool
}

// readBulkConfig reads and checks a configuration; everything wrong is in
// diags, at its element. It asks attribute by attribute, for attr.Value: into
// a model the framework would convert each of ten thousand elements three
// times.
func readBulkConfig(ctx context.Context, config tfsdk.Config, diags *diag.Diagnostics) *bulkConfig {
	get := func(name string) attr.Value {
		var value attr.Value
		diags.Append(config.GetAttribute(ctx, path.Root(name), &value)...)
		return value
	}
	c := &bulkConfig{}
	if users, ok := get("users").(types.List); ok {
		c.everybody = users.IsNull()
		c.readUsers(users, diags)
	}
	if services, ok := get("services").(types.List); ok {
		c.readServices(services, diags)
	}
	if list, ok := get("rules").(types.List); ok {
		set, found := compileRules(ctx, list, path.Root("rules"))
		diags.Append(found...)
		c.rules = set
	}
	if declared, ok := get("declared").(types.Map); ok {
		c.readDeclared(declared, diags)
	}
	if text, ok := get("on_unmapped").(types.String); ok {
		c.onUnmapped = text.ValueString()
	}
	if truth, ok := get("persist").(types.Bool); ok {
		c.persist = truth.ValueBool()
	}
	if truth, ok := get("check_stale").(types.Bool); ok {
		c.checkStale = truth.ValueBool()
	}
	return c
}

// name is a user as the configuration spells it.
func (c *bulkConfig) name(user identity.UserKey) string {
	if name, ok := c.names[user]; ok {
		return name
	}
	return string(user)
}

func (c *bulkConfig) readUsers(list types.List, diags *diag.Diagnostics) {
	at := path.Root("users")
	elements := list.Elements()
	c.users = make([]identity.UserKey, 0, len(elements))
	c.names = map[identity.UserKey]string{}
	first := make(map[identity.UserKey]int, len(elements)) // where each user stands
	for i, element := range elements {
		text, ok := element.(types.String)
		switch {
		case !ok || text.IsUnknown():
			continue
		case text.IsNull():
			diags.AddAttributeError(at.AtListIndex(i), "Invalid User", "A user is null. Remove it from the list, or name a person by e-mail or a bot by username.")
			continue
		}
		name := text.ValueString()
		user, err := identity.ParseUser(name)
		if err != nil {
			addInvalid(diags, at.AtListIndex(i), "Invalid User", err)
			continue
		}
		if j, twice := first[user]; twice {
			addUserTwice(diags, at.AtListIndex(i), user, i, name, j, elements[j])
			continue
		}
		first[user] = i
		c.users = append(c.users, user)
		if name != string(user) {
			c.names[user] = name
		}
	}
}

func addUserTwice(diags *diag.Diagnostics, at path.Path, user identity.UserKey, i int, name string, j int, other attr.Value) {
	first, _ := other.(types.String)
	why := "they are spelled alike"
	if first.ValueString() != name {
		why = "e-mails compare without case and outer spaces"
	}
	diags.AddAttributeError(at, "Duplicate User",
		fmt.Sprintf("Elements %d (%q) and %d (%q) are the same user, %s: %s. Keep one of them; distinct() removes equal ones.",
			j, first.ValueString(), i, name, user, why))
}

func (c *bulkConfig) readServices(list types.List, diags *diag.Diagnostics) {
	at := path.Root("services")
	first := map[identity.ServiceKey]int{}
	for i, element := range list.Elements() {
		object, ok := element.(types.Object)
		switch {
		case !ok || object.IsUnknown():
			continue
		case object.IsNull():
			diags.AddAttributeError(at.AtListIndex(i), "Invalid Service", "A service is null. Remove it from the list, or give it a service_type and an external_id.")
			continue
		}
		serviceType, _ := object.Attributes()["service_type"].(types.String)
		externalID, _ := object.Attributes()["external_id"].(types.String)
		service, known := serviceAt(at.AtListIndex(i), serviceType, externalID, diags)
		if !known {
			continue
		}
		if j, twice := first[service]; twice {
			diags.AddAttributeError(at.AtListIndex(i), "Duplicate Service",
				fmt.Sprintf("Elements %d and %d are the same service, %s. Keep one of them.", j, i, service))
			continue
		}
		first[service] = i
		c.services = append(c.services, service)
	}
}

// serviceAt reads a service from the attributes of an object. ok is false
// while one is unknown, or when one is wrong, which is then in diags.
func serviceAt(at path.Path, serviceType, externalID types.String, diags *diag.Diagnostics) (key identity.ServiceKey, ok bool) {
	for name, value := range map[string]types.String{"service_type": serviceType, "external_id": externalID} {
		if value.IsNull() {
			diags.AddAttributeError(at.AtName(name), "Invalid Service", "A service needs a service_type and an external_id; "+name+" is missing.")
			return key, false
		}
	}
	if serviceType.IsUnknown() {
		return key, false
	}
	// The type alone can be wrong while the external id is still unknown.
	if err := identity.ValidateServiceType(serviceType.ValueString()); err != nil {
		addInvalid(diags, at.AtName("service_type"), "Invalid Service Type", err)
		return key, false
	}
	if externalID.IsUnknown() {
		return key, false
	}
	key = identity.ServiceKey{Type: serviceType.ValueString(), ExternalID: externalID.ValueString()}
	if err := key.Validate(); err != nil {
		addInvalid(diags, at.AtName("external_id"), "Invalid External ID", err)
		return key, false
	}
	if key == identity.SymCloud() {
		diags.AddAttributeError(at, "Service Cannot Be Resolved",
			"sym:cloud holds the users themselves, so there is nothing to look for: the identity of a user there is the e-mail or username that users already names.")
		return key, false
	}
	return key, true
}

func (c *bulkConfig) readDeclared(value types.Map, diags *diag.Diagnostics) {
	at := path.Root("declared")
	elements := value.Elements()
	c.declared = make(map[identity.ServiceKey]map[identity.UserKey]identity.Matcher, len(elements))
	for _, name := range slices.Sorted(maps.Keys(elements)) {
		service, err := identity.ParseServiceKey(name)
		if err != nil {
			addInvalid(diags, at.AtMapKey(name), "Invalid Service", err)
			continue
		}
		if users, ok := elements[name].(types.Map); ok {
			c.declared[service] = declaredMappings(users, service, at.AtMapKey(name), diags)
		}
	}
}
