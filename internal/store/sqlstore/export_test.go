// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
)

// export is everything a store holds.
func export(t *testing.T, s *Store) []store.Record {
	t.Helper()
	var all []store.Record
	err := s.Export(t.Context(), ExportOptions{History: true}, func(r store.Record) error {
		all = append(all, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// source gives records one by one, as Import wants them.
func source(records []store.Record) func() (store.Record, error) {
	return func() (store.Record, error) {
		if len(records) == 0 {
			return store.Record{}, io.EOF
		}
		r := records[0]
		records = records[1:]
		return r, nil
	}
}

// rich fills a store with one of everything, and more than a page of people.
func rich(t *testing.T, s *Store) {
	t.Helper()
	fill(t, s, 1100)
	ldap := identity.ServiceKey{Type: "ldap", ExternalID: strings.Repeat("é", 512)}
	if _, err := s.CreateService(t.Context(), actor, ldap, "L\u2028\"<&>"); err != nil {
		t.Fatal(err)
	}
	first := "Ål"
	long := identity.Matcher{"cn": strings.Repeat("x", 1000), "ou": strings.Repeat("\U0001F600", 250)}
	users, err := s.UpsertUsers(t.Context(), store.Actor{Name: "alice's laptop", RequestID: "r-2", Address: "192.0.2.7"}, []store.UserWrite{
		{Key: "bot", Type: identity.Bot, Mappings: []store.MappingWrite{{Service: ldap, Matcher: long, AccountID: "S-1-5-21"}}},
		{Key: "é@acme.com", Name: " é@ACME.com", FirstName: &first, Mappings: []store.MappingWrite{
			{Service: okta, Matcher: identity.Matcher{"user_id": "00u"}, Source: identity.FromRule, Rule: "r", Profile: map[string]string{"a": ""}}}},
		{Key: "gone@acme.com", Mappings: []store.MappingWrite{{Service: okta, Matcher: identity.Matcher{"user_id": "x"}}}},
		{Key: "bare@acme.com"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.SetRole(t.Context(), actor, users[1].ID, identity.Admin); err != nil {
		t.Fatal(err)
	}
	if _, err := s.DeleteUsers(t.Context(), actor, []store.UserDelete{{ID: users[2].ID}}); err != nil {
		t.Fatal(err)
	}
}

// From SQLite to PostgreSQL and back nothing is lost, and revisions go on.
func TestMoveThereAndBack(t *testing.T) {
	t.Parallel()
	stores := []*Store{
		openFile(t, newPath(t), Options{}), openURL(t, pgtest.URL(t), Options{}), openFile(t, newPath(t), Options{}),
	}
	rich(t, stores[0])
	want := export(t, stores[0])
	var counts store.Counts
	var latest int64
	for _, r := range want {
		counts.Add(r)
		if r.Change != nil {
			latest = r.Change.ID
		}
	}
	if counts.Users != 1103 || counts.Mappings != 1102 || counts.Services != 3 || counts.Changes != 1104 {
		t.Fatalf("exported %+v", counts)
	}
	for i, s := range stores[1:] {
		// A server with that service in its configuration has been there before.
		if _, err := s.CreateService(t.Context(), actor, okta, "of the configuration"); err != nil {
			t.Fatal(err)
		}
		got, err := s.Import(t.Context(), ImportOptions{}, source(export(t, stores[i])))
		if err != nil || got != counts {
			t.Fatalf("store %d: imported %+v, want %+v (%v)", i+1, got, counts, err)
		}
		if diff := cmp.Diff(want, export(t, s)); diff != "" {
			t.Fatalf("store %d (-first +now):\n%.2000s", i+1, diff)
		}
	}
	for i, s := range stores {
		users, err := s.UpsertUsers(t.Context(), actor, []store.UserWrite{{Key: "new@acme.com", Mappings: []store.MappingWrite{
			{Service: okta, Matcher: identity.Matcher{"user_id": "00u000001"}, Conditions: identity.Conditions{IfUnclaimed: true}}}}})
		if identity.CodeOf(err) != identity.CodeIdentityClaimed {
			t.Errorf("store %d: a claimed account: got %v, %v", i, users, err)
		}
		users, err = s.UpsertUsers(t.Context(), actor, people(5000, 5001, ""))
		if err != nil || users[0].Mappings[0].Revision <= latest {
			t.Errorf("store %d: the next revision is %v after %d (%v)", i, users, latest, err)
		}
	}
}

// idOf returns the id of a store.
func idOf(t *testing.T, s *Store) string {
	t.Helper()
	id, err := s.ID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Each store has an id of its own. An import into an empty store takes over the
// one that it is given, and one that fails leaves the store's own.
func TestStoreID(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, url string) {
		first := openFile(t, newPath(t), Options{})
		fill(t, first, 3)
		s := openURL(t, url, Options{})
		own := idOf(t, s)
		if own == idOf(t, first) || own != idOf(t, openURL(t, url, Options{})) {
			t.Errorf("the stores have the ids %s and %s", own, idOf(t, first))
		}
		for _, wrong := range []string{"x", strings.ToUpper(own), "{" + own + "}", own + "\x00"} {
			if _, err := s.Import(t.Context(), ImportOptions{StoreID: wrong}, source(export(t, first))); identity.CodeOf(err) != identity.CodeInvalid {
				t.Errorf("the id %q: got %v", wrong, err)
			}
		}
		bad := append(export(t, first), store.Record{})
		if _, err := s.Import(t.Context(), ImportOptions{StoreID: idOf(t, first)}, source(bad)); err == nil || idOf(t, s) != own {
			t.Errorf("after a failed import (%v) the id is %s, was %s", err, idOf(t, s), own)
		}
		if _, err := s.Import(t.Context(), ImportOptions{StoreID: idOf(t, first)}, source(export(t, first))); err != nil || idOf(t, s) != idOf(t, first) {
			t.Errorf("after the import (%v) the id is %s, want %s", err, idOf(t, s), idOf(t, first))
		}
	})
}

func TestImportRefuses(t *testing.T) {
	t.Parallel()
	sample := openFile(t, newPath(t), Options{})
	fill(t, sample, 3)
	good := export(t, sample)
	broken := errors.New("the pipe broke")
	edit := func(change func(u *store.UserRecord)) func() (store.Record, error) {
		u := *good[2].User
		u.Mappings = append([]store.MappingRecord{}, u.Mappings...)
		change(&u)
		return source(append(append([]store.Record{}, good[:2]...), store.Record{User: &u}))
	}
	service := func(change func(s *store.ServiceRecord)) func() (store.Record, error) {
		s := *good[1].Service
		change(&s)
		return source([]store.Record{good[0], {Service: &s}})
	}
	change := func(change func(c *identity.Change)) func() (store.Record, error) {
		c := *good[len(good)-1].Change
		after := *c.After
		c.After = &after
		change(&c)
		return source(append(append([]store.Record{}, good[:len(good)-1]...), store.Record{Change: &c}))
	}
	soon := time.Now().Add(10 * time.Minute)
	onBoth(t, func(t *testing.T, url string) {
		s := openURL(t, url, Options{})
		empty := export(t, s)
		for name, c := range map[string]struct {
			next func() (store.Record, error)
			says string
		}{
			"a user twice":     {source(append(append([]store.Record{}, good...), good[2])), "two records"},
			"a service twice":  {source(append(append([]store.Record{}, good[:2]...), good[1])), "twice"},
			"nothing":          {source([]store.Record{good[0], {}}), "exactly one"},
			"no service":       {source(good[2:]), "a service that the export does not hold"},
			"a sym identity":   {edit(func(u *store.UserRecord) { u.Mappings[0].Service = identity.SymCloud() }), "in sym:cloud is no mapping, but the user's own name"},
			"no external id":   {service(func(s *store.ServiceRecord) { s.Key.ExternalID = "" }), "the key \"okta:\""},
			"a bad name":       {edit(func(u *store.UserRecord) { u.Key = "Alice@acme.com" }), "the key"},
			"another type":     {edit(func(u *store.UserRecord) { u.Type = identity.Bot }), "the type"},
			"a bad id":         {edit(func(u *store.UserRecord) { u.ID = "x" }), "the id"},
			"a NUL byte":       {edit(func(u *store.UserRecord) { u.FirstName = "\x00" }), "NUL"},
			"invalid UTF-8":    {edit(func(u *store.UserRecord) { u.Mappings[0].Matcher = identity.Matcher{"user_id": "\xff"} }), "UTF-8"},
			"a long text":      {edit(func(u *store.UserRecord) { u.UpdatedBy = strings.Repeat("x", 10_240) }), "10240 bytes"},
			"a huge revision":  {edit(func(u *store.UserRecord) { u.Mappings[0].Revision = math.MaxInt64 }), "the revision 9223372036854775807"},
			"over 2^52":        {edit(func(u *store.UserRecord) { u.Mappings[0].Revision = 1<<52 + 1 }), "the revision 4503599627370497"},
			"a negative one":   {edit(func(u *store.UserRecord) { u.Mappings[0].Revision = -1 }), "the revision -1"},
			"a user's":         {edit(func(u *store.UserRecord) { u.Revision = math.MaxInt64 }), "the revision 9223372036854775807"},
			"a user's, -1":     {edit(func(u *store.UserRecord) { u.Revision = -1 }), "the revision -1"},
			"a service's":      {service(func(s *store.ServiceRecord) { s.Revision = 1<<52 + 1 }), "the revision 4503599627370497"},
			"a change's":       {change(func(c *identity.Change) { c.ID = math.MaxInt64 }), "the change 9223372036854775807"},
			"a change's, -1":   {change(func(c *identity.Change) { c.ID = -1 }), "the change -1"},
			"a value's":        {change(func(c *identity.Change) { c.After.Revision = math.MaxInt64 }), "a value of the revision 9223372036854775807"},
			"a future change":  {change(func(c *identity.Change) { c.At = soon }), "is in the future"},
			"a future value":   {change(func(c *identity.Change) { c.After.UpdatedAt = soon }), "is in the future"},
			"a future user":    {edit(func(u *store.UserRecord) { u.CreatedAt = soon }), "the user user0000000@acme.com has the time"},
			"two in a user":    {edit(func(u *store.UserRecord) { u.UpdatedAt, u.Mappings[0].UpdatedAt = soon, soon }), "the user user0000000@acme.com has the time"},
			"a future mapping": {edit(func(u *store.UserRecord) { u.Mappings[0].UpdatedAt = soon }), "the mapping of user0000000@acme.com in okta:acme.okta.com has the time"},
			"a future service": {service(func(s *store.ServiceRecord) { s.UpdatedAt = soon }), "is in the future"},
			"no time":          {edit(func(u *store.UserRecord) { u.CreatedAt = time.Time{} }), "0001-01-01T00:00:00Z, before 1970"},
			"no revision":      {edit(func(u *store.UserRecord) { u.Mappings[0].Revision = 0 }), "the revision 0"},
			"a mapping twice":  {edit(func(u *store.UserRecord) { u.Mappings = append(u.Mappings, u.Mappings[0]) }), "twice"},
			"a user without end": {func() func() (store.Record, error) {
				next := source(good[:2])
				return func() (store.Record, error) {
					if r, err := next(); err == nil {
						return r, nil
					}
					return good[2], nil
				}
			}(), "two records"},
			"a broken pipe": {func() func() (store.Record, error) {
				next := source(good[:4])
				return func() (store.Record, error) {
					r, err := next()
					if errors.Is(err, io.EOF) {
						err = broken
					}
					return r, err
				}
			}(), broken.Error()},
		} {
			counts, err := s.Import(t.Context(), ImportOptions{}, c.next)
			if err == nil || !strings.Contains(err.Error(), c.says) || counts != (store.Counts{}) {
				t.Errorf("%s: got %+v, %v, want %q in it", name, counts, err, c.says)
			}
			if diff := cmp.Diff(empty, export(t, s)); diff != "" {
				t.Fatalf("%s left something behind (-before +after):\n%s", name, diff)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		next := source(good)
		_, err := s.Import(ctx, ImportOptions{}, func() (store.Record, error) { defer cancel(); return next() })
		if identity.CodeOf(err) != identity.CodeUnavailable {
			t.Errorf("cancelled: got %v", err)
		}
		if _, err := s.Import(t.Context(), ImportOptions{}, source(good)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Import(t.Context(), ImportOptions{}, source(good)); identity.CodeOf(err) != identity.CodeInvalid || !strings.Contains(err.Error(), "not empty") {
			t.Errorf("a second import: got %v", err)
		}
	})
}

// What is written while an export runs is not in it, and does not wait for it.
func TestExportIsOneMoment(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, url string) {
		s := openURL(t, url, Options{})
		fill(t, s, 2*pageSize)
		n := 0
		err := s.Export(t.Context(), ExportOptions{History: true}, func(r store.Record) error {
			n++
			if n%500 == 0 {
				if _, err := s.UpsertUsers(t.Context(), actor, people(0, 2, fmt.Sprint(".", n))); err != nil {
					return err
				}
				if _, err := s.UpsertUsers(t.Context(), actor, people(9000+n, 9001+n, "")); err != nil {
					return err
				}
			}
			return nil
		})
		if want := 2 + 2*2*pageSize; err != nil || n != want {
			t.Errorf("%d records, want %d (%v)", n, want, err)
		}
		stop := errors.New("stop")
		if err := s.Export(t.Context(), ExportOptions{}, func(store.Record) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("got %v", err)
		}
	})
}

// A clock that goes back changes no order: revisions and a mapping's own times
// only grow.
func TestClockGoesBack(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, url string) {
		now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
		s := openURL(t, url, Options{Now: func() time.Time { return now }})
		fill(t, s, 0)
		var last identity.Mapping
		for i, step := range []time.Duration{0, -time.Hour, 24 * time.Hour, -48 * time.Hour} {
			now = now.Add(step)
			users, err := s.UpsertUsers(t.Context(), actor, people(1, 2, fmt.Sprint(".", i)))
			if err != nil {
				t.Fatal(err)
			}
			m := users[0].Mappings[0]
			if m.Revision <= last.Revision || m.UpdatedAt.Before(last.UpdatedAt) || m.UpdatedAt.Before(m.CreatedAt) {
				t.Errorf("step %d: %+v came after %+v", i, m, last)
			}
			last = m
		}
		changes, _, err := s.History(t.Context(), store.HistoryFilter{})
		if err != nil || len(changes) != 4 || changes[0].After.Revision != last.Revision {
			t.Errorf("got %v, %v", changes, err)
		}
	})
}
