// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/authn"
	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
)

// Subjects of CheckResults that are not about a directory.
const (
	SubjectStore  = "store"
	SubjectTLS    = "tls"
	SubjectIssuer = "issuer"
)

const (
	checkTimeout  = 30 * time.Second // of each check
	checksAtOnce  = 4
	storeToBeMade = "it does not exist yet; the first start creates it"
)

// CheckResult is what checking one part of an instance found.
type CheckResult struct {
	Subject string // one of the above, or the service key of a directory
	Detail  string // the store's name, the certificate's file, the issuer's URL, or the directory's kind
	Note    string // how far the check got, or what else is worth knowing; may be empty
	Err     error  // nil where the part works; without secrets
}

// Check asks the store, the issuers and every directory whether they work.
// Results are in the order of the file, the store first; a failure of one hides
// no other.
func (i *Instance) Check(ctx context.Context) []CheckResult {
	ping := func(ctx context.Context) (string, error) { return "", i.store.Ping(ctx) }
	return i.config.check(ctx, ping, func(s serviceSetting) (directory.Directory, error) {
		return i.directories[s.key], nil
	})
}

// Check is Instance.Check without an instance: it opens each part on its own,
// so that one that cannot be opened hides no other. It registers no service
// and creates no store.
func (c *Config) Check(ctx context.Context) []CheckResult {
	return c.check(ctx, c.tryStore, func(s serviceSetting) (directory.Directory, error) { return s.directory.open() })
}

// tryStore looks at the store and changes nothing, its schema neither. A missing SQLite file is what a
// first start finds; a missing folder is not.
func (c *Config) tryStore(ctx context.Context) (note string, err error) {
	if c.store.path != "" {
		if _, err := os.Stat(c.store.path); errors.Is(err, fs.ErrNotExist) {
			return storeToBeMade, checkFolder(c.store.path)
		}
	}
	v, err := sqlstore.Schema(ctx, c.store.url, c.storeOptions)
	switch {
	case err != nil:
		return "", err
	case v.Have == 0 && c.storeOptions.NoMigrate:
		return "", fmt.Errorf("%s is empty, and the configuration says migrate = false. Run `sym-identityd migrate`", c.store.name())
	case v.Have == 0:
		return storeToBeMade, nil
	case v.Have < v.Want && c.storeOptions.NoMigrate:
		return "", fmt.Errorf("it has schema version %d, this program needs %d, and the configuration says migrate = false. Run `sym-identityd migrate`", v.Have, v.Want)
	case v.Have < v.Want:
		return fmt.Sprintf("it has schema version %d; the next start migrates it to %d", v.Have, v.Want), nil
	}
	return "", nil
}

// checkTLS reads the TLS files.
func (c *Config) checkTLS(context.Context) (note string, err error) {
	files, err := openTLS(*c.tls, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		return "", err
	}
	expires := files.good.expires
	if left := time.Until(expires); left < soonExpired {
		return fmt.Sprintf("the certificate expires in %d days", int(left/(24*time.Hour))), nil
	}
	return "valid until " + expires.UTC().Format(time.DateOnly), nil
}

const soonExpired = 14 * 24 * time.Hour

// issuers are those of the jwt blocks, each once.
func (c *Config) issuers() []authn.Issuer {
	var issuers []authn.Issuer
	for _, trust := range c.trusts {
		if !slices.Contains(issuers, trust.Issuer) {
			issuers = append(issuers, trust.Issuer)
		}
	}
	return issuers
}

// check runs the checks, a few at once.
func (c *Config) check(
	ctx context.Context,
	ofStore func(context.Context) (string, error),
	open func(serviceSetting) (directory.Directory, error),
) []CheckResult {
	type job struct {
		result CheckResult
		run    func(context.Context) (string, error)
	}
	jobs := []job{{CheckResult{Subject: SubjectStore, Detail: c.store.name()}, ofStore}}
	if c.tls != nil {
		jobs = append(jobs, job{CheckResult{Subject: SubjectTLS, Detail: c.tls.certFile}, c.checkTLS})
	}
	for _, issuer := range c.issuers() {
		jobs = append(jobs, job{CheckResult{Subject: SubjectIssuer, Detail: issuer.URL}, func(ctx context.Context) (string, error) {
			return "", authn.NewIssuers(nil).Check(ctx, issuer)
		}})
	}
	for _, s := range c.services {
		if s.directory == nil {
			continue
		}
		jobs = append(jobs, job{CheckResult{Subject: s.key.String(), Detail: s.directory.kind}, func(ctx context.Context) (string, error) {
			dir, err := open(s)
			if err == nil {
				err = dir.Check(ctx)
			}
			kind := directoryKinds()[s.directory.kind]
			return verdict(dir, err, kind.tellsID && s.key.Type == s.directory.kind), err
		}})
	}
	results := make([]CheckResult, len(jobs))
	slots := make(chan struct{}, checksAtOnce)
	var wg sync.WaitGroup
	for n, j := range jobs {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(ctx, checkTimeout)
			defer cancel()
			j.result.Note, j.result.Err = j.run(ctx)
			j.result.Err = c.secrets.cleanError(j.result.Err)
			results[n] = j.result
		})
	}
	wg.Wait()
	return results
}
