// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"encoding/json"
	"maps"
	"math"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// revisionsKey names, in private state, the revisions under which the rows were
// seen last. Under writtenKey stand those under which this resource stored its
// rows, where they are others.
const revisionsKey = "revisions"

// revisions holds the revisions under which a resource's mappings are stored,
// 0 where state does not know one.
type revisions map[identity.UserKey]int64

// baseKey holds, in JSON, the number that is left out of the others. No user is
// called that.
const baseKey identity.UserKey = ""

// MarshalJSON writes revisions as their distance from a base: they are long numbers,
// and close to each other.
func (r revisions) MarshalJSON() ([]byte, error) {
	base := int64(math.MaxInt64)
	for _, revision := range r {
		if revision > 0 {
			base = min(base, revision-1)
		}
	}
	near := make(map[identity.UserKey]int64, len(r)+1)
	for user, revision := range r {
		near[user] = max(0, revision-base)
	}
	if base != math.MaxInt64 && base > 0 {
		near[baseKey] = base
	}
	return json.Marshal(near)
}

// UnmarshalJSON reads revisions, those without a base included.
func (r *revisions) UnmarshalJSON(text []byte) error {
	var near map[identity.UserKey]int64
	if err := json.Unmarshal(text, &near); err != nil {
		return err
	}
	base := near[baseKey]
	delete(near, baseKey)
	for user, distance := range near {
		if distance > 0 {
			near[user] = base + distance
		}
	}
	*r = near
	return nil
}

// rowRevisions keeps apart what a resource has seen and what it has stored: an
// update depends on the one, a removal on the other.
type rowRevisions struct {
	observed revisions
	written  revisions // 0 where this resource never stored the mapping
}

func newRowRevisions() rowRevisions {
	return rowRevisions{observed: revisions{}, written: revisions{}}
}

// wrote records what this resource has just stored, or taken over.
func (r rowRevisions) wrote(stored revisions) {
	maps.Copy(r.observed, stored)
	maps.Copy(r.written, stored)
}

// observe records what a read found. Rows without a known revision count
// as stored by this resource.
func (r rowRevisions) observe(rows []mappingRow, stored revisions) {
	for _, row := range rows {
		if r.observed[row.user] == 0 {
			r.written[row.user] = stored[row.user]
		}
	}
	maps.Copy(r.observed, stored)
}

// foreign reports whether a mapping came into state by a read of everybody's,
// so that this resource never stored it.
func (r rowRevisions) foreign(user identity.UserKey) bool {
	return r.observed[user] != 0 && r.written[user] == 0
}

// ownedElsewhere returns the rows that somebody else has stored again with the
// value that state has.
func (r rowRevisions) ownedElsewhere(rows []mappingRow, stored storedMappings) []refusal {
	var elsewhere []refusal
	for _, row := range rows {
		if written := r.written[row.user]; written == 0 || r.observed[row.user] <= written {
			continue // nearly always
		}
		m, t := stored.get(row.user), stored.service.Type
		if m != nil && m.Matcher.Equal(t, row.stored(t)) {
			elsewhere = append(elsewhere, newRefusal(row, identity.Conflict(row.user, stored.service, m)))
		}
	}
	return elsewhere
}

// saveRevisions keeps the revisions of rows in private state, as JSON objects.
// Private state is a part of the state file, so what a resource has stored is
// kept only where it is not what it has seen.
func saveRevisions(ctx context.Context, private privateState, rows []mappingRow, known rowRevisions, diags *diag.Diagnostics) {
	observed, written := make(revisions, len(rows)), revisions{}
	for _, row := range rows {
		seen, stored := known.observed[row.user], known.written[row.user]
		observed[row.user] = seen
		if stored != seen {
			written[row.user] = stored
		}
	}
	for key, kept := range map[string]revisions{revisionsKey: observed, writtenKey: written} {
		text, _ := json.Marshal(kept) // always marshals
		diags.Append(private.SetKey(ctx, key, text)...)
	}
}

// loadRevisions returns no revisions where private state does not hold what
// saveRevisions wrote: they are read again where they are needed. In a state
// from before the two were kept apart they are one.
func loadRevisions(ctx context.Context, private privateState, diags *diag.Diagnostics) rowRevisions {
	known := newRowRevisions()
	for key, into := range map[string]*revisions{revisionsKey: &known.observed, writtenKey: &known.written} {
		text, found := private.GetKey(ctx, key)
		diags.Append(found...)
		if json.Unmarshal(text, into) != nil || *into == nil {
			*into = revisions{}
		}
	}
	for user, seen := range known.observed {
		if _, other := known.written[user]; !other {
			known.written[user] = seen
		}
	}
	return known
}
