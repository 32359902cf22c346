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
func (c *cache) keep(keys []identity.UserKey, users []identity.User, sent uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.snap == nil || sent < c.snap.sent || sent < c.staleBefore {
		return
	}
	byKey := make(map[identity.UserKey]identity.User, len(users))
	for _, u := range users {
		byKey[u.Key] = u
	}
	for _, key := range keys {
		if sent < c.touched[key] || c.writing[key] > 0 {
			continue
		}
		if u, there := byKey[key]; there {
			c.snap.put(u)
		} else {
			c.snap.remove(key)
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

// writeToken is one write under way.
type writeToken struct {
	keys  []identity.UserKey
	begun uint64
}

// begin notes that users are about to be written to. Until the write has ended
// only the server can answer for them: another caller may have seen it already.
func (c *cache) begin(keys []identity.UserKey) writeToken {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock++
	t := writeToken{keys: identity.Distinct(keys), begun: c.clock}
	for _, key := range t.keys {
		c.writing[key]++
		c.touch(key)
	}
	return t
}

// touch notes a write to a user. The snapshot knows nothing of the user then.
func (c *cache) touch(key identity.UserKey) {
	c.touched[key] = c.clock
	if c.snap != nil {
		c.snap.evict(key)
	}
}

// end notes how a write ended: shown holds the users that its reply showed as
// they are stored now, others the users for which its error disproved the
// snapshot. Where two writes to one user overlapped, nobody knows which reply
// came last.
func (c *cache) end(t writeToken, shown map[identity.UserKey]identity.User, others []identity.UserKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock++
	for _, key := range t.keys {
		if c.writing[key]--; c.writing[key] == 0 {
			delete(c.writing, key)
		}
		alone := c.writing[key] == 0 && c.touched[key] == t.begun
		c.touch(key)
		if u, seen := shown[key]; seen && alone && c.snap != nil {
			c.snap.put(u)
		}
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

// snapshot is everybody stored: one complete list, changed since by the replies
// to our own writes. It is not safe for concurrent use.
type snapshot struct {
	at    time.Time
	sent  uint64 // the cache's clock when the list was asked for
	users *identity.Index
	stale map[identity.UserKey]struct{} // only the server knows what is stored for them
	bytes int                           // estimated size of users
}

func newSnapshot(at time.Time, sent uint64) *snapshot {
	return &snapshot{at: at, sent: sent, users: identity.NewIndex(), stale: map[identity.UserKey]struct{}{}}
}

// add puts a user of the list into the snapshot. Two users with one name make
// the list useless: asking for that name alone explains it properly.
func (s *snapshot) add(u identity.User) error {
	s.bytes += sizeOf(u)
	return s.users.Add(u)
}

// put stores a user under the user's key.
func (s *snapshot) put(u identity.User) {
	s.users.Put(u)
	delete(s.stale, u.Key)
}

// remove notes that nobody has the key.
func (s *snapshot) remove(key identity.UserKey) {
	s.users.Remove(key)
	delete(s.stale, key)
}

// evict forgets what is stored for a key.
func (s *snapshot) evict(key identity.UserKey) {
	s.users.Remove(key)
	s.stale[key] = struct{}{}
}

// sizeOf estimates what holding a user costs, in bytes: the record, its places
// in the maps, and per mapping the record and its matcher.
func sizeOf(u identity.User) int {
	const user, mapping, field = 500, 600, 40
	n := user + 2*len(u.Name) + len(u.FirstName) + len(u.LastName)
	for _, m := range u.Mappings {
		n += mapping + len(m.Service.ExternalID) + len(m.Rule) + len(m.UpdatedBy)
		for k, v := range m.Matcher {
			n += field + len(k) + len(v)
		}
		for k, v := range m.Profile {
			n += field + len(k) + len(v)
		}
	}
	return n
}
