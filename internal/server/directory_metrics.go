// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Outcomes of calls of a directory.
const (
	outcomeOK      = "ok"
	outcomeDenied  = "denied"  // the credential was rejected or lacks a permission
	outcomeLimited = "limited" // the service limits requests
	outcomeFailed  = "failed"
)

// directoryMeter counts the calls of directories by service, and shows which lists
// they keep. It is a prometheus.Collector.
type directoryMeter struct {
	caches        atomic.Pointer[map[string]*directory.Cached] // by service key
	calls         *prometheus.CounterVec
	seconds       *prometheus.HistogramVec
	age, accounts *prometheus.Desc
}

func newDirectoryMeter() *directoryMeter {
	return &directoryMeter{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sym_identityd_directory_calls_total",
			Help: "Calls of directories, by service, call (lookup, or list for a whole list) and outcome (ok, denied, limited, failed).",
		}, []string{"service", "call", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sym_identityd_directory_call_duration_seconds", Help: "Time of calls of directories, by service and call.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900}, // lists take minutes
		}, []string{"service", "call"}),
		age: prometheus.NewDesc("sym_identityd_directory_list_age_seconds",
			"Age of the list of accounts that is kept; absent where none is kept.", []string{"service"}, nil),
		accounts: prometheus.NewDesc("sym_identityd_directory_list_accounts",
			"Accounts in the list that is kept; absent where none is kept.", []string{"service"}, nil),
	}
}

// follow counts the calls of these directories from now on, and shows their lists.
func (m *directoryMeter) follow(directories map[identity.ServiceKey]directory.Directory) {
	before, caches := m.caches.Load(), map[string]*directory.Cached{}
	for key, d := range directories {
		cache, ok := d.(*directory.Cached)
		if !ok {
			continue
		}
		service := key.String()
		caches[service] = cache
		if before != nil && (*before)[service] == cache {
			continue
		}
		for _, call := range []string{"lookup", "list"} { // a rate needs the zero before the first failure
			for _, outcome := range []string{outcomeOK, outcomeDenied, outcomeLimited, outcomeFailed} {
				m.calls.WithLabelValues(service, call, outcome)
			}
		}
		cache.Observe(func(c directory.Call) {
			call := "lookup"
			if c.List {
				call = "list"
			}
			m.calls.WithLabelValues(service, call, outcomeOf(key, c.Err)).Inc()
			m.seconds.WithLabelValues(service, call).Observe(c.Took.Seconds())
		})
	}
	m.caches.Store(&caches)
}

func outcomeOf(service identity.ServiceKey, err error) string {
	if err == nil {
		return outcomeOK
	}
	switch directory.AsIdentityError(service, err).Code {
	case identity.CodeDirectoryDenied:
		return outcomeDenied
	case identity.CodeDirectoryLimited:
		return outcomeLimited
	}
	return outcomeFailed
}

// Describe implements prometheus.Collector.
func (m *directoryMeter) Describe(descs chan<- *prometheus.Desc) {
	m.calls.Describe(descs)
	m.seconds.Describe(descs)
	descs <- m.age
	descs <- m.accounts
}

// Collect implements prometheus.Collector.
func (m *directoryMeter) Collect(metrics chan<- prometheus.Metric) {
	m.calls.Collect(metrics)
	m.seconds.Collect(metrics)
	for service, cache := range *m.caches.Load() {
		accounts, asOf, ok := cache.ListKept()
		if !ok {
			continue
		}
		metrics <- prometheus.MustNewConstMetric(m.age, prometheus.GaugeValue, time.Since(asOf).Seconds(), service)
		metrics <- prometheus.MustNewConstMetric(m.accounts, prometheus.GaugeValue, float64(accounts), service)
	}
}
