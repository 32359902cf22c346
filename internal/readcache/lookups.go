// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"context"
	"fmt"
	"sync"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// maxAnswers bounds how many answers of services are remembered.
const maxAnswers = 50_000

// Lookup asks the service which account has each e-mail: one answer per
// e-mail, in order. What the service has answered it is not asked again; one
// that could not be asked, or not for this e-mail, is.
func (r *Reader) Lookup(ctx context.Context, service identity.ServiceKey, emails []string) ([]identity.LookupResult, error) {
	return r.lookups.answer(ctx, service, emails)
}

// Status asks the service whether accounts still exist and are active: one
// answer per identity, in order. It remembers as Lookup does.
func (r *Reader) Status(ctx context.Context, service identity.ServiceKey, identities []string) ([]identity.AccountStatus, error) {
	return r.statuses.answer(ctx, service, identities)
}

// directory asks services for people or accounts and remembers their answers:
// a run shows one state of a service, and asks it no more than it must.
type directory[A any] struct {
	call    func(ctx context.Context, service identity.ServiceKey, keys []string) ([]A, error)
	settled func(A) bool // reports whether the service itself has answered
	what    string       // keys are, in the plural

	mu       sync.Mutex
	answers  map[question]A
	batchers map[identity.ServiceKey]*batcher[string, A]
	epoch    uint64 // ticks when a service was written to
}

type question struct {
	service identity.ServiceKey
	key     string
}

func newDirectory[A any](what string, call func(context.Context, identity.ServiceKey, []string) ([]A, error), settled func(A) bool) *directory[A] {
	return &directory[A]{
		call: call, settled: settled, what: what,
		answers: map[question]A{}, batchers: map[identity.ServiceKey]*batcher[string, A]{},
	}
}

func (l *directory[A]) answer(ctx context.Context, service identity.ServiceKey, keys []string) ([]A, error) {
	known, missing := l.recall(service, distinct(keys))
	if len(missing) > 0 {
		found, err := l.find(ctx, service, missing)
		if err != nil {
			return nil, err
		}
		for _, key := range missing {
			known[key] = found[key]
		}
	}
	out := make([]A, len(keys))
	for i, key := range keys {
		out[i] = known[key]
	}
	return out, nil
}

// recall splits keys into answers at hand and those to ask for.
func (l *directory[A]) recall(service identity.ServiceKey, keys []string) (known map[string]A, missing []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known = make(map[string]A, len(keys))
	for _, key := range keys {
		if a, there := l.answers[question{service, key}]; there {
			known[key] = a
		} else {
			missing = append(missing, key)
		}
	}
	return known, missing
}

func (l *directory[A]) find(ctx context.Context, service identity.ServiceKey, keys []string) (map[string]A, error) {
	if len(keys) > single {
		return l.ask(ctx, service, keys)
	}
	return l.batcherOf(service).get(ctx, keys, false)
}

func (l *directory[A]) batcherOf(service identity.ServiceKey) *batcher[string, A] {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.batchers[service]
	if b == nil {
		b = newBatcher(func(ctx context.Context, keys []string) (map[string]A, error) {
			return l.ask(ctx, service, keys)
		})
		b.clock = l.now
		b.serves = func(_ string, sent uint64) bool { return sent == l.now() }
		l.batchers[service] = b
	}
	return b
}

func (l *directory[A]) now() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epoch
}

// ask is the one place that sends the question.
func (l *directory[A]) ask(ctx context.Context, service identity.ServiceKey, keys []string) (map[string]A, error) {
	sent := l.now()
	answers, err := l.call(ctx, service, keys)
	if err == nil && len(answers) != len(keys) {
		err = fmt.Errorf("the API answered %d of %d %s asked in %s", len(answers), len(keys), l.what, service)
	}
	if err != nil {
		return nil, err
	}
	byKey := make(map[string]A, len(keys))
	for i, key := range keys {
		byKey[key] = answers[i]
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, a := range byKey {
		if l.settled(a) && sent == l.epoch && len(l.answers) < maxAnswers {
			l.answers[question{service, key}] = a
		}
	}
	return byKey, nil
}

func answered(a identity.LookupResult) bool {
	switch a.Status {
	case identity.Found, identity.NotFound, identity.Ambiguous, identity.Inactive:
		return true
	}
	return false
}

func told(a identity.AccountStatus) bool { return a.Status != identity.AccountFailed }

// forget drops what a service answered before it was written to.
func (l *directory[A]) forget(service identity.ServiceKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epoch++
	for q := range l.answers {
		if q.service == service {
			delete(l.answers, q)
		}
	}
}
