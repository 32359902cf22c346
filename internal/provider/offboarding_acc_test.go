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
	okta, _ := kept(testOkta, oneOf("00un", "Nora Lindqvist", wasHere, "nora@acme.example"), oneOf("00uo", "Omar Oz", worksHere, "omar@acme.example"))
	github, _ := kept(testGitHub, oneOf("omar", "Omar Oz", wasHere, "omar@acme.example"), oneOf("nora-l", "", worksHere), oneOf("gus-host", "Gus Host", worksHere))
	s := newTestServer(t, withDirectory(testOkta, okta), withDirectory(testGitHub, github)).register(testOkta, testGitHub, slack)
	s.mapping("nora@acme.example", testGitHub, "nora-l", identity.Manual) // Okta found her by e-mail, and nothing of it is stored
	s.mapping("nora@acme.example", slack, "U0NORA", identity.FromEmail)
	s.mapping("omar@acme.example", testOkta, "00uo", identity.Manual)
	s.mapping("omar@acme.example", testGitHub, "omar", identity.Manual) // a suspended seat
	config := s.provider() + readGuide(t, "offboarding.md").take(t, "main.tf", "check.tf", "orphans.tf", "stale.tf")
	texts := func(list ...string) knownvalue.Check {
		checks := make([]knownvalue.Check, len(list))
		for i, text := range list {
			checks[i] = knownvalue.StringExact(text)
		}
		return knownvalue.ListExact(checks)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{Config: config, ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownOutputValue("leavers", knownvalue.ListExact([]knownvalue.Check{knownvalue.ObjectExact(map[string]knownvalue.Check{
					"user": knownvalue.StringExact("nora@acme.example"), "reason": knownvalue.StringExact("inactive"),
					"mappings": knownvalue.ListExact([]knownvalue.Check{
						exactlyObject("service", testGitHub, "identity", "nora-l", "source", "store"),
						exactlyObject("service", slack, "identity", "U0NORA", "source", "store"),
					}),
				})})),
				statecheck.ExpectKnownOutputValue("orphans", texts(testGitHub+" gus-host")),
				statecheck.ExpectKnownOutputValue("offboarding", knownvalue.ListExact([]knownvalue.Check{
					exactlyObject("user", "omar@acme.example", "service", testGitHub, "identity", "omar", "source", "store", "account", "inactive"),
				})),
			}},
			{Config: config, ConfigPlanChecks: emptyPlan},
		},
	})
}
