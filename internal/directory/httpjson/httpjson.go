// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package httpjson is the directory of any service with an HTTP endpoint that
// answers in JSON: Sym's fetch_remote_identity, configured in place of coded.
package httpjson

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
)

// Config describes an endpoint.
type Config struct {
	// URL holds {email} in its path or query; the normalised address is put
	// there, escaped for the place.
	URL     string
	Headers map[string]string // sent with every request; their values are taken for secrets

	// Identity is CEL over response, the JSON of the answer, and email, the
	// address asked for. "", null, optional.none() and an absent field or index
	// mean that there is no such user.
	Identity string
	// Emails is CEL that gives the addresses of what Identity found: a string
	// or a list. The hit counts only if the address asked for is among them.
	// "" trusts the endpoint to look up and not to search.
	Emails string

	NotFoundStatus []int // statuses that mean "no such user"; otherwise only status 200 is an answer

	AllowHTTP    bool            // accept a URL that is not https
	AllowPrivate bool            // connect to loopback, private and link-local addresses, and through proxies
	Timeout      time.Duration   // of one request; 0 = 10 seconds
	Clock        apiclient.Clock // nil = real time
}

const (
	defaultTimeout = 10 * time.Second
	maxBody        = 1 << 20
	maxInFlight    = 4
)

// checkEmail is whom Check asks for: nobody, in a domain that is nobody's.
const checkEmail = "sym-identityd-check@example.com"

type endpoint struct {
	api      *apiclient.Client
	target   target
	reply    *reply
	notFound []int
}

var _ directory.Directory = (*endpoint)(nil)

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
	if cfg.Timeout < 0 {
		return nil, fmt.Errorf("timeout: %s is not a duration to wait", cfg.Timeout)
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	api, err := apiclient.New(apiclient.Config{
		BaseURL:     to.base,
		AllowHTTP:   cfg.AllowHTTP,
		PublicOnly:  !cfg.AllowPrivate,
		Header:      header,
		Secrets:     append(secrets, to.secrets()...),
		Timeout:     cfg.Timeout,
		MaxBody:     maxBody,
		MaxInFlight: maxInFlight,
		Clock:       cfg.Clock,
	})
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	return &endpoint{api: api, target: to, reply: compiled, notFound: slices.Clone(cfg.NotFoundStatus)}, nil
}

// checkNotFoundStatus refuses statuses that say something else of a service
// than that it knows nobody.
func checkNotFoundStatus(status int) error {
	switch {
	case status == http.StatusOK:
		return errors.New("200 is the status of a hit; let identity give \"\" for no such user")
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		return fmt.Errorf("%d (%s) is a failure; nobody can be called absent because of it", status, http.StatusText(status))
	case status > 200 && status < 300, status >= 400 && status < 500:
		return nil
	}
	return fmt.Errorf("%d cannot mean \"no such user\"; 404 usually does", status)
}

// Describe implements directory.Directory.
func (e *endpoint) Describe() directory.Descriptor { return directory.Descriptor{Lookup: true} }

// Check asks for an address that nobody has and expects to be told so: it
// proves that the endpoint answers, takes the credential, and that the
// expressions understand the answer about an unknown person.
func (e *endpoint) Check(ctx context.Context) error {
	_, err := e.Find(ctx, checkEmail)
	return err
}

// Find implements directory.Directory.
func (e *endpoint) Find(ctx context.Context, email string) ([]directory.Account, error) {
	resp, err := e.api.Do(ctx, apiclient.Request{URL: e.target.url(email)})
	if err != nil {
		return nil, e.notFoundOr(err)
	}
	if slices.Contains(e.notFound, resp.Status) {
		return nil, nil
	}
	if resp.Status != http.StatusOK {
		return nil, resp.Unexpected("only status 200 holds an answer")
	}
	var body any
	if err := resp.JSON(&body); err != nil {
		return nil, err
	}
	found, err := e.reply.accounts(ctx, email, body)
	return found, resp.Redact(err)
}

// notFoundOr is nil for a status that the configuration calls "no such user".
func (e *endpoint) notFoundOr(err error) error {
	var status *apiclient.StatusError
	switch {
	case !errors.As(err, &status):
		return err
	case slices.Contains(e.notFound, status.Status):
		return nil
	case status.Status == http.StatusNotFound:
		return fmt.Errorf("%w; if that is its answer for an unknown person, list 404 in not_found_status", err)
	}
	return err
}
