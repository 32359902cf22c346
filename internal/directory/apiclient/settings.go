// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package apiclient

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
)

// Settings are what the connectors of HTTP services have in common.
type Settings struct {
	BaseURL   string        // "" = the service's own host
	Timeout   time.Duration // of one request; 0 = DefaultTimeout
	AllowHTTP bool          // accept a base URL that is not https
	Clock     Clock         // nil = real time
}

// Open makes a client of cfg for the service at host, which BaseURL replaces.
// Its errors begin with the setting at fault.
func (s Settings) Open(host string, cfg Config) (*Client, error) {
	if s.Timeout < 0 {
		return nil, fmt.Errorf("timeout: %s is not a duration to wait", s.Timeout)
	}
	cfg.BaseURL, cfg.AllowHTTP, cfg.Timeout, cfg.Clock = s.BaseURL, s.AllowHTTP, s.Timeout, s.Clock
	if cfg.BaseURL == "" {
		cfg.BaseURL = host
	}
	c, err := New(cfg)
	if err != nil {
		return nil, fmt.Errorf("base_url: %w", err)
	}
	return c, nil
}

// Belongs compares the host that BaseURL names with the external id, where the
// host is one of the vendor's own: it ends in one of domains. Other hosts, such
// as a domain of the customer's, say nothing.
func (s Settings) Belongs(what, externalID string, domains ...string) error {
	u, err := url.Parse(s.BaseURL)
	if err != nil {
		return nil // Open has said so
	}
	for _, domain := range domains {
		if strings.HasSuffix(strings.ToLower(u.Hostname()), "."+domain) {
			return directory.Belongs(what, u.Hostname(), externalID)
		}
	}
	return nil
}

// Required is an error, which begins with the setting's name, where a value is
// empty or could not be sent in a header.
func Required(setting, value string) error {
	switch {
	case strings.TrimSpace(value) == "":
		return errors.New(setting + ": it is empty")
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return errors.New(setting + ": it holds a control character")
	}
	return nil
}

// ResetIn reads the wait of a 429 from Retry-After, else from a header that
// holds the seconds to wait.
func ResetIn(header string) func(http.Header, time.Time) (time.Duration, bool) {
	return func(h http.Header, now time.Time) (time.Duration, bool) {
		if wait, ok := httpx.RetryAfter(h, now); ok {
			return wait, true
		}
		return httpx.RetryAfter(http.Header{"Retry-After": {h.Get(header)}}, now)
	}
}

// ResetAt reads the wait of a 429 from Retry-After, else from a header that
// holds the Unix time at which the service answers again. Where the answer has
// a Date, the service's clock is used and not ours. One second is added: the
// times are whole seconds.
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

// Host is an error, which begins with the setting's name, where a service's
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
