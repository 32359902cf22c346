// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identity

import "time"

// Change is one entry of the history: what one call made of one mapping.
type Change struct {
	ID        int64 // grows with each change of one user and service; the new revision, unless it was a deletion
	At        time.Time
	By        string // token name or JWT subject
	RequestID string // "" where the caller named none

	UserID  string  // UUID; the user may be gone
	User    UserKey // as the user was called at the time
	Service ServiceKey

	Before *Mapping // nil: nothing was stored
	After  *Mapping // nil: it was deleted
}
