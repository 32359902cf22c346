// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"fmt"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// DeleteMappings removes mappings that still are what the caller believes.
func (s *Store) DeleteMappings(ctx context.Context, _ store.Actor, deletes []store.MappingDelete) ([]bool, error) {
	ids := make([]string, len(deletes))
	for i, d := range deletes {
		ids[i] = d.UserID
	}
	return s.delete(ctx, ids, func(i int, users map[string]*record) (gone []string, fail *identity.Error) {
		d := deletes[i]
		r := users[d.UserID]
		if err := d.Service.CheckDeclarable(); err != nil {
			managed := *identity.AsError(err)
			managed.Service = d.Service
			if r != nil {
				managed.User = r.key
			}
			return nil, &managed
		}
		if r == nil || r.mappings[d.Service] == nil {
			return nil, nil
		}
		m := r.mappings[d.Service]
		if !m.Matcher.Equal(d.Service.Type, d.Matcher) || d.IfRevision != 0 && d.IfRevision != m.Revision {
			return nil, identity.Conflict(r.key, d.Service, &m.Mapping)
		}
		delete(r.mappings, d.Service)
		return []string{m.id}, nil
	}, nil)
}

// DeleteUsers removes users together with their mappings.
func (s *Store) DeleteUsers(ctx context.Context, _ store.Actor, deletes []store.UserDelete) ([]bool, error) {
	ids := make([]string, len(deletes))
	for i, d := range deletes {
		ids[i] = d.ID
	}
	removeUsers := func(ctx context.Context, t *tx, ids []string) error {
		return deleteIn(ctx, t, "DELETE FROM users WHERE id IN (%s)", ids)
	}
	return s.delete(ctx, ids, func(i int, users map[string]*record) (gone []string, fail *identity.Error) {
		d := deletes[i]
		r := users[d.ID]
		if r == nil {
			return nil, nil
		}
		if d.Key != "" && d.Key != r.key {
			return nil, &identity.Error{Code: identity.CodeUserConflict, User: r.key,
				Message: fmt.Sprintf("the user to delete is %s, not %s", r.key, brief(string(d.Key))),
				Hint:    "It was renamed; read it again."}
		}
		delete(users, d.ID)
		gone = []string{}
		for _, m := range r.mappings {
			gone = append(gone, m.id)
		}
		return gone, nil
	}, removeUsers)
}

// delete decides element by element on the users with these ids what goes:
// nil where there is nothing, else the mappings. users, when not nil, then
// removes the users of the elements for which something went.
func (s *Store) delete(ctx context.Context, userIDs []string,
	decide func(i int, users map[string]*record) (gone []string, fail *identity.Error),
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
		for _, r := range records {
			known[r.ID] = r
		}
		var mappings, owners []string
		var culprits []identity.Culprit
		for i := range userIDs {
			gone, fail := decide(i, known)
			if fail != nil {
				culprits = append(culprits, identity.Culprit{Index: i, Err: fail})
			}
			if deleted[i] = gone != nil; deleted[i] {
				mappings, owners = append(mappings, gone...), append(owners, userIDs[i])
			}
		}
		if len(culprits) > 0 {
			return &identity.BatchError{Culprits: culprits}
		}
		if err := deleteIn(ctx, t, "DELETE FROM mappings WHERE id IN (%s)", mappings); err != nil {
			return fmt.Errorf("deleting mappings: %w", err)
		}
		if users != nil {
			if err := users(ctx, t, owners); err != nil {
				return fmt.Errorf("deleting users: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return deleted, nil
}
