// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package identityd runs the identity API that a configuration file describes:
// store, directories and handler. sym-identityd serves it over HTTP; the
// provider's embedded mode calls it inside its own process.
package identityd

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/authn"
	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
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
	auth        *liveAuth  // nil if one principal sends every request
	reloading   sync.Mutex // one at a time
}

// Handler returns the handler of the API's requests. It works until Close.
func (i *Instance) Handler() http.Handler { return i.handler }

// StoreCreated reports whether Open created the store: it was not there before.
func (i *Instance) StoreCreated() bool { return i.store.Created() }

// StoreEmpty reports whether nobody has used the store yet: Open created it, or
// it is an SQLite file with neither a user nor a service beside the file's own.
// Such a file is what a run leaves that created it and stored nothing.
func (i *Instance) StoreEmpty(ctx context.Context) (bool, error) {
	if i.store.Created() || !strings.HasPrefix(i.config.Store.URL, "sqlite:") {
		return i.store.Created(), nil
	}
	users, _, err := i.store.Users(ctx, store.UserFilter{Limit: 1})
	if err != nil || len(users) > 0 {
		return false, err
	}
	services, err := i.store.Services(ctx, store.ServiceFilter{})
	own := make(map[identity.ServiceKey]bool, len(i.config.Services))
	for _, s := range i.config.Services {
		own[s.Key] = true
	}
	return err == nil && !slices.ContainsFunc(services, func(s identity.Service) bool { return !own[s.Key] && !s.Key.Managed() }), err
}

// Close releases the store and ends walks of directories. Requests under way
// may fail.
func (i *Instance) Close() error {
	for _, dir := range i.directories {
		dir.Close()
	}
	return i.store.Close()
}

// Open opens the store, creating it if it is missing, and the directories, and
// registers the file's services. It returns a *config.DiagnosticsError with
// everything that cannot be opened, each at its place in the file.
func Open(ctx context.Context, c *config.Config, opts Options) (*Instance, error) {
	i := &Instance{config: c, log: opts.Logger, directories: make(map[identity.ServiceKey]*directory.Cached)}
	var failures []config.Failure
	for _, s := range c.Services {
		if s.Directory == nil {
			continue
		}
		dir, err := s.Directory.Open()
		if err != nil {
			failures = append(failures, s.Directory.Failure(err))
			continue
		}
		i.directories[s.Key] = directory.Cache(dir, s.Key, s.Directory.Settings)
	}
	if err := c.Failed(failures...); err != nil { // before a store is created for nothing
		return nil, err
	}
	opts.Logger = Logger(c, opts.Logger)
	if opts.Principal == nil {
		i.auth = &liveAuth{issuers: authn.NewIssuers(nil), now: time.Now}
		a, err := i.auth.build(c, opts.Logger)
		if err != nil {
			return nil, err
		}
		i.auth.use(a, c)
	}
	st, err := OpenStore(ctx, c, false)
	if err != nil {
		return nil, c.Secrets.Error(err)
	}
	i.store = st
	if err := i.start(ctx, opts); err != nil {
		return nil, c.Secrets.Error(errors.Join(err, st.Close()))
	}
	return i, nil
}

// start registers the services and builds the handler.
func (i *Instance) start(ctx context.Context, opts Options) (err error) {
	if err := Register(ctx, i.config, i.store); err != nil {
		return err
	}
	configured := make(map[identity.ServiceKey]bool, len(i.config.Services))
	for _, s := range i.config.Services {
		configured[s.Key] = true
	}
	directories := make(map[identity.ServiceKey]directory.Directory, len(i.directories))
	for key, dir := range i.directories {
		directories[key] = dir
	}
	cfg := server.Config{
		Org: i.config.Org, Version: opts.Version, Store: i.store, Directories: directories, Configured: configured,
		MaxRequests: i.config.MaxRequests, Logger: opts.Logger, Secrets: i.config.Secrets,
	}
	if opts.Principal != nil {
		everybody := *opts.Principal
		if everybody.Org == "" {
			everybody.Org = i.config.Org
		}
		cfg.Authenticate = func(*http.Request) (identity.Principal, error) { return everybody, nil }
	} else {
		cfg.Authenticate = i.auth.authenticate
		if i.auth.current.Load().tls != nil { // Reload neither adds nor removes it
			cfg.CertificateEnds = func() time.Time { return i.auth.current.Load().tls.current().expires }
		}
	}
	i.handler, err = server.New(cfg)
	return err
}
