// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symcsv_test

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symcsv"
)

func TestRender(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		in   table
		want string
	}{
		{"nothing", nil, "sym:cloud\n"},
		{"sorted by service and user", table{
			slack:  {"bob@acme.com": "U2", "Ada@acme.com": "U1"},
			okta:   {"zoe@acme.com": "00u9", "bob@acme.com": "00u2"},
			github: {},
		}, lines("sym:cloud,github:acme,okta:acme.okta.com,slack:T23456789", "Ada@acme.com,,,U1", "bob@acme.com,,00u2,U2", "zoe@acme.com,,00u9,")},
		{"an empty identity is none", table{okta: {"ada@acme.com": "", "bob@acme.com": "1"}}, lines("sym:cloud,okta:acme.okta.com", "bob@acme.com,1")},
		{"one row for each user", table{okta: {"ADA@acme.com": "1"}, github: {" Ada@acme.com": "ada"}}, lines("sym:cloud,github:acme,okta:acme.okta.com", "Ada@acme.com,ada,1")},
		{"quotes", table{"custom:a, b": {"ada@acme.com": `x "y"`, "bob@acme.com": "`x`", "eve@acme.com": "a,b", "kim@acme.com": "a`b"}},
			lines(`sym:cloud,"custom:a, b"`, `ada@acme.com,"x ""y"""`, "bob@acme.com,\"`x`\"", `eve@acme.com,"a,b"`, "kim@acme.com,a`b")},
		{"what a spreadsheet would execute", table{"ldap:x": {"=1@acme.com": "=HYPERLINK(1)", "+a@acme.com": "-1", "b@acme.com": "@x", "c@acme.com": "'=1", "d@acme.com": "''x", "e@acme.com": "＝1", "f@acme.com": "=a,b", "'g@acme.com": "a=b"}},
			lines("sym:cloud,ldap:x", "'g@acme.com,a=b", "'+a@acme.com,'-1", "'=1@acme.com,'=HYPERLINK(1)", "b@acme.com,'@x", "c@acme.com,''=1", "d@acme.com,''x", "e@acme.com,'＝1", `f@acme.com,"'=a,b"`)},
		{"an identity that looks like a matcher", table{"ldap:x": {"ada@acme.com": `{"a":"b"}`}}, lines("sym:cloud,ldap:x", `ada@acme.com,"{""user_id"":""{\""a\"":\""b\""}""}"`)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := symcsv.Render(test.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if _, err := symcsv.Parse(got); err != nil {
				t.Errorf("it cannot be read back: %v", err)
			}
			checkNoFormula(t, got)
		})
	}
}

// checkNoFormula reads a text as a spreadsheet does and fails if a cell is a
// formula.
func checkNoFormula(t interface{ Errorf(string, ...any) }, text string) {
	r := csv.NewReader(strings.NewReader(text))
	r.LazyQuotes = true
	rows, err := r.ReadAll()
	if err != nil {
		t.Errorf("%v in %q", err, text)
	}
	for _, row := range rows {
		for _, c := range row {
			if c != "" && strings.ContainsAny(c[:1], "=+-@\t\r") {
				t.Errorf("a spreadsheet executes %q of %q", c, text)
			}
		}
	}
}

func TestRenderNamesAllThatIsWrong(t *testing.T) {
	t.Parallel()
	text, err := symcsv.Render(table{
		"okta":      {"ada@acme.com": "1"},
		"auth0:x":   {"ada@acme.com": "1"},
		"sym:cloud": {"ada@acme.com": "ada@acme.com"},
		okta:        {"ada@acme.com": "1", "ADA@acme.com": "2", "@": "3", "bob@acme.com": " 4"},
	})
	if err == nil || text != "" {
		t.Fatalf("got %q and the error %v", text, err)
	}
	for _, want := range []string{
		`service "okta": "okta" is not a service key`, `service "auth0:x": Identities of auth0:x cannot be`, `service "sym:cloud": Identities of sym:cloud cannot be`,
		`"ADA@acme.com" and "ada@acme.com" are the same user`, `"@" is not an e-mail`, `user "bob@acme.com": The identity " 4"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q:\n%v", want, err)
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != 6 {
		t.Errorf("%d lines, want 6:\n%v", n, err)
	}
}

func TestRenderMatchers(t *testing.T) {
	t.Parallel()
	text, err := symcsv.RenderMatchers(map[string]map[string]identity.Matcher{
		"scim:x": {"ada@acme.com": {"user_id": "2819", "realm": "a"}, "bob@acme.com": {"user_id": "2820"}, "eve@acme.com": {"uid": "e"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := lines("sym:cloud,scim:x", `ada@acme.com,"{""realm"":""a"",""user_id"":""2819""}"`, "bob@acme.com,2820", `eve@acme.com,"{""uid"":""e""}"`)
	if diff := cmp.Diff(want, text); diff != "" {
		t.Error(diff)
	}
}

// TestRenderRefusesWhatACellCannotHold names service, user and value of each.
func TestRenderRefusesWhatACellCannotHold(t *testing.T) {
	t.Parallel()
	text, err := symcsv.RenderMatchers(map[string]map[string]identity.Matcher{
		okta:       {"ada@acme.com": {"user_id": "00u1", "realm": "a"}, "bob@acme.com": {"user_id": "00u2"}, "eve@acme.com": {"user_id": `{"a":"b"}`}},
		"custom:x": {"ada@acme.com": {"user_id": `{"a":"b"}`}},
	})
	if err == nil || text != "" {
		t.Fatalf("got %q and the error %v", text, err)
	}
	problems := strings.Split(err.Error(), "\n")
	if len(problems) != 2 ||
		!strings.HasPrefix(problems[0], `service "okta:acme.okta.com", user "ada@acme.com": the matcher "realm=a, user_id=00u1" has more keys than user_id`) ||
		!strings.HasPrefix(problems[1], `service "okta:acme.okta.com", user "eve@acme.com": the cell "{\"a\":\"b\"}" is JSON`) {
		t.Errorf("it says %v", err)
	}
}
