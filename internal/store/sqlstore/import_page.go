// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"errors"
	"io"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// importPage is as many records as are written at a time, as rows.
type importPage struct {
	services, users, mappings, changes [][]any

	highest int64        // number in it
	counts  store.Counts // of the records up to here
	err     error        // what is wrong with the record behind it; it is the last page then
}

func (p *importPage) full() bool {
	return len(p.users) >= chunkSize || len(p.mappings) >= chunkSize || len(p.changes) >= chunkSize
}

// makePages makes pages of records until there are no more, one is wrong, or
// ctx ends.
func makePages(ctx context.Context, next func() (store.Record, error), pages chan<- *importPage) {
	services := map[string]string{} // keys of records so far, to ids
	var counts store.Counts
	for last := false; !last; {
		p := &importPage{}
		for !last && !p.full() && ctx.Err() == nil {
			r, err := next()
			if errors.Is(err, io.EOF) {
				last = true
				break
			}
			if err == nil {
				err = checkRecord(r, services)
			}
			if err != nil {
				p.err, last = err, true
				break
			}
			p.add(r, services)
			counts.Add(r)
		}
		p.counts = counts
		select {
		case pages <- p:
		case <-ctx.Done():
			return
		}
	}
}

func (p *importPage) add(r store.Record, services map[string]string) {
	switch {
	case r.Service != nil:
		services[r.Service.Key] = r.Service.ID
		p.services = append(p.services, append([]any{r.Service.ID, r.Service.Key, r.Service.Label}, stampValues(r.Service.Stamp)...))
	case r.User != nil:
		p.addUser(r.User, services)
	default:
		p.addChange(r.Change)
	}
}

func stampValues(s store.Stamp) []any {
	return []any{micros(s.CreatedAt), micros(s.UpdatedAt), s.UpdatedBy, s.RequestID}
}

func (p *importPage) addUser(r *store.UserRecord, services map[string]string) {
	p.users = append(p.users, append([]any{r.ID, string(r.Key), string(r.Type), string(r.Role), r.Name, r.FirstName, r.LastName},
		stampValues(r.Stamp)...))
	for _, m := range r.Mappings {
		key, _ := cutKey(m.Service) // checked
		p.mappings = append(p.mappings, append([]any{m.ID, r.ID, services[m.Service], object(m.Matcher),
			claimColumn(m.Matcher.AccountKey(key.Type)), object(m.Profile), string(m.Source), m.Rule, m.Revision}, stampValues(m.Stamp)...))
		p.highest = max(p.highest, m.Revision)
	}
}

func (p *importPage) addChange(r *store.ChangeRecord) {
	key, _ := cutKey(r.Service) // checked
	p.changes = append(p.changes, historyRow(identity.Change{ID: r.ID, At: r.At, By: r.By, RequestID: r.RequestID,
		UserID: r.UserID, User: r.User, Service: key, Before: recordedValue(r.Before), After: recordedValue(r.After)}))
	p.highest = max(p.highest, r.ID)
}

func recordedValue(v *store.ValueRecord) *identity.Mapping {
	if v == nil {
		return nil
	}
	return &identity.Mapping{Matcher: v.Matcher, Profile: v.Profile, Source: v.Source, Rule: v.Rule, Revision: v.Revision,
		CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt, UpdatedBy: v.UpdatedBy}
}
