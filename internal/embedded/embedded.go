// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package embedded turns a configuration file into a running identity API:
// store, directories and handler. sym-identityd serves it over HTTP; the
// provider's embedded mode calls it inside its own process.
//
// Load reads and checks the file, all of it at once and without any other
// I/O. Open then opens what it names. Secrets come from env() only and stand
// in no message.
package embedded

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/sym-identity/terraform-provider-sym/internal/authn"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
)

// Options are what a configuration file does not say.
type Options struct {
	// LookupEnv answers env(). Nil asks the process's environment.
	LookupEnv func(string) (string, bool)
	// Logger gets the handler's log. Nil logs nothing.
	Logger *slog.Logger
	// Version of the program, as /healthz and the OpenAPI document tell it.
	Version string
	// Principal, where set, is who sends every request: the provider's embedded
	// mode. The file's listen, tls and who it lets in are then not used, nor
	// read. An empty Org is filled in with the file's. Nil: requests show what
	// the file's token, jwt and client_certificate blocks ask for.
	Principal *identity.Principal
}

// DefaultListen is where sym-identityd listens when the file does not say.
const DefaultListen = "127.0.0.1:8080"

// MaxFileBytes bounds a configuration file.
const MaxFileBytes = 1 << 20

// Config is a configuration file that was read and found right.
type Config struct {
	path   string
	org    string
	listen string
	store  storeSetting
	// storeOptions are how to talk to the store, and whether to change its schema.
	storeOptions sqlstore.Options
	retention    time.Duration // of the history; 0 = for ever
	tokens       []server.Token
	trusts       []authn.Trust // issuers of JWTs
	certificates []authn.CertificateRule
	tls          *tlsSetting // nil = plain HTTP
	maxRequests  int         // answered at the same time; 0 = the default
	maskEmails   bool        // in logs
	services     []serviceSetting
	prints       map[string]string // of the settings that count at start only
	secrets      *redactor
}

// Org is the organization the file is for.
func (c *Config) Org() string { return c.org }

// Listen is the address to serve on, HOST:PORT.
func (c *Config) Listen() string { return c.listen }

// Tokens counts the static tokens.
func (c *Config) Tokens() int { return len(c.tokens) }

// Issuers counts the jwt blocks.
func (c *Config) Issuers() int { return len(c.trusts) }

// Services counts the service blocks.
func (c *Config) Services() int { return len(c.services) }

// Load reads a configuration file. What is wrong with its content is a
// *DiagnosticsError that lists every problem; a file that cannot be read is
// the error of the file system.
func Load(path string, opts Options) (*Config, error) {
	src, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("the configuration cannot be read: %w", err)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("the configuration's folder is unknown: %w", err)
	}
	return parse(src, path, dir, opts)
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(src) > MaxFileBytes {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, MaxFileBytes)
	}
	return src, nil
}

// parse is Load without I/O. dir is the absolute folder of the file.
func parse(src []byte, path, dir string, opts Options) (*Config, error) {
	secrets := &redactor{}
	if at, deep := tooDeep(src, path); deep {
		return nil, asError(hcl.Diagnostics{problem(at, "The file is nested too deeply from here on", "")}, secrets)
	}
	file, diags := hclsyntax.ParseConfig(src, path, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, asError(diags, secrets)
	}
	lookup := opts.LookupEnv
	if lookup == nil {
		lookup = os.LookupEnv
	}
	d := &decoder{
		dir:     dir,
		secrets: secrets,
		eval:    &hcl.EvalContext{Functions: map[string]function.Function{"env": envFunction(lookup, secrets)}},
	}
	c := d.config(file.Body, opts.Principal == nil)
	c.path, c.secrets = path, secrets
	if body, ok := file.Body.(*hclsyntax.Body); ok {
		c.prints = fingerprints(body, src)
	}
	if err := asError(d.found, secrets); err != nil {
		return nil, err
	}
	return c, nil
}
