// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identityd

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
)

// Pruning the history. Batches are small, so that it never keeps writers
// waiting for long.
const (
	pruneEvery = time.Hour
	pruneBatch = 1000
	prunePause = 100 * time.Millisecond // between batches
)

// Maintain keeps the store in order until ctx ends: it removes history that is
// older than the configuration keeps. It returns at once where the
// configuration keeps everything. Several replicas may run it at the same time.
func (i *Instance) Maintain(ctx context.Context, log *slog.Logger) {
	if i.config.Retention == 0 {
		return
	}
	for wait := time.Duration(0); ; wait = pruneEvery/2 + rand.N(pruneEvery) {
		if httpx.Sleep(ctx, wait) != nil {
			return
		}
		removed, err := i.prune(ctx, time.Now().Add(-i.config.Retention))
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.WarnContext(ctx, "the history could not be pruned", "error", i.config.RedactError(err), "removed", removed)
		case removed > 0:
			log.InfoContext(ctx, "pruned the history", "removed", removed, "older_than", i.config.Retention)
		}
	}
}

// prune removes what was recorded before a time, in batches.
func (i *Instance) prune(ctx context.Context, before time.Time) (removed int, err error) {
	for {
		n, err := i.store.PruneHistory(ctx, before, pruneBatch)
		removed += n
		if err != nil || n < pruneBatch || httpx.Sleep(ctx, prunePause) != nil {
			return removed, err
		}
	}
}
