// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package report

import (
	"fmt"
	"testing"
)

// large is a company of 10,000 people in three services: 300 pairs are unmapped,
// 500 accounts belong to nobody.
func large() Result {
	r := Result{Mapped: map[string]map[string]string{}, Accounts: map[string]AccountCounts{}, Leavers: []Leaver{}}
	for i := range 10_000 {
		r.People = append(r.People, fmt.Sprintf("person.number-%05d@engineering.acme.example", i))
	}
	for s, service := range []string{"okta:acme.okta.com", "github:acme-engineering", "slack:T0123456789"} {
		r.Services = append(r.Services, service)
		r.Mapped[service] = map[string]string{}
		for i, person := range r.People {
			if i%100 == s {
				r.Unmapped = append(r.Unmapped, Unmapped{User: person, Service: service, Reason: "not_found", Candidates: []Candidate{
					{Identity: fmt.Sprintf("person-%05d", i), Name: fmt.Sprintf("Person Number %05d", i), Why: "same_name"},
					{Identity: fmt.Sprintf("pn%05d", i), Name: fmt.Sprintf("Person Number %05d", i), Why: "same_local_part"},
					{Identity: fmt.Sprintf("p%05d", i), Name: fmt.Sprintf("Person Number %05d", i), Why: "handle"},
				}})
				continue
			}
			r.Mapped[service][person] = fmt.Sprintf("00u%05d", i)
		}
		r.Accounts[service] = AccountCounts{Persons: 10_000, Held: 9_900}
	}
	for i := range 500 {
		r.Orphans = append(r.Orphans, Orphan{Service: r.Services[i%3], Identity: fmt.Sprintf("former-%05d", i), AccountID: fmt.Sprint(i),
			Emails: []string{fmt.Sprintf("former.%05d@acme.example", i)}, Name: fmt.Sprintf("Former Person %05d", i), State: "inactive", Kind: "person"})
	}
	return r
}

// A page, a comment and a table of a large company can be kept and opened.
func TestLargeReportsStaySmall(t *testing.T) {
	t.Parallel()
	page, err := HTML(large())
	if err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int{"html": len(page), "csv": len(CSV(large()))} {
		if size > 5<<20 {
			t.Errorf("%s: %d bytes, want 5 MB at most", name, size)
		}
	}
}

// BenchmarkLarge measures the rendering; 2 s are the limit.
func BenchmarkLarge(b *testing.B) {
	r := large()
	for name, render := range map[string]func(Result) string{
		"markdown": Markdown, "csv": CSV,
		"html": func(r Result) string {
			page, err := HTML(r)
			if err != nil {
				b.Fatal(err)
			}
			return page
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.ReportMetric(float64(len(render(r))), "bytes")
			}
		})
	}
}
