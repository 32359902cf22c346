// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// pingTimeout bounds how long a probe waits for the store.
const pingTimeout = 2 * time.Second

// mountProbes adds the paths that need no token.
func (s *service) mountProbes(mux *http.ServeMux, document []byte) {
	mux.HandleFunc("GET /api/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(document)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok", "version": s.Version})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := ping(r.Context(), s.Store); err != nil {
			s.log.WarnContext(r.Context(), "the store does not answer", "error", err)
			writeError(w, infoOf(r.Context()), &identity.Error{
				Code: identity.CodeUnavailable, Message: "the store does not answer", Retryable: true})
			return
		}
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.meter.registry, promhttp.HandlerOpts{}))
}

func ping(ctx context.Context, st store.Store) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	return st.Ping(ctx)
}

// isProbe reports whether a route is called every few seconds, which would fill
// the access log.
func isProbe(route string) bool {
	return strings.HasSuffix(route, " /healthz") || strings.HasSuffix(route, " /readyz") || strings.HasSuffix(route, " /metrics")
}

// meter counts requests by route, which holds no id and no e-mail. Each handler
// has its own.
type meter struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	slowed   prometheus.Counter

	directories *directoryMeter
}

func newMeter(cfg Config) *meter {
	m := &meter{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sym_identityd_requests_total", Help: "Requests answered, by route and status.",
		}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sym_identityd_request_duration_seconds", Help: "Time to answer, by route.",
			Buckets: prometheus.DefBuckets,
		}, []string{"route"}),
		slowed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sym_identityd_slowed_attempts_total", Help: "Failed attempts to log in that were slowed because there were too many.",
		}),
		directories: newDirectoryMeter(),
	}
	up := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sym_identityd_store_up", Help: "Whether the store answers: 1 or 0.",
	}, func() float64 {
		if ping(context.Background(), cfg.Store) != nil {
			return 0
		}
		return 1
	})
	m.registry.MustRegister(m.requests, m.seconds, m.slowed, up, m.directories,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if cfg.CertificateEnds != nil {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "sym_identityd_certificate_expiry_timestamp_seconds", Help: "When the TLS certificate in use expires, in Unix time.",
		}, func() float64 { return float64(cfg.CertificateEnds().Unix()) }))
	}
	return m
}
