// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

const (
	// maxStreams is how many lists of more than a page are read at a time: each
	// keeps a connection of the store for as long as its reader takes.
	maxStreams = 2
	// maxStreamQueue is how many more wait for their turn.
	maxStreamQueue = 16
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

// streamUsers writes the list of all users that a filter selects while it is
// read from the store: it is larger than a page, and may be larger than memory.
func (s *service) streamUsers(filter store.UserFilter) *stream {
	return &stream{func(c huma.Context) {
		_, w := humago.Unwrap(c)
		ctx := c.Context()
		list := &userWriter{w: w}
		switch err := s.writeUsers(ctx, list, filter); {
		case err == nil:
		case list.begun:
			// Only a connection that breaks off says that a reply is not whole.
			s.log.ErrorContext(ctx, "a list of users was cut off", "request_id", exchangeOf(ctx).requestID, "error", err)
			panic(http.ErrAbortHandler)
		default:
			s.fail(ctx, err).write(w)
		}
	}}
}

func (s *service) writeUsers(ctx context.Context, list *userWriter, filter store.UserFilter) error {
	if err := s.streams.take(ctx); err != nil {
		return err
	}
	defer s.streams.give()
	for page, err := range s.Store.UserPages(ctx, filter) {
		if err != nil {
			return err
		}
		if err := list.add(page); err != nil {
			return err
		}
	}
	return list.end()
}

// userWriter writes a symapi.UserList in parts.
type userWriter struct {
	w     http.ResponseWriter
	part  bytes.Buffer
	begun bool   // something is on its way to the caller
	comma string // before the next user
}

func (l *userWriter) add(page []identity.User) error {
	l.open()
	enc := json.NewEncoder(&l.part)
	enc.SetEscapeHTML(false)
	for _, u := range page {
		l.part.WriteString(l.comma)
		l.comma = ","
		if err := enc.Encode(symapi.EncodeUser(u)); err != nil {
			return fmt.Errorf("encoding a user: %w", err)
		}
		l.part.Truncate(l.part.Len() - 1) // the encoder ends lines
	}
	return l.send()
}

func (l *userWriter) open() {
	if !l.begun {
		l.part.WriteString(`{"users":[`)
	}
}

func (l *userWriter) end() error {
	l.open()
	l.part.WriteString("]}\n")
	return l.send()
}

func (l *userWriter) send() error {
	if !l.begun {
		l.begun = true
		l.w.Header().Set("Content-Type", "application/json")
	}
	_, err := l.w.Write(l.part.Bytes())
	l.part.Reset()
	return err
}
