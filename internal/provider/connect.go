// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
	"github.com/sym-identity/terraform-provider-sym/internal/embedded"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/readcache"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// connector opens sessions as the settings say.
type connector struct {
	settings     settings
	transport    http.RoundTripper // to api_url
	version      string            // of the provider
	userAgent    string
	lookupEnv    func(string) (string, bool) // for env() of an embedded configuration
	symflowLogin string                      // path of symflow's login file; "" where no home is known
}

const connectAction = "Connect to the Identity API"

// open builds the client and proves token and org. Its diagnostics carry no
// path: they are shown with whatever resource came first, whose attributes
// have nothing to do with them.
func (c connector) open(ctx context.Context) (*session, diag.Diagnostics) {
	var diags diag.Diagnostics
	switch {
	case c.settings.EmbeddedConfig != "":
		return c.openEmbedded(ctx)
	case c.settings.APIURL != "":
		token, ok := c.token(&diags)
		if !ok {
			return nil, diags
		}
		s := &session{client: readcache.New(c.newClient(&diags, c.settings.APIURL, c.transport, token))}
		return c.verified(ctx, s, diags)
	}
	diags.AddError("No Identity API Configured",
		"The provider does not know which identity API to use. Set one of the two:\n\n"+
			"  api_url  = \"https://identity.acme.dev/api/v1\"      # a server (or SYM_API_URL)\n"+
			"  embedded = { config = \"sym-identityd.hcl\" }  # no server: the API runs in the provider (or SYM_EMBEDDED_CONFIG)")
	return nil, diags
}

func (c connector) openEmbedded(ctx context.Context) (*session, diag.Diagnostics) {
	var diags diag.Diagnostics
	opts := embedded.Options{
		LookupEnv: c.lookupEnv, Version: c.version, Logger: slog.New(logBridge{}),
		Principal: &identity.Principal{Name: "terraform", Role: identity.Admin},
	}
	config, err := embedded.Load(c.settings.EmbeddedConfig, opts)
	if err != nil {
		addBadEmbedded(&diags, c.settings.EmbeddedConfig, err)
		return nil, diags
	}
	// Before anything is opened: another org's file must not create a store.
	if c.wrongOrg(&diags, config.Org(), "the embedded configuration "+c.settings.EmbeddedConfig+" is for") {
		return nil, diags
	}
	instance, err := config.Open(ctx, opts)
	if err != nil {
		addBadEmbedded(&diags, c.settings.EmbeddedConfig, err)
		return nil, diags
	}
	s := &session{storeCreated: instance.StoreCreated()}
	s.client = readcache.New(c.newClient(&diags, "http://embedded"+symapi.BasePath, client.InProcess(instance.Handler()), nil))
	opened, diags := c.verified(ctx, s, diags)
	if opened == nil {
		_ = instance.Close() // the failure that is reported came first
	}
	return opened, diags
}

// verified asks auth/login who the token is, unless that is switched off, and
// compares the org.
func (c connector) verified(ctx context.Context, s *session, diags diag.Diagnostics) (*session, diag.Diagnostics) {
	if diags.HasError() {
		return nil, diags
	}
	if c.settings.SkipCredentialsValidation {
		return s, diags
	}
	who, err := s.client.Login(ctx)
	if err != nil {
		addFailure(&diags, connectAction, "", "", err)
		return nil, diags
	}
	if c.wrongOrg(&diags, who.Org, "the token is of") {
		return nil, diags
	}
	return s, diags
}

// wrongOrg refuses another org: its store would look as if everything were
// gone, and the next apply would map everybody there.
func (c connector) wrongOrg(diags *diag.Diagnostics, actual, whose string) bool {
	if c.settings.Org == "" || c.settings.Org == actual {
		return false
	}
	diags.AddError("Another Organization",
		fmt.Sprintf("The provider is configured for the org %q, but %s the org %q. Nothing was read or changed.\n\n"+
			"Use the token and the API of the right org, or correct org (or SYM_ORG).", c.settings.Org, whose, actual))
	return true
}

func (c connector) newClient(diags *diag.Diagnostics, url string, transport http.RoundTripper, token func(context.Context) (string, error)) *client.Client {
	s := c.settings
	made, err := client.New(client.Config{
		BaseURL: url, Token: token, Transport: transport, UserAgent: c.userAgent, Headers: s.Headers,
		MaxRetries: s.MaxRetries, RequestsPerSecond: s.RequestsPerSecond, MaxConcurrency: s.MaxConcurrency,
		Timeout: s.RequestTimeout, ReadOnly: s.ReadOnly, Observe: logExchange,
	})
	if err != nil {
		addFailure(diags, connectAction, "", "", err)
	}
	return made
}

func addBadEmbedded(diags *diag.Diagnostics, file string, err error) {
	var problems *embedded.DiagnosticsError
	if !errors.As(err, &problems) {
		addFailure(diags, "Open the Embedded Identity API", "", "", err)
		return
	}
	diags.AddError("Unable to Open the Embedded Identity API",
		fmt.Sprintf("The configuration %s could not be used:\n\n%s", file, problems))
}
