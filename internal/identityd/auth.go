// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identityd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/authn"
	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
)

// liveAuth holds what lets requests in. Reload replaces it while requests are
// served.
type liveAuth struct {
	issuers *authn.Issuers
	now     func() time.Time
	current atomic.Pointer[auth]
}

// auth is what one reading of the file accepts. It never changes.
type auth struct {
	authenticator *authn.Authenticator
	tls           *tlsFiles // nil = plain HTTP
}

// build makes the auth that a configuration describes. It reads the TLS files.
func (l *liveAuth) build(c *config.Config, log *slog.Logger) (*auth, error) {
	a := &auth{}
	if c.TLS != nil {
		var err error
		if a.tls, err = openTLS(*c.TLS, log, l.now); err != nil {
			return nil, c.Failed(config.Failure{At: c.TLS.At, Summary: "The TLS files cannot be used", Err: err})
		}
	}
	tokens := make([]server.Token, len(c.Tokens))
	for n, t := range c.Tokens {
		tokens[n] = server.Token(t)
	}
	cfg := authn.Config{
		Org: c.Org, Tokens: server.StaticTokens(tokens, c.Org), Trusts: c.Trusts, Issuers: l.issuers, Now: l.now,
	}
	if files := a.tls; len(c.Certificates) > 0 && files != nil {
		cfg.Certificates = &authn.Certificates{Rules: c.Certificates, Roots: func() *x509.CertPool { return files.current().roots }}
	}
	a.authenticator = authn.New(cfg)
	return a, nil
}

// TLS returns how to listen, nil for plain HTTP. It follows the files of the
// tls block, and Reload.
func (i *Instance) TLS() *tls.Config {
	if i.auth == nil || i.auth.current.Load().tls == nil {
		return nil
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return i.auth.current.Load().tls.current().config, nil
		},
	}
}

// Reload reads the configuration file again. If nothing is wrong with it, its
// services, directories, token, jwt, client_certificate and tls blocks and
// mask_emails_in_logs replace the ones before, all at once, from the next request
// on. Otherwise nothing changes and the error says why, as those of Load and Open
// do.
//
// The other settings cannot change while requests are served. Reload returns
// the names of those that differ; they take effect after a restart.
func (i *Instance) Reload(ctx context.Context) (restart []string, err error) {
	if i.auth == nil {
		return nil, errors.New("this instance does not read tokens")
	}
	i.reloading.Lock()
	defer i.reloading.Unlock()
	fresh, err := i.config.Reload()
	if err != nil {
		return nil, err
	}
	if err := fresh.CheckServe(); err != nil {
		return nil, err
	}
	if fresh.Org != i.config.Org {
		return nil, fmt.Errorf("%s is now for the organization %q; the server answers for %q. Restore org, or start a second server for the other organization", fresh.Path, fresh.Org, i.config.Org)
	}
	directories, err := i.openDirectories(fresh)
	if err != nil {
		return nil, err
	}
	a, err := i.auth.build(fresh, Logger(fresh, i.opts.Logger))
	if err != nil {
		return nil, err
	}
	restart = fresh.NeedsRestart(i.config)
	if served := i.auth.current.Load(); (a.tls == nil) != (served.tls == nil) {
		restart = append(restart, "tls, added or removed")
		a.tls = served.tls
	}
	if err := i.use(ctx, fresh, directories, a); err != nil {
		return nil, err
	}
	LogWarnings(ctx, fresh, Logger(fresh, i.opts.Logger))
	return restart, nil
}

// checkFilesEvery bounds how often handshakes check whether files have changed.
const checkFilesEvery = time.Second

// tlsFiles serves the certificate that its files hold now. It reads them again,
// at a handshake, once they have changed. Files that cannot be used leave the
// last good ones in place.
type tlsFiles struct {
	setting config.TLS
	log     *slog.Logger
	now     func() time.Time

	mu      sync.Mutex
	checked time.Time
	stamps  [3]fileStamp
	good    *loadedTLS
}

// fileStamp tells whether a file has changed.
type fileStamp struct {
	modified time.Time
	size     int64
}

// loadedTLS is what the files held.
type loadedTLS struct {
	config  *tls.Config
	roots   *x509.CertPool // of clients; nil = not asked for
	expires time.Time
}

// openTLS reads the files. It fails if they cannot be used.
func openTLS(setting config.TLS, log *slog.Logger, now func() time.Time) (*tlsFiles, error) {
	f := &tlsFiles{setting: setting, log: log, now: now, checked: now()}
	f.stamps = f.stat()
	good, err := f.load()
	f.good = good
	return f, err
}

// CheckTLS reads the files of a tls block and returns when the certificate
// expires. It fails if they cannot be used.
func CheckTLS(setting config.TLS) (expires time.Time, err error) {
	files, err := openTLS(setting, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		return time.Time{}, err
	}
	return files.good.expires, nil
}

func (f *tlsFiles) stat() (stamps [3]fileStamp) {
	for i, path := range []string{f.setting.CertFile, f.setting.KeyFile, f.setting.ClientCAFile} {
		if info, err := os.Stat(path); err == nil {
			stamps[i] = fileStamp{info.ModTime(), info.Size()}
		}
	}
	return stamps
}

func (f *tlsFiles) load() (*loadedTLS, error) {
	pair, err := tls.LoadX509KeyPair(f.setting.CertFile, f.setting.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("the certificate and its key: %w. cert_file and key_file must name a certificate and its own key, in PEM form; a relative path starts at the folder of the configuration file", err)
	}
	expires := pair.Leaf.NotAfter
	if f.now().After(expires) {
		return nil, fmt.Errorf("the certificate in %s expired at %s", f.setting.CertFile, expires.UTC().Format(time.RFC3339))
	}
	loaded := &loadedTLS{expires: expires, config: &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"},
	}}
	if f.setting.ClientCAFile == "" {
		return loaded, nil
	}
	if loaded.roots, err = httpx.Authorities(f.setting.ClientCAFile); err != nil {
		return nil, fmt.Errorf("client_ca_file: %w. It must name certificates in PEM form; a relative path starts at the folder of the configuration file", err)
	}
	loaded.config.ClientCAs = loaded.roots
	loaded.config.ClientAuth = tls.VerifyClientCertIfGiven
	if f.setting.RequireClientCert {
		loaded.config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	// A session must not outlive the authority that let its client in.
	loaded.config.SessionTicketsDisabled = true
	return loaded, nil
}

// current returns what the files hold, or what they held when they could last
// be used.
func (f *tlsFiles) current() *loadedTLS {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if age := now.Sub(f.checked); age >= 0 && age < checkFilesEvery {
		return f.good
	}
	f.checked = now
	stamps := f.stat()
	if stamps == f.stamps {
		return f.good
	}
	f.stamps = stamps // bad files are logged once, and read again when they change
	good, err := f.load()
	if err != nil {
		f.log.Warn("the TLS files have changed but cannot be used; the previous ones stay in use", "error", err)
		return f.good
	}
	f.log.Info("the TLS files have changed and are in use", "expires", good.expires.UTC())
	f.good = good
	return f.good
}
