// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// identities weighs one sym_identities against a bare resource with the same
// map: the first apply, the plan after it, and one changed entry. Each round
// maps the people in a service of its own.
func (b *bench) identities(ctx context.Context) (_ []row, err error) {
	everybody := people(b.opts.people)
	keys := make([]identity.ServiceKey, b.opts.runs+1)
	services := make([]service, len(keys))
	for i := range keys {
		keys[i] = identity.ServiceKey{Type: "okta", ExternalID: fmt.Sprintf("round-%d.okta.com", i)}
		services[i].key = keys[i]
	}
	// The people are known: their first mapping would create them as well.
	api, err := b.serve(ctx, "identities-api", services, asUsers(everybody, keys[0], func(int) bool { return false }))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, api.close()) }()

	open := func(name, config string) (*workspace, error) {
		w, err := b.workspace(name, config)
		if err != nil {
			return nil, err
		}
		return w, w.writePeople(everybody)
	}
	var ours, floor *workspace // of the round
	applied, err := b.compare(ctx, "apply",
		func(ctx context.Context, round int) (_ usage, err error) {
			ours, err = open(fmt.Sprint("identities-", round), api.provider()+peopleLocal+fmt.Sprintf(`
resource "sym_identities" "all" {
  service_type = %q
  external_id  = %q
  identities   = local.people
}
`, keys[round].Type, keys[round].ExternalID))
			if err != nil {
				return usage{}, err
			}
			return api.counted(ctx, ours.apply)
		},
		func(ctx context.Context, round int) (_ usage, err error) {
			floor, err = open(fmt.Sprint("identities-floor-", round), fromFloor+peopleLocal+`
resource "floor_identities" "all" {
  identities = local.people
}
`)
			if err != nil {
				return usage{}, err
			}
			return floor.apply(ctx)
		})
	if err != nil {
		return nil, err
	}
	planned, err := b.compare(ctx, "plan",
		func(ctx context.Context, _ int) (usage, error) { return api.counted(ctx, ours.plan) },
		func(ctx context.Context, _ int) (usage, error) { return floor.plan(ctx) })
	if err != nil {
		return nil, err
	}

	everybody[len(everybody)/2].account += "x"
	if err := ours.writePeople(everybody); err != nil {
		return nil, err
	}
	changed, err := api.counted(ctx, ours.apply)
	if err != nil {
		return nil, err
	}

	what := "`sym_identities` of " + count(b.opts.people) + " people"
	return []row{
		applied.requests(what+": API requests of the first apply", 25),
		applied.cpu(what+": CPU of it, times the floor", 1.5),
		planned.requests(what+": API requests of the plan after it", 15),
		planned.cpu(what+": CPU of that plan, times the floor", 1.3),
		{what: what + ": mappings sent for one changed entry", measured: float64(changed.mappings), bound: exactly, target: 1},
	}, nil
}
