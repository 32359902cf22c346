// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-log/tflogtest"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
)

func TestLogExchange(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	ctx := tflogtest.RootLogger(t.Context(), &out)
	logExchange(ctx, client.Exchange{
		Method: "GET", Path: "/api/v1/users", Status: 502, Attempt: 2, Duration: 1500 * time.Millisecond, RequestID: "req-1", Err: errors.New("broke off"),
	})
	logExchange(ctx, client.Exchange{Method: "GET", Path: "/api/v1/users", Status: 200, Attempt: 3, RequestID: "req-2"})
	want := []map[string]any{
		{"@level": "debug", "@message": "identity API request", "@module": "provider", "method": "GET", "path": "/api/v1/users", "status": 502.0,
			"attempt": 2.0, "duration_ms": 1500.0, "request_id": "req-1", "error": "broke off"},
		{"@level": "debug", "@message": "identity API request", "@module": "provider", "method": "GET", "path": "/api/v1/users", "status": 200.0,
			"attempt": 3.0, "duration_ms": 0.0, "request_id": "req-2"},
	}
	wantLog(t, &out, want)
}

func TestLogBridge(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	ctx := tflogtest.RootLogger(t.Context(), &out)
	log := slog.New(logBridge{}).With("request_id", "r").WithGroup("store").With("kind", "sqlite")
	log.ErrorContext(ctx, "request failed", "cause", "locked")
	log.WarnContext(ctx, "slow")
	slog.New(logBridge{}).WithGroup("").InfoContext(ctx, "done", "n", 3)
	want := []map[string]any{
		{"@level": "error", "@message": "embedded identity API: request failed", "@module": "provider", "request_id": "r", "store.kind": "sqlite", "store.cause": "locked"},
		{"@level": "warn", "@message": "embedded identity API: slow", "@module": "provider", "request_id": "r", "store.kind": "sqlite"},
		{"@level": "debug", "@message": "embedded identity API: done", "@module": "provider", "n": 3.0},
	}
	wantLog(t, &out, want)
}

func wantLog(t *testing.T, out *bytes.Buffer, want []map[string]any) {
	t.Helper()
	text := out.String()
	got, err := tflogtest.MultilineJSONDecode(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range got {
		delete(entry, "@caller")
		delete(entry, "@timestamp")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}
