// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package report

import (
	"encoding/csv"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

var update = flag.Bool("update", false, "write the golden files")

// company is a result with one of everything, and names that try to break out.
func company() Result {
	return Result{
		People:   []string{"nora@acme.example", "ann@acme.example", "leo@acme.example"},
		Services: []string{"okta:acme.okta.com", "github:acme"},
		Mapped: map[string]map[string]string{
			"okta:acme.okta.com": {"ann@acme.example": "00u1", "nora@acme.example": "00u2", "leo@acme.example": "00u3"},
			"github:acme":        {"ann@acme.example": "ann-a"},
		},
		Unmapped: []Unmapped{{User: "nora@acme.example", Service: "github:acme", Reason: "not_found",
			Candidates: []Candidate{{"nora", `Nora <script>alert(1)</script>`, "handle"}}}},
		Orphans: []Orphan{
			{Service: "github:acme", Identity: "=cmd()", Name: "a|b `c` \u202etxt.exe", Kind: "person", State: "active", Emails: []string{"x@other.example", "@nora"}},
			{Service: "github:acme", Identity: "build", Kind: "person", State: "inactive"},
		},
		Leavers:  []Leaver{{"leo@acme.example", "inactive", []Held{{"okta:acme.okta.com", "00u3", "store"}}}},
		Stale:    []Stale{{"ann@acme.example", "github:acme", "ann-a", "email", "ann-b", "renamed"}},
		Exempt:   map[string]map[string]string{"github:acme": {"leo@acme.example": "writes no code & never will"}},
		Accounts: map[string]AccountCounts{"github:acme": {Persons: 3, Held: 1, Orphans: 2, Bots: 4}},
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	page, err := HTML(company())
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]string{"company.html": page, "company.md": Markdown(company()), "company.csv": CSV(company()), "nothing.md": Markdown(Result{})} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// Only the template makes elements: no text of a result becomes one, and no
// reference leaves the page.
func FuzzNothingBreaksOut(f *testing.F) {
	plain := elements(f, "plain")
	f.Add("<script>alert(1)</script>")
	f.Add(`"><img src=x onerror=alert(1)>`)
	f.Add("</td></table><a href='https://evil.example'>")
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return
		}
		if got := elements(t, text); got != plain {
			t.Errorf("%q changes the elements of the page: %s", text, cmp.Diff(plain, got))
		}
		if n := strings.Count(Markdown(everywhere(text)), "\n"); n != strings.Count(Markdown(everywhere("plain")), "\n") {
			t.Errorf("%q changes the lines of the comment", text)
		}
	})
}

// everywhere puts a text into each free field.
func everywhere(text string) Result {
	x := "x" + text
	return Result{People: []string{x}, Services: []string{x}, Mapped: map[string]map[string]string{x: {x: x}},
		Unmapped: []Unmapped{{x, x, x, []Candidate{{x, x, x}}}}, Orphans: []Orphan{{x, x, x, x, x, x, []string{x}}},
		Leavers: []Leaver{{x, x, []Held{{x, x, x}}}}, Stale: []Stale{{x, x, x, x, x, x}}, Exempt: map[string]map[string]string{x: {x: x}}}
}

// elements lists the elements of a page with their attributes' names.
func elements(t testing.TB, text string) string {
	t.Helper()
	page, err := HTML(everywhere(text))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for tokens := html.NewTokenizer(strings.NewReader(page)); tokens.Next() != html.ErrorToken; {
		token := tokens.Token()
		if token.Type == html.TextToken {
			continue
		}
		fmt.Fprint(&b, token.Data)
		for _, a := range token.Attr {
			fmt.Fprint(&b, " ", a.Key)
			if a.Key == "href" || a.Key == "src" {
				fmt.Fprint(&b, "=", a.Val)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestCommentsFit(t *testing.T) {
	t.Parallel()
	r := Result{Services: []string{"okta:acme"}}
	for i := range 5000 {
		r.Unmapped = append(r.Unmapped, Unmapped{User: fmt.Sprintf("p%d@acme.example", i), Service: "okta:acme", Reason: "not_found"})
	}
	got := Markdown(r)
	if len(got) > 65536 || !strings.Contains(got, "more: see the whole report") {
		t.Errorf("%d bytes, ending with %q", len(got), got[len(got)-200:])
	}
}

func TestCSVHasOneShape(t *testing.T) {
	t.Parallel()
	rows, err := csv.NewReader(strings.NewReader(CSV(everywhere("=a,\"b\"\nc")))).ReadAll()
	if err != nil || len(rows) != 7 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

// Everybody means everybody: one person of thousands keeps a service below 100 %.
func TestCoverageIsNotRoundedUp(t *testing.T) {
	t.Parallel()
	r := Result{Services: []string{"okta:acme"}, Mapped: map[string]map[string]string{"okta:acme": {}}, Unmapped: []Unmapped{{User: "x@acme.example", Service: "okta:acme"}}}
	for i := range 9999 {
		r.Mapped["okta:acme"][fmt.Sprint(i)] = "id"
	}
	if got := arrange(r).Coverage[0].Percent; got != 99 {
		t.Errorf("%d %%", got)
	}
}

// Exemptions of people who have an account, or were not asked for, count nobody.
func TestExemptHaveNoAccount(t *testing.T) {
	t.Parallel()
	r := company()
	r.Exempt["github:acme"]["ann@acme.example"] = "has one all the same"
	r.Exempt["github:acme"]["gone@acme.example"] = "was never asked for"
	if got := arrange(r).Coverage[0].Exempt; got != 1 {
		t.Errorf("%d people are exempt in github:acme, want 1", got)
	}
	r.Exempt, r.Unmapped = nil, nil // as in a part of a result
	if got := arrange(r).Coverage[0].Exempt; got != 0 {
		t.Errorf("%d people are exempt in github:acme, without an exemption", got)
	}
}
