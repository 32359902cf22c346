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
func (s *Store) Holders(ctx context.Context, service identity.ServiceKey, accounts []identity.AccountQuery) ([]identity.User, error) {
	if !storable(service.String()) {
		return []identity.User{}, nil
	}
	return inTx(ctx, s.read, func(t *tx) ([]identity.User, error) {
		var ids []string
		err := eachHolder(ctx, t, service, accounts, func(h holder, _ identity.Mapping) {
			ids = append(ids, h.userID)
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

// eachHolder calls found for every mapping of a service that holds one of accounts.
func eachHolder(ctx context.Context, t *tx, service identity.ServiceKey, accounts []identity.AccountQuery, found func(holder, identity.Mapping)) error {
	var names, ids []string
	named := make(map[string]bool, len(accounts))
	for _, a := range accounts {
		names, ids = append(names, a.Identity), append(ids, a.AccountID)
		named[a.Identity] = true
	}
	names, ids = unique(names, storable), unique(ids, storable)
	const query = `SELECT m.user_id, u.user_key, m.matcher, m.account_id FROM mappings m JOIN users u ON u.id = m.user_id
		WHERE m.service_id = (SELECT id FROM services WHERE service_key = ?) AND `
	read := func(column string, values []string, wanted func(identity.Mapping) bool) error {
		return selectIn(ctx, t, query+column+" %s", []any{service.String()}, values, func(rows *sql.Rows) error {
			var h holder
			m := identity.Mapping{Service: service}
			if err := rows.Scan(&h.userID, &h.key, (*objectColumn)(&m.Matcher), &m.AccountID); err != nil {
				return fmt.Errorf("reading a holder: %w", err)
			}
			if wanted(m) {
				found(h, m)
			}
			return nil
		})
	}
	claims := make([]string, len(names))
	for i, name := range names {
		claims[i] = claimColumn(name)
	}
	byName := func(m identity.Mapping) bool { return named[m.AccountKey()] }
	if err := read("m.claim", claims, byName); err != nil {
		return err
	}
	// The first condition is that of the index.
	return read("m.account_id <> '' AND m.account_id", ids, func(m identity.Mapping) bool { return !byName(m) })
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
