// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package google

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
)

// key is a service account's JSON key, checked.
type key struct {
	email    string
	id       string
	tokenURL string
	private  *rsa.PrivateKey
}

const maxKeyBytes = 64 << 10

func readKey(path string) (*key, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	raw, err := io.ReadAll(io.LimitReader(file, maxKeyBytes))
	if err != nil {
		return nil, err
	}
	return parseKey(raw)
}

// parseKey quotes nothing of the file in its errors.
func parseKey(raw []byte) (*key, error) {
	var file struct {
		Type         string `json:"type"`
		ClientEmail  string `json:"client_email"`
		PrivateKeyID string `json:"private_key_id"`
		PrivateKey   string `json:"private_key"`
		TokenURI     string `json:"token_uri"`
	}
	if json.Unmarshal(raw, &file) != nil {
		return nil, errors.New("it is not JSON")
	}
	if file.Type != "service_account" || file.ClientEmail == "" || file.TokenURI == "" {
		return nil, errors.New("it is not the key of a service account: its type is not service_account, or client_email or token_uri is missing")
	}
	block, _ := pem.Decode([]byte(file.PrivateKey))
	if block == nil {
		return nil, errors.New("its private_key is not in PEM form")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("its private_key is not a PKCS #8 key")
	}
	private, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("its private_key is not an RSA key")
	}
	return &key{email: file.ClientEmail, id: file.PrivateKeyID, tokenURL: file.TokenURI, private: private}, nil
}

// tokens makes the function that exchanges a signed assertion (RFC 7523) for
// an access token in the name of the administrator.
func (k *key) tokens(cfg Config) (func(context.Context) (apiclient.AccessToken, error), error) {
	settings := cfg.Settings
	settings.BaseURL = k.tokenURL
	api, err := settings.Open("", apiclient.Config{})
	if err != nil {
		return nil, fmt.Errorf("token_uri: %w", err)
	}
	now := time.Now
	if cfg.Clock != nil {
		now = cfg.Clock.Now
	}
	return func(ctx context.Context) (apiclient.AccessToken, error) {
		assertion, err := k.assertion(cfg.Impersonate, now())
		if err != nil {
			return apiclient.AccessToken{}, err
		}
		r := apiclient.Form("", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}})
		r.Secrets = []string{assertion}
		return api.FetchToken(ctx, r)
	}, nil
}

// assertion is a signed JWT that is good for one hour.
func (k *key) assertion(subject string, now time.Time) (string, error) {
	encode := func(part map[string]any) string {
		raw, _ := json.Marshal(part) // strings and numbers always marshal
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	signed := encode(map[string]any{"alg": "RS256", "typ": "JWT", "kid": k.id}) + "." + encode(map[string]any{
		"iss": k.email, "sub": subject, "scope": scope, "aud": k.tokenURL,
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	})
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, k.private, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("an assertion cannot be signed: %w", err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}
