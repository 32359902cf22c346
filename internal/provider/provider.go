// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package provider is all that Terraform sees: the provider, its resources,
// data sources, functions and list resources.
package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/terraform-plugin-framework-validators/float64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/provider/config"
	"github.com/sym-identity/terraform-provider-sym/internal/readcache"
	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

var (
	_ provider.Provider                   = (*symProvider)(nil)
	_ provider.ProviderWithValidateConfig = (*symProvider)(nil)
	_ provider.ProviderWithFunctions      = (*symProvider)(nil)
	_ provider.ProviderWithListResources  = (*symProvider)(nil)
	_ io.Closer                           = (*symProvider)(nil)
)

// New returns a constructor of the provider, as providerserver takes it.
func New(version string) func() provider.Provider {
	return func() provider.Provider { return newProvider(version, os.LookupEnv) }
}

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

func (p *symProvider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	filled := []validator.String{settingCheck("must not be empty", checkFilled)}
	flag := func(doc string) schema.BoolAttribute {
		return schema.BoolAttribute{Optional: true, MarkdownDescription: doc}
	}
	optional := func(doc string, validators ...validator.String) schema.StringAttribute {
		return schema.StringAttribute{Optional: true, Validators: validators, MarkdownDescription: doc}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Maps people to their accounts in other services, through the identity API that Sym speaks: " +
			"stored mappings first, then reducer rules, then an e-mail lookup in the service itself. " +
			"All arguments are optional. The provider verifies the token with one request at the start of a plan or an apply. `validate` sends no requests.",
		Attributes: map[string]schema.Attribute{
			"org": optional("Slug of the organization. If set, it must equal the organization of the token (or of the embedded configuration), because "+
				"in another organization's store everything would look deleted. Or `SYM_ORG`.", filled...),
			"api_url": optional("Base URL of the identity API, such as `https://identity.acme.dev/api/v1`. Conflicts with `embedded`. Or `SYM_API_URL`.",
				settingCheck("must be an http or https URL without user, query and fragment", config.CheckAPIURL)),
			"allow_http": flag("Allows an `http://` URL of another machine. Anyone on the network in between can then read the token. Default: `false`, " +
				"`http://` is allowed only for `localhost` and loopback addresses. Or `SYM_ALLOW_HTTP`."),
			"embedded": schema.SingleNestedAttribute{
				Optional: true,
				MarkdownDescription: "Runs the identity API inside the provider, without a server. Conflicts with `api_url`. " +
					"SQLite works on one machine only. In CI, use PostgreSQL as the `store` of the configuration.",
				Attributes: map[string]schema.Attribute{
					"config": schema.StringAttribute{
						Required: true, Validators: filled,
						MarkdownDescription: "Path of a sym-identityd configuration file, relative to the working directory. Its `listen` and tokens are not used. Or `SYM_EMBEDDED_CONFIG`.",
					},
				},
			},
			"token": schema.StringAttribute{
				Optional: true, Sensitive: true,
				Validators: []validator.String{settingCheck("must be a token without spaces", config.CheckToken)},
				MarkdownDescription: "Bearer token. Prefer a source outside of the configuration. The provider uses the first that is set: `token`, `token_file`, " +
					"the variable that `jwt_env_var` names, `SYM_JWT`, `SYM_TOKEN_FILE`, the CI's own identity (see `oidc_audience`), symflow's own login file " +
					"(`~/.config/symflow/default/config.yml`; its organization must equal `org`).",
			},
			"token_file": optional("File that contains the token. The provider reads it again when it changes, because some CI systems renew tokens during a run. Or `SYM_TOKEN_FILE`.", filled...),
			"jwt_env_var": optional("Name of the environment variable that contains the token, in place of `SYM_JWT`. If that variable is not set, it is an error.",
				filled...),
			"oidc_audience": optional("Audience of the OIDC token of a CI job, as in the `jwt` block of the API's configuration. If it is set and no token is set, "+
				"the provider uses the token of HCP Terraform (`TFC_WORKLOAD_IDENTITY_TOKEN_SYM` or `TFC_WORKLOAD_IDENTITY_TOKEN`), or requests one from GitHub Actions "+
				"(the job needs `id-token: write`) and another before it expires. In other places it has no effect. Or `SYM_OIDC_AUDIENCE`.", filled...),
			"rules":     providerRulesAttribute(),
			"read_only": flag("Makes every change fail before it is sent. Use it for plans of pull requests if the token may write. Default: `false`. Or `SYM_READ_ONLY`."),
			"max_retries": schema.Int64Attribute{
				Optional: true, Validators: []validator.Int64{int64validator.Between(0, config.MaxWhole)},
				MarkdownDescription: fmt.Sprintf("How often a request that is safe to repeat is retried, after 429, 502, 503, 504 and broken connections. "+
					"Waits follow `Retry-After`. Default: %d. Or `SYM_MAX_RETRIES`.", config.DefaultMaxRetries),
			},
			"requests_per_second": schema.Float64Attribute{
				Optional: true, Validators: []validator.Float64{float64validator.AtLeast(0)},
				MarkdownDescription: "Highest number of requests per second of this provider configuration. Default: 0, no limit. Or `SYM_REQUESTS_PER_SECOND`.",
			},
			"max_concurrency": schema.Int64Attribute{
				Optional: true, Validators: []validator.Int64{int64validator.Between(1, config.MaxWhole)},
				MarkdownDescription: fmt.Sprintf("Highest number of requests at the same time, regardless of `-parallelism`. Default: %d. Or `SYM_MAX_CONCURRENCY`.", client.DefaultConcurrency),
			},
			"request_timeout": optional(fmt.Sprintf("How long one attempt of a request may take, such as `45s` or `2m`. Default: `%s`. Or `SYM_REQUEST_TIMEOUT`.", client.DefaultTimeout),
				settingCheck("must be a duration above zero", config.CheckDuration)),
			"ca_cert_file":     optional("PEM file with certificates of private authorities, in addition to the system's. Or `SYM_CA_CERT_FILE`.", filled...),
			"client_cert_file": optional("PEM file with the certificate for mutual TLS; needs `client_key_file`. If no token is set, the certificate alone says who asks. Or `SYM_CLIENT_CERT_FILE`.", filled...),
			"client_key_file":  optional("PEM file with the key of `client_cert_file`. Or `SYM_CLIENT_KEY_FILE`.", filled...),
			"insecure":         flag("Accepts any certificate of the API, with a warning. Prefer `ca_cert_file`. Default: `false`. Or `SYM_INSECURE`."),
			"skip_credentials_validation": flag("Skips the first request (`auth/login`), which verifies the token and compares `org`. " +
				"Default: `false`. Or `SYM_SKIP_CREDENTIALS_VALIDATION`."),
			"accept_store_ids": schema.ListAttribute{
				Optional: true, ElementType: types.StringType,
				MarkdownDescription: "Ids of earlier stores that state may come from. Resources remember the store and the organization that they were read from, " +
					"and another one is an error, because everything would look deleted there or belong to somebody else. " +
					"You need it only if content moved without the id of its store. `sym-identityd import` into an empty store keeps the id. " +
					"After an apply with a refresh, state has the new store, and you can remove this.",
			},
			"http_headers": schema.MapAttribute{
				Optional: true, Sensitive: true, ElementType: types.StringType,
				MarkdownDescription: "Headers to send with every request, for example for a gateway in front of the API. `Authorization` cannot be set here: it carries the token.",
			},
		},
	}
}

// ValidateConfig checks what a validator of one attribute cannot. It uses
// neither the network nor the environment.
func (p *symProvider) ValidateConfig(ctx context.Context, req provider.ValidateConfigRequest, resp *provider.ValidateConfigResponse) {
	var model config.Model
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(model.Validate()...)
	checkHeaders(model.HTTPHeaders, &resp.Diagnostics)
	_, diags := compileRules(ctx, model.Rules, path.Root("rules"))
	resp.Diagnostics.Append(diags...)
}

// Configure resolves the settings, reads the files they name and connects: one
// request proves the token, so that a failure is one error for the run and not
// one for each resource. With skip_credentials_validation it sends none.
func (p *symProvider) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var model config.Model
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	settings, diags := config.Resolve(ctx, model, p.lookupEnv)
	resp.Diagnostics.Append(diags...)
	if diags.HasError() {
		return
	}
	session, diags := config.NewSession(settings, p.version, req.TerraformVersion, p.lookupEnv)
	resp.Diagnostics.Append(diags...)
	compiled, diags := compileRules(ctx, model.Rules, path.Root("rules"))
	resp.Diagnostics.Append(diags.Errors()...) // validation has given the warnings
	if resp.Diagnostics.HasError() {
		return
	}
	data := &providerData{readOnly: settings.ReadOnly, rules: compiled, session: session, acceptStoreIDs: settings.AcceptStoreIDs}
	if previous := p.configured.Swap(data); previous != nil {
		_ = previous.session.Close() // nothing was lost that an error here would explain
	}
	if _, ok := data.connection(ctx, &resp.Diagnostics); !ok {
		return
	}
	resp.ResourceData = data
	resp.DataSourceData = data
	resp.ListResourceData = data
}

// Close closes what the provider has open, before its process ends.
func (p *symProvider) Close() error {
	if data := p.configured.Load(); data != nil {
		return data.session.Close()
	}
	return nil
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
		NewAccountsDataSource,
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
		NewReportFunction,
	}
}

func (p *symProvider) ListResources(context.Context) []func() list.ListResource {
	return []func() list.ListResource{
		NewIdentityListResource,
		NewServiceListResource,
		NewUserListResource,
	}
}

// providerData is what a configured provider hands to its resources, data
// sources and list resources.
type providerData struct {
	readOnly bool
	rules    *rules.Set // the provider's own rules, compiled once; nil is a set without rules
	session  *config.Session
	claims   accountClaims
	planned  plannedClaims
	foreign  sync.Map // of config.Store: other stores that this run has reported
	outage   outage

	acceptStoreIDs []string
}

// connect returns the configured API. Its reads share requests. ok is false
// after any error in diags, also an earlier one.
func (d *providerData) connect(ctx context.Context, diags *diag.Diagnostics) (api *readcache.Reader, ok bool) {
	connection, ok := d.connection(ctx, diags)
	if !ok {
		return nil, false
	}
	return connection.API, true
}

// connection returns the connection to the API, as connect does.
func (d *providerData) connection(ctx context.Context, diags *diag.Diagnostics) (c *config.Connection, ok bool) {
	if diags.HasError() {
		return nil, false
	}
	c, err := d.session.Connect(ctx)
	if err != nil {
		addConnectFailure(diags, err)
		return nil, false
	}
	return c, true
}

// decode reads a configuration, plan or state into a model. ok is false after
// any error in diags.
func decode[T any](ctx context.Context, from interface {
	Get(context.Context, any) diag.Diagnostics
}, diags *diag.Diagnostics) (model T, ok bool) {
	diags.Append(from.Get(ctx, &model)...)
	return model, !diags.HasError()
}

// providerFunction is a function of the provider.
type providerFunction struct {
	name       string
	definition function.Definition
	run        func(context.Context, function.ArgumentsData) (attr.Value, *function.FuncError)
}

var _ function.Function = (*providerFunction)(nil)

func (f *providerFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = f.name
}

func (f *providerFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = f.definition
}

func (f *providerFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	result, failed := f.run(ctx, req.Arguments)
	if resp.Error = failed; failed == nil {
		resp.Error = resp.Result.Set(ctx, result)
	}
}

// badArgument reports what is wrong with an argument of a function, by its position.
func badArgument(position int64, err error) *function.FuncError {
	return function.NewArgumentFuncError(position, openEnded(sentence(err.Error())))
}

// addConnectFailure reports why the API cannot be used, in the connection's own
// words where it has any.
func addConnectFailure(diags *diag.Diagnostics, err error) {
	var failed *config.Error
	switch {
	case identity.CodeOf(err) == identity.CodeUnauthenticated:
		addFailure(diags, "Authenticate to the Identity API", "", "", err)
		return
	case !errors.As(err, &failed):
		addFailure(diags, "Connect to the Identity API", "", "", err)
		return
	}
	detail := failed.Detail
	if failed.Err != nil {
		detail = strings.TrimSpace(failureDetail("", "", failed.Err) + " " + detail)
	}
	diags.AddError(failed.Title, detail)
}

// storeCreated reports whether the session created its embedded store, which
// explains why everything in state is gone. It is false before the first
// connection.
func (d *providerData) storeCreated() bool {
	c := d.session.Current()
	return c != nil && c.StoreCreated
}

// checkFilled refuses "", which would otherwise silently mean "not set".
func checkFilled(value string) error {
	if value == "" {
		return errors.New("the value is empty; leave the attribute out (or null) where it is not meant to be set")
	}
	return nil
}

// settingCheck makes a validator of a setting's check.
func settingCheck(describes string, check func(string) error) validator.String {
	return textCheck{summary: "Invalid Provider Setting", describes: describes, check: check}
}

// checkHeaders checks each header that is known.
func checkHeaders(value types.Map, diags *diag.Diagnostics) {
	headers := value.Elements()
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		at := path.Root("http_headers").AtMapKey(name)
		value, ok := headers[name].(types.String)
		if ok && value.IsNull() {
			diags.AddAttributeError(at, "Invalid Provider Setting", "The header's value is null. Leave the header out where it is not to be sent.")
			continue
		}
		// The name can be wrong while the value is still unknown.
		if err := config.CheckHeader(name, value.ValueString()); err != nil {
			diags.AddAttributeError(at, "Invalid Provider Setting", sentence(err.Error()))
		}
	}
}
