// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package rules_test

import (
	"fmt"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

// The targets are 500,000 evaluations a second and core for regular expressions
// and maps, and 200,000 for CEL.

func BenchmarkRegex(b *testing.B) {
	benchmark(b, rules.Rule{
		Name: "names", ServiceType: "okta", ExternalID: new("acme.okta.com"),
		Match: new(`([a-z0-9]+)\.([a-z0-9]+)@acme\.com`), Identity: new("$1-$2@acme.example.com"),
	})
}

func BenchmarkRegexGreedy(b *testing.B) {
	benchmark(b, rules.Rule{
		Name: "greedy", ServiceType: "okta", Match: new(`(.+)\.(.+)@(?:.+\.)?acme\.com`), Identity: new("$1_$2"),
	})
}

func BenchmarkMap(b *testing.B) {
	people := map[string]string{"jane.doe@acme.com": "00u1"}
	for i := range 1000 {
		people[fmt.Sprintf("person-%d@acme.com", i)] = fmt.Sprintf("00u%d", i+2)
	}
	benchmark(b, rules.Rule{Name: "people", ServiceType: "okta", ExternalID: new("acme.okta.com"), Identities: people})
}

func BenchmarkMapWithoutExternalID(b *testing.B) {
	benchmark(b, rules.Rule{Name: "people", ServiceType: "okta", Identities: map[string]string{"jane.doe@acme.com": "00u1"}})
}

func BenchmarkCEL(b *testing.B) {
	benchmark(b, rules.Rule{
		Name: "cel", ServiceType: "okta",
		Expression: new(`user.domain == "acme.com" && user.role != "guest" ? user.local.replace(".", "-") + "@" + service.external_id : ""`),
	})
}

func BenchmarkCELIdentities(b *testing.B) {
	benchmark(b, rules.Rule{
		Name: "cel", ServiceType: "okta", Expression: new(`user.identities[?"github:acme"].orValue(user.local)`),
	})
}

// BenchmarkManyRules evaluates 50 rules for a user that only the last one matches.
func BenchmarkManyRules(b *testing.B) {
	var list []rules.Rule
	for i := range 49 {
		list = append(list, rules.Rule{Name: fmt.Sprint(i), ServiceType: "okta",
			Match: new(fmt.Sprintf(`(.+)\.(.+)@unit-%d\.acme\.com`, i)), Identity: new("$1_$2")})
	}
	list = append(list, rules.Rule{Name: "last", ServiceType: "okta", Match: new(`(.+)\.(.+)@acme\.com`), Identity: new("$1_$2")})
	benchmark(b, list...)
}

func benchmark(b *testing.B, list ...rules.Rule) {
	set, errs := rules.Compile(list)
	if len(errs) > 0 {
		b.Fatal(errs)
	}
	user := rules.Subject{Key: "jane.doe@acme.com", Role: identity.Member, FirstName: "Jane", LastName: "Doe",
		Identities: map[string]string{"github:acme": "jdoe"}}
	service := identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}
	b.ReportAllocs()
	for b.Loop() {
		if got, err := set.Evaluate(user, service); err != nil || got.Identity == "" {
			b.Fatal(got, err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "evaluations/s")
}
