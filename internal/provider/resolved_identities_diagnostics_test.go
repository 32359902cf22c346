// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
)

func TestBulkReport_golden(t *testing.T) {
	t.Parallel()
	okta, github := mustService(testOkta), mustService(testGitHub)
	config := &bulkConfig{
		users: []identity.UserKey{"ada@acme.com", "bob@acme.com", "carol@acme.com"}, services: []identity.ServiceKey{okta, github},
		names: map[identity.UserKey]string{"ada@acme.com": "Ada@ACME.com"}, checkStale: true,
	}
	answers := []resolve.Resolution{
		{User: "ada@acme.com", Service: okta, Matcher: identity.Matcher{"user_id": "00u1"}, Source: resolve.Store, StoredSource: identity.FromEmail, Stale: true, Fresh: identity.Matcher{"user_id": "00u9"}},
		{User: "bob@acme.com", Service: okta, Reason: resolve.Claimed, Holder: "ada@acme.com", Candidates: []identity.Candidate{{Matcher: identity.Matcher{"user_id": "00u1"}}}},
		{User: "carol@acme.com", Service: okta, Reason: resolve.Ambiguous, Candidates: []identity.Candidate{{Matcher: identity.Matcher{"user_id": "00u2"}}, {Matcher: identity.Matcher{"user_id": "00u3"}}}},
		{User: "ada@acme.com", Service: github, Reason: resolve.Inactive},
		{User: "bob@acme.com", Service: github, Reason: resolve.NotFound, LookupEmail: "robert@acme.com"},
		{User: "carol@acme.com", Service: github, Matcher: identity.Matcher{"user_id": "carol"}, Source: resolve.Store, StoredSource: identity.Manual, Stale: true, Account: identity.AccountInactive},
	}
	var diags diag.Diagnostics
	summarize(config, answers).report(&diags)
	want := diag.Diagnostics{
		diag.NewErrorDiagnostic("Unmapped Users", `No identity was found for 4 of 6 pairs of user and service:

  service             ambiguous  claimed  inactive  not_found
  okta:acme.okta.com  1          1        0         0
  github:acme         0          0        1         1

  bob@acme.com in okta:acme.okta.com: claimed, the account that was found, 00u1, belongs to ada@acme.com; in github:acme: not_found, no account there has the e-mail robert@acme.com
  carol@acme.com in okta:acme.okta.com: ambiguous, several accounts there have this e-mail: 00u2, 00u3
  Ada@ACME.com in github:acme: inactive, the account there with this e-mail is inactive

inactive: take people who left out of this configuration.
ambiguous: decide which of the accounts is the right one.
claimed: if the account is not its holder's, correct that mapping instead.

Map them by hand. Add the resource, add declared to the data source, and fill in the blanks:

  resource "sym_identity" "ada_github" {
    user         = "ada@acme.com"
    service_type = "github"
    external_id  = "acme"
    identity     = "" # fill in the GitHub login, as in octocat, not a number
  }
  
  resource "sym_identity" "bob_okta" {
    user         = "bob@acme.com"
    service_type = "okta"
    external_id  = "acme.okta.com"
    identity     = "" # fill in the Okta user ID, as in 00u1ab2cd3EF4gh5i6j7
  }
  
  resource "sym_identity" "carol_okta" {
    user         = "carol@acme.com"
    service_type = "okta"
    external_id  = "acme.okta.com"
    identity     = "" # fill in the Okta user ID, as in 00u1ab2cd3EF4gh5i6j7
  }
  
  declared = {
    "github:acme" = {
      "ada@acme.com" = sym_identity.ada_github.identity
    }
    "okta:acme.okta.com" = {
      "bob@acme.com"   = sym_identity.bob_okta.identity
      "carol@acme.com" = sym_identity.carol_okta.identity
    }
  }

With on_unmapped = "warn" the attributes unmapped and hcl have everybody.`),
		diag.NewWarningDiagnostic("Identities to Review: 00u1 in okta:acme.okta.com and 2 more", `Several users have or claim one account:

  00u1 in okta:acme.okta.com: Ada@ACME.com, bob@acme.com

One of them would have the other's access. Correct the mapping that is wrong; where they really share the account, nothing is to be done.

Accounts of mappings are inactive or gone:

  carol@acme.com in github:acme: carol (stored, manual) is inactive

For people who left, remove the mapping and take them out of this configuration. For people who have another account now, declare that one.

Rules and services contradict what is stored:

  Ada@ACME.com in okta:acme.okta.com: 00u1 is stored (email), now it is 00u9

What is stored stays the answer until somebody maps the user by hand: declare the account that is right.

The attributes collisions, offboarding and stale have all of them.`),
	}
	if diff := cmp.Diff(want, diags); diff != "" {
		t.Errorf("diagnostics (-want +got):\n%s", diff)
	}
}

// TestPasteBlocks_namesAreUnique: people share local parts, and one person is
// in two services of a type. Terraform refuses a name that is used twice.
func TestPasteBlocks_namesAreUnique(t *testing.T) {
	t.Parallel()
	var unmapped []resolve.Resolution
	for _, user := range []identity.UserKey{"ada@b.com", "ada@a.com", "ada_okta_2@a.com", "☃@a.com", "☂@a.com", "ada.okta@a.com", "ada@c.com"} {
		for _, service := range []string{"okta:b", "okta:a", "okta_2:x", "auth0:acme"} {
			unmapped = append(unmapped, resolve.Resolution{User: user, Service: mustService(service), Reason: resolve.NotFound})
		}
	}
	file, diags := hclparse.NewParser().ParseHCL([]byte(pasteBlocks(unmapped)), "pasted.tf")
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	seen := map[string]bool{}
	var order []string
	for _, block := range file.Body.(*hclsyntax.Body).Blocks {
		name := block.Labels[1]
		if seen[name] || !hclsyntax.ValidIdentifier(name) {
			t.Errorf("the name %s is used twice or none", name)
		}
		seen[name] = true
		text := func(attribute string) string {
			value, diags := block.Body.Attributes[attribute].Expr.Value(nil)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			return value.AsString()
		}
		order = append(order, fmt.Sprintf("%s:%s %s", text("service_type"), text("external_id"), text("user")))
	}
	if len(order) != 21 {
		t.Errorf("%d blocks", len(order))
	}
	for i := 1; i < len(order); i++ {
		if order[i-1] >= order[i] {
			t.Errorf("%s stands before %s", order[i-1], order[i])
		}
	}
	if got := pasteBlocks(nil); got != "" {
		t.Errorf("nobody is unmapped: %q", got)
	}
}
