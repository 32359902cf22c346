// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

// identitiesChanges is what leads from one map to another. Spelling of keys is
// no difference.
type identitiesChanges struct {
	added   []mappingRow
	removed []mappingRow
	changed []changedRow
}

// changedRow is an entry whose value changes, or may: its new value can be
// unknown at plan.
type changedRow struct{ before, after mappingRow }

// compareRows expects both lists ordered by user, as identitiesObject.rows
// gives them.
func compareRows(before, after []mappingRow) identitiesChanges {
	var c identitiesChanges
	for len(before) > 0 && len(after) > 0 {
		b, a := before[0], after[0]
		switch {
		case b.user < a.user:
			c.removed = append(c.removed, b)
			before = before[1:]
		case b.user > a.user:
			c.added = append(c.added, a)
			after = after[1:]
		default:
			if !a.known || a.value != b.value {
				c.changed = append(c.changed, changedRow{b, a})
			}
			before, after = before[1:], after[1:]
		}
	}
	c.removed = append(c.removed, before...)
	c.added = append(c.added, after...)
	return c
}

func (c identitiesChanges) none() bool {
	return len(c.added) == 0 && len(c.removed) == 0 && len(c.changed) == 0
}

// asserted are the rows whose value is to be stored and known already.
func (c identitiesChanges) asserted() []mappingRow {
	var rows []mappingRow
	for _, row := range c.added {
		if row.known {
			rows = append(rows, row)
		}
	}
	for _, row := range c.changed {
		if row.after.known {
			rows = append(rows, row.after)
		}
	}
	return rows
}
