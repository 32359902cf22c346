// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// txAttempts bounds how often a transaction is run that loses against others.
const txAttempts = 8

// tx is a transaction that speaks the store's dialect, on a connection of its own.
type tx struct {
	*sql.Tx
	dialect dialect
	end     func() // gives back the connection and a writer's turn

	// Of a transaction that may write:
	conn    *sql.Conn
	cancel  context.CancelFunc // ends its statements
	changed bool               // a row, for certain
	clock   revisionClock
}

// rollback ends a transaction without a trace, if it has not ended.
func (t *tx) rollback() {
	_ = t.Rollback() // a connection that is gone has rolled back
	t.end()
}

func (t *tx) exec(ctx context.Context, query string, args ...any) error {
	result, err := t.ExecContext(ctx, t.dialect.rebind(query), args...)
	if err != nil {
		return err
	}
	rows, err := result.RowsAffected()
	t.changed = t.changed || rows > 0
	return err
}

func (t *tx) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return t.QueryContext(ctx, t.dialect.rebind(query), args...)
}

func (t *tx) row(ctx context.Context, query string, args ...any) *sql.Row {
	return t.QueryRowContext(ctx, t.dialect.rebind(query), args...)
}

// read runs fn on one state of the store.
func (s *Store) read(ctx context.Context, fn func(*tx) error) error {
	return s.retry(ctx, func() error { return s.readOnce(ctx, fn) })
}

// write runs fn and commits what it did, all of it or nothing. fn may run more
// than once and must start from nothing each time.
func (s *Store) write(ctx context.Context, fn func(*tx) error) error {
	return s.retry(ctx, func() error { return s.writeOnce(ctx, fn) })
}

// inTx returns what fn read or made in one transaction, nothing on an error. run is
// read or write.
func inTx[T any](ctx context.Context, run func(context.Context, func(*tx) error) error, fn func(*tx) (T, error)) (T, error) {
	var result, none T
	err := run(ctx, func(t *tx) (err error) {
		result, err = fn(t)
		return err
	})
	if err != nil {
		return none, err
	}
	return result, nil
}

// readRows runs one statement and calls scan for every row. A statement alone
// sees one state of the store, so it saves the two round trips that begin and
// end a transaction. reset makes scan start from nothing again.
func (s *Store) readRows(ctx context.Context, query string, args []any, reset func(), scan func(*sql.Rows) error) error {
	return s.retry(ctx, func() error {
		reset()
		rows, err := s.query(ctx, query, args)
		if err != nil {
			return err
		}
		return drain(rows, scan)
	})
}

// query runs a statement outside of a transaction. Where the database would
// parse it anew each time, it is prepared once; there are few such statements.
func (s *Store) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	if !s.dialect.embedded() {
		return s.db.QueryContext(ctx, s.dialect.rebind(query), args...)
	}
	s.mu.Lock()
	statement := s.prepared[query]
	s.mu.Unlock()
	if statement == nil {
		made, err := s.db.PrepareContext(ctx, s.dialect.rebind(query))
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		if statement = s.prepared[query]; statement == nil {
			statement, s.prepared[query] = made, made
		}
		s.mu.Unlock()
		if statement != made {
			_ = made.Close() //nolint:sqlclosecheck // another call was faster; the kept one is closed with db
		}
	}
	return statement.QueryContext(ctx, args...)
}

// retry calls try again while it fails with a conflict, at most txAttempts times.
func (s *Store) retry(ctx context.Context, try func() error) error {
	for attempt := 1; ; attempt++ {
		err := try()
		if err == nil || attempt == txAttempts || !s.dialect.transient(err) {
			return s.explain(ctx, err)
		}
		pause := min(time.Second, 5*time.Millisecond<<attempt)
		if err := httpx.Sleep(ctx, jitter(pause)); err != nil {
			return s.explain(ctx, err)
		}
	}
}

func (s *Store) readOnce(ctx context.Context, fn func(*tx) error) error {
	t, err := s.beginRead(ctx, sql.LevelSerializable)
	if err != nil {
		return err
	}
	defer t.rollback()
	answer := fn(t)
	if answer != nil && !isRefusal(answer) {
		return answer
	}
	if err := t.Commit(); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	return answer
}

// writeOnce runs fn in a transaction and commits it. Where fn changes nothing,
// its answer ("stored already", "deleted already") builds on what others wrote,
// so the commit waits until that is as safe as a write of its own.
func (s *Store) writeOnce(ctx context.Context, fn func(*tx) error) error {
	t, err := s.beginWrite(ctx)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	err = fn(t)
	refused := !t.changed && isRefusal(err)
	if err == nil && !t.changed {
		err = s.dialect.barrier(ctx, t)
	}
	if err != nil && !refused {
		t.rollback()
		return err
	}
	if lost := s.commit(ctx, t); lost != nil {
		return lost
	}
	if t.clock.gap == 0 {
		s.revised.Store(true)
	}
	return err
}

// isRefusal reports whether an error is an answer: it says what is stored. Its
// transaction commits, because the database checks at the commit that what was
// read fits an order of all transactions. After a rollback it would let another
// transaction change what the answer was built on.
func isRefusal(err error) bool {
	var known *identity.Error
	var batch *identity.BatchError
	return errors.As(err, &batch) || errors.As(err, &known)
}

// errStop ends a walk whose consumer stopped.
var errStop = errors.New("no more is wanted")

// stopUnless returns errStop if a loop wants no more.
func stopUnless(wanted bool) error {
	if wanted {
		return nil
	}
	return errStop
}

// walk lets fn read one state of the store for as long as it likes: it gets
// into no writer's way. What it has handed out cannot be taken back, so it is
// not run again.
func (s *Store) walk(ctx context.Context, fn func(*tx) error) error {
	t, err := s.beginRead(ctx, sql.LevelRepeatableRead)
	if err != nil {
		return s.explain(ctx, err)
	}
	defer t.rollback()
	if err := fn(t); !errors.Is(err, errStop) {
		return s.explain(ctx, err)
	}
	return nil
}

// explain turns what went wrong into the store's errors. Errors about values
// pass through; a failure of the database says what to do about it.
func (s *Store) explain(ctx context.Context, err error) error {
	switch {
	case err == nil, isRefusal(err):
		return err
	case ctx.Err() != nil:
		return &identity.Error{Code: identity.CodeUnavailable, Retryable: true,
			Message: "the caller stopped waiting before the store answered", Cause: errors.Join(ctx.Err(), err)}
	}
	if explained := s.dialect.explain(err); explained != nil {
		return explained
	}
	return &identity.Error{Code: identity.CodeUnavailable, Retryable: true, Message: "the store could not answer", Cause: err}
}

// jitter spreads pauses, so that those who collided do not collide again.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

// selectIn runs query and calls scan for every row. "column %s" in query asks that
// the column has one of values; before are the parameters ahead of it.
func selectIn[T ~string](ctx context.Context, t *tx, query string, before []any, values []T, scan func(*sql.Rows) error) error {
	if len(values) == 0 {
		return nil
	}
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	condition, arg := t.dialect.in(texts)
	return eachRow(ctx, t, fmt.Sprintf(query, condition), append(before, arg), scan)
}

// deleteIn runs query, a DELETE where "column %s", for ids.
func deleteIn(ctx context.Context, t *tx, query string, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	condition, arg := t.dialect.in(ids)
	return t.exec(ctx, fmt.Sprintf(query, condition), arg)
}

func eachRow(ctx context.Context, t *tx, query string, args []any, scan func(*sql.Rows) error) error {
	rows, err := t.query(ctx, query, args...)
	if err != nil {
		return err
	}
	return drain(rows, scan)
}

// drain calls scan for every row.
func drain(rows *sql.Rows, scan func(*sql.Rows) error) (err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// chunkSize bounds the rows of one INSERT. The widest row has 14 columns, which
// keeps it below the parameters that SQLite allows (32,766).
const chunkSize = 1000

// insertRows inserts rows of as many texts and int64s, many at a time, into a table
// with its columns, "table (a, b)". tail may say what to do on a conflict.
func insertRows(ctx context.Context, t *tx, into, tail string, rows [][]any) error {
	for chunk := range slices.Chunk(rows, chunkSize) {
		values, args := t.dialect.values(chunk)
		if err := t.exec(ctx, "INSERT INTO "+into+" "+values+" "+tail, args...); err != nil {
			return err
		}
	}
	return nil
}

// claimColumn returns a claim as the index holds it. Only whole matchers with many
// keys are longer than an identity may be, and than an index entry may be on
// PostgreSQL; readers compare the claim itself once more.
func claimColumn(claim string) string {
	if len(claim) <= identity.MaxIdentityBytes {
		return claim
	}
	sum := sha256.Sum256([]byte(claim))
	return "sha256:" + hex.EncodeToString(sum[:])
}
