// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package ldap_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/ldap"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// real is a configuration for a server of startSlapd.
func (s *slapd) open(t *testing.T, change func(*ldap.Config)) directory.Directory {
	t.Helper()
	cfg := ldap.Config{BaseURL: s.secure, CAFile: s.ca, Username: reader, Password: readerPassword, BaseDN: people, IDAttribute: "uid"}
	if change != nil {
		change(&cfg)
	}
	d, err := ldap.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// ask looks emails up and tells each answer on a line.
func ask(t *testing.T, d directory.Directory, emails ...string) []string {
	t.Helper()
	answers, err := directory.Lookup(t.Context(), d, service, emails)
	if err != nil {
		t.Fatalf("Lookup: %v", err)
	}
	lines := make([]string, len(answers))
	for i, a := range answers {
		lines[i] = string(a.Status)
		for _, c := range append(a.Candidates, identity.Candidate{Matcher: a.Matcher}) {
			if id, ok := c.Matcher.Identity(service.Type); ok {
				lines[i] += " " + id
			}
		}
	}
	return lines
}

// oneAtATime has no way to ask for several.
type oneAtATime struct{ directory.Directory }

// onlyWalks can only be asked by walking the list.
type onlyWalks struct {
	directory.Directory
	directory.Lister
}

func (onlyWalks) Describe() directory.Descriptor { return directory.Descriptor{} }

func TestOpenLDAP(t *testing.T) {
	t.Parallel()
	server := startSlapd(t, tree())
	t.Run("answers", func(t *testing.T) { t.Parallel(); openLDAPAnswers(t, server) })
	t.Run("walk", func(t *testing.T) { t.Parallel(); openLDAPWalk(t, server) })
	t.Run("refusals", func(t *testing.T) { t.Parallel(); openLDAPRefusals(t, server) })
	t.Run("forest", func(t *testing.T) { t.Parallel(); openLDAPForest(t, server) })
	t.Run("ids", func(t *testing.T) { t.Parallel(); openLDAPIDs(t, server) })
}

func openLDAPAnswers(t *testing.T, server *slapd) {
	want := map[string]string{
		"ann.lee@acme.example":        "found ann",
		"ann.maiden@acme.example":     "found ann",
		"ANN.Lee@ACME.example":        "found ann",
		"upper.case@acme.example":     "found case",
		"nobody@acme.example":         "not_found",
		"ann@acme.example":            "not_found", // inside another address
		"lea.ver@acme.example":        "inactive left",
		"come.back@acme.example":      "ambiguous again again-old",
		"twin@acme.example":           "ambiguous twin-a twin-b",
		"box@acme.example":            "ambiguous own share",
		"sharer@acme.example":         "found share",
		"p0007@acme.example":          "inactive p0007",
		"p0699@acme.example":          "found p0699",
		"a+b@acme.example":            "found odd-plus",
		"o'hara@acme.example":         "found odd-quote",
		"50%25@acme.example":          "found odd-percent",
		"a/b@acme.example":            "found odd-slash",
		"star*@acme.example":          "found odd-star",
		"(x)@acme.example":            "found odd-parens",
		`back\slash@acme.example`:     "found odd-backslash",
		"a&b=c|d@acme.example":        "found odd-amp",
		"ab@acme.example":             "found plain",
		"a*b@acme.example":            "not_found",
		"star@acme.example":           "not_found",
		"*@acme.example":              "not_found",
		"a?b@acme.example":            "not_found",
		"jörg@acme.example":           "not_found", // mail holds ASCII only; it is no error to ask
		")(uid=*)(mail=@acme.example": "not_found",
	}
	emails := slices.Sorted(func(yield func(string) bool) {
		for email := range want {
			if !yield(email) {
				return
			}
		}
	})
	for name, change := range map[string]func(*ldap.Config){
		"ldaps":    nil,
		"StartTLS": func(c *ldap.Config) { c.BaseURL = server.plain },
		// The whole tree holds a referral, which none of the people hides behind.
		"limited": func(c *ldap.Config) { c.Username = limited },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := server.open(t, change)
			if err := d.Check(t.Context()); err != nil {
				t.Errorf("Check: %v", err)
			}
			ways := map[string]directory.Directory{"batch": d, "one at a time": oneAtATime{d}}
			if name != "limited" {
				ways["walk"] = onlyWalks{d, d.(directory.Lister)}
			}
			for way, d := range ways {
				got := map[string]string{}
				for i, line := range ask(t, d, emails...) {
					got[emails[i]] = line
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", way, diff)
				}
			}
		})
	}
}

// openLDAPWalk reads everybody page by page, beyond the server's limit, and
// sees the same as OpenLDAP's own client does.
func openLDAPWalk(t *testing.T, server *slapd) {
	d := server.open(t, nil)
	var ours []string
	pages := 0
	err := directory.Walk(t.Context(), d.(directory.Lister), func() {}, func(page []directory.Account) bool {
		pages++
		for _, a := range page {
			for _, address := range a.Emails() {
				ours = append(ours, fmt.Sprint(a.Identity, " ", address, " ", a.State == directory.StateInactive))
			}
		}
		return true
	})
	if err != nil || pages < 2 {
		t.Fatalf("Walk: %v after %d pages, want two at least", err, pages)
	}
	var generated []string
	for _, h := range humans() {
		for _, mail := range h.mail {
			generated = append(generated, fmt.Sprint(h.uid, " ", mail, " ", h.locked))
		}
	}
	theirs := fromLDIF(server.ldapsearch(t, "-E", "pr=50/noprompt", "(objectClass=inetOrgPerson)", "uid", "mail", "pwdAccountLockedTime"))
	slices.Sort(ours)
	slices.Sort(theirs)
	slices.Sort(generated)
	if diff := cmp.Diff(generated, ours); diff != "" {
		t.Errorf("people (-generated +walked):\n%s", diff)
	}
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("people (-ldapsearch +walked):\n%s", diff)
	}
}

// fromLDIF reads uid, mail and lock of entries; none of them needs base64.
func fromLDIF(text string) []string {
	var lines []string
	for entry := range strings.SplitSeq(text, "\n\n") {
		values := map[string][]string{}
		for line := range strings.Lines(entry) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			values[name] = append(values[name], value)
		}
		for _, mail := range values["mail"] {
			lines = append(lines, fmt.Sprint(values["uid"][0], " ", mail, " ", len(values["pwdAccountLockedTime"]) > 0))
		}
	}
	return lines
}

func openLDAPRefusals(t *testing.T, server *slapd) {
	for name, tc := range map[string]struct {
		change func(*ldap.Config)
		want   error
		says   string
	}{
		"password":             {func(c *ldap.Config) { c.Password = "s3cr3t wrong" }, directory.ErrCredential, "Invalid Credentials"},
		"unknown account":      {func(c *ldap.Config) { c.Username = "cn=nobody," + suffix }, directory.ErrCredential, "Invalid Credentials"},
		"no DN":                {func(c *ldap.Config) { c.Username = "reader" }, directory.ErrCredential, "username"},
		"base":                 {func(c *ldap.Config) { c.BaseDN = "ou=people,dc=elsewhere" }, directory.ErrRefused, "base_dn"},
		"base below":           {func(c *ldap.Config) { c.BaseDN = "ou=nothing," + people }, directory.ErrRefused, "base_dn"},
		"child domain":         {func(c *ldap.Config) { c.BaseDN = "ou=forest," + suffix }, directory.ErrRefused, "emea.acme.example"},
		"sees nobody":          {func(c *ldap.Config) { c.Username = blind }, directory.ErrRefused, "may not see it"},
		"referral":             {func(c *ldap.Config) { c.BaseDN = suffix }, directory.ErrRefused, "refers to another server"},
		"not secured":          {func(c *ldap.Config) { c.BaseURL, c.AllowPlaintext, c.CAFile = server.plain, true, "" }, directory.ErrRefused, "onfidentiality"},
		"authority":            {func(c *ldap.Config) { c.CAFile = otherCA(t) }, directory.ErrUnavailable, "ca_file"},
		"system's authorities": {func(c *ldap.Config) { c.CAFile = "" }, directory.ErrUnavailable, "ca_file"},
		"StartTLS, authority":  {func(c *ldap.Config) { c.BaseURL, c.CAFile = server.plain, "" }, directory.ErrUnavailable, "ca_file"},
		"another name":         {func(c *ldap.Config) { c.BaseURL = strings.Replace(server.secure, "127.0.0.1", "localhost", 1) }, directory.ErrUnavailable, "localhost"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := server.open(t, tc.change)
			for what, ask := range map[string]func() error{
				"Check": func() error { return d.Check(t.Context()) },
				"Find":  func() error { _, err := d.Find(t.Context(), "ann.lee@acme.example"); return err },
			} {
				if err := ask(); !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "s3cr3t") {
					t.Errorf("%s: %v, want %v that says %q, without the password", what, err, tc.want, tc.says)
				}
			}
		})
	}
	t.Run("limit", func(t *testing.T) {
		t.Parallel()
		d := server.open(t, func(c *ldap.Config) { c.Username = limited })
		err := directory.Walk(t.Context(), d.(directory.Lister), func() {}, func([]directory.Account) bool { return true })
		if !errors.Is(err, directory.ErrTruncated) || !strings.Contains(err.Error(), "size.prtotal") {
			t.Errorf("Walk beyond the server's limit: %v, want ErrTruncated that says so", err)
		}
	})
}

// openLDAPForest asks below a base that refers to the partitions of Active
// Directory without people, with the attributes that it has.
func openLDAPForest(t *testing.T, server *slapd) {
	d := server.open(t, func(c *ldap.Config) { c.BaseDN = "ou=corp," + suffix })
	if err := d.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
	want := []string{"found corp-ann", "inactive corp-bob", "found corp-never", "not_found"}
	for way, d := range map[string]directory.Directory{"batch": d, "one at a time": oneAtATime{d}, "walk": onlyWalks{d, d.(directory.Lister)}} {
		got := ask(t, d, "ann@corp.example", "bob@corp.example", "never@corp.example", "nobody@corp.example")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", way, diff)
		}
	}
}

func openLDAPIDs(t *testing.T, server *slapd) {
	uuid := strings.TrimSpace(strings.TrimPrefix(strings.Split(server.ldapsearch(t, "(uid=ann)", "entryUUID"), "\n")[1], "entryUUID:"))
	for attribute, want := range map[string]string{"": uuid, "uid": "ann", "dn": "uid=ann," + people, "UID": "ann"} {
		d := server.open(t, func(c *ldap.Config) { c.IDAttribute = attribute })
		if got := ask(t, d, "ann.lee@acme.example"); got[0] != "found "+want || len(want) < 3 {
			t.Errorf("id_attribute %q: %s, want found %s", attribute, got[0], want)
		}
	}
	for filter, want := range map[string]string{"(cn=Ann Lee)": "found ann", "(!(uid=ann))": string(identity.NotFound)} {
		d := server.open(t, func(c *ldap.Config) { c.Filter = filter })
		if got := ask(t, d, "ann.lee@acme.example"); got[0] != want {
			t.Errorf("filter %s: %s, want %s", filter, got[0], want)
		}
	}
}
