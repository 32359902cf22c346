// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/identityd"
	"github.com/sym-identity/terraform-provider-sym/internal/readcache"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// Connection is an open way to the identity API.
type Connection struct {
	API          *readcache.Reader
	Store        Store // the zero value where credentials are not validated
	StoreCreated bool  // the embedded store did not exist before
	StoreEmpty   bool  // it did not, or is a file of its own to which nothing was ever written

	close func() error // nil for a server
}

// Close stops the embedded instance, if there is one.
func (c *Connection) Close() error {
	if c == nil || c.close == nil {
		return nil
	}
	return c.close()
}

// Error says in the words of a diagnostic why the API cannot be reached. It
// names no attribute: it is shown with the resource that came first, whose
// attributes have nothing to do with it.
type Error struct {
	Title  string
	Err    error  // what failed; nil where Detail says it
	Detail string // sentences, behind those about Err
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Title + ": " + e.Detail
	}
	return e.Title + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// connector opens connections as the settings say.
type connector struct {
	settings  Settings
	transport http.RoundTripper // to api_url
	version   string            // of the provider
	userAgent string
	lookupEnv func(string) (string, bool)
}

// NewSession returns a session that connects as the settings say. It reads the
// files that they name, and asks the API nothing.
func NewSession(s Settings, version, terraformVersion string, lookupEnv func(string) (string, bool)) (*Session, diag.Diagnostics) {
	c := connector{
		settings: s, version: version, lookupEnv: lookupEnv,
		userAgent: "terraform-provider-sym/" + version + " Terraform/" + terraformVersion,
	}
	diags := checkFiles(s)
	if s.APIURL != "" {
		transport, found := newTransport(s)
		diags.Append(found...)
		c.transport = transport
	}
	return &Session{connect: c.connect}, diags
}

// connect builds the client and verifies token and org.
func (c connector) connect(ctx context.Context) (*Connection, error) {
	switch {
	case c.settings.EmbeddedConfig != "":
		return c.connectEmbedded(ctx)
	case c.settings.APIURL != "":
		token, err := c.tokenSource()
		if err != nil {
			return nil, err
		}
		credential := "the client certificate " + c.settings.ClientCertFile
		if token != nil {
			credential = "the token from " + c.settings.Token.From
		}
		api, err := c.newClient(c.settings.APIURL, c.transport, token, credential)
		if err != nil {
			return nil, err
		}
		return c.verify(ctx, &Connection{API: readcache.New(api)}, credential)
	}
	return nil, &Error{
		Title: "No Identity API Configured",
		Detail: "The provider does not know which identity API to use. Set one of the two:\n\n" +
			"  api_url  = \"https://identity.acme.dev/api/v1\"  # a server (or SYM_API_URL)\n" +
			"  embedded = { config = \"sym-identityd.hcl\" }   # no server: the API runs in the provider (or SYM_EMBEDDED_CONFIG)",
	}
}

func (c connector) connectEmbedded(ctx context.Context) (*Connection, error) {
	cfg, err := config.Load(c.settings.EmbeddedConfig, config.Options{LookupEnv: c.lookupEnv, Embedded: true})
	if err != nil {
		return nil, c.cannotOpen(err)
	}
	// Before anything is opened: another org's file must not create a store.
	if err := c.checkOrg(cfg.Org, "the embedded configuration "+c.settings.EmbeddedConfig+" is for"); err != nil {
		return nil, err
	}
	instance, err := identityd.Open(ctx, cfg, identityd.Options{
		Version: c.version, Logger: slog.New(logBridge{}),
		Principal: &identity.Principal{Name: "terraform", Role: identity.Admin},
	})
	if err != nil {
		return nil, c.cannotOpen(err)
	}
	connection, err := c.connectInstance(ctx, instance)
	if err != nil {
		_ = instance.Close() // the failure that is reported came first
		return nil, err
	}
	return connection, nil
}

func (c connector) connectInstance(ctx context.Context, instance *identityd.Instance) (*Connection, error) {
	api, err := c.newClient("http://embedded"+symapi.BasePath, client.InProcess(instance.Handler()), nil, "")
	if err != nil {
		return nil, err
	}
	empty, err := instance.StoreEmpty(ctx)
	if err != nil {
		return nil, c.cannotOpen(err)
	}
	return c.verify(ctx, &Connection{
		API: readcache.New(api), StoreCreated: instance.StoreCreated(), StoreEmpty: empty, close: instance.Close,
	}, "it")
}

const openFailed = "Unable to Open the Embedded Identity API"

func (c connector) cannotOpen(err error) error {
	if problems, ok := errors.AsType[*config.DiagnosticsError](err); ok {
		return &Error{Title: openFailed, Detail: fmt.Sprintf("The configuration %s could not be used:\n\n%s", c.settings.EmbeddedConfig, problems.Error())}
	}
	return &Error{Title: openFailed, Err: err}
}

// verify asks auth/login who has the credential, unless that is switched off,
// compares the org, and requires the API's extensions.
func (c connector) verify(ctx context.Context, connection *Connection, credential string) (*Connection, error) {
	if c.settings.SkipCredentialsValidation {
		return connection, nil
	}
	who, err := connection.API.Login(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.checkOrg(who.Org, credential+" is of"); err != nil {
		return nil, err
	}
	if err := connection.API.RequireExtensions(ctx); err != nil {
		return nil, err
	}
	connection.Store = Store{ID: who.StoreID, Org: who.Org}
	return connection, nil
}

// checkOrg refuses another org: its store would look as if everything were
// gone, and the next apply would map everybody there.
func (c connector) checkOrg(actual, whose string) error {
	if c.settings.Org == "" || c.settings.Org == actual {
		return nil
	}
	return &Error{
		Title: "Another Organization",
		Detail: fmt.Sprintf("The provider is configured for the org %q, but %s the org %q. Nothing was read or changed.\n\n"+
			"Use the token and the API of the right org, or correct org (or SYM_ORG).", c.settings.Org, whose, actual),
	}
}

func (c connector) newClient(url string, transport http.RoundTripper, token func(context.Context) (string, error), credential string) (*client.Client, error) {
	s := c.settings
	return client.New(client.Config{
		BaseURL: url, Token: token, Credential: credential, Transport: transport, UserAgent: c.userAgent, Headers: s.Headers,
		MaxRetries: s.MaxRetries, RequestsPerSecond: s.RequestsPerSecond, MaxConcurrency: s.MaxConcurrency,
		Timeout: s.RequestTimeout, ReadOnly: s.ReadOnly, Observe: logExchange,
	})
}
