// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// registry remembers which services are registered, until one is written to.
type registry struct {
	lists *batcher[struct{}, []identity.Service]

	mu    sync.Mutex
	known []identity.Service
	at    time.Time // when known was read; zero where it was not
	epoch uint64    // ticks when a service was written to
}

func (g *registry) init(api API) {
	g.lists = newBatcher(func(ctx context.Context, _ []struct{}) (map[struct{}][]identity.Service, error) {
		sent := g.now()
		list, err := api.Services(ctx)
		if err != nil {
			return nil, err
		}
		g.keep(list, sent)
		return map[struct{}][]identity.Service{{}: list}, nil
	})
	g.lists.clock = g.now
	g.lists.serves = func(_ struct{}, sent uint64) bool { return sent == g.now() }
}

func (g *registry) now() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.epoch
}

func (g *registry) keep(list []identity.Service, sent uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if sent == g.epoch {
		g.known, g.at = list, time.Now()
	}
}

func (g *registry) recall() ([]identity.Service, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.known, !g.at.IsZero() && time.Since(g.at) <= maxAge
}

func (g *registry) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known, g.at = nil, time.Time{}
	g.epoch++
}

// Services lists every registered service.
func (r *Reader) Services(ctx context.Context) ([]identity.Service, error) {
	if known, ok := r.services.recall(); ok {
		return slices.Clone(known), nil
	}
	lists, err := r.services.lists.get(ctx, []struct{}{{}}, false)
	return slices.Clone(lists[struct{}{}]), err
}

// CreateService registers a service; an equal one is returned as it is.
func (r *Reader) CreateService(ctx context.Context, key identity.ServiceKey, label string) (identity.Service, error) {
	defer r.serviceChanged(key)
	return r.api.CreateService(ctx, key, label)
}

// UpdateService changes the label of a registered service.
func (r *Reader) UpdateService(ctx context.Context, key identity.ServiceKey, label string) (identity.Service, error) {
	defer r.serviceChanged(key)
	return r.api.UpdateService(ctx, key, label)
}

// DeleteService removes a service that nothing refers to, and reports whether
// it was there.
func (r *Reader) DeleteService(ctx context.Context, key identity.ServiceKey) (bool, error) {
	defer r.serviceChanged(key)
	return r.api.DeleteService(ctx, key)
}

// serviceChanged also follows a failure: what was tried may have happened, or
// tells that what is known is old.
func (r *Reader) serviceChanged(key identity.ServiceKey) {
	r.services.forget()
	r.lookups.forget(key)
	r.statuses.forget(key)
}

// References lists the ids of the mappings that refer to a service.
func (r *Reader) References(ctx context.Context, serviceID string) ([]string, error) {
	return r.api.References(ctx, serviceID)
}
