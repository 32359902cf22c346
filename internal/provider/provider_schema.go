// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-validators/float64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
)

func (p *symProvider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	filled := []validator.String{settingCheck{"must not be empty", checkFilled}}
	optional := func(doc string, validators ...validator.String) schema.StringAttribute {
		return schema.StringAttribute{Optional: true, Validators: validators, MarkdownDescription: doc}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Maps people to their accounts in other services, through the identity API that Sym speaks: " +
			"stored mappings first, then reducer rules, then an e-mail lookup in the service itself. " +
			"Everything is optional here; the API is asked when something first needs it, never by `validate`.",
		Attributes: map[string]schema.Attribute{
			"org": optional("Slug of the organization. When set, it must equal the token's (or the embedded configuration's): "+
				"another organization's store would look as if everything were gone. Or `SYM_ORG`.", filled...),
			"api_url": optional("Base URL of the identity API, such as `https://identity.acme.dev/api/v1`. Excludes `embedded`. Or `SYM_API_URL`.",
				settingCheck{"must be an http or https URL without user, query and fragment", checkAPIURL}),
			"embedded": schema.SingleNestedAttribute{
				Optional: true,
				MarkdownDescription: "Runs the identity API inside the provider, instead of asking a server. Excludes `api_url`. " +
					"With SQLite this is for one machine; in CI, let the configuration's `store` point at PostgreSQL.",
				Attributes: map[string]schema.Attribute{
					"config": schema.StringAttribute{
						Required: true, Validators: filled,
						MarkdownDescription: "Path of a sym-identityd configuration file, relative to the working directory. Its `listen` and tokens are not used. Or `SYM_EMBEDDED_CONFIG`.",
					},
				},
			},
			"token": schema.StringAttribute{
				Optional: true, Sensitive: true,
				Validators: []validator.String{settingCheck{"must be a token without spaces", checkToken}},
				MarkdownDescription: "Bearer token. Prefer a source outside of the configuration. The first that is set is used: `token`, `token_file`, " +
					"the variable that `jwt_env_var` names, `SYM_JWT`, `SYM_TOKEN_FILE`, the CI's own identity (see `oidc_audience`), symflow's own login file " +
					"(`~/.config/symflow/default/config.yml`; its organization must equal `org`).",
			},
			"token_file": optional("File that holds the token. It is read again when it changes, as CI systems renew tokens during a run. Or `SYM_TOKEN_FILE`.", filled...),
			"jwt_env_var": optional("Name of the environment variable that holds the token, in place of `SYM_JWT`. It is an error when that variable is not set.",
				filled...),
			"oidc_audience": optional("Audience of the OIDC tokens by which CI systems say which job asks, as the API's `jwt` block names it. Where it is set and no token is, "+
				"the provider takes the token of HCP Terraform (`TFC_WORKLOAD_IDENTITY_TOKEN_SYM` or `TFC_WORKLOAD_IDENTITY_TOKEN`), or asks GitHub Actions for one "+
				"(the job needs `id-token: write`) and for another before it expires. Elsewhere it does nothing. Or `SYM_OIDC_AUDIENCE`.", filled...),
			"rules": providerRulesAttribute(),
			"read_only": schema.BoolAttribute{
				Optional:            true,
				MarkdownDescription: "Makes every change fail before it is sent: for plans of pull requests with a token that could do more. Off by default. Or `SYM_READ_ONLY`.",
			},
			"max_retries": schema.Int64Attribute{
				Optional: true, Validators: []validator.Int64{int64validator.Between(0, maxWhole)},
				MarkdownDescription: fmt.Sprintf("How often a request is repeated that may be repeated, after 429, 502, 503, 504 and broken connections. "+
					"`Retry-After` is honoured. %d by default. Or `SYM_MAX_RETRIES`.", defaultMaxRetries),
			},
			"requests_per_second": schema.Float64Attribute{
				Optional: true, Validators: []validator.Float64{float64validator.AtLeast(0)},
				MarkdownDescription: "Limits the requests of this provider configuration; 0, the default, does not. Or `SYM_REQUESTS_PER_SECOND`.",
			},
			"max_concurrency": schema.Int64Attribute{
				Optional: true, Validators: []validator.Int64{int64validator.Between(1, maxWhole)},
				MarkdownDescription: fmt.Sprintf("How many requests are under way at once, whatever `-parallelism` says. %d by default. Or `SYM_MAX_CONCURRENCY`.", client.DefaultConcurrency),
			},
			"request_timeout": optional(fmt.Sprintf("How long one attempt of a request may take, such as `45s` or `2m`. `%s` by default. Or `SYM_REQUEST_TIMEOUT`.", client.DefaultTimeout),
				settingCheck{"must be a duration above zero", checkDuration}),
			"ca_cert_file":     optional("PEM file with certificates of private authorities, accepted beside the system's. Or `SYM_CA_CERT_FILE`.", filled...),
			"client_cert_file": optional("PEM file with the certificate for mutual TLS; needs `client_key_file`. Or `SYM_CLIENT_CERT_FILE`.", filled...),
			"client_key_file":  optional("PEM file with the key of `client_cert_file`. Or `SYM_CLIENT_KEY_FILE`.", filled...),
			"insecure": schema.BoolAttribute{
				Optional:            true,
				MarkdownDescription: "Accepts any certificate of the API, with a warning. Off by default; `ca_cert_file` is the better way. Or `SYM_INSECURE`.",
			},
			"skip_credentials_validation": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Leaves out the one request (`auth/login`) that proves the token and compares `org` before anything else is asked. " +
					"Off by default. Or `SYM_SKIP_CREDENTIALS_VALIDATION`.",
			},
			"http_headers": schema.MapAttribute{
				Optional: true, Sensitive: true, ElementType: types.StringType,
				Validators:          []validator.Map{headersCheck{}},
				MarkdownDescription: "Headers sent with every request, as a gateway in front of the API may want. `Authorization` is the token's and cannot be set here.",
			},
		},
	}
}
