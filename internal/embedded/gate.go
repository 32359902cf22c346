// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package embedded

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/sym-identity/terraform-provider-sym/internal/authn"
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
func (g *gate) admit(c *Config, log *slog.Logger) (*access, error) {
	a := &access{}
	if c.tls != nil {
		files, err := openTLS(*c.tls, log, g.now)
		if err != nil {
			return nil, asError(hcl.Diagnostics{problem(c.tls.at, "The TLS files cannot be used", err.Error())}, c.secrets, err)
		}
		a.tls = files
	}
	cfg := authn.Config{
		Org: c.org, Tokens: server.StaticTokens(c.tokens, c.org), Trusts: c.trusts, Issuers: g.issuers, Now: g.now,
	}
	if len(c.certificates) > 0 && a.tls != nil {
		files := a.tls
		cfg.Certificates = &authn.Certificates{Rules: c.certificates, Roots: func() *x509.CertPool { return files.current().roots }}
	}
	a.who = authn.New(cfg)
	return a, nil
}

// open puts an access in force.
func (g *gate) open(a *access, c *Config) {
	g.access.Store(a)
	g.issuers.Keep(c.issuers())
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
