// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sethvargo/go-retry"
	"go.yaml.in/yaml/v3"

	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
	"github.com/sym-identity/terraform-provider-sym/internal/redact"
)

// maxTokenFile bounds files that hold a token or a login, in bytes.
const maxTokenFile = 1 << 20

// StaticToken always gives the same token.
func StaticToken(token string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return token, nil }
}

// FileToken gives what a file holds, without outer white space. It reads the file
// each time, as CI systems renew tokens while a run lasts.
func FileToken(path string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) {
		content, err := readSmallFile(path)
		if err != nil {
			return "", fmt.Errorf("the token file cannot be read: %w", err)
		}
		token := strings.TrimSpace(string(content))
		if token == "" {
			return "", fmt.Errorf("the token file %s is empty", path)
		}
		return token, nil
	}
}

// readSmallFile reads a file and refuses one that cannot be what is expected.
func readSmallFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := httpx.ReadBody(file, maxTokenFile)
	if errors.Is(err, httpx.ErrTooLarge) {
		err = errors.New(path + " is larger than 1 MiB")
	}
	return content, err
}

// Login is what symflow's own login file holds.
type Login struct {
	Token string
	Org   string // slug; "" where the file does not name it
}

// SymflowLogin reads the file that symflow login writes, as in
// ~/.config/symflow/default/config.yml. A file that is not there is an error
// that errors.Is fs.ErrNotExist. No error repeats what the file holds.
func SymflowLogin(path string) (Login, error) {
	content, err := readSmallFile(path)
	if err != nil {
		return Login{}, fmt.Errorf("the symflow login file cannot be read: %w", err)
	}
	login, err := parseSymflow(content)
	if err != nil {
		return Login{}, fmt.Errorf("the symflow login file %s cannot be used: %w", path, err)
	}
	return login, nil
}

func parseSymflow(content []byte) (Login, error) {
	var file map[string]any
	if err := yaml.Unmarshal(content, &file); err != nil {
		return Login{}, errors.New("it is not a YAML mapping") // the parser's error would quote it
	}
	auth, _ := file["auth_token"].(map[string]any)
	login := Login{Token: yamlText(auth["access_token"]), Org: yamlText(file["org"])}
	if org, nested := file["org"].(map[string]any); nested { // older releases keep the whole record
		login.Org = yamlText(org["slug"])
	}
	if login.Token == "" {
		return Login{}, errors.New("it holds no login; run symflow login")
	}
	return login, nil
}

func yamlText(v any) string {
	s, _ := v.(string)
	return strings.TrimSpace(s)
}

// How GitHub's tokens are asked for. They live a few minutes, so a long apply
// needs several.
const (
	actionsTimeout  = 10 * time.Second
	actionsAttempts = 3 // further ones after the first
	actionsMargin   = time.Minute
	maxActionsReply = 64 << 10
)

// ActionsToken gives OIDC tokens of a GitHub Actions job for an audience, from
// where the job's variables ACTIONS_ID_TOKEN_REQUEST_URL and
// ACTIONS_ID_TOKEN_REQUEST_TOKEN say. One token serves until a minute before it
// expires. The request goes through transport, nil is http.DefaultTransport; no
// error shows a token.
func ActionsToken(requestURL, requestToken, audience string, transport http.RoundTripper) (func(context.Context) (string, error), error) {
	u, err := url.Parse(requestURL)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !httpx.Loopback(u.Hostname())) {
		return nil, errors.New("ACTIONS_ID_TOKEN_REQUEST_URL is not an https URL")
	}
	if requestToken == "" {
		return nil, errors.New("ACTIONS_ID_TOKEN_REQUEST_TOKEN is not set beside ACTIONS_ID_TOKEN_REQUEST_URL")
	}
	query := u.Query()
	query.Set("audience", audience)
	u.RawQuery = query.Encode()
	a := &actions{url: u.String(), token: requestToken, audience: audience,
		redact: redactor{redact.New(requestToken)},
		http: &http.Client{Transport: transport, Timeout: actionsTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	return a.get, nil
}

type actions struct {
	url, token, audience string
	http                 *http.Client
	redact               redactor
	flight               httpx.Flight[string]

	given string
	until time.Time // when the next one is asked for
}

func (a *actions) get(ctx context.Context) (string, error) {
	token, err := a.flight.Do(ctx, a.fetch)
	if err != nil && ctx.Err() != nil {
		return "", httpx.Stopped(ctx)
	}
	return token, err
}

// fetch returns the token at hand, or asks for one. flight runs it once at a time.
func (a *actions) fetch(ctx context.Context) (token string, err error) {
	if time.Now().Before(a.until) {
		return a.given, nil
	}
	err = retry.Do(ctx, newBackoff(actionsAttempts, func() time.Duration { return 0 }), func(ctx context.Context) (err error) {
		token, err = a.ask(ctx)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("GitHub Actions gave no OIDC token for the audience %q: %w", a.audience, err)
	}
	expires, err := CheckAudience(token, a.audience)
	if err != nil {
		return "", fmt.Errorf("the OIDC token of GitHub Actions cannot be used: %w", err)
	}
	left := time.Until(expires)
	a.given, a.until = token, time.Now().Add(left-min(actionsMargin, left/2))
	return token, nil
}

// ask makes one request. Its error is one of package retry where another may succeed.
func (a *actions) ask(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url, http.NoBody)
	if err != nil {
		return "", errors.New("ACTIONS_ID_TOKEN_REQUEST_URL cannot be asked")
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	req.Header.Set("Accept", "application/json")
	resp, err := a.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return "", httpx.Stopped(ctx)
		}
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return "", retry.RetryableError(a.redact.failure(err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxActionsReply))
	if err != nil {
		return "", retry.RetryableError(errors.New("the answer broke off"))
	}
	if resp.StatusCode != http.StatusOK {
		err := fmt.Errorf("it answered %d", resp.StatusCode)
		if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= http.StatusInternalServerError {
			err = retry.RetryableError(err)
		}
		return "", err
	}
	var reply struct{ Value string }
	if json.Unmarshal(body, &reply) != nil || reply.Value == "" {
		return "", errors.New("the answer holds no token")
	}
	return reply.Value, nil
}

// CheckAudience checks that a token is meant for an audience, as one that is not must
// not be shown to the API, and returns when it expires. It proves nothing about the
// token's claims.
func CheckAudience(token, audience string) (expires time.Time, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}, errors.New("it is not a JWT")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}, errors.New("it is not a JWT")
	}
	var claims struct {
		Audience audiences `json:"aud"`
		Expires  float64   `json:"exp"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return time.Time{}, errors.New("its claims cannot be read")
	}
	if !slices.Contains(claims.Audience, audience) {
		return time.Time{}, fmt.Errorf("it is meant for another audience than %q", audience)
	}
	expires = time.Unix(int64(claims.Expires), 0)
	if claims.Expires <= 0 || !time.Now().Before(expires) {
		return expires, errors.New("it has expired")
	}
	return expires, nil
}

// audiences is the claim aud: a string or a list of them.
type audiences []string

func (a *audiences) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*a = audiences{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(a))
}
