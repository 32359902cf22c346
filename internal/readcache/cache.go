// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// maxAge is how long a list of everybody serves. It bounds how late a long apply
// sees the changes of others; it always sees its own.
const maxAge = 5 * time.Minute

// cache holds a snapshot of everybody, once there is one, and which of its users
// the writes of this process made stale. It keeps an answer of the API only where
// nothing was written to the user since the request was sent.
//
// Its clock ticks with every begin and end of a write.
type cache struct {
	mu          sync.Mutex
	clock       uint64
	touched     map[identity.UserKey]uint64 // when a write to the user last began or ended
	writing     map[identity.UserKey]int    // writes under way
	staleBefore uint64                      // answers to older requests may be about a user who was renamed
	snap        *snapshot                   // nil: there is none
}

func newCache() *cache {
	return &cache{touched: map[identity.UserKey]uint64{}, writing: map[identity.UserKey]int{}}
}

// now returns the clock. An answer to a request that was sent at the same time
// has seen all writes.
func (c *cache) now() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clock
}

// live returns the snapshot, nil where there is none or it is too old.
func (c *cache) live() *snapshot {
	if c.snap != nil && time.Since(c.snap.at) > maxAge {
		c.snap = nil
	}
	return c.snap
}

// find returns the users that the snapshot shows, and the keys that only the
// server can answer. ok is false where there is no snapshot.
func (c *cache) find(keys []identity.UserKey) (found []identity.User, stale []identity.UserKey, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.live()
	if s == nil {
		return nil, keys, false
	}
	found = make([]identity.User, 0, len(keys))
	for _, key := range keys {
		if u := s.users.Find(key); u != nil {
			found = append(found, *u)
		} else if _, open := s.stale[key]; open {
			stale = append(stale, key)
		}
	}
	return found, stale, true
}

// view calls read with the snapshot if it is whole. Where users are stale it
// returns them instead: they may hold any account. ok is false where there is no
// snapshot, or a write is under way.
func (c *cache) view(read func(*snapshot)) (stale []identity.UserKey, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.live()
	if s == nil || len(c.writing) > 0 {
		return nil, false
	}
	if len(s.stale) == 0 {
		read(s)
	}
	return slices.Sorted(maps.Keys(s.stale)), true
}

// keep updates the snapshot with the answer for keys to a request that was sent
// at the time sent.
func (c *cache) keep(keys []identity.UserKey, users map[identity.UserKey]*identity.User, sent uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.snap == nil || sent < c.snap.sent || sent < c.staleBefore {
		return
	}
	for _, key := range keys {
		if sent < c.touched[key] || c.writing[key] > 0 {
			continue
		}
		c.snap.users.Remove(key)
		delete(c.snap.stale, key)
		if u := users[key]; u != nil {
			c.snap.users.Put(*u)
		}
	}
}

// install makes a complete list the snapshot. Users who were written to while it
// was read are stale.
func (c *cache) install(s *snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.sent < c.staleBefore || c.snap != nil && c.snap.sent > s.sent {
		return
	}
	for key, at := range c.touched {
		if at > s.sent {
			s.evict(key)
		}
	}
	for key := range c.writing {
		s.evict(key)
	}
	c.snap = s
}

// begin notes that users are about to be written to. Until the write has ended
// only the API can answer for them: another caller may have seen it already.
func (c *cache) begin(keys []identity.UserKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock++
	for _, key := range keys {
		c.writing[key]++
		c.touch(key)
	}
}

// touch notes a write to a user. The snapshot knows nothing of the user then.
func (c *cache) touch(key identity.UserKey) {
	c.touched[key] = c.clock
	if c.snap != nil {
		c.snap.evict(key)
	}
}

// end notes that a write has ended. Its error may disprove the snapshot for others.
func (c *cache) end(keys, others []identity.UserKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock++
	for _, key := range keys {
		if c.writing[key]--; c.writing[key] == 0 {
			delete(c.writing, key)
		}
		c.touch(key)
	}
	for _, key := range others {
		c.touch(key)
	}
}

// changed notes a write to the user with an id, whose name may have changed.
func (c *cache) changed(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock++
	c.staleBefore = c.clock
	if c.snap == nil {
		return
	}
	if u := c.snap.users.FindID(id); u != nil {
		c.touch(u.Key)
	}
}

// snapshot is one complete list of everybody, with later answers about those who
// were written to since. It is not safe for concurrent use.
type snapshot struct {
	at    time.Time
	sent  uint64 // the cache's clock when the list was asked for
	users *identity.Index
	stale map[identity.UserKey]struct{} // only the API knows what is stored for them
	room  int                           // for further records
}

func (r *Reader) newSnapshot() *snapshot {
	return &snapshot{at: time.Now(), sent: r.cache.now(), users: identity.NewIndex(), stale: map[identity.UserKey]struct{}{}, room: r.maxRecords}
}

// add puts a user of the list into the snapshot. It reports false where the list
// cannot be held: it is too large, or two users have one name. Asking for that name
// alone explains it properly.
func (s *snapshot) add(u identity.User) bool {
	s.room -= 1 + len(u.Mappings)
	return s.room >= 0 && s.users.Add(u) == nil
}

// evict forgets what is stored for a key.
func (s *snapshot) evict(key identity.UserKey) {
	s.users.Remove(key)
	s.stale[key] = struct{}{}
}
