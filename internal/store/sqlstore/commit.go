// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

const (
	// commitLimit bounds a commit that nobody answers, so that a standby that is
	// away for long does not keep all connections. PostgreSQL's own statement
	// timeout does not count the wait for a standby.
	commitLimit = time.Minute

	// closeLimit bounds how long Close waits for writers.
	closeLimit = 5 * time.Second

	// readersOnly is how many connections writers leave to readers: a commit
	// that waits for a standby keeps its connection.
	readersOnly = 2
)

// beginWrite waits for a turn to write and begins a transaction. Once it has begun,
// its statements end with the context of the call, and the transaction with rollback
// or commit alone: database/sql would roll back beside them, and give the connection
// back before that is done.
func (s *Store) beginWrite(ctx context.Context) (*tx, error) {
	select {
	case s.gate <- struct{}{}:
	case <-ctx.Done():
		return nil, s.explain(ctx, ctx.Err())
	}
	conn, giveBack, err := s.writeConn(ctx)
	if err != nil {
		<-s.gate
		return nil, err
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unlink := context.AfterFunc(ctx, cancel)
	end := func() {
		cancel()
		giveBack()
		<-s.gate
	}
	t, err := begin(own, conn, &sql.TxOptions{Isolation: sql.LevelSerializable})
	if !unlink() && err == nil {
		discard(conn)
		err = ctx.Err()
	}
	if err != nil {
		end()
		return nil, err
	}
	return &tx{Tx: t, dialect: s.dialect, conn: conn, cancel: cancel, end: end, clock: s.revisionClock()}, nil
}

// begin begins a transaction on a connection. One that was given up in the middle
// may have begun all the same: nobody uses its connection again.
func begin(ctx context.Context, conn *sql.Conn, options *sql.TxOptions) (*sql.Tx, error) {
	t, err := conn.BeginTx(ctx, options)
	if err != nil && ctx.Err() != nil {
		discard(conn)
	}
	return t, err
}

// discard closes a connection, so that nobody uses it again.
func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
}

// beginRead begins a transaction that only reads. SQLite has one isolation alone.
func (s *Store) beginRead(ctx context.Context, isolation sql.IsolationLevel) (*tx, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("beginning a transaction: %w", err)
	}
	end := func() { _ = conn.Close() }
	t, err := begin(ctx, conn, &sql.TxOptions{Isolation: isolation, ReadOnly: true})
	if err != nil {
		end()
		return nil, fmt.Errorf("beginning a transaction: %w", err)
	}
	return &tx{Tx: t, dialect: s.dialect, end: end}, nil
}

// commit commits. Its caller may give up, and is then told that the outcome is
// unknown; the commit goes on. To cancel it would be worse: PostgreSQL answers a
// cancelled wait for its standby by showing to everybody what no standby has.
func (s *Store) commit(ctx context.Context, t *tx) error {
	if err := ctx.Err(); err != nil {
		t.rollback()
		return err
	}
	done := make(chan error, 1)
	go func() {
		limit := time.AfterFunc(s.commitLimit, t.cancel)
		err := s.dialect.commit(t)
		limit.Stop()
		t.end()
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return outcomeUnknown("the caller stopped waiting while the store was committing", ctx.Err())
	}
}

// outcomeUnknown returns the error of a write that may be stored or not.
func outcomeUnknown(why string, cause error) *identity.Error {
	return &identity.Error{Code: identity.CodeUnavailable, Retryable: true, Cause: cause,
		Message: "it is not known whether the write is stored: " + why,
		Hint:    "Send it again: a write that is stored already is no conflict."}
}

// awaitWriters waits until nobody writes, and keeps others from beginning until
// resume is called. It gives up after a limit.
func (s *Store) awaitWriters(limit time.Duration) (resume func()) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	taken := 0
	for taken < cap(s.gate) {
		select {
		case s.gate <- struct{}{}:
			taken++
			continue
		case <-timer.C:
		}
		break
	}
	return func() {
		for range taken {
			<-s.gate
		}
	}
}

// writeConn returns a connection to write on. One writer alone has its own, which
// is kept: it would hold the gate while it waits for one behind all the readers,
// and writers would wait for each other's waiting. A store of a single
// connection has none to spare.
func (s *Store) writeConn(ctx context.Context) (conn *sql.Conn, giveBack func(), err error) {
	if s.dialect.embedded() && s.opts.MaxConns > 1 {
		conn, err = s.keptConn(ctx)
		return conn, func() {}, err
	}
	conn, err = s.db.Conn(ctx)
	return conn, func() { _ = conn.Close() }, err
}

// keptConn returns the writer's connection. It opens one when it is first
// needed, and again after it broke. Only the gate's holder calls it.
func (s *Store) keptConn(ctx context.Context) (*sql.Conn, error) {
	s.mu.Lock()
	conn := s.writer
	s.mu.Unlock()
	if conn != nil && !errors.Is(conn.Raw(func(any) error { return nil }), sql.ErrConnDone) {
		return conn, nil
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed { // while it was awaited
		return nil, errors.Join(sql.ErrConnDone, conn.Close())
	}
	s.writer = conn
	return conn, nil
}
