// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package authn

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

const (
	// leeway is how far the issuer's clock and ours may differ.
	leeway = 30 * time.Second

	maxJWTBytes     = 16 << 10
	maxSubjectBytes = 512
)

// algorithms are the signatures that count: each needs a private key that only
// the issuer has. Neither "none" nor HS256, whose key a verifier would know, is
// among them, whatever an issuer or a token says.
func algorithms() []string {
	return []string{
		oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512,
		oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
	}
}

// verifier turns JWTs into principals.
type verifier struct {
	trusts  []Trust
	issuers *Issuers
	now     func() time.Time
}

func newVerifier(trusts []Trust, issuers *Issuers, now func() time.Time) *verifier {
	return &verifier{trusts: trusts, issuers: issuers, now: now}
}

// looksLikeJWT tells a JWT from other tokens, by its three parts and header.
func looksLikeJWT(raw string) bool {
	head, _, ok := strings.Cut(raw, ".")
	if !ok || strings.Count(raw, ".") != 2 {
		return false
	}
	var header map[string]json.RawMessage
	return decodePart(head, &header) == nil
}

func decodePart(part string, into any) error {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// principal verifies a token and finds the role its claims give.
func (v *verifier) principal(ctx context.Context, raw string) (identity.Principal, error) {
	if len(raw) > maxJWTBytes {
		return identity.Principal{}, unauthenticated("The JWT is too large.")
	}
	// Unverified: it only chooses whose keys must have signed the token.
	var said struct {
		Issuer string `json:"iss"`
	}
	if err := decodePart(strings.Split(raw, ".")[1], &said); err != nil {
		return identity.Principal{}, unauthenticated("The JWT cannot be read.")
	}
	var trusts []Trust
	for _, t := range v.trusts {
		if t.Issuer.URL == said.Issuer {
			trusts = append(trusts, t)
		}
	}
	if len(trusts) == 0 {
		return identity.Principal{}, unauthenticated("No jwt block of the server's configuration has the JWT's issuer, " + quote(said.Issuer) + ".")
	}
	token, err := v.verify(ctx, trusts[0].Issuer, raw)
	if err != nil {
		return identity.Principal{}, err
	}
	return judge(trusts, token)
}

// verify checks signature, issuer and times.
func (v *verifier) verify(ctx context.Context, issuer Issuer, raw string) (*oidc.IDToken, error) {
	signed := &signature{keys: v.issuers.keys(issuer)}
	token, err := oidc.NewVerifier(issuer.URL, signed, &oidc.Config{
		SupportedSigningAlgs: algorithms(),
		// judge compares the audience: several blocks may name one issuer.
		SkipClientIDCheck: true,
		Now:               func() time.Time { return v.now().Add(-leeway) },
	}).Verify(ctx, raw)
	var expired *oidc.TokenExpiredError
	switch {
	case signed.err != nil:
		return nil, signed.err
	case errors.As(err, &expired):
		return nil, unauthenticated("The JWT expired at " + expired.Expiry.UTC().Format(time.RFC3339) + ".")
	case err != nil:
		e := unauthenticated("The JWT is malformed, or signed with an algorithm that does not count.")
		e.Cause = err
		return nil, e
	}
	return token, v.early(token)
}

// early refuses tokens of the future. The library allows minutes for that.
func (v *verifier) early(token *oidc.IDToken) error {
	var times struct {
		NotBefore *json.Number `json:"nbf"`
	}
	if err := token.Claims(&times); err != nil {
		return unauthenticated("The JWT is malformed: nbf is not a number.")
	}
	latest := token.IssuedAt
	if times.NotBefore != nil {
		seconds, err := times.NotBefore.Float64()
		if err != nil || seconds > maxSeconds {
			return unauthenticated("The JWT is malformed: nbf is not a time.")
		}
		if nbf := time.Unix(int64(seconds), 0); nbf.After(latest) {
			latest = nbf
		}
	}
	if latest.After(v.now().Add(leeway)) {
		return unauthenticated("The JWT is not valid before " + latest.UTC().Format(time.RFC3339) + "; a clock may be wrong.")
	}
	return nil
}

const maxSeconds = 1 << 40 // since 1970; beyond it a number is no time

// judge finds the first block whose audience the token is meant for, and in it
// the first role whose conditions hold.
func judge(trusts []Trust, token *oidc.IDToken) (identity.Principal, error) {
	var said claims
	if err := token.Claims(&said); err != nil {
		return identity.Principal{}, unauthenticated("The JWT's claims cannot be read.")
	}
	if !usableSubject(token.Subject) {
		return identity.Principal{}, unauthenticated("The JWT has no subject, or one that cannot stand in a log.")
	}
	var asked []RoleRule
	meant := false
	for _, t := range trusts {
		if !slices.Contains(token.Audience, t.Audience) {
			continue
		}
		meant = true
		for _, rule := range t.Roles {
			if rule.matches(said) {
				return identity.Principal{Name: token.Subject, Role: rule.Role, Via: "jwt of " + token.Issuer}, nil
			}
		}
		asked = append(asked, t.Roles...)
	}
	if !meant {
		return identity.Principal{}, unauthenticated("The JWT is meant for the audience " + quote(strings.Join(token.Audience, ", ")) + ", not for this server.")
	}
	return identity.Principal{}, stranger("The JWT is valid, but no role of the server's configuration matches its claims: " + said.shown(asked) + ".")
}

// usableSubject tells what may stand in logs and in the history.
func usableSubject(s string) bool {
	return strings.TrimSpace(s) != "" && len(s) <= maxSubjectBytes && utf8.ValidString(s) &&
		!strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' })
}
