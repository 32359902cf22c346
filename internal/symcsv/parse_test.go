// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symcsv_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symcsv"
)

type table = map[string]map[string]string

const (
	okta   = "okta:acme.okta.com"
	slack  = "slack:T23456789"
	github = "github:acme"
	sso    = "aws_sso:arn:aws:sso:::instance/ssoins-1"
)

func lines(l ...string) string { return strings.Join(l, "\n") + "\n" }

func TestParse(t *testing.T) {
	t.Parallel()
	two := table{okta: {"Ada@acme.com": "00u1"}, slack: {"Ada@acme.com": "U1", "bob@acme.com": "U2"}}
	tests := []struct {
		name, text string
		want       table
	}{
		{"list-identities", lines("sym:cloud,okta:acme.okta.com,slack:T23456789,User ID", "Ada@acme.com,00u1,U1,1-1", "bob@acme.com,,U2,1-2"), two},
		{"the editor's file", lines("User ID,sym:cloud,okta:acme.okta.com,slack:T23456789", "1-1,Ada@acme.com,00u1,U1", "1-2,bob@acme.com,,U2"), two},
		{"User ID in the middle", lines("sym:cloud,okta:acme.okta.com,User ID,slack:T23456789", "Ada@acme.com,00u1,1-1,U1", "bob@acme.com,,1-2,U2"), two},
		{"User ID repeated", lines("User ID,sym:cloud,okta:acme.okta.com,slack:T23456789,User ID", "1-1,Ada@acme.com,00u1,U1,1-1", "1-2,bob@acme.com,,U2,1-2"), two},
		{"User ID repeated in the header only", lines("User ID,sym:cloud,okta:acme.okta.com,slack:T23456789,User ID", "1-1,Ada@acme.com,00u1,U1", "1-2,bob@acme.com,,U2"), two},
		{"no User ID", lines("sym:cloud,okta:acme.okta.com,slack:T23456789", "Ada@acme.com,00u1,U1", "bob@acme.com,,U2"), two},
		{"a new user without id", lines("User ID,sym:cloud,okta:acme.okta.com", ",ada@acme.com,00u1"), table{okta: {"ada@acme.com": "00u1"}}},
		{"the user's column last", lines("okta:acme.okta.com,slack:T23456789,sym:cloud", "00u1,U1,Ada@acme.com", ",U2,bob@acme.com"), two},
		{"the oldest name of the user's column", lines("email,okta:acme.okta.com,slack:T23456789", "Ada@acme.com,00u1,U1", "bob@acme.com,,U2"), two},
		{"BOM and CRLF", "\ufeffsym:cloud,okta:acme.okta.com,slack:T23456789\r\nAda@acme.com,00u1,U1\r\nbob@acme.com,,U2\r\n", two},
		{"BOM before a quote", "\ufeff\"sym:cloud\",okta:acme.okta.com\nada@acme.com,00u1\n", table{okta: {"ada@acme.com": "00u1"}}},
		{"semicolons", "sym:cloud;okta:acme.okta.com\r\nada@acme.com;0,1\r\n", table{okta: {"ada@acme.com": "0,1"}}},
		{"semicolons, a comma in quotes", "sym:cloud;\"custom:a,b\"\nada@acme.com;1\n", table{"custom:a,b": {"ada@acme.com": "1"}}},
		{"tabs", "\nsym:cloud\tokta:acme.okta.com\nada@acme.com\t\"0,1\"\n", table{okta: {"ada@acme.com": "0,1"}}},
		{"backticks and semicolons", "User ID;sym:cloud;okta:acme.okta.com\n1;ada@acme.com;`0;1`\n", table{okta: {"ada@acme.com": "0;1"}}},
		{"a line that names semicolons", "sep=;\r\nsym:cloud;okta:acme.okta.com\r\nada@acme.com;1\r\n", table{okta: {"ada@acme.com": "1"}}},
		{"UTF-16", "\xff\xfe" + utf16Of("sym:cloud;okta:acme.okta.com\r\nj\u00f6@acme.com;1\r\n"), table{okta: {"j\u00f6@acme.com": "1"}}},
		{"a line that names the comma", "\ufeffsep=,\r\nsym:cloud,okta:acme.okta.com\r\nada@acme.com,00u1\r\n", table{okta: {"ada@acme.com": "00u1"}}},
		{"CR", "sym:cloud,okta:acme.okta.com,slack:T23456789\rAda@acme.com,00u1,U1\rbob@acme.com,,U2\r", two},
		{"no line end at the end", "sym:cloud,okta:acme.okta.com\nada@acme.com,00u1", table{okta: {"ada@acme.com": "00u1"}}},
		{"a blank cell at the end of the text", "sym:cloud,okta:acme.okta.com\nada@acme.com,", table{okta: {}}},
		{"empty lines", "\n\nsym:cloud,okta:acme.okta.com\n\n,\n , \nada@acme.com,00u1\n\n\n", table{okta: {"ada@acme.com": "00u1"}}},
		{"spaces around names", " sym:cloud , okta:acme.okta.com\n ada@acme.com ,00u1\n", table{okta: {"ada@acme.com": "00u1"}}},
		{"a cell of spaces", "sym:cloud,okta:acme.okta.com\nada@acme.com,  \n", table{okta: {}}},
		{"columns without name or cells", "sym:cloud,okta:acme.okta.com,,\nada@acme.com,00u1,, \n", table{okta: {"ada@acme.com": "00u1"}}},
		{"nobody", "sym:cloud,okta:acme.okta.com\n", table{okta: {}}},
		{"no service", "sym:cloud,User ID\nada@acme.com,1-1\n", table{}},
		{"ids with colons and slashes", lines("sym:cloud,"+sso, "ada@acme.com,1234-5"), table{sso: {"ada@acme.com": "1234-5"}}},
		{"a bot", lines("sym:cloud,github:acme", "deploy-bot,acme-deploy"), table{github: {"deploy-bot": "acme-deploy"}}},
		{"an address full of traps", lines("sym:cloud,github:acme", "o'brien+x%/@acme.com,o-b"), table{github: {"o'brien+x%/@acme.com": "o-b"}}},
		{"everything quoted", lines(`"sym:cloud","ldap:x"`, `"ada@acme.com","cn=Ada ""A"", ou=x"`), table{"ldap:x": {"ada@acme.com": `cn=Ada "A", ou=x`}}},
		{"everything in backticks", lines("`sym:cloud`,`ldap:x`", "`ada@acme.com`,`cn=Ada ``A``, ou=x`"), table{"ldap:x": {"ada@acme.com": "cn=Ada `A`, ou=x"}}},
		{"a service key with a comma", lines(`sym:cloud,"custom:a, b"`, "ada@acme.com,x"), table{"custom:a, b": {"ada@acme.com": "x"}}},
		{"quotes inside cells", lines("sym:cloud,ldap:x,ldap:y", "ada@acme.com,a\"b,c`d"), table{"ldap:x": {"ada@acme.com": `a"b`}, "ldap:y": {"ada@acme.com": "c`d"}}},
		{"backticks in a standard file", lines("sym:cloud,ldap:x,User ID", "ada@acme.com,\"a, b\",1", "bob@acme.com,`c,2"), table{"ldap:x": {"ada@acme.com": "a, b", "bob@acme.com": "`c"}}},
		{"double quotes in the editor's file", lines("User ID,sym:cloud,ldap:x,ldap:y", "1,ada@acme.com,`a, b`,\"c\"", "2,bob@acme.com,\"d,e"),
			table{"ldap:x": {"ada@acme.com": "a, b", "bob@acme.com": `"d`}, "ldap:y": {"ada@acme.com": `"c"`, "bob@acme.com": "e"}}},
		{"both quotes around whole cells, id in front", lines("User ID,sym:cloud,ldap:x,ldap:y", "1,ada@acme.com,`a`,\"c\""),
			table{"ldap:x": {"ada@acme.com": "a"}, "ldap:y": {"ada@acme.com": `"c"`}}},
		{"both quotes around whole cells, id at the end", lines("sym:cloud,ldap:x,ldap:y,User ID", "ada@acme.com,`a`,\"c\",1"),
			table{"ldap:x": {"ada@acme.com": "`a`"}, "ldap:y": {"ada@acme.com": "c"}}},
		{"the editor's file of 8.x", lines("sym:cloud,okta:acme.okta.com,`custom:a, b`,User ID", "ada@acme.com,00u1,`x, y`,1-1", "bob@acme.com,,\"z\",1-2"),
			table{okta: {"ada@acme.com": "00u1"}, "custom:a, b": {"ada@acme.com": "x, y", "bob@acme.com": `"z"`}}},
		{"text of Sym's own types is never JSON", lines(`sym:cloud,custom:x,User ID`, `ada@acme.com,"{""user_id"": ""ada""}",1`), table{"custom:x": {"ada@acme.com": `{"user_id": "ada"}`}}},
		{"JSON of one identity", lines(`sym:cloud,ldap:x`, `ada@acme.com,"{""user_id"": ""cn=ada""}"`), table{"ldap:x": {"ada@acme.com": "cn=ada"}}},
		{"JSON of one identity in the editor", lines(`User ID,sym:cloud,ldap:x,ldap:y`, "1,ada@acme.com,{\"user_id\": \"ada\"},`{\"user_id\": \"a,b\"}`"),
			table{"ldap:x": {"ada@acme.com": "ada"}, "ldap:y": {"ada@acme.com": "a,b"}}},
		{"an open backtick is no quote", lines("User ID,sym:cloud,okta:x", "1,ada@acme.com,`00u1"), table{"okta:x": {"ada@acme.com": "`00u1"}}},
		{"a brace is not JSON", lines("sym:cloud,ldap:x", "ada@acme.com,{ada}"), table{"ldap:x": {"ada@acme.com": "{ada}"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := symcsv.Parse(test.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Every problem is a line of the error, in order, with its place and, after
// the ellipsis, a part of its text.
func TestParseErrors(t *testing.T) {
	t.Parallel()
	const head = "sym:cloud,okta:acme.okta.com,github:acme,User ID"
	tests := []struct {
		name, text string
		want       []string
	}{
		{"empty", "", []string{"line 1: … empty"}},
		{"only a BOM and lines", "\ufeff\r\n\n", []string{"line 1: … empty"}},
		{"Latin-1", lines(head, "ada@acme.com,00u1,,", "jos\xe9@acme.com,00u2,,"), []string{"line 3, column sym:cloud: … not valid UTF-8"}},
		{"half of UTF-16", "\xff\xfes\x00y\x00m", []string{"line 1: … UTF-16, and cut off"}},
		{"a lost letter", lines(head, "jos\ufffd@acme.com,00u2,,"), []string{"line 2, column sym:cloud: … U+FFFD"}},
		{"no header", lines("ada@acme.com,00u1", "bob@acme.com,00u2"), []string{"line 1: … not a header"}},
		{"no user's column", lines("okta:acme.okta.com,User ID", "00u1,1"), []string{"line 1: … no column sym:cloud"}},
		{"unknown columns, and rows all the same", lines("sym:cloud,Name,slack:lower,auth0:acme,"+okta, "ada@acme.com,Ada,U1,x, 00u1"), []string{
			"line 1, column Name: … Rename or remove",
			"line 1, column slack:lower: … Must start with 'T'",
			"line 1, column auth0:acme: … cannot be declared … managed",
			"line 2, column okta:acme.okta.com: … starts with a space",
		}},
		{"columns twice", lines("sym:cloud,okta:x,email,okta:x,sym:cloud", "ada@acme.com,1,2,3,4"), []string{
			"line 1, column email: … column 1 already",
			"line 1, column okta:x: … columns 2 and 4",
			"line 1, column sym:cloud: … column 1 already",
		}},
		{"ragged rows", lines(head, "ada@acme.com,00u1,ada", "bob@acme.com,00u2,bob,2", "eve@acme.com", "kim@acme.com,,,,"), []string{
			"line 2: … 3 cells … 4 columns", "line 4: … 1 cell, … 4 columns", "line 5: … 5 cells … 4 columns",
		}},
		{"a shifted row is not one that lacks the repeated id", lines("User ID,sym:cloud,okta:x,github:acme,User ID", "1,ada@acme.com,ada,1"), []string{"line 2: … 4 cells … 5 columns"}},
		{"users", lines(head, "ada@acme.com,00u1,,", ",00u2,,", "a b@acme.com,00u3,,", "x\u200by@acme.com,,x,", "\"ADA@acme.com \",,,"), []string{
			"line 3, column sym:cloud: … empty",
			"line 4, column sym:cloud: … not an e-mail",
			"line 5, column sym:cloud: … invisible",
			`line 6, column sym:cloud: … "ADA@acme.com" … "ada@acme.com" on line 2`,
		}},
		{"the old column's name", lines("email,okta:x", "@,1"), []string{"line 2, column email: … not an e-mail"}},
		{"identities", lines(head+",aws_iam:123456789012", "ada@acme.com,\"a\nb\",ada,,bob", "bob@acme.com,"+strings.Repeat("x", 1025)+",,,arn:aws:iam::999999999999:user/bob"), []string{
			"line 2, column okta:acme.okta.com: … control character",
			"line 3, column aws_iam:123456789012: … ARN",
			"line 4, column okta:acme.okta.com: … 1025 bytes",
			"line 4, column aws_iam:123456789012: … 999999999999",
		}},
		{"matchers", lines("sym:cloud,ldap:x", `a@acme.com,"{""uid"": ""a""}"`, `b@acme.com,"{""user_id"": ""b"", ""ou"": ""x""}"`, `c@acme.com,{}`,
			`d@acme.com,"{""user_id"": 1}"`, `e@acme.com,"{""user_id"":""a"",""user_id"":""b""}"`, `f@acme.com,"{""user_id"": """"}"`), []string{
			"line 2, column ldap:x: … matcher", "line 3, column ldap:x: … matcher", "line 4, column ldap:x: … matcher",
			"line 5, column ldap:x: … matcher", "line 6, column ldap:x: … matcher", "line 7, column ldap:x: … cannot be empty",
		}},
		{"cells that a spreadsheet has replaced", lines("sep=,", "sym:cloud,"+okta+",ldap:x", "ada@acme.com,#N/A,", "bob@acme.com,,1.23457E+17", "#N/A,00u3,"), []string{
			`line 3, column okta:acme.okta.com: … "#N/A" is what a spreadsheet writes`, `line 4, column ldap:x: … "1.23457E+17" … rounded`,
			`line 5, column sym:cloud: … "#N/A" is what a spreadsheet writes`,
		}},
		{"JSON where a cell is text", lines("sym:cloud,"+okta+",User ID", `ada@acme.com,"{""user_id"":""00u1""}",1`), []string{
			`line 2, column okta:acme.okta.com: … "{\"user_id\":\"00u1\"}" is JSON … plain text. Write the value of user_id alone`,
		}},
		{"a matcher of several keys", lines("sym:cloud,scim:example", `ada@acme.com,"{""user_id"":""2819"",""realm"":""a""}"`), []string{
			`line 2, column scim:example: … "{\"user_id\":\"2819\",\"realm\":\"a\"}" is a matcher … matcher attribute of a sym_identity`,
		}},
		{"a column without name that holds something", lines("sym:cloud,,okta:x", "ada@acme.com,what,1"), []string{`line 2, column 2: … "what"`}},
		{"an open quote", lines(head, "@,00u1,,", `bob@acme.com,"00u2,bob,1`, "eve@acme.com,,,"), []string{
			"line 2, column sym:cloud: … not an e-mail", "line 3: … never closed",
		}},
		{"text after a quote", lines(head, "ada@acme.com,\"a\nb\"c,ada,1"), []string{"line 3: … closing quote"}},
		{"a ragged file of the editor", lines("User ID,sym:cloud,ldap:x", "1,ada@acme.com,`a, b`", "2,bob@acme.com"), []string{"line 3: … 2 cells … 3 columns"}},
		{"broken UTF-8", "sym:cloud,okta:x\n\xff@acme.com,1\nbob@acme.com,\xff\n", []string{"line 2, column sym:cloud: … UTF-8", "line 3, column okta:x: … UTF-8"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := symcsv.Parse(test.text)
			var all *symcsv.Error
			if !errors.As(err, &all) || got != nil {
				t.Fatalf("got %v and the error %v", got, err)
			}
			if len(all.Problems) != len(test.want) {
				t.Errorf("%d problems, want %d:\n%v", len(all.Problems), len(test.want), err)
			}
			for i, want := range test.want {
				if i >= len(all.Problems) {
					break
				}
				text := all.Problems[i].Error()
				for n, part := range strings.Split(want, " … ") {
					if n == 0 && !strings.HasPrefix(text, strings.TrimSuffix(part, " …")) || !strings.Contains(text, part) {
						t.Errorf("problem %d lacks %q: %s", i, part, text)
					}
				}
				if !strings.Contains(err.Error(), text) {
					t.Errorf("the error lacks %q:\n%v", text, err)
				}
			}
		})
	}
}

func TestParseErrorCodes(t *testing.T) {
	t.Parallel()
	_, err := symcsv.Parse("sym:cloud,okta:x\n@,1\nbob@acme.com, 2\n")
	for _, code := range []identity.Code{identity.CodeUserInvalid, identity.CodeIdentityInvalid} {
		if !errors.Is(err, &identity.Error{Code: code}) {
			t.Errorf("%s is not in %v", code, err)
		}
	}
	if first, _, _ := strings.Cut(err.Error(), "\n"); first != "the CSV has 2 problems:" {
		t.Errorf("the error starts with %q", first)
	}
}

// TestDuplicates names each user with two rows once for every further row.
func TestDuplicates(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("sym:cloud,okta:acme.okta.com\n")
	for i := range 100 {
		fmt.Fprintf(&text, "person%d@acme.com,00u%d\n", i, i)
	}
	for i := range 30 {
		fmt.Fprintf(&text, "PERSON%d@acme.com,00u%d\n", i*3, i)
	}
	_, err := symcsv.ParseSheet(text.String())
	var all *symcsv.Error
	if !errors.As(err, &all) || len(all.Problems) != 30 {
		t.Fatalf("got %v", err)
	}
	for i, p := range all.Problems {
		want := fmt.Sprintf("%q is the same user as %q on line %d. Make one row of the two", fmt.Sprintf("PERSON%d@acme.com", i*3), fmt.Sprintf("person%d@acme.com", i*3), 2+i*3)
		if p.Line != 102+i || p.Err.Error() != want {
			t.Fatalf("got %v", p)
		}
	}
}

func TestParseSheet(t *testing.T) {
	t.Parallel()
	sheet, err := symcsv.ParseSheet("sym:cloud,okta:x,github:acme\nAda@acme.com,00u1,\"ada\"\nbob@acme.com,,\n")
	if err != nil {
		t.Fatal(err)
	}
	services := []identity.ServiceKey{{Type: "okta", ExternalID: "x"}, {Type: "github", ExternalID: "acme"}}
	want := &symcsv.Sheet{Services: services, Rows: []symcsv.Row{
		{Line: 2, User: "Ada@acme.com", Key: "ada@acme.com", Identities: []symcsv.ServiceIdentity{
			{Service: services[0], Matcher: identity.Matcher{"user_id": "00u1"}}, {Service: services[1], Matcher: identity.Matcher{"user_id": "ada"}},
		}},
		{Line: 3, User: "bob@acme.com", Key: "bob@acme.com"},
	}}
	if diff := cmp.Diff(want, sheet); diff != "" {
		t.Error(diff)
	}
}

// TestParseSheetReadsMatchers reads matchers of several keys, which Parse cannot
// return, and tells them from text.
func TestParseSheetReadsMatchers(t *testing.T) {
	t.Parallel()
	sheet, err := symcsv.ParseSheet(lines("sym:cloud,scim:x,User ID", `ada@acme.com,"{""user_id"": ""2819"", ""realm"": ""a""}",1`, "bob@acme.com,2820,2", `eve@acme.com,"{""uid"":""e""}",3`))
	if err != nil {
		t.Fatal(err)
	}
	var got []symcsv.ServiceIdentity
	for _, r := range sheet.Rows {
		got = append(got, r.Identities...)
	}
	scim := identity.ServiceKey{Type: "scim", ExternalID: "x"}
	if diff := cmp.Diff([]symcsv.ServiceIdentity{
		{Service: scim, Matcher: identity.Matcher{"user_id": "2819", "realm": "a"}, Whole: true},
		{Service: scim, Matcher: identity.Matcher{"user_id": "2820"}},
		{Service: scim, Matcher: identity.Matcher{"uid": "e"}, Whole: true},
	}, got); diff != "" {
		t.Error(diff)
	}
}

func TestProblemsAreBounded(t *testing.T) {
	t.Parallel()
	const maxProblems = 1000
	text := "sym:cloud,okta:acme.okta.com\n" + strings.Repeat("not an e-mail,\n", maxProblems+7)
	_, err := symcsv.ParseSheet(text)
	var all *symcsv.Error
	if !errors.As(err, &all) || len(all.Problems) != maxProblems || all.More != 7 {
		t.Fatalf("got %d problems and %d more", len(all.Problems), all.More)
	}
	if !strings.HasPrefix(all.Error(), fmt.Sprintf("the CSV has %d problems:", maxProblems+7)) || !strings.HasSuffix(all.Error(), "\n- and 7 more") {
		t.Errorf("it says %.100s … %s", all, all.Error()[len(all.Error())-100:])
	}
}

// utf16Of encodes ASCII and Latin-1 letters in UTF-16, low byte first.
func utf16Of(text string) string {
	var b strings.Builder
	for _, r := range text {
		b.WriteByte(byte(r))
		b.WriteByte(0)
	}
	return b.String()
}
