// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"context"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// snapshot tries to read everybody, once for all who wait for it. An error says
// why that failed; whoever gets one goes on without a snapshot.
func (r *Reader) snapshot(ctx context.Context) error {
	_, err := r.loads.get(ctx, []struct{}{{}}, false)
	if ctx.Err() != nil {
		return nil // the caller's own end says nothing about the reading
	}
	return err
}

// load is the one request of loads.
func (r *Reader) load(ctx context.Context, _ []struct{}) (map[struct{}]struct{}, error) {
	s, pages := r.memory.attempt()
	if s == nil {
		return nil, nil // somebody else's attempt has just ended
	}
	for u, err := range r.api.AllUsers(ctx) {
		if err != nil {
			if ctx.Err() == nil { // else it says nothing about the next attempt
				r.memory.lost(pages, false)
			}
			return nil, err
		}
		err := s.add(u)
		tooLarge := s.bytes > r.maxBytes
		if err != nil || tooLarge || len(s.users) >= pages*pageSize {
			r.memory.lost(pages, tooLarge)
			return nil, nil
		}
	}
	r.memory.install(s)
	return nil, nil
}

// read notes questions and reports whether to try for a snapshot first.
func (m *memory) read(questions ...string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.thrift.read(questions...)
	return m.thrift.worthwhile()
}

// spend notes the requests for n questions.
func (m *memory) spend(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.thrift.spend(n)
}

// reading is an empty snapshot for users that are read from now on.
func (m *memory) reading() *snapshot {
	return newSnapshot(time.Now(), m.now())
}

// attempt is a reading for which pages may be spent; nil where there is a snapshot by now, or an attempt has failed meanwhile.
func (m *memory) attempt() (s *snapshot, pages int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.live() != nil || !m.thrift.worthwhile() {
		return nil, 0
	}
	return newSnapshot(time.Now(), m.clock), m.thrift.pages()
}

// lost notes an attempt that came to nothing. No other one is made where there
// are too many users to hold.
func (m *memory) lost(pages int, tooLarge bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.thrift.lost(pages)
	m.thrift.never = m.thrift.never || tooLarge
}

// refills is how often doubts about users are cleared up before the API is
// asked instead: writes under way may raise new ones each time.
const refills = 3

// refill clears up doubts about users.
func (r *Reader) refill(ctx context.Context, unsure []identity.UserKey) error {
	_, err := r.ask(ctx, unsure, false)
	return err
}
