// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package authn

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Trust says which role JWTs of one issuer get.
type Trust struct {
	Issuer   Issuer
	Audience string `hcl:"audience"` // that a token must have
	Roles    []RoleRule
}

// RoleRule gives a role to tokens that meet every condition. The first rule of
// a Trust that matches decides.
type RoleRule struct {
	Role       identity.Role
	Conditions []Condition // at least one
}

// Condition holds where a claim has one of some values, compared exactly. A
// claim that is a list meets it with any of its elements.
type Condition struct {
	Claim  string
	Values []string
}

const (
	// leeway is how far the issuer's clock and ours may differ.
	leeway = 30 * time.Second

	maxJWTBytes     = 16 << 10
	maxSubjectBytes = 512
	maxSeconds      = 1 << 40 // since 1970; a larger number is no time
	maxKeys         = 100     // of one issuer
	minRSABits      = 2048    // shorter keys can be broken
	maxShown        = 120     // bytes of a claim in a message
)

// algorithms returns the signature algorithms that are accepted. Each needs a
// private key that only the issuer has: "none" and HS256 stay out, whatever an
// issuer or a token says.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
		jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
}

// looksLikeJWT reports whether a token has the three parts and the header of a
// JWT.
func looksLikeJWT(raw string) bool {
	head, _, ok := strings.Cut(raw, ".")
	if !ok || strings.Count(raw, ".") != 2 {
		return false
	}
	text, err := base64.RawURLEncoding.DecodeString(head)
	var header map[string]json.RawMessage
	return err == nil && json.Unmarshal(text, &header) == nil
}

// verifyJWT verifies a token and returns the role that its claims give.
func (a *Authenticator) verifyJWT(ctx context.Context, raw string) (identity.Principal, error) {
	if len(raw) > maxJWTBytes {
		return identity.Principal{}, unauthenticated("The JWT is too large.")
	}
	token, err := jwt.ParseSigned(raw, algorithms())
	if err != nil {
		e := unauthenticated("The JWT is malformed, or signed with an algorithm that is not accepted.")
		e.Cause = err
		return identity.Principal{}, e
	}
	var std jwt.Claims
	var own claims
	// Unverified: it only chooses whose keys must have signed the token.
	if err := token.UnsafeClaimsWithoutVerification(&std, &own); err != nil {
		return identity.Principal{}, unauthenticated("The JWT's claims cannot be read.")
	}
	trusts := slices.DeleteFunc(slices.Clone(a.cfg.Trusts), func(t Trust) bool { return t.Issuer.URL != std.Issuer })
	if len(trusts) == 0 {
		return identity.Principal{}, unauthenticated("No jwt block of the server's configuration has the JWT's issuer, " + quote(std.Issuer) + ".")
	}
	header := token.Headers[0]
	keys, err := a.cfg.Issuers.keys(trusts[0].Issuer).lookup(ctx, header.KeyID)
	if err != nil {
		return identity.Principal{}, err
	}
	if !slices.ContainsFunc(keys, func(key jose.JSONWebKey) bool {
		// An issuer may say which algorithm a key is for.
		return (key.Algorithm == "" || key.Algorithm == header.Algorithm) && token.Claims(key.Key) == nil
	}) {
		return identity.Principal{}, unauthenticated("The JWT's signature is not that of one of the issuer's keys.")
	}
	if err := a.checkTimes(std); err != nil {
		return identity.Principal{}, err
	}
	return matchRole(trusts, std, own)
}

// checkTimes refuses tokens that are expired, that never expire, and those of the
// future.
func (a *Authenticator) checkTimes(std jwt.Claims) error {
	for _, at := range []*jwt.NumericDate{std.Expiry, std.NotBefore, std.IssuedAt} {
		if at != nil && (*at < 0 || *at > maxSeconds) {
			return unauthenticated("The JWT is malformed: exp, nbf or iat is not a time.")
		}
	}
	switch err := std.ValidateWithLeeway(jwt.Expected{Time: a.cfg.Now()}, leeway); {
	case std.Expiry == nil:
		return unauthenticated("The JWT is malformed: exp is missing.")
	case errors.Is(err, jwt.ErrExpired):
		return unauthenticated("The JWT expired at " + std.Expiry.Time().UTC().Format(time.RFC3339) + ".")
	case errors.Is(err, jwt.ErrNotValidYet):
		return early(std.NotBefore)
	case err != nil:
		return early(std.IssuedAt)
	}
	return nil
}

func early(from *jwt.NumericDate) error {
	return unauthenticated("The JWT is not valid before " + from.Time().UTC().Format(time.RFC3339) + "; a clock may be wrong.")
}

// matchRole returns the first role whose conditions hold, of the blocks whose
// audience the token has.
func matchRole(trusts []Trust, token jwt.Claims, own claims) (identity.Principal, error) {
	if !usableSubject(token.Subject) {
		return identity.Principal{}, unauthenticated("The JWT has no subject, or one that is too long or has invisible characters.")
	}
	var asked []RoleRule
	meant := false
	for _, t := range trusts {
		if !slices.Contains(token.Audience, t.Audience) {
			continue
		}
		meant = true
		for _, rule := range t.Roles {
			if rule.matches(own) {
				return identity.Principal{Name: token.Subject, Role: rule.Role, Via: "jwt of " + token.Issuer, Kind: "jwt:" + token.Issuer}, nil
			}
		}
		asked = append(asked, t.Roles...)
	}
	if !meant {
		return identity.Principal{}, unauthenticated("The JWT is meant for the audience " + quote(strings.Join(token.Audience, ", ")) + ", not for this server.")
	}
	return identity.Principal{}, forbidden("The JWT is valid, but no role of the server's configuration matches its claims: " + own.describe(asked) + ".")
}

// usableSubject reports whether a subject may appear in logs and in the history.
func usableSubject(s string) bool {
	return strings.TrimSpace(s) != "" && len(s) <= maxSubjectBytes && identity.Visible(s)
}

// usableKeys returns the keys of a set that may sign tokens: public, asymmetric,
// strong, and for signatures.
func usableKeys(set []json.RawMessage) ([]jose.JSONWebKey, error) {
	if len(set) > maxKeys {
		return nil, errors.New("the issuer has too many keys")
	}
	var keys []jose.JSONWebKey
	for _, text := range set {
		var key jose.JSONWebKey
		// A key of a kind that we do not know signs nothing for us.
		if key.UnmarshalJSON(text) != nil || key.Use != "" && key.Use != "sig" || !key.Valid() {
			continue
		}
		switch public := key.Key.(type) {
		case *rsa.PublicKey:
			if public.N.BitLen() < minRSABits {
				continue
			}
		case *ecdsa.PublicKey, ed25519.PublicKey:
		default:
			continue
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("the issuer has no key that could sign tokens")
	}
	return keys, nil
}

// claims holds the claims of a token, numbers as they are written.
type claims map[string]any

// UnmarshalJSON implements json.Unmarshaler.
func (c *claims) UnmarshalJSON(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode((*map[string]any)(c))
}

func (r RoleRule) matches(c claims) bool {
	return len(r.Conditions) > 0 && !slices.ContainsFunc(r.Conditions, func(condition Condition) bool { return !condition.holds(c) })
}

func (c Condition) holds(token claims) bool {
	return slices.ContainsFunc(token.values(c.Claim), func(value string) bool { return slices.Contains(c.Values, value) })
}

// values returns the values of a claim as texts: one, or the elements of a list.
// Objects and nulls have none.
func (c claims) values(name string) []string {
	list, ok := c[name].([]any)
	if !ok {
		list = []any{c[name]}
	}
	var values []string
	for _, value := range list {
		switch value.(type) {
		case string, bool, json.Number:
			values = append(values, fmt.Sprint(value))
		}
	}
	return values
}

// describe returns the claims that the rules ask about, for the sender of the
// token: it shows which value does not match.
func (c claims) describe(rules []RoleRule) string {
	var names, parts []string
	for _, rule := range rules {
		for _, condition := range rule.Conditions {
			if !slices.Contains(names, condition.Claim) {
				names = append(names, condition.Claim)
			}
		}
	}
	slices.Sort(names)
	for _, name := range names {
		values := c.values(name)
		if len(values) == 0 {
			parts = append(parts, name+" is absent")
			continue
		}
		parts = append(parts, fmt.Sprintf("%s is %s", name, quote(strings.Join(values, ", "))))
	}
	return strings.Join(parts, "; ")
}

// quote returns a text from outside as a message may show it: short, on one line.
func quote(s string) string {
	if len(s) > maxShown {
		s = strings.ToValidUTF8(s[:maxShown], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}
