// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"sync"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// maxAge is how long a snapshot serves. It bounds what a long apply can miss of
// others' changes; our own are never missed.
const maxAge = 5 * time.Minute

// memory is what this process knows of the users: a snapshot, where there is
// one, and which answers our own writes have made old. Every write begins and
// ends here; an answer counts only where nothing was written to the user since
// it was asked for.
//
// Its clock ticks with every begin and end of a write.
type memory struct {
	mu       sync.Mutex
	clock    uint64
	touched  map[identity.UserKey]uint64 // when a write to the user last began or ended
	writing  map[identity.UserKey]int    // writes under way
	anywhere uint64                      // when a write to anybody last ended
	floor    uint64                      // when a write ended of which it is not known whom else it concerned
	snap     *snapshot                   // nil: there is none
	thrift   thrift
}

func newMemory() *memory {
	return &memory{touched: map[identity.UserKey]uint64{}, writing: map[identity.UserKey]int{}}
}

func (m *memory) now() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.clock
}

// current reports whether an answer about a user that was asked for at sent
// has seen all writes that ended.
func (m *memory) current(key identity.UserKey, sent uint64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.holdsFor(key, sent)
}

func (m *memory) holdsFor(key identity.UserKey, sent uint64) bool {
	return sent >= m.floor && sent >= m.touched[key]
}

// untouched is current for an answer that may be about anybody.
func (m *memory) untouched(sent uint64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return sent >= m.anywhere
}

// live is the snapshot, nil where there is none that may still serve.
func (m *memory) live() *snapshot {
	if m.snap != nil && time.Since(m.snap.at) > maxAge {
		m.snap = nil
	}
	return m.snap
}

// find answers what the snapshot can; ok is false where there is none.
func (m *memory) find(keys []identity.UserKey) (found []identity.User, unsure []identity.UserKey, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.live()
	if s == nil {
		return nil, keys, false
	}
	found, unsure = s.find(keys)
	return found, unsure, true
}

// holders answers from the snapshot. While users are unsure it returns them
// instead: they may hold anything. While one of them is written to nothing can
// be said.
func (m *memory) holders(service identity.ServiceKey, claims []string) (found []identity.Holder, unsure []identity.UserKey, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.live()
	if s == nil || len(m.writing) > 0 {
		return nil, nil, false
	}
	if len(s.unsure) > 0 {
		return nil, s.doubts(), true
	}
	return s.holders(service, claims), nil, true
}

// everybody likewise.
func (m *memory) everybody() (found []identity.User, unsure []identity.UserKey, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.live()
	if s == nil || len(m.writing) > 0 {
		return nil, nil, false
	}
	if len(s.unsure) > 0 {
		return nil, s.doubts(), true
	}
	return s.everybody(), nil, true
}

// keep takes what the server said of keys, asked for at sent, into the snapshot.
func (m *memory) keep(keys []identity.UserKey, users []identity.User, sent uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.snap == nil || sent < m.snap.sent {
		return
	}
	byKey := make(map[identity.UserKey]identity.User, len(users))
	for _, u := range users {
		byKey[u.Key] = u
	}
	for _, key := range keys {
		if !m.holdsFor(key, sent) || m.writing[key] > 0 {
			continue
		}
		if u, there := byKey[key]; there {
			m.snap.put(key, u)
		} else {
			m.snap.remove(key)
		}
	}
}

// install makes a complete reading the snapshot. Whoever was written to while
// it lasted may have been read before that.
func (m *memory) install(s *snapshot) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.sent < m.floor || m.snap != nil && m.snap.sent > s.sent {
		return
	}
	for key, at := range m.touched {
		if at > s.sent {
			s.evict(key)
		}
	}
	for key := range m.writing {
		s.evict(key)
	}
	m.snap = s
}

// ticket is one write under way.
type ticket struct {
	keys  []identity.UserKey
	begun uint64
	alone map[identity.UserKey]bool // no other write to the user was under way
}

// begin notes that users are about to be written to. Until that has ended only
// the server can tell what is stored: another caller may have seen it already.
func (m *memory) begin(keys []identity.UserKey) ticket {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clock++
	t := ticket{keys: distinct(keys), begun: m.clock, alone: make(map[identity.UserKey]bool, len(keys))}
	for _, key := range t.keys {
		t.alone[key] = m.writing[key] == 0
		m.writing[key]++
		m.touched[key] = m.clock
		if m.snap != nil {
			m.snap.evict(key)
		}
	}
	return t
}

// end notes how a write ended: which users its reply showed as they are stored
// now, and about whom else it taught us that we know nothing. Where two writes
// to one user overlapped it is not known which reply came last.
func (m *memory) end(t ticket, shown map[identity.UserKey]identity.User, others []identity.UserKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clock++
	m.anywhere = m.clock
	for _, key := range t.keys {
		quiet := t.alone[key] && m.touched[key] == t.begun
		if m.writing[key]--; m.writing[key] == 0 {
			delete(m.writing, key)
		}
		m.touched[key] = m.clock
		if m.snap == nil {
			continue
		}
		if u, seen := shown[key]; seen && quiet {
			m.snap.put(key, u)
		} else {
			m.snap.evict(key)
		}
	}
	for _, key := range others {
		m.touched[key] = m.clock
		if m.snap != nil {
			m.snap.evict(key)
		}
	}
}

// changed notes that something was written to the user with an id, whose name
// may have changed with it.
func (m *memory) changed(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clock++
	m.anywhere, m.floor = m.clock, m.clock
	if m.snap == nil {
		return
	}
	if key, known := m.snap.byID[id]; known {
		m.touched[key] = m.clock
		m.snap.evict(key)
	}
}

// distinct is list without repetitions, in order.
func distinct[T comparable](list []T) []T {
	if len(list) < 2 {
		return list
	}
	seen := make(map[T]bool, len(list))
	out := make([]T, 0, len(list))
	for _, v := range list {
		if !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out
}
