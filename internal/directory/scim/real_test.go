// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package scim_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/scim"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// crowd is how many ordinary users the server has: several pages.
const crowd = 430

func realUsers() []map[string]any {
	var users []map[string]any
	add := func(id, userName string, active bool, emails ...map[string]any) {
		users = append(users, map[string]any{"id": id, "userName": userName, "active": active, "emails": append([]map[string]any{}, emails...), "displayName": "Żółć " + id})
	}
	mail := func(address string) map[string]any {
		return map[string]any{"value": address, "type": "work", "primary": true}
	}
	other := func(address string) map[string]any { return map[string]any{"value": address, "type": "other"} }
	add("case", "Upper.CASE@Acme.Example", true)
	for n := range crowd {
		address := fmt.Sprintf("p%03d@acme.example", n)
		add(fmt.Sprintf("id-%03d", n), address, n%10 != 7, mail(address))
	}
	add("ann", "alee", true, mail("ann.lee@acme.example"), other("ann.maiden@acme.example"))
	add("primary", "ppp", true, mail("both@acme.example"))
	add("alias", "aaa", true, mail("alias@acme.example"), other("both@acme.example"))
	add("twin-a", "twa", true, mail("twin@acme.example"))
	add("twin-b", "twb", true, mail("twin@acme.example"))
	add("again", "again", true, mail("come.back@acme.example"))
	add("again-old", "again-old", false, mail("come.back@acme.example"))
	for i, address := range []string{"a+b@acme.example", "o'hara@acme.example", "50%25@acme.example", "a/b@acme.example", "a&b=c@acme.example", "(x)and(y)@acme.example"} {
		add(fmt.Sprintf("odd-%d", i), address, true)
	}
	add("last", "last", true, mail("last@acme.example"))
	return users
}

// TestSCIMMY asks a SCIM server that others wrote. It gives the same answers
// whether it compares case or not, and whether it filters by e-mail or not.
func TestSCIMMY(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string]map[string]any{
		"compares case": nil, "ignores case": {"ignoreCase": true}, "refuses e-mails": {"ignoreCase": true, "refuse": "emails.value"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			askSCIMMY(t, startSCIMMY(t, directorytest.Secret, realUsers(), faults))
		})
	}
}

// A list that ends before its own count answers for nobody.
func TestSCIMMYEndsEarly(t *testing.T) {
	t.Parallel()
	base := startSCIMMY(t, directorytest.Secret, realUsers(), map[string]any{"endsEarly": 100})
	d, err := scim.Open(scim.Config{Settings: apiclient.Settings{BaseURL: base, AllowHTTP: true}, Token: directorytest.Secret})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Check(t.Context()); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("Check: %v, want ErrUnavailable", err)
	}
	for name, way := range map[string]directory.Directory{"lookups": directorytest.LookupsOnly(d), "walk": directorytest.ListOnly(d)} {
		if answers, err := directory.Lookup(t.Context(), way, service, []string{"last@acme.example"}); !errors.Is(err, directory.ErrUnavailable) {
			t.Errorf("%s: %+v, %v, want ErrUnavailable", name, answers, err)
		}
	}
}

func askSCIMMY(t *testing.T, base string) {
	open := func(t *testing.T, change func(*scim.Config)) directory.Directory {
		t.Helper()
		cfg := scim.Config{Settings: apiclient.Settings{BaseURL: base, AllowHTTP: true}, Token: directorytest.Secret}
		if change != nil {
			change(&cfg)
		}
		d, err := scim.Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	want := map[string]string{
		"p000@acme.example":       "found id-000",
		"p429@acme.example":       "found id-429",
		"p007@acme.example":       "inactive id-007",
		"P001@ACME.example":       "found id-001",
		"ann.lee@acme.example":    "found ann",
		"ann.maiden@acme.example": "alias ann",
		"lee@acme.example":        "not_found",
		"ann.lee@acme.example.au": "not_found",
		"both@acme.example":       "found primary",
		"twin@acme.example":       "ambiguous twin-a twin-b",
		"come.back@acme.example":  "ambiguous again again-old", // of different names: perhaps two people
		"upper.case@acme.example": "found case",                // although this server may compare case
		"a+b@acme.example":        "found odd-0",
		"o'hara@acme.example":     "found odd-1",
		"50%25@acme.example":      "found odd-2",
		"a/b@acme.example":        "found odd-3",
		"a&b=c@acme.example":      "found odd-4",
		"(x)and(y)@acme.example":  "found odd-5",
		"last@acme.example":       "found last",
		`"quoted"@acme.example`:   "not_found", // by the list: this server does not read an escaped quotation mark
		"nobody@acme.example":     "not_found",
	}
	emails := slices.Sorted(maps.Keys(want))
	d := open(t, nil)
	t.Run("check", func(t *testing.T) {
		t.Parallel()
		if err := d.Check(t.Context()); err != nil {
			t.Errorf("Check: %v", err)
		}
		wrong := open(t, func(c *scim.Config) { c.Token = "s3cr3t wrong" })
		for what, ask := range map[string]func() error{
			"Check": func() error { return wrong.Check(t.Context()) },
			"Find":  func() error { _, err := wrong.Find(t.Context(), "ann.lee@acme.example"); return err },
		} {
			if err := ask(); !errors.Is(err, directory.ErrCredential) || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("%s with a wrong token: %v, want ErrCredential", what, err)
			}
		}
		elsewhere := open(t, func(c *scim.Config) { c.BaseURL = strings.TrimSuffix(base, "/v2") })
		if err := elsewhere.Check(t.Context()); err == nil {
			t.Error("Check of a URL without a SCIM service found nothing to say")
		}
	})
	for name, way := range map[string]directory.Directory{"lookups": directorytest.LookupsOnly(d), "walk": directorytest.ListOnly(d)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers, err := directory.Lookup(t.Context(), way, service, emails)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for i, a := range answers {
				line := string(a.Status)
				for _, c := range append(a.Candidates, identity.Candidate{Matcher: a.Matcher}) {
					if id, ok := c.Matcher.Identity(service.Type); ok {
						line += " " + id
					}
				}
				got[emails[i]] = line
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("pages", func(t *testing.T) {
		t.Parallel()
		pages, seen := 0, map[string]bool{}
		err := directory.Walk(t.Context(), d.(directory.Lister), func() {}, func(page []directory.Account) bool {
			pages++
			for _, a := range page {
				seen[a.Identity] = true
			}
			return true
		})
		if people := len(realUsers()); err != nil || len(seen) != people || pages < 4 {
			t.Errorf("Walk: %v, %d people on %d pages, want %d on several", err, len(seen), pages, people)
		}
	})
}

// startSCIMMY runs the server of tools/scim on 127.0.0.1 and gives the URL of
// its service. It ends with its input, however the test process ends. The test
// is skipped where Node.js or the server's packages are not installed.
func startSCIMMY(t *testing.T, token string, users []map[string]any, faults map[string]any) string {
	t.Helper()
	home, err := filepath.Abs(filepath.Join("..", "..", "..", "tools", "scim"))
	if err != nil {
		t.Fatal(err)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("Node.js is not installed here: no node on PATH; on Debian it is the package nodejs")
	}
	if _, err := os.Stat(filepath.Join(home, "node_modules", "scimmy-routers")); err != nil {
		t.Skip("the SCIM server is not installed here: make scim-server installs it")
	}
	cmd := exec.CommandContext(t.Context(), node, filepath.Join(home, "server.mjs"))
	cmd.Dir = home
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	settings := map[string]any{"token": token, "users": users}
	if faults != nil {
		settings["faults"] = faults
	}
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stdin.Write(append(raw, '\n')); err != nil {
		t.Fatalf("the server does not read: %v: %s", err, stderr.String())
	}
	port, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		_, _ = io.Copy(io.Discard, stdout)
		_ = cmd.Wait()
		t.Fatalf("the server does not start: %v: %s", err, stderr.String())
	}
	return "http://127.0.0.1:" + strings.TrimSpace(port) + "/scim/v2"
}
