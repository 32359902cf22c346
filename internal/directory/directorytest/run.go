// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directorytest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Run runs every case that Excuses does not name for s.Kind, in each way the
// connector can be asked: one by one, in batches, by walking its list.
func Run(t *testing.T, s Subject) {
	t.Helper()
	if err := s.check(); err != nil {
		t.Fatal(err)
	}
	captureLogs()
	ways := s.ways(t)
	for _, c := range caseTests() {
		var asked []way
		for _, way := range ways {
			if s.excused(c.name, way.name) == "" {
				asked = append(asked, way)
			}
		}
		if len(asked) == 0 {
			continue
		}
		t.Run(string(c.name), func(t *testing.T) {
			t.Parallel()
			for _, way := range asked {
				t.Run(way.name, func(t *testing.T) {
					t.Parallel()
					c.run(&trial{T: t, subject: s, way: way})
				})
			}
		})
	}
}

// check refuses a subject that would leave out more than is said.
func (s Subject) check() error {
	if _, known := Excuses()[s.Kind]; !known {
		return fmt.Errorf("Excuses does not know the kind %q", s.Kind)
	}
	if s.Variant == "" && len(s.Lacks) > 0 {
		return errors.New("only a Variant has Lacks; Excuses lists what a connector always lacks")
	}
	for name, reason := range s.Lacks {
		if !isCase(name) || reason == "" {
			return fmt.Errorf("Lacks[%q] = %q: it must name a case of the suite and a reason", name, reason)
		}
	}
	if s.Fake == nil {
		for _, name := range NeedsHTTP() {
			if s.excused(name, OneByOne) == "" {
				return fmt.Errorf("the case %q needs a Fake", name)
			}
		}
	}
	return nil
}

// way is one way of asking a connector. narrow hides its other abilities from
// Lookup.
type way struct {
	name   string
	narrow func(directory.Directory) directory.Directory
}

// lister prefers lookups to its list, which only answers ErrNeedsList.
type lister struct {
	directory.Directory
	directory.Lister
}

func (l lister) Describe() directory.Descriptor {
	d := l.Directory.Describe()
	d.LookupEvery, d.ListEvery = 0, time.Hour
	return d
}

type batches struct {
	directory.Directory
	directory.BatchFinder
}

type list struct {
	directory.Directory
	directory.Lister
}

func (l list) Describe() directory.Descriptor {
	d := l.Directory.Describe()
	d.Lookup = false
	return d
}

// ListOnly hides all abilities of a directory but its list.
func ListOnly(d directory.Directory) directory.Directory { return list{d, d.(directory.Lister)} }

// LookupsOnly makes Lookup use Find unless Find returns ErrNeedsList.
func LookupsOnly(d directory.Directory) directory.Directory {
	if l, ok := d.(directory.Lister); ok {
		return lister{d, l}
	}
	return struct{ directory.Directory }{d}
}

func batchesOnly(d directory.Directory) directory.Directory {
	if l, ok := d.(directory.Lister); ok {
		return struct {
			lister
			directory.BatchFinder
		}{lister{d, l}, d.(directory.BatchFinder)}
	}
	return batches{d, d.(directory.BatchFinder)}
}

// ways opens the connector once, on an empty world, to see what it can do.
func (s Subject) ways(tb testing.TB) []way {
	tb.Helper()
	env := Env{Secret: Secret, Clock: NewClock()}
	if s.Fake != nil {
		env.BaseURL = "http://127.0.0.1:1" // no request is sent
	}
	d, err := s.Open(tb, env)
	if err != nil {
		tb.Fatalf("Open: %v", err)
	}
	var ways []way
	if d.Describe().Lookup {
		ways = append(ways, way{OneByOne, LookupsOnly})
	}
	if _, ok := d.(directory.BatchFinder); ok {
		ways = append(ways, way{Batch, batchesOnly})
	}
	if _, ok := d.(directory.Lister); ok {
		ways = append(ways, way{ByWalk, ListOnly})
	}
	return ways
}

// trial is one case, asked in one way.
type trial struct {
	*testing.T
	subject Subject
	way     way
	clock   *Clock
	url     string // the fake's
	options directory.Options
}

// fault answers requests in place of the fake, or passes them on; n counts
// requests from 1.
type fault func(n int, w http.ResponseWriter, r *http.Request, fake http.Handler)

// open gives the connector on a world, its requests going through fault.
func (tr *trial) open(w World, f fault) directory.Directory {
	tr.Helper()
	tr.clock = NewClock()
	env := Env{Secret: Secret, Clock: tr.clock, World: w}
	if tr.subject.Fake != nil {
		fake := tr.subject.Fake(w)
		if f != nil {
			fake = &faulty{fault: f, fake: fake}
		}
		server := httptest.NewServer(fake)
		tr.Cleanup(server.Close)
		env.BaseURL, tr.url = server.URL, server.URL
	}
	d, err := tr.subject.Open(tr.T, env)
	if err != nil {
		tr.Fatalf("Open: %v", err)
	}
	return d
}

// lookup opens the connector on a world and asks for emails in the trial's way.
func (tr *trial) lookup(ctx context.Context, w World, f fault, emails ...string) ([]identity.LookupResult, error) {
	tr.Helper()
	d := directory.Cache(tr.way.narrow(tr.open(w, f)), tr.subject.Service, directory.Settings{Options: tr.options})
	defer d.Close()
	return directory.Lookup(ctx, d, tr.subject.Service, emails)
}

// want asks for email and compares the answer.
func (tr *trial) want(w World, f fault, email string, status identity.LookupStatus, ids ...string) {
	tr.Helper()
	answers, err := tr.lookup(tr.Context(), w, f, email)
	if err != nil {
		tr.Fatalf("Lookup(%q): %v", email, err)
	}
	if len(answers) != 1 || answers[0].Status != status || answers[0].Email != email {
		tr.Fatalf("Lookup(%q) = %+v, want status %s", email, answers, status)
	}
	var got []string
	for _, m := range matchers(answers[0]) {
		id, _ := m.Identity(tr.subject.Service.Type)
		got = append(got, id)
	}
	ids = tr.identities(w, ids)
	if fmt.Sprint(got) != fmt.Sprint(ids) {
		tr.Errorf("Lookup(%q) names %q, want %q", email, got, ids)
	}
}

// wantError asks for one person and expects the call to fail.
func (tr *trial) wantError(f fault, check func(error) bool, what string) error {
	tr.Helper()
	answers, err := tr.lookup(tr.Context(), tr.one(), f, ann)
	if err == nil {
		tr.Fatalf("Lookup = %+v, want an error: %s", answers, what)
	}
	if !check(err) {
		tr.Errorf("Lookup: %v, want an error: %s", err, what)
	}
	return err
}

const ann = "ann.lee@example.com"

// one returns a world with one person, found as ann.
func (tr *trial) one() World {
	return World{People: []Person{{ID: tr.subject.id(1), Emails: []string{ann}}}}
}

// few returns a world with five people; ann comes last.
func (tr *trial) few() World {
	var w World
	for n := range 4 {
		w.People = append(w.People, Person{ID: tr.subject.id(n + 2), Emails: []string{fmt.Sprintf("p%d@example.com", n)}})
	}
	w.People = append(w.People, tr.one().People...)
	return w
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

// matchers returns the account of an answer, or those it names.
func matchers(answer identity.LookupResult) []identity.Matcher {
	if answer.Matcher != nil {
		return []identity.Matcher{answer.Matcher}
	}
	named := make([]identity.Matcher, len(answer.Candidates))
	for i, c := range answer.Candidates {
		named[i] = c.Matcher
	}
	return named
}

// identities returns the identities of the people with ids.
func (tr *trial) identities(w World, ids []string) []string {
	if !tr.subject.AddressIsID {
		return ids
	}
	var found []string
	for _, id := range ids {
		for _, p := range w.People {
			if p.ID == id && !slices.Contains(found, p.Emails[0]) {
				found = append(found, p.Emails[0])
			}
		}
	}
	return found
}
