// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package shared

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
func (r *Reader) Lookup(ctx context.Context, service identity.ServiceKey, emails []string) ([]identity.Answer, error) {
	return r.lookups.lookup(ctx, service, emails)
}

// lookups asks services for people and remembers their answers: a run shows one
// state of a directory, and asks it no more than it must.
type lookups struct {
	api API

	mu       sync.Mutex
	answers  map[question]identity.Answer
	batchers map[identity.ServiceKey]*batcher[string, identity.Answer]
	epoch    uint64 // ticks when a service was written to
}

type question struct {
	service identity.ServiceKey
	email   string
}

func (l *lookups) init(api API) {
	l.api = api
	l.answers = map[question]identity.Answer{}
	l.batchers = map[identity.ServiceKey]*batcher[string, identity.Answer]{}
}

func (l *lookups) lookup(ctx context.Context, service identity.ServiceKey, emails []string) ([]identity.Answer, error) {
	known, missing := l.recall(service, distinct(emails))
	if len(missing) > 0 {
		found, err := l.find(ctx, service, missing)
		if err != nil {
			return nil, err
		}
		for _, email := range missing {
			known[email] = found[email]
		}
	}
	out := make([]identity.Answer, len(emails))
	for i, email := range emails {
		out[i] = known[email]
	}
	return out, nil
}

// recall splits e-mails into answers at hand and those to ask for.
func (l *lookups) recall(service identity.ServiceKey, emails []string) (known map[string]identity.Answer, missing []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known = make(map[string]identity.Answer, len(emails))
	for _, email := range emails {
		if a, there := l.answers[question{service, email}]; there {
			known[email] = a
		} else {
			missing = append(missing, email)
		}
	}
	return known, missing
}

func (l *lookups) find(ctx context.Context, service identity.ServiceKey, emails []string) (map[string]identity.Answer, error) {
	if len(emails) > single {
		return l.ask(ctx, service, emails)
	}
	return l.batcherOf(service).get(ctx, emails, false)
}

func (l *lookups) batcherOf(service identity.ServiceKey) *batcher[string, identity.Answer] {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.batchers[service]
	if b == nil {
		b = newBatcher(func(ctx context.Context, emails []string) (map[string]identity.Answer, error) {
			return l.ask(ctx, service, emails)
		})
		b.clock = l.now
		b.serves = func(_ string, sent uint64) bool { return sent == l.now() }
		l.batchers[service] = b
	}
	return b
}

func (l *lookups) now() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epoch
}

// ask is the one place that sends Lookup.
func (l *lookups) ask(ctx context.Context, service identity.ServiceKey, emails []string) (map[string]identity.Answer, error) {
	sent := l.now()
	answers, err := l.api.Lookup(ctx, service, emails)
	if err == nil && len(answers) != len(emails) {
		err = fmt.Errorf("the API answered %d of %d e-mails asked in %s", len(answers), len(emails), service)
	}
	if err != nil {
		return nil, err
	}
	byEmail := make(map[string]identity.Answer, len(emails))
	for i, email := range emails {
		byEmail[email] = answers[i]
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for email, a := range byEmail {
		if settled(a) && sent == l.epoch && len(l.answers) < maxAnswers {
			l.answers[question{service, email}] = a
		}
	}
	return byEmail, nil
}

// settled reports whether the service itself has answered.
func settled(a identity.Answer) bool {
	switch a.Status {
	case identity.Found, identity.NotFound, identity.Ambiguous, identity.Inactive:
		return true
	}
	return false
}

// forget drops what a service answered before it was written to.
func (l *lookups) forget(service identity.ServiceKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epoch++
	for q := range l.answers {
		if q.service == service {
			delete(l.answers, q)
		}
	}
}
