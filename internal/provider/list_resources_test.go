// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/querycheck"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

func TestListResources_filters(t *testing.T) {
	t.Parallel()
	api := stocked(t)
	api.registerAs("pagerduty:acme", "On call")
	p := newProtocolServer(t, nil, api.settings(map[string]any{"token": testGuestToken}))
	const ada, grace, zoe, bot = "ada@acme.com (member)", "grace@acme.com (admin)", "zoe@acme.com (member)", "deploy-bot (member)"
	for name, tt := range map[string]struct {
		typeName string
		config   map[string]any
		limit    int64
		want     []string
	}{
		"users":              {"sym_user", map[string]any{}, 0, []string{ada, bot, grace, zoe}},
		"people":             {"sym_user", map[string]any{"type": "normal"}, 0, []string{ada, grace, zoe}},
		"bots":               {"sym_user", map[string]any{"type": "bot"}, 0, []string{bot}},
		"admins":             {"sym_user", map[string]any{"role": "admin"}, 0, []string{grace}},
		"no bot is one":      {"sym_user", map[string]any{"role": "admin", "type": "bot"}, 0, []string{}},
		"some users":         {"sym_user", map[string]any{}, 2, []string{ada, grace}}, // those who were there first
		"services":           {"sym_service", map[string]any{}, 0, []string{"github:acme", "ldap:corp", "okta:acme.okta.com", "okta:beta.okta.com", "pagerduty:acme: On call"}},
		"services of a type": {"sym_service", map[string]any{"service_type": "okta"}, 0, []string{"okta:acme.okta.com", "okta:beta.okta.com"}},
		"of an unused type":  {"sym_service", map[string]any{"service_type": "slack"}, 0, []string{}},
		"managed services":   {"sym_service", map[string]any{"service_type": "sym"}, 0, []string{}},
		"some services":      {"sym_service", map[string]any{}, 1, []string{"github:acme"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			results, diags := (&protocolServer{t: t, server: p.server, schema: p.schema}).list(tt.typeName, tt.config, tt.limit, false, everything)
			wantDiagnostics(t, diags)
			if diff := cmp.Diff(tt.want, displayNames(results)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, r := range results {
				if r.Resource != nil {
					t.Errorf("%s has a resource that nobody asked for", r.DisplayName)
				}
			}
		})
	}
	// Terraform may stop in the middle.
	if results, diags := p.list("sym_service", map[string]any{}, 0, true, 2); len(results) != 2 || len(diags) > 0 {
		t.Errorf("%d results, %v", len(results), diags)
	}
	if results, diags := p.list("sym_user", map[string]any{}, 0, true, 2); len(results) != 2 || len(diags) > 0 {
		t.Errorf("%d results, %v", len(results), diags)
	}
}

func TestListResources_validate(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, nil)
	for name, tt := range map[string]struct {
		typeName string
		config   map[string]any
		want     []string
	}{
		"users":             {"sym_user", map[string]any{"type": "bot", "role": "guest"}, nil},
		"users, unknown":    {"sym_user", map[string]any{"type": unknown, "role": unknown}, nil},
		"users, wrong":      {"sym_user", map[string]any{"type": "person", "role": "owner"}, []string{`AttributeName("type") … "bot"`, `AttributeName("role") … "guest"`}},
		"services":          {"sym_service", map[string]any{"service_type": "okta"}, nil},
		"services, unknown": {"sym_service", map[string]any{"service_type": unknown}, nil},
		"services, wrong":   {"sym_service", map[string]any{"service_type": "Okta"}, []string{`AttributeName("service_type") … "Okta" is not a service type`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp, err := p.lister().ValidateListResourceConfig(t.Context(), &tfprotov6.ValidateListResourceConfigRequest{
				TypeName: tt.typeName, Config: p.value(p.schema.ListResourceSchemas[tt.typeName], tt.config),
			})
			p.must(err)
			wantDiagnostics(t, resp.Diagnostics, tt.want...)
		})
	}
}

func TestListResources_roundTrip(t *testing.T) {
	t.Parallel()
	api := stocked(t)
	api.registerAs("pagerduty:acme", "On call")
	p := newProtocolServer(t, nil, api.settings(map[string]any{"token": testGuestToken}))
	for typeName, want := range map[string]int{"sym_user": 4, "sym_service": 5} {
		if configs := p.roundTrip(typeName); len(configs) != want {
			t.Errorf("%s: %d configurations, want %d", typeName, len(configs), want)
		}
	}
}

func TestListResources_failures(t *testing.T) {
	t.Parallel()
	api := crowd(t, symapi.MaxPage+100)
	p := newProtocolServer(t, nil, api.settings())
	api.onRequest(func(r *http.Request) {
		if r.URL.Query().Has("cursor") || r.URL.Path == symapi.BasePath+"/services" {
			r.Method = http.MethodTrace
		}
	})
	// The second page fails: what came before is there, and so is the error.
	results, diags := p.list("sym_user", map[string]any{}, 0, false, everything)
	wantDiagnostics(t, diags, "Unable to List Users … GET /api/v1/users")
	if len(results) != symapi.MaxPage {
		t.Errorf("%d results before the error", len(results))
	}
	results, diags = p.list("sym_service", map[string]any{}, 0, false, everything)
	wantDiagnostics(t, diags, "Unable to List Services … GET /api/v1/services")
	if len(results) > 0 {
		t.Errorf("%d results of a list that failed", len(results))
	}
	wrong := newProtocolServer(t, nil, api.settings(map[string]any{"token": "wrong", "skip_credentials_validation": true}))
	for _, typeName := range []string{"sym_user", "sym_service"} {
		if _, diags := wrong.list(typeName, map[string]any{}, 0, false, everything); !hasError(diags) {
			t.Errorf("%s: a wrong token lists nothing without an error", typeName)
		}
	}
}

// TestAccListQuery lists through terraform query.
func TestAccListQuery(t *testing.T) {
	t.Parallel()
	s := stocked(t)
	query := s.provider() + `
list "sym_user" "bots" {
  provider         = sym
  include_resource = true
  config {
    type = "bot"
  }
}
list "sym_service" "okta" {
  provider         = sym
  include_resource = true
  config {
    service_type = "okta"
  }
}
`
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: testAccProtoV6ProviderFactories,
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_14_0)},
		Steps: []resource.TestStep{{
			Query: true, Config: query,
			QueryResultChecks: []querycheck.QueryResultCheck{
				querycheck.ExpectLength("list.sym_user.bots", 1),
				querycheck.ExpectLength("list.sym_service.okta", 2),
				querycheck.ExpectIdentity("list.sym_service.okta", map[string]knownvalue.Check{
					"service_type": knownvalue.StringExact("okta"), "external_id": knownvalue.StringExact("beta.okta.com"),
				}),
			},
		}},
	})
}
