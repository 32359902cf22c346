// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package config turns the provider block and the environment into settings,
// and opens the identity API that they name: a server, or an instance in the
// provider's own process.
package config

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
)

// Model is the provider block as written.
type Model struct {
	Org                       types.String  `tfsdk:"org"`
	APIURL                    types.String  `tfsdk:"api_url"`
	AllowHTTP                 types.Bool    `tfsdk:"allow_http"`
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
	AcceptStoreIDs            types.List    `tfsdk:"accept_store_ids"`
}

// values returns all attributes by name.
func (m Model) values() map[string]attr.Value {
	model := reflect.ValueOf(m)
	values := make(map[string]attr.Value, model.NumField())
	for i := range model.NumField() {
		if value, ok := model.Field(i).Interface().(attr.Value); ok {
			values[model.Type().Field(i).Tag.Get("tfsdk")] = value
		}
	}
	return values
}

// embeddedConfig returns the path in embedded, null where it is not set.
func (m Model) embeddedConfig() types.String {
	if config, ok := m.Embedded.Attributes()["config"].(types.String); ok {
		return config
	}
	return types.StringNull()
}

// Settings is what a provider runs with.
type Settings struct {
	Org            string // "" = not checked
	APIURL         string // "" with EmbeddedConfig "": nothing is configured
	EmbeddedConfig string // path; "" = not embedded
	Token          tokenSetting
	OIDCAudience   string // of workload identity tokens; "" = they are not used

	ReadOnly                  bool
	MaxRetries                int
	RequestsPerSecond         float64 // 0 = unlimited
	MaxConcurrency            int
	RequestTimeout            time.Duration
	SkipCredentialsValidation bool
	Headers                   map[string]string
	AcceptStoreIDs            []string // of other stores, from which state may have been read

	CACertFile     string
	ClientCertFile string
	ClientKeyFile  string
	Insecure       bool
}

// DefaultMaxRetries applies where max_retries is not set.
const DefaultMaxRetries = 5

// MaxWhole bounds max_retries and max_concurrency.
const MaxWhole = 1000

// environment holds the variable of each attribute that has one. The token's
// variables are not here: token sources have an order of their own.
var environment = map[string]string{
	"org":                         "SYM_ORG",
	"api_url":                     "SYM_API_URL",
	"allow_http":                  "SYM_ALLOW_HTTP",
	"embedded":                    "SYM_EMBEDDED_CONFIG",
	"oidc_audience":               "SYM_OIDC_AUDIENCE",
	"read_only":                   "SYM_READ_ONLY",
	"max_retries":                 "SYM_MAX_RETRIES",
	"requests_per_second":         "SYM_REQUESTS_PER_SECOND",
	"max_concurrency":             "SYM_MAX_CONCURRENCY",
	"request_timeout":             "SYM_REQUEST_TIMEOUT",
	"skip_credentials_validation": "SYM_SKIP_CREDENTIALS_VALIDATION",
	"ca_cert_file":                "SYM_CA_CERT_FILE",
	"client_cert_file":            "SYM_CLIENT_CERT_FILE",
	"client_key_file":             "SYM_CLIENT_KEY_FILE",
	"insecure":                    "SYM_INSECURE",
}

// Resolve takes each setting from the configuration, else from the
// environment, else from the defaults. An empty variable counts as not set. It
// does no I/O. Unknown and bad values are errors at their attributes.
func Resolve(ctx context.Context, model Model, lookupEnv func(string) (string, bool)) (Settings, diag.Diagnostics) {
	r := resolver{lookupEnv: lookupEnv}
	r.refuseUnknown(ctx, model)
	if r.diags.HasError() {
		return Settings{}, r.diags
	}
	s := Settings{
		Org:                       r.text("org", model.Org, nil),
		OIDCAudience:              r.text("oidc_audience", model.OIDCAudience, nil),
		ReadOnly:                  r.boolean("read_only", model.ReadOnly),
		MaxRetries:                r.integer("max_retries", model.MaxRetries, DefaultMaxRetries, 0),
		RequestsPerSecond:         r.rate("requests_per_second", model.RequestsPerSecond),
		MaxConcurrency:            r.integer("max_concurrency", model.MaxConcurrency, client.DefaultConcurrency, 1),
		RequestTimeout:            r.duration("request_timeout", model.RequestTimeout, client.DefaultTimeout),
		SkipCredentialsValidation: r.boolean("skip_credentials_validation", model.SkipCredentialsValidation),
		CACertFile:                r.text("ca_cert_file", model.CACertFile, nil),
		ClientCertFile:            r.text("client_cert_file", model.ClientCertFile, nil),
		ClientKeyFile:             r.text("client_key_file", model.ClientKeyFile, nil),
		Insecure:                  r.boolean("insecure", model.Insecure),
	}
	if !model.HTTPHeaders.IsNull() {
		r.diags.Append(model.HTTPHeaders.ElementsAs(ctx, &s.Headers, false)...)
	}
	if !model.AcceptStoreIDs.IsNull() {
		r.diags.Append(model.AcceptStoreIDs.ElementsAs(ctx, &s.AcceptStoreIDs, false)...)
	}
	s.APIURL, s.EmbeddedConfig = r.target(model)
	if allowed := r.boolean("allow_http", model.AllowHTTP); !allowed && tellsTheNetwork(s.APIURL) {
		r.diags.AddAttributeError(path.Root("api_url"), "Token Sent Without Encryption",
			"api_url begins with http:// and names another machine. Anybody on the way there can read the token and use it. "+
				"Write https://. Only where nobody can listen, as inside one pod, add to the provider block (or set SYM_ALLOW_HTTP=true):\n\n"+
				"  allow_http = true")
	}
	s.Token = r.token(model, s.EmbeddedConfig != "", s.OIDCAudience)
	if (s.ClientCertFile == "") != (s.ClientKeyFile == "") {
		at := path.Root("client_cert_file")
		if s.ClientCertFile == "" {
			at = path.Root("client_key_file")
		}
		r.diags.AddAttributeError(at, "Incomplete Client Certificate",
			"A client certificate needs both client_cert_file and client_key_file. Set both, or neither.")
	}
	return s, r.diags
}

// resolver reads single settings and collects what is wrong with them.
type resolver struct {
	lookupEnv func(string) (string, bool)
	diags     diag.Diagnostics
}

func (r *resolver) env(name string) string {
	value, _ := r.lookupEnv(name)
	return value
}

// badEnv reports a variable's value: the schema's validators never see it.
func (r *resolver) badEnv(attribute string, err error) {
	r.diags.AddAttributeError(path.Root(attribute), "Invalid Environment Variable",
		fmt.Sprintf("The value of %s is invalid: %s.", environment[attribute], err))
}

func (r *resolver) text(attribute string, config types.String, check func(string) error) string {
	if !config.IsNull() {
		return config.ValueString()
	}
	value := r.env(environment[attribute])
	if value != "" && check != nil {
		if err := check(value); err != nil {
			r.badEnv(attribute, err)
		}
	}
	return value
}

func (r *resolver) boolean(attribute string, config types.Bool) bool {
	raw := r.env(environment[attribute])
	if !config.IsNull() || raw == "" {
		return config.ValueBool()
	}
	value, err := strconv.ParseBool(raw)
	if err != nil {
		r.badEnv(attribute, fmt.Errorf("%q is neither true nor false", raw))
	}
	return value
}

func (r *resolver) integer(attribute string, config types.Int64, byDefault, atLeast int) int {
	if !config.IsNull() {
		return int(config.ValueInt64())
	}
	raw := r.env(environment[attribute])
	if raw == "" {
		return byDefault
	}
	value, err := strconv.Atoi(raw)
	if err != nil || value < atLeast || value > MaxWhole {
		r.badEnv(attribute, fmt.Errorf("%q is not a whole number from %d to %d", raw, atLeast, MaxWhole))
	}
	return value
}

func (r *resolver) rate(attribute string, config types.Float64) float64 {
	raw := r.env(environment[attribute])
	if !config.IsNull() || raw == "" {
		return config.ValueFloat64()
	}
	value, err := strconv.ParseFloat(raw, 64)
	if err != nil || !(value >= 0) { // NaN is not >= 0
		r.badEnv(attribute, fmt.Errorf("%q is not a number of 0 or more", raw))
	}
	return value
}

func (r *resolver) duration(attribute string, config types.String, byDefault time.Duration) time.Duration {
	value, err := time.ParseDuration(r.text(attribute, config, CheckDuration))
	if err != nil { // not set, or already reported
		return byDefault
	}
	return value
}

// target decides between api_url and embedded. An attribute in the
// configuration switches off the other one's variable.
func (r *resolver) target(model Model) (apiURL, embedded string) {
	embedded = model.embeddedConfig().ValueString()
	switch {
	case embedded != "" && !model.APIURL.IsNull():
		r.diags.Append(twoTargets())
		return "", ""
	case embedded != "":
		return "", embedded
	case !model.APIURL.IsNull():
		return model.APIURL.ValueString(), ""
	}
	apiURL, embedded = r.text("api_url", types.StringNull(), CheckAPIURL), r.env(environment["embedded"])
	if apiURL != "" && embedded != "" {
		r.diags.AddError("Two Identity APIs Configured",
			fmt.Sprintf("%s and %s are both set, and the configuration has neither api_url nor embedded. "+
				"Unset one of the variables, or set the attribute that is meant.", environment["api_url"], environment["embedded"]))
		return "", ""
	}
	return apiURL, embedded
}

// tellsTheNetwork reports whether requests to a base URL leave this machine
// unencrypted.
func tellsTheNetwork(apiURL string) bool {
	u, err := url.Parse(strings.TrimSpace(apiURL))
	return err == nil && u.Scheme == "http" && !httpx.Loopback(u.Hostname())
}

// Validate reports what a validator of one attribute cannot see.
func (m Model) Validate() diag.Diagnostics {
	if m.APIURL.IsNull() || m.APIURL.IsUnknown() || m.Embedded.IsNull() || m.Embedded.IsUnknown() {
		return nil
	}
	return diag.Diagnostics{twoTargets()}
}

func twoTargets() diag.Diagnostic {
	return diag.NewAttributeErrorDiagnostic(path.Root("embedded"), "Two Identity APIs Configured",
		"api_url and embedded exclude each other: api_url names a server, embedded runs the API in the provider. Remove one of them.")
}

// refuseUnknown reports values that are known only after an apply. A provider
// that planned without them would ask another API, or with another token.
func (r *resolver) refuseUnknown(ctx context.Context, model Model) {
	values := model.values()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value, err := values[name].ToTerraformValue(ctx)
		if err == nil && value.IsFullyKnown() {
			continue
		}
		remedy := "Use a value that is known when planning, such as a variable, or apply first what gives the value (with -target)."
		if env, ok := environment[name]; ok {
			remedy += " Left out of the configuration, it is taken from " + env + "."
		}
		r.diags.AddAttributeError(path.Root(name), "Unknown Provider Setting",
			fmt.Sprintf("The value of %s is not known before something else is applied, so the provider cannot be configured. %s", name, remedy))
	}
}

// CheckAPIURL reports why the client would refuse a base URL. The error never
// repeats the URL, which may hold a password.
func CheckAPIURL(value string) error {
	_, err := client.New(client.Config{BaseURL: value})
	return err
}

// CheckHeader reports why the client would refuse a header.
func CheckHeader(name, value string) error {
	_, err := client.New(client.Config{
		BaseURL: "http://localhost", Token: client.StaticToken(""), Headers: map[string]string{name: value},
	})
	return err
}

// CheckDuration reports a text that is not a duration above zero.
func CheckDuration(value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is not a duration above zero; write a number with a unit, as in 30s or 2m", value)
	}
	return nil
}

// CheckToken reports characters that no token has. The error never repeats the
// token.
func CheckToken(value string) error {
	if value == "" {
		return errors.New("the token is empty; leave the attribute out where another source gives it")
	}
	for _, r := range value {
		if r <= ' ' || r > '~' {
			return errors.New("the token holds a space, a line break or another character that no token has; remove it")
		}
	}
	return nil
}
