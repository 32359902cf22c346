// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package google_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/google"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var service = identity.ServiceKey{Type: "google", ExternalID: "example.com"}

func config(t testing.TB, base string) google.Config {
	return google.Config{Settings: apiclient.Settings{BaseURL: base, AllowHTTP: true, Clock: directorytest.NewClock()},
		Domain: service.ExternalID, CredentialsFile: keyFile(t, base+"/token"), Impersonate: admin}
}

func newFake(w directorytest.World) fake {
	return fake{world: w, own: map[string]bool{"example.com": true, "example.com.au": true, "example.org": true}}
}

func subject() directorytest.Subject {
	return directorytest.Subject{
		Kind:        "google",
		Service:     service,
		AddressIsID: true,
		Fake:        func(w directorytest.World) http.Handler { return newFake(w) },
		Open: func(t testing.TB, env directorytest.Env) (directory.Directory, error) {
			cfg := config(t, env.BaseURL)
			cfg.Clock, cfg.CAFile = env.Clock, env.CAFile
			return google.Open(cfg)
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	directorytest.Run(t, subject())
}

func TestTraps(t *testing.T) {
	t.Parallel()
	const ann, other = "ann.lee@example.com", "ann.martin@example.com"
	first := accountID(directorytest.Person{ID: "u-1"})
	scene := func(ask, further directorytest.Ask, people ...directorytest.Person) directorytest.Scene {
		return directorytest.Scene{World: directorytest.World{People: people}, Asks: []directorytest.Ask{ask, further}}
	}
	oneOwner := directorytest.Cannot("no two accounts of a Workspace can have one address")
	directorytest.Traps(t, subject(), map[directorytest.Trap]directorytest.Cell{
		directorytest.Rename: directorytest.Scenes(
			// Google keeps the former address as an alias, until an administrator deletes it.
			scene(directorytest.Stored(ann, first, identity.AccountRenamed), directorytest.Email(ann, identity.Alias),
				directorytest.Person{ID: "u-1", Emails: []string{other, ann}}),
			scene(directorytest.Stored(ann, first, identity.AccountRenamed), directorytest.Email(ann, identity.NotFound),
				directorytest.Person{ID: "u-1", Emails: []string{other}}),
		),
		directorytest.RenameReuse: directorytest.Scenes(
			scene(directorytest.Stored(ann, first, identity.AccountReused), directorytest.Email(ann, identity.Found, ann),
				directorytest.Person{ID: "u-1", Emails: []string{other}}, directorytest.Person{ID: "u-2", Emails: []string{ann}}),
		),
		directorytest.RecycledAddress: directorytest.Scenes(
			scene(directorytest.Stored(ann, first, identity.AccountReused), directorytest.Email(ann, identity.Found, ann),
				directorytest.Person{ID: "u-2", Emails: []string{ann}}),
		),
		directorytest.Unverified:    directorytest.Cannot("all addresses are mailboxes of domains that the customer has proved to own"),
		directorytest.Pending:       directorytest.Cannot("administrators create all accounts"),
		directorytest.Guest:         directorytest.Cannot("the list of users holds no guests"),
		directorytest.InactiveTwin:  oneOwner,
		directorytest.InactiveOwner: oneOwner,
		directorytest.TwoMatches:    oneOwner,
		directorytest.ShortList:     directorytest.Cannot("Google does not count its users, and every page but the last one names the next"),
	})
}

func serve(t *testing.T, h http.Handler, change func(*google.Config)) directory.Directory {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	cfg := config(t, server.URL)
	if change != nil {
		change(&cfg)
	}
	d, err := google.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestFind(t *testing.T) {
	t.Parallel()
	world := directorytest.World{People: []directorytest.Person{
		{ID: "1", Emails: []string{"ann@example.com", "ann.lee@example.org"}},
		{ID: "2", Emails: []string{"bob@example.com", "b@example.com"}, Inactive: true},
	}}
	d := serve(t, newFake(world), nil)
	for email, want := range map[string]string{
		"ann@example.com":     "found ann@example.com",
		"ann.lee@example.org": "alias ", // an alias in another domain of the customer
		"bob@example.com":     "inactive bob@example.com",
		"eve@elsewhere.com":   "not_found ", // somebody else's domain is a 403
	} {
		answers, err := directory.Lookup(t.Context(), d, service, []string{email})
		if err != nil {
			t.Fatal(err)
		}
		id, _ := answers[0].Matcher.Identity("google")
		if got := fmt.Sprintf("%s %s", answers[0].Status, id); got != want {
			t.Errorf("%s: %s, want %s", email, got, want)
		}
	}
}

// A refusal that is not about a foreign domain is no "not found".
func TestForeignDomainWithoutPermission(t *testing.T) {
	t.Parallel()
	d := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			newFake(directorytest.World{}).ServeHTTP(w, r)
			return
		}
		fake{}.fail(w, http.StatusForbidden, "forbidden", "Not Authorized to access this resource/api")
	}), nil)
	for _, email := range []string{"eve@elsewhere.com", "ann@example.com"} {
		if got, err := d.Find(t.Context(), email); !errors.Is(err, directory.ErrPermission) || !strings.Contains(err.Error(), "delegation") {
			t.Errorf("%s: %+v, %v, want ErrPermission that says what to grant", email, got, err)
		}
	}
}

// TestDelegation proves that the error for a key without domain-wide delegation says what to
// grant, and that nobody is asked to renew it.
func TestDelegation(t *testing.T) {
	t.Parallel()
	d := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		directorytest.SendJSON(w, http.StatusUnauthorized, map[string]any{"error": "unauthorized_client",
			"error_description": "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested."})
	}), nil)
	_, err := directory.Lookup(t.Context(), d, service, []string{"ann@example.com"})
	for _, want := range []string{"domain-wide delegation", "104729", "admin.directory.user.readonly"} {
		if !errors.Is(err, directory.ErrPermission) || errors.Is(err, directory.ErrCredential) || !strings.Contains(err.Error(), want) {
			t.Errorf("Lookup: %v, want ErrPermission that names %s", err, want)
		}
	}
	var failure *identity.Error
	if !errors.As(err, &failure) || !strings.Contains(failure.Hint, "Grant") {
		t.Errorf("Lookup: %+v, want a hint to grant", failure)
	}
}

// Google's rate limit is a 403; it heals by waiting.
func TestQuota(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{"userRateLimitExceeded", "quotaExceeded", "dailyLimitExceededUnreg"} {
		n := 0
		clock := directorytest.NewClock()
		f := newFake(directorytest.World{People: []directorytest.Person{{ID: "ann@example.com", Emails: []string{"ann@example.com"}}}})
		d := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if n++; n == 2 { // the first is the token
				f.fail(w, http.StatusForbidden, reason, "Quota exceeded")
				return
			}
			f.ServeHTTP(w, r)
		}), func(c *google.Config) { c.Clock = clock })
		if got, err := d.Find(t.Context(), "ann@example.com"); err != nil || len(got) != 1 {
			t.Errorf("%s: %+v, %v", reason, got, err)
		}
		if clock.Slept() == 0 {
			t.Errorf("%s: it did not wait", reason)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*google.Config)
		want   error
	}{
		"fine":              {nil, nil},
		"foreign domain":    {func(c *google.Config) { c.Domain = "elsewhere.com" }, directory.ErrForeign},
		"wrong subject":     {func(c *google.Config) { c.Impersonate = "eve@example.com" }, directory.ErrCredential},
		"domain not stated": {func(c *google.Config) { c.Domain = "" }, nil},
	} {
		if err := serve(t, newFake(directorytest.World{}), tc.change).Check(t.Context()); !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

// Without a key an address of the domain is its own identity.
func TestAssumed(t *testing.T) {
	t.Parallel()
	d, err := google.Open(google.Config{Domain: "Example.com"})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Check(t.Context()); err != nil {
		t.Error(err)
	}
	answers, err := directory.Lookup(t.Context(), d, service, []string{"Ann@Example.com", "ann@sub.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	if id, _ := answers[0].Matcher.Identity("google"); answers[0].Status != identity.Found || id != "ann@example.com" || answers[1].Status != identity.NotFound {
		t.Errorf("got %+v", answers)
	}
	// The Kelvin sign is no k.
	if d, err = google.Open(google.Config{Domain: "kim.example"}); err != nil {
		t.Fatal(err)
	}
	if answers, err = directory.Lookup(t.Context(), d, service, []string{"ann@\u212aim.example"}); err != nil || answers[0].Status != identity.NotFound {
		t.Errorf("got %+v, %v, want not_found", answers, err)
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const whole = `{"type":"service_account","client_email":"a","token_uri":"https://oauth2.example.com/token","private_key":"%s"}`
	for name, tc := range map[string]struct {
		cfg  google.Config
		want string
	}{
		"nothing":          {google.Config{}, "credentials_file: "},
		"impersonate only": {google.Config{Domain: "acme.com", Impersonate: admin}, "credentials_file: "},
		"no impersonate":   {google.Config{CredentialsFile: "key.json"}, "impersonate: "},
		"no file":          {google.Config{CredentialsFile: filepath.Join(dir, "none"), Impersonate: admin}, "credentials_file: "},
		"no JSON":          {google.Config{CredentialsFile: write("a", "hunter22"), Impersonate: admin}, "credentials_file: "},
		"a user's key":     {google.Config{CredentialsFile: write("b", `{"type":"authorized_user","client_secret":"hunter22"}`), Impersonate: admin}, "credentials_file: "},
		"no PEM":           {google.Config{CredentialsFile: write("c", fmt.Sprintf(whole, "hunter22")), Impersonate: admin}, "credentials_file: "},
		"no key":           {google.Config{CredentialsFile: write("d", fmt.Sprintf(whole, `-----BEGIN PRIVATE KEY-----\naHVudGVyMjI=\n-----END PRIVATE KEY-----`)), Impersonate: admin}, "credentials_file: "},
		"token over http":  {google.Config{CredentialsFile: keyFile(t, "http://oauth2.example.com/token"), Impersonate: admin}, "credentials_file: "},
		"bad timeout":      {google.Config{Settings: apiclient.Settings{Timeout: -time.Second}, CredentialsFile: keyFile(t, "https://oauth2.example.com/token"), Impersonate: admin}, "credentials_file: "},
	} {
		if _, err := google.Open(tc.cfg); err == nil || !strings.HasPrefix(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%s: %v, want %q and no secret", name, err, tc.want)
		}
	}
}

// FuzzFind proves that no answer finds an account without the address.
func FuzzFind(f *testing.F) {
	directorytest.Fuzz(f, subject())
}
