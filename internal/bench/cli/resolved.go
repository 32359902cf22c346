// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// resolved weighs one sym_resolved_identities against a bare data source. A
// third of the people are in the store, a third are a rule's and a third are
// known to the service.
func (b *bench) resolved(ctx context.Context) (_ []row, err error) {
	okta := identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}
	everybody := people(b.opts.people)
	var found []person
	for i := range everybody {
		switch i % 3 {
		case 1:
			everybody[i].email = fmt.Sprintf("person.%06d@contractor.acme.com", i)
		case 2:
			found = append(found, everybody[i])
		}
	}
	api, err := b.serve(ctx, "resolved-api", []service{{key: okta, csv: asCSV(found)}},
		asUsers(everybody, okta, func(i int) bool { return i%3 == 0 }))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, api.close()) }()

	const local = "locals {\n  users = split(\",\", file(\"emails.txt\"))\n}\n"
	ours, err := b.workspace("resolved", api.provider()+local+fmt.Sprintf(`
data "sym_resolved_identities" "all" {
  users    = local.users
  services = [{ service_type = %q, external_id = %q }]
  rules = [{
    name         = "contractors"
    service_type = %q
    match        = "(.+)@contractor\\.acme\\.com"
    identity     = "c-$1"
  }]
}
`, okta.Type, okta.ExternalID, okta.Type))
	if err != nil {
		return nil, err
	}
	floor, err := b.workspace("resolved-floor", fromFloor+local+fmt.Sprintf(`
data "floor_resolved" "all" {
  users   = local.users
  service = %q
}
`, okta))
	if err != nil {
		return nil, err
	}
	for _, w := range []*workspace{ours, floor} {
		if err := w.writePeople(everybody); err != nil {
			return nil, err
		}
	}
	p, err := b.compare(ctx, "plan",
		func(ctx context.Context, _ int) (usage, error) { return api.counted(ctx, ours.plan) },
		func(ctx context.Context, _ int) (usage, error) { return floor.plan(ctx) })
	if err != nil {
		return nil, err
	}
	what := "`sym_resolved_identities` of " + count(b.opts.people) + " people"
	rows := []row{
		p.requests(what+": API requests", 25),
		p.cpu(what+": CPU of the plan, times the floor", 1.5),
		p.wall(what+": time of the plan", 3),
	}
	if m := p.memory(what+": memory of the provider", 150); m.measured > 0 {
		rows = append(rows, m)
	}
	return rows, nil
}
