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

// writeTransaction is a transaction that may write, on a connection of its own.
// Once it has begun, its statements end with the context of the call, and the
// transaction with rollback or commit alone: database/sql would roll back beside
// them, and give the connection back before that is done.
type writeTransaction struct {
	*sql.Tx
	conn   *sql.Conn
	cancel context.CancelFunc
	end    func() // gives back the connection and the writer's turn
}

// beginWrite waits for a turn to write and begins a transaction.
func (s *Store) beginWrite(ctx context.Context) (*writeTransaction, error) {
	release, err := s.acquireWriter(ctx)
	if err != nil {
		return nil, err
	}
	conn, giveBack, err := s.writeConn(ctx)
	if err != nil {
		release()
		return nil, err
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unlink := context.AfterFunc(ctx, cancel)
	end := func() {
		cancel()
		giveBack()
		release()
	}
	t, err := begin(own, conn, s.dialect.options(false))
	if !unlink() && err == nil {
		discard(conn)
		err = ctx.Err()
	}
	if err != nil {
		end()
		return nil, err
	}
	return &writeTransaction{t, conn, cancel, end}, nil
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

// beginRead begins a transaction that only reads. end ends it.
func (s *Store) beginRead(ctx context.Context, options *sql.TxOptions) (t *sql.Tx, end func(), err error) {
	conn, err := s.db.Conn(ctx)
	if err == nil {
		if t, err = begin(ctx, conn, options); err != nil {
			_ = conn.Close()
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("beginning a transaction: %w", err)
	}
	return t, func() { _, _ = t.Rollback(), conn.Close() }, nil
}

// rollback ends a transaction without a trace.
func (w *writeTransaction) rollback() {
	_ = w.Rollback() // a connection that is gone has rolled back
	w.end()
}

// commit commits. Its caller may give up, and is then told that the outcome is
// unknown; the commit goes on. To cancel it would be worse: PostgreSQL answers a
// cancelled wait for its standby by showing to everybody what no standby has.
func (s *Store) commit(ctx context.Context, w *writeTransaction) error {
	if err := ctx.Err(); err != nil {
		w.rollback()
		return err
	}
	done := make(chan error, 1)
	go func() {
		limit := time.AfterFunc(s.commitLimit, w.cancel)
		err := s.dialect.commit(w)
		limit.Stop()
		w.end()
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return outcomeUnknown("the caller stopped waiting while the store was committing", ctx.Err())
	}
}

// plainCommit commits where a failure means that nothing was written.
func plainCommit(w *writeTransaction) error {
	if err := w.Commit(); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	return nil
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
	if s.dialect.singleWriter() && s.opts.MaxConns > 1 {
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
