// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

const (
	historyColumns = "id, changed_at, changed_by, request_id, user_id, user_key, service_key, value_before, value_after, address"
	intoHistory    = "history (" + historyColumns + ")"
)

// value is a mapping as the history keeps it: all but the service, which is a
// column of its own, with times in microseconds.
type value struct {
	identity.Mapping
	CreatedAt int64 `json:"created_at"`
	UpdatedAt int64 `json:"updated_at"`
}

// historyValue writes a mapping, or that there is none.
func historyValue(m *identity.Mapping) string {
	if m == nil {
		return ""
	}
	v := value{*m, micros(m.CreatedAt), micros(m.UpdatedAt)}
	v.Service = identity.ServiceKey{}
	text, _ := json.Marshal(v) // strings and numbers always marshal
	return string(text)
}

func parseValue(service identity.ServiceKey, text string) (*identity.Mapping, error) {
	if text == "" {
		return nil, nil
	}
	v := value{Mapping: identity.Mapping{Profile: map[string]string{}}}
	err := json.Unmarshal([]byte(text), &v)
	v.Service, v.Mapping.CreatedAt, v.Mapping.UpdatedAt = service, fromMicros(v.CreatedAt), fromMicros(v.UpdatedAt)
	return &v.Mapping, err
}

// historyRow returns a change as intoHistory takes it.
func historyRow(c identity.Change) []any {
	return []any{c.ID, micros(c.At), c.By, c.RequestID, c.UserID, string(c.User), c.Service.String(),
		historyValue(c.Before), historyValue(c.After), c.Address}
}

// record adds changes, in the transaction that makes them.
func (t *tx) record(ctx context.Context, changes []identity.Change) error {
	rows := make([][]any, len(changes))
	for i, c := range changes {
		rows[i] = historyRow(c)
	}
	if err := insertRows(ctx, t, intoHistory, "", rows); err != nil {
		return fmt.Errorf("recording the history: %w", err)
	}
	return nil
}

func scanChange(row scanner) (identity.Change, error) {
	var c identity.Change
	var before, after string
	err := row.Scan(&c.ID, (*timeColumn)(&c.At), &c.By, &c.RequestID, &c.UserID, &c.User, (*keyColumn)(&c.Service), &before, &after, &c.Address)
	if err != nil {
		return c, fmt.Errorf("reading the history: %w", err)
	}
	if c.Before, err = parseValue(c.Service, before); err == nil {
		c.After, err = parseValue(c.Service, after)
	}
	if err != nil {
		return c, fmt.Errorf("reading change %d of the history: %w", c.ID, err)
	}
	return c, nil
}

// History lists changes, the latest first. A user who was renamed is found by
// both names: by the present one because the id is the same, by a former one
// because the changes of that time hold it.
func (s *Store) History(ctx context.Context, filter store.HistoryFilter) (changes []identity.Change, next string, err error) {
	below, err := parseHistoryCursor(filter.Cursor)
	if err != nil {
		return nil, "", err
	}
	if err := checkLimit(filter.Limit); err != nil {
		return nil, "", err
	}
	changes = []identity.Change{}
	if filter.User != "" && !storable(filter.User) || filter.Service != (identity.ServiceKey{}) && !storable(filter.Service.String()) {
		return changes, "", nil // nothing stored is named like that
	}
	err = s.read(ctx, func(t *tx) error {
		changes, next = changes[:0], ""
		where, args := historyWhere(filter)
		query := "SELECT " + historyColumns + " FROM history WHERE " + where + " ORDER BY id DESC"
		args = append(args, below)
		if filter.Limit > 0 {
			query, args = query+" LIMIT ?", append(args, filter.Limit+1)
		}
		err := eachRow(ctx, t, query, args, func(rows *sql.Rows) error {
			c, err := scanChange(rows)
			changes = append(changes, c)
			return err
		})
		if filter.Limit > 0 && len(changes) > filter.Limit {
			changes = changes[:filter.Limit]
			next = historyCursor(changes[filter.Limit-1].ID)
		}
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return changes, next, nil
}

// historyWhere ends with the condition on the id, whose parameter the caller adds.
func historyWhere(filter store.HistoryFilter) (where string, args []any) {
	if filter.User != "" {
		where += "(user_key = ? OR user_id = (SELECT id FROM users WHERE user_key = ?)) AND "
		args = append(args, string(filter.User), string(filter.User))
	}
	if filter.Service != (identity.ServiceKey{}) {
		where += "service_key = ? AND "
		args = append(args, filter.Service.String())
	}
	return where + "id < ?", args
}

// clockStep is how far the store's own clock moves at most each time.
const clockStep = 24 * time.Hour

// AdvanceClock moves the store's own clock up to that of the process, but at most a
// day, and returns it. History is pruned by it: a clock that is wrong for a while
// then costs days of the history, and not all of it. It starts at the latest change.
func (s *Store) AdvanceClock(ctx context.Context) (time.Time, error) {
	return inTx(ctx, s.write, func(t *tx) (time.Time, error) {
		var seen int64
		if err := t.row(ctx, "SELECT seen_at FROM store").Scan(&seen); err != nil {
			return time.Time{}, fmt.Errorf("reading the store's clock: %w", err)
		}
		now := s.now()
		if seen == 0 {
			if err := t.row(ctx, "SELECT coalesce(max(changed_at), CAST(? AS BIGINT)) FROM history", micros(now)).Scan(&seen); err != nil {
				return time.Time{}, fmt.Errorf("reading the time of the latest change: %w", err)
			}
		}
		if next := fromMicros(seen).Add(clockStep); next.Before(now) {
			now = next
		}
		if err := t.exec(ctx, "UPDATE store SET seen_at = ?", micros(now)); err != nil {
			return time.Time{}, fmt.Errorf("storing the store's clock: %w", err)
		}
		return now, nil
	})
}

// PruneHistory removes changes that were made before a time, the oldest first
// and at most most of them, and reports how many.
func (s *Store) PruneHistory(ctx context.Context, before time.Time, most int) (int, error) {
	return inTx(ctx, s.write, func(t *tx) (int, error) {
		const query = "DELETE FROM history WHERE changed_at < ? AND id IN (SELECT id FROM history ORDER BY id LIMIT ?)"
		result, err := t.ExecContext(ctx, t.dialect.rebind(query), micros(before), max(0, most))
		if err != nil {
			return 0, fmt.Errorf("pruning the history: %w", err)
		}
		removed, err := result.RowsAffected()
		return int(removed), err
	})
}

func historyCursor(last int64) string { return cursor(strconv.FormatInt(last, 10)) }

func parseHistoryCursor(c string) (below int64, err error) {
	if c == "" {
		return math.MaxInt64, nil
	}
	last, err := base64.RawURLEncoding.DecodeString(c)
	if err == nil {
		below, err = strconv.ParseInt(string(last), 10, 64)
	}
	if err != nil || below < 1 || historyCursor(below) != c {
		return 0, badCursor()
	}
	return below, nil
}
