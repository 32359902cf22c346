// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// declared weighs a plan over many sym_identity resources against one over as
// many of Terraform's own terraform_data, and so a provider that merely echoes:
// it shows how much of the difference is Terraform's talking to any provider.
// All are in state already.
func (b *bench) declared(ctx context.Context) (_ []row, err error) {
	okta := identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}
	everybody := people(b.opts.declared)
	api, err := b.serve(ctx, "declared-api", []service{{key: okta}}, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, api.close()) }()

	ours, err := b.workspace("declared", api.provider()+peopleLocal+mappingEach("sym_identity", okta))
	if err != nil {
		return nil, err
	}
	floor, err := b.workspace("declared-floor", peopleLocal+`
resource "terraform_data" "people" {
  for_each = local.people
  input    = each.value
}
`)
	if err != nil {
		return nil, err
	}
	echo, err := b.workspace("declared-echo", "terraform {\n  required_providers {\n    echo = {\n      source = \"sym-identity/echo\"\n    }\n  }\n}\n"+peopleLocal+mappingEach("echo_identity", okta))
	if err != nil {
		return nil, err
	}
	for _, w := range []*workspace{ours, echo, floor} {
		if err := w.writePeople(everybody); err != nil {
			return nil, err
		}
		b.say("applying %s once", filepath.Base(w.dir))
		if _, err := w.apply(ctx); err != nil {
			return nil, err
		}
	}
	p, err := b.compare(ctx, "plan",
		func(ctx context.Context, _ int) (usage, error) { return api.counted(ctx, ours.plan) },
		func(ctx context.Context, _ int) (usage, error) { return floor.plan(ctx) })
	if err != nil {
		return nil, err
	}
	least, err := b.compare(ctx, "echoing plan",
		func(ctx context.Context, _ int) (usage, error) { return echo.plan(ctx) },
		func(ctx context.Context, _ int) (usage, error) { return floor.plan(ctx) })
	if err != nil {
		return nil, err
	}
	what := "plan over " + count(b.opts.declared)
	echoed := least.cpu(what+" `echo_identity`: CPU, times that of `terraform_data`", 0)
	echoed.bound = none
	return []row{
		p.requests(what+" `sym_identity`: API requests", float64(b.opts.declared/1000+20)),
		p.cpu(what+" `sym_identity`: CPU, times that of `terraform_data`", 1.25),
		echoed,
	}, nil
}

// mappingEach is one resource of a type for each of local.people.
func mappingEach(resourceType string, service identity.ServiceKey) string {
	return fmt.Sprintf(`
resource %q "people" {
  for_each     = local.people
  user         = each.key
  service_type = %q
  external_id  = %q
  identity     = each.value
}
`, resourceType, service.Type, service.ExternalID)
}
