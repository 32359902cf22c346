// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// providerModel is the provider block as written.
type providerModel struct {
	Org                       types.String  `tfsdk:"org"`
	APIURL                    types.String  `tfsdk:"api_url"`
	Embedded                  types.Object  `tfsdk:"embedded"`
	Token                     types.String  `tfsdk:"token"`
	TokenFile                 types.String  `tfsdk:"token_file"`
	JWTEnvVar                 types.String  `tfsdk:"jwt_env_var"`
	OIDCAudience              types.String  `tfsdk:"oidc_audience"`
	Rules                     types.List    `tfsdk:"rules"`
	ReadOnly                  types.Bool    `tfsdk:"read_only"`
	MaxRetries                types.Int64   `tfsdk:"max_retries"`
	RequestsPerSecond         types.Float64 `tfsdk:"requests_per_second"`
	MaxConcurrency            types.Int64   `tfsdk:"max_concurrency"`
	RequestTimeout            types.String  `tfsdk:"request_timeout"`
	CACertFile                types.String  `tfsdk:"ca_cert_file"`
	ClientCertFile            types.String  `tfsdk:"client_cert_file"`
	ClientKeyFile             types.String  `tfsdk:"client_key_file"`
	Insecure                  types.Bool    `tfsdk:"insecure"`
	SkipCredentialsValidation types.Bool    `tfsdk:"skip_credentials_validation"`
	HTTPHeaders               types.Map     `tfsdk:"http_headers"`
}

// values are all attributes by name.
func (m providerModel) values() map[string]attr.Value {
	return map[string]attr.Value{
		"org": m.Org, "api_url": m.APIURL, "embedded": m.Embedded, "token": m.Token, "token_file": m.TokenFile,
		"jwt_env_var": m.JWTEnvVar, "oidc_audience": m.OIDCAudience, "rules": m.Rules, "read_only": m.ReadOnly, "max_retries": m.MaxRetries,
		"requests_per_second": m.RequestsPerSecond, "max_concurrency": m.MaxConcurrency, "request_timeout": m.RequestTimeout,
		"ca_cert_file": m.CACertFile, "client_cert_file": m.ClientCertFile, "client_key_file": m.ClientKeyFile,
		"insecure": m.Insecure, "skip_credentials_validation": m.SkipCredentialsValidation, "http_headers": m.HTTPHeaders,
	}
}

// embeddedConfig is the path in embedded, null where it is not set.
func (m providerModel) embeddedConfig() types.String {
	if config, ok := m.Embedded.Attributes()["config"].(types.String); ok {
		return config
	}
	return types.StringNull()
}
