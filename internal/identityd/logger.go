// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identityd

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
)

// emailPattern matches e-mails in texts, plain and inside a URL's query.
var emailPattern = regexp.MustCompile(`[A-Za-z0-9.!#$'*+^_{|}~%\x{80}-\x{10FFFF}-]+(@|%40)((?:[A-Za-z0-9\x{80}-\x{10FFFF}-]+\.)*[A-Za-z0-9\x{80}-\x{10FFFF}-]+)`)

// Logger returns a logger that takes the secrets of the file out of messages
// and values and, if the file sets mask_emails_in_logs, the part of each e-mail
// before the @.
func Logger(c *config.Config, log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(&cleanHandler{log.Handler(), func(text string) string {
		text = c.Secrets.Text(text)
		if c.MaskEmails {
			text = emailPattern.ReplaceAllString(text, "***${1}${2}")
		}
		return text
	}})
}

// cleanHandler passes records on with clean texts.
type cleanHandler struct {
	slog.Handler
	clean func(string) string
}

// Handle implements slog.Handler.
func (h *cleanHandler) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, r.Level, h.clean(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		if a = h.attr(a); !a.Equal(slog.Attr{}) {
			out.AddAttrs(a)
		}
		return true
	})
	return h.Handler.Handle(ctx, out)
}

// WithAttrs implements slog.Handler.
func (h *cleanHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	cleaned := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		cleaned[i] = h.attr(a)
	}
	return &cleanHandler{h.Handler.WithAttrs(cleaned), h.clean}
}

// WithGroup implements slog.Handler.
func (h *cleanHandler) WithGroup(name string) slog.Handler {
	return &cleanHandler{h.Handler.WithGroup(name), h.clean}
}

// attr returns an attribute with clean texts, none for nil: most errors have no
// cause.
func (h *cleanHandler) attr(a slog.Attr) slog.Attr {
	value := a.Value.Resolve()
	switch value.Kind() {
	case slog.KindString:
		return slog.String(a.Key, h.clean(value.String()))
	case slog.KindGroup:
		members := value.Group()
		cleaned := make([]slog.Attr, len(members))
		for i, member := range members {
			cleaned[i] = h.attr(member)
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(cleaned...)}
	case slog.KindAny:
		if value.Any() == nil {
			return slog.Attr{}
		}
		return slog.String(a.Key, h.clean(fmt.Sprint(value.Any()))) // errors, and whatever else has a text
	}
	return slog.Attr{Key: a.Key, Value: value}
}
