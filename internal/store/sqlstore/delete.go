// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// DeleteMappings removes mappings that still are what the caller believes.
func (s *Store) DeleteMappings(ctx context.Context, actor store.Actor, deletes []store.MappingDelete) ([]bool, error) {
	ids := make([]string, len(deletes))
	for i, d := range deletes {
		ids[i] = d.UserID
	}
	return s.delete(ctx, actor, ids, func(i int, users map[string]*record) (gone []*mapping, fail *identity.Error) {
		d := deletes[i]
		r := users[d.UserID]
		if err := d.Service.CheckDeclarable(); err != nil {
			managed := *identity.AsError(err)
			managed.Service = d.Service
			if r != nil {
				managed.User = r.Key
			}
			return nil, &managed
		}
		if r == nil || r.mappings[d.Service] == nil {
			return nil, nil
		}
		m := r.mappings[d.Service]
		if !m.Matcher.Equal(d.Service.Type, d.Matcher) || d.IfRevision != 0 && d.IfRevision != m.Revision {
			return nil, identity.Conflict(r.Key, d.Service, &m.Mapping)
		}
		delete(r.mappings, d.Service)
		return []*mapping{m}, nil
	}, nil)
}

// DeleteUsers removes users together with their mappings.
func (s *Store) DeleteUsers(ctx context.Context, actor store.Actor, deletes []store.UserDelete) ([]bool, error) {
	ids := make([]string, len(deletes))
	for i, d := range deletes {
		ids[i] = d.ID
	}
	removeUsers := func(ctx context.Context, t *tx, ids []string) error {
		return deleteIn(ctx, t, "DELETE FROM users WHERE id %s", ids)
	}
	return s.delete(ctx, actor, ids, func(i int, users map[string]*record) (gone []*mapping, fail *identity.Error) {
		d := deletes[i]
		r := users[d.ID]
		if r == nil {
			return nil, nil
		}
		if d.Key != "" && d.Key != r.Key {
			return nil, &identity.Error{Code: identity.CodeUserConflict, User: r.Key,
				Message: fmt.Sprintf("the user to delete is %s, not %s", r.Key, brief(string(d.Key))),
				Hint:    "It was renamed; read it again."}
		}
		delete(users, d.ID)
		return slices.AppendSeq([]*mapping{}, maps.Values(r.mappings)), nil
	}, removeUsers)
}

// delete decides element by element on the users with these ids what goes:
// nil where there is nothing, else the mappings. users, when not nil, then
// removes the users of the elements for which something went.
func (s *Store) delete(ctx context.Context, actor store.Actor, userIDs []string,
	decide func(i int, users map[string]*record) (gone []*mapping, fail *identity.Error),
	users func(ctx context.Context, t *tx, ids []string) error,
) ([]bool, error) {
	var deleted []bool
	err := s.write(ctx, func(t *tx) error {
		deleted = make([]bool, len(userIDs))
		records, err := usersBy(ctx, t, "id", unique(userIDs, validID))
		if err != nil {
			return err
		}
		known := make(map[string]*record, len(records))
		names := make(map[string]identity.UserKey, len(records))
		for _, r := range records {
			known[r.ID], names[r.ID] = r, r.Key
		}
		var owners []string
		var changes []identity.Change
		var mappings []string
		var failures []identity.ItemError
		for i, userID := range userIDs {
			gone, fail := decide(i, known)
			if fail != nil {
				failures = append(failures, identity.ItemError{Index: i, Err: fail})
			}
			if deleted[i] = gone != nil; deleted[i] {
				owners = append(owners, userID)
			}
			slices.SortFunc(gone, func(a, b *mapping) int { return compareServices(a.Service, b.Service) })
			for _, m := range gone {
				mappings = append(mappings, m.id)
				changes = append(changes, identity.Change{UserID: userID, User: names[userID], Service: m.Service, Before: &m.Mapping})
			}
		}
		if len(failures) > 0 {
			return &identity.BatchError{Items: failures}
		}
		if err := deleteIn(ctx, t, "DELETE FROM mappings WHERE id %s", mappings); err != nil {
			return fmt.Errorf("deleting mappings: %w", err)
		}
		if users != nil {
			if err := users(ctx, t, owners); err != nil {
				return fmt.Errorf("deleting users: %w", err)
			}
		}
		return s.recordDeletes(ctx, t, actor, changes)
	})
	if err != nil {
		return nil, err
	}
	return deleted, nil
}

// recordDeletes adds deletions to the history. They take revisions too, so that
// all changes of one mapping are in order.
func (s *Store) recordDeletes(ctx context.Context, t *tx, actor store.Actor, changes []identity.Change) error {
	if len(changes) == 0 {
		return nil
	}
	revisions, err := t.dialect.revisions(ctx, t, len(changes))
	if err != nil {
		return err
	}
	for i := range changes {
		c := &changes[i]
		c.ID, c.At, c.By, c.RequestID = revisions[i], s.now(), plain(actor.Name), plain(actor.RequestID)
	}
	return t.record(ctx, changes)
}
