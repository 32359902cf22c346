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

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

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

// looksLikeJWT reports whether a token has the three parts and the header of a
// JWT.
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

// principal verifies a token and returns the role that its claims give.
func (v *verifier) principal(ctx context.Context, raw string) (identity.Principal, error) {
	if len(raw) > maxJWTBytes {
		return identity.Principal{}, unauthenticated("The JWT is too large.")
	}
	// Unverified: it only chooses whose keys must have signed the token.
	var body struct {
		Issuer string `json:"iss"`
	}
	if err := decodePart(strings.Split(raw, ".")[1], &body); err != nil {
		return identity.Principal{}, unauthenticated("The JWT cannot be read.")
	}
	trusts := slices.DeleteFunc(slices.Clone(v.trusts), func(t Trust) bool { return t.Issuer.URL != body.Issuer })
	if len(trusts) == 0 {
		return identity.Principal{}, unauthenticated("No jwt block of the server's configuration has the JWT's issuer, " + quote(body.Issuer) + ".")
	}
	token, err := v.verify(ctx, trusts[0].Issuer, raw)
	if err != nil {
		return identity.Principal{}, err
	}
	return matchRole(trusts, token)
}

// verify checks signature, issuer and times.
func (v *verifier) verify(ctx context.Context, issuer Issuer, raw string) (*oidc.IDToken, error) {
	signed := &signature{keys: v.issuers.keys(issuer)}
	token, err := oidc.NewVerifier(issuer.URL, signed, &oidc.Config{
		SupportedSigningAlgs: algorithms(),
		// matchRole compares the audience: several blocks may name one issuer.
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
		e := unauthenticated("The JWT is malformed, or signed with an algorithm that is not accepted.")
		e.Cause = err
		return nil, e
	}
	return token, v.checkNotBefore(token)
}

// checkNotBefore refuses tokens of the future. The library allows minutes for
// that.
func (v *verifier) checkNotBefore(token *oidc.IDToken) error {
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

// matchRole returns the first role whose conditions hold, of the blocks whose
// audience the token has.
func matchRole(trusts []Trust, token *oidc.IDToken) (identity.Principal, error) {
	var body claims
	if err := token.Claims(&body); err != nil {
		return identity.Principal{}, unauthenticated("The JWT's claims cannot be read.")
	}
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
			if rule.matches(body) {
				return identity.Principal{Name: token.Subject, Role: rule.Role, Via: "jwt of " + token.Issuer, Kind: "jwt:" + token.Issuer}, nil
			}
		}
		asked = append(asked, t.Roles...)
	}
	if !meant {
		return identity.Principal{}, unauthenticated("The JWT is meant for the audience " + quote(strings.Join(token.Audience, ", ")) + ", not for this server.")
	}
	return identity.Principal{}, forbidden("The JWT is valid, but no role of the server's configuration matches its claims: " + body.describe(asked) + ".")
}

// usableSubject reports whether a subject may appear in logs and in the history.
func usableSubject(s string) bool {
	return strings.TrimSpace(s) != "" && len(s) <= maxSubjectBytes && identity.Visible(s)
}

// signature checks the signature of one token. It keeps the error, because the
// library keeps its text only.
type signature struct {
	keys *keySet
	err  *identity.Error
}

// VerifySignature implements oidc.KeySet.
func (s *signature) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	payload, err := s.verify(ctx, raw)
	if err != nil {
		s.err = identity.AsError(err)
	}
	return payload, err
}

func (s *signature) verify(ctx context.Context, raw string) ([]byte, error) {
	var allowed []jose.SignatureAlgorithm
	for _, name := range algorithms() {
		allowed = append(allowed, jose.SignatureAlgorithm(name))
	}
	token, err := jose.ParseSignedCompact(raw, allowed)
	if err != nil || len(token.Signatures) != 1 {
		return nil, unauthenticated("The JWT cannot be read.")
	}
	header := token.Signatures[0].Header
	keys, err := s.keys.lookup(ctx, header.KeyID)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		if key.Algorithm != "" && key.Algorithm != header.Algorithm {
			continue // the issuer says what the key is for
		}
		if payload, err := token.Verify(key.Key); err == nil {
			return payload, nil
		}
	}
	return nil, unauthenticated("The JWT's signature is not that of one of the issuer's keys.")
}

// usableKeys returns the keys of a set that may sign tokens: public, asymmetric,
// strong, and for signatures.
func usableKeys(set jose.JSONWebKeySet) ([]jose.JSONWebKey, error) {
	if len(set.Keys) > maxKeys {
		return nil, errors.New("the issuer has too many keys")
	}
	var keys []jose.JSONWebKey
	for _, key := range set.Keys {
		if key.Use != "" && key.Use != "sig" || !key.Valid() {
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

// claims holds the claims of a verified token.
type claims map[string]json.RawMessage

func (r RoleRule) matches(c claims) bool {
	return len(r.Conditions) > 0 && !slices.ContainsFunc(r.Conditions, func(condition Condition) bool { return !condition.holds(c) })
}

func (c Condition) holds(token claims) bool {
	return slices.ContainsFunc(token.values(c.Claim), func(value string) bool { return slices.Contains(c.Values, value) })
}

// values returns the values of a claim as texts: one, or the elements of a list.
// Objects and nulls have none.
func (c claims) values(name string) []string {
	raw := bytes.TrimSpace(c[name])
	if len(raw) == 0 || raw[0] != '[' {
		return scalar(raw)
	}
	var elements []json.RawMessage
	if json.Unmarshal(raw, &elements) != nil {
		return nil
	}
	var values []string
	for _, element := range elements {
		values = append(values, scalar(bytes.TrimSpace(element))...)
	}
	return values
}

func scalar(raw json.RawMessage) []string {
	if len(raw) == 0 {
		return nil
	}
	switch raw[0] {
	case '"':
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return nil
		}
		return []string{s}
	case '{', '[', 'n':
		return nil
	}
	return []string{string(raw)} // true, false or a number, as it is written
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
