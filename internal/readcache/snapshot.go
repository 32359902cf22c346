// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// snapshot is everybody stored, as one reading showed them and the replies to
// our own writes changed them since. It is not safe for concurrent use.
type snapshot struct {
	at    time.Time
	sent  uint64 // the memory's clock when the reading began
	users map[identity.UserKey]*identity.User
	byID  map[string]identity.UserKey
	// unsure are users of whom it is not known any more what is stored, nor
	// whether they still exist; only the server can tell.
	unsure map[identity.UserKey]struct{}
	// claims lists, per service that was asked about, who has or had an account.
	claims map[identity.ServiceKey]map[string][]identity.UserKey
	bytes  int // estimated size of users
}

func newSnapshot(at time.Time, sent uint64) *snapshot {
	return &snapshot{
		at: at, sent: sent,
		users: map[identity.UserKey]*identity.User{}, byID: map[string]identity.UserKey{},
		unsure: map[identity.UserKey]struct{}{},
		claims: map[identity.ServiceKey]map[string][]identity.UserKey{},
	}
}

// errTwoUsers is why a reading cannot be used: two users have one name. Asking
// for that name alone tells it properly.
var errTwoUsers = errors.New("two users have one name")

// add takes a user of the reading.
func (s *snapshot) add(u identity.User) error {
	key := u.Key
	if other, twice := s.users[key]; twice && other.ID != u.ID {
		return errTwoUsers
	}
	s.bytes += sizeOf(u)
	s.put(key, u)
	return nil
}

// put makes u what is stored for its key.
func (s *snapshot) put(key identity.UserKey, u identity.User) {
	u.Mappings = slices.Clip(u.Mappings) // a caller's append must not write into ours
	if before, known := s.byID[u.ID]; known && before != key {
		s.remove(before) // renamed
	}
	s.remove(key)
	s.users[key] = &u
	if u.ID != "" {
		s.byID[u.ID] = key
	}
	for _, m := range u.Mappings {
		if byClaim, indexed := s.claims[m.Service]; indexed {
			note(byClaim, m.Matcher.AccountKey(m.Service.Type), key)
		}
	}
}

// note keeps claims as sets. What no longer holds is left in them: whoever
// reads them checks.
func note(byClaim map[string][]identity.UserKey, claim string, key identity.UserKey) {
	if !slices.Contains(byClaim[claim], key) {
		byClaim[claim] = append(byClaim[claim], key)
	}
}

// remove makes nobody have the key.
func (s *snapshot) remove(key identity.UserKey) {
	if u, there := s.users[key]; there {
		delete(s.users, key)
		delete(s.byID, u.ID)
	}
	delete(s.unsure, key)
}

// evict forgets what is stored for a key.
func (s *snapshot) evict(key identity.UserKey) {
	s.remove(key)
	s.unsure[key] = struct{}{}
}

// find splits keys into the users they name and those that only the server can
// tell about.
func (s *snapshot) find(keys []identity.UserKey) (found []identity.User, unsure []identity.UserKey) {
	found = make([]identity.User, 0, len(keys))
	for _, key := range keys {
		if u, there := s.users[key]; there {
			found = append(found, *u)
		} else if _, open := s.unsure[key]; open {
			unsure = append(unsure, key)
		}
	}
	return found, unsure
}

// holders is who has one of the claims, in the order of claims, then by key.
// It is not all of them while anybody is unsure.
func (s *snapshot) holders(service identity.ServiceKey, claims []string) []identity.Holder {
	byClaim := s.claimsOf(service)
	var out []identity.Holder
	for _, claim := range claims {
		claim = identity.FoldIdentity(service.Type, claim)
		keys := slices.Clone(byClaim[claim])
		slices.Sort(keys)
		for _, key := range keys {
			if u := s.users[key]; u != nil {
				if m, ok := u.Mapping(service); ok && m.Matcher.AccountKey(service.Type) == claim {
					out = append(out, identity.Holder{User: key, Mapping: m})
				}
			}
		}
	}
	return out
}

func (s *snapshot) claimsOf(service identity.ServiceKey) map[string][]identity.UserKey {
	if known, ok := s.claims[service]; ok {
		return known
	}
	byClaim := map[string][]identity.UserKey{}
	for key, u := range s.users {
		if m, ok := u.Mapping(service); ok {
			claim := m.Matcher.AccountKey(service.Type)
			byClaim[claim] = append(byClaim[claim], key)
		}
	}
	s.claims[service] = byClaim
	return byClaim
}

// doubts lists who is unsure.
func (s *snapshot) doubts() []identity.UserKey {
	return slices.Sorted(maps.Keys(s.unsure))
}

// everybody lists the users, ordered by key.
func (s *snapshot) everybody() []identity.User {
	out := make([]identity.User, 0, len(s.users))
	for _, key := range slices.Sorted(maps.Keys(s.users)) {
		out = append(out, *s.users[key])
	}
	return out
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
