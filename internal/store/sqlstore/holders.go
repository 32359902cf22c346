// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Holders finds the users who hold accounts of a service. Nobody holds anything
// in a service that is not registered.
func (s *Store) Holders(ctx context.Context, service identity.ServiceKey, claims []string) ([]identity.User, error) {
	if !storable(service.String()) {
		return []identity.User{}, nil
	}
	return inTx(ctx, s.read, func(t *tx) ([]identity.User, error) {
		var ids []string
		err := eachHolder(ctx, t, service, claims, func(userID string, _ identity.UserKey, _ string) {
			ids = append(ids, userID)
		})
		if err != nil {
			return nil, err
		}
		records, err := usersBy(ctx, t, "id", ids)
		return usersOf(records), err
	})
}

// Held yields every mapping of a service and its user, from one state of the
// store.
func (s *Store) Held(ctx context.Context, service identity.ServiceKey) iter.Seq2[identity.Holder, error] {
	const query = `SELECT u.user_key, m.matcher, m.account_id, m.source FROM mappings m JOIN users u ON u.id = m.user_id
		WHERE m.service_id = (SELECT id FROM services WHERE service_key = ?)`
	return func(yield func(identity.Holder, error) bool) {
		if !storable(service.String()) {
			return
		}
		err := s.walk(ctx, func(t *tx) error {
			return eachRow(ctx, t, query, []any{service.String()}, func(rows *sql.Rows) error {
				h := identity.Holder{Mapping: identity.Mapping{Service: service}}
				if err := rows.Scan(&h.User, (*objectColumn)(&h.Mapping.Matcher), &h.Mapping.AccountID, &h.Mapping.Source); err != nil {
					return fmt.Errorf("reading a holder: %w", err)
				}
				return stopUnless(yield(h, nil))
			})
		})
		if err != nil {
			yield(identity.Holder{}, err)
		}
	}
}

// eachHolder calls found for every mapping of a service that has one of claims.
func eachHolder(ctx context.Context, t *tx, service identity.ServiceKey, claims []string,
	found func(userID string, key identity.UserKey, claim string),
) error {
	wanted := make(map[string]bool, len(claims))
	var columns []string
	for _, c := range unique(claims, storable) {
		wanted[c] = true
		columns = append(columns, claimColumn(c))
	}
	const query = `SELECT m.user_id, u.user_key, m.matcher FROM mappings m JOIN users u ON u.id = m.user_id
		WHERE m.service_id = (SELECT id FROM services WHERE service_key = ?) AND m.claim %s`
	return selectIn(ctx, t, query, []any{service.String()}, columns, func(rows *sql.Rows) error {
		var userID string
		var key identity.UserKey
		var matcher identity.Matcher
		if err := rows.Scan(&userID, &key, (*objectColumn)(&matcher)); err != nil {
			return fmt.Errorf("reading a holder: %w", err)
		}
		if claim := matcher.AccountKey(service.Type); wanted[claim] {
			found(userID, key, claim)
		}
		return nil
	})
}

// registered returns the ids of those services that are registered.
func registered(ctx context.Context, t *tx, keys []string) (map[identity.ServiceKey]string, error) {
	found := make(map[identity.ServiceKey]string, len(keys))
	err := selectIn(ctx, t, "SELECT id, service_key FROM services WHERE service_key %s", nil, keys, func(rows *sql.Rows) error {
		var id string
		var key identity.ServiceKey
		err := rows.Scan(&id, (*keyColumn)(&key))
		found[key] = id
		return err
	})
	return found, err
}

// storable reports whether a text can be stored at all. PostgreSQL refuses to
// compare others, and nothing stored equals them.
func storable[T ~string](text T) bool {
	return text != "" && utf8.ValidString(string(text)) && !strings.ContainsRune(string(text), 0)
}
