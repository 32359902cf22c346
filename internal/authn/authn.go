// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package authn tells who sends a request: by a static token, by a JWT of an
// OpenID Connect issuer, or by a client certificate. A credential that is shown
// and wrong ends the matter: nothing else is tried in its place, except that a
// bearer token which is no static one may be a JWT.
package authn

import (
	"net/http"
	"strings"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Config is whom to let in. It is checked by whoever reads it from a file.
type Config struct {
	Org string // of every principal

	// Tokens answers for static tokens. Nil knows none.
	Tokens func(*http.Request) (identity.Principal, error)
	// Trusts are the issuers whose JWTs count, in the order to try.
	Trusts []Trust
	// Issuers fetches and keeps the issuers' keys. Needed where there are Trusts.
	Issuers *Issuers
	// Certificates lets in by client certificate. Nil: none does.
	Certificates *Certificates

	Now func() time.Time // nil = time.Now
}

// Authenticator tells who sends a request. It is safe for concurrent use.
type Authenticator struct {
	cfg  Config
	jwts *verifier
}

// New makes an authenticator.
func New(cfg Config) *Authenticator {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	a := &Authenticator{cfg: cfg}
	if len(cfg.Trusts) > 0 {
		a.jwts = newVerifier(cfg.Trusts, cfg.Issuers, cfg.Now)
	}
	return a
}

// Authenticate tells who sends a request. Its errors are *identity.Error:
// unauthenticated, forbidden (the sender is known, but nothing lets them in),
// or unavailable where an issuer's keys could not be had.
func (a *Authenticator) Authenticate(r *http.Request) (identity.Principal, error) {
	p, err := a.principal(r)
	if err != nil {
		return identity.Principal{}, err
	}
	p.Org = a.cfg.Org
	return p, nil
}

func (a *Authenticator) principal(r *http.Request) (identity.Principal, error) {
	if len(r.Header.Values("Authorization")) == 0 {
		return a.cfg.Certificates.principal(r, a.cfg.Now())
	}
	err := error(unauthenticated(""))
	if a.cfg.Tokens != nil {
		var p identity.Principal
		if p, err = a.cfg.Tokens(r); err == nil {
			return p, nil
		}
	}
	scheme, raw, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	raw = strings.TrimSpace(raw)
	if a.jwts == nil || !strings.EqualFold(scheme, "Bearer") || !looksLikeJWT(raw) {
		return identity.Principal{}, err
	}
	return a.jwts.principal(r.Context(), raw)
}

// unauthenticated is a 401. why is told to the sender, so it says nothing that
// they could not know.
func unauthenticated(why string) *identity.Error {
	return &identity.Error{Code: identity.CodeUnauthenticated, Message: "You must be logged in to perform this action.", Hint: why}
}

// stranger is a 403 of somebody whose credential is good and means nothing here.
func stranger(why string) *identity.Error {
	return &identity.Error{Code: identity.CodeForbidden, Message: "You are not authorized to perform this action.", Hint: why}
}
