// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package config reads the configuration file of the identity API into typed
// settings. Load checks the whole file at once, without any other I/O, and
// reports every problem at its line. Secrets come from env() only and never
// appear in messages.
package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/sym-identity/terraform-provider-sym/internal/authn"
	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
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
	Files       []File // that settings name, without the store's

	Secrets *redact.Redactor // takes the values of env() out of texts

	opts Options
}

// File is a file that a setting names.
type File struct {
	Path   string // absolute
	Secret bool   // it holds a key or a password
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

// Names reports whether the file has a block for a service.
func (c *Config) Names(service identity.ServiceKey) bool {
	return slices.ContainsFunc(c.Services, func(s Service) bool { return s.Key == service })
}

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
		found = append(found, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: f.Summary, Detail: f.Err.Error(), Subject: &f.At})
		causes = append(causes, f.Err)
	}
	return asError(found, c.Secrets, causes...)
}

// Reload reads the file again, with the same options.
func (c *Config) Reload() (*Config, error) { return Load(c.Path, c.opts) }

// Load reads a configuration file. It returns a *DiagnosticsError that lists
// every problem of the content; a file that cannot be read is the error of the
// file system.
func Load(path string, opts Options) (*Config, error) {
	src, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("the configuration cannot be read: %w. Name a file that this user can read; a relative path starts at the working directory", err)
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
	src, err := httpx.ReadBody(f, MaxFileBytes)
	if errors.Is(err, httpx.ErrTooLarge) {
		err = fmt.Errorf("%s is larger than %d bytes", path, MaxFileBytes)
	}
	return src, err
}

// parse does the work of Load, without I/O. dir is the absolute folder of the
// file.
func parse(src []byte, path, dir string, opts Options) (*Config, error) {
	secrets := redact.New()
	file, diags := hclsyntax.ParseConfig(src, path, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, asError(diags[:1], secrets) // the others nearly always follow from it
	}
	d := &decoder{
		dir:     dir,
		src:     src,
		secrets: secrets,
		eval:    &hcl.EvalContext{Functions: map[string]function.Function{"env": envFunction(opts.LookupEnv, secrets)}},
	}
	c := d.config(file.Body, opts.Embedded)
	if err := asError(d.found, secrets); err != nil {
		return nil, err
	}
	c.Path, c.opts, c.Secrets, c.Files = path, opts, secrets, d.files
	return c, nil
}

// config reads the top level.
func (d *decoder) config(body hcl.Body, embedded bool) *Config {
	var settings struct {
		Org         string         `hcl:"org"`
		Store       string         `hcl:"store" kind:"url"`
		Listen      hcl.Expression `hcl:"listen,optional"`
		Retention   time.Duration  `hcl:"history_retention,optional"`
		MaxRequests int            `hcl:"max_concurrent_requests,optional" max:"100000"`
		MaskEmails  bool           `hcl:"mask_emails_in_logs,optional"`
	}
	content := d.decode(body, []hcl.BlockHeaderSchema{
		{Type: "store_options"},
		{Type: "token", LabelNames: []string{"name"}},
		{Type: "jwt"},
		{Type: "tls"},
		{Type: "client_certificate", LabelNames: []string{"name"}},
		{Type: "service", LabelNames: []string{"type", "external_id"}},
	}, &settings)
	blocks := content.blocks
	c := &Config{
		Org: settings.Org, Listen: DefaultListen, Retention: settings.Retention,
		MaxRequests: settings.MaxRequests, MaskEmails: settings.MaskEmails,
		StoreOptions: d.storeOptions(blocks.OfType("store_options")), Services: d.services(blocks.OfType("service")),
	}
	if !isName(c.Org) {
		d.problem(content.at("org"), "org is not a valid name of an organization",
			fmt.Sprintf("It must have no outer spaces, no control characters and at most %d bytes.", maxNameBytes))
	}
	if settings.Store != "" {
		c.Store = d.store(settings.Store, content)
	}
	if c.Retention != 0 && c.Retention < minRetention {
		d.problem(content.at("history_retention"), fmt.Sprintf("history_retention is shorter than %s", minRetention),
			`Write hours, as in "8760h" for a year. Leave it out to keep the history for ever.`)
	}
	if embedded {
		return c
	}
	if settings.Listen != nil {
		c.Listen = d.listen(settings.Listen, content)
	}
	c.Tokens = d.tokens(blocks.OfType("token"))
	for _, b := range blocks.OfType("jwt") {
		c.Trusts = append(c.Trusts, d.jwt(b))
	}
	c.TLS = d.tls(blocks.OfType("tls"))
	c.Certificates = d.certificates(blocks.OfType("client_certificate"), blocks.OfType("token"), c.TLS)
	return c
}

// minRetention is the shortest history_retention: whoever writes less means
// another unit.
const minRetention = time.Hour

// single returns the only block of a type, nil if there is none.
func (d *decoder) single(blocks hcl.Blocks) *hcl.Block {
	if len(blocks) == 0 {
		return nil
	}
	for _, b := range blocks[1:] {
		d.problem(b.DefRange, b.Type+" is written twice", fmt.Sprintf("The first is on line %d. Merge the two blocks.", blocks[0].DefRange.Start.Line))
	}
	return blocks[0]
}

// listen checks an address of the form HOST:PORT.
func (d *decoder) listen(expr hcl.Expression, b block) string {
	address, ok := d.text(expr, "listen")
	if !ok {
		return ""
	}
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil || strings.ContainsAny(host, " \t/") {
		d.problem(expr.Range(), fmt.Sprintf("listen: %s is not an address to listen on", b.quoted("listen", address)),
			`Write HOST:PORT, as in "127.0.0.1:8080", "[::1]:8080" or ":8080" for every interface.`)
	}
	return address
}

// Store says where the store is.
type Store struct {
	URL  string // as sqlstore.Open takes it
	File string // of SQLite; "" for other stores
	At   hcl.Range
}

// Name returns the URL as it may be shown.
func (s Store) Name() string {
	if s.File != "" {
		return s.URL
	}
	return redact.WithoutPassword(s.URL)
}

const storeRemedy = `Write "sqlite:PATH", with a path relative to this file, as in "sqlite:identities.db", or env("NAME") with a postgres:// URL in it.`

func (d *decoder) store(url string, b block) Store {
	at := b.at("store")
	scheme, path, _ := strings.Cut(url, ":")
	if strings.HasPrefix(path, "///") {
		path = path[len("//"):]
	}
	switch {
	case scheme == "postgres", scheme == "postgresql":
		return Store{URL: url, At: at}
	case scheme != "sqlite":
		d.problem(at, "store is not a URL of a store", storeRemedy)
	case strings.TrimSpace(path) == "", strings.ContainsFunc(path, unicode.IsControl):
		d.problem(at, "store names no SQLite file", storeRemedy)
	case strings.HasPrefix(path, "//"):
		d.problem(at, "store has a host where the path of a SQLite file belongs", storeRemedy)
	case strings.HasPrefix(path, ":memory:"), strings.HasPrefix(path, "file:"):
		d.problem(at, "store must be a SQLite file of its own", storeRemedy)
	}
	path = d.relative(path)
	return Store{URL: "sqlite:" + path, File: path, At: at}
}

// StoreOptions is the store_options block. Zero values mean the defaults.
type StoreOptions struct {
	MaxConnections   int           `hcl:"max_connections,optional" max:"10000"`
	ConnectTimeout   time.Duration `hcl:"connect_timeout,optional"`
	StatementTimeout time.Duration `hcl:"statement_timeout,optional"`
	BusyTimeout      time.Duration `hcl:"busy_timeout,optional"`
	Migrate          bool          `hcl:"migrate,optional"` // true by default
}

func (d *decoder) storeOptions(blocks hcl.Blocks) StoreOptions {
	opts := StoreOptions{Migrate: true}
	if b := d.single(blocks); b != nil {
		d.decode(b.Body, nil, &opts)
	}
	return opts
}

// Service is one service block.
type Service struct {
	Key       identity.ServiceKey
	Label     string
	Directory *Directory // nil if the block has none
}

const maxLabelBytes = 256

func (d *decoder) services(blocks hcl.Blocks) []Service {
	var services []Service
	first := make(map[identity.ServiceKey]hcl.Range, len(blocks))
	for _, b := range blocks {
		s := d.service(b)
		if at, duplicate := first[s.Key]; duplicate {
			d.problem(b.DefRange, fmt.Sprintf("The service %s is declared twice", s.Key),
				fmt.Sprintf("The first is on line %d. Merge the two blocks.", at.Start.Line))
			continue
		}
		first[s.Key] = b.DefRange
		services = append(services, s)
	}
	return services
}

func (d *decoder) service(b *hcl.Block) Service {
	s := Service{Key: identity.ServiceKey{Type: b.Labels[0], ExternalID: b.Labels[1]}}
	if s.Key.Managed() {
		d.problem(b.LabelRanges[0], fmt.Sprintf("The service %s cannot be declared", s.Key),
			"Its identities are managed by Sym; it is always registered.")
	} else if err := s.Key.Validate(); err != nil {
		bad := identity.AsError(err)
		d.problem(hcl.RangeBetween(b.LabelRanges[0], b.LabelRanges[1]), bad.Message, bad.Hint)
	}
	var settings struct {
		Label string `hcl:"label,optional"`
	}
	content := d.decode(b.Body, []hcl.BlockHeaderSchema{{Type: "directory", LabelNames: []string{"kind"}}}, &settings)
	s.Label = settings.Label
	if len(s.Label) > maxLabelBytes || strings.ContainsFunc(s.Label, unicode.IsControl) {
		d.problem(content.at("label"), "label is not valid",
			fmt.Sprintf("It must have no control characters and at most %d bytes.", maxLabelBytes))
	}
	for i, dir := range content.blocks {
		if i > 0 {
			d.problem(dir.DefRange, fmt.Sprintf("The service %s has two directories", s.Key),
				fmt.Sprintf("The first is on line %d; a service can have only one.", content.blocks[0].DefRange.Start.Line))
		}
		if setting := d.directory(dir, s.Key); i == 0 {
			s.Directory = setting
		}
	}
	return s
}

// NeedsRestart returns the names of the settings that differ between two files
// and take effect at start only, sorted. A tls block that comes or goes is one more.
func (c *Config) NeedsRestart(other *Config) []string {
	differ := map[string]bool{
		"history_retention":       c.Retention != other.Retention,
		"listen":                  c.Listen != other.Listen,
		"max_concurrent_requests": c.MaxRequests != other.MaxRequests,
		"store":                   c.Store.URL != other.Store.URL,
		"store_options":           c.StoreOptions != other.StoreOptions,
	}
	maps.DeleteFunc(differ, func(_ string, differs bool) bool { return !differs })
	return slices.Sorted(maps.Keys(differ))
}
