// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

const (
	// maxStreams is how many long lists are read at a time: each keeps a
	// connection of the store for as long as its reader takes.
	maxStreams = 2
	// maxStreamQueue is how many more wait for their turn.
	maxStreamQueue = 16
	// streamPart is how many bytes of a list are sent at a time. A list that fails
	// before as many are at hand gets a reply that says so.
	streamPart = 64 << 10
)

// streamMetadata names the type of an operation's reply where the framework
// sees none, because the operation writes it.
const streamMetadata = "stream"

// stream is a reply that an operation writes itself.
type stream struct{ Body func(huma.Context) }

// streamOf is a reply that is at hand.
func streamOf(body any) *stream {
	return &stream{func(c huma.Context) {
		_, w := humago.Unwrap(c)
		writeJSON(w, http.StatusOK, body)
	}}
}

// streamList is a reply with one list, which may be larger than memory: it is
// written while it is read. each adds its elements; before and after are what
// stands around them.
func (s *service) streamList(before, after string, each func(ctx context.Context, add func(any) error) error) *stream {
	return &stream{func(c huma.Context) {
		_, w := humago.Unwrap(c)
		ctx := c.Context()
		list := &listWriter{w: w}
		list.part.WriteString(before)
		err := s.streams.take(ctx)
		if err == nil {
			defer s.streams.give()
			err = each(ctx, list.add)
		}
		if err == nil {
			list.part.WriteString(after)
			err = list.send()
		}
		switch {
		case err == nil:
		case list.begun:
			// Only a connection that breaks off says that a reply is not whole.
			level := slog.LevelError
			if ctx.Err() != nil {
				level = slog.LevelDebug // its reader is gone
			}
			e := identity.AsError(err)
			s.log.Log(ctx, level, "a list was cut off", "request_id", exchangeOf(ctx).requestID, "error", e.Message, "cause", e.Cause)
			panic(http.ErrAbortHandler)
		default:
			s.fail(ctx, err).write(w)
		}
	}}
}

// listWriter writes the elements of a JSON list in parts.
type listWriter struct {
	w     http.ResponseWriter
	part  bytes.Buffer
	begun bool   // something is on its way to the caller
	comma string // before the next element
}

func (l *listWriter) add(element any) error {
	l.part.WriteString(l.comma)
	l.comma = ","
	enc := json.NewEncoder(&l.part)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(element); err != nil {
		return fmt.Errorf("encoding an element of a list: %w", err)
	}
	l.part.Truncate(l.part.Len() - 1) // the encoder ends lines
	if l.part.Len() < streamPart {
		return nil
	}
	return l.send()
}

func (l *listWriter) send() error {
	if !l.begun {
		l.begun = true
		l.w.Header().Set("Content-Type", "application/json")
	}
	_, err := l.w.Write(l.part.Bytes())
	l.part.Reset()
	return err
}
