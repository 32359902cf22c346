// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package server is the identity API as an http.Handler: it authenticates
// callers, translates between the wire and the domain, and answers from a store
// and from directories. Its only state counts failed logins and running requests.
package server

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/redact"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// Config configures a handler.
type Config struct {
	Org     string // the organization, which auth/login returns
	Version string // of the program, for the OpenAPI document and /healthz

	Store       store.Store
	Directories map[identity.ServiceKey]directory.Directory
	// Configured are the services that the configuration file owns: the API
	// neither relabels nor deletes them.
	Configured map[identity.ServiceKey]bool

	// Authenticate returns the sender of a request. Its errors should be
	// *identity.Error; any other becomes an internal error.
	Authenticate func(*http.Request) (identity.Principal, error)

	// MaxRequests bounds the requests that run at the same time; 0 = DefaultMaxRequests.
	MaxRequests int
	// Grace is how long a connection may rest beyond what the least rate of
	// reading and writing gives it; 0 = 10 seconds.
	Grace time.Duration

	Logger *slog.Logger // nil logs nothing

	// CertificateEnds returns when the TLS certificate in use expires. Nil: the
	// server has none.
	CertificateEnds func() time.Time

	// Secrets are taken out of what directories and the store say. What callers
	// sent is repeated to them as it is: an answer must not tell whether they
	// guessed a secret.
	Secrets *redact.Redactor
}

// Handler serves /api/v1, /api/openapi.json, /healthz, /readyz and /metrics. It is
// safe for concurrent use. Timeouts are the http.Server's.
type Handler struct {
	current  atomic.Pointer[middleware]
	meter    *meter
	throttle *authThrottle
	limits   *limits
}

// New builds the handler.
func New(cfg Config) (*Handler, error) {
	switch {
	case cfg.Store == nil:
		return nil, errors.New("server: Config.Store is nil")
	case cfg.Authenticate == nil:
		return nil, errors.New("server: Config.Authenticate is nil")
	}
	h := &Handler{meter: newMeter(cfg), throttle: newAuthThrottle(),
		limits: newLimits(int64(cmp.Or(max(cfg.MaxRequests, 0), DefaultMaxRequests)))}
	return h, h.Replace(cfg)
}

// Replace answers the requests that follow by another configuration. Those under
// way end by the one that they began with. What was counted stays, and so do
// MaxRequests, CertificateEnds and the store that /metrics asks.
func (h *Handler) Replace(cfg Config) error {
	cfg.Grace = cmp.Or(cfg.Grace, defaultGrace)
	s := &service{Config: cfg, log: cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler)), meter: h.meter, throttle: h.throttle, limits: h.limits}
	mux := http.NewServeMux()
	document, err := s.mountAPI(mux)
	if err != nil {
		return err
	}
	s.mountProbes(mux, document)
	mountTracking(mux)
	h.meter.directories.follow(cfg.Directories)
	h.current.Store(&middleware{mux: mux, log: s.log, meter: h.meter, secrets: cfg.Secrets})
	return nil
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.current.Load().ServeHTTP(w, r) }

// service answers the API's calls.
type service struct {
	Config
	log      *slog.Logger
	meter    *meter
	throttle *authThrottle
	limits   *limits
}

// adapter mounts the framework's operations on a mux, behind authorization: no
// body is read before its sender is known. The framework's error type is a
// package variable, which must not change for the whole process: call and
// encodeErrors give errors their form for this handler alone.
type adapter struct {
	*http.ServeMux
	service *service
}

// Handle implements huma.Adapter.
func (a *adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	need, ok := op.Metadata[roleMetadata].(identity.Role)
	if !ok || !need.Valid() {
		panic("server: operation " + op.OperationID + " declares no role")
	}
	fields, _ := op.Metadata[fieldsMetadata].(*bodyFields)
	a.HandleFunc(op.Method+" "+symapi.BasePath+op.Path, func(w http.ResponseWriter, r *http.Request) {
		info := infoOf(r.Context())
		principal, err := a.service.authorize(r, need)
		info.principal = principal
		if err == nil {
			err = checkQuery(r.URL.RawQuery, op)
		}
		if err == nil {
			err = a.service.take(w, r, need, fields, func(w http.ResponseWriter, body []byte) {
				handler(&call{humago.NewContext(op, r, w), info, bytes.NewReader(body)})
			})
		}
		if err != nil {
			a.service.fail(r.Context(), err).write(w)
		}
	})
}

// take reads the body of a request within its sender's share of memory, then
// waits for a turn: who sends slowly takes nobody's.
func (s *service) take(w http.ResponseWriter, r *http.Request, need identity.Role, fields *bodyFields, answer func(w http.ResponseWriter, body []byte)) error {
	info := infoOf(r.Context())
	who := info.who()
	info.pools = s.limits.of(info.principal, need)
	most, values := int64(maxReadBytes), maxReadValues
	if info.principal.Role == identity.Admin {
		most, values = maxWriteBytes, maxValues
	}
	var body []byte
	switch { // also where the call has no body: net/http reads what was sent before it answers
	case r.ContentLength > most: // it says so itself: none of it is read
		w.Header().Set("Connection", "close")
		return errBytes(most)
	case r.ContentLength != 0:
		release, err := info.pools.bodies.acquire(r.Context(), who, bodyWeight(r, most))
		if err != nil {
			return err
		}
		defer release()
		if body, err = readBody(w, r, s.Grace, most); err != nil {
			return err
		}
	}
	release, err := info.pools.turns.acquire(r.Context(), who, 1)
	if err != nil {
		return err
	}
	defer release()
	if writes := info.pools.writes; writes != nil && need == identity.Admin {
		weight := int64(1)
		if r.ContentLength < 0 || r.ContentLength > smallWrite {
			weight = writeShare
		}
		release, err := writes.acquire(r.Context(), who, weight)
		if err != nil {
			return err
		}
		defer release()
	}
	out := &pacedWriter{w, newPace(r.Context(), s.Grace, func(s *http.Server) time.Duration { return s.WriteTimeout }),
		http.NewResponseController(w).SetWriteDeadline, info.pools.processor}
	out.work()
	defer out.rest()
	if fields != nil {
		if err := checkJSON(body, fields, values); err != nil {
			return err
		}
	}
	answer(out, body)
	return nil
}

// frameworkContext names the embedded interface apart from its Context method.
type frameworkContext = huma.Context

// call is the framework's view of one request.
type call struct {
	frameworkContext
	info *requestInfo
	body io.Reader
}

// Unwrap lets humago.Unwrap find its own context.
func (c *call) Unwrap() huma.Context { return c.frameworkContext }

// BodyReader returns the body, which has been read.
func (c *call) BodyReader() io.Reader { return c.body }

// SetReadDeadline does nothing: timeouts are the http.Server's.
func (c *call) SetReadDeadline(time.Time) error { return nil }

// SetHeader replaces the framework's content types: the API answers plain JSON.
func (c *call) SetHeader(name, value string) {
	if name == "Content-Type" {
		value = "application/json"
	}
	c.frameworkContext.SetHeader(name, value)
}

// SetStatus sets the status that encodeErrors chose, if any.
func (c *call) SetStatus(status int) {
	if c.info.status != 0 {
		status = c.info.status
	}
	c.frameworkContext.SetStatus(status)
}

// register adds one operation. need is the least role that may call it. do returns the
// body of the reply, or a stream.
func register[I, B any](s *service, api huma.API, need identity.Role, op huma.Operation, do func(context.Context, *I) (B, error)) {
	metadata := map[string]any{roleMetadata: need, fieldsMetadata: requestFields(reflect.TypeFor[I]())}
	maps.Copy(metadata, op.Metadata)
	op.Metadata = metadata
	op.MaxBodyBytes = -1 // the adapter limits bodies and explains it
	op.BodyReadTimeout = -1
	document(api, &op, need)
	huma.Register(api, op, func(ctx context.Context, in *I) (*reply[B], error) {
		body, err := do(ctx, in)
		if err != nil {
			return nil, s.fail(ctx, err)
		}
		return &reply[B]{body}, nil
	})
}

const (
	roleMetadata   = "role"
	fieldsMetadata = "fields" // of the request's body
)

// input is a request that has only a body.
type input[T any] struct{ Body T }

// reply is a success.
type reply[T any] struct{ Body T }

type loginInput struct {
	Email string `query:"email" doc:"Echoed in the reply"`
}

func (s *service) registerLogin(api huma.API) {
	register(s, api, identity.Guest, huma.Operation{
		OperationID: "login", Method: http.MethodGet, Path: "/auth/login",
		Summary: "Tell who the token is, and which store this is",
	}, s.login)
}

func (s *service) login(ctx context.Context, in *loginInput) (symapi.Login, error) {
	p := infoOf(ctx).principal
	id, err := s.Store.ID(ctx)
	return symapi.Login{Organization: s.Org, Username: p.Name, Org: s.Org, Role: string(p.Role), Name: p.Name, Email: in.Email, StoreID: id}, err
}
