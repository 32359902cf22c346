// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/sym-identity/terraform-provider-sym/internal/readcache"
	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

// providerData is what a configured provider hands to its resources, data
// sources and list resources. It opens nothing until something needs the API.
type providerData struct {
	settings settings
	rules    *rules.Set // the provider's own rules, compiled once; nil is a set without rules
	opener   *opener
}

// session is the way to the configured API. The first use opens it: the
// embedded instance is started or the HTTP client built, and auth/login proves
// token and org. Later uses get the same one, whose reads all share requests;
// after a failure the next use tries again.
func (d *providerData) session(ctx context.Context) (*readcache.Reader, diag.Diagnostics) {
	s, diags := d.opener.session(ctx)
	if s == nil {
		return nil, diags
	}
	return s.client, diags
}

// storeCreated reports whether the session created its embedded store, which
// so was empty: what state still holds is then gone for this reason. It is
// false before the first use of session.
func (d *providerData) storeCreated() bool {
	s := d.opener.current()
	return s != nil && s.storeCreated
}

// fromProviderData is the provider's data as Configure methods receive it. It
// is nil, without an error, while the provider is not configured yet.
func fromProviderData(data any, diags *diag.Diagnostics) *providerData {
	if data == nil {
		return nil
	}
	d, ok := data.(*providerData)
	if !ok {
		diags.AddError("Unable to Configure the Provider",
			fmt.Sprintf("The provider handed over data of an unexpected kind (%T). This is a bug in the provider; please report it.", data))
		return nil
	}
	return d
}

// use is session for methods that gather diagnostics; ok is false after any
// error, also an earlier one.
func (d *providerData) use(ctx context.Context, diags *diag.Diagnostics) (api *readcache.Reader, ok bool) {
	if diags.HasError() {
		return nil, false
	}
	api, found := d.session(ctx)
	diags.Append(found...)
	return api, !found.HasError()
}
