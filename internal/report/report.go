// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package report renders the result of a pass over people and services for
// people who would rather look: as one static HTML page, as Markdown for a pull
// request, and as CSV.
//
// Names and addresses come from services that other people fill in. Everything is
// escaped, and text that changes the reading direction stays in its own cell.
package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// Result is what a pass found. Lists may be in any order and are not changed. A nil
// list was not asked for, and gets no section; an empty one was, and nothing is in it.
// In JSON, the fields are called as the attributes of sym_resolved_identities.
type Result struct {
	People   []string                     `json:"-"`
	Services []string                     `json:"-"` // service keys
	Mapped   map[string]map[string]string `json:"-"` // service key to user to identity
	Unmapped []Unmapped
	Orphans  []Orphan
	Leavers  []Leaver
	Stale    []Stale
	Exempt   map[string]map[string]string // service key to user to reason
	Accounts map[string]AccountCounts     `json:"account_counts"` // by service key
}

// Unmapped is a person without an account in a service.
type Unmapped struct {
	User, Service, Reason string
	Candidates            []Candidate
}

// Candidate is an account that may be the person's. It was used for nothing.
type Candidate struct{ Identity, Name, Why string }

// Orphan is an account of a person that nobody resolves to.
type Orphan struct {
	Service, Identity, Name, State, Kind string
	AccountID                            string `json:"account_id"`
	Emails                               []string
}

// Leaver is a person who left and still holds accounts.
type Leaver struct {
	User, Reason string
	Held         []Held `json:"mappings"`
}

// Held is an account that somebody holds.
type Held struct{ Service, Identity, Source string }

// Stale is a stored identity that rules or the service would no longer give.
type Stale struct {
	User, Service, Stored string
	Source                string `json:"stored_source"`
	Current, Reason       string
}

// AccountCounts counts the accounts of a service. Persons is the sum of held,
// resolved, orphans and ambiguous.
type AccountCounts struct{ Persons, Held, Resolved, Orphans, Ambiguous, Bots, Guests int64 }

// coverage is one service's part of a report.
type coverage struct {
	Service                  string
	Mapped, Unmapped, Exempt int
	Percent                  int // of those who are not exempt; 100 only if all are mapped
	Accounts                 *AccountCounts
	Anchor                   string
	UnmappedRows             []Unmapped
	OrphanRows               []Orphan
	ShowsCandidate           bool
}

// page is a Result in the order of a report: sorted, and counted by service.
type page struct {
	Result

	Coverage       []coverage
	Complete       int // people who have an account, or an exemption, in every service
	UnmappedPeople int // people, not pairs
	Exemptions     []exemption

	HasOrphans, HasLeavers, HasStale bool // they were asked for
}

type exemption struct{ Service, User, Reason string }

// arrange sorts and counts a result.
func arrange(r Result) page {
	p := page{Result: r, HasOrphans: r.Orphans != nil, HasLeavers: r.Leavers != nil, HasStale: r.Stale != nil}
	p.People = slices.Sorted(slices.Values(r.People))
	p.Unmapped = slices.SortedFunc(slices.Values(r.Unmapped), func(a, b Unmapped) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.User, b.User))
	})
	p.Orphans = slices.SortedFunc(slices.Values(r.Orphans), func(a, b Orphan) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Identity, b.Identity))
	})
	p.Leavers = slices.SortedFunc(slices.Values(r.Leavers), func(a, b Leaver) int { return cmp.Compare(a.User, b.User) })
	p.Stale = slices.SortedFunc(slices.Values(r.Stale), func(a, b Stale) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.User, b.User))
	})
	for _, service := range slices.Sorted(maps.Keys(r.Exempt)) {
		for _, user := range slices.Sorted(maps.Keys(r.Exempt[service])) {
			p.Exemptions = append(p.Exemptions, exemption{service, user, r.Exempt[service][user]})
		}
	}
	unmapped, people := map[string][]Unmapped{}, map[string]bool{}
	for _, u := range p.Unmapped {
		unmapped[u.Service] = append(unmapped[u.Service], u)
		people[u.User] = true
	}
	orphans := map[string][]Orphan{}
	for _, o := range p.Orphans {
		orphans[o.Service] = append(orphans[o.Service], o)
	}
	p.UnmappedPeople = len(people)
	p.Complete = len(p.People) - len(people)
	for i, service := range slices.Sorted(slices.Values(r.Services)) {
		c := coverage{Service: service, Anchor: fmt.Sprintf("service-%d", i+1), Mapped: len(r.Mapped[service]), Unmapped: len(unmapped[service]),
			UnmappedRows: unmapped[service], OrphanRows: orphans[service], Percent: 100}
		c.Exempt = max(0, min(len(r.Exempt[service]), len(r.People)-c.Mapped-c.Unmapped))
		if all := c.Mapped + c.Unmapped; c.Unmapped > 0 {
			c.Percent = min(99, c.Mapped*100/all)
		}
		c.ShowsCandidate = slices.ContainsFunc(c.UnmappedRows, func(u Unmapped) bool { return len(u.Candidates) > 0 })
		if counts, ok := r.Accounts[service]; ok {
			c.Accounts = &counts
		}
		p.Coverage = append(p.Coverage, c)
	}
	return p
}

// why returns a candidate's fact in words.
func why(fact string) string {
	switch fact {
	case "same_local_part":
		return "same name at another address"
	case "same_name":
		return "same full name"
	case "handle":
		return "handle equals the name"
	}
	return "an exact fact"
}
