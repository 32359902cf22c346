// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// TestAccOffboardingGuide runs the guide's blocks: who left, by the identity
// provider, is listed with everything they still have, and the next plan is
// empty.
func TestAccOffboardingGuide(t *testing.T) {
	t.Parallel()
	const slack = "slack:T024BE7LD"
	people := directoryOf("nora@acme.com", "00un", "omar@acme.com", "00uo").deactivate("nora@acme.com")
	s := newTestServer(t, withAccounts(testOkta, accountDirectory{testDirectory: people})).register(testOkta, testGitHub, slack)
	s.mapping("nora@acme.com", testOkta, "00un", identity.FromEmail)
	s.mapping("nora@acme.com", testGitHub, "nora-l", identity.Manual)
	s.mapping("nora@acme.com", slack, "U0NORA", identity.FromEmail)
	s.mapping("omar@acme.com", testOkta, "00uo", identity.Manual)
	s.mapping("omar@acme.com", testGitHub, "omar", identity.Manual)
	config := s.provider() + readGuide(t, "offboarding.md").take(t, "main.tf", "leavers.tf", "check.tf")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{Config: config, ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownOutputValue("offboarding", knownvalue.ListExact([]knownvalue.Check{
					exactlyObject("user", "nora@acme.com", "service", testOkta, "identity", "00un", "source", "store", "account", "inactive"),
				})),
				statecheck.ExpectKnownOutputValue("to_remove", knownvalue.ObjectExact(map[string]knownvalue.Check{
					"nora@acme.com": exactly(testOkta, "00un", testGitHub, "nora-l", slack, "U0NORA"),
				})),
			}},
			{Config: config, ConfigPlanChecks: emptyPlan},
		},
	})
}
