// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Holders finds who holds accounts of a service, ordered by user. Nobody holds
// anything in a service that is not registered.
func (s *Store) Holders(ctx context.Context, service identity.ServiceKey, claims []string) ([]identity.Holder, error) {
	holders := []identity.Holder{}
	err := s.read(ctx, func(t *tx) error {
		holders = holders[:0]
		ids, err := registered(ctx, t, []identity.ServiceKey{service})
		if err != nil || ids[service] == "" {
			return err
		}
		return eachHolder(ctx, t, ids[service], claims, func(_ string, key identity.UserKey, m *mapping) {
			holders = append(holders, identity.Holder{User: key, Mapping: m.Mapping})
		})
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(holders, func(a, b identity.Holder) int { return strings.Compare(string(a.User), string(b.User)) })
	return holders, nil
}

// eachHolder calls found for every mapping of a service that has one of claims.
func eachHolder(ctx context.Context, t *tx, serviceID string, claims []string, found func(userID string, key identity.UserKey, m *mapping)) error {
	wanted := make(map[string]bool, len(claims))
	var columns []string
	for _, c := range unique(claims, storable) {
		wanted[c] = true
		columns = append(columns, claimColumn(c))
	}
	const query = "SELECT " + mappingColumns + `, u.user_key FROM mappings m
		JOIN services s ON s.id = m.service_id JOIN users u ON u.id = m.user_id
		WHERE m.service_id = ? AND m.claim %s`
	return selectIn(ctx, t, query, []any{serviceID}, columns, func(rows *sql.Rows) error {
		var key identity.UserKey
		userID, m, err := scanMapping(rows, &key)
		if err != nil {
			return err
		}
		if wanted[m.Matcher.Claim(m.Service.Type)] {
			found(userID, key, m)
		}
		return nil
	})
}

// storable reports whether a claim can be stored at all; nobody holds others.
func storable(claim string) bool {
	return claim != "" && utf8.ValidString(claim) && !strings.ContainsRune(claim, 0)
}
