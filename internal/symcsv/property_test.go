// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symcsv_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symcsv"
)

// FuzzParse: whatever the text, Parse gives an error that says where, or a
// valid table that survives being written and read again.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"", "\ufeff", "sym:cloud", "sym:cloud,okta:x,User ID\r\nada@acme.com,1,2\r\n",
		"User ID,sym:cloud,ldap:x,User ID\n1,ada@acme.com,`{\"user_id\": \"a,b\"}`\n",
		"sym:cloud,ldap:x\nada@acme.com,\"`a`\"\nbob@acme.com,`b\n", "email,\"custom:a, \"\"b\"\nx,\"{\"\"user_id\"\":\"\"{}\"\"}\"",
		"User ID,sym:cloud,ldap:x,ldap:y\n1,a@b,`a`,\"c\"\n", "`sym:cloud`,\"ldap:x\"\n`a`,\"b\"\n", ",\n,,\n\"", "a;b", "sym:cloud,,\nx,,y",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := symcsv.Parse(text)
		if err != nil {
			var all *symcsv.Error
			if !errors.As(err, &all) || len(all.Problems) == 0 || got != nil {
				t.Fatalf("got %v and the error %v", got, err)
			}
			for _, p := range all.Problems {
				if p.Line < 1 || p.Line > strings.Count(text, "\n")+strings.Count(text, "\r")+1 || p.Err == nil {
					t.Fatalf("a problem without its place: %+v", p)
				}
			}
			return
		}
		checkTable(t, got)
		checkRoundTrip(t, got)
	})
}

// FuzzRender: two users of two services, whatever they are called.
func FuzzRender(f *testing.F) {
	f.Add("okta:x", "ada@acme.com", "00u1", "ldap:y", "bob", `{"user_id":"x"}`)
	f.Add("custom:`a`,\"b\"", "a`b@c", "`x`", "custom:`,", "`b", "\"")
	f.Add("ldap:x", "=a@acme.com", "=1", "ldap:y", "'-b@c", "''+1")
	f.Add("okta:x", "ada@acme.com", "1", "okta:x", "ADA@acme.com", "2")
	f.Fuzz(func(t *testing.T, service1, user1, id1, service2, user2, id2 string) {
		in := table{service1: {user1: id1}}
		if in[service2] == nil {
			in[service2] = map[string]string{}
		}
		in[service2][user2] = id2
		text, err := symcsv.Render(in)
		if err != nil {
			if text != "" {
				t.Fatalf("an error and a text: %q", text)
			}
			return
		}
		got, err := symcsv.Parse(text)
		if err != nil {
			t.Fatalf("Parse cannot read %q: %v", text, err)
		}
		checkTable(t, got)
		checkRoundTrip(t, got)
		checkNoFormula(t, text)
		for service, users := range in {
			for user, id := range users {
				if id != "" && lookup(t, got[service], user) != id {
					t.Fatalf("%s of %q in %q is lost in %q", id, user, service, text)
				}
			}
		}
	})
}

// lookup finds a user however the table spells them.
func lookup(t *testing.T, users map[string]string, name string) string {
	t.Helper()
	want, err := identity.ParseUser(name)
	if err != nil {
		t.Fatal(err)
	}
	for spelled, id := range users {
		if key, err := identity.ParseUser(spelled); err == nil && key == want {
			return id
		}
	}
	return ""
}

// checkTable: all that Parse returns can be declared.
func checkTable(t *testing.T, in table) {
	t.Helper()
	for service, users := range in {
		key, err := identity.ParseServiceKey(service)
		if err != nil || key.CheckDeclarable() != nil || key.String() != service {
			t.Errorf("an undeclarable service %q: %v", service, err)
		}
		for user, id := range users {
			if _, err := identity.ParseUser(user); err != nil || user != strings.TrimSpace(user) {
				t.Errorf("an invalid user %q: %v", user, err)
			}
			if err := identity.ValidateIdentity(key, id); err != nil {
				t.Errorf("an invalid identity %q: %v", id, err)
			}
		}
	}
}

func checkRoundTrip(t interface {
	Errorf(string, ...any)
	Fatalf(string, ...any)
}, in table) {
	text, err := symcsv.Render(in)
	if err != nil {
		t.Fatalf("Render: %v", err)
	}
	checkNoFormula(t, text)
	again, err := symcsv.Parse(text)
	if err != nil {
		t.Fatalf("Parse(Render): %v\n%s", err, text)
	}
	if diff := cmp.Diff(in, again); diff != "" {
		t.Fatalf("not the same again: %s\n%s", diff, text)
	}
	if second, err := symcsv.Render(again); err != nil || second != text {
		t.Fatalf("rendered again: %v\n%s\n%s", err, text, second)
	}
}

func TestRoundTripProperty(t *testing.T) {
	t.Parallel()
	piece := rapid.SampledFrom([]string{"a", "B", "9", ",", "\"", "`", "'", "=", "-", "@", "＋", "{", "}", ":", "/", "%", ";", "é", "\"\"", "``", "{\"user_id\":\"x\"}"})
	word := rapid.Map(rapid.SliceOfN(piece, 1, 6), func(p []string) string { return strings.Join(p, "") })
	rapid.Check(t, func(t *rapid.T) {
		in := table{}
		for i := range rapid.IntRange(0, 4).Draw(t, "services") {
			service := fmt.Sprintf("%s:%s%d", rapid.SampledFrom([]string{"ldap", "scim", "custom", "gitlab"}).Draw(t, "type"), word.Draw(t, "id"), i)
			in[service] = map[string]string{}
			for n := range rapid.IntRange(0, 4).Draw(t, "users") {
				name := fmt.Sprintf("%s%d@Acme.com", strings.ReplaceAll(rapid.SampledFrom([]string{"o'brien+%/", "\"q\"", "`t", "É", "=1", "'-1", "''+"}).Draw(t, "local"), ",", ""), n)
				in[service][name] = word.Draw(t, "identity")
			}
		}
		checkRoundTrip(t, in)
	})
}

// TestMatchersRoundTripProperty writes matchers of any keys and reads them back. Those
// of Sym's own types with further keys are refused, and nothing else is.
func TestMatchersRoundTripProperty(t *testing.T) {
	t.Parallel()
	text := rapid.StringMatching("[a-z'=+@{}\"`,:é][a-zA-Z'\"`,:{}é ]{0,6}[a-z}\"`]")
	key := rapid.SampledFrom([]string{"user_id", "email", "realm", "a, b", "\"q\""})
	rapid.Check(t, func(t *rapid.T) {
		service := rapid.SampledFrom([]string{"scim:x", "custom:a, b", "tailscale:acme", "gitlab:`y`"}).Draw(t, "service")
		typeName, externalID, _ := strings.Cut(service, ":")
		sym := typeName == "custom" || typeName == "tailscale"
		own := identity.MatcherKey(typeName)
		in, refused := map[string]identity.Matcher{}, false
		for i := range rapid.IntRange(1, 4).Draw(t, "users") {
			m := identity.Matcher{}
			for range rapid.IntRange(1, 3).Draw(t, "keys") {
				m[key.Draw(t, "key")] = text.Draw(t, "value")
			}
			if sym {
				m[own] = text.Filter(func(v string) bool { return typeName == "custom" || v[0] != '{' }).Draw(t, "identity")
			}
			in[fmt.Sprintf("u%d@acme.com", i)] = m
			refused = refused || sym && len(m) > 1
		}
		out, err := symcsv.RenderMatchers(map[string]map[string]identity.Matcher{service: in})
		if refused || err != nil {
			if !refused || err == nil || out != "" {
				t.Fatalf("refused %v: %q, %v", refused, out, err)
			}
			return
		}
		sheet, err := symcsv.ParseSheet(out)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		got := map[string]identity.Matcher{}
		for _, r := range sheet.Rows {
			for _, id := range r.Identities {
				if id.Service != (identity.ServiceKey{Type: typeName, ExternalID: externalID}) {
					t.Fatalf("the service %v", id.Service)
				}
				got[r.User] = id.Matcher
			}
		}
		if diff := cmp.Diff(in, got); diff != "" {
			t.Fatalf("%s\n%s", diff, out)
		}
	})
}

// The layout, the quote and the line ends say the same thing.
func TestLayoutsProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := table{"ldap:x": {}, "okta:y": {}}
		rows := [][]string{{"sym:cloud", "ldap:x", "okta:y"}}
		for i := range rapid.IntRange(1, 5).Draw(t, "users") {
			name := fmt.Sprintf("u%d@acme.com", i)
			dn := rapid.StringMatching("[a-z]=[a-z\"`, ]{0,8}[a-z]").Draw(t, "dn")
			id := rapid.StringMatching(`00u[0-9]{4}`).Draw(t, "id")
			in["ldap:x"][name], in["okta:y"][name] = dn, id
			rows = append(rows, []string{name, dn, id})
		}
		editor := rapid.Bool().Draw(t, "editor")
		quote, end := `"`, rapid.SampledFrom([]string{"\n", "\r\n", "\r"}).Draw(t, "line end")
		if editor {
			quote = "`"
		}
		var b strings.Builder
		b.WriteString(rapid.SampledFrom([]string{"", "\ufeff"}).Draw(t, "bom"))
		for i, row := range rows {
			id := fmt.Sprintf("id-%d", i)
			if i == 0 {
				id = "User ID"
			}
			if editor {
				row = append([]string{id}, row...)
			} else {
				row = append(row[:len(row):len(row)], id)
			}
			for n, c := range row {
				if strings.ContainsAny(c, ","+quote) {
					row[n] = quote + strings.ReplaceAll(c, quote, quote+quote) + quote
				}
			}
			b.WriteString(strings.Join(row, ",") + end)
		}
		got, err := symcsv.Parse(b.String())
		if err != nil {
			t.Fatalf("%v\n%s", err, b.String())
		}
		if diff := cmp.Diff(in, got); diff != "" {
			t.Fatalf("%s\n%s", diff, b.String())
		}
	})
}
