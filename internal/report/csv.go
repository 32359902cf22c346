// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package report

import (
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/symcsv"
)

// CSV returns one row for each mapped, unmapped, exempt, stale and left person of a
// service and each account of nobody. The first column says which. Several addresses
// or candidates share a cell, with a space between them.
func CSV(r Result) string {
	p := arrange(r)
	var b strings.Builder
	row := func(cells ...string) { symcsv.WriteRow(&b, cells) }
	row("kind", "service", "user", "identity", "reason", "name", "emails", "state", "source", "candidates")
	for _, c := range p.Coverage {
		for _, user := range p.People {
			if id, mapped := r.Mapped[c.Service][user]; mapped {
				row("mapped", c.Service, user, id, "", "", "", "", "", "")
			}
		}
	}
	for _, u := range p.Unmapped {
		candidates := make([]string, len(u.Candidates))
		for i, c := range u.Candidates {
			candidates[i] = c.Identity
		}
		row("unmapped", u.Service, u.User, "", u.Reason, "", "", "", "", strings.Join(candidates, " "))
	}
	for _, e := range p.Exemptions {
		row("exempt", e.Service, e.User, "", e.Reason, "", "", "", "", "")
	}
	for _, s := range p.Stale {
		row("stale", s.Service, s.User, s.Stored, s.Reason, "", "", "", s.Source, s.Current)
	}
	for _, l := range p.Leavers {
		for _, h := range l.Held {
			row("left", h.Service, l.User, h.Identity, l.Reason, "", "", "", h.Source, "")
		}
	}
	for _, o := range p.Orphans {
		row("orphan", o.Service, "", o.Identity, "", o.Name, strings.Join(o.Emails, " "), o.State, "", "")
	}
	return b.String()
}
