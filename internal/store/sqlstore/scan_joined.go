// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"database/sql"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// joinedUser reads one user with all mappings in one statement, a row for each
// mapping; scanJoined reads its rows. A condition that at most one user meets
// follows. For many users two statements cost less: here a user's own columns
// come again with each mapping.
const joinedUser = "SELECT " + userColumns + ", " + optionalColumns + ` FROM users u
	LEFT JOIN mappings m ON m.user_id = u.id LEFT JOIN services s ON s.id = m.service_id WHERE `

// optionalColumns are a mapping's, and null where the user has none.
const optionalColumns = "m.id, s.service_key, m.matcher, m.profile, m.source, m.rule, m.revision, m.created_at, m.updated_at, m.updated_by, m.request_id"

// scanJoined reads a row of the user found so far, nil before the first row.
func scanJoined(row scanner, found *record) (*record, error) {
	var id, service, matcher, profile, source, rule, updatedBy, requestID sql.NullString
	var revision, created, updated sql.NullInt64
	r, err := scanUser(row, &id, &service, &matcher, &profile, &source, &rule, &revision, &created, &updated, &updatedBy, &requestID)
	if err != nil {
		return nil, err
	}
	if found == nil {
		found = r
	}
	if !id.Valid {
		return found, nil
	}
	m := &mapping{writer: stored, id: id.String, requestID: requestID.String, Mapping: identity.Mapping{Source: identity.Source(source.String), Rule: rule.String,
		Revision: revision.Int64, UpdatedBy: updatedBy.String}}
	if err := m.decode(service.String, matcher.String, profile.String, created.Int64, updated.Int64); err != nil {
		return nil, err
	}
	found.mappings[m.Service] = m
	return found, nil
}
