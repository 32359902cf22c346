// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package file

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// TestExports reads exports under the headers and in the forms that their services
// publish, and asks for people as a plan does.
func TestExports(t *testing.T) {
	t.Parallel()
	const (
		nora  = "nora.lindqvist@acme.example"
		main  = "n.lindqvist@acme.example"
		short = "nora@acme.example"
		omar  = "omar.haddad@acme.example" // who left
		priya = "priya.raman@acme.example" // who is invited
		gil   = "gil@partner.example"      // a guest
		kim   = "kim.sato@acme.example"    // whose address nobody has proved
		guid  = "11111111-0000-4000-8000-00000000000"
	)
	asked := map[string]bool{}
	for file, tc := range map[string]struct {
		service  string
		accounts int
		want     map[string]string // e-mail → status and identities
	}{
		"okta_users.csv": {"okta:acme.okta.com", 4, map[string]string{nora: "found 00u1nora", main: "found 00u1nora", omar: "inactive 00u2omar", priya: "found 00u3priya"}},
		"okta_users.json": {"okta:acme.okta.com", 3, map[string]string{nora: "found 00u1nora", main: "found 00u1nora", "nora@home.example": "alias 00u1nora",
			omar: "inactive 00u2omar", priya: "found 00u3priya"}},
		"google_users.csv":  {"google:acme.example", 2, map[string]string{nora: "found " + nora, omar: "inactive " + omar, "nora@home.example": "not_found"}},
		"google_users.json": {"google:acme.example", 2, map[string]string{nora: "found " + nora, short: "alias " + nora, omar: "inactive " + omar}},
		"entra_users.csv": {"entra:acme", 6, map[string]string{nora: "found " + guid + "1", main: "found " + guid + "1", omar: "inactive " + guid + "2",
			priya: "found " + guid + "4", gil: "not_found", "old@partner.example": "not_found", "sub@subsidiary.example": "found " + guid + "6"}},
		"entra_users.json": {"entra:acme", 3, map[string]string{nora: "found " + guid + "1", main: "found " + guid + "1", short: "alias " + guid + "1",
			omar: "inactive " + guid + "2", gil: "not_found"}},
		"entra_users-az.json": {"entra:acme", 1, map[string]string{nora: "found " + guid + "1", omar: "not_found"}},
		"slack_members.csv":   {"slack:T0ACME", 5, map[string]string{nora: "found U01NORA", omar: "inactive U02OMAR", gil: "not_found", priya: "found U05PRIYA"}},
		"slack_members.json": {"slack:T0ACME", 5, map[string]string{nora: "found U01NORA", omar: "inactive U02OMAR", gil: "not_found", kim: "unverified U06SELF",
			"lee@partner.example": "not_found"}},
		"github_saml.json":         {"github:acme", 2, map[string]string{nora: "found nora-l", short: "alias nora-l", omar: "found omar-h", priya: "not_found"}},
		"github_saml-members.json": {"github:acme", 2, map[string]string{nora: "found nora-l", omar: "not_found"}},
		"aws_iam_report.csv":       {"aws_iam:123456789012", 3, map[string]string{nora: "found arn:aws:iam::123456789012:user/" + nora, omar: "not_found"}},
		"aws_sso_users.json": {"aws_sso:arn:aws:sso:::instance/ssoins-1", 2, map[string]string{nora: "found 90670b1a3f-" + guid + "1", main: "found 90670b1a3f-" + guid + "1",
			omar: "inactive 90670b1a3f-" + guid + "2", "omar@acme.example": "alias 90670b1a3f-" + guid + "2"}},
		"gitlab_users.json": {"gitlab:acme", 4, map[string]string{nora: "found 7", short: "alias 7", omar: "inactive 8", kim: "unverified 9",
			"project_1_bot@noreply.example": "not_found"}},
		"gitlab_members.csv":   {"gitlab:acme", 1, map[string]string{nora: "found nora.l", priya: "not_found"}},
		"pagerduty_users.json": {"pagerduty:acme", 2, map[string]string{nora: "found PNORA01", priya: "found PPRIYA1"}},
		"pagerduty_users.csv":  {"pagerduty:acme", 1, map[string]string{nora: "found PNORA01"}},
		"ldif.ldif": {"ldap:acme", 2, map[string]string{nora: "found " + guid + "1", "jorg.berg@acme.example": "inactive " + guid + "2",
			"jorg@acme.example": "inactive " + guid + "2"}},
		"ldif_ad.ldif": {"ldap:acme", 2, map[string]string{nora: "found 11111111-1111-1111-1111-111111111101", main: "found 11111111-1111-1111-1111-111111111101",
			short: "alias 11111111-1111-1111-1111-111111111101", omar: "inactive 11111111-1111-1111-1111-111111111102"}},
		"ldif_freeipa.ldif": {"ldap:acme", 2, map[string]string{nora: "found 11111111-0000-11f0-8000-000000000001", short: "alias 11111111-0000-11f0-8000-000000000001",
			omar: "inactive 11111111-0000-11f0-8000-000000000002"}},
	} {
		format, _, _ := strings.Cut(strings.TrimSuffix(file, filepath.Ext(file)), "-")
		asked[format] = true
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			service, err := identity.ParseServiceKey(tc.service)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", "exports", file)
			d, err := Open(Config{Path: path, Format: format, Service: service})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			answers, err := directory.Lookup(t.Context(), d, service, slices.Sorted(maps.Keys(tc.want)))
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range answers {
				got[a.Email] = string(a.Status)
				for _, c := range append(a.Candidates, identity.Candidate{Matcher: a.Matcher}) {
					if id, ok := c.Matcher.Identity(service.Type); ok {
						got[a.Email] += " " + id
					}
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Lookup (-want +got):\n%s", diff)
			}
			if probed, err := directory.Probe(t.Context(), d, service, directory.Settings{}, nil); err != nil || probed.Accounts != tc.accounts {
				t.Errorf("check counts %d accounts, %v, want %d", probed.Accounts, err, tc.accounts)
			}
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			cut := filepath.Join(t.TempDir(), filepath.Base(path))
			if err := os.WriteFile(cut, whole[:len(whole)-8], 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(Config{Path: cut, Format: format, Service: service}); err == nil && filepath.Ext(file) != ".csv" {
				t.Error("a file that is cut off is read")
			}
		})
	}
	for _, name := range slices.Sorted(maps.Keys(formats())) {
		if !asked[name] {
			t.Errorf("no file shows the format %s", name)
		}
	}
}

// TestNotAnExport: what is no whole export of its service is an error, and nobody is
// called absent because of it.
func TestNotAnExport(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ format, text, says string }{
		"GraphQL errors":       {"github_saml", `{"data":null,"errors":[{"type":"NOT_FOUND","message":"x"}]}`, ":1: the id is empty"},
		"no SAML":              {"github_saml", `{"data":{"organization":{"samlIdentityProvider":null}}}`, ":1: the object holds no list of accounts, only data"},
		"not the last page":    {"github_saml", `{"data":{"nodes":[{"samlIdentity":{"nameId":"x"},"user":null}],"pageInfo":{"hasNextPage":true}}}`, ":1: the list goes on after this file: hasNextPage says so"},
		"user of another type": {"github_saml", `[{"samlIdentity":{"nameId":"ann@acme.example"},"user":"ann"}]`, `:1: its field "user" has another type than expected`},
		"Slack's error":        {"slack_members", `{"ok":false,"error":"invalid_auth"}`, ":1: the object holds no list of accounts, only error, ok"},
		"Slack's first page":   {"slack_members", `{"members":[{"id":"U1"}],"response_metadata":{"next_cursor":"dQ=="}}`, ":1: the list goes on after this file: next_cursor says so"},
		"one page of Graph":    {"entra_users", `{"@odata.nextLink":"https://graph.microsoft.com/x","value":[{"id":"1"}]}`, ":1: the list goes on"},
		"one page of AWS":      {"aws_sso_users", `{"Users":[{"UserId":"1"}],"NextToken":"x"}`, ":1: the list goes on"},
		"one of PagerDuty":     {"pagerduty_users", `{"users":[{"id":"P1"}],"more":true}`, ":1: the list goes on"},
		"Okta's error":         {"okta_users", `{"errorCode":"E0000011","errorCauses":[]}`, ":1: the only list in the file is empty"},
		"no id":                {"okta_users", `[{"status":"ACTIVE"}]`, ":1: the id is empty"},
		"CSV of another":       {"okta_users", "username,email,userid\n", `:1: the header lacks the column "id". It is username, email, userid`},
		"a row cut off":        {"aws_iam_report", "user,arn,mfa_active\nann@acme.example,arn:aws:iam::1:user/ann", ":2: the row has 2 cells, but the header has 3 columns"},
		"JSON for CSV":         {"aws_iam_report", `{"Content":"dXNlcg=="}`, ":1: the file is JSON, but aws_iam_report is CSV"},
		"CSV for JSON":         {"github_saml", "login\nann\n", ":1: the file is not JSON, as github_saml is"},
		"LDIF, no end":         {"ldif", "dn: uid=ann\nobjectClass: person\nentryUUID: 1\nmail: ann@acme.ex", ":4: the file is cut off"},
		"LDIF, half of base64": {"ldif", "dn: uid=ann\nobjectClass: person\nmail:: YW5\n", ":1: the value of mail is not base64"},
		"LDIF, no attribute":   {"ldif", "dn: uid=ann\nobjectClass: person\nmail: ann@acme.example\n", ":1: the entry has no entryUUID. Export that attribute, or name another one in id_column"},
		"LDIF with a result":   {"ldif", "search: 2\nresult: 0 Success\n", ":1: the entry begins with search and not with dn; export with ldapsearch -LLL"},
		"LDIF of changes":      {"ldif", "\ndn: uid=ann\nchangetype: delete\n", ":2: the file holds changes, not entries"},
		"LDIF of nobody":       {"ldif", "dn: ou=people\nobjectClass: organizationalUnit\n", ":1: the file holds no entry of a person"},
		"LDIF of a URL":        {"ldif", "dn: uid=ann\njpegPhoto:< file:///tmp/x\n", ":1: jpegPhoto is in another file"},
		"no LDIF":              {"ldif", "email,id\n", ":1: a line has no colon"},
		"nothing":              {"ldif", "", ":1: the file holds no entry of a person"},
	} {
		path := filepath.Join(t.TempDir(), "export")
		if err := os.WriteFile(path, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(Config{Path: path, Format: tc.format}); err == nil || !strings.HasPrefix(err.Error(), "path: "+path+tc.says) {
			t.Errorf("%s: %v, want %s", name, err, tc.says)
		}
	}
}

// TestStateNotExported: somebody of Active Directory whose state was not exported may
// be disabled, and is not found.
func TestStateNotExported(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "export.ldif")
	entry := "dn: cn=ann\nobjectClass: user\nmail: ann@acme.example\nobjectGUID:: ERERERERERERERERERERAQ==\n"
	if err := os.WriteFile(path, []byte(entry), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := Open(Config{Path: path, Format: "ldif_ad"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := directory.Lookup(t.Context(), d, identity.ServiceKey{Type: "ldap", ExternalID: "acme"}, []string{"ann@acme.example"})
	if err != nil || got[0].Status != identity.Failed || !strings.Contains(got[0].Err.Error(), "userAccountControl") {
		t.Errorf("Lookup = %+v, %v, want failed for want of userAccountControl", got, err)
	}
}

// TestGuide: the guide shows every format in a block, and excerpts of the files that
// TestExports reads.
func TestGuide(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile(filepath.Join("..", "..", "..", "templates", "guides", "directory-file.md"))
	if err != nil {
		t.Fatal(err)
	}
	for name := range formats() {
		if !regexp.MustCompile(`format += "` + name + `"`).Match(guide) {
			t.Errorf("no block shows the format %s", name)
		}
	}
	files, _ := filepath.Glob(filepath.Join("testdata", "exports", "*"))
	var exports []byte
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		exports = append(exports, data...)
	}
	for _, shown := range regexp.MustCompile("(?s)```text\n(.*?)\n```").FindAllSubmatch(guide, -1) {
		for _, part := range bytes.Split(shown[1], []byte("\n")) {
			if !bytes.Contains(exports, part) {
				t.Errorf("no export holds %s", part)
			}
		}
	}
}
