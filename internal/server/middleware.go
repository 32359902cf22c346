// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"path"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/redact"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// unrouted is the route of requests that no pattern matches. Logs and metrics
// do not show their paths, which may hold anything.
const unrouted = "unmatched"

// middleware handles every request first: it gives it an id, finds its route,
// recovers from panics, and writes the access log and the metrics.
type middleware struct {
	mux     *http.ServeMux
	log     *slog.Logger
	meter   *meter
	secrets *redact.Redactor
}

func (m *middleware) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	info := &requestInfo{requestID: requestID(r), address: addressOf(r)}
	r = r.WithContext(context.WithValue(r.Context(), requestInfoKey{}, info))
	rec := &recorder{ResponseWriter: w}
	rec.Header().Set(symapi.RequestIDHeader, info.requestID)
	rec.Header().Set("Cache-Control", "no-store") // replies hold personal data

	handler, route := m.route(r)
	defer func() {
		intact := m.recoverPanic(recover(), rec, r, route)
		m.logRequest(r, info, route, rec.status, time.Since(start))
		if !intact {
			panic(http.ErrAbortHandler)
		}
	}()
	handler.ServeHTTP(rec, r)
}

// route returns the handler of a request and the pattern that matched.
func (m *middleware) route(r *http.Request) (http.Handler, string) {
	if path.Clean(r.URL.Path) != r.URL.Path {
		// The mux would redirect, and a redirected POST loses its body.
		return http.HandlerFunc(notFound), unrouted
	}
	handler, pattern := m.mux.Handler(r)
	if pattern == "" {
		return refuseUnrouted(handler), unrouted
	}
	return m.mux, pattern
}

func notFound(w http.ResponseWriter, r *http.Request) {
	writeError(w, infoOf(r.Context()), &identity.Error{
		Code: identity.CodeMissing, Message: "Missing entity (404)",
		Hint: "There is nothing at this path; the API is under " + symapi.BasePath + "."})
}

// refuseUnrouted answers a request that no pattern matches. The mux's own
// handler knows whether the path or only the method is unknown.
func refuseUnrouted(fromMux http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		probe := &discardWriter{header: http.Header{}}
		fromMux.ServeHTTP(probe, r)
		if probe.status != http.StatusMethodNotAllowed {
			notFound(w, r)
			return
		}
		allow := probe.header.Get("Allow")
		w.Header().Set("Allow", allow)
		writeError(w, infoOf(r.Context()), &identity.Error{
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

// discardWriter keeps only the status and header of a reply.
type discardWriter struct {
	header http.Header
	status int
}

func (d *discardWriter) Header() http.Header         { return d.header }
func (d *discardWriter) Write(b []byte) (int, error) { return len(b), nil }
func (d *discardWriter) WriteHeader(status int)      { d.status = status }

// recoverPanic logs a panic and answers with an internal error. It returns false
// where the reply has begun: only a broken connection can tell the caller that
// the reply is not whole.
func (m *middleware) recoverPanic(panicked any, rec *recorder, r *http.Request, route string) (intact bool) {
	switch panicked {
	case nil:
		return true
	case http.ErrAbortHandler: // the handler has logged why
		return false
	}
	info := infoOf(r.Context())
	level := slog.LevelError
	if r.Context().Err() != nil {
		level = slog.LevelDebug // the framework panics when the caller has gone
	}
	secrets := m.secrets.With(bearer(r))
	m.log.Log(r.Context(), level, "panic while answering", "route", route, "request_id", info.requestID, "address", info.address,
		"panic", secrets.Text(fmt.Sprint(panicked)), "stack", secrets.Text(string(debug.Stack())))
	if rec.status != 0 {
		return false
	}
	writeError(rec, info, identity.AsError(errPanicked))
	return true
}

// logRequest writes the access log and the metrics, without the query, the body
// and the token.
func (m *middleware) logRequest(r *http.Request, info *requestInfo, route string, status int, took time.Duration) {
	if status == 0 {
		status = http.StatusOK // net/http's own for a handler that wrote nothing
	}
	m.meter.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.meter.seconds.WithLabelValues(route).Observe(took.Seconds())
	level := slog.LevelInfo
	if isProbe(route) || route == "POST "+trackPath {
		level = slog.LevelDebug
	}
	m.log.Log(r.Context(), level, "request", "method", knownMethod(r.Method), "route", route, "status", status,
		"duration", took, "request_id", info.requestID, "principal", info.who(), "via", info.principal.Via, "address", info.address)
}

// addressOf returns the client's network address without its port, "" where the
// request came from no network. Headers such as X-Forwarded-For are not read:
// anybody can write them.
func addressOf(r *http.Request) string {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return from.Addr().Unmap().String()
}

// requestInfo holds what the layers know about a request and its reply. Only the
// request's own goroutine uses it.
type requestInfo struct {
	requestID string
	address   string // of the client
	principal identity.Principal
	pools     *pools // that the request takes its turn from
	status    int    // of an error reply, where it differs from the framework's
}

type requestInfoKey struct{}

// infoOf returns the requestInfo that middleware put into the context.
func infoOf(ctx context.Context) *requestInfo {
	if info, ok := ctx.Value(requestInfoKey{}).(*requestInfo); ok {
		return info
	}
	return &requestInfo{}
}

// who names the principal: a JWT's subject may equal the name of a token.
func (info *requestInfo) who() string { return info.principal.ID() }

func actorOf(ctx context.Context) store.Actor {
	info := infoOf(ctx)
	return store.Actor{Name: info.who(), RequestID: info.requestID, Address: info.address}
}

const maxRequestIDBytes = 128

// requestID returns the caller's id where it fits into a header and a log line,
// else a new one.
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

// recorder records the status of a reply.
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
