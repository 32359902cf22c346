// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package google_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
)

const (
	admin  = "admin@acme.com"
	client = "sym@project.iam.gserviceaccount.example.com"
)

// private is made once: keys take time.
var private = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// keyFile writes a service account's key for a token endpoint.
func keyFile(t testing.TB, tokenURI string) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(private())
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := json.Marshal(map[string]string{"type": "service_account", "client_email": client, "client_id": "104729", "private_key_id": "k1", "token_uri": tokenURI,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))})
	path := filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// fake is a Workspace and its token endpoint. A person's ID is the primary
// address; all addresses are aliases. Domains other than example.com are
// somebody else's.
type fake struct {
	world directorytest.World
	// own are the customer's domains.
	own map[string]bool
}

func (f fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/token" {
		f.token(w, r)
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+directorytest.Secret {
		f.fail(w, http.StatusUnauthorized, "authError", "Invalid Credentials")
		return
	}
	if r.URL.Path == "/admin/directory/v1/users" {
		f.list(w, r)
		return
	}
	email := strings.TrimPrefix(r.URL.Path, "/admin/directory/v1/users/")
	if _, domain, ok := strings.Cut(email, "@"); ok && !f.own[strings.ToLower(domain)] {
		f.fail(w, http.StatusForbidden, "forbidden", "Not Authorized to access this resource/api")
		return
	}
	for _, p := range f.world.People {
		if accountID(p) == email || slices.ContainsFunc(p.Emails, func(a string) bool { return strings.EqualFold(a, email) }) {
			directorytest.SendJSON(w, http.StatusOK, user(p))
			return
		}
	}
	f.fail(w, http.StatusNotFound, "notFound", "Resource Not Found: userKey")
}

func (f fake) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("customer") != "my_customer" && !f.own[q.Get("domain")] {
		f.fail(w, http.StatusBadRequest, "invalid", "Invalid Input: domain")
		return
	}
	size, _ := strconv.Atoi(q.Get("maxResults"))
	start, _ := strconv.Atoi(q.Get("pageToken"))
	people, next, more := f.world.Slice(f.world.People, start, size)
	answer := map[string]any{"kind": "admin#directory#users"}
	if more {
		answer["nextPageToken"] = strconv.Itoa(next)
	}
	if len(people) > 0 {
		users := make([]any, len(people))
		for i, p := range people {
			users[i] = user(p)
		}
		answer["users"] = users
	}
	directorytest.SendJSON(w, http.StatusOK, answer)
}

func user(p directorytest.Person) map[string]any {
	return map[string]any{"id": accountID(p), "primaryEmail": p.Emails[0], "name": map[string]any{"fullName": "Some Body"},
		"aliases": p.Emails[1:], "suspended": p.Inactive}
}

// accountID returns the id that Google gives to a person.
func accountID(p directorytest.Person) string { return "1" + p.ID }

// token verifies the assertion as Google would.
func (f fake) token(w http.ResponseWriter, r *http.Request) {
	refuse := func(why string) {
		directorytest.SendJSON(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant", "error_description": why})
	}
	parts := strings.Split(r.FormValue("assertion"), ".")
	if len(parts) != 3 || r.FormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		refuse("no assertion")
		return
	}
	var claims struct {
		Iss, Sub, Scope, Aud string
		Iat, Exp             int64
	}
	body, _ := base64.RawURLEncoding.DecodeString(parts[1])
	signature, _ := base64.RawURLEncoding.DecodeString(parts[2])
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	switch {
	case json.Unmarshal(body, &claims) != nil, rsa.VerifyPKCS1v15(&private().PublicKey, crypto.SHA256, sum[:], signature) != nil:
		refuse("bad signature")
	case claims.Iss != client || claims.Sub != admin || claims.Aud != directorytest.Origin(r)+"/token" || claims.Exp-claims.Iat > 3600 ||
		claims.Scope != "https://www.googleapis.com/auth/admin.directory.user.readonly":
		refuse("bad claims")
	default:
		directorytest.SendJSON(w, http.StatusOK, map[string]any{"access_token": directorytest.Secret, "expires_in": 3599, "token_type": "Bearer"})
	}
}

func (fake) fail(w http.ResponseWriter, status int, reason, message string) {
	directorytest.SendJSON(w, status, map[string]any{"error": map[string]any{"code": status, "message": message,
		"errors": []any{map[string]any{"message": message, "domain": "global", "reason": reason}}}})
}
