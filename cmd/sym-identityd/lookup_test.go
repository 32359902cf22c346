// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// lookupConfig writes a configuration with directories that read files, one that
// fails and a service without any, and a store in which Zoe holds kim's account.
func lookupConfig(t *testing.T) string {
	t.Helper()
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	t.Cleanup(refusing.Close)
	path := writeConfig(t, `
service "google" "acme.example" {
  label = "Workspace"
  directory "file" {
    path    = "google.csv"
    domains = ["acme.example"]
  }
}
service "github" "acme" {
  label = "GitHub"
  directory "file" { path = "github.json" }
}
service "github" "lab" {}
service "scim" "acme" {
  directory "scim" {
    base_url   = "`+refusing.URL+`"
    token      = env("SECRET")
    allow_http = true
  }
}
service "custom" "pager" {
  directory "http" {
    url        = "`+refusing.URL+`?email={email}"
    identity   = "response.id"
    headers    = { X-Key = env("SECRET") }
    allow_http = true
    allow_private = true
  }
}
`)
	dir := filepath.Dir(path)
	for name, text := range map[string]string{
		"google.csv": "email,id,active\nada@acme.example,ada@acme.example,true\n",
		"github.json": `[{"id":"ada","emails":["ada@acme.example","a.l@acme.example"]},{"id":"kim","emails":["kim@acme.example"]},
			{"id":"left","emails":["left@acme.example"],"active":false},{"id":"t1","emails":["team@acme.example"]},{"id":"t2","emails":["team@acme.example"]}]`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// fillStore stores that Zoe holds kim's account, that Nora has one that no service
// shows, and a service that only the store knows.
func fillStore(t *testing.T, path string) {
	t.Helper()
	st, err := sqlstore.Open(t.Context(), "sqlite:"+filepath.Join(filepath.Dir(path), "identities.db"), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	actor := store.Actor{Name: "ci"}
	github := identity.ServiceKey{Type: "github", ExternalID: "acme"}
	scim := identity.ServiceKey{Type: "scim", ExternalID: "acme"}
	for _, key := range []identity.ServiceKey{github, scim, {Type: "slack", ExternalID: "T0ACME"}} {
		if _, err := st.CreateService(t.Context(), actor, key, "Label of "+key.Type); err != nil {
			t.Fatal(err)
		}
	}
	var writes []store.UserWrite
	for email, login := range map[identity.UserKey]string{"zoe@acme.example": "KIM", "nora@acme.example": "nora-l"} {
		writes = append(writes, store.UserWrite{Key: email, Name: string(email), Mappings: []store.MappingWrite{
			{Service: github, Matcher: identity.NewMatcher("github", login), Source: identity.Manual},
			{Service: scim, Matcher: identity.NewMatcher("scim", "of "+login), Source: identity.Manual}}})
	}
	if _, err := st.UpsertUsers(t.Context(), actor, writes); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
}

var lookupEnv = map[string]string{"SECRET": checkedSecret}

// lookedUp is the part of a result that a test compares.
func lookedUp(r lookupResult) string {
	parts := []string{r.Email}
	switch {
	case r.Answer != nil:
		parts = append(parts, "is "+r.Answer.Identity, string(r.Answer.Source), r.Answer.Evidence)
	case r.Error != "":
		parts = append(parts, "not known")
	default:
		parts = append(parts, string(r.Reason), strings.Join(r.Candidates, "+"), r.Holder)
	}
	for _, s := range r.Steps {
		parts = append(parts, fmt.Sprintf("%s:%s", s.Name, s.Outcome))
	}
	for _, a := range r.Accounts {
		parts = append(parts, "saw "+identity.Matcher(a.Matcher).String())
	}
	return strings.Join(parts, " ")
}

func TestLookup(t *testing.T) {
	t.Parallel()
	path := lookupConfig(t)
	fillStore(t, path)
	const rules = "rule:skipped"
	for service, people := range map[string]map[string]string{
		"github:acme": {
			"Ada@acme.example":  "is ada email email store:miss " + rules + " email:hit saw ada",
			"a.l@acme.example":  "alias ada  store:miss " + rules + " email:miss saw ada",
			"nora@acme.example": "is nora-l store manual store:hit " + rules + " email:miss account:miss",
			"zoe@acme.example":  "is KIM store manual store:hit " + rules + " email:miss account:hit",
			"kim@acme.example":  "claimed kim zoe@acme.example store:miss " + rules + " email:miss saw kim",
			"left@acme.example": "inactive   store:miss " + rules + " email:miss saw left",
			"team@acme.example": "ambiguous t1+t2  store:miss " + rules + " email:miss saw t1 saw t2",
			"who@acme.example":  "not_found   store:miss " + rules + " email:miss",
			"ada@home.example":  "not_found ada  store:miss " + rules + " email:miss", // the same local part
			"kim@home.example":  "not_found   store:miss " + rules + " email:miss",    // somebody holds the account
		},
		"google:acme.example": {"ada@other.example": "other_domain   store:miss " + rules + " email:skipped"},
		"github:lab":          {"ada@acme.example": "no_directory   store:miss " + rules + " email:skipped"},
		"slack":               {"ada@acme.example": "no_directory   store:miss " + rules + " email:skipped"},
		"scim:acme": {
			"ada@acme.example": "not known store:miss " + rules + " email:error",
			"zoe@acme.example": "is of KIM store manual store:hit " + rules + " email:error",
		},
		"custom:pager": {"ada@acme.example": "not known store:miss " + rules + " fetch_remote_identity:error"},
	} {
		args := []string{"lookup", "-config", path, "-json", service}
		unmapped, failed := false, false
		for email, want := range people {
			args = append(args, email)
			failed = failed || strings.HasSuffix(want, ":error")
			unmapped = unmapped || !strings.HasPrefix(want, "is ")
		}
		out := runCommand(t.Context(), lookupEnv, args...)
		wantCode := exitOK
		if failed {
			wantCode = exitFailed
		} else if unmapped {
			wantCode = exitUnmapped
		}
		var report lookupReport
		if err := json.Unmarshal([]byte(out.stdout), &report); err != nil || out.code != wantCode || out.stderr != "" {
			t.Fatalf("%s: code %d, want %d, %v, %s\n%s", service, out.code, wantCode, err, out.stderr, out.stdout)
		}
		got, want := map[string]string{}, map[string]string{}
		for _, r := range report.Results {
			got[r.Email] = lookedUp(r)
		}
		for email, text := range people {
			want[email] = email + " " + text
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", service, diff)
		}
		if strings.Contains(out.stdout, checkedSecret) {
			t.Errorf("%s shows its secret", service)
		}
	}
}

// What people read, and a service by label or by the beginning of its key.
func TestLookupText(t *testing.T) {
	t.Parallel()
	path := lookupConfig(t)
	fillStore(t, path)
	out := runCommand(t.Context(), lookupEnv, "lookup", "-config", path, "github:a", "ada@acme.example", "kim@acme.example")
	const skipped = "rules are in Terraform configurations, which this command does not read; try them with provider::sym::reduce"
	want := `ada@acme.example in github:acme (GitHub)
  store    miss     nothing is stored
  rule     skipped  ` + skipped + `
  email    hit      ada@acme.example has the account ada
  account  ada; active person; primary ada@acme.example; alias a.l@acme.example
  answer   ada (email, evidence email)

kim@acme.example in github:acme (GitHub)
  store    miss     nothing is stored
  rule     skipped  ` + skipped + `
  email    miss     kim@acme.example has the account kim, which belongs to zoe@acme.example
  account  kim; active person; primary kim@acme.example
  answer   none: claimed
`
	if diff := cmp.Diff(want, out.stdout); diff != "" || out.code != exitUnmapped {
		t.Errorf("code %d, %s (-want +got):\n%s", out.code, out.stderr, diff)
	}
	out = runCommand(t.Context(), lookupEnv, "lookup", "-config", path, "github:acme", "ada@home.example")
	if want := "no account has the e-mail ada@home.example; nobody holds these accounts, which may be this person's: ada (the same name before the @)\n"; out.code != exitUnmapped || !strings.Contains(out.stdout, want) {
		t.Errorf("a candidate: code %d: %s%s", out.code, out.stdout, out.stderr)
	}
	out = runCommand(t.Context(), lookupEnv, "lookup", "-config", path, "workspace", "ada@acme.example")
	if out.code != exitOK || !strings.Contains(out.stdout, "in google:acme.example (Workspace)") {
		t.Errorf("by label: code %d: %s%s", out.code, out.stdout, out.stderr)
	}
	out = runCommand(t.Context(), lookupEnv, "lookup", "-config", path, "github:acme", "nora@acme.example")
	if want := "hit      nora-l is stored (source manual), since " + time.Now().UTC().Format(time.DateOnly) + " by ci\n"; out.code != exitOK || !strings.Contains(out.stdout, want) {
		t.Errorf("a stored identity: code %d: %s%s", out.code, out.stdout, out.stderr)
	}
}

// A stored name that another account has now is nobody's answer, as in the provider.
// The account is its holder's under whatever name.
func TestLookupOfAReusedName(t *testing.T) {
	t.Parallel()
	scim := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"totalResults":1,"Resources":[{"id":"2","userName":"ada@acme.example"}]}`)
	}))
	t.Cleanup(scim.Close)
	path := writeConfig(t, `
service "scim" "acme" {
  directory "scim" {
    base_url     = "`+scim.URL+`"
    token        = env("SECRET")
    id_attribute = "userName"
    allow_http   = true
  }
}
`)
	st, err := sqlstore.Open(t.Context(), "sqlite:"+filepath.Join(filepath.Dir(path), "identities.db"), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	actor, key := store.Actor{Name: "ci"}, identity.ServiceKey{Type: "scim", ExternalID: "acme"}
	_, err = st.CreateService(t.Context(), actor, key, "")
	if err == nil {
		var writes []store.UserWrite
		for id, name := range map[string]string{"1": "ada@acme.example", "2": "bob@acme.example"} {
			writes = append(writes, store.UserWrite{Key: identity.UserKey(name), Name: name, Mappings: []store.MappingWrite{
				{Service: key, Matcher: identity.NewMatcher("scim", name), AccountID: id, Source: identity.FromEmail}}})
		}
		_, err = st.UpsertUsers(t.Context(), actor, writes)
	}
	if err := errors.Join(err, st.Close()); err != nil {
		t.Fatal(err)
	}
	out := runCommand(t.Context(), lookupEnv, "lookup", "-config", path, "-json", "scim", "ada@acme.example")
	var report lookupReport
	if err := json.Unmarshal([]byte(out.stdout), &report); err != nil || out.code != exitFailed {
		t.Fatalf("code %d, %v: %s%s", out.code, err, out.stdout, out.stderr)
	}
	r := report.Results[0]
	if want := "ada@acme.example not known store:hit rule:skipped email:hit saw ada@acme.example"; lookedUp(r) != want || r.Error != "ada@acme.example is stored for the account 1, and is the name of another account now" || !strings.HasSuffix(r.Steps[0].Detail, r.Error) {
		t.Errorf("got %s (%s), want %s", lookedUp(r), r.Error, want)
	}
	if held := r.Accounts[0].HeldBy; !slices.Equal(held, []string{"bob@acme.example"}) {
		t.Errorf("the account 2 is held by %v", held)
	}
}

// An account that was mapped by hand has an address that nobody asks for. Lookup
// asks for the account itself, so that it does not answer with a name that has
// changed hands.
func TestLookupOfAnAccountMappedByHand(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, `
service "github" "acme" {
  directory "file" {
    path   = "github.json"
    format = "github_saml"
  }
}
`)
	const member = `{"data":{"organization":{"samlIdentityProvider":{"externalIdentities":{"nodes":[{"samlIdentity":{"nameId":"nora.olsen@acme.example"},"user":{"login":%q,"databaseId":%d}}]}}}}}`
	st, err := sqlstore.Open(t.Context(), "sqlite:"+filepath.Join(filepath.Dir(path), "identities.db"), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	actor, github := store.Actor{Name: "ci"}, identity.ServiceKey{Type: "github", ExternalID: "acme"}
	_, err = st.CreateService(t.Context(), actor, github, "")
	if err == nil {
		_, err = st.UpsertUsers(t.Context(), actor, []store.UserWrite{{Key: "nora.lindqvist@acme.example", Name: "nora.lindqvist@acme.example", Mappings: []store.MappingWrite{
			{Service: github, Matcher: identity.NewMatcher("github", "nora-l"), AccountID: "1003", Source: identity.Manual}}}})
	}
	if err := errors.Join(err, st.Close()); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		members string
		code    int
		want    string
		detail  string
	}{
		"there":   {fmt.Sprintf(member, "nora-l", 1003), exitOK, "is nora-l store manual", "the account nora-l is active"},
		"gone":    {fmt.Sprintf(member, "kim", 1004), exitOK, "is nora-l store manual", "github:acme has no account nora-l"},
		"renamed": {fmt.Sprintf(member, "nora-lindqvist", 1003), exitOK, "is nora-l store manual", "the account nora-l is called nora-lindqvist now"},
		"reused":  {fmt.Sprintf(member, "nora-l", 2000), exitFailed, "not known", "nora-l is the name of another account now (2000, and not 1003)"},
		"cut off": {member[:40], exitFailed, "is nora-l store manual", ""},
	} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), "github.json"), []byte(tt.members), 0o600); err != nil {
			t.Fatal(err)
		}
		out := runCommand(t.Context(), nil, "lookup", "-config", path, "-json", "github", "nora.lindqvist@acme.example")
		var report lookupReport
		if err := json.Unmarshal([]byte(out.stdout), &report); err != nil || out.code != tt.code {
			t.Fatalf("%s: code %d, %v: %s%s", name, out.code, err, out.stdout, out.stderr)
		}
		r := report.Results[0]
		if last := r.Steps[len(r.Steps)-1]; !strings.Contains(lookedUp(r), tt.want) || !strings.HasPrefix(last.Detail, tt.detail) {
			t.Errorf("%s: got %s: %s", name, lookedUp(r), last.Detail)
		}
	}
}

// Somebody who is asked for twice gets the same answer twice.
func TestLookupTwice(t *testing.T) {
	t.Parallel()
	path := lookupConfig(t)
	fillStore(t, path)
	for service, email := range map[string]string{"github:acme": "nora@acme.example", "scim": "zoe@acme.example"} {
		var once, twice lookupReport
		for report, emails := range map[*lookupReport][]string{&once: {email}, &twice: {email, email}} {
			out := runCommand(t.Context(), lookupEnv, append([]string{"lookup", "-config", path, "-json", service}, emails...)...)
			if err := json.Unmarshal([]byte(out.stdout), report); err != nil {
				t.Fatalf("%v: %s%s", err, out.stdout, out.stderr)
			}
		}
		if diff := cmp.Diff(append(once.Results, once.Results...), twice.Results); diff != "" {
			t.Errorf("%s (-want +got):\n%s", service, diff)
		}
	}
}

// A record that cannot be read may hold a secret of the configuration.
func TestLookupOfARecordWithASecret(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, `
service "okta" "lab.okta.com" {
  directory "file" {
    path   = "okta.csv"
    format = "okta_users"
  }
}
service "pagerduty" "acme" {
  directory "pagerduty" { token = env("SECRET") }
}
`)
	people := "id,login,email,secondEmail,status\n00u1,ada@acme.example,ada@acme.example," + checkedSecret + ",ACTIVE\n"
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "okta.csv"), []byte(people), 0o600); err != nil {
		t.Fatal(err)
	}
	out := runCommand(t.Context(), lookupEnv, "lookup", "-config", path, "-json", "okta:lab.okta.com", "ada@acme.example")
	if out.code != exitFailed || !strings.Contains(out.stdout, "is not an e-mail") || strings.Contains(out.stdout+out.stderr, checkedSecret) {
		t.Errorf("code %d: %s%s", out.code, out.stdout, out.stderr)
	}
}

// A lookup makes no store, and works without one.
func TestLookupWithoutStore(t *testing.T) {
	t.Parallel()
	path := lookupConfig(t)
	out := runCommand(t.Context(), lookupEnv, "lookup", "-config", path, "github:acme", "ada@acme.example")
	if out.code != exitOK || !strings.Contains(out.stdout, "store    miss     the store does not exist yet; the first start creates it") {
		t.Errorf("code %d: %s%s", out.code, out.stdout, out.stderr)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(path), "identities.db")); err == nil {
		t.Error("the lookup created the store")
	}
}

// A store of an older release is left as it is, and what to do helps: lookup never
// migrates, whatever migrate says.
func TestLookupInAnOlderStore(t *testing.T) {
	t.Parallel()
	path := lookupConfig(t)
	fillStore(t, path)
	db, err := sql.Open("sqlite", filepath.Join(filepath.Dir(path), "identities.db"))
	if err != nil {
		t.Fatal(err)
	}
	const last = "DELETE FROM sym_schema_versions WHERE version_id = (SELECT max(version_id) FROM sym_schema_versions)"
	if _, err := db.ExecContext(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"lookup", "-config", path, "github:acme", "ada@acme.example"}, {"export", "-config", path}} {
		out := runCommand(t.Context(), lookupEnv, args...)
		if out.code != exitFailed || !strings.Contains(out.stderr, "Run `sym-identityd migrate`") || strings.Contains(out.stderr, "migrate = true") {
			t.Errorf("%s: code %d: %s%s", args[0], out.code, out.stdout, out.stderr)
		}
	}
}

func TestLookupRefuses(t *testing.T) {
	t.Parallel()
	path := lookupConfig(t)
	const ada = "ada@acme.example"
	for name, tc := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no configuration": {[]string{"github:acme", ada}, exitUsage, "lookup needs -config FILE"},
		"no service":       {[]string{"-config", path}, exitUsage, "lookup needs a service and at least one e-mail"},
		"nobody":           {[]string{"-config", path, "github:acme"}, exitUsage, "lookup needs a service and at least one e-mail"},
		"a bot":            {[]string{"-config", path, "github:acme", "deployer"}, exitUsage, `"deployer" is not an e-mail`},
		"a flag too late":  {[]string{"-config", path, "github:acme", ada, "-json"}, exitUsage, `"-json" is not an e-mail`},
		"unknown service":  {[]string{"-config", path, "okat", ada}, exitFailed, `no service is called "okat"; there are custom:pager, github:acme, github:lab`},
		"two services":     {[]string{"-config", path, "git", ada}, exitFailed, `"git" may be github:acme, github:lab`},
		"no file":          {[]string{"-config", path + ".none", "github", ada}, exitFailed, "id.hcl.none"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := runCommand(t.Context(), lookupEnv, append([]string{"lookup"}, tc.args...)...)
			if out.code != tc.code || !strings.Contains(out.stderr, tc.want) || out.stdout != "" {
				t.Errorf("code %d: %s%s", out.code, out.stdout, out.stderr)
			}
		})
	}
}

// Names are shown without what a terminal obeys.
func TestLookupPrintsNoControls(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	r := lookupResult{Email: "ada@acme.example", Accounts: []symapi.Account{{Name: "\x1b[31mAda\u202e", State: "active", Kind: "person"}},
		Steps: []resolve.Step{{Name: resolve.Email, Outcome: resolve.Failed, Detail: "the service said \x07"}}}
	r.write(&text, lookupReport{Service: "okta:acme.okta.com"})
	if got := text.String(); strings.ContainsAny(got, "\x1b\x07\u202e") || !strings.Contains(got, "Ada") {
		t.Errorf("got %q", got)
	}
}
