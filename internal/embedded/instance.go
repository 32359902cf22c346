// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package embedded

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"sync"

	"github.com/hashicorp/hcl/v2"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
)

// Instance is a running identity API. It is safe for concurrent use.
type Instance struct {
	config      *Config
	store       *sqlstore.Store
	directories map[identity.ServiceKey]*directory.Cached
	handler     http.Handler
	gate        *gate      // nil where everybody is one principal
	reloading   sync.Mutex // one at a time
}

// Handler answers the API's requests until Close.
func (i *Instance) Handler() http.Handler { return i.handler }

// TLS is how to listen: nil for plain HTTP. It follows the files of the tls
// block, and Reload.
func (i *Instance) TLS() *tls.Config {
	if i.gate == nil {
		return nil
	}
	return i.gate.tlsConfig()
}

// Org is the organization the store is for.
func (i *Instance) Org() string { return i.config.org }

// StoreCreated reports whether Open created the store: it was not there before.
func (i *Instance) StoreCreated() bool { return i.store.Created() }

// StoreName is the store's URL without a password.
func (i *Instance) StoreName() string { return i.config.store.name() }

// Close releases the store and ends walks of directories. Requests under way
// may fail.
func (i *Instance) Close() error {
	for _, dir := range i.directories {
		dir.Close()
	}
	return i.store.Close()
}

// Open opens the store, creating it where it is missing, and the directories,
// and registers the file's services. What cannot be opened is a
// *DiagnosticsError at its place in the file, everything at once; errors.Is
// and errors.As find the causes.
func (c *Config) Open(ctx context.Context, opts Options) (*Instance, error) {
	var (
		found  hcl.Diagnostics
		causes []error
	)
	fail := func(d *hcl.Diagnostic, err error) {
		found = append(found, d)
		causes = append(causes, err)
	}
	i := &Instance{config: c, directories: make(map[identity.ServiceKey]*directory.Cached)}
	for _, s := range c.services {
		if s.directory == nil {
			continue
		}
		dir, err := s.directory.open()
		if err != nil {
			fail(s.directory.problem(s.key, err), err)
			continue
		}
		i.directories[s.key] = directory.Cache(dir, s.key, s.directory.cache)
	}
	if found.HasErrors() { // before a store is created for nothing
		return nil, asError(found, c.secrets, causes...)
	}
	opts.Logger = c.Logger(opts.Logger)
	if opts.Principal == nil {
		i.gate = newGate()
		a, err := i.gate.admit(c, opts.Logger)
		if err != nil {
			return nil, err
		}
		i.gate.open(a, c)
	}
	st, err := c.OpenStore(ctx, false)
	if err != nil {
		return nil, err
	}
	i.store = st
	if i.handler, err = c.start(ctx, i, opts); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return i, nil
}

// start registers the services and builds the handler.
func (c *Config) start(ctx context.Context, i *Instance, opts Options) (http.Handler, error) {
	if err := c.Register(ctx, i.store); err != nil {
		return nil, err
	}
	configured := make(map[identity.ServiceKey]bool, len(c.services))
	for _, s := range c.services {
		configured[s.key] = true
	}
	directories := make(map[identity.ServiceKey]directory.Directory, len(i.directories))
	for key, dir := range i.directories {
		directories[key] = dir
	}
	return server.New(server.Config{
		Org: c.org, Version: opts.Version, Store: i.store, Directories: directories, Configured: configured,
		Authenticate: c.authenticate(i.gate, opts.Principal), MaxRequests: c.maxRequests, Logger: opts.Logger,
	})
}

func (c *Config) authenticate(g *gate, everyone *identity.Principal) func(*http.Request) (identity.Principal, error) {
	if everyone == nil {
		return g.authenticate
	}
	principal := *everyone
	if principal.Org == "" {
		principal.Org = c.org
	}
	return func(*http.Request) (identity.Principal, error) { return principal, nil }
}
