// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"cmp"
	"fmt"
)

// Store names the store behind an API, as private state keeps it.
type Store struct {
	ID  string `json:"id,omitempty"` // "" where the API gives none
	Org string `json:"org"`
}

// Same reports whether two names are of one store. Where one of them has no id,
// the org decides alone.
func (s Store) Same(other Store) bool {
	return s.Org == other.Org && (s.ID == other.ID || s.ID == "" || other.ID == "")
}

func (s Store) String() string {
	return fmt.Sprintf("org %q, store %s", s.Org, cmp.Or(s.ID, "without an id"))
}
