// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package provider is all that Terraform sees: the provider, its resources,
// data sources, functions and list resources.
package provider

import (
	"context"
	"path/filepath"
	"sync/atomic"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/resource"
)

var (
	_ provider.Provider                   = (*symProvider)(nil)
	_ provider.ProviderWithValidateConfig = (*symProvider)(nil)
	_ provider.ProviderWithFunctions      = (*symProvider)(nil)
	_ provider.ProviderWithListResources  = (*symProvider)(nil)
)

func newProvider(version string, lookupEnv func(string) (string, bool)) *symProvider {
	return &symProvider{version: version, lookupEnv: lookupEnv}
}

type symProvider struct {
	version    string
	lookupEnv  func(string) (string, bool)
	configured atomic.Pointer[providerData] // what Configure handed out last
}

func (p *symProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "sym"
	resp.Version = p.version
}

// ValidateConfig checks what a validator of one attribute cannot. It asks
// neither network nor environment.
func (p *symProvider) ValidateConfig(ctx context.Context, req provider.ValidateConfigRequest, resp *provider.ValidateConfigResponse) {
	var config providerModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if !config.APIURL.IsNull() && !config.APIURL.IsUnknown() && !config.Embedded.IsNull() && !config.Embedded.IsUnknown() {
		addTwoTargets(&resp.Diagnostics)
	}
	_, diags := compileRules(ctx, config.Rules, path.Root("rules"))
	resp.Diagnostics.Append(diags...)
}

// Configure weighs the settings and reads the files they name. The API is not
// asked before something needs it.
func (p *symProvider) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var config providerModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	s, diags := resolveSettings(config, p.lookupEnv)
	resp.Diagnostics.Append(diags...)
	if diags.HasError() {
		return
	}
	resp.Diagnostics.Append(checkFiles(s)...)
	compiled, diags := compileRules(ctx, config.Rules, path.Root("rules"))
	resp.Diagnostics.Append(diags...)
	c := connector{
		settings: s, version: p.version, lookupEnv: p.lookupEnv, symflowLogin: p.symflowLogin(),
		userAgent: "terraform-provider-sym/" + p.version + " Terraform/" + req.TerraformVersion,
	}
	if s.APIURL != "" {
		c.transport, diags = newTransport(s)
		resp.Diagnostics.Append(diags...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	data := &providerData{settings: s, rules: compiled, opener: &opener{open: c.open}}
	p.configured.Store(data)
	resp.ResourceData = data
	resp.DataSourceData = data
	resp.ListResourceData = data
	resp.EphemeralResourceData = data
	resp.ActionData = data
}

// symflowLogin is where symflow login keeps its token; "" where there is no
// home directory.
func (p *symProvider) symflowLogin() string {
	for _, name := range []string{"HOME", "USERPROFILE"} {
		if home, _ := p.lookupEnv(name); home != "" {
			return filepath.Join(home, ".config", "symflow", "default", "config.yml")
		}
	}
	return ""
}

func (p *symProvider) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		NewIdentityResource,
		NewIdentitiesResource,
		NewServiceResource,
		NewUserResource,
	}
}

func (p *symProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{
		NewResolvedIdentityDataSource,
		NewResolvedIdentitiesDataSource,
		NewIdentitiesDataSource,
		NewUserDataSource,
		NewUsersDataSource,
		NewServiceDataSource,
		NewServicesDataSource,
	}
}

func (p *symProvider) Functions(context.Context) []func() function.Function {
	return []func() function.Function{
		NewReduceFunction,
		NewIdentitiesFromCSVFunction,
		NewIdentitiesToCSVFunction,
	}
}

func (p *symProvider) ListResources(context.Context) []func() list.ListResource {
	return []func() list.ListResource{
		NewIdentityListResource,
	}
}
