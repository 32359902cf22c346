// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// createAttempts bounds how often Create looks again when what it read changed
// before it wrote, as when the same mapping is moved between two resources.
const createAttempts = 5

func (r *identityResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan identityModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	key, want, ok := plan.applied(&resp.Diagnostics)
	if !ok {
		return
	}
	written := r.adopt(ctx, key, plan, want, &resp.Diagnostics)
	if written == nil {
		return
	}
	plan.setStored(key, *written)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	if resp.Identity != nil {
		resp.Diagnostics.Append(resp.Identity.Set(ctx, key.model())...)
	}
}

// adopt reads, applies the adoption rules and writes on the condition that
// what it read still holds. It returns what is stored then, nil on an error.
// The first look may be at what was read for others before: enough where the
// write itself finds out, but not for refusing, nor for overwriting a mapping
// without a revision.
func (r *identityResource) adopt(ctx context.Context, key mappingKey, plan identityModel, want identity.Matcher, diags *diag.Diagnostics) *identity.Mapping {
	var err error
	for attempt := range createAttempts {
		look := r.readFresh
		if attempt == 0 {
			look = r.read
		}
		stored := look(ctx, key, diags)
		if diags.HasError() {
			return nil
		}
		refused := decideAdoption(stored, want, plan.Overwrite.ValueBool()) == refuseManual
		if attempt == 0 && (refused || stored != nil && stored.Revision == 0) {
			continue
		}
		if refused {
			addStoredOtherwise(diags, key, plan, want, *stored)
			return nil
		}
		var written *identity.Mapping
		written, err = r.write(ctx, newWrite(key, plan, want, stored), diags)
		if err == nil {
			return written
		}
		if identity.CodeOf(err) != identity.CodeIdentityConflict {
			break
		}
	}
	addWriteFailure(diags, "Create Identity Mapping", key, plan, want, err)
	return nil
}

// write stores one mapping and returns it as stored; nil without an error
// where diags already say why nothing was written.
func (r *identityResource) write(ctx context.Context, w identity.Write, diags *diag.Diagnostics) (*identity.Mapping, error) {
	api, ok := r.data.use(ctx, diags)
	if !ok {
		return nil, nil
	}
	users, err := api.Write(ctx, []identity.Write{w})
	if err != nil {
		return nil, err
	}
	if len(users) == 1 {
		if m, ok := users[0].Mapping(w.Service); ok {
			return &m, nil
		}
	}
	// The API acknowledged the write without telling what it stored.
	return &identity.Mapping{Service: w.Service, Matcher: w.Matcher, Source: w.Source}, nil
}

func (r *identityResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state identityModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	key, ok := state.key()
	if !ok {
		addBadState(&resp.Diagnostics, state)
		return
	}
	stored := r.read(ctx, key, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if resp.Identity != nil { // also of what is gone: the framework insists
		resp.Diagnostics.Append(resp.Identity.Set(ctx, key.model())...)
	}
	if stored == nil {
		warnGone(&resp.Diagnostics, key, state, r.data.storeCreated())
		resp.State.RemoveResource(ctx)
		return
	}
	current := state
	current.setStored(key, *stored)
	if !current.equal(state) { // encoding the state costs more than the rest of the read
		resp.Diagnostics.Append(resp.State.Set(ctx, current)...)
	}
}

func (r *identityResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state identityModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	key, want, ok := plan.applied(&resp.Diagnostics)
	if !ok {
		return
	}
	if plan.sameValue(state) {
		plan.Source, plan.Revision, plan.UpdatedAt = state.Source, state.Revision, state.UpdatedAt
		plan.setKey(key)
	} else {
		written := r.change(ctx, key, plan, state, want, &resp.Diagnostics)
		if written == nil {
			return
		}
		plan.setStored(key, *written)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	if resp.Identity != nil {
		resp.Diagnostics.Append(resp.Identity.Set(ctx, key.model())...)
	}
}

// change overwrites the mapping on the condition that state still tells what
// is stored.
func (r *identityResource) change(ctx context.Context, key mappingKey, plan, state identityModel, want identity.Matcher, diags *diag.Diagnostics) *identity.Mapping {
	before, _ := state.matcher()
	expected := &identity.Mapping{Service: key.service, Matcher: before, Revision: state.Revision.ValueInt64()}
	if expected.Revision == 0 { // an API without revisions: the condition is checked here
		stored := r.readFresh(ctx, key, diags)
		if diags.HasError() {
			return nil
		}
		if stored == nil || !stored.Matcher.Equal(key.service.Type, before) && !stored.Matcher.Equal(key.service.Type, want) {
			addWriteFailure(diags, "Update Identity Mapping", key, plan, want, identity.Conflict(key.user, key.service, stored))
			return nil
		}
	}
	written, err := r.write(ctx, newWrite(key, plan, want, expected), diags)
	if err != nil {
		addWriteFailure(diags, "Update Identity Mapping", key, plan, want, err)
		return nil
	}
	return written
}

func (r *identityResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state identityModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	key, ok := state.key()
	if !ok {
		addBadState(&resp.Diagnostics, state)
		return
	}
	matcher, _ := state.matcher()
	api, ok := r.data.use(ctx, &resp.Diagnostics)
	if !ok {
		return
	}
	_, err := api.Delete(ctx, []identity.Delete{{User: key.user, Service: key.service, Matcher: matcher, IfRevision: state.Revision.ValueInt64()}})
	switch code := identity.CodeOf(err); {
	case err == nil, code == identity.CodeUserNotFound, code == identity.CodeServiceNotFound:
		return // gone already is success
	case code == identity.CodeIdentityConflict:
		r.keep(ctx, key, matcher, err, &resp.Diagnostics)
	default:
		addFailure(&resp.Diagnostics, "Delete Identity Mapping", string(key.user), key.service.String(), err)
	}
}

// keep decides what a conflict on destroy means. The same value with a newer
// revision was asserted since, by a renamed resource or the bulk type: it is
// theirs now. Another value is somebody's newer decision and stops the destroy.
func (r *identityResource) keep(ctx context.Context, key mappingKey, matcher identity.Matcher, err error, diags *diag.Diagnostics) {
	stored := identity.AsError(err).Stored
	if stored == nil {
		if stored = r.readFresh(ctx, key, diags); diags.HasError() || stored == nil {
			return
		}
	}
	if stored.Matcher.Equal(key.service.Type, matcher) {
		warnAssertedSince(diags, key, *stored)
		return
	}
	addChangedSince(diags, key, matcher, *stored, err)
}

// applied is the mapping an approved plan asks for; all of it is known, and
// only now may an identity be that was unknown at plan.
func (m identityModel) applied(diags *diag.Diagnostics) (mappingKey, identity.Matcher, bool) {
	key, ok := m.key()
	want, known := m.matcher()
	if !ok || !known {
		addBadState(diags, m)
		return key, nil, false
	}
	if err := want.Validate(key.service); err != nil {
		addInvalid(diags, m.valuePath(), "Invalid Identity", err)
		return key, nil, false
	}
	return key, want, true
}
