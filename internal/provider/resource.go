// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"

	"github.com/sym-identity/terraform-provider-sym/internal/provider/config"
	"github.com/sym-identity/terraform-provider-sym/internal/readcache"
)

// baseResource holds what all resources and list resources have in common.
type baseResource struct {
	name string // without the provider's prefix
	data *providerData
}

func (r *baseResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_" + r.name
}

func (r *baseResource) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	r.data, _ = req.ProviderData.(*providerData) // nil while the provider is not configured yet
}

// setIdentity sets a resource identity; nil with a Terraform that knows none.
func setIdentity(ctx context.Context, id *tfsdk.ResourceIdentity, model any, diags *diag.Diagnostics) {
	if id != nil {
		diags.Append(id.Set(ctx, model)...)
	}
}

// byIdentity reports whether an import names a resource identity. Otherwise it names
// an id, which may be empty.
func byIdentity(req resource.ImportStateRequest) bool {
	return req.Identity != nil && !req.Identity.Raw.IsNull()
}

func optionalResourceBool(doc string) schema.BoolAttribute {
	return schema.BoolAttribute{Optional: true, MarkdownDescription: doc}
}

func optionalResourceText(doc string, validators ...validator.String) schema.StringAttribute {
	return schema.StringAttribute{Optional: true, Validators: validators, MarkdownDescription: doc}
}

// replacingText returns a required attribute whose change replaces the resource.
func replacingText(doc string, validators ...validator.String) schema.StringAttribute {
	return schema.StringAttribute{
		Required: true, Validators: validators, PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()}, MarkdownDescription: doc,
	}
}

func computedResourceText(doc string, modifiers ...planmodifier.String) schema.StringAttribute {
	return schema.StringAttribute{Computed: true, PlanModifiers: modifiers, MarkdownDescription: doc}
}

// privateState is Terraform's private state of one resource.
type privateState interface {
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}

// Keys of private state that all resources have.
const (
	storeKey   = "store"   // from which store state was read
	writtenKey = "written" // the revision that this resource wrote last
)

// loadPrivate reads a key of private state; the zero value where it is not set
// or holds something else.
func loadPrivate[T any](ctx context.Context, private privateState, key string, diags *diag.Diagnostics) T {
	var value, zero T
	text, found := private.GetKey(ctx, key)
	diags.Append(found...)
	if json.Unmarshal(text, &value) != nil {
		return zero
	}
	return value
}

// savePrivate keeps a value under a key of private state; the zero value removes the key.
func savePrivate(ctx context.Context, private privateState, key string, value any, diags *diag.Diagnostics) {
	var text []byte
	if !reflect.ValueOf(value).IsZero() {
		text, _ = json.Marshal(value) // what is kept there always marshals
	}
	diags.Append(private.SetKey(ctx, key, text)...)
}

// loadWritten returns the revision that a resource wrote last, 0 where private
// state does not know it.
func loadWritten(ctx context.Context, private privateState, diags *diag.Diagnostics) int64 {
	return loadPrivate[int64](ctx, private, writtenKey, diags)
}

// saveWritten keeps the revision that a resource has written. A refresh never
// changes it, so that destroying leaves what somebody asserted since.
func saveWritten(ctx context.Context, private privateState, revision int64, diags *diag.Diagnostics) {
	savePrivate(ctx, private, writtenKey, revision, diags)
}

// assertedSince reports whether somebody stored a record again after its resource did.
// Where private state knows no revision, it keeps before, the one that state knows.
func assertedSince(ctx context.Context, private privateState, before, stored int64, diags *diag.Diagnostics) bool {
	written := loadWritten(ctx, private, diags)
	if written == 0 {
		written = before
		saveWritten(ctx, private, written, diags)
	}
	return written != 0 && stored > written
}

// phase says what a resource is about to do with its store.
type phase uint8

const (
	reading  phase = iota // in a refresh, which may learn the store
	planning              // which keeps what state knows
	applying
)

// sameStore reports whether the provider uses the store from which the resource
// was read. Another one is an error: what state names would look gone there, or
// be somebody else's. State that knows no store learns it from a read or a write.
// Every method of a resource asks before anything else.
func (r *baseResource) sameStore(ctx context.Context, private privateState, doing phase, diags *diag.Diagnostics) bool {
	if diags.HasError() || r.data == nil { // not configured: nothing can be asked
		return false
	}
	if doing == applying {
		r.data.planned.forget()
	}
	if doing == reading && r.data.outage.skips(diags) {
		return false
	}
	known := loadPrivate[config.Store](ctx, private, storeKey, diags)
	if known == (config.Store{}) && doing == planning {
		return true
	}
	connection, ok := r.data.connection(ctx, diags)
	if !ok {
		return false
	}
	used := connection.Store
	if used == (config.Store{}) || known == used {
		return true // credentials are not validated: nothing says which store it is
	}
	if known != (config.Store{}) && !known.Same(used) && !slices.Contains(r.data.acceptStoreIDs, known.ID) {
		if connection.StoreEmpty && known.Org == used.Org {
			return true // what state names is gone: reading says so
		}
		_, reported := r.data.foreign.LoadOrStore(known, true)
		addForeignStore(diags, known, used, !reported || doing == applying)
		return false
	}
	if doing != planning && (used.ID != "" || known.ID == "") { // an API that gives no id takes none away
		savePrivate(ctx, private, storeKey, used, diags)
	}
	return true
}

// open returns the API where it is the store of the resource; ok is false after an
// error in diags.
func (r *baseResource) open(ctx context.Context, private privateState, doing phase, diags *diag.Diagnostics) (api *readcache.Reader, ok bool) {
	if !r.sameStore(ctx, private, doing, diags) {
		return nil, false
	}
	return r.data.connect(ctx, diags)
}

// begin opens the API for a change, which an interruption ends only late (see
// finishing). stop must be called, also where ok is false.
func (r *baseResource) begin(ctx context.Context, private privateState, diags *diag.Diagnostics) (finish context.Context, stop func(), api *readcache.Reader, ok bool) {
	finish, stop = finishing(ctx)
	api, ok = r.open(finish, private, applying, diags)
	return finish, stop, api, ok
}

// addForeignStore reports that state was read from another store. The cause is
// one of the whole run, so that all but the first are warnings of one summary.
func addForeignStore(diags *diag.Diagnostics, known, used config.Store, whole bool) {
	if !whole {
		diags.AddWarning("Further Resources Belong to Another Store",
			"This resource was read from the other store as well. The error about the first one says what to do.")
		return
	}
	ways := "Nothing was read or changed. Use the provider configuration of the store that state knows: look at api_url, embedded, the token and provider = sym.ALIAS of the resource."
	if known.ID != "" {
		ways += fmt.Sprintf("\n\nIf the content moved to another store, move its id as well: sym-identityd export there, and sym-identityd import into an empty store here. "+
			"Where that store has an id of its own, accept what was read from the old one in the provider block:\n\n  accept_store_ids = [%s]", hclString(known.ID))
	}
	ways += "\n\nTo manage something of this store instead, remove the resource from state (a removed block with destroy = false) and import it again."
	diags.AddError("State Belongs to Another Store", fmt.Sprintf("The resource was read from one store, and the provider uses another.\n\n"+
		"  state:    %s\n  provider: %s\n\n%s", known, used, ways))
}
