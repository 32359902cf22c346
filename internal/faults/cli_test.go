// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package faults

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/sym-identity/terraform-provider-sym/internal/provider"
)

// TestAccFaults creates, changes and destroys with a real CLI.
func TestAccFaults(t *testing.T) {
	t.Parallel()
	d := startDaemon(t, "sqlite:identities.db", "")
	p := newProxy(t, 11, d, passing, 3, 3, 60)
	config := func(bulk, single int, suffix string) string {
		return fmt.Sprintf(`
provider "sym" {
  org         = %q
  api_url     = %q
  token       = %q
  max_retries = 10
}
resource "sym_identities" "okta" {
  service_type = "okta"
  external_id  = "acme.okta.com"
  identities   = { for i in range(%d) : "person.${i}@acme.example" => "00u${i}%s" }
  max_removals = 50 # the second step drops as many
}
resource "sym_identity" "slack" {
  count        = %d
  user         = "person.${count.index * 3}@acme.example"
  service_type = "slack"
  external_id  = "T0ACME"
  identity     = "U${count.index}%s"
}`, org, p.apiURL(), token, bulk, suffix, single, suffix)
	}
	// The acknowledged mappings, kept as a team keeps them.
	acked := newTeam("cli", nil, p.apiURL(), 0)
	note := func(bulk, single int, suffix string) {
		rows := map[string]string{}
		acked.want = declared{}
		for i := range bulk {
			rows[person(i)] = fmt.Sprintf("00u%d%s", i, suffix)
			acked.want[place{person(i), bulkService}] = rows[person(i)]
		}
		acked.ackRows(rows)
		for i := range single {
			at := place{person(i * 3), singleService}
			acked.want[at] = fmt.Sprintf("U%d%s", i, suffix)
			acked.ack(at, acked.want[at])
		}
	}
	stored := func() {
		p.settle()
		checkStore(t.Context(), t, d, acked.want, acked.acked, acked.acked, true)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: map[string]func() (tfprotov6.ProviderServer, error){
			"sym": func() (tfprotov6.ProviderServer, error) {
				return providerserver.NewProtocol6(provider.New("test")())(), nil
			},
		},
		Steps: []resource.TestStep{
			{Config: config(200, 20, "")},
			{PreConfig: func() { note(200, 20, "") }, Config: config(150, 20, "B")},
			{
				PreConfig: func() {
					note(150, 20, "B")
					stored()
				},
				Config:           config(150, 20, "B"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			},
		},
	})
	t.Logf("%d kills; %s", d.kills, p.tally())
}
