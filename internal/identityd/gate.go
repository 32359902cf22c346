// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identityd

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/authn"
	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
)

// gate is who may come in, and may be replaced while requests are served.
type gate struct {
	issuers *authn.Issuers
	now     func() time.Time
	access  atomic.Pointer[access]
}

// access is what one reading of the file lets in. It never changes.
type access struct {
	who *authn.Authenticator
	tls *tlsFiles // nil = plain HTTP
}

func newGate() *gate { return &gate{issuers: authn.NewIssuers(nil), now: time.Now} }

// admit makes the access that a configuration describes, and reads its TLS
// files.
func (g *gate) admit(c *config.Config, log *slog.Logger) (*access, error) {
	a := &access{}
	if c.TLS != nil {
		files, err := openTLS(*c.TLS, log, g.now)
		if err != nil {
			return nil, c.Failed(config.Failure{At: c.TLS.At, Summary: "The TLS files cannot be used", Err: err})
		}
		a.tls = files
	}
	tokens := make([]server.Token, len(c.Tokens))
	for n, t := range c.Tokens {
		tokens[n] = server.Token(t)
	}
	cfg := authn.Config{
		Org: c.Org, Tokens: server.StaticTokens(tokens, c.Org), Trusts: c.Trusts, Issuers: g.issuers, Now: g.now,
	}
	if len(c.Certificates) > 0 && a.tls != nil {
		files := a.tls
		cfg.Certificates = &authn.Certificates{Rules: c.Certificates, Roots: func() *x509.CertPool { return files.current().roots }}
	}
	a.who = authn.New(cfg)
	return a, nil
}

// open puts an access in force.
func (g *gate) open(a *access, c *config.Config) {
	g.access.Store(a)
	g.issuers.Keep(c.Issuers())
}

func (g *gate) authenticate(r *http.Request) (identity.Principal, error) {
	return g.access.Load().who.Authenticate(r)
}

// tlsConfig is the listener's; nil where it speaks plain HTTP. It follows the
// files and reloads.
func (g *gate) tlsConfig() *tls.Config {
	if g.access.Load().tls == nil {
		return nil
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return g.access.Load().tls.current().config, nil
		},
	}
}
