// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identityd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
)

// Migrate brings the store's schema up to date, even if the file says
// migrate = false, and creates the store if it is missing. It touches neither
// services nor directories. version is what the store had before and has now.
func Migrate(ctx context.Context, c *config.Config) (version sqlstore.SchemaVersion, err error) {
	version, err = sqlstore.Schema(ctx, c.Store.URL, StoreOptions(c))
	if err != nil {
		return version, storeProblem(c, err)
	}
	forced := *c
	forced.StoreOptions.Migrate = true
	st, err := OpenStore(ctx, &forced)
	if err != nil {
		return version, err
	}
	return version, errors.Join(c.Secrets.Error(st.Ping(ctx)), st.Close())
}

// OpenStore opens the store alone, for work on its content.
func OpenStore(ctx context.Context, c *config.Config) (*sqlstore.Store, error) {
	st, err := sqlstore.Open(ctx, c.Store.URL, StoreOptions(c))
	return st, storeProblem(c, err)
}

// OpenExisting opens the store and leaves its schema alone. It returns nil for a
// store that the first start is going to make.
func OpenExisting(ctx context.Context, c *config.Config) (*sqlstore.Store, error) {
	if file := c.Store.File; file != "" {
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
	}
	version, err := sqlstore.Schema(ctx, c.Store.URL, StoreOptions(c))
	if 0 < version.Have && version.Have < version.Want {
		// sqlstore's own error says to set migrate, which may be set already.
		err = fmt.Errorf("it has schema version %d, this program needs %d. Run `sym-identityd migrate`", version.Have, version.Want)
	}
	if err != nil || version.Have == 0 {
		return nil, storeProblem(c, err)
	}
	kept := *c
	kept.StoreOptions.Migrate = false
	return OpenStore(ctx, &kept)
}

// StoreOptions returns the store_options block as sqlstore takes it.
func StoreOptions(c *config.Config) sqlstore.Options {
	return sqlstore.Options{
		MaxConns: c.StoreOptions.MaxConnections, ConnectTimeout: c.StoreOptions.ConnectTimeout,
		StatementTimeout: c.StoreOptions.StatementTimeout, BusyTimeout: c.StoreOptions.BusyTimeout, NoMigrate: !c.StoreOptions.Migrate,
	}
}

// storeProblem places an error of the store in the file.
func storeProblem(c *config.Config, err error) error {
	if err == nil {
		return nil
	}
	return c.Failed(config.Failure{At: c.Store.At, Summary: "The store cannot be opened", Err: err})
}

// Register makes the services in st those of the file. It writes only what
// differs, because many processes may start on one store. Services that the
// file does not name stay.
func Register(ctx context.Context, c *config.Config, st store.Store) error {
	if len(c.Services) == 0 {
		return nil
	}
	services, err := st.Services(ctx, store.ServiceFilter{})
	if err != nil {
		return fmt.Errorf("the services of %s cannot be registered: %w", c.Path, err)
	}
	stored := make(map[identity.ServiceKey]identity.Service, len(services))
	for _, s := range services {
		stored[s.Key] = s
	}
	actor := store.Actor{Name: fromFile} // in the history
	for _, s := range c.Services {
		known, registered := stored[s.Key]
		if !registered {
			known, err = st.CreateService(ctx, actor, s.Key, s.Label)
			// Another process may have been faster, with an older label.
			if identity.CodeOf(err) == identity.CodeServiceConflict {
				registered, err = true, nil
			}
		}
		if err == nil && registered && known.Label != s.Label {
			_, err = st.UpdateService(ctx, actor, store.ServiceUpdate{Key: s.Key, Label: &s.Label})
		}
		if err != nil {
			return fmt.Errorf("the services of %s cannot be registered: %s: %w", c.Path, s.Key, err)
		}
	}
	return nil
}

// fromFile is who last changed a service that a configuration file owns. Callers
// of the API have a kind in their names, as token:ci.
const fromFile = "configuration"

// How the history is pruned. Batches are small, so that writers never wait for
// long.
const (
	pruneEvery = time.Hour
	pruneBatch = 1000
	prunePause = 100 * time.Millisecond // between batches
	clockLag   = time.Hour              // of the store's clock, before a warning
)

// Maintain removes history that is older than the configuration keeps, until
// ctx ends. How old it is, the store's own clock tells, which each pass moves by a
// day at most. It returns at once if the configuration keeps everything. Several
// replicas may run it at the same time.
func (i *Instance) Maintain(ctx context.Context, log *slog.Logger) {
	if i.config.Retention == 0 {
		return
	}
	for wait := time.Duration(0); ; wait = pruneEvery/2 + rand.N(pruneEvery) {
		if httpx.Sleep(ctx, wait) != nil {
			return
		}
		seen, err := i.store.AdvanceClock(ctx)
		if time.Since(seen) > clockLag && err == nil {
			log.WarnContext(ctx, "this machine's clock is far ahead of the store's, so less of the history is pruned. This is normal after the server was off for a while; otherwise check the machine's clock", "time", seen)
		}
		removed := 0
		if err == nil {
			removed, err = i.prune(ctx, seen.Add(-i.config.Retention))
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.WarnContext(ctx, "the history could not be pruned", "error", i.config.Secrets.Error(err), "removed", removed)
		case removed > 0:
			log.InfoContext(ctx, "pruned the history", "removed", removed, "older_than", i.config.Retention)
		}
	}
}

// prune removes the history before a time, in batches.
func (i *Instance) prune(ctx context.Context, before time.Time) (removed int, err error) {
	for {
		n, err := i.store.PruneHistory(ctx, before, pruneBatch)
		removed += n
		if err != nil || n < pruneBatch || httpx.Sleep(ctx, prunePause) != nil {
			return removed, err
		}
	}
}
