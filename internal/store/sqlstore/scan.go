// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// record is a user as it is worked with: mappings by service, with their ids.
type record struct {
	identity.User
	mappings map[identity.ServiceKey]*mapping
	created  bool // by the batch at hand
	changed  bool // its own columns, not its mappings
}

// mapping is a stored or planned mapping of a record.
type mapping struct {
	identity.Mapping
	id        string
	requestID string // of the request that gave it its value, where it was read with the user
	dirty     bool   // to be written
	writer    int    // element of the batch that gave it its value; stored = before the batch
}

// stored is the writer of what was there before the batch.
const stored = -1

// clone copies a record so that the copy's mappings can be replaced. Mappings
// themselves are never changed in place.
func (r *record) clone() *record {
	c := *r
	c.mappings = maps.Clone(r.mappings)
	return &c
}

// user is the record as the store returns it.
func (r *record) user() identity.User {
	u := r.User
	u.Mappings = make([]identity.Mapping, 0, len(r.mappings))
	for _, m := range r.mappings {
		u.Mappings = append(u.Mappings, m.Mapping)
	}
	slices.SortFunc(u.Mappings, func(a, b identity.Mapping) int {
		return strings.Compare(a.Service.String(), b.Service.String())
	})
	return u
}

// scanner is *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

// userColumns go with "users u".
const userColumns = "u.id, u.user_key, u.type, u.role, u.name, u.first_name, u.last_name, u.created_at"

// scanUser reads userColumns, and more columns behind them into more.
func scanUser(row scanner, more ...any) (*record, error) {
	var created int64
	r := &record{mappings: map[identity.ServiceKey]*mapping{}}
	dest := append([]any{&r.ID, &r.Key, &r.Type, &r.Role, &r.Name, &r.FirstName, &r.LastName, &created}, more...)
	if err := row.Scan(dest...); err != nil {
		return nil, fmt.Errorf("reading a user: %w", err)
	}
	r.CreatedAt = fromMicros(created)
	return r, nil
}

// mappingColumns go with "mappings m JOIN services s ON s.id = m.service_id".
const mappingColumns = "m.user_id, m.id, s.service_key, m.matcher, m.profile, m.source, m.rule, m.revision, m.created_at, m.updated_at, m.updated_by"

// scanMapping reads mappingColumns, and more columns behind them into more.
func scanMapping(row scanner, more ...any) (userID string, m *mapping, err error) {
	var service, matcher, profile string
	var created, updated int64
	m = &mapping{writer: stored}
	dest := append([]any{&userID, &m.id, &service, &matcher, &profile, &m.Source, &m.Rule, &m.Revision,
		&created, &updated, &m.UpdatedBy}, more...)
	if err := row.Scan(dest...); err != nil {
		return "", nil, fmt.Errorf("reading a mapping: %w", err)
	}
	return userID, m, m.decode(service, matcher, profile, created, updated)
}

// decode fills in what is stored in another form.
func (m *mapping) decode(service, matcher, profile string, created, updated int64) (err error) {
	if m.Service, err = cutKey(service); err != nil {
		return err
	}
	if m.Matcher, err = parseObject(matcher); err != nil {
		return fmt.Errorf("reading the matcher of mapping %s: %w", m.id, err)
	}
	if m.Profile, err = parseObject(profile); err != nil {
		return fmt.Errorf("reading the profile of mapping %s: %w", m.id, err)
	}
	m.CreatedAt, m.UpdatedAt = fromMicros(created), fromMicros(updated)
	return nil
}

// cutKey reads a stored service key. It was checked when it was stored; the
// checks of today must not make it unreadable.
func cutKey(s string) (identity.ServiceKey, error) {
	serviceType, externalID, ok := strings.Cut(s, ":")
	if !ok {
		return identity.ServiceKey{}, fmt.Errorf("reading a service: %q is not a service key", s)
	}
	return identity.ServiceKey{Type: serviceType, ExternalID: externalID}, nil
}

// object writes a map of strings as JSON; none is {}.
func object(m map[string]string) string {
	if len(m) == 0 {
		return "{}"
	}
	text, _ := json.Marshal(m) // a map of strings always marshals
	return string(text)
}

// parseObject reads what object wrote. Nearly all matchers are one key and a
// plain value, and nearly all profiles are empty; those are cut apart, because
// a list of users has thousands of them.
func parseObject(text string) (map[string]string, error) {
	if text == "{}" {
		return map[string]string{}, nil
	}
	inner, ok := strings.CutPrefix(text, `{"`)
	inner, closed := strings.CutSuffix(inner, `"}`)
	if ok && closed && strings.Count(inner, `"`) == 2 && !strings.Contains(inner, `\`) {
		if key, value, ok := strings.Cut(inner, `":"`); ok {
			return map[string]string{key: value}, nil
		}
	}
	var m map[string]string
	err := json.Unmarshal([]byte(text), &m)
	return m, err
}
