// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package httpjson is the directory of any service with an HTTP endpoint that
// answers in JSON: Sym's fetch_remote_identity, configured in place of coded.
package httpjson

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/redact"
)

// Config describes an endpoint.
type Config struct {
	// URL holds {email} in its path or query; the normalised address is put
	// there, escaped for the place.
	URL     string            `hcl:"url" kind:"url"`
	Headers map[string]string `hcl:"headers,optional"` // sent with every request; their values are taken for secrets

	// Identity is CEL over response, the JSON of the answer, and email, the
	// address asked for. "", null, optional.none() and an index out of range mean
	// that there is no such user. A field that is not there is an error.
	Identity string `hcl:"identity"`
	// Emails is CEL that gives the addresses of what Identity found: a string
	// or a list. The hit counts only if the address asked for is among them.
	// "" trusts the endpoint to look up and not to search.
	Emails string `hcl:"emails,optional"`

	NotFoundStatus []int `hcl:"not_found_status,optional"` // statuses that mean "no such user"; otherwise only status 200 is an answer

	CAFile       string          `hcl:"ca_file,optional" kind:"path"` // certificates (PEM) of the server's authority; "" = the system's
	AllowHTTP    bool            `hcl:"allow_http,optional"`          // accept a URL that is not https
	AllowPrivate bool            `hcl:"allow_private,optional"`       // connect to loopback, private and link-local addresses, and through proxies
	Timeout      time.Duration   `hcl:"timeout,optional"`             // of one request; 0 = 10 seconds
	Clock        apiclient.Clock // nil = real time

	Redactor *redact.Redactor // of the whole configuration's secrets; may be nil
}

const (
	defaultTimeout = 10 * time.Second
	maxBody        = 1 << 20
	maxInFlight    = 4
)

// checkEmail is an address that nobody has, for Check.
const checkEmail = "sym-identityd-check@example.com"

type endpoint struct {
	directory.Descriptor
	api      *apiclient.Client
	target   target
	reply    *reply
	notFound []int
	secrets  []string
}

// Open checks the configuration and compiles the expressions; it does not
// connect.
func Open(cfg Config) (directory.Directory, error) {
	to, err := parseTarget(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	header, secrets, err := parseHeaders(cfg.Headers)
	if err != nil {
		return nil, fmt.Errorf("headers: %w", err)
	}
	compiled, err := compileReply(cfg.Identity, cfg.Emails)
	if err != nil {
		return nil, err
	}
	for _, status := range cfg.NotFoundStatus {
		if err := checkNotFoundStatus(status); err != nil {
			return nil, fmt.Errorf("not_found_status: %w", err)
		}
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, defaultTimeout)
	secrets = slices.Concat(secrets, redact.URLSecrets(cfg.URL), to.secrets())
	api, err := apiclient.New(apiclient.Config{
		Settings:    apiclient.Settings{BaseURL: to.base, CAFile: cfg.CAFile, AllowHTTP: cfg.AllowHTTP, Timeout: cfg.Timeout, Clock: cfg.Clock, Redactor: cfg.Redactor},
		URLSetting:  "url",
		HidePath:    true, // such as https://hooks.example.com/KEY
		PublicOnly:  !cfg.AllowPrivate,
		Header:      header,
		Secrets:     secrets,
		MaxBody:     maxBody,
		MaxInFlight: maxInFlight,
	})
	if err != nil {
		return nil, err
	}
	return &endpoint{
		Descriptor: directory.Descriptor{Lookup: true},
		api:        api, target: to, reply: compiled, notFound: cfg.NotFoundStatus, secrets: secrets,
	}, nil
}

// checkNotFoundStatus refuses statuses that never mean that a person is unknown.
func checkNotFoundStatus(status int) error {
	switch {
	case status == http.StatusOK:
		return errors.New("200 is the status of a hit; let identity give \"\" for no such user")
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		return fmt.Errorf("%d (%s) is a failure; it never means \"no such user\". Remove it", status, http.StatusText(status))
	case status > 200 && status < 300, status >= 400 && status < 500:
		return nil
	}
	return fmt.Errorf("%d cannot mean \"no such user\"; 404 usually does", status)
}

// Check looks up an address that nobody has and expects no account: that proves
// that the endpoint answers, that it accepts the credential, and that the
// expressions read the answer for an unknown person.
func (e *endpoint) Check(ctx context.Context) error {
	_, err := e.Find(ctx, checkEmail)
	return err
}

func (e *endpoint) Find(ctx context.Context, email string) ([]directory.Account, error) {
	resp, err := e.api.Do(ctx, apiclient.Request{URL: e.target.url(email)})
	status := apiclient.StatusOf(err)
	if err == nil {
		status = resp.Status
	}
	switch {
	case slices.Contains(e.notFound, status):
		return nil, nil
	case status == http.StatusNotFound:
		return nil, fmt.Errorf("%w; if that is its answer for an unknown person, list 404 in not_found_status", err)
	case err != nil:
		return nil, err
	case status != http.StatusOK:
		return nil, resp.Unexpected("only status 200 holds an answer")
	}
	var body any
	if err := resp.JSON(&body); err != nil {
		return nil, err
	}
	found, err := e.reply.accounts(ctx, email, body)
	if slices.ContainsFunc(found, func(a directory.Account) bool { return slices.Contains(e.secrets, a.Identity) }) {
		return nil, fmt.Errorf("%w: identity gives a secret of the configuration, which the service repeats in its answer", directory.ErrAnswer)
	}
	return found, resp.Redact(err)
}

const placeholder = "{email}"

// target is a URL with places for an address.
type target struct {
	base  string // scheme and host
	path  string // the rest, with placeholders
	query string // "" or ?…, with placeholders
}

func parseTarget(raw string) (target, error) {
	if raw == "" {
		return target{}, errors.New("it is empty")
	}
	if strings.Contains(raw, "#") {
		return target{}, errors.New("it holds a fragment, which is never sent")
	}
	if !strings.Contains(raw, placeholder) {
		return target{}, errors.New("it lacks {email}, the place of the address asked for")
	}
	if left := strings.ReplaceAll(raw, placeholder, ""); strings.ContainsAny(left, "{}") {
		return target{}, errors.New("it holds braces other than {email}, the only placeholder")
	}
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok || strings.Contains(scheme, placeholder) {
		return target{}, errors.New("it is not a URL such as https://api.example.com/users?email={email}")
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 || strings.Contains(rest[:end], placeholder) {
		return target{}, errors.New("{email} is in the host; it may only be in the path or the query")
	}
	t := target{base: scheme + "://" + rest[:end]}
	path, query, asked := strings.Cut(rest[end:], "?")
	t.path = path
	if asked {
		t.query = "?" + query
	}
	if _, err := url.Parse(t.url("name@example.com")); err != nil {
		return target{}, errors.New("it cannot be read as a URL")
	}
	return t, nil
}

// secrets returns the values of the query that may be keys. Errors do not show
// the query, but a service may repeat it in an answer.
func (t target) secrets() []string {
	const shortestKey = 8 // "format=json" is no secret
	values, _ := url.ParseQuery(strings.TrimPrefix(t.query, "?"))
	var keys []string
	for _, all := range values {
		for _, value := range all {
			if len(value) >= shortestKey && !strings.Contains(value, placeholder) {
				keys = append(keys, value)
			}
		}
	}
	return keys
}

// url returns the URL of the answer about email. The two places escape
// differently: in a query + is a space, in a path / begins a segment.
func (t target) url(email string) string {
	return t.base + strings.ReplaceAll(t.path, placeholder, url.PathEscape(email)) +
		strings.ReplaceAll(t.query, placeholder, url.QueryEscape(email))
}

// parseHeaders returns the headers, and the values that no error may show: all
// but those of headers that never hold a credential.
func parseHeaders(settings map[string]string) (http.Header, []string, error) {
	header, secret := http.Header{}, http.Header{}
	for name, value := range settings {
		key := http.CanonicalHeaderKey(name)
		switch {
		case name == "" || strings.ContainsFunc(name, func(c rune) bool { return !tokenRune(c) }):
			return nil, nil, fmt.Errorf("%q is not a header name", name)
		case strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }):
			return nil, nil, fmt.Errorf("the value of %s holds a line break or another control character", name)
		case header.Values(key) != nil:
			return nil, nil, fmt.Errorf("%s is given twice; header names have no case", key)
		case key == "Host" || key == "Content-Length" || key == "Transfer-Encoding" || key == "Connection":
			return nil, nil, fmt.Errorf("%s is not for the configuration to set", key)
		}
		header.Set(key, value)
		switch key {
		case "Accept", "Accept-Language", "Content-Type", "User-Agent":
		default:
			secret.Set(key, value)
		}
	}
	return header, redact.HeaderSecrets(secret), nil
}

// tokenRune reports whether RFC 9110 allows c in a header's name.
func tokenRune(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", c)
}
