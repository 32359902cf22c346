// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package authn_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sym-identity/terraform-provider-sym/internal/authn"
	"github.com/sym-identity/terraform-provider-sym/internal/authn/authntest"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
)

func trust(issuer *authntest.Issuer) authn.Trust {
	return authn.Trust{
		Issuer: authn.Issuer{URL: issuer.URL, AllowHTTP: true}, Audience: "sym",
		Roles: []authn.RoleRule{
			{Role: identity.Admin, Conditions: []authn.Condition{
				{Claim: "repository", Values: []string{"acme/infra"}}, {Claim: "ref", Values: []string{"refs/heads/main", "refs/heads/release"}}}},
			{Role: identity.Member, Conditions: []authn.Condition{{Claim: "repository", Values: []string{"acme/infra"}}}},
			{Role: identity.Guest, Conditions: []authn.Condition{{Claim: "groups", Values: []string{"readers"}}}},
			{Role: identity.Guest, Conditions: []authn.Condition{{Claim: "verified", Values: []string{"true"}}}},
			{Role: identity.Admin}, // without a condition: nobody
		},
	}
}

func authenticator(now func() time.Time, trusts ...authn.Trust) *authn.Authenticator {
	tokens := []server.Token{{Name: "ci", SHA256: "4cafd1fa6bafc4e0ac4a0f7ac5d2ee0cf4eb1d2ac0e0cb1c47e1f4d9e4d3a6f3", Role: identity.Admin}}
	return authn.New(authn.Config{Org: "acme", Tokens: server.StaticTokens(tokens, "acme"),
		Trusts: trusts, Issuers: authn.NewIssuers(now), Now: now})
}

func with(token string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

func TestRoles(t *testing.T) {
	t.Parallel()
	issuer := authntest.Start(t)
	now := time.Now() // stands still: tokens do not expire on a busy machine
	a := authenticator(func() time.Time { return now }, trust(issuer))
	main := map[string]any{"repository": "acme/infra", "ref": "refs/heads/main"}
	for name, tt := range map[string]struct {
		claims map[string]any
		role   identity.Role
		code   identity.Code
		hint   string
	}{
		"all conditions":       {claims: main, role: identity.Admin},
		"another value":        {claims: map[string]any{"repository": "acme/infra", "ref": "refs/heads/release"}, role: identity.Admin},
		"fewer conditions":     {claims: map[string]any{"repository": "acme/infra", "ref": "refs/heads/dev"}, role: identity.Member},
		"a claim absent":       {claims: map[string]any{"repository": "acme/infra"}, role: identity.Member},
		"one of a list":        {claims: map[string]any{"groups": []string{"staff", "readers"}}, role: identity.Guest},
		"true":                 {claims: map[string]any{"verified": true}, role: identity.Guest},
		"audience among many":  {claims: map[string]any{"aud": []string{"other", "sym"}, "verified": "true"}, role: identity.Guest},
		"no role":              {claims: map[string]any{"repository": "evil/infra", "ref": "refs/heads/main"}, code: identity.CodeForbidden, hint: `repository is "evil/infra"`},
		"prefix":               {claims: map[string]any{"repository": "acme/infrastructure"}, code: identity.CodeForbidden, hint: "no role"},
		"case":                 {claims: map[string]any{"repository": "ACME/infra"}, code: identity.CodeForbidden, hint: "no role"},
		"object":               {claims: map[string]any{"repository": map[string]any{"acme/infra": "acme/infra"}}, code: identity.CodeForbidden, hint: "repository is absent"},
		"list in a list":       {claims: map[string]any{"groups": []any{[]string{"readers"}}}, code: identity.CodeForbidden, hint: "no role"},
		"null":                 {claims: map[string]any{"repository": json.RawMessage("null")}, code: identity.CodeForbidden, hint: "no role"},
		"another audience":     {claims: map[string]any{"aud": "other", "repository": "acme/infra"}, code: identity.CodeUnauthenticated, hint: `audience "other"`},
		"no audience":          {claims: map[string]any{"aud": nil, "repository": "acme/infra"}, code: identity.CodeUnauthenticated, hint: "audience"},
		"another issuer":       {claims: map[string]any{"iss": "https://evil.example", "repository": "acme/infra"}, code: identity.CodeUnauthenticated, hint: "issuer"},
		"issuer with a slash":  {claims: map[string]any{"iss": issuer.URL + "/", "repository": "acme/infra"}, code: identity.CodeUnauthenticated, hint: "issuer"},
		"expired":              {claims: map[string]any{"exp": now.Add(-time.Minute).Unix(), "repository": "acme/infra"}, code: identity.CodeUnauthenticated, hint: "expired"},
		"just expired":         {claims: map[string]any{"exp": now.Add(-10 * time.Second).Unix(), "repository": "acme/infra"}, role: identity.Member},
		"never expires":        {claims: map[string]any{"exp": nil, "repository": "acme/infra"}, code: identity.CodeUnauthenticated},
		"not yet":              {claims: map[string]any{"nbf": now.Add(time.Minute).Unix(), "repository": "acme/infra"}, code: identity.CodeUnauthenticated, hint: "not valid before"},
		"almost":               {claims: map[string]any{"nbf": now.Add(10 * time.Second).Unix(), "repository": "acme/infra"}, role: identity.Member},
		"nbf is no time":       {claims: map[string]any{"nbf": 1e300, "repository": "acme/infra"}, code: identity.CodeUnauthenticated},
		"issued tomorrow":      {claims: map[string]any{"iat": now.Add(24 * time.Hour).Unix(), "repository": "acme/infra"}, code: identity.CodeUnauthenticated, hint: "clock"},
		"no subject":           {claims: map[string]any{"sub": nil, "repository": "acme/infra"}, code: identity.CodeUnauthenticated, hint: "subject"},
		"subject with newline": {claims: map[string]any{"sub": "ci\nlevel=error", "repository": "acme/infra"}, code: identity.CodeUnauthenticated, hint: "subject"},
		"unseen in subject":    {claims: map[string]any{"sub": "ad\u200bmin", "repository": "acme/infra"}, code: identity.CodeUnauthenticated, hint: "subject"},
		"turned subject":       {claims: map[string]any{"sub": "\u202enimda", "repository": "acme/infra"}, code: identity.CodeUnauthenticated, hint: "subject"},
		"huge subject":         {claims: map[string]any{"sub": strings.Repeat("x", 600), "repository": "acme/infra"}, code: identity.CodeUnauthenticated, hint: "subject"},
		"huge token":           {claims: map[string]any{"pad": strings.Repeat("x", 20_000), "repository": "acme/infra"}, code: identity.CodeUnauthenticated, hint: "too large"},
	} {
		token := issuer.Sign(t, issuer.Claims("sym", tt.claims))
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := a.Authenticate(with(token))
			if tt.role != "" {
				want := identity.Principal{Name: "repo:acme/infra:ref:refs/heads/main", Org: "acme", Role: tt.role, Via: "jwt of " + issuer.URL, Kind: "jwt:" + issuer.URL}
				if err != nil || p != want {
					t.Errorf("got %+v, %v; want %+v", p, err, want)
				}
				return
			}
			refused(t, p, err, tt.code, tt.hint)
		})
	}
}

// refused checks that nobody was let in, and why.
func refused(t *testing.T, p identity.Principal, err error, code identity.Code, hint string) {
	t.Helper()
	if p != (identity.Principal{}) || identity.CodeOf(err) != code || !strings.Contains(err.Error(), hint) {
		t.Errorf("got %+v, %q (%s); want %s and %q", p, err, identity.CodeOf(err), code, hint)
	}
}

// Signatures that do not count: those anybody could make.
func TestSignatures(t *testing.T) {
	t.Parallel()
	issuer := authntest.Start(t)
	a := authenticator(nil, trust(issuer))
	claims := issuer.Claims("sym", map[string]any{"repository": "acme/infra"})
	good := issuer.Sign(t, claims)
	parts := strings.Split(good, ".")
	encode := base64.RawURLEncoding.EncodeToString
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	shared := []byte("a key that the issuer published by mistake")
	issuer.Publish(jose.JSONWebKey{Key: shared, KeyID: "shared", Algorithm: "HS256"})
	issuer.Publish(jose.JSONWebKey{Key: &weak.PublicKey, KeyID: "encrypts", Use: "enc"})
	issuer.Publish(jose.JSONWebKey{Key: &weak.PublicKey, KeyID: "rs512", Algorithm: "RS512"})
	issuer.Publish(jose.JSONWebKey{Key: &weak.PublicKey, KeyID: "rsa"})
	other := authntest.Start(t)
	with := func(alg jose.SignatureAlgorithm, key any, id string) string {
		return authntest.SignWith(t, jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: id}}, claims)
	}
	for name, raw := range map[string]string{
		"none":               encode([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".",
		"NONE":               encode([]byte(`{"alg":"NoNe"}`)) + "." + parts[1] + "." + parts[2],
		"HS256, public key":  with(jose.HS256, []byte(issuer.URL+"/keys padded to some length"), "first"),
		"HS256, shared key":  with(jose.HS256, shared, "shared"),
		"a key to encrypt":   with(jose.RS256, weak, "encrypts"),
		"another algorithm":  with(jose.RS256, weak, "rs512"),
		"another's key":      other.Sign(t, claims),
		"no signature":       parts[0] + "." + parts[1] + ".",
		"changed claims":     parts[0] + "." + encode([]byte(strings.Replace(string(decode(t, parts[1])), "acme/infra", "acme/infrb", 1))) + "." + parts[2],
		"unknown critical":   encode([]byte(`{"alg":"ES256","kid":"first","crit":["b64"],"b64":false}`)) + "." + parts[1] + "." + parts[2],
		"four parts":         good + ".x",
		"claims not JSON":    parts[0] + "." + encode([]byte("x")) + "." + parts[2],
		"key in the header":  encode([]byte(`{"alg":"ES256","jwk":{"kty":"EC"}}`)) + "." + parts[1] + "." + parts[2],
		"empty":              "..",
		"two tokens at once": good + " " + good,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Authorization", "Bearer "+raw)
			p, err := a.Authenticate(r)
			refused(t, p, err, identity.CodeUnauthenticated, "")
		})
	}
	for name, raw := range map[string]string{"ES256": good, "RS256": with(jose.RS256, weak, "rsa"), "PS256": with(jose.PS256, weak, "rsa")} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "bearer "+raw)
		if p, err := a.Authenticate(r); err != nil || p.Role != identity.Member {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func decode(t *testing.T, part string) []byte {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Blocks of one issuer for two audiences do not mix.
func TestAudiences(t *testing.T) {
	t.Parallel()
	issuer := authntest.Start(t)
	condition := []authn.Condition{{Claim: "repository", Values: []string{"acme/infra"}}}
	first, second := trust(issuer), trust(issuer)
	first.Roles = []authn.RoleRule{{Role: identity.Guest, Conditions: condition}}
	second.Audience, second.Roles = "sym-apply", []authn.RoleRule{{Role: identity.Admin, Conditions: condition}}
	a := authenticator(nil, first, second)
	for audience, want := range map[string]identity.Role{"sym": identity.Guest, "sym-apply": identity.Admin} {
		p, err := a.Authenticate(with(issuer.Sign(t, issuer.Claims(audience, map[string]any{"repository": "acme/infra"}))))
		if err != nil || p.Role != want {
			t.Errorf("%s: %+v, %v", audience, p, err)
		}
	}
}

// Of two credentials a proxy may have checked the other one, so neither counts.
func TestTwoCredentials(t *testing.T) {
	t.Parallel()
	issuer := authntest.Start(t)
	a := authenticator(time.Now, trust(issuer))
	good := tokenFor(t, issuer)
	if _, err := a.Authenticate(with(good)); err != nil {
		t.Fatal(err)
	}
	for _, second := range []string{"Bearer " + good, "Bearer of-nobody", "Basic eDp5", ""} {
		r := with(good)
		r.Header.Add("Authorization", second)
		p, err := a.Authenticate(r)
		refused(t, p, err, identity.CodeUnauthenticated, "more than one Authorization header")
	}
}

func TestWithoutTrusts(t *testing.T) {
	t.Parallel()
	issuer := authntest.Start(t)
	p, err := authenticator(nil).Authenticate(with(issuer.Sign(t, issuer.Claims("sym", nil))))
	refused(t, p, err, identity.CodeUnauthenticated, "")
	p, err = authn.New(authn.Config{}).Authenticate(httptest.NewRequest(http.MethodGet, "/", nil))
	refused(t, p, err, identity.CodeUnauthenticated, "")
	if issuer.Asked() != 0 {
		t.Error("an issuer that nobody trusts was asked")
	}
}

func TestIssuerURLs(t *testing.T) {
	t.Parallel()
	for url, ok := range map[string]bool{
		"https://token.actions.githubusercontent.com": true, "https://gitlab.acme.example:8443/path": true,
		"http://127.0.0.1:8080": true, "http://localhost": true, "http://[::1]:1": true,
		"http://issuer.example.com": false, "http://10.0.0.1": false, "ftp://127.0.0.1": false, "issuer.example.com": false,
		"https://": false, "https://u:p@issuer.example.com": false, "https://issuer.example.com?x=1": false, "https://issuer.example.com#x": false, "": false,
	} {
		if err := (authn.Issuer{URL: url, AllowHTTP: true}).CheckURL(); (err == nil) != ok {
			t.Errorf("%q: %v", url, err)
		}
	}
	if err := (authn.Issuer{URL: "http://127.0.0.1"}).CheckURL(); err == nil {
		t.Error("http was accepted without allow_http")
	}
	var e *identity.Error
	if errors.As(authn.Issuer{URL: "http://127.0.0.1"}.CheckURL(), &e) {
		t.Error("a configuration's fault is not an answer of the API")
	}
}
