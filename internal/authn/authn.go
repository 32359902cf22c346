// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package authn authenticates requests by a static token, a JWT of an OpenID
// Connect issuer, or a client certificate. A wrong credential is final: nothing
// else is tried, except that a bearer token that is no static one may be a JWT.
package authn

import (
	"net/http"
	"strings"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Config says which credentials to accept. Whoever reads it from a file has
// checked it.
type Config struct {
	Org string // of every principal

	// Tokens authenticates static tokens. Nil knows none.
	Tokens func(*http.Request) (identity.Principal, error)
	// Trusts lists the issuers whose JWTs are accepted, in the order to try.
	Trusts []Trust
	// Issuers fetches and keeps the issuers' keys. Needed where there are Trusts.
	Issuers *Issuers
	// Certificates authenticates client certificates. Nil accepts none.
	Certificates *Certificates

	Now func() time.Time // nil = time.Now
}

// Authenticator authenticates requests. It is safe for concurrent use.
type Authenticator struct{ cfg Config }

// New makes an authenticator.
func New(cfg Config) *Authenticator {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Authenticator{cfg}
}

// Authenticate returns the sender of a request. Its errors are *identity.Error:
// unauthenticated, forbidden (the credential is good, but no rule names it), or
// unavailable if an issuer's keys could not be fetched.
func (a *Authenticator) Authenticate(r *http.Request) (identity.Principal, error) {
	p, err := a.principal(r)
	if err == nil {
		p.Org = a.cfg.Org
	}
	return p, err
}

func (a *Authenticator) principal(r *http.Request) (identity.Principal, error) {
	switch n := len(r.Header.Values("Authorization")); {
	case n == 0:
		return a.cfg.Certificates.principal(r, a.cfg.Now())
	case n > 1: // a proxy may have looked at another one than this server would
		return identity.Principal{}, unauthenticated("The request has more than one Authorization header.")
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
	if len(a.cfg.Trusts) == 0 || !strings.EqualFold(scheme, "Bearer") || !looksLikeJWT(raw) {
		return identity.Principal{}, err
	}
	return a.verifyJWT(r.Context(), raw)
}

// unauthenticated returns a 401. The sender reads why, so it says nothing that
// they could not know.
func unauthenticated(why string) *identity.Error {
	return &identity.Error{Code: identity.CodeUnauthenticated, Message: "You must be logged in to perform this action.", Hint: why}
}

// forbidden returns a 403 for a good credential that no rule names.
func forbidden(why string) *identity.Error {
	return &identity.Error{Code: identity.CodeForbidden, Message: "You are not authorized to perform this action.", Hint: why}
}
