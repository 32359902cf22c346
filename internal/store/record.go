// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package store

import (
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Record is one piece of a store on its way to another: exactly one field is
// set. Together, services first, then users, then changes from the first to the
// latest, they are everything a store holds, so that nothing is lost or renumbered.
type Record struct {
	Service *ServiceRecord   `json:"service,omitempty"`
	User    *UserRecord      `json:"user,omitempty"`
	Change  *identity.Change `json:"change,omitempty"`
}

// ServiceRecord is a registered service.
type ServiceRecord struct {
	identity.Service
	CreatedAt time.Time `json:"created_at"`
	RequestID string    `json:"request_id,omitempty"` // of the request that gave it its revision
}

// UserRecord is a user with all mappings.
type UserRecord struct {
	identity.User
	RequestID string          `json:"request_id,omitempty"` // of the request that gave it its revision
	Mappings  []MappingRecord `json:"mappings,omitempty"`
}

// MappingRecord is a mapping of a UserRecord.
type MappingRecord struct {
	ID string `json:"id"`
	identity.Mapping
	RequestID string `json:"request_id,omitempty"` // of the request that gave it its revision
}

// Counts are how many records of each kind there are.
type Counts struct {
	Services int64 `json:"services"`
	Users    int64 `json:"users"`
	Mappings int64 `json:"mappings"`
	Changes  int64 `json:"changes"`
}

// Add counts one record.
func (c *Counts) Add(r Record) {
	switch {
	case r.Service != nil:
		c.Services++
	case r.User != nil:
		c.Users++
		c.Mappings += int64(len(r.User.Mappings))
	case r.Change != nil:
		c.Changes++
	}
}
