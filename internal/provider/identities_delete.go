// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// remove removes rows that still are stored as state knows them. What is gone
// already is done. The same value with a newer revision was asserted since, by
// a renamed resource or by sym_identity: it is theirs now, and left. Another
// value is somebody's newer decision, and refused.
func (w mappingsWriter) remove(ctx context.Context, rows []mappingRow, known revisions) outcome {
	var out outcome
	for from := 0; from < len(rows); from += symapi.MaxBatch {
		batch := rows[from:min(from+symapi.MaxBatch, len(rows))]
		if out.fatal != nil {
			out.unsent = append(out.unsent, batch...)
			continue
		}
		w.removeBatch(ctx, batch, known, &out)
	}
	return out
}

func (w mappingsWriter) removeBatch(ctx context.Context, rows []mappingRow, known revisions, out *outcome) {
	for len(rows) > 0 {
		deletes := make([]identity.Delete, len(rows))
		for i, row := range rows {
			deletes[i] = identity.Delete{User: row.user, Service: w.service,
				Matcher: shownMatcher(w.service.Type, row.value), IfRevision: known[row.user]}
		}
		_, err := w.api.Delete(ctx, deletes)
		if err == nil {
			out.done = append(out.done, rows...)
			return
		}
		if identity.CodeOf(err) == identity.CodeServiceNotFound {
			out.done = append(out.done, rows...) // nothing is stored in a service that is not there
			return
		}
		failures, ok := itemErrorsOf(err, len(rows))
		if ok {
			err = w.lookAgain(ctx, failures, rows)
		}
		if !ok || err != nil {
			out.fatal, out.unsent = err, append(out.unsent, rows...)
			return
		}
		var again []mappingRow
		for i, row := range rows {
			e, failure := failures[i]
			switch {
			case !failure:
				again = append(again, row)
			case e.Code == identity.CodeUserNotFound, e.Code == identity.CodeIdentityConflict && e.Stored == nil:
				out.done = append(out.done, row)
			case e.Code == identity.CodeIdentityConflict && e.Stored.Matcher.Equal(w.service.Type, deletes[i].Matcher):
				out.left = append(out.left, row)
			default:
				out.refused = append(out.refused, refusal{row, e})
			}
		}
		rows = again
	}
}
