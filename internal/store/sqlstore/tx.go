// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// txAttempts bounds how often a transaction is run that loses against others.
const txAttempts = 8

// tx is a transaction that speaks the store's dialect.
type tx struct {
	*sql.Tx
	dialect dialect
}

func (t *tx) exec(ctx context.Context, query string, args ...any) error {
	_, err := t.ExecContext(ctx, t.dialect.rebind(query), args...)
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
	return s.run(ctx, true, fn)
}

// write runs fn and commits what it did, all of it or nothing. fn may run more
// than once and must start from nothing each time.
func (s *Store) write(ctx context.Context, fn func(*tx) error) error {
	if s.gate != nil {
		select {
		case s.gate <- struct{}{}:
			defer func() { <-s.gate }()
		case <-ctx.Done():
			return s.explain(ctx, ctx.Err())
		}
	}
	return s.run(ctx, false, fn)
}

// run is the one place where transactions are begun, ended and run again.
func (s *Store) run(ctx context.Context, readOnly bool, fn func(*tx) error) error {
	for attempt := 1; ; attempt++ {
		err := s.once(ctx, readOnly, fn)
		if err == nil || attempt == txAttempts || !s.dialect.transient(err) {
			return s.explain(ctx, err)
		}
		pause := min(time.Second, 5*time.Millisecond<<attempt)
		if err := sleep(ctx, jitter(pause)); err != nil {
			return s.explain(ctx, err)
		}
	}
}

func (s *Store) once(ctx context.Context, readOnly bool, fn func(*tx) error) error {
	t, err := s.db.BeginTx(ctx, s.dialect.options(readOnly))
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	defer t.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	if err := fn(&tx{Tx: t, dialect: s.dialect}); err != nil {
		return err
	}
	if err := t.Commit(); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	return nil
}

// explain turns what went wrong into the store's errors. Errors about values
// pass through; a failure of the database says what to do about it.
func (s *Store) explain(ctx context.Context, err error) error {
	var known *identity.Error
	var batch *identity.BatchError
	switch {
	case err == nil, errors.As(err, &batch), errors.As(err, &known):
		return err
	case ctx.Err() != nil:
		return &identity.Error{Code: identity.CodeUnavailable, Retryable: true,
			Message: "the call was given up before the store had answered", Cause: errors.Join(ctx.Err(), err)}
	}
	if explained := s.dialect.explain(err); explained != nil {
		return explained
	}
	return &identity.Error{Code: identity.CodeUnavailable, Retryable: true, Message: "the store could not answer", Cause: err}
}

// jitter spreads pauses, so that those who collided do not collide again.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
