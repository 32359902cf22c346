// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/readcache"
)

// baseDataSource holds what all data sources have in common.
type baseDataSource struct {
	name string // without the provider's prefix
	data *providerData
}

func (d *baseDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_" + d.name
}

func (d *baseDataSource) Configure(_ context.Context, req datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	d.data, _ = req.ProviderData.(*providerData) // nil while the provider is not configured yet
}

// dataSource is a data source whose model M says what is its own.
type dataSource[M any, P dataModel[M]] struct{ baseDataSource }

// dataModel is the configuration and the result of a data source.
type dataModel[M any] interface {
	*M
	schema() schema.Schema
	// check reports what is wrong with a configuration; parts of it may be unknown.
	check(ctx context.Context, diags *diag.Diagnostics)
	// read fills the model, whose configuration is known and has been checked.
	read(ctx context.Context, data *providerData, api *readcache.Reader, diags *diag.Diagnostics)
}

var (
	_ datasource.DataSourceWithConfigure      = (*dataSource[usersModel, *usersModel])(nil)
	_ datasource.DataSourceWithValidateConfig = (*dataSource[usersModel, *usersModel])(nil)
)

func newDataSource[M any, P dataModel[M]](name string) *dataSource[M, P] {
	return &dataSource[M, P]{baseDataSource{name: name}}
}

func (d *dataSource[M, P]) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = P(new(M)).schema()
}

func (d *dataSource[M, P]) ValidateConfig(ctx context.Context, req datasource.ValidateConfigRequest, resp *datasource.ValidateConfigResponse) {
	if model, ok := decode[M](ctx, req.Config, &resp.Diagnostics); ok {
		P(&model).check(ctx, &resp.Diagnostics)
	}
}

func (d *dataSource[M, P]) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	model, ok := decode[M](ctx, req.Config, &resp.Diagnostics)
	if !ok {
		return
	}
	P(&model).check(ctx, &resp.Diagnostics)      // parts may have been unknown until now
	resp.Diagnostics = resp.Diagnostics.Errors() // validation has given the warnings
	api, ok := d.data.connect(ctx, &resp.Diagnostics)
	if !ok {
		return
	}
	P(&model).read(ctx, d.data, api, &resp.Diagnostics)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.State.Set(ctx, model)...)
	}
}

func requiredText(doc string) schema.StringAttribute {
	return schema.StringAttribute{Required: true, MarkdownDescription: doc}
}

func optionalText(doc string, validators ...validator.String) schema.StringAttribute {
	return schema.StringAttribute{Optional: true, Validators: validators, MarkdownDescription: doc}
}

func optionalBool(doc string) schema.BoolAttribute {
	return schema.BoolAttribute{Optional: true, MarkdownDescription: doc}
}

func optionalMap(of attr.Type, doc string) schema.MapAttribute {
	return schema.MapAttribute{Optional: true, ElementType: of, MarkdownDescription: doc}
}

func computedText(doc string) schema.StringAttribute {
	return schema.StringAttribute{Computed: true, MarkdownDescription: doc}
}

func computedBool(doc string) schema.BoolAttribute {
	return schema.BoolAttribute{Computed: true, MarkdownDescription: doc}
}

func computedInt(doc string) schema.Int64Attribute {
	return schema.Int64Attribute{Computed: true, MarkdownDescription: doc}
}

func computedMap(of attr.Type, doc string) schema.MapAttribute {
	return schema.MapAttribute{Computed: true, ElementType: of, MarkdownDescription: doc}
}

func computedTexts(doc string) schema.ListAttribute {
	return schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: doc}
}

// computedList returns a list of objects.
func computedList(doc string, of map[string]schema.Attribute) schema.ListNestedAttribute {
	return schema.ListNestedAttribute{Computed: true, MarkdownDescription: doc, NestedObject: schema.NestedAttributeObject{Attributes: of}}
}
