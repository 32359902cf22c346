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
	config      *config.Config // at start
	opts        Options
	store       *sqlstore.Store
	directories map[identity.ServiceKey]openDirectory
	handler     *server.Handler
	auth        *liveAuth  // nil if one principal sends every request
	reloading   sync.Mutex // one at a time; guards directories
}

// openDirectory is a directory, and the block that describes it.
type openDirectory struct {
	*directory.Cached
	block *config.Directory
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
	return err == nil && !slices.ContainsFunc(services, func(s identity.Service) bool { return !i.config.Names(s.Key) && !s.Key.Managed() }), err
}

// Close releases the store and ends walks of directories. Requests under way
// may fail.
func (i *Instance) Close() error {
	i.reloading.Lock()
	defer i.reloading.Unlock()
	for _, dir := range i.directories {
		dir.Close()
	}
	return i.store.Close()
}

// Open opens the store, creating it if it is missing, and the directories, and
// registers the file's services. It returns a *config.DiagnosticsError with
// everything that cannot be opened, each at its place in the file.
func Open(ctx context.Context, c *config.Config, opts Options) (*Instance, error) {
	i := &Instance{config: c, opts: opts}
	directories, err := i.openDirectories(c) // before a store is created for nothing
	if err != nil {
		return nil, err
	}
	var a *auth
	if opts.Principal == nil {
		i.auth = &liveAuth{issuers: authn.NewIssuers(nil), now: time.Now}
		if a, err = i.auth.build(c, Logger(c, opts.Logger)); err != nil {
			return nil, err
		}
	}
	if i.store, err = OpenStore(ctx, c); err != nil {
		return nil, err
	}
	if err := i.use(ctx, c, directories, a); err != nil {
		return nil, errors.Join(err, c.Secrets.Error(i.store.Close()))
	}
	return i, nil
}

// openDirectories opens the directories of a configuration. Those whose block is
// the same as before stay, with what they have read.
func (i *Instance) openDirectories(c *config.Config) (map[identity.ServiceKey]openDirectory, error) {
	directories := map[identity.ServiceKey]openDirectory{}
	var failures []config.Failure
	for _, s := range c.Services {
		if s.Directory == nil {
			continue
		}
		if before, ok := i.directories[s.Key]; ok && before.block.Same(s.Directory) {
			directories[s.Key] = before
			continue
		}
		dir, err := s.Directory.Open()
		if err != nil {
			failures = append(failures, s.Directory.Failure(err))
			continue
		}
		directories[s.Key] = openDirectory{directory.Cache(dir, s.Key, s.Directory.Settings), s.Directory}
	}
	return directories, c.Failed(failures...)
}

// use registers the services of a configuration and answers requests by it from
// now on. Nothing has changed for them if it fails. Directories that were replaced
// are not closed: requests under way use them, and a walk that nobody waits for
// ends by itself.
func (i *Instance) use(ctx context.Context, c *config.Config, directories map[identity.ServiceKey]openDirectory, a *auth) error {
	if err := Register(ctx, c, i.store); err != nil {
		return c.Secrets.Error(err)
	}
	cfg := server.Config{
		Org: c.Org, Version: i.opts.Version, Store: i.store, MaxRequests: c.MaxRequests, Logger: Logger(c, i.opts.Logger), Secrets: c.Secrets,
		Directories: map[identity.ServiceKey]directory.Directory{}, Configured: map[identity.ServiceKey]bool{},
	}
	for _, s := range c.Services {
		cfg.Configured[s.Key] = true
	}
	for key, dir := range directories {
		cfg.Directories[key] = dir.Cached
	}
	if a == nil {
		everybody := *i.opts.Principal
		if everybody.Org == "" {
			everybody.Org = c.Org
		}
		cfg.Authenticate = func(*http.Request) (identity.Principal, error) { return everybody, nil }
	} else {
		cfg.Authenticate = a.authenticator.Authenticate
		if a.tls != nil { // Reload neither adds nor removes it
			cfg.CertificateEnds = func() time.Time { return i.auth.current.Load().tls.current().expires }
		}
		i.auth.current.Store(a)
		i.auth.issuers.Keep(c.Issuers())
	}
	i.directories = directories
	if i.handler != nil {
		return i.handler.Replace(cfg)
	}
	var err error
	i.handler, err = server.New(cfg)
	return err
}
