// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"errors"
	"iter"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// maxFailures is how many failures an UpsertAll keeps.
const maxFailures = 1000

// UpsertAll is UpsertUsers for more writes than fit into memory: one
// transaction, of which it holds a page at a time. No two writes may be about
// one user, and none may ask for if_unclaimed, which is a question to a whole
// batch. writes gives all of them from the first on, and is asked again where
// the transaction is run again; an error that it yields ends the call and is
// returned as it is. Every write is checked: failed tells how many failures
// there are, of which the *identity.BatchError names the first 1,000.
func (s *Store) UpsertAll(ctx context.Context, actor store.Actor, writes iter.Seq2[store.UserWrite, error]) (failed int, err error) {
	var source *sourceError
	err = s.write(ctx, func(t *tx) error {
		failed = 0
		all := &upsertAll{Store: s, tx: t, actor: actor}
		for w, err := range writes {
			if err != nil {
				return &sourceError{err}
			}
			if err := all.add(ctx, w); err != nil {
				return err
			}
		}
		if err := all.flush(ctx); err != nil {
			return err
		}
		if failed = all.failed; failed > 0 {
			return &identity.BatchError{Items: all.failures}
		}
		return nil
	})
	if errors.As(err, &source) {
		return 0, source.err
	}
	return failed, err
}

// upsertAll is one run of the transaction.
type upsertAll struct {
	*Store
	*tx
	actor    store.Actor
	page     []store.UserWrite
	before   int // writes of earlier pages
	failures []identity.ItemError
	failed   int
}

func (a *upsertAll) add(ctx context.Context, w store.UserWrite) error {
	a.page = append(a.page, w)
	if len(a.page) < chunkSize {
		return nil
	}
	return a.flush(ctx)
}

// flush writes a page. Once somebody stands in the way, the others are only
// looked at.
func (a *upsertAll) flush(ctx context.Context) error {
	p, failures, err := newUpsert(a.actor, a.page, a.now()).solve(ctx, a.tx)
	if err != nil {
		return err
	}
	for _, c := range failures {
		if len(a.failures) < maxFailures {
			c.Index += a.before
			a.failures = append(a.failures, c)
		}
	}
	if a.failed += len(failures); a.failed == 0 {
		err = p.save(ctx, a.tx)
	}
	a.before += len(a.page)
	a.page = a.page[:0]
	return err
}
