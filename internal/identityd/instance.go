// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package identityd runs the identity API that a configuration file describes:
// store, directories and handler. sym-identityd serves it over HTTP; the
// provider's embedded mode calls it inside its own process.
package identityd

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"sync"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
)

// Options say how to run a configuration.
type Options struct {
	// Logger gets the handler's log. Nil logs nothing.
	Logger *slog.Logger
	// Version of the program, for /healthz and the OpenAPI document.
	Version string
	// Principal, if set, sends every request: the provider's embedded mode. An
	// empty Org is filled in with the file's. Nil: requests authenticate by the
	// file's token, jwt and client_certificate blocks.
	Principal *identity.Principal
}

// Instance is a running identity API. It is safe for concurrent use.
type Instance struct {
	config      *config.Config
	log         *slog.Logger // as Options has it
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
func (i *Instance) Org() string { return i.config.Org }

// StoreCreated reports whether Open created the store: it was not there before.
func (i *Instance) StoreCreated() bool { return i.store.Created() }

// StoreName is the store's URL without a password.
func (i *Instance) StoreName() string { return i.config.Store.Name() }

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
func Open(ctx context.Context, c *config.Config, opts Options) (*Instance, error) {
	var failures []config.Failure
	i := &Instance{config: c, log: opts.Logger, directories: make(map[identity.ServiceKey]*directory.Cached)}
	for _, s := range c.Services {
		if s.Directory == nil {
			continue
		}
		dir, err := s.Directory.Open()
		if err != nil {
			failures = append(failures, s.Directory.Failure(err))
			continue
		}
		i.directories[s.Key] = directory.Cache(dir, s.Key, s.Directory.Cache)
	}
	if err := c.Failed(failures...); err != nil { // before a store is created for nothing
		return nil, err
	}
	opts.Logger = Logger(c, opts.Logger)
	if opts.Principal == nil {
		i.gate = newGate()
		a, err := i.gate.admit(c, opts.Logger)
		if err != nil {
			return nil, err
		}
		i.gate.open(a, c)
	}
	st, err := OpenStore(ctx, c, false)
	if err != nil {
		return nil, err
	}
	i.store = st
	if i.handler, err = start(ctx, c, i, opts); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return i, nil
}

// start registers the services and builds the handler.
func start(ctx context.Context, c *config.Config, i *Instance, opts Options) (http.Handler, error) {
	if err := Register(ctx, c, i.store); err != nil {
		return nil, err
	}
	configured := make(map[identity.ServiceKey]bool, len(c.Services))
	for _, s := range c.Services {
		configured[s.Key] = true
	}
	directories := make(map[identity.ServiceKey]directory.Directory, len(i.directories))
	for key, dir := range i.directories {
		directories[key] = dir
	}
	return server.New(server.Config{
		Org: c.Org, Version: opts.Version, Store: i.store, Directories: directories, Configured: configured,
		Authenticate: authenticate(c.Org, i.gate, opts.Principal), MaxRequests: c.MaxRequests, Logger: opts.Logger,
	})
}

func authenticate(org string, g *gate, everyone *identity.Principal) func(*http.Request) (identity.Principal, error) {
	if everyone == nil {
		return g.authenticate
	}
	principal := *everyone
	if principal.Org == "" {
		principal.Org = org
	}
	return func(*http.Request) (identity.Principal, error) { return principal, nil }
}
