// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// blockHCL is a resource block with arguments.
func blockHCL(typeName, name, arguments string) string {
	return fmt.Sprintf("resource %q %q {\n  %s\n}\n", typeName, name, arguments)
}

func movedHCL(typeName, from, to string) string {
	return fmt.Sprintf("moved {\n  from = %s.%s\n  to   = %s.%s\n}\n", typeName, from, typeName, to)
}

// forgetAndImportHCL moves what a resource stores to another one through the store.
func forgetAndImportHCL(typeName, from, to, id string) string {
	return fmt.Sprintf("removed {\n  from = %s.%s\n  lifecycle {\n    destroy = false\n  }\n}\nimport {\n  to = %s.%s\n  id = %q\n}\n", typeName, from, typeName, to, id)
}

const createFirst = "\n  lifecycle {\n    create_before_destroy = true\n  }"

// TestAccUser_ownership hands one user from resource to resource, with the identities
// that go with the user when it is deleted.
func TestAccUser_ownership(t *testing.T) {
	t.Parallel()
	const deletes, leaves = "email = \"ada@acme.com\"\n  delete_identities = true", "email = \"ada@acme.com\""
	s := newTestServer(t).register(testOkta)
	block := func(name, arguments string) string { return blockHCL("sym_user", name, arguments) }
	sameID := statecheck.CompareValue(compare.ValuesSame())
	is := func(name string) []statecheck.StateCheck {
		return []statecheck.StateCheck{sameID.AddStateValue("sym_user."+name, tfjsonpath.New("id"))}
	}
	kept := func() {
		t.Helper()
		s.wantStored("ada@acme.com", testOkta, "00u1", identity.Manual)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{Config: s.provider() + block("a", deletes+createFirst), ConfigStateChecks: is("a")},
			{ // -replace with create_before_destroy
				PreConfig: func() { s.mapping("ada@acme.com", testOkta, "00u1", identity.Manual) },
				Taint:     []string{"sym_user.a"}, Config: s.provider() + block("a", deletes+createFirst),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction("sym_user.a", plancheck.ResourceActionCreateBeforeDestroy),
				}},
				ConfigStateChecks: is("a"),
			},
			{ // renamed without a moved block
				PreConfig:   kept,
				Config:      s.provider() + block("b", deletes),
				ExpectError: regexp.MustCompile(`(?s)User Is Destroyed and Created in One Plan.*moved \{\s+from = sym_user\.OLD_NAME`),
			},
			{ // as the error says
				PreConfig: kept, Config: s.provider() + block("b", deletes) + movedHCL("sym_user", "a", "b"), ConfigStateChecks: is("b"),
			},
			{ // two resources for one e-mail
				PreConfig: kept, Config: s.provider() + block("b", deletes) + block("c", deletes), ConfigStateChecks: is("c"),
			},
			{ // the former owner goes
				PreConfig: kept, Config: s.provider() + block("c", deletes), ConfigStateChecks: is("c"),
			},
			{ // forgotten, and imported
				PreConfig: kept, Config: s.provider() + block("d", leaves) + forgetAndImportHCL("sym_user", "c", "d", "ada@acme.com"), ConfigStateChecks: is("d"),
			},
			{ // renamed without a moved block, where nothing can be lost
				PreConfig: kept, Config: s.provider() + block("e", leaves), ConfigStateChecks: is("e"),
			},
			{ // the owner's destroy deletes
				PreConfig: kept, Config: s.provider() + block("e", deletes), ConfigStateChecks: is("e"),
			},
		},
	})
	if u, there := s.storedUser("ada@acme.com"); there {
		t.Errorf("stored after destroy: %+v", u)
	}
}

// TestAccService_ownership hands one service, to which a mapping refers, from resource
// to resource.
func TestAccService_ownership(t *testing.T) {
	t.Parallel()
	const okta = "service_type = \"okta\"\n  external_id = \"acme.okta.com\"\n  label = \"Okta\""
	s := newTestServer(t)
	block := func(name, arguments string) string { return blockHCL("sym_service", name, arguments) }
	sameID := statecheck.CompareValue(compare.ValuesSame())
	is := func(name string) []statecheck.StateCheck {
		return []statecheck.StateCheck{sameID.AddStateValue("sym_service."+name, tfjsonpath.New("id"))}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		Steps: []resource.TestStep{
			{Config: s.provider() + block("a", okta+createFirst), ConfigStateChecks: is("a")},
			{ // -replace with create_before_destroy, while nothing else keeps the service
				Taint: []string{"sym_service.a"}, Config: s.provider() + block("a", okta+createFirst), ConfigStateChecks: is("a"),
			},
			{ // renamed without a moved block
				PreConfig: func() { s.mapping("ada@acme.com", testOkta, "00u1", identity.Manual) },
				Config:    s.provider() + block("b", okta), ConfigStateChecks: is("b"),
			},
			{Config: s.provider() + block("c", okta) + movedHCL("sym_service", "b", "c"), ConfigStateChecks: is("c")},
			{Config: s.provider() + block("c", okta) + block("d", okta), ConfigStateChecks: is("d")},
			{ // the former owner goes
				PreConfig: func() { s.unmap("ada@acme.com", testOkta) },
				Config:    s.provider() + block("d", okta), ConfigStateChecks: is("d"),
			},
			{
				Config:            s.provider() + block("e", okta) + forgetAndImportHCL("sym_service", "d", "e", testOkta),
				ConfigStateChecks: is("e"),
			},
		},
	})
	if found, there := s.service(testOkta); there {
		t.Errorf("registered after destroy: %+v", found)
	}
}
