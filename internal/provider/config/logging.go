// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"context"
	"log/slog"

	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
)

// logExchange logs one request, without bodies, query or headers.
func logExchange(ctx context.Context, e client.Exchange) {
	fields := map[string]any{
		"method": e.Method, "path": e.Path, "status": e.Status, "attempt": e.Attempt,
		"duration_ms": e.Duration.Milliseconds(), "request_id": e.RequestID,
	}
	if e.Err != nil {
		fields["error"] = e.Err.Error()
	}
	tflog.Debug(ctx, "identity API request", fields)
}

// logBridge writes an embedded server's log into Terraform's. The logger comes
// from the request's context, which is that of the resource that asks.
type logBridge struct {
	attrs []slog.Attr
	group string // prefix of keys, with its dot
}

var _ slog.Handler = logBridge{}

func (logBridge) Enabled(context.Context, slog.Level) bool { return true } // TF_LOG decides

func (b logBridge) Handle(ctx context.Context, r slog.Record) error {
	fields := map[string]any{}
	for _, a := range b.attrs {
		fields[a.Key] = a.Value.Resolve().Any()
	}
	r.Attrs(func(a slog.Attr) bool {
		fields[b.group+a.Key] = a.Value.Resolve().Any()
		return true
	})
	write := tflog.Debug
	switch {
	case r.Level >= slog.LevelError:
		write = tflog.Error
	case r.Level >= slog.LevelWarn:
		write = tflog.Warn
	}
	write(ctx, "embedded identity API: "+r.Message, fields)
	return nil
}

func (b logBridge) WithAttrs(attrs []slog.Attr) slog.Handler {
	joined := append([]slog.Attr{}, b.attrs...)
	for _, a := range attrs {
		joined = append(joined, slog.Attr{Key: b.group + a.Key, Value: a.Value})
	}
	return logBridge{joined, b.group}
}

func (b logBridge) WithGroup(name string) slog.Handler {
	if name == "" {
		return b
	}
	return logBridge{b.attrs, b.group + name + "."}
}
