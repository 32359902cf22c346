// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// Services lists services ordered by key.
func (s *Store) Services(ctx context.Context, filter store.ServiceFilter) ([]identity.Service, error) {
	where, args := serviceWhere(filter)
	var services []identity.Service
	err := s.readRows(ctx, "SELECT "+serviceColumns+" FROM services"+where+" ORDER BY service_key", args,
		func() { services = []identity.Service{} },
		func(rows *sql.Rows) error {
			found, err := scanService(rows)
			if found.Key == identity.SymCloud() {
				found.UpdatedAt = time.Time{} // it was never stored by anybody
			}
			if err == nil && matches(filter, found.Service) {
				services = append(services, found.Service)
			}
			return err
		})
	if err != nil {
		return nil, err
	}
	return services, nil
}

// serviceWhere returns a condition that every service of a filter meets. Only a
// filter without a type makes the database read all services.
func serviceWhere(f store.ServiceFilter) (where string, args []any) {
	key := f.Type + ":" + f.ExternalID
	switch {
	case f.Type == "":
		return "", nil
	case !storable(key):
		return " WHERE 1 = 0", nil
	case f.ExternalID == "":
		return " WHERE service_key >= ? AND service_key < ?", []any{key, f.Type + ";"} // ; follows : in ASCII
	}
	return " WHERE service_key = ?", []any{key}
}

// matches reports whether a filter selects a service. A key can belong to two
// types as far as the database sees: a:b:c is b:c of type a and c of type a:b.
func matches(f store.ServiceFilter, s identity.Service) bool {
	return (f.Type == "" || f.Type == s.Key.Type) && (f.ExternalID == "" || f.ExternalID == s.Key.ExternalID)
}

const serviceColumns = "id, service_key, label, revision, created_at, updated_at, updated_by, request_id"

// scanService reads serviceColumns.
func scanService(row scanner) (s store.ServiceRecord, err error) {
	err = row.Scan(&s.ID, (*keyColumn)(&s.Key), &s.Label, &s.Revision, (*timeColumn)(&s.CreatedAt), (*timeColumn)(&s.UpdatedAt), &s.UpdatedBy, &s.RequestID)
	if err != nil {
		err = fmt.Errorf("reading a service: %w", err)
	}
	return s, err
}

// findService reads one service; ok is false where it is not registered.
func findService(ctx context.Context, t *tx, column, value string) (found store.ServiceRecord, ok bool, err error) {
	found, err = scanService(t.row(ctx, "SELECT "+serviceColumns+" FROM services WHERE "+column+" = ?", value))
	if errors.Is(err, sql.ErrNoRows) {
		return store.ServiceRecord{}, false, nil
	}
	return found, err == nil, err
}

// CreateService registers a service.
func (s *Store) CreateService(ctx context.Context, actor store.Actor, key identity.ServiceKey, label string) (identity.Service, error) {
	if err := checkService(key, label); err != nil {
		return identity.Service{}, err
	}
	return inTx(ctx, s.write, func(t *tx) (identity.Service, error) {
		found, ok, err := findService(ctx, t, "service_key", key.String())
		switch {
		case err != nil:
			return found.Service, err
		case ok && found.Label != label:
			return found.Service, &identity.Error{Code: identity.CodeServiceConflict, Service: key,
				Message: fmt.Sprintf("%s is registered already, with the label %q", key, found.Label),
				Hint:    "Update it to change the label."}
		case ok:
			return found.Service, nil
		}
		revisions, err := t.dialect.revisions(ctx, t, 1)
		if err != nil {
			return identity.Service{}, err
		}
		found.Service = identity.Service{ID: newID(), Key: key, Label: label, Revision: revisions[0], UpdatedAt: s.now(), UpdatedBy: sanitize(actor.Name)}
		found.CreatedAt, found.RequestID = found.UpdatedAt, sanitize(actor.RequestID)
		return found.Service, insertRows(ctx, t, intoServices, "", [][]any{serviceRow(found)})
	})
}

// UpdateService changes the label of a registered service, or asserts it.
func (s *Store) UpdateService(ctx context.Context, actor store.Actor, u store.ServiceUpdate) (identity.Service, error) {
	label := ""
	if u.Label != nil {
		label = *u.Label
	}
	if err := checkService(u.Key, label); err != nil {
		return identity.Service{}, err
	}
	by, requestID := sanitize(actor.Name), sanitize(actor.RequestID)
	return inTx(ctx, s.write, func(t *tx) (identity.Service, error) {
		found, ok, err := findService(ctx, t, "service_key", u.Key.String())
		changes := u.Label != nil && found.Label != label
		repeated := requestID != "" && found.RequestID == requestID && found.UpdatedBy == by
		switch {
		case err != nil:
			return identity.Service{}, err
		case !ok:
			return identity.Service{}, identity.UnknownService(u.Key)
		case changes && u.IfRevision != 0 && u.IfRevision != found.Revision:
			return identity.Service{}, changedService(found.Service, u.IfRevision)
		case !changes && (!u.Assert || repeated):
			return found.Service, nil
		}
		revisions, err := t.dialect.revisions(ctx, t, 1)
		if err != nil {
			return identity.Service{}, err
		}
		if found.Revision = revisions[0]; changes {
			found.Label = label
		}
		found.UpdatedAt, found.UpdatedBy = s.now(), by
		return found.Service, t.exec(ctx, "UPDATE services SET label = ?, revision = ?, updated_at = ?, updated_by = ?, request_id = ? WHERE id = ?",
			found.Label, found.Revision, micros(found.UpdatedAt), by, requestID, found.ID)
	})
}

// changedService returns the conflict of a condition on a service's revision.
func changedService(s identity.Service, wanted int64) *identity.Error {
	return &identity.Error{Code: identity.CodeServiceConflict, Service: s.Key, Hint: "Read it again.",
		Message: fmt.Sprintf("%s has revision %d, not %d: somebody changed it since it was read", s.Key, s.Revision, wanted)}
}

// DeleteService removes a service that no mapping refers to.
func (s *Store) DeleteService(ctx context.Context, _ store.Actor, key identity.ServiceKey, ifRevision int64) (bool, error) {
	if key.Managed() {
		return false, managedService(key)
	}
	if !storable(key.String()) {
		return false, nil // no such service can have been registered
	}
	return inTx(ctx, s.write, func(t *tx) (bool, error) {
		found, ok, err := findService(ctx, t, "service_key", key.String())
		if err != nil || !ok {
			return false, err
		}
		if ifRevision != 0 && ifRevision != found.Revision {
			return false, changedService(found.Service, ifRevision)
		}
		var n int
		if err := t.row(ctx, "SELECT count(*) FROM mappings WHERE service_id = ?", found.ID).Scan(&n); err != nil {
			return false, fmt.Errorf("counting the mappings of %s: %w", key, err)
		}
		if n > 0 {
			return false, &identity.Error{Code: identity.CodeServiceReferenced, Service: key,
				Message: fmt.Sprintf("Cannot perform delete because it is referenced by %d identities and 0 integrations", n)}
		}
		return true, t.exec(ctx, "DELETE FROM services WHERE id = ?", found.ID)
	})
}

// References lists the ids of the mappings that refer to a service, sorted, from
// one state of the store.
func (s *Store) References(ctx context.Context, serviceID string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		err := s.walk(ctx, func(t *tx) error {
			unknown := &identity.Error{Code: identity.CodeServiceNotFound, Message: fmt.Sprintf("No service has the id %q", truncate(serviceID))}
			if !validID(serviceID) {
				return unknown
			}
			if _, ok, err := findService(ctx, t, "id", serviceID); err != nil || !ok {
				return cmp.Or[error](err, unknown)
			}
			return eachRow(ctx, t, "SELECT id FROM mappings WHERE service_id = ? ORDER BY id", []any{serviceID}, func(rows *sql.Rows) error {
				var id string
				if err := rows.Scan(&id); err != nil {
					return err
				}
				return stopUnless(yield(id, nil))
			})
		})
		if err != nil {
			yield("", err)
		}
	}
}

func checkService(key identity.ServiceKey, label string) error {
	if key.Managed() {
		return managedService(key)
	}
	if err := key.Validate(); err != nil {
		about := *identity.AsError(err)
		about.Service = key
		return &about
	}
	if wrong := checkText(label); wrong != "" {
		return &identity.Error{Code: identity.CodeServiceInvalid, Service: key, Message: "the label of " + key.String() + " " + wrong}
	}
	return nil
}

func managedService(key identity.ServiceKey) *identity.Error {
	return &identity.Error{Code: identity.CodeServiceManaged, Service: key,
		Message: fmt.Sprintf("Services of type %s cannot be created, changed or deleted: they are managed by Sym", truncate(strings.TrimSpace(key.Type)))}
}
