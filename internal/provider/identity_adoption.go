// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/readcache"
)

// adoption is what creating a mapping does with what is stored already.
type adoption uint8

const (
	createNew          adoption = iota // nothing is stored
	adoptEqual                         // the same value is stored: take it over
	overwriteAutomatic                 // a rule, lookup or fetch stored another value
	overwriteManual                    // a person stored another one, and overwrite is set
	refuseManual                       // a person stored another one
)

// decideAdoption applies the adoption rules. stored is nil where nothing is.
func decideAdoption(stored *identity.Mapping, want identity.Matcher, overwrite bool) adoption {
	switch {
	case stored == nil:
		return createNew
	case stored.Matcher.Equal(stored.Service.Type, want):
		return adoptEqual
	case stored.Source.OrManual() != identity.Manual:
		return overwriteAutomatic
	case overwrite:
		return overwriteManual
	}
	return refuseManual
}

// newWrite asks for a manual mapping on the condition that what was read is
// still stored.
func newWrite(key mappingKey, m identityModel, want identity.Matcher, stored *identity.Mapping) identity.Write {
	w := identity.Write{
		User: key.user, Name: m.User.ValueString(), Service: key.service, Matcher: want, Source: identity.Manual,
		Conditions: identity.Conditions{IfAbsent: stored == nil, IfUnclaimed: !m.AllowShared.ValueBool()},
	}
	if stored != nil {
		w.IfRevision = stored.Revision
	}
	return w
}

// read finds one mapping; nil where nothing is stored. Failures are in diags.
// What it finds may have been read for others a few minutes ago.
func (r *identityResource) read(ctx context.Context, key mappingKey, diags *diag.Diagnostics) *identity.Mapping {
	return r.readBy(ctx, (*readcache.Reader).FindUsers, key, diags)
}

// readFresh is read as the API answers now: for what is not checked again when
// it is written.
func (r *identityResource) readFresh(ctx context.Context, key mappingKey, diags *diag.Diagnostics) *identity.Mapping {
	return r.readBy(ctx, (*readcache.Reader).FindUsersFresh, key, diags)
}

type findUsers func(*readcache.Reader, context.Context, []identity.UserKey) ([]identity.User, error)

func (r *identityResource) readBy(ctx context.Context, find findUsers, key mappingKey, diags *diag.Diagnostics) *identity.Mapping {
	api, ok := r.data.use(ctx, diags)
	if !ok {
		return nil
	}
	users, err := find(api, ctx, []identity.UserKey{key.user})
	if err != nil {
		addFailure(diags, "Read Identity Mapping", string(key.user), key.service.String(), err)
		return nil
	}
	for _, u := range users {
		if m, ok := u.Mapping(key.service); ok && u.Key == key.user {
			return &m
		}
	}
	return nil
}

// holder is who else has the account, "" where nobody has.
func (r *identityResource) holder(ctx context.Context, key mappingKey, want identity.Matcher, diags *diag.Diagnostics, except ...identity.UserKey) identity.UserKey {
	api, ok := r.data.use(ctx, diags)
	if !ok {
		return ""
	}
	holders, err := api.Holders(ctx, key.service, []string{want.AccountKey(key.service.Type)})
	if identity.CodeOf(err) == identity.CodeServiceNotFound {
		return "" // this run may be about to register it; apply will tell
	}
	if err != nil {
		addFailure(diags, "Check Who Holds the Account", string(key.user), key.service.String(), err)
		return ""
	}
	for _, h := range holders {
		if h.User != key.user && !slices.Contains(except, h.User) {
			return h.User
		}
	}
	return ""
}
