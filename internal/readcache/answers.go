// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"context"
	"fmt"
	"maps"
	"math"
	"sync"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// maxAnswers bounds how many answers of services are remembered; forever is how
// long those about accounts are.
const (
	maxAnswers = 50_000
	forever    = time.Duration(math.MaxInt64)
)

// Lookup asks the service which account has each e-mail: one answer per
// e-mail, in order. It asks the service once for each; again only where the
// service could not be asked, or not for this e-mail.
func (r *Reader) Lookup(ctx context.Context, service identity.ServiceKey, emails []string) ([]identity.LookupResult, error) {
	return r.lookups.get(ctx, service, emails)
}

// LookupInList asks as Lookup does, from the service's whole list of accounts.
func (r *Reader) LookupInList(ctx context.Context, service identity.ServiceKey, emails []string) ([]identity.LookupResult, error) {
	return r.listed.get(ctx, service, emails)
}

// Status asks the service whether accounts still exist, are active and have
// their identity: one answer per query, in order. It remembers as Lookup does.
func (r *Reader) Status(ctx context.Context, service identity.ServiceKey, queries []identity.AccountQuery) ([]identity.AccountStatus, error) {
	return r.statuses.get(ctx, service, queries)
}

// answers asks services, one request at a time for each, and remembers their
// answers: a run sees one state of a service, and asks no more than it must.
type answers[K comparable, A any] struct {
	call   func(ctx context.Context, service identity.ServiceKey, keys []K) ([]A, error)
	final  func(A) bool // reports whether to remember an answer
	what   string       // names keys, in the plural
	maxAge time.Duration
	clock  func() uint64 // moves where answers under way have become old

	mu       sync.Mutex
	known    map[question[K]]answer[A]
	epoch    uint64 // ticks when a service was written to
	batchers map[identity.ServiceKey]*batcher[K, A]
}

type question[K comparable] struct {
	service identity.ServiceKey
	key     K
}

type answer[A any] struct {
	value A
	at    time.Time
}

func newAnswers[K comparable, A any](what string, maxAge time.Duration, call func(context.Context, identity.ServiceKey, []K) ([]A, error), final func(A) bool) *answers[K, A] {
	l := &answers[K, A]{call: call, final: final, what: what, maxAge: maxAge, known: map[question[K]]answer[A]{},
		batchers: map[identity.ServiceKey]*batcher[K, A]{}}
	l.clock = l.now
	return l
}

func (l *answers[K, A]) get(ctx context.Context, service identity.ServiceKey, keys []K) ([]A, error) {
	known, missing := l.recall(service, identity.Distinct(keys))
	if len(missing) > 0 {
		found, err := l.find(ctx, service, missing)
		if err != nil {
			return nil, err
		}
		maps.Copy(known, found)
	}
	out := make([]A, len(keys))
	for i, key := range keys {
		out[i] = known[key]
	}
	return out, nil
}

// recall splits keys into answers at hand and those to ask for.
func (l *answers[K, A]) recall(service identity.ServiceKey, keys []K) (known map[K]A, missing []K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known = make(map[K]A, len(keys))
	for _, key := range keys {
		if a, there := l.known[question[K]{service, key}]; there && time.Since(a.at) <= l.maxAge {
			known[key] = a.value
		} else {
			missing = append(missing, key)
		}
	}
	return known, missing
}

// find asks for distinct keys. More than a batch are one call: several batches could get
// answers of different lists.
func (l *answers[K, A]) find(ctx context.Context, service identity.ServiceKey, keys []K) (map[K]A, error) {
	if len(keys) > maxBatch {
		return l.ask(ctx, service, keys)
	}
	return l.batcher(service).get(ctx, keys)
}

// batcher returns the batcher of a service: a request asks only one.
func (l *answers[K, A]) batcher(service identity.ServiceKey) *batcher[K, A] {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.batchers[service]
	if b == nil {
		b = newBatcher(func(ctx context.Context, keys []K) (map[K]A, error) { return l.ask(ctx, service, keys) }, l.clock)
		l.batchers[service] = b
	}
	return b
}

func (l *answers[K, A]) now() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epoch
}

// ask sends the question and keeps its answers.
func (l *answers[K, A]) ask(ctx context.Context, service identity.ServiceKey, keys []K) (map[K]A, error) {
	sent := l.now()
	values, err := l.call(ctx, service, keys)
	if err == nil && len(values) != len(keys) {
		err = fmt.Errorf("the API answered %d of %d %s asked in %s", len(values), len(keys), l.what, service)
	}
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	byKey := make(map[K]A, len(keys))
	for i, key := range keys {
		byKey[key] = values[i]
		if l.final(values[i]) && sent == l.epoch && len(l.known) < maxAnswers {
			l.known[question[K]{service, key}] = answer[A]{values[i], time.Now()}
		}
	}
	return byKey, nil
}

func finalLookup(a identity.LookupResult) bool {
	switch a.Status {
	case identity.Found, identity.NotFound, identity.Ambiguous, identity.Inactive, identity.Alias, identity.Unverified:
		return true
	}
	return false
}

func finalStatus(a identity.AccountStatus) bool { return a.Status != identity.AccountFailed }

// forget drops what a service answered before it was written to.
func (l *answers[K, A]) forget(service identity.ServiceKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epoch++
	for q := range l.known {
		if q.service == service {
			delete(l.known, q)
		}
	}
}
