// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

const readIdentities = "Read Identity Mappings"

func (r *identitiesResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	state := readIdentitiesObject(req.State.Raw)
	if !state.serviceKnown() {
		addBadIdentitiesState(&resp.Diagnostics, state)
		return
	}
	api, ok := r.data.use(ctx, &resp.Diagnostics)
	if !ok {
		return
	}
	rows := state.rows()
	stored, err := storedOf(ctx, api, state, rows)
	if err != nil {
		addFailure(&resp.Diagnostics, readIdentities, "", state.service.String(), err)
		return
	}
	if resp.Identity != nil {
		resp.Diagnostics.Append(resp.Identity.Set(ctx, state.key())...)
	}
	found := refresh(state, rows, stored)
	if len(found.gone) > 0 {
		warnRowsGone(&resp.Diagnostics, state.service, found.gone, r.data.storeCreated())
	}
	if found.elements != nil {
		state = readIdentitiesObject(state.withElements(found.elements))
		resp.State.Raw = state.raw
		rows = state.rows()
	}
	saveRevisions(ctx, resp.Private, rows, stored.revisions(), &resp.Diagnostics)
}

// storedOf reads what a resource's state is about: its rows, or everybody's
// mappings where it is exclusive.
func storedOf(ctx context.Context, api mappingsAPI, state identitiesObject, rows []mappingRow) (storedMappings, error) {
	if state.exclusive == on {
		return allStored(ctx, api, state.service)
	}
	return findStored(ctx, api, state.service, usersOf(rows))
}

func (s storedMappings) revisions() revisions {
	found := make(revisions, len(s.byUser))
	for user, m := range s.byUser {
		found[user] = m.Revision
	}
	return found
}

// refreshed is what a read makes of state.
type refreshed struct {
	elements map[string]tftypes.Value // nil where nothing changed
	gone     []mappingRow
}

// refresh compares rows of state with what is stored. What only is spelled
// another way keeps its spelling.
func refresh(state identitiesObject, rows []mappingRow, stored storedMappings) refreshed {
	var found refreshed
	change := func() map[string]tftypes.Value {
		if found.elements == nil {
			found.elements = maps.Clone(state.elements)
		}
		return found.elements
	}
	for _, row := range rows {
		m := stored.get(row.user)
		if m == nil {
			delete(change(), row.spelled)
			found.gone = append(found.gone, row)
			continue
		}
		if id, plain := m.Matcher.Identity(state.service.Type); plain && id == row.value {
			continue // nearly always
		}
		if !m.Matcher.Equal(state.service.Type, shownMatcher(state.service.Type, row.value)) {
			change()[row.spelled] = tftypes.NewValue(tftypes.String, shownValue(state.service.Type, m.Matcher))
		}
	}
	if state.exclusive == on {
		for _, row := range stored.unlisted(rows) {
			change()[row.spelled] = tftypes.NewValue(tftypes.String, row.value)
		}
	}
	return found
}

// privateWriter is private state that can be written.
type privateWriter interface {
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

// privateReader is private state that can be read.
type privateReader interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}

func saveRevisions(ctx context.Context, private privateWriter, rows []mappingRow, known revisions, diags *diag.Diagnostics) {
	diags.Append(private.SetKey(ctx, revisionsKey, known.encode(rows))...)
}

func loadRevisions(ctx context.Context, private privateReader, rows []mappingRow, diags *diag.Diagnostics) revisions {
	text, found := private.GetKey(ctx, revisionsKey)
	diags.Append(found...)
	return decodeRevisions(text, rows)
}

// ImportState reads the manual mappings of a service.
func (r *identitiesResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	service, ok := importedService(ctx, req, &resp.Diagnostics)
	if !ok {
		return
	}
	api, ok := r.data.use(ctx, &resp.Diagnostics)
	if !ok {
		return
	}
	stored, err := allStored(ctx, api, service)
	if err != nil {
		addFailure(&resp.Diagnostics, readIdentities, "", service.String(), err)
		return
	}
	elements := map[string]tftypes.Value{}
	var several []mappingRow
	for _, row := range stored.unlisted(nil) {
		if _, plain := stored.byUser[row.user].Matcher.Identity(service.Type); !plain {
			several = append(several, row)
			continue
		}
		elements[row.spelled] = tftypes.NewValue(tftypes.String, row.value)
	}
	if len(elements) == 0 {
		addNoMappingsToImport(&resp.Diagnostics, service)
		return
	}
	if len(several) > 0 {
		warnNotImported(&resp.Diagnostics, service, several)
	}
	imported := readIdentitiesObject(emptyObject(resp.State.Raw.Type(), service))
	resp.State.Raw = imported.withElements(elements)
	if resp.Identity != nil {
		resp.Diagnostics.Append(resp.Identity.Set(ctx, imported.key())...)
	}
}

// emptyObject is an object of which only the service is set.
func emptyObject(t tftypes.Type, service identity.ServiceKey) tftypes.Value {
	attributes := map[string]tftypes.Value{}
	if object, ok := t.(tftypes.Object); ok {
		for name, of := range object.AttributeTypes {
			attributes[name] = tftypes.NewValue(of, nil)
		}
	}
	attributes["service_type"] = tftypes.NewValue(tftypes.String, service.Type)
	attributes["external_id"] = tftypes.NewValue(tftypes.String, service.ExternalID)
	return tftypes.NewValue(t, attributes)
}

func importedService(ctx context.Context, req resource.ImportStateRequest, diags *diag.Diagnostics) (identity.ServiceKey, bool) {
	var key identity.ServiceKey
	var err error
	if req.ID != "" {
		key, err = identity.ParseServiceKey(req.ID)
	} else {
		named := identitiesKeyModel{types.StringNull(), types.StringNull()}
		diags.Append(req.Identity.Get(ctx, &named)...)
		if diags.HasError() {
			return key, false
		}
		key = identity.ServiceKey{Type: named.ServiceType.ValueString(), ExternalID: named.ExternalID.ValueString()}
		err = key.Validate()
	}
	if err == nil {
		err = key.CheckDeclarable()
	}
	if err != nil {
		diags.AddError("Invalid Import ID",
			sentence(err.Error())+"\n\nThe import id of sym_identities is SERVICE_TYPE:EXTERNAL_ID, as in:\n\n  "+importCommand("okta:acme.okta.com"))
	}
	return key, err == nil
}
