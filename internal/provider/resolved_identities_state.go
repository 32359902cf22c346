// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
)

var (
	textMapType    = tftypes.Map{ElementType: tftypes.String}
	textMapMapType = tftypes.Map{ElementType: textMapType}
	unmappedType   = tftypes.Object{AttributeTypes: map[string]tftypes.Type{
		"user": tftypes.String, "service": tftypes.String, "reason": tftypes.String,
	}}
	staleType = tftypes.Object{AttributeTypes: map[string]tftypes.Type{
		"user": tftypes.String, "service": tftypes.String, "stored": tftypes.String,
		"stored_source": tftypes.String, "current": tftypes.String, "reason": tftypes.String,
	}}
	offboardingType = tftypes.Object{AttributeTypes: map[string]tftypes.Type{
		"user": tftypes.String, "service": tftypes.String, "identity": tftypes.String, "source": tftypes.String, "account": tftypes.String,
	}}
	collisionType = tftypes.Object{AttributeTypes: map[string]tftypes.Type{
		"service": tftypes.String, "identity": tftypes.String, "users": tftypes.List{ElementType: tftypes.String},
	}}
)

// setState makes the configuration and the answers the state. It builds the
// protocol's own values: from ten thousand people's attr.Values the framework
// would make them by reflection, which takes longer than everything else here.
func (s *bulkSummary) setState(ctx context.Context, config tfsdk.Config, state *tfsdk.State, diags *diag.Diagnostics) {
	var configured map[string]tftypes.Value
	if err := config.Raw.As(&configured); err != nil {
		addFailure(diags, "Write State", "", "", err)
		return
	}
	attributes := maps.Clone(configured)
	attributes["identities"], attributes["by_service"] = s.identities()
	attributes["unmapped"] = s.unmappedList()
	attributes["stale"] = s.staleList()
	attributes["offboarding"] = s.offboardingList()
	attributes["collisions"] = s.collisionList()
	attributes["hcl"] = protoText(pasteBlocks(s.unmapped))
	attributes["mapped_count"] = protoNumber(s.mapped)
	attributes["unmapped_count"] = protoNumber(len(s.unmapped))
	attributes["by_source"] = s.sources()
	state.Raw = tftypes.NewValue(config.Schema.Type().TerraformType(ctx), attributes)
}

func protoText(s string) tftypes.Value { return tftypes.NewValue(tftypes.String, s) }

func protoNumber(n int) tftypes.Value { return tftypes.NewValue(tftypes.Number, int64(n)) }

// identities are the answers by user and by service. Unmapped ones are absent.
func (s *bulkSummary) identities() (byUser, byService tftypes.Value) {
	users, services := s.config.users, s.config.services
	ofUser := make([]map[string]tftypes.Value, len(users))
	for i := range ofUser {
		ofUser[i] = make(map[string]tftypes.Value, len(services))
	}
	ofService := make(map[string]tftypes.Value, len(services))
	for i, service := range services {
		key := service.String()
		accounts := make(map[string]tftypes.Value, len(users))
		for j, a := range s.answers[i*len(users) : (i+1)*len(users)] {
			if !a.Mapped() {
				continue
			}
			account := protoText(accountText(a.Matcher, service.Type))
			ofUser[j][key] = account
			accounts[s.config.name(a.User)] = account
		}
		ofService[key] = tftypes.NewValue(textMapType, accounts)
	}
	all := make(map[string]tftypes.Value, len(users))
	for i, user := range users {
		all[s.config.name(user)] = tftypes.NewValue(textMapType, ofUser[i])
	}
	return tftypes.NewValue(textMapMapType, all), tftypes.NewValue(textMapMapType, ofService)
}

func (s *bulkSummary) unmappedList() tftypes.Value {
	list := make([]tftypes.Value, len(s.unmapped))
	for i, a := range s.unmapped {
		list[i] = tftypes.NewValue(unmappedType, map[string]tftypes.Value{
			"user": protoText(s.config.name(a.User)), "service": protoText(a.Service.String()), "reason": protoText(string(a.Reason)),
		})
	}
	return tftypes.NewValue(tftypes.List{ElementType: unmappedType}, list)
}

func (s *bulkSummary) staleList() tftypes.Value {
	if !s.config.checkStale {
		return tftypes.NewValue(tftypes.List{ElementType: staleType}, nil)
	}
	list := make([]tftypes.Value, len(s.stale))
	for i, found := range s.stale {
		current := tftypes.NewValue(tftypes.String, nil)
		if found.current != "" {
			current = protoText(found.current)
		}
		a := found.answer
		list[i] = tftypes.NewValue(staleType, map[string]tftypes.Value{
			"user": protoText(s.config.name(a.User)), "service": protoText(a.Service.String()), "stored": protoText(accountText(a.Matcher, a.Service.Type)),
			"stored_source": protoText(string(a.StoredSource)), "current": current, "reason": protoText(found.reason),
		})
	}
	return tftypes.NewValue(tftypes.List{ElementType: staleType}, list)
}

func (s *bulkSummary) offboardingList() tftypes.Value {
	if !s.config.checkStale {
		return tftypes.NewValue(tftypes.List{ElementType: offboardingType}, nil)
	}
	list := make([]tftypes.Value, len(s.retired))
	for i, a := range s.retired {
		list[i] = tftypes.NewValue(offboardingType, map[string]tftypes.Value{
			"user": protoText(s.config.name(a.User)), "service": protoText(a.Service.String()), "identity": protoText(accountText(a.Matcher, a.Service.Type)),
			"source": protoText(string(a.Source)), "account": protoText(string(a.Account)),
		})
	}
	return tftypes.NewValue(tftypes.List{ElementType: offboardingType}, list)
}

func (s *bulkSummary) collisionList() tftypes.Value {
	list := make([]tftypes.Value, len(s.collisions))
	for i, c := range s.collisions {
		users := make([]tftypes.Value, len(c.users))
		for j, user := range c.users {
			users[j] = protoText(s.config.name(user))
		}
		list[i] = tftypes.NewValue(collisionType, map[string]tftypes.Value{
			"service": protoText(c.service.String()), "identity": protoText(c.account),
			"users": tftypes.NewValue(tftypes.List{ElementType: tftypes.String}, users),
		})
	}
	return tftypes.NewValue(tftypes.List{ElementType: collisionType}, list)
}

// sources counts by every source there is, so that each can be asked for.
func (s *bulkSummary) sources() tftypes.Value {
	counts := map[string]tftypes.Value{}
	for _, source := range []resolve.Origin{resolve.Declared, resolve.Store, resolve.Rule, resolve.Email, resolve.Remote} {
		counts[string(source)] = protoNumber(s.bySource[source])
	}
	return tftypes.NewValue(tftypes.Map{ElementType: tftypes.Number}, counts)
}
