// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"maps"
	"slices"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// census is everybody stored, as one reading showed them, and what the writes
// planned so far make of it. It checks the conditions that a server without
// the extensions cannot. Between reading and writing another may write; that
// is what the extensions are for.
type census struct {
	byKey map[identity.UserKey]*identity.User
	byID  map[string]*identity.User
	users []*identity.User
	// claims lists, per service that was asked about, who has or had an account.
	claims map[identity.ServiceKey]map[string][]*identity.User
}

func (c *Client) census(ctx context.Context) (*census, error) {
	all, err := c.listing(ctx)
	if err != nil {
		return nil, err
	}
	s := &census{
		byKey:  map[identity.UserKey]*identity.User{},
		byID:   map[string]*identity.User{},
		claims: map[identity.ServiceKey]map[string][]*identity.User{},
	}
	for _, u := range all {
		if err := s.add(u); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *census) add(u identity.User) error {
	if s.byID[u.ID] != nil && u.ID != "" {
		return nil // the same user on two pages
	}
	if other := s.byKey[u.Key]; other != nil {
		return twoUsers(u.Key, *other, u)
	}
	stored := &u
	s.byKey[u.Key] = stored
	if u.ID != "" {
		s.byID[u.ID] = stored
	}
	s.users = append(s.users, stored)
	return nil
}

// find is whom a write means; nil where nobody is.
func (s *census) find(id string, key identity.UserKey) *identity.User {
	if id != "" {
		return s.byID[id]
	}
	return s.byKey[key]
}

// holder is another user who holds the matcher's account in the service; "" if
// nobody does.
func (s *census) holder(of *identity.User, service identity.ServiceKey, matcher identity.Matcher) identity.UserKey {
	claim := matcher.AccountKey(service.Type)
	for _, u := range s.claimsOf(service)[claim] {
		if m, ok := u.Mapping(service); ok && u != of && m.Matcher.AccountKey(service.Type) == claim {
			return u.Key
		}
	}
	return ""
}

func (s *census) claimsOf(service identity.ServiceKey) map[string][]*identity.User {
	if known, ok := s.claims[service]; ok {
		return known
	}
	claims := map[string][]*identity.User{}
	for _, u := range s.users {
		if m, ok := u.Mapping(service); ok {
			claim := m.Matcher.AccountKey(service.Type)
			claims[claim] = append(claims[claim], u)
		}
	}
	s.claims[service] = claims
	return claims
}

// planByReading checks writes as a server with the extensions would. What is
// stored already is not sent.
func (c *Client) planByReading(ctx context.Context, writes []identity.Write) (plan, error) {
	s, err := c.census(ctx)
	if err != nil {
		return plan{}, err
	}
	// The server keeps no conditions, so a repetition could undo another's write.
	p := plan{users: make([]identity.User, len(writes)), repeat: func(identity.Write) bool { return false }}
	var batch identity.BatchError
	for i, w := range writes {
		user := s.find(w.UserID, w.User)
		if user == nil && (w.UserID != "" || !w.User.IsEmail()) {
			batch.Items = append(batch.Items, identity.ItemError{Index: i, Err: identity.UnknownUser(w.User)})
			continue
		}
		if user != nil {
			if m, ok := user.Mapping(w.Service); ok && m.Matcher.Equal(w.Service.Type, w.Matcher) {
				p.users[i] = *user
				continue
			}
		}
		if problem := s.check(user, w); problem != nil {
			batch.Items = append(batch.Items, identity.ItemError{Index: i, Err: problem})
			continue
		}
		if user == nil {
			created := identity.User{Key: w.User, Type: identity.Normal, Name: w.Name}
			if err := s.add(created); err != nil {
				return plan{}, err
			}
			user = s.byKey[w.User]
		}
		p.indexes = append(p.indexes, i)
		p.elements = append(p.elements, symapi.UserUpsert{ID: user.ID, Type: string(user.Type),
			Identities: []symapi.IdentityUpsert{ownRecord(user.Type, user.Name), upsertOf(w)}})
		s.store(user, w)
	}
	if len(batch.Items) > 0 {
		return plan{}, &batch
	}
	return p, nil
}

// check is why a write that changes something may not; user is nil for one who
// is not stored.
func (s *census) check(user *identity.User, w identity.Write) *identity.Error {
	var stored *identity.Mapping
	if user != nil {
		if m, ok := user.Mapping(w.Service); ok {
			stored = &m
		}
	}
	absent := w.IfAbsent || w.Source.OrManual() != identity.Manual
	switch {
	case absent && stored != nil:
		return identity.Conflict(w.User, w.Service, stored)
	case w.IfRevision != 0 && (stored == nil || stored.Revision != w.IfRevision):
		return identity.Conflict(w.User, w.Service, stored)
	case w.IfUnclaimed:
		if holder := s.holder(user, w.Service, w.Matcher); holder != "" {
			return identity.Claimed(w.User, w.Service, w.Matcher, holder)
		}
	}
	return nil
}

// store makes the census show what w will have done.
func (s *census) store(user *identity.User, w identity.Write) {
	user.Mappings = slices.DeleteFunc(slices.Clone(user.Mappings), func(m identity.Mapping) bool { return m.Service == w.Service })
	user.Mappings = append(user.Mappings, identity.Mapping{Service: w.Service, Matcher: maps.Clone(w.Matcher), Source: identity.Manual})
	claims, claim := s.claimsOf(w.Service), w.Matcher.AccountKey(w.Service.Type)
	claims[claim] = append(claims[claim], user)
}

// planDeletesByReading checks deletes as a server with the extensions would.
// What is not stored is not sent.
func (c *Client) planDeletesByReading(ctx context.Context, deletes []identity.Delete) ([]int, []symapi.IdentityDelete, error) {
	s, err := c.census(ctx)
	if err != nil {
		return nil, nil, err
	}
	var batch identity.BatchError
	var indexes []int
	var elements []symapi.IdentityDelete
	for i, d := range deletes {
		user := s.find(d.UserID, d.User)
		if user == nil {
			continue
		}
		stored, ok := user.Mapping(d.Service)
		if !ok {
			continue
		}
		if !stored.Matcher.Equal(d.Service.Type, d.Matcher) || (d.IfRevision != 0 && stored.Revision != d.IfRevision) {
			batch.Items = append(batch.Items, identity.ItemError{Index: i, Err: identity.Conflict(user.Key, d.Service, &stored)})
			continue
		}
		d.UserID, d.Matcher = user.ID, stored.Matcher // as stored: that server may compare letter by letter
		indexes, elements = append(indexes, i), append(elements, deleteOf(d))
	}
	if len(batch.Items) > 0 {
		return nil, nil, &batch
	}
	return indexes, elements, nil
}
