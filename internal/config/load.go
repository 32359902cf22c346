// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package config reads the configuration file of the identity API into typed
// settings. Load checks the whole file at once, without any other I/O, and
// reports every problem at its line. Secrets come from env() only and never
// appear in messages.
package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/sym-identity/terraform-provider-sym/internal/authn"
	"github.com/sym-identity/terraform-provider-sym/internal/redact"
)

// Options say how to read a file.
type Options struct {
	// LookupEnv answers env(). Nil asks the process's environment.
	LookupEnv func(string) (string, bool)
	// Embedded skips the settings of a server: listen, tls and the blocks that
	// let clients in. They are not evaluated.
	Embedded bool
}

// DefaultListen is the address that sym-identityd listens on when the file
// does not set one.
const DefaultListen = "127.0.0.1:8080"

// MaxFileBytes is the largest configuration file that Load reads.
const MaxFileBytes = 1 << 20

// Config is a configuration file without problems.
type Config struct {
	Path   string // of the file
	Org    string
	Listen string // HOST:PORT

	Store        Store
	StoreOptions StoreOptions
	Retention    time.Duration // of the history; 0 = for ever

	Tokens       []Token
	Trusts       []authn.Trust // issuers of JWTs
	Certificates []authn.CertificateRule
	TLS          *TLS // nil = plain HTTP

	MaxRequests int  // answered at the same time; 0 = the default
	MaskEmails  bool // in logs
	Services    []Service

	opts        Options
	startupOnly map[string]string // settings that take effect at start only, by name
	secrets     *redact.Redactor
}

// Issuers returns the issuers of the jwt blocks, each once.
func (c *Config) Issuers() []authn.Issuer {
	var issuers []authn.Issuer
	for _, trust := range c.Trusts {
		if !slices.Contains(issuers, trust.Issuer) {
			issuers = append(issuers, trust.Issuer)
		}
	}
	return issuers
}

// Redact takes the values of env() out of a text.
func (c *Config) Redact(text string) string { return c.secrets.Text(text) }

// RedactError takes the values of env() out of an error's text and keeps its
// chain. It returns nil for nil.
func (c *Config) RedactError(err error) error { return c.secrets.Error(err) }

// Failure is what failed when a setting was put to use.
type Failure struct {
	At      hcl.Range // of the setting
	Summary string
	Err     error
}

// Failed returns a *DiagnosticsError with each failure at its place in the
// file, or nil if there are none. errors.Is and errors.As find the causes.
func (c *Config) Failed(failures ...Failure) error {
	var found hcl.Diagnostics
	var causes []error
	for _, f := range failures {
		found = append(found, problem(f.At, f.Summary, f.Err.Error()))
		causes = append(causes, f.Err)
	}
	return asError(found, c.secrets, causes...)
}

// Reload reads the file again, with the same options.
func (c *Config) Reload() (*Config, error) { return Load(c.Path, c.opts) }

// Load reads a configuration file. It returns a *DiagnosticsError that lists
// every problem of the content; a file that cannot be read is the error of the
// file system.
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

// parse does the work of Load, without I/O. dir is the absolute folder of the
// file.
func parse(src []byte, path, dir string, opts Options) (*Config, error) {
	secrets := redact.New()
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
	c := d.config(file.Body, !opts.Embedded)
	c.Path, c.opts, c.secrets = path, opts, secrets
	if body, ok := file.Body.(*hclsyntax.Body); ok {
		c.startupOnly = startupOnly(body, src)
	}
	if err := asError(d.found, secrets); err != nil {
		return nil, err
	}
	return c, nil
}

// startupOnly returns the settings that take effect at start only: by name,
// the tokens of the source without layout and comments.
func startupOnly(body *hclsyntax.Body, src []byte) map[string]string {
	settings := map[string]string{}
	for name, attr := range body.Attributes {
		settings[name] = tokensOf(attr.SrcRange.SliceBytes(src))
	}
	for _, block := range body.Blocks {
		switch block.Type {
		case "token", "jwt", "client_certificate", "tls":
		default:
			settings[block.Type] += tokensOf(block.Range().SliceBytes(src)) + "\n"
		}
	}
	return settings
}

func tokensOf(src []byte) string {
	var text []byte
	tokens, _ := hclsyntax.LexConfig(src, "", hcl.InitialPos)
	for _, token := range tokens {
		switch token.Type {
		case hclsyntax.TokenComment, hclsyntax.TokenNewline:
		default:
			text = append(append(text, token.Bytes...), 0)
		}
	}
	return string(text)
}

// NeedsRestart returns the names of the settings that differ between two files
// and take effect at start only, sorted.
func (c *Config) NeedsRestart(other *Config) []string {
	var names []string
	for name, setting := range c.startupOnly {
		if other.startupOnly[name] != setting {
			names = append(names, name)
		}
	}
	for name := range other.startupOnly {
		if _, ok := c.startupOnly[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
