// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"runtime/debug"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/redact"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// unrouted is the route of requests that no pattern serves. Their paths stay
// out of logs and metrics, because anything may stand in them.
const unrouted = "unmatched"

// front is what every request meets first: it names the request, finds its
// route, survives panics, and keeps the access log and the metrics.
type front struct {
	mux   *http.ServeMux
	log   *slog.Logger
	meter *meter
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	x := &exchange{requestID: requestID(r)}
	r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
	rec := &recorder{ResponseWriter: w}
	rec.Header().Set(symapi.RequestIDHeader, x.requestID)
	rec.Header().Set("Cache-Control", "no-store") // replies tell who people are

	handler, route := f.route(r)
	defer func() {
		whole := f.survive(recover(), rec, r, route)
		f.report(r, x, route, rec.status, time.Since(start))
		if !whole {
			panic(http.ErrAbortHandler)
		}
	}()
	handler.ServeHTTP(rec, r)
}

// route finds the handler of a request and the pattern that chose it.
func (f *front) route(r *http.Request) (http.Handler, string) {
	if path.Clean(r.URL.Path) != r.URL.Path {
		// The mux would redirect, and a redirected POST loses its body.
		return http.HandlerFunc(notFound), unrouted
	}
	handler, pattern := f.mux.Handler(r)
	if pattern == "" {
		return reject(handler), unrouted
	}
	return f.mux, pattern
}

func notFound(w http.ResponseWriter, r *http.Request) {
	writeError(w, exchangeOf(r.Context()), &identity.Error{
		Code: identity.CodeMissing, Message: "Missing entity (404)",
		Hint: "There is nothing at this path; the API is under " + symapi.BasePath + "."})
}

// reject asks the mux's own handler whether the path or only the method is
// unknown, and says so in the API's shape.
func reject(verdict http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		probe := &discard{header: http.Header{}}
		verdict.ServeHTTP(probe, r)
		if probe.status != http.StatusMethodNotAllowed {
			notFound(w, r)
			return
		}
		allow := probe.header.Get("Allow")
		w.Header().Set("Allow", allow)
		writeError(w, exchangeOf(r.Context()), &identity.Error{
			Code: identity.CodeMethod, Message: "This path does not take " + knownMethod(r.Method) + " requests", Hint: "It takes " + allow + "."})
	})
}

func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "such"
}

// discard is a reply nobody reads.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

// survive turns a panic into a log entry and a reply that tells nothing of it.
// A reply that has begun by then is not whole: its connection is to be broken
// off, because nothing else tells the caller.
func (f *front) survive(panicked any, rec *recorder, r *http.Request, route string) (whole bool) {
	switch panicked {
	case nil:
		return true
	case http.ErrAbortHandler: // whoever gave up has said why
		return false
	}
	x := exchangeOf(r.Context())
	level := slog.LevelError
	if r.Context().Err() != nil {
		level = slog.LevelDebug // the framework panics when the caller is gone
	}
	text := redact.New(bearer(r)).Text(fmt.Sprint(panicked))
	f.log.Log(r.Context(), level, "panic while answering", "route", route, "request_id", x.requestID,
		"panic", text, "stack", string(debug.Stack()))
	if rec.status != 0 {
		return false
	}
	writeError(rec, x, identity.AsError(errPanicked))
	return true
}

// report keeps one line and one measurement per request: never the query, a
// body or a token.
func (f *front) report(r *http.Request, x *exchange, route string, status int, took time.Duration) {
	if status == 0 {
		status = http.StatusOK // net/http's own for a handler that wrote nothing
	}
	f.meter.observe(route, status, took)
	level := slog.LevelInfo
	if isProbe(route) {
		level = slog.LevelDebug
	}
	f.log.Log(r.Context(), level, "request", "method", knownMethod(r.Method), "route", route, "status", status,
		"duration", took, "request_id", x.requestID, "principal", x.principal.Name, "via", x.principal.Via)
}
