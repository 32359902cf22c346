// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

var byServiceType = tftypes.Map{ElementType: tftypes.Map{ElementType: tftypes.String}}

func csvText(lines ...string) tftypes.Value {
	return tftypes.NewValue(tftypes.String, strings.Join(lines, "\n"))
}

func TestIdentitiesFromCSV(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, nil)
	got, failed := p.call("identities_from_csv", csvText("\ufeffUser ID,sym:cloud,okta:acme.okta.com,ldap:x,github:acme,User ID",
		"1,Ada@acme.com,00u1,`cn=Ada, ou=x`,,1", "2,bob@acme.com,00u2,,,2"))
	if failed != nil {
		t.Fatal(failed.Text)
	}
	want := object{
		"okta:acme.okta.com": object{"Ada@acme.com": "00u1", "bob@acme.com": "00u2"},
		"ldap:x":             object{"Ada@acme.com": "cn=Ada, ou=x"},
		"github:acme":        object{},
	}
	if diff := cmp.Diff(want, fromTerraform(got)); diff != "" {
		t.Error(diff)
	}
	if !got.Type().Equal(byServiceType) {
		t.Errorf("the result is a %s", got.Type())
	}
}

func TestIdentitiesFromCSV_errorsNameThePlace(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, nil)
	tests := map[string]struct {
		lines []string
		want  string
	}{
		"one":     {[]string{"sym:cloud,okta:x", "ada@acme.com"}, "Line 2: the row has 1 cell, but the header has 2 columns. Blank cells need their separator, and a value that holds a separator needs quotes"},
		"several": {[]string{"sym:cloud,okta:x", "ada@acme.com,a b ", "ADA@acme.com,1"}, "The CSV has 2 problems:\n- line 2, column okta:x: … \n- line 3, column sym:cloud: \"ADA@acme.com\" is the same user as \"ada@acme.com\" on line 2"},
		"empty":   {nil, "Line 1: the file is empty"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, failed := p.call("identities_from_csv", csvText(test.lines...))
			if failed == nil || failed.FunctionArgument == nil || *failed.FunctionArgument != 0 {
				t.Fatalf("no error of the first argument: %+v", failed)
			}
			for part := range strings.SplitSeq(test.want, " … ") {
				if !strings.Contains(failed.Text, part) {
					t.Errorf("the error lacks %q:\n%s", part, failed.Text)
				}
			}
			if strings.HasSuffix(failed.Text, ".") {
				t.Errorf("the CLI would put a second full stop behind %q", failed.Text)
			}
		})
	}
}

func TestIdentitiesToCSV(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, nil)
	tests := map[string]struct {
		in   object
		want string
	}{
		"two services": {object{
			"okta:acme.okta.com": object{"bob@acme.com": "00u2", "Ada@acme.com": "00u1"},
			"ldap:x":             object{"Ada@acme.com": "cn=Ada, ou=x"},
		}, "sym:cloud,ldap:x,okta:acme.okta.com\nAda@acme.com,\"cn=Ada, ou=x\",00u1\nbob@acme.com,,00u2\n"},
		"nulls": {object{"okta:x": object{"ada@acme.com": nil, "bob@acme.com": "1"}, "github:acme": nil}, "sym:cloud,github:acme,okta:x\nbob@acme.com,,1\n"},
		"empty": {object{}, "sym:cloud\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, failed := p.call("identities_to_csv", toTerraform(byServiceType, test.in))
			if failed != nil {
				t.Fatal(failed.Text)
			}
			if diff := cmp.Diff(test.want, fromTerraform(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestIdentitiesToCSV_unknownStaysUnknown(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, nil)
	for _, in := range []object{{"okta:x": unknown}, {"okta:x": object{"ada@acme.com": unknown, "@": "1"}}} {
		got, failed := p.call("identities_to_csv", toTerraform(byServiceType, in))
		if failed != nil {
			t.Fatal(failed.Text)
		}
		if got.IsKnown() {
			t.Errorf("%v gave %v", in, got)
		}
	}
}

func TestIdentitiesToCSV_errorsNameServiceAndUser(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, nil)
	_, failed := p.call("identities_to_csv", toTerraform(byServiceType, object{
		"okta":   object{"ada@acme.com": "1"},
		"okta:x": object{"ada@acme.com": "1", "ADA@acme.com": "2", "bob@acme.com": " 3"},
	}))
	if failed == nil || failed.FunctionArgument == nil || *failed.FunctionArgument != 0 {
		t.Fatalf("no error of the first argument: %+v", failed)
	}
	for _, want := range []string{`"okta" is not a service key`, `"ADA@acme.com" and "ada@acme.com" are the same user`, `user "bob@acme.com"`} {
		if !strings.Contains(failed.Text, want) {
			t.Errorf("the error lacks %q:\n%s", want, failed.Text)
		}
	}
}

// A company of 1,000 goes through both functions and comes back the same.
func TestIdentitiesCSV_thousandPeople(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, nil)
	const people = 1000
	want := object{"github:acme": object{}, "okta:acme.okta.com": object{}, "slack:T23456789": object{}}
	rows := []string{"sym:cloud,github:acme,okta:acme.okta.com,slack:T23456789,User ID"}
	for i := range people {
		name, login := fmt.Sprintf("Person.%04d@acme.com", i), ""
		if i%3 == 0 {
			login = fmt.Sprintf("dev-%d", i)
			want["github:acme"].(object)[name] = login
		}
		want["okta:acme.okta.com"].(object)[name] = fmt.Sprintf("00u%d", i)
		want["slack:T23456789"].(object)[name] = fmt.Sprintf("U%d", i)
		rows = append(rows, fmt.Sprintf("%s,%s,00u%d,U%d,id-%d", name, login, i, i, i))
	}
	parsed, failed := p.call("identities_from_csv", csvText(rows...))
	if failed != nil {
		t.Fatal(failed.Text)
	}
	if diff := cmp.Diff(want, fromTerraform(parsed)); diff != "" {
		t.Fatal(diff)
	}
	rendered, failed := p.call("identities_to_csv", parsed)
	if failed != nil {
		t.Fatal(failed.Text)
	}
	again, failed := p.call("identities_from_csv", rendered)
	if failed != nil {
		t.Fatal(failed.Text)
	}
	if diff := cmp.Diff(want, fromTerraform(again)); diff != "" {
		t.Error(diff)
	}
}
