// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// streamPart is how many bytes of a list are sent at a time. A list that fails
// before the first part is sent gets an error reply.
const streamPart = 64 << 10

// streamMetadata names the reply type of an operation that writes its reply
// itself, which the framework cannot see.
const streamMetadata = "stream"

// stream is the body of a reply that an operation writes itself.
type stream = func(huma.Context)

// streamBody returns a reply whose body is known.
func streamBody(body any) stream {
	return func(c huma.Context) {
		_, w := humago.Unwrap(c)
		writeJSON(w, http.StatusOK, body)
	}
}

// streamList returns a reply with one list, which is written while it is read, as it may
// be larger than memory. whole is the reply without its list, which must be nil and its
// first such field.
func streamList[T any](s *service, whole any, elements iter.Seq2[T, error]) (stream, error) {
	text, err := json.Marshal(whole)
	if err != nil {
		return nil, fmt.Errorf("encoding a list: %w", err)
	}
	before, after, _ := bytes.Cut(text, []byte("null"))
	return func(c huma.Context) {
		_, w := humago.Unwrap(c)
		ctx := c.Context()
		info := infoOf(ctx)
		if paced, ok := w.(*pacedWriter); ok {
			// A list holds a connection of the store, for which others wait who have a
			// place on the processor. It must not wait for a place itself.
			paced.rest()
			defer paced.work()
			free := *paced
			free.processor = nil
			w = &free
		}
		list := &listWriter{w: w}
		list.part.Write(before)
		list.part.WriteByte('[')
		release, err := info.pools.streams.acquire(ctx, info.who(), 1)
		if err == nil {
			defer release()
			err = addAll(list, elements)
		}
		if err == nil {
			list.part.WriteByte(']')
			list.part.Write(after)
			list.part.WriteByte('\n')
			err = list.send()
		}
		switch {
		case err == nil:
		case list.begun:
			// A broken connection is the only way to tell that the list is not whole.
			level := slog.LevelError
			if ctx.Err() != nil {
				level = slog.LevelDebug // its reader has gone
			}
			e := identity.AsError(err)
			s.log.Log(ctx, level, "a list was cut off", "request_id", info.requestID, "address", info.address, "error", e.Message, "cause", e.Cause)
			panic(http.ErrAbortHandler)
		default:
			s.fail(ctx, err).write(w)
		}
	}, nil
}

func addAll[T any](list *listWriter, elements iter.Seq2[T, error]) error {
	for element, err := range elements {
		if err != nil {
			return err
		}
		if err := list.add(element); err != nil {
			return err
		}
	}
	return nil
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
