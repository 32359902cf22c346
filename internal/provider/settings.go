// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
)

// settings is what a provider runs with, once configuration, environment and
// defaults are weighed.
type settings struct {
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

	CACertFile     string
	ClientCertFile string
	ClientKeyFile  string
	Insecure       bool
}

const defaultMaxRetries = 5

// resolveSettings weighs configuration, environment and defaults, in this
// order; an empty variable counts as not set. It does no I/O. Unknown and bad
// values are errors at their attributes.
func resolveSettings(config providerModel, lookupEnv func(string) (string, bool)) (settings, diag.Diagnostics) {
	w := weigher{lookupEnv: lookupEnv}
	w.refuseUnknown(config)
	if w.diags.HasError() {
		return settings{}, w.diags
	}
	s := settings{
		Org:                       w.text("org", config.Org, nil),
		OIDCAudience:              w.text("oidc_audience", config.OIDCAudience, nil),
		ReadOnly:                  w.truth("read_only", config.ReadOnly),
		MaxRetries:                int(w.whole("max_retries", config.MaxRetries, defaultMaxRetries, 0)),
		RequestsPerSecond:         w.rate("requests_per_second", config.RequestsPerSecond),
		MaxConcurrency:            int(w.whole("max_concurrency", config.MaxConcurrency, client.DefaultConcurrency, 1)),
		RequestTimeout:            w.duration("request_timeout", config.RequestTimeout, client.DefaultTimeout),
		SkipCredentialsValidation: w.truth("skip_credentials_validation", config.SkipCredentialsValidation),
		CACertFile:                w.text("ca_cert_file", config.CACertFile, nil),
		ClientCertFile:            w.text("client_cert_file", config.ClientCertFile, nil),
		ClientKeyFile:             w.text("client_key_file", config.ClientKeyFile, nil),
		Insecure:                  w.truth("insecure", config.Insecure),
		Headers:                   stringsOf(config.HTTPHeaders),
	}
	s.APIURL, s.EmbeddedConfig = w.target(config)
	s.Token = w.token(config, s.EmbeddedConfig != "", s.OIDCAudience)
	if (s.ClientCertFile == "") != (s.ClientKeyFile == "") {
		at := path.Root("client_cert_file")
		if s.ClientCertFile == "" {
			at = path.Root("client_key_file")
		}
		w.diags.AddAttributeError(at, "Incomplete Client Certificate",
			"A client certificate needs both client_cert_file and client_key_file. Set both, or neither.")
	}
	return s, w.diags
}

// weigher reads single settings and gathers what is wrong with them.
type weigher struct {
	lookupEnv func(string) (string, bool)
	diags     diag.Diagnostics
}

// envNames are the variables that stand in for attributes. The token is not
// among them: where it comes from has an order of its own.
var envNames = map[string]string{
	"org":                         "SYM_ORG",
	"api_url":                     "SYM_API_URL",
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

func (w *weigher) env(name string) string {
	value, _ := w.lookupEnv(name)
	return value
}

// badEnv reports a variable's value, which validators of the schema never see.
func (w *weigher) badEnv(attribute string, err error) {
	w.diags.AddAttributeError(path.Root(attribute), "Invalid Environment Variable",
		fmt.Sprintf("The value of %s is invalid: %s.", envNames[attribute], err))
}

func (w *weigher) text(attribute string, config types.String, check func(string) error) string {
	if !config.IsNull() {
		return config.ValueString()
	}
	value := w.env(envNames[attribute])
	if value != "" && check != nil {
		if err := check(value); err != nil {
			w.badEnv(attribute, err)
		}
	}
	return value
}

func (w *weigher) truth(attribute string, config types.Bool) bool {
	raw := w.env(envNames[attribute])
	if !config.IsNull() || raw == "" {
		return config.ValueBool()
	}
	value, err := strconv.ParseBool(raw)
	if err != nil {
		w.badEnv(attribute, fmt.Errorf("%q is neither true nor false", raw))
	}
	return value
}

func (w *weigher) whole(attribute string, config types.Int64, byDefault, atLeast int64) int64 {
	if !config.IsNull() {
		return config.ValueInt64()
	}
	raw := w.env(envNames[attribute])
	if raw == "" {
		return byDefault
	}
	value, err := strconv.ParseInt(raw, 10, 32)
	if err != nil || value < atLeast || value > maxWhole {
		w.badEnv(attribute, fmt.Errorf("%q is not a whole number from %d to %d", raw, atLeast, maxWhole))
	}
	return value
}

// maxWhole bounds retries and concurrency; nobody means more.
const maxWhole = 1000

func (w *weigher) rate(attribute string, config types.Float64) float64 {
	raw := w.env(envNames[attribute])
	if !config.IsNull() || raw == "" {
		return config.ValueFloat64()
	}
	value, err := strconv.ParseFloat(raw, 64)
	if err != nil || !(value >= 0) { // not a number is not >= 0
		w.badEnv(attribute, fmt.Errorf("%q is not a number of 0 or more", raw))
	}
	return value
}

func (w *weigher) duration(attribute string, config types.String, byDefault time.Duration) time.Duration {
	raw := w.text(attribute, config, checkDuration)
	if raw == "" {
		return byDefault
	}
	value, err := time.ParseDuration(raw)
	if err != nil { // the schema's validator or checkDuration said so
		return byDefault
	}
	return value
}

// target decides between api_url and embedded. The configuration's choice
// switches off the other one's variable.
func (w *weigher) target(config providerModel) (apiURL, embedded string) {
	embedded = config.embeddedConfig().ValueString()
	switch {
	case embedded != "" && !config.APIURL.IsNull():
		addTwoTargets(&w.diags)
		return "", ""
	case embedded != "":
		return "", embedded
	case !config.APIURL.IsNull():
		return config.APIURL.ValueString(), ""
	}
	apiURL, embedded = w.text("api_url", types.StringNull(), checkAPIURL), w.env(envNames["embedded"])
	if apiURL != "" && embedded != "" {
		w.diags.AddError("Two Identity APIs Configured",
			fmt.Sprintf("%s and %s are both set, and the configuration has neither api_url nor embedded. "+
				"Unset one of the variables, or set the attribute that is meant.", envNames["api_url"], envNames["embedded"]))
		return "", ""
	}
	return apiURL, embedded
}

// refuseUnknown reports values that only exist once something is applied: a
// provider that plans without them would ask another API, or with another
// token.
func (w *weigher) refuseUnknown(config providerModel) {
	values := config.values()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if isKnown(values[name]) {
			continue
		}
		remedy := "Use a value that is known when planning, such as a variable, or apply first what gives the value (with -target)."
		if env, ok := envNames[name]; ok {
			remedy += " Left out of the configuration, it is taken from " + env + "."
		}
		w.diags.AddAttributeError(path.Root(name), "Unknown Provider Setting",
			fmt.Sprintf("The value of %s is not known before something else is applied, so the provider cannot be configured. %s", name, remedy))
	}
}

// isKnown looks into collections and objects too.
func isKnown(v attr.Value) bool {
	if v.IsUnknown() {
		return false
	}
	var inner []attr.Value
	switch v := v.(type) {
	case types.List:
		inner = v.Elements()
	case types.Map:
		inner = slices.Collect(maps.Values(v.Elements()))
	case types.Object:
		inner = slices.Collect(maps.Values(v.Attributes()))
	}
	return !slices.ContainsFunc(inner, func(v attr.Value) bool { return !isKnown(v) })
}

// stringsOf is a known map of strings as Go has it; nil for null.
func stringsOf(m types.Map) map[string]string {
	if m.IsNull() {
		return nil
	}
	out := make(map[string]string, len(m.Elements()))
	for k, v := range m.Elements() {
		if s, ok := v.(types.String); ok {
			out[k] = s.ValueString()
		}
	}
	return out
}

func addTwoTargets(diags *diag.Diagnostics) {
	diags.AddAttributeError(path.Root("embedded"), "Two Identity APIs Configured",
		"api_url and embedded exclude each other: one names a server, the other runs the API in the provider's own process. Remove one of them.")
}
