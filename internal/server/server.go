// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package server is the identity API as an http.Handler: it checks who calls,
// translates between the wire and the domain, and answers from a store and
// from directories. It keeps no state of its own but counts of failed attempts
// and of requests under way.
package server

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// Config is what a handler answers from.
type Config struct {
	Org     string // whose store this is; told by auth/login
	Version string // of the program, for the OpenAPI document and /healthz

	Store       store.Store
	Directories map[identity.ServiceKey]directory.Directory
	// Configured are the services that the configuration file owns: the API
	// neither relabels nor deletes them.
	Configured map[identity.ServiceKey]bool

	// Authenticate tells who sends a request. Its errors should be
	// *identity.Error; any other is answered as an internal error.
	Authenticate func(*http.Request) (identity.Principal, error)

	// MaxRequests bounds the requests answered at the same time; 0 = DefaultMaxRequests.
	MaxRequests int

	Logger *slog.Logger // nil logs nothing
}

// New builds the handler of /api/v1, /api/openapi.json, /healthz, /readyz and
// /metrics. It is safe for concurrent use. Timeouts are the http.Server's.
func New(cfg Config) (http.Handler, error) {
	switch {
	case cfg.Store == nil:
		return nil, errors.New("server: Config.Store is nil")
	case cfg.Authenticate == nil:
		return nil, errors.New("server: Config.Authenticate is nil")
	}
	meter := newMeter(cfg.Store)
	s := &service{Config: cfg, log: cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler)),
		meter: meter, attempts: newAttempts(),
		turns: newTurns(cmp.Or(max(cfg.MaxRequests, 0), DefaultMaxRequests), maxQueued), streams: newTurns(maxStreams, maxStreamQueue)}
	mux := http.NewServeMux()
	document, err := s.mountAPI(mux)
	if err != nil {
		return nil, err
	}
	s.mountProbes(mux, document, meter)
	return &front{mux: mux, log: s.log, meter: meter}, nil
}

// service answers the API's calls.
type service struct {
	Config
	log      *slog.Logger
	meter    *meter
	attempts *attempts
	turns    *turns // all requests
	streams  *turns // long lists of users among them
}
