// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// exchange is one request and its reply, as the layers learn about it. Only
// the request's own goroutine touches it.
type exchange struct {
	requestID string
	principal identity.Principal
	bodyErr   error // why the request's body could not be read
	status    int   // of an error reply, where it differs from the framework's
}

type exchangeKey struct{}

// exchangeOf finds the exchange that front put into every request's context.
func exchangeOf(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return &exchange{}
}

func (x *exchange) actor() store.Actor {
	return store.Actor{Name: x.principal.Name, RequestID: x.requestID}
}

func actorOf(ctx context.Context) store.Actor { return exchangeOf(ctx).actor() }

const maxRequestIDBytes = 128

// requestID is the caller's own id where it can stand in a header and a log
// line, else a new one.
func requestID(r *http.Request) string {
	id := r.Header.Get(symapi.RequestIDHeader)
	if id == "" || len(id) > maxRequestIDBytes {
		return uuid.NewString()
	}
	for _, c := range []byte(id) {
		if c <= ' ' || c > '~' {
			return uuid.NewString()
		}
	}
	return id
}

// recorder remembers the status of a reply.
type recorder struct {
	http.ResponseWriter
	status int // 0 until the header is written
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
