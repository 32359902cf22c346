// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server_test

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
)

// wantMetrics fails unless /metrics has each of the lines.
func (h *harness) wantMetrics(t *testing.T, lines ...string) {
	t.Helper()
	metrics := h.send("", http.MethodGet, "/metrics", nil).raw
	for _, line := range lines {
		if !strings.Contains(metrics, "\n"+line) {
			t.Errorf("no %s in %s", line, metrics)
		}
	}
}

func TestMetricsOfDirectories(t *testing.T) {
	t.Parallel()
	for outcome, err := range map[string]error{
		"ok": nil, "denied": directory.ErrCredential, "limited": &directory.RateLimitError{RetryAfter: time.Second}, "failed": directory.ErrUnavailable,
	} {
		h := start(t, cached(okta, accounts{err: err}, time.Minute)).register(okta)
		calls := `sym_identityd_directory_calls_total{call="lookup",outcome="` + outcome + `",service="okta:acme.okta.com"} `
		h.wantMetrics(t, calls+"0\n")
		h.api(member, http.MethodPost, "/identities/lookup", lookupBody(`"a@example.com"`))
		if err == nil { // the answer is kept, and reading it is no call
			h.api(member, http.MethodPost, "/identities/lookup", lookupBody(`"a@example.com"`))
		}
		h.wantMetrics(t, calls+"1\n", `sym_identityd_directory_call_duration_seconds_count{call="lookup",service="okta:acme.okta.com"} 1`)
	}
}

func TestMetricsOfLists(t *testing.T) {
	t.Parallel()
	all := &lister{all: func() []directory.Account {
		return []directory.Account{account("00u1", "a@example.com", directory.StateActive)}
	}}
	h := start(t, cached(okta, all, time.Minute)).register(okta)
	if kept := h.send("", http.MethodGet, "/metrics", nil).raw; strings.Contains(kept, "sym_identityd_directory_list_age_seconds{") {
		t.Errorf("an age without a list: %s", kept)
	}
	h.api(member, http.MethodGet, accountsPath(okta), nil)
	h.wantMetrics(t, `sym_identityd_directory_calls_total{call="list",outcome="ok",service="okta:acme.okta.com"} 1`,
		`sym_identityd_directory_list_accounts{service="okta:acme.okta.com"} 1`,
		`sym_identityd_directory_list_age_seconds{service="okta:acme.okta.com"} `,
		"go_goroutines ", "process_start_time_seconds ")
}

// TestMetricsGuide compares the names in the guide with those that a server has.
func TestMetricsGuide(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../templates/guides/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	all := &lister{all: func() []directory.Account {
		return []directory.Account{account("00u1", "a@example.com", directory.StateActive)}
	}}
	h := start(t, cached(okta, all, time.Minute), func(c *server.Config) { c.CertificateEnds = time.Now }).register(okta)
	h.api(member, http.MethodGet, accountsPath(okta), nil)
	metrics := h.send("", http.MethodGet, "/metrics", nil).raw
	served := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (sym_identityd_\w+)`).FindAllStringSubmatch(metrics, -1) {
		served[m[1]] = true
		if !strings.Contains(string(guide), fmt.Sprintf("| `%s`", m[1])) {
			t.Errorf("the guide's table lacks %s", m[1])
		}
	}
	for _, name := range regexp.MustCompile(`\bsym_identityd_\w+`).FindAllString(string(guide), -1) {
		if !served[strings.TrimSuffix(name, "_bucket")] {
			t.Errorf("the guide names %s, which no server has", name)
		}
	}
}
