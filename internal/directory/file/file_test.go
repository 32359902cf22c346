// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package file_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/file"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var service = identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}

func subject(name string, write func(testing.TB, directorytest.World) []byte) directorytest.Subject {
	return directorytest.Subject{
		Kind:    "file",
		Service: service,
		Open: func(t testing.TB, env directorytest.Env) (directory.Directory, error) {
			path := filepath.Join(t.TempDir(), name)
			save(t, path, string(write(t, env.World)))
			return file.Open(file.Config{Path: path})
		},
	}
}

func asCSV(t testing.TB, w directorytest.World) []byte {
	var out bytes.Buffer
	c := csv.NewWriter(&out)
	rows := [][]string{{"email", "id", "active"}}
	for _, p := range w.People {
		for _, address := range p.Emails {
			rows = append(rows, []string{address, p.ID, strconv.FormatBool(!p.Inactive)})
		}
	}
	if err := c.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func asJSON(t testing.TB, w directorytest.World) []byte {
	list := []map[string]any{}
	for _, p := range w.People {
		list = append(list, map[string]any{"id": p.ID, "emails": p.Emails, "active": !p.Inactive})
	}
	out, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestConformanceCSV(t *testing.T) {
	t.Parallel()
	s := subject("people.csv", asCSV)
	s.AllPrimary = true // each row has one address
	directorytest.Run(t, s)
}

func TestConformanceJSON(t *testing.T) {
	t.Parallel()
	directorytest.Run(t, subject("people.json", asJSON))
}

func TestTraps(t *testing.T) {
	t.Parallel()
	s := subject("people.json", asJSON)
	const ann = "ann@example.com"
	person := func(id string, emails ...string) directorytest.Person {
		return directorytest.Person{ID: id, Emails: emails}
	}
	left := person("u-1", ann)
	left.Inactive = true
	people := func(some ...directorytest.Person) directorytest.World { return directorytest.World{People: some} }
	truncated := func(t testing.TB, env directorytest.Env) (directory.Directory, error) {
		path := filepath.Join(t.TempDir(), "people.json")
		whole := string(asJSON(t, env.World))
		save(t, path, whole)
		d, err := file.Open(file.Config{Path: path})
		save(t, path, whole[:len(whole)-1])
		return d, err
	}
	directorytest.Traps(t, s, map[directorytest.Trap]directorytest.Cell{
		directorytest.Unverified: directorytest.Cannot("who exports the file answers for its addresses; the JSON of Slack and GitLab is read as by their connectors"),
		directorytest.Pending:    directorytest.Cannot("a file of its own says active or not; the JSON of GitLab is read as by its connector"),
		directorytest.Guest:      directorytest.Cannot("a file of its own does not say; exports of Entra and Slack do"),
		directorytest.InactiveTwin: directorytest.Scenes( // without sign-in names they may be two people
			directorytest.Scene{World: people(left, person("u-2", ann)), Asks: []directorytest.Ask{directorytest.Email(ann, identity.Ambiguous, "u-1", "u-2")}}),
		directorytest.ShortList: directorytest.Scenes(
			directorytest.Scene{World: people(person("u-1", ann)), Open: truncated, Asks: []directorytest.Ask{directorytest.Email(ann, identity.Failed)}}),
	})
}

func save(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestContent(t *testing.T) {
	t.Parallel()
	active := func(id, email string) directory.Account {
		return directory.Account{Identity: id, Addresses: directory.Primaries(email), State: directory.StateActive}
	}
	gone := func(id, email string) directory.Account {
		return directory.Account{Identity: id, Addresses: directory.Primaries(email), State: directory.StateInactive}
	}
	for name, tc := range map[string]struct {
		file, content string
		want          []directory.Account // of ann@example.com
		fail          string              // or the error, after the file's name
	}{
		"BOM and CRLF":         {"f.csv", "\ufeffEMAIL,Id\r\nann@example.com,1\r\n", []directory.Account{active("1", "ann@example.com")}, ""},
		"columns in any order": {"f.csv", "active, id ,email\nNo,1,Ann@example.com\n", []directory.Account{gone("1", "Ann@example.com")}, ""},
		"blank is active":      {"f.csv", "email,id,active\nann@example.com,1,\n", []directory.Account{active("1", "ann@example.com")}, ""},
		"0 and 1":              {"f.csv", "email,id,active\nann@example.com,1,0\nann@example.com,2,1\n", []directory.Account{gone("1", "ann@example.com"), active("2", "ann@example.com")}, ""},
		"quotes":               {"f.csv", "email,id\n\"ann@example.com\",\"1,2\"\n", []directory.Account{active("1,2", "ann@example.com")}, ""},
		"rows of one id":       {"f.csv", "email,id\nann@example.com,1\na@example.com,1\n", []directory.Account{active("1", "ann@example.com"), active("1", "a@example.com")}, ""},
		"header only":          {"f.csv", "email,id\n", nil, ""},
		"sniffed CSV":          {"export", "email,id\nann@example.com,1\n", []directory.Account{active("1", "ann@example.com")}, ""},
		"sniffed JSON":         {"export", "\ufeff \n[{\"id\":\"1\",\"emails\":[\"ann@example.com\"]}]", []directory.Account{active("1", "ann@example.com")}, ""},
		"JSON number":          {"f.JSON", `[{"id":12345678901234567890,"emails":["ann@example.com"],"active":false}]`, []directory.Account{gone("12345678901234567890", "ann@example.com")}, ""},
		"empty JSON list":      {"f.json", `[]`, nil, ""},
		"pages":                {"f.json", "[{\"id\":\"2\"}]\n[{\"id\":\"1\",\"emails\":[\"ann@example.com\"]}]", []directory.Account{active("1", "ann@example.com")}, ""},
		"JSON lines":           {"export", "{\"id\":\"1\",\"emails\":[\"ann@example.com\"]}\n{\"id\":\"2\"}\n", []directory.Account{active("1", "ann@example.com")}, ""},
		"one bad address":      {"f.csv", "email,id\nann@example.com,1\n#N/A,2\n", []directory.Account{active("1", "ann@example.com")}, ""},

		"semicolons":           {"f.csv", "email;id;active\r\nann@example.com;1,5;no\r\n", []directory.Account{gone("1,5", "ann@example.com")}, ""},
		"tabs":                 {"f.csv", "email\tid\nann@example.com\t1\n", []directory.Account{active("1", "ann@example.com")}, ""},
		"named separator":      {"f.csv", "\ufeffsep=;\r\nemail;id\r\nann@example.com;1\r\n", []directory.Account{active("1", "ann@example.com")}, ""},
		"blank rows and cells": {"f.csv", "email,id,,\nann@example.com,1,,\n,,,\n \nb@example.com,2,,,\n", []directory.Account{active("1", "ann@example.com")}, ""},
		"a row without e-mail": {"f.csv", "email,id\nann@example.com,1\n,2\n", []directory.Account{active("1", "ann@example.com")}, ""},
		"UTF-16":               {"f.csv", "\xff\xfe" + utf16Of("email,id\r\nann@example.com,\u00fc1\r\n"), []directory.Account{active("\u00fc1", "ann@example.com")}, ""},

		"empty file":       {"f.csv", "", nil, ":1: the file is empty; its first line is the header email,id or email,id,active"},
		"no header":        {"f.csv", "ann@example.com,1\n", nil, `:1: the header names a column "ann@example.com"; the columns are email, id and optionally active. For another export, set format, or name its columns with email_column and id_column`},
		"lacks id":         {"f.csv", "email,active\n", nil, `:1: the header lacks the column "id". It is email, active`},
		"email twice":      {"f.csv", "email,id,Email\n", nil, `:1: the header names the column "email" twice`},
		"ragged":           {"f.csv", "email,id\na@example.com,1\nb@example.com\n", nil, ":3: the row has 1 cell, but the header has 2 columns. Blank cells need their separator, and a value that holds a separator needs quotes"},
		"bare quote":       {"f.csv", "email,id\n\"a\"b@example.com,1\n", nil, ":2: text follows a closing quote. Inside a quoted cell, a quote is written twice"},
		"empty id":         {"f.csv", "email,id\na@example.com,1\nb@example.com, \n", nil, ":3: the id is empty"},
		"no address":       {"f.csv", "email,id\n,1\n", nil, ":2: none of the 1 accounts has an address, so nobody could be found"},
		"an error value":   {"f.csv", "email,id\na@example.com,1\nb@example.com,#N/A\n", nil, `:3: the id "#N/A" is what a spreadsheet writes where it has no value. Correct the sheet and export it again`},
		"a rounded id":     {"f.csv", "sep=;\nemail;id\na@example.com;1,23457E+17\n", nil, `:3: the id "1,23457E+17" is a number that a spreadsheet has rounded, so its digits are lost. Format the column as text, enter the ids again, and export`},
		"cells beyond":     {"f.csv", "email,id\na@example.com,1,x\n", nil, ":2: the row has 3 cells, but the header has 2 columns. Blank cells need their separator, and a value that holds a separator needs quotes"},
		"half of UTF-16":   {"f.csv", "\xff\xfee\x00m", nil, ":1: the file is UTF-16, and cut off in the middle of a character"},
		"no email":         {"f.csv", "email,id\nann,1\n", nil, `:2: none of the 1 accounts has an address, so nobody could be found: "ann" is not an e-mail`},
		"odd active":       {"f.csv", "email,id,active\na@example.com,1,maybe\n", nil, `:2: active is "maybe"; it is true, false, yes, no, 1, 0 or blank`},
		"both states":      {"f.csv", "email,id,active\na@example.com,1,yes\nb@example.com,1,no\n", nil, `:3: the account "1" is active on this line or on line 2, and inactive on the other. Keep one of the two lines`},
		"no list":          {"f.json", `{"total":1}`, nil, ":1: the object holds no list of accounts, only total"},
		"cut off":          {"f.json", "[{\"id\":\"1\",\n\"emails\":[\"a@example.com\"]}", nil, ":2: the file is cut off"},
		"missing id":       {"f.json", "[\n{\"id\":\"1\",\"emails\":[]},\n\n{\"emails\":[\"a@example.com\"]}]", nil, ":4: the id is missing"},
		"id of JSON empty": {"f.json", `[{"id":"","emails":[]}]`, nil, ":1: the id is empty"},
		"a rounded number": {"f.json", `[{"id":1.23457E+17,"emails":["a@example.com"]}]`, nil, `:1: the id "1.23457E+17" is a number that a spreadsheet has rounded, so its digits are lost. Format the column as text, enter the ids again, and export`},
		"id a list":        {"f.json", `[{"id":["1"]}]`, nil, ":1: the id is neither a string nor a number"},
		"misspelled":       {"f.json", `[{"id":"1","email":"a@example.com"}]`, nil, `:1: the record has an unknown field "email". For another export, set format, or name its columns with email_column and id_column`},
		"no addresses":     {"f.json", `[{"id":"1"},{"id":"2","emails":[]}]`, nil, ":1: none of the 2 accounts has an address, so nobody could be found"},
		"two ids":          {"f.json", `[{"id":"1","id":"2","emails":["ann@example.com"]}]`, nil, `:1: the key "id" comes twice`},
		"two lists":        {"f.json", "[\n" + `{"id":"1","emails":["ann@example.com"],"emails":["b@example.com"]}]`, nil, `:2: the key "emails" comes twice`},
		"another case":     {"f.json", `[{"id":"1","ID":"2","emails":["ann@example.com"]}]`, nil, `:1: the key is "ID"; the keys are id, emails and active`},
		"two lists in one": {"f.json", `{"users":[],"admins":[]}`, nil, ":1: the object holds several lists, and no one says which has the accounts. Export the list alone"},
		"an empty page":    {"f.json", `{"users":[]}`, nil, ":1: the only list in the file is empty"},
		"a list of names":  {"f.json", "[\n" + `"ann@example.com"]`, nil, ":2: the list holds something else than objects"},
		"not the last":     {"f.json", `{"users":[],"response_metadata":{"next_cursor":"dXNlcg=="}}`, nil, ":1: the list goes on after this file: next_cursor says so. Export all pages"},
		"a workbook":       {"f.csv", "PK\x03\x04\x14\x00", nil, ":1: the file is a workbook or an archive; save the sheet as CSV"},
		"active a word":    {"f.json", `[{"id":"1","active":"yes"}]`, nil, `:1: its field "active" is a string`},
		"more":             {"f.json", "[]\nx", nil, ":2: invalid character 'x' looking for beginning of value"},
		"JSON lines cut":   {"f.jsonl", "{\"id\":\"1\",\"emails\":[\"ann@example.com\"]}\n{\"id\":\"2\"", nil, ":2: the file is cut off"},
		"nothing":          {"f.json", " ", nil, ":1: the file is cut off"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), tc.file)
			save(t, path, tc.content)
			d, err := file.Open(file.Config{Path: path})
			if tc.fail != "" {
				if err == nil || err.Error() != "path: "+path+tc.fail {
					t.Fatalf("Open: %v\nwant: path: %s%s", err, path, tc.fail)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := d.Find(t.Context(), "ann@example.com")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Find (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOneBadAddress: an address that cannot be read concerns its account alone.
func TestOneBadAddress(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f.csv")
	save(t, path, "login,email,id,status\nann@example.com,#N/A,1,ACTIVE\nbob@example.com,b@b@example.com,2,ACTIVE\neve@example.com,,3,ACTIVE\n")
	d, err := file.Open(file.Config{Path: path, Format: "okta_users"})
	if err != nil {
		t.Fatal(err)
	}
	answers, err := directory.Lookup(t.Context(), d, service, []string{"ann@example.com", "bob@example.com", "eve@example.com", "kim@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{`failed the record of the account "1" cannot be read: line 2 of the file: "#N/A" is not an e-mail`,
		`failed the record of the account "2" cannot be read: line 3 of the file: `, "found ", "not_found "} {
		status, says, _ := strings.Cut(want, " ")
		if got := answers[i]; string(got.Status) != status || says != "" && (got.Err == nil || !strings.Contains(got.Err.Error(), says)) {
			t.Errorf("%+v, want %s", got, want)
		}
	}
}

// TestLookAlikes: of two addresses that only look alike neither is left out.
func TestLookAlikes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f.json")
	save(t, path, `[{"id":"1","emails":["\u212aim@example.com","kim@example.com"]}]`)
	d, err := file.Open(file.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	for email, want := range map[string]identity.LookupStatus{"\u212aim@example.com": identity.Found, "kim@example.com": identity.Alias} {
		if got, err := directory.Lookup(t.Context(), d, service, []string{email}); err != nil || got[0].Status != want {
			t.Errorf("%s: %+v, %v, want %s", email, got, err, want)
		}
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

// TestNamedColumns reads an export whose columns have names of their own.
func TestNamedColumns(t *testing.T) {
	t.Parallel()
	const text = "First Name [Required],Email Address [Required],Status [READ ONLY],Employee ID\n" +
		"Ann,ann@acme.example,Active,7\nBob,bob@acme.example,Suspended,8\n"
	path := filepath.Join(t.TempDir(), "users.csv")
	save(t, path, text)
	named := file.Config{Path: path, EmailColumn: "email address [required]", IDColumn: "Email Address [Required]", ActiveColumn: "Status [READ ONLY]", ActiveValues: []string{"active"}}
	d, err := file.Open(named)
	if err != nil {
		t.Fatal(err)
	}
	for email, state := range map[string]directory.State{"ann@acme.example": directory.StateActive, "bob@acme.example": directory.StateInactive} {
		got, err := d.Find(t.Context(), email)
		if err != nil || len(got) != 1 || got[0].Identity != email || got[0].State != state {
			t.Errorf("%s: %+v, %v", email, got, err)
		}
	}
	json := filepath.Join(t.TempDir(), "users.json")
	save(t, json, `[{"id":"1","emails":[]}]`)
	for says, change := range map[string]func(*file.Config){
		`:1: the header lacks the column "Mail"`:       func(c *file.Config) { c.EmailColumn = "Mail" },
		`:1: the header lacks the column "State"`:      func(c *file.Config) { c.ActiveColumn = "State" },
		`:2: active is "Active"; it is true`:           func(c *file.Config) { c.ActiveValues = nil },
		"active_values: it needs active_column":        func(c *file.Config) { c.ActiveColumn = "" },
		`:1: no record has "Email Address [Required]"`: func(c *file.Config) { c.Path = json },
		`:1: the header lacks the column "id"`:         func(c *file.Config) { c.IDColumn = "" },
	} {
		cfg := named
		change(&cfg)
		if _, err := file.Open(cfg); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
}

// TestNamedPaths reads JSON whose records hold what is wanted at paths of their own.
func TestNamedPaths(t *testing.T) {
	t.Parallel()
	const wrapped = `{"total": 2, "people": [
 {"ref": {"id": 7}, "mails": [{"value": "ann@acme.example"}, {"value": "a.martin@acme.example"}], "state": "On"},
 {"ref": {"id": 8}, "mails": [], "state": "Off"},
 {"ref": {"id": 9}, "mails": [{"value": "bob@acme.example"}]}]}`
	lines := `{"ref": {"id": 7}, "mails": [{"value": "ann@acme.example"}, {"value": "a.martin@acme.example"}], "state": "on"}
{"ref": {"id": 9}, "mails": {"value": "bob@acme.example"}, "state": null}`
	for name, text := range map[string]string{"one object": wrapped, "JSON lines": lines} {
		path := filepath.Join(t.TempDir(), "people.json")
		save(t, path, text)
		named := file.Config{Path: path, EmailColumn: "mails.value", IDColumn: "ref.id", ActiveColumn: "state", ActiveValues: []string{"on"}}
		d, err := file.Open(named)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for email, want := range map[string]string{"ann@acme.example": "7 active", "a.martin@acme.example": "7 active", "bob@acme.example": "9 inactive"} {
			got, err := d.Find(t.Context(), email)
			if err != nil || len(got) != 1 || got[0].Identity+" "+got[0].State.String() != want || !got[0].Owns(email) {
				t.Errorf("%s: %s: %+v, %v", name, email, got, err)
			}
		}
		for says, change := range map[string]func(*file.Config){
			`no record has "mail.value"`: func(c *file.Config) { c.EmailColumn = "mail.value" },
			`no record has "status"`:     func(c *file.Config) { c.ActiveColumn = "status" },
			"mails: it is an object; name one of its members, as in profile.email": func(c *file.Config) { c.EmailColumn = "mails" },
			"ref: it is an object": func(c *file.Config) { c.IDColumn = "ref" },
		} {
			cfg := named
			change(&cfg)
			if _, err := file.Open(cfg); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v, want %q", name, err, says)
			}
		}
	}
}

// TestFormats reads exports under the headers that their services publish.
func TestFormats(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		format, text string
		want         map[string]string // e-mail → identity and state
	}{
		"Google": {"google_users", "First Name [Required],Last Name [Required],Email Address [Required],Password [Required],Org Unit Path [Required],Status [READ ONLY],Last Sign In [READ ONLY]\n" +
			"Ann,Martin,ann@acme.example,****,/,Active,Never\nBob,Li,bob@acme.example,****,/,Suspended,Never\n",
			map[string]string{"ann@acme.example": "ann@acme.example active", "bob@acme.example": "bob@acme.example inactive"}},
		"Entra": {"entra_users", "\ufeffuserPrincipalName,displayName,surname,mail,givenName,id,userType,jobTitle,department,accountEnabled,usageLocation\r\n" +
			"ann@acme.example,Ann Martin,Martin,a.martin@acme.example,Ann,11111111-0000-4000-8000-000000000001,Member,,,True,\r\nbob@acme.example,Bob,,,,11111111-0000-4000-8000-000000000002,Member,,,False,\r\n",
			map[string]string{"ann@acme.example": "11111111-0000-4000-8000-000000000001 active", "a.martin@acme.example": "11111111-0000-4000-8000-000000000001 active",
				"bob@acme.example": "11111111-0000-4000-8000-000000000002 inactive"}},
		"Entra, as it was": {"entra_users", "userPrincipalName,displayName,surname,mail,givenName,objectId,userType,accountEnabled\nann@acme.example,Ann,,ANN@acme.example,,1,Member,true\n",
			map[string]string{"ann@acme.example": "1 active"}},
		"Slack": {"slack_members", "username,email,status,billing-active,has-2fa,has-sso,userid,fullname,displayname,expiration-timestamp\n" +
			"ann,ann@acme.example,Member,1,0,0,U01ANN,Ann Martin,ann,\nbob,bob@acme.example,Deactivated,0,0,0,U02BOB,Bob,bob,\nhelper,,Bot,0,0,0,U03BOT,Helper,,\n",
			map[string]string{"ann@acme.example": "U01ANN active", "bob@acme.example": "U02BOB inactive"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "export.csv")
			save(t, path, tc.text)
			d, err := file.Open(file.Config{Path: path, Format: tc.format})
			if err != nil {
				t.Fatal(err)
			}
			for email, want := range tc.want {
				got, err := d.Find(t.Context(), email)
				if err != nil || len(got) != 1 || got[0].Identity+" "+fmt.Sprint(got[0].State) != want || got[0].Addresses[0].Kind != directory.Primary {
					t.Errorf("%s: %+v, %v", email, got, err)
				}
			}
		})
	}
	for says, cfg := range map[string]file.Config{
		`format: "okta" is none of aws_iam_report, aws_sso_users, entra_users, `: {Path: "x.csv", Format: "okta"},
		"format: it names the columns already":                                   {Path: "x.csv", Format: "slack_members", IDColumn: "userid"},
	} {
		if _, err := file.Open(cfg); err == nil || !strings.HasPrefix(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
}

// The order of rows makes nobody the primary holder of a shared address.
func TestSharedAddressIsAmbiguous(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "people.csv")
	save(t, path, "email,id\nann@example.com,1\nteam@example.com,1\nteam@example.com,2\n")
	d, err := file.Open(file.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	answers, err := directory.Lookup(t.Context(), d, service, []string{"team@example.com", "ann@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	want := []identity.LookupResult{
		{Email: "team@example.com", Status: identity.Ambiguous, Candidates: []identity.Candidate{
			{Matcher: identity.Matcher{"user_id": "1"}, AccountID: "1", State: "active"},
			{Matcher: identity.Matcher{"user_id": "2"}, AccountID: "2", State: "active"},
		}},
		{Email: "ann@example.com", Status: identity.Found, Matcher: identity.Matcher{"user_id": "1"}, AccountID: "1", Evidence: identity.EvidenceEmail},
	}
	if diff := cmp.Diff(want, answers); diff != "" {
		t.Errorf("Lookup (-want +got):\n%s", diff)
	}
}

func TestFileChanges(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "people.csv")
	old := time.Now().Add(-time.Hour)
	put := func(id string, modified time.Time) {
		save(t, path, "email,id\nann@example.com,"+id+"\n")
		if err := os.Chtimes(path, modified, modified); err != nil {
			t.Fatal(err)
		}
	}
	put("1", old)
	d, err := file.Open(file.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	want := func(id string) {
		t.Helper()
		got, err := d.Find(t.Context(), "ann@example.com")
		if err != nil || len(got) != 1 || got[0].Identity != id {
			t.Errorf("Find = %+v, %v, want %s", got, err, id)
		}
	}
	want("1")
	put("2", old.Add(time.Second)) // same size
	want("2")
	put("33", old.Add(time.Second)) // same time
	want("33")
	now := time.Now()
	put("44", now)
	want("44")
	put("55", now) // same size and time, just modified
	want("55")

	for step, spoil := range map[string]func() error{
		"broken":  func() error { return os.WriteFile(path, []byte("nothing"), 0o600) },
		"missing": func() error { return os.Remove(path) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Find(t.Context(), "ann@example.com"); err == nil {
			t.Errorf("Find in a %s file = %+v, want an error", step, got)
		}
		if err := d.Check(t.Context()); err == nil {
			t.Errorf("Check of a %s file: want an error", step)
		}
		put("1", old)
		want("1")
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"empty": "", "missing": filepath.Join(t.TempDir(), "no.csv"), "a folder": t.TempDir()} {
		if _, err := file.Open(file.Config{Path: path}); err == nil || !strings.HasPrefix(err.Error(), "path: ") {
			t.Errorf("%s: Open: %v, want an error about path", name, err)
		}
	}
}

// TestProbeCountsAccounts proves that check counts accounts, not addresses.
func TestProbeCountsAccounts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "people.json")
	save(t, path, `[{"id":"1","emails":["ann@example.com","ann.martin@example.com"]},{"id":"2","emails":["bob@example.com"]}]`)
	d, err := file.Open(file.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	probed, err := directory.Probe(t.Context(), d, service, directory.Settings{}, nil)
	if err != nil || probed.Accounts != 2 {
		t.Errorf("%d accounts, %v", probed.Accounts, err)
	}
}
