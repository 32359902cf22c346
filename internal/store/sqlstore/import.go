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
	i := &importer{services: map[string]string{}, place: opts.Place, latest: s.now().Add(clockTolerance)}
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
	services  map[string]string // keys of records so far, to ids
	highest   int64             // number that was given out
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
		p.services = append(p.services, append([]any{r.Service.ID, r.Service.Key, r.Service.Label, r.Service.Revision}, stampValues(r.Service.Stamp)...))
	case r.User != nil:
		i.addUser(p, r.User)
	default:
		i.addChange(p, r.Change)
	}
}

func stampValues(s store.Stamp) []any {
	return []any{micros(s.CreatedAt), micros(s.UpdatedAt), s.UpdatedBy, s.RequestID}
}

func (i *importer) addUser(p *importPage, r *store.UserRecord) {
	p.users = append(p.users, append([]any{r.ID, string(r.Key), string(r.Type), string(r.Role), r.Name, r.FirstName, r.LastName, r.Revision},
		stampValues(r.Stamp)...))
	i.highest = max(i.highest, r.Revision)
	for _, m := range r.Mappings {
		key, _ := splitServiceKey(m.Service) // checked
		p.mappings = append(p.mappings, append([]any{m.ID, r.ID, i.services[m.Service], encodeObject(m.Matcher),
			claimColumn(m.Matcher.AccountKey(key.Type)), m.AccountID, encodeObject(m.Profile), string(m.Source), m.Rule, m.Revision}, stampValues(m.Stamp)...))
		i.highest = max(i.highest, m.Revision)
	}
}

func (i *importer) addChange(p *importPage, r *store.ChangeRecord) {
	key, _ := splitServiceKey(r.Service) // checked
	p.changes = append(p.changes, historyRow(identity.Change{ID: r.ID, At: r.At, By: r.By, RequestID: r.RequestID, Address: r.Address,
		UserID: r.UserID, User: r.User, Service: key, Before: recordedValue(r.Before), After: recordedValue(r.After)}))
	i.highest = max(i.highest, r.ID)
}

func recordedValue(v *store.ValueRecord) *identity.Mapping {
	if v == nil {
		return nil
	}
	return &identity.Mapping{Matcher: v.Matcher, AccountID: v.AccountID, Profile: v.Profile, Source: v.Source, Rule: v.Rule, Revision: v.Revision,
		CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt, UpdatedBy: v.UpdatedBy}
}

// checkRecord refuses what no store can have exported, and what would keep the
// store from working later. Values are not held
// against the rules of their services: those may have been other ones when the
// value was stored, and a move must not lose it.
func (i *importer) checkRecord(r store.Record) error {
	err := checkRecord(r, i.services)
	if err == nil {
		err = checkTimes(r, i.latest)
	}
	if err == nil || i.place == nil {
		return err
	}
	e := *identity.AsError(err)
	e.Message = i.place() + ": " + e.Message
	return &e
}

func checkRecord(r store.Record, services map[string]string) error {
	set := 0
	for _, there := range []bool{r.Service != nil, r.User != nil, r.Change != nil} {
		if there {
			set++
		}
	}
	switch {
	case set != 1:
		return badRecord("a record must be exactly one of a service, a user and a change")
	case r.Service != nil:
		return checkServiceRecord(r.Service, services)
	case r.User != nil:
		return checkUserRecord(r.User, services)
	}
	return checkChangeRecord(r.Change)
}

func badRecord(format string, args ...any) error {
	return identity.Invalid(identity.CodeInvalid, fmt.Sprintf(format, args...), "The file was changed after the export, or damaged. Export again. Nothing was imported.")
}

// checkTimes refuses times before 1970 and those that are not yet come: a later
// clock would order and prune the history by them.
func checkTimes(r store.Record, latest time.Time) (err error) {
	check := func(what any, times ...time.Time) {
		for _, at := range times {
			switch {
			case err != nil:
			case at.Before(time.Unix(0, 0)):
				err = badRecord("%s has the time %s, before 1970", what, at.Format(time.RFC3339))
			case at.After(latest):
				err = identity.Invalid(identity.CodeInvalid, fmt.Sprintf("%s has the time %s, which is in the future", what, at.Format(time.RFC3339)),
					"Correct this machine's clock, or the time in the export. Nothing was imported.")
			}
		}
	}
	switch {
	case r.Service != nil:
		check("the service "+truncate(r.Service.Key), r.Service.CreatedAt, r.Service.UpdatedAt)
	case r.User != nil:
		check("the user "+string(r.User.Key), r.User.CreatedAt, r.User.UpdatedAt)
		for _, m := range r.User.Mappings {
			check(mappingName{r.User.Key, m.Service}, m.CreatedAt, m.UpdatedAt)
		}
	default:
		what := changeName(r.Change)
		check(what, r.Change.At)
		for _, v := range []*store.ValueRecord{r.Change.Before, r.Change.After} {
			if v != nil {
				check(what, v.CreatedAt, v.UpdatedAt)
			}
		}
	}
	return err
}

// mappingName names a mapping in errors. Most have none, so it is not made before.
type mappingName struct {
	user    identity.UserKey
	service string
}

// String implements fmt.Stringer.
func (n mappingName) String() string {
	return fmt.Sprintf("the mapping of %s in %s", n.user, truncate(n.service))
}

func changeName(c *store.ChangeRecord) string { return fmt.Sprintf("the change %d", c.ID) }

// isRevision reports whether a store can have given a number out, or 0 where least
// is 0: then an older release wrote the export, which had none.
func isRevision(n, least int64) bool { return n >= least && n <= maxRevision }

func checkServiceRecord(r *store.ServiceRecord, services map[string]string) error {
	if _, err := splitServiceKey(r.Key); err != nil || !validID(r.ID) || !isRevision(r.Revision, 0) {
		return badRecord("a service has a value that is not valid: the key %q, the id %q or the revision %d", truncate(r.Key), truncate(r.ID), r.Revision)
	}
	if _, twice := services[r.Key]; twice {
		return badRecord("the service %s is there twice", truncate(r.Key))
	}
	return checkTexts("the service "+truncate(r.Key), r.Key, r.Label, r.UpdatedBy, r.RequestID)
}

func checkUserRecord(r *store.UserRecord, services map[string]string) error {
	if identity.KeyOf(r.Name) != r.Key || !validKey(r.Key) || !validID(r.ID) || !isRevision(r.Revision, 0) {
		return badRecord("a user has a value that is not valid: the key %q, the name %q, the id %q or the revision %d", truncate(string(r.Key)), truncate(r.Name), truncate(r.ID), r.Revision)
	}
	if r.Type != r.Key.Type() || !r.Role.Valid() {
		return badRecord("the user %s has a value that is not valid: the type %q or the role %q", r.Key, truncate(string(r.Type)), truncate(string(r.Role)))
	}
	if err := checkTexts("the user "+string(r.Key), r.FirstName, r.LastName, r.UpdatedBy, r.RequestID); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, m := range r.Mappings {
		what := mappingName{r.Key, m.Service}
		_, registered := services[m.Service]
		switch {
		case !registered:
			return badRecord("%s is of a service that the export does not hold", what)
		case seen[m.Service]:
			return badRecord("%s is there twice", what)
		case !validID(m.ID) || len(m.Matcher) == 0 || !m.Source.Valid() || !isRevision(m.Revision, 1):
			return badRecord("%s has a value that is not valid: the id %q, the source %q, the revision %d or the number of keys %d", what, truncate(m.ID), truncate(string(m.Source)), m.Revision, len(m.Matcher))
		}
		seen[m.Service] = true
		if err := checkTexts(what, m.AccountID, m.Rule, m.UpdatedBy, m.RequestID); err != nil {
			return err
		}
		if err := checkMaps(what, m.Matcher, m.Profile); err != nil {
			return err
		}
	}
	return nil
}

func checkChangeRecord(r *store.ChangeRecord) error {
	what := changeName(r)
	if _, err := splitServiceKey(r.Service); err != nil || !isRevision(r.ID, 1) || !validID(r.UserID) || !validKey(r.User) {
		return badRecord("%s has a value that is not valid: the user %q, the user's id %q or the service %q", what, truncate(string(r.User)), truncate(r.UserID), truncate(r.Service))
	}
	if err := checkTexts(what, r.Service, r.By, r.RequestID, r.Address); err != nil {
		return err
	}
	for _, v := range []*store.ValueRecord{r.Before, r.After} {
		if v == nil {
			continue
		}
		if !isRevision(v.Revision, 0) {
			return badRecord("%s has a value of the revision %d, which is not valid", what, v.Revision)
		}
		if err := checkTexts(what, v.AccountID, string(v.Source), v.Rule, v.UpdatedBy); err != nil {
			return err
		}
		if err := checkMaps(what, v.Matcher, v.Profile); err != nil {
			return err
		}
	}
	return nil
}

func checkTexts(what any, texts ...string) error {
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

// maxRecordText is the longest text that is stored: a service key, which is a
// type, a colon and an external id.
const maxRecordText = 64 + 1 + identity.MaxExternalIDBytes

func checkMaps(what any, maps ...map[string]string) error {
	for _, m := range maps {
		for k, v := range m {
			if err := checkTexts(what, k, v); err != nil {
				return err
			}
		}
	}
	return nil
}
