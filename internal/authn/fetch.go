// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package authn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
)

const (
	fetchTimeout   = 10 * time.Second // of discovery and keys together
	maxAnswerBytes = 1 << 20
	maxErrorBytes  = 300 // of what an issuer says that ends up in the log
)

// CheckURL says whether an issuer's URL may be used: https, or http to this
// machine where that is allowed.
func (i Issuer) CheckURL() error {
	u, err := url.Parse(i.URL)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return errors.New("it is not a URL such as https://issuer.example.com")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return errors.New("it holds a user, a query or a fragment")
	}
	return i.allowed(u)
}

func (i Issuer) allowed(u *url.URL) error {
	switch {
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return fmt.Errorf("%q is not https", u.Scheme)
	case !i.AllowHTTP:
		return errors.New("it is not https: whoever is in between could pass off keys as the issuer's")
	case !httpx.Loopback(u.Hostname()):
		return errors.New("allow_http is for an issuer on this machine, as in tests")
	}
	return nil
}

// fetchKeys asks an issuer for its metadata and then for its keys.
func fetchKeys(ctx context.Context, issuer Issuer) ([]jose.JSONWebKey, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	client, err := issuer.client()
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, client), issuer.URL)
	if err != nil {
		return nil, fmt.Errorf("its metadata: %w", short(err))
	}
	var metadata struct {
		KeysURL string `json:"jwks_uri"`
	}
	if err := provider.Claims(&metadata); err != nil {
		return nil, fmt.Errorf("its metadata: %w", short(err))
	}
	set, err := getKeys(ctx, client, metadata.KeysURL)
	if err != nil {
		return nil, fmt.Errorf("its keys: %w", short(err))
	}
	return usableKeys(set)
}

func getKeys(ctx context.Context, client *http.Client, at string) (set jose.JSONWebKeySet, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return set, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return set, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return set, err
	}
	if resp.StatusCode != http.StatusOK {
		return set, fmt.Errorf("status %s", resp.Status)
	}
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &raw); err != nil {
		return set, fmt.Errorf("not a key set: %w", err)
	}
	for _, text := range raw.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(text) == nil { // one of a kind we do not know is not ours to judge
			set.Keys = append(set.Keys, key)
		}
	}
	return set, nil
}

// short is an error that may quote an issuer's whole answer, cut.
func short(err error) error {
	text := err.Error()
	if len(text) <= maxErrorBytes {
		return err
	}
	return errors.New(strings.ToValidUTF8(text[:maxErrorBytes], "") + "…")
}

// client talks to one issuer, once.
func (i Issuer) client() (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if i.CAFile != "" {
		pem, err := os.ReadFile(i.CAFile)
		if err != nil {
			return nil, fmt.Errorf("its authorities: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("its authorities: %s holds no certificate", i.CAFile)
		}
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: fetchTimeout, ResponseHeaderTimeout: fetchTimeout, MaxResponseHeaderBytes: 64 << 10,
	}
	return &http.Client{Transport: &guarded{issuer: i, next: transport}, CheckRedirect: httpx.SameHost(maxRedirects), Timeout: fetchTimeout}, nil
}

// guarded bounds every answer and refuses every request that is not https,
// those to where an issuer's metadata or a redirect leads too.
type guarded struct {
	issuer Issuer
	next   *http.Transport
}

// RoundTrip implements http.RoundTripper.
func (g *guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := g.issuer.allowed(r.URL); err != nil {
		return nil, fmt.Errorf("%s is refused: %w", r.URL.Host, err)
	}
	resp, err := g.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, maxAnswerBytes)
	return resp, nil
}

// CloseIdleConnections lets http.Client pass that on.
func (g *guarded) CloseIdleConnections() { g.next.CloseIdleConnections() }
