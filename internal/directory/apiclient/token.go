// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package apiclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
)

// AccessToken of a token endpoint.
type AccessToken struct {
	Value   string
	Expires time.Time // zero = unknown
}

const (
	tokenMargin = time.Minute      // a token is not used this shortly before its end
	tokenLife   = 10 * time.Minute // assumed if the service does not report it
)

// bearer keeps an access token. Callers that need one at the same time share
// one fetch.
type bearer struct {
	fetch  func(context.Context) (AccessToken, error)
	clock  Clock
	flight httpx.Flight[string]
	kept   atomic.Pointer[AccessToken] // nil = none
}

// get returns the kept token, or fetches one. A nil bearer has no token.
func (b *bearer) get(ctx context.Context) (string, error) {
	if b == nil {
		return "", nil
	}
	return b.flight.Do(ctx, func(ctx context.Context) (string, error) {
		now := b.clock.Now()
		if kept := b.kept.Load(); kept != nil && now.Before(kept.Expires.Add(-tokenMargin)) {
			return kept.Value, nil
		}
		token, err := b.fetch(ctx)
		switch {
		case err != nil:
			return "", err
		case token.Value == "":
			return "", fmt.Errorf("%w as expected: it gave an empty access token", directory.ErrUnavailable)
		case token.Expires.IsZero():
			token.Expires = now.Add(tokenLife)
		}
		b.kept.Store(&token)
		return token.Value, nil
	})
}

// forget drops a token, unless another one has taken its place.
func (b *bearer) forget(value string) {
	if kept := b.kept.Load(); kept != nil && kept.Value == value {
		b.kept.CompareAndSwap(kept, nil)
	}
}

// FetchToken sends a request to an OAuth 2 token endpoint and reads the
// answer of RFC 6749. A refusal of the client or its grant matches
// directory.ErrCredential.
func (c *Client) FetchToken(ctx context.Context, r Request) (AccessToken, error) {
	if r.Method == "" {
		r.Method = http.MethodPost
	}
	r.Repeatable, r.Private = true, true
	resp, err := c.Do(ctx, r)
	if err != nil {
		return AccessToken{}, tokenError(err)
	}
	var answer struct {
		AccessToken string  `json:"access_token"`
		ExpiresIn   float64 `json:"expires_in"`
	}
	if err := resp.JSON(&answer); err != nil {
		return AccessToken{}, err
	}
	if answer.AccessToken == "" {
		return AccessToken{}, resp.Unexpected("it holds no access_token")
	}
	token := AccessToken{Value: answer.AccessToken}
	if answer.ExpiresIn > 0 {
		const longest = 24 * 60 * 60
		token.Expires = c.cfg.Clock.Now().Add(time.Duration(min(answer.ExpiresIn, longest) * float64(time.Second)))
	}
	return token, nil
}

// Form returns a POST request with url-encoded values.
func Form(path string, values url.Values) Request {
	return Request{Path: path, Method: http.MethodPost, Body: []byte(values.Encode()),
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}
}

// PostJSON returns a POST request with a JSON body, for calls that change
// nothing. It panics if the body cannot be encoded: bodies consist of strings,
// numbers, maps and slices.
func PostJSON(path string, body any) Request {
	raw, err := json.Marshal(body)
	if err != nil {
		panic(fmt.Sprintf("apiclient: a request body of type %T: %v", body, err))
	}
	return Request{Path: path, Method: http.MethodPost, Body: raw, Repeatable: true,
		Header: http.Header{"Content-Type": {"application/json"}}}
}

// tokenError returns what a refusal of a token endpoint means. A client that is
// not allowed to get the token needs a grant, whatever the status: its credential
// is right.
func tokenError(err error) error {
	var status *StatusError
	var body struct {
		Error string `json:"error"`
	}
	if !errors.As(err, &status) || status.JSON(&body) != nil {
		return err
	}
	var class error
	switch {
	case body.Error == "unauthorized_client" && status.Status < 500:
		class = directory.ErrPermission
	case status.Status != http.StatusBadRequest:
		return err
	case body.Error == "temporarily_unavailable":
		class = directory.ErrUnavailable
	case slices.Contains([]string{"invalid_client", "invalid_grant", "access_denied"}, body.Error):
		class = directory.ErrCredential
	default:
		return err
	}
	refused := *status
	refused.class = fmt.Errorf("%w: the token endpoint said %s", class, body.Error)
	return &refused
}
