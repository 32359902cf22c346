// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// ImportOptions say what is imported beside the records.
type ImportOptions struct {
	StoreID string // the store gets this id; "" = it keeps its own
	// Place names where the last record is from, as in "line 7 of the export", for
	// errors about it; nil = they name the record alone.
	Place func() string
}

// Import fills an empty store with the records of another's Export, which next
// gives one by one and ends with io.EOF. Services may be there already; users
// and history may not. It is one transaction: when anything fails, or the
// process ends, nothing is there. It keeps two pages in memory.
func (s *Store) Import(ctx context.Context, opts ImportOptions, next func() (store.Record, error)) (store.Counts, error) {
	if opts.StoreID != "" && !validID(opts.StoreID) {
		return store.Counts{}, badRecord("the store's id is %q, not a UUID", truncate(opts.StoreID))
	}
	i := &importer{services: map[identity.ServiceKey]string{}, place: opts.Place, latest: s.now().Add(clockTolerance)}
	// Records cannot be had twice, so a lost transaction is not run again.
	err := s.writeOnce(ctx, func(t *tx) error {
		i.tx = t
		if err := i.checkEmpty(ctx); err != nil {
			return err
		}
		if err := i.write(ctx, next); err != nil {
			return err
		}
		if opts.StoreID != "" {
			if err := t.exec(ctx, "UPDATE store SET id = ?", opts.StoreID); err != nil {
				return fmt.Errorf("storing the store's id: %w", err)
			}
		}
		if err := s.dialect.advance(ctx, t, i.highest); err != nil {
			return err
		}
		return i.numberOlder(ctx)
	})
	switch {
	case i.badRecord != nil:
		return store.Counts{}, i.badRecord
	case s.dialect.duplicate(err):
		return store.Counts{}, badRecord("two records have the same name or number")
	case err != nil:
		return store.Counts{}, s.explain(ctx, err)
	}
	return i.counts, nil
}

// importer writes pages of records.
type importer struct {
	*tx
	services  map[identity.ServiceKey]string // of records so far, to ids
	highest   int64                          // number that was given out
	counts    store.Counts
	badRecord error // about a record, or about getting one, which is no fault of the store
	place     func() string
	latest    time.Time // that a record may name
}

// clockTolerance is how far the clock of the machine that wrote an export may be
// ahead.
const clockTolerance = 5 * time.Minute

// checkEmpty refuses stores whose users or history would get mixed up with
// those of the records.
func (i *importer) checkEmpty(ctx context.Context) error {
	for _, table := range []string{"users", "history"} {
		var n int
		if err := i.row(ctx, "SELECT count(*) FROM (SELECT 1 FROM "+table+" LIMIT 1) AS one").Scan(&n); err != nil {
			return fmt.Errorf("looking for %s: %w", table, err)
		}
		if n > 0 {
			return &identity.Error{Code: identity.CodeInvalid, Message: "the store is not empty: it holds " + table,
				Hint: "Import into a new store. Nothing was changed."}
		}
	}
	return nil
}

// numberOlder gives a revision to users and services of an export that has none for
// them.
func (i *importer) numberOlder(ctx context.Context) error {
	fresh, err := i.dialect.revisions(ctx, i.tx, 1)
	if err == nil {
		err = i.exec(ctx, "UPDATE users SET revision = ? WHERE revision = 0", fresh[0])
	}
	if err == nil {
		err = i.exec(ctx, "UPDATE services SET revision = ? WHERE revision = 0 AND service_key <> ?", fresh[0], identity.SymCloud().String())
	}
	if err != nil {
		return fmt.Errorf("numbering users and services: %w", err)
	}
	return nil
}

// write writes all records, a page at a time, and reads the next page meanwhile.
func (i *importer) write(ctx context.Context, next func() (store.Record, error)) error {
	storing, either := errgroup.WithContext(ctx)
	storing.SetLimit(1)
	var bad error
	for last := false; !last && either.Err() == nil; {
		var p importPage
		if last, bad = i.readPage(&p, next); bad != nil {
			break
		}
		storing.Go(func() error { return i.flush(either, &p) })
	}
	if err := storing.Wait(); err != nil {
		return err
	}
	i.badRecord = bad
	return cmp.Or(bad, ctx.Err())
}

// readPage fills a page. last reports that there are no more records.
func (i *importer) readPage(p *importPage, next func() (store.Record, error)) (last bool, err error) {
	for !p.full() {
		r, err := next()
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err == nil {
			err = i.checkRecord(r)
		}
		if err != nil {
			return false, err
		}
		i.add(p, r)
	}
	return false, nil
}

// flush writes a page, users before their mappings.
func (i *importer) flush(ctx context.Context, p *importPage) error {
	for _, row := range p.services {
		if err := i.addService(ctx, row); err != nil {
			return err
		}
	}
	for _, part := range []struct {
		what, into string
		rows       [][]any
	}{
		{"users", intoUsers, p.users},
		{"mappings", intoMappings, p.mappings},
		{"changes", intoHistory, p.changes},
	} {
		if err := i.dialect.load(ctx, i.tx, part.into, part.rows); err != nil {
			return fmt.Errorf("storing %s: %w", part.what, err)
		}
	}
	return nil
}

// addService puts the record in the place of a service that a configuration
// has registered: nothing refers to that one yet.
func (i *importer) addService(ctx context.Context, row []any) error {
	key := row[1]
	if err := i.exec(ctx, "DELETE FROM services WHERE service_key = ?", key); err != nil {
		return fmt.Errorf("replacing the service %s: %w", key, err)
	}
	if err := insertRows(ctx, i.tx, intoServices, "", [][]any{row}); err != nil {
		return fmt.Errorf("storing the service %s: %w", key, err)
	}
	return nil
}

// importPage is as many records as are written at a time, as rows.
type importPage struct{ services, users, mappings, changes [][]any }

func (p *importPage) full() bool {
	return max(len(p.users), len(p.mappings), len(p.changes)) >= chunkSize
}

func (i *importer) add(p *importPage, r store.Record) {
	i.counts.Add(r)
	switch {
	case r.Service != nil:
		i.services[r.Service.Key] = r.Service.ID
		i.highest = max(i.highest, r.Service.Revision)
		p.services = append(p.services, serviceRow(*r.Service))
	case r.User != nil:
		i.highest = max(i.highest, r.User.Revision)
		p.users = append(p.users, userRow(*r.User))
		for _, m := range r.User.Mappings {
			i.highest = max(i.highest, m.Revision)
			p.mappings = append(p.mappings, mappingRow(r.User.ID, i.services[m.Service], m))
		}
	default:
		i.highest = max(i.highest, r.Change.ID)
		p.changes = append(p.changes, historyRow(*r.Change))
	}
}

// checkRecord refuses what no store can have exported, and what would keep the
// store from working later. Values are not held
// against the rules of their services: those may have been other ones when the
// value was stored, and a move must not lose it.
func (i *importer) checkRecord(r store.Record) error {
	var err error
	switch {
	case r.Service != nil && r.User == nil && r.Change == nil:
		err = i.checkService(r.Service)
	case r.User != nil && r.Service == nil && r.Change == nil:
		err = i.checkUser(r.User)
	case r.Change != nil && r.Service == nil && r.User == nil:
		err = i.checkChange(r.Change)
	default:
		err = badRecord("a record must be exactly one of a service, a user and a change")
	}
	if err == nil || i.place == nil {
		return err
	}
	e := *identity.AsError(err)
	e.Message = i.place() + ": " + e.Message
	return &e
}

func badRecord(format string, args ...any) error {
	return identity.Invalid(identity.CodeInvalid, fmt.Sprintf(format, args...), "The file was changed after the export, or damaged. Export again. Nothing was imported.")
}

// isRevision reports whether a store can have given a number out, or 0 where least
// is 0: then an older release wrote the export, which had none.
func isRevision(n, least int64) bool { return n >= least && n <= maxRevision }

func (i *importer) checkService(r *store.ServiceRecord) error {
	key := r.Key.String()
	if r.Key.Type == "" || r.Key.ExternalID == "" || !validID(r.ID) || !isRevision(r.Revision, 0) {
		return badRecord("a service has a value that is not valid: the key %q, the id %q or the revision %d", truncate(key), truncate(r.ID), r.Revision)
	}
	if _, twice := i.services[r.Key]; twice {
		return badRecord("the service %s is there twice", truncate(key))
	}
	return i.checkValues("the service "+truncate(key), []time.Time{r.CreatedAt, r.UpdatedAt}, key, r.Label, r.UpdatedBy, r.RequestID)
}

func (i *importer) checkUser(r *store.UserRecord) error {
	if identity.KeyOf(r.Name) != r.Key || !validKey(r.Key) || !validID(r.ID) || !isRevision(r.Revision, 0) {
		return badRecord("a user has a value that is not valid: the key %q, the name %q, the id %q or the revision %d", truncate(string(r.Key)), truncate(r.Name), truncate(r.ID), r.Revision)
	}
	if r.Type != r.Key.Type() || !r.Role.Valid() {
		return badRecord("the user %s has a value that is not valid: the type %q or the role %q", r.Key, truncate(string(r.Type)), truncate(string(r.Role)))
	}
	err := i.checkValues("the user "+string(r.Key), []time.Time{r.CreatedAt, r.UpdatedAt}, r.FirstName, r.LastName, r.UpdatedBy, r.RequestID)
	seen := map[identity.ServiceKey]bool{}
	for _, m := range r.Mappings {
		if err != nil {
			return err
		}
		what := fmt.Sprintf("the mapping of %s in %s", r.Key, truncate(m.Service.String()))
		_, registered := i.services[m.Service]
		switch {
		case !registered:
			return badRecord("%s is of a service that the export does not hold", what)
		case m.Service == identity.SymCloud():
			return badRecord("%s is no mapping, but the user's own name", what)
		case seen[m.Service]:
			return badRecord("%s is there twice", what)
		case !validID(m.ID) || len(m.Matcher) == 0 || !m.Source.Valid() || !isRevision(m.Revision, 1):
			return badRecord("%s has a value that is not valid: the id %q, the source %q, the revision %d or the number of keys %d", what, truncate(m.ID), truncate(string(m.Source)), m.Revision, len(m.Matcher))
		}
		seen[m.Service] = true
		err = i.checkMapping(what, m.Mapping, m.RequestID)
	}
	return err
}

func (i *importer) checkChange(r *identity.Change) error {
	what := fmt.Sprintf("the change %d", r.ID)
	if r.Service == (identity.ServiceKey{}) || !isRevision(r.ID, 1) || !validID(r.UserID) || !validKey(r.User) {
		return badRecord("%s has a value that is not valid: the user %q, the user's id %q or the service %q", what, truncate(string(r.User)), truncate(r.UserID), truncate(r.Service.String()))
	}
	err := i.checkValues(what, []time.Time{r.At}, r.Service.String(), r.By, r.RequestID, r.Address)
	for _, m := range []*identity.Mapping{r.Before, r.After} {
		if m == nil || err != nil {
			continue
		}
		if !isRevision(m.Revision, 0) {
			return badRecord("%s has a value of the revision %d, which is not valid", what, m.Revision)
		}
		err = i.checkMapping(what, *m, "")
	}
	return err
}

func (i *importer) checkMapping(what string, m identity.Mapping, requestID string) error {
	texts := []string{m.AccountID, string(m.Source), m.Rule, m.UpdatedBy, requestID}
	for _, object := range []map[string]string{m.Matcher, m.Profile} {
		for k, v := range object {
			texts = append(texts, k, v)
		}
	}
	return i.checkValues(what, []time.Time{m.CreatedAt, m.UpdatedAt}, texts...)
}

// maxRecordText is the longest text that is stored: a service key, which is a
// type, a colon and an external id.
const maxRecordText = 64 + 1 + identity.MaxExternalIDBytes

// checkValues refuses times before 1970 and those that are not yet come: a later
// clock would order and prune the history by them. It refuses texts that not every
// database keeps.
func (i *importer) checkValues(what string, times []time.Time, texts ...string) error {
	for _, at := range times {
		switch {
		case at.Before(time.Unix(0, 0)):
			return badRecord("%s has the time %s, before 1970", what, at.Format(time.RFC3339))
		case at.After(i.latest):
			return identity.Invalid(identity.CodeInvalid, fmt.Sprintf("%s has the time %s, which is in the future", what, at.Format(time.RFC3339)),
				"Correct this machine's clock, or the time in the export. Nothing was imported.")
		}
	}
	for _, s := range texts {
		switch {
		case len(s) > maxRecordText:
			return badRecord("%s holds a text of %d bytes, which is too long", what, len(s))
		case !utf8.ValidString(s), strings.ContainsRune(s, 0):
			return badRecord("%s holds a text that is not valid UTF-8, or has a NUL byte", what)
		}
	}
	return nil
}
