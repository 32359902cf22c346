// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var errSerialization = errors.New("could not serialize access")

// retryDialect is SQLite with the serialization failures of other databases.
type retryDialect struct{ dialect }

func (retryDialect) transient(err error) bool { return errors.Is(err, errSerialization) }

func TestTransactionsAreRunAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		losses int
		err    error
		runs   int
		code   identity.Code
	}{
		"at once":       {0, nil, 1, ""},
		"after losses":  {2, errSerialization, 3, ""},
		"bounded":       {1000, errSerialization, txAttempts, identity.CodeUnavailable},
		"other errors":  {1000, errors.New("other"), 1, identity.CodeUnavailable},
		"domain errors": {1000, identity.UnknownUser("bot"), 1, identity.CodeUserNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openFile(t, newPath(t), Options{})
			s.dialect = retryDialect{s.dialect}
			var before int
			if err := s.db.QueryRowContext(t.Context(), "SELECT last FROM revisions").Scan(&before); err != nil {
				t.Fatal(err)
			}
			runs := 0
			err := s.write(t.Context(), func(tx *tx) error {
				runs++
				if err := tx.exec(t.Context(), "UPDATE revisions SET last = last + 1"); err != nil {
					return err
				}
				if runs <= c.losses {
					return c.err
				}
				return nil
			})
			if identity.CodeOf(err) != c.code || (c.code == "") != (err == nil) || runs != c.runs {
				t.Errorf("got %v after %d runs, want code %q after %d", err, runs, c.code, c.runs)
			}
			var last int
			want := before
			if c.code == "" {
				want++
			}
			if err := s.db.QueryRowContext(t.Context(), "SELECT last FROM revisions").Scan(&last); err != nil || last != want {
				t.Errorf("the lost runs left %d behind, want %d (%v)", last, want, err)
			}
		})
	}
}

func TestCancelledCallsStopRetryingAndWaiting(t *testing.T) {
	t.Parallel()
	s := openFile(t, newPath(t), Options{})
	s.dialect = retryDialect{s.dialect}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	start := time.Now()
	err := s.write(ctx, func(*tx) error { return errSerialization })
	if !errors.Is(err, context.DeadlineExceeded) || identity.CodeOf(err) != identity.CodeUnavailable {
		t.Errorf("retrying: got %v", err)
	}
	s.gate <- struct{}{} // another writer is at work
	err = s.write(ctx, func(*tx) error { return nil })
	if !errors.Is(err, context.DeadlineExceeded) || identity.CodeOf(err) != identity.CodeUnavailable {
		t.Errorf("waiting: got %v", err)
	}
	<-s.gate
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}
