// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identityd

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
)

func TestLogger(t *testing.T) {
	t.Parallel()
	for masked, want := range map[bool]string{
		false: `level=ERROR msg="nora@acme.example failed" error="GET https://api.acme.example/u/nora%40acme.example?q=Ada.O'Neil+x@sub.acme.example: [secret]" group.who=ümit@acme.example n=7`,
		true:  `level=ERROR msg="***@acme.example failed" error="GET https://api.acme.example/u/***%40acme.example?q=***@sub.acme.example: [secret]" group.who=***@acme.example n=7`,
	} {
		cfg := mustLoad(t, writeConfig(t, head+fmt.Sprintf("mask_emails_in_logs = %t\nservice \"scim\" \"x\" {\n  directory \"scim\" {\n    base_url = \"https://people.acme.com\"\n    token = env(\"SECRET\")\n  }\n}\n", masked), nil), config.Options{})
		var out bytes.Buffer
		plain := slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})
		log := Logger(cfg, slog.New(plain))
		log.Error("nora@acme.example failed",
			"error", errors.New("GET https://api.acme.example/u/nora%40acme.example?q=Ada.O'Neil+x@sub.acme.example: "+secretValue),
			slog.Group("group", "who", "ümit@acme.example"), "n", 7, "none", nil)
		if got := strings.TrimSpace(out.String()); got != want {
			t.Errorf("masked %t:\n got %s\nwant %s", masked, got, want)
		}
		out.Reset()
		log.With("token", secretValue).WithGroup("g").Info("x", "y", secretValue, "list", []string{secretValue})
		if strings.Contains(out.String(), "s3cr3t") || strings.Count(out.String(), "[secret]") != 3 {
			t.Errorf("got %s", &out)
		}
		Logger(cfg, nil).Info("nobody listens")
	}
}
