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
	Service *ServiceRecord `json:"service,omitempty"`
	User    *UserRecord    `json:"user,omitempty"`
	Change  *ChangeRecord  `json:"change,omitempty"`
}

// Stamp tells when something was made and changed last, and who did it.
type Stamp struct {
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	UpdatedBy string    `json:"updated_by"`
	RequestID string    `json:"request_id,omitempty"`
}

// ServiceRecord is a registered service.
type ServiceRecord struct {
	ID    string `json:"id"`
	Key   string `json:"key"` // type:external_id
	Label string `json:"label"`
	// Revision is 0 in exports of earlier releases, and of sym:cloud.
	Revision int64 `json:"revision,omitempty"`
	Stamp
}

// UserRecord is a user with all mappings.
type UserRecord struct {
	ID        string            `json:"id"`
	Key       identity.UserKey  `json:"key"`
	Type      identity.UserType `json:"type"`
	Role      identity.Role     `json:"role"`
	Name      string            `json:"name"` // own spelling of Key
	FirstName string            `json:"first_name,omitempty"`
	LastName  string            `json:"last_name,omitempty"`
	Revision  int64             `json:"revision,omitempty"` // 0 in exports of earlier releases
	Stamp
	Mappings []MappingRecord `json:"mappings,omitempty"`
}

// MappingRecord is a mapping of a UserRecord.
type MappingRecord struct {
	ID        string            `json:"id"`
	Service   string            `json:"service"` // type:external_id
	Matcher   identity.Matcher  `json:"matcher"`
	AccountID string            `json:"account_id,omitempty"`
	Profile   map[string]string `json:"profile,omitempty"`
	Source    identity.Source   `json:"source"`
	Rule      string            `json:"rule,omitempty"`
	Revision  int64             `json:"revision"`
	Stamp
}

// ChangeRecord is an entry of the history.
type ChangeRecord struct {
	ID        int64            `json:"id"`
	At        time.Time        `json:"at"`
	By        string           `json:"by"`
	RequestID string           `json:"request_id,omitempty"`
	Address   string           `json:"address,omitempty"`
	UserID    string           `json:"user_id"`
	User      identity.UserKey `json:"user"`
	Service   string           `json:"service"` // type:external_id
	Before    *ValueRecord     `json:"before,omitempty"`
	After     *ValueRecord     `json:"after,omitempty"`
}

// ValueRecord is what a mapping was before or after a change.
type ValueRecord struct {
	Matcher   identity.Matcher  `json:"matcher"`
	AccountID string            `json:"account_id,omitempty"`
	Profile   map[string]string `json:"profile,omitempty"`
	Source    identity.Source   `json:"source"`
	Rule      string            `json:"rule,omitempty"`
	Revision  int64             `json:"revision"`
	CreatedAt time.Time         `json:"created_at"`
	UpdatedAt time.Time         `json:"updated_at"`
	UpdatedBy string            `json:"updated_by"`
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
