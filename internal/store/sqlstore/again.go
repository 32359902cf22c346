// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// A request comes twice when its reply was lost and the client sends it again,
// or when something between repeats it, also long after. What such a request
// has done is known by its id, which the client keeps, and by who sent it.

// again reports whether the request is the one that gave old its value. Nothing
// is to be done then, not even an assertion: it was made.
func (p *plan) again(old *mapping) bool {
	return p.requestID != "" && old.requestID == p.requestID && old.UpdatedBy == p.actor
}

// changed is a mapping by the user's name of the time.
type changed struct {
	user    identity.UserKey
	service identity.ServiceKey
}

// done finds which of the mappings that are to be stored where nothing is were
// changed by the same request before. They have been removed since: a late
// repetition must not bring them back.
func done(ctx context.Context, t *tx, actor store.Actor, b *before, writes []store.UserWrite, checks []checked) (map[changed]bool, error) {
	requestID := plain(actor.RequestID)
	var keys []identity.UserKey
	for i, w := range writes {
		if checks[i].user != nil {
			continue
		}
		key := w.Key
		r, known := b.users[w.ID]
		if !known {
			r, known = b.users[b.keys[w.Key]]
		}
		if known {
			key = r.Key
		}
		for _, m := range w.Mappings {
			if m.IfAbsent && requestID != "" && (!known || r.mappings[m.Service] == nil) {
				keys = append(keys, key)
			}
		}
	}
	found := map[changed]bool{}
	const query = "SELECT user_key, service_key FROM history WHERE request_id = ? AND changed_by = ? AND user_key %s"
	err := selectIn(ctx, t, query, []any{requestID, plain(actor.Name)}, unique(keys, storable), func(rows *sql.Rows) error {
		var c changed
		var service string
		err := rows.Scan(&c.user, &service)
		if err == nil {
			c.service, err = cutKey(service)
		}
		found[c] = true
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("looking for the request in the history: %w", err)
	}
	return found, nil
}
