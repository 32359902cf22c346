// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package apiclient

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
	"github.com/sym-identity/terraform-provider-sym/internal/redact"
)

// Settings holds the settings that all HTTP connectors have.
type Settings struct {
	BaseURL   string        `hcl:"base_url,optional" kind:"url"` // without credential and query; "" = the service's own host
	Timeout   time.Duration `hcl:"timeout,optional"`             // of one attempt, its body included; 0 = DefaultTimeout
	CAFile    string        `hcl:"ca_file,optional" kind:"path"` // certificates (PEM) of the server's authority; "" = the system's
	AllowHTTP bool          `hcl:"allow_http,optional"`          // accept a base URL that is not https
	Clock     Clock         // nil = real time

	Redactor *redact.Redactor // of the whole configuration's secrets; may be nil
}

// Open makes a client of cfg for the service at host, which BaseURL replaces.
// Its errors begin with the setting at fault. With cfg.Example, host is an external
// id.
func (s Settings) Open(host string, cfg Config) (*Client, error) {
	if cfg.Example != "" && s.BaseURL == "" {
		if err := Host("base_url", host, cfg.Example); err != nil {
			return nil, err
		}
		host = "https://" + host
	}
	s.BaseURL = cmp.Or(s.BaseURL, host)
	cfg.Settings = s
	return New(cfg)
}

// Authorities reads the certificates (PEM) that ca_file names, nil for "". Its
// error begins with the setting.
func Authorities(caFile string) (*x509.CertPool, error) {
	pool, err := httpx.Authorities(caFile)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	return pool, nil
}

// UnknownAuthority says what to do about a certificate that cannot be verified.
const UnknownAuthority = "its certificate is of an authority that this machine does not trust; name the authority's certificate in ca_file"

// Belongs compares the host of BaseURL with the external id if the host is one
// of the vendor's own, which ends in one of domains. It accepts any other host,
// such as a domain of the customer's.
func (s Settings) Belongs(what, externalID string, domains ...string) error {
	u, err := url.Parse(s.BaseURL)
	if err != nil {
		return nil // Open reports it
	}
	for _, domain := range domains {
		if strings.HasSuffix(strings.ToLower(u.Hostname()), "."+domain) {
			return directory.Belongs(what, u.Hostname(), externalID)
		}
	}
	return nil
}

// Credential is a token, or a login that fetches one.
type Credential struct {
	Token  string
	Scheme string  // precedes the token in the header Authorization; "" = "Bearer "
	Login  []Field // required if there is no token; the first two exclude one
	Host   string  // of Fetch; "" = the service's own
	Fetch  func(ctx context.Context, c *Client) (AccessToken, error)
}

// Field of a configuration.
type Field struct{ Setting, Value string }

// OpenWith makes a client that sends a token; see Open. cfg.Secrets holds the
// secrets of a login.
func (s Settings) OpenWith(cred Credential, host string, cfg Config) (*Client, error) {
	cfg.Secrets = append(cfg.Secrets, cred.Token)
	if cred.Token != "" || cred.Login == nil {
		if err := Required("token", cred.Token); err != nil {
			return nil, err
		}
		if cred.Login != nil && (cred.Login[0].Value != "" || cred.Login[1].Value != "") {
			return nil, fmt.Errorf("token: it is given beside %s or %s; one credential is enough", cred.Login[0].Setting, cred.Login[1].Setting)
		}
		if cfg.Auth == nil {
			cfg.Auth = func(h http.Header) { h.Set("Authorization", cmp.Or(cred.Scheme, "Bearer ")+cred.Token) }
		}
		return s.Open(host, cfg)
	}
	var problems []error
	for _, field := range cred.Login {
		problems = append(problems, Required(field.Setting, field.Value))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	login := s
	login.BaseURL = cmp.Or(cred.Host, s.BaseURL)
	tokens, err := login.Open(host, Config{Secrets: cfg.Secrets, RetryAfter: cfg.RetryAfter, Example: cfg.Example})
	if err != nil {
		return nil, err
	}
	cfg.Bearer = func(ctx context.Context) (AccessToken, error) { return cred.Fetch(ctx, tokens) }
	return s.Open(host, cfg)
}

// Required returns an error, which begins with the setting's name, if a value
// is empty or cannot be sent in a header.
func Required(setting, value string) error {
	switch {
	case strings.TrimSpace(value) == "":
		return errors.New(setting + ": it is empty")
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return errors.New(setting + ": it holds a control character")
	}
	return nil
}

// ResetIn returns a Config.RetryAfter that reads Retry-After, else a header with
// the seconds to wait.
func ResetIn(header string) func(http.Header, time.Time) (time.Duration, bool) {
	return func(h http.Header, now time.Time) (time.Duration, bool) {
		if wait, ok := httpx.RetryAfter(h, now); ok {
			return wait, true
		}
		return httpx.RetryAfter(http.Header{"Retry-After": {h.Get(header)}}, now)
	}
}

// ResetAt returns a Config.RetryAfter that reads Retry-After, else a header with
// the Unix time at which the service answers again, by the service's own clock
// if the answer has a Date. It adds a second, as the times are whole seconds.
func ResetAt(header string) func(http.Header, time.Time) (time.Duration, bool) {
	return func(h http.Header, now time.Time) (time.Duration, bool) {
		if wait, ok := httpx.RetryAfter(h, now); ok {
			return wait, true
		}
		reset, err := strconv.ParseInt(strings.TrimSpace(h.Get(header)), 10, 64)
		if err != nil || reset <= 0 {
			return 0, false
		}
		const longest = 365 * 24 * 60 * 60
		seconds := min(reset-httpx.Date(h, now).Unix()+1, longest)
		return max(time.Duration(seconds)*time.Second, 0), true
	}
}

// Host returns an error, which begins with the setting's name, if a service's
// external id is not a host that a credential may be sent to.
func Host(setting, host, example string) error {
	if host == "" {
		return fmt.Errorf("%s: it is empty, and the service is of another type, so that its external ID is no domain such as %s", setting, example)
	}
	u, err := url.Parse("https://" + host)
	if err != nil || u.Host != host || u.Port() != "" || !strings.Contains(host, ".") {
		return fmt.Errorf("%s: the service's external ID %q is not a domain such as %s; set %s", setting, host, example, setting)
	}
	return nil
}
