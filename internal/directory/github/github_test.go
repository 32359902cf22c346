// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package github_test

import (
	"encoding/json"
	"errors"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/github"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var service = identity.ServiceKey{Type: "github", ExternalID: "acme"}

// fake is the GraphQL API of an organization. A person's ID is the login; the
// user name of the single sign-on is the first address.
type fake struct {
	world    directorytest.World // nobody has claimed the identity of a person who is pending
	noSAML   bool                // people have e-mails of verified domains only
	opaque   bool                // the names of the single sign-on are no addresses, and members show theirs too
	verified bool                // the names of the single sign-on are addresses of verified domains
	ids      map[string]int      // databaseId by login; others have one that follows from the login
}

func (f fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+directorytest.Secret {
		directorytest.SendJSON(w, http.StatusUnauthorized, map[string]any{"message": "Bad credentials"})
		return
	}
	var body struct {
		Query     string
		Variables struct {
			Org, Email, After string
		}
	}
	if r.URL.Path != "/graphql" || json.NewDecoder(r.Body).Decode(&body) != nil {
		directorytest.SendJSON(w, http.StatusNotFound, map[string]any{"message": "Not Found"})
		return
	}
	if !strings.EqualFold(body.Variables.Org, "acme") {
		fail(w, "NOT_FOUND", "Could not resolve to an Organization with the login of 'x'.")
		return
	}
	people := f.world.People
	if strings.Contains(body.Query, "userName: $email") {
		people = nil
		for _, p := range f.world.People {
			if len(p.Emails) > 0 && !f.opaque && identity.FoldASCII(p.Emails[0]) == body.Variables.Email {
				people = append(people, p)
			}
		}
	}
	start, _ := strconv.Atoi(body.Variables.After)
	page, next, more := f.world.Slice(people, start, 100)
	info := map[string]any{"hasNextPage": more, "endCursor": strconv.Itoa(next)}
	nodes := make([]any, len(page))
	org := map[string]any{}
	switch {
	case strings.Contains(body.Query, "membersWithRole"):
		for i, p := range page {
			nodes[i] = f.user(p)
		}
		org["membersWithRole"] = map[string]any{"nodes": nodes, "pageInfo": info}
	case strings.Contains(body.Query, "externalIdentities"):
		org["samlIdentityProvider"] = nil
		if !f.noSAML {
			for i, p := range page {
				nodes[i] = f.identity(p)
			}
			org["samlIdentityProvider"] = map[string]any{"externalIdentities": map[string]any{"nodes": nodes, "pageInfo": info}}
		}
	default:
		org["login"] = "Acme"
	}
	directorytest.SendJSON(w, http.StatusOK, map[string]any{"data": map[string]any{"organization": org}})
}

func (f fake) user(p directorytest.Person) map[string]any {
	id, known := f.ids[p.ID]
	if !known {
		id = int(crc32.ChecksumIEEE([]byte(p.ID)))
	}
	verified := []string{}
	if f.noSAML || f.opaque || f.verified {
		verified = p.Emails
	}
	return map[string]any{"id": "U_" + p.ID, "databaseId": id, "login": p.ID, "name": nil, "organizationVerifiedDomainEmails": verified}
}

func (f fake) identity(p directorytest.Person) map[string]any {
	var emails []any
	for i, address := range p.Emails {
		emails = append(emails, map[string]any{"value": address, "primary": i == 0})
	}
	node := map[string]any{"guid": "g-" + p.ID, "user": f.user(p), "scimIdentity": nil,
		"samlIdentity": map[string]any{"nameId": p.Emails[0], "username": nil, "emails": emails}}
	if f.opaque {
		node["samlIdentity"] = map[string]any{"nameId": "opaque-" + p.ID, "username": nil, "emails": emails}
	}
	if p.Pending {
		node["user"] = nil
	}
	return node
}

// fail is an error as GraphQL reports it.
func fail(w http.ResponseWriter, kind, message string) {
	directorytest.SendJSON(w, http.StatusOK, map[string]any{"data": map[string]any{"organization": nil},
		"errors": []any{map[string]any{"type": kind, "path": []string{"organization"}, "message": message}}})
}

func config(base string) github.Config {
	return github.Config{Settings: apiclient.Settings{BaseURL: base, AllowHTTP: true, Clock: directorytest.NewClock()},
		Organization: service.ExternalID, Token: directorytest.Secret}
}

func subject(fake func(directorytest.World) http.Handler) directorytest.Subject {
	return directorytest.Subject{
		Kind:    "github",
		Service: service,
		Fake:    fake,
		Open: func(_ testing.TB, env directorytest.Env) (directory.Directory, error) {
			cfg := config(env.BaseURL)
			cfg.Clock, cfg.CAFile = env.Clock, env.CAFile
			return github.Open(cfg)
		},
		// The primary limit: status 200, an error, and the time of the reset.
		Limit: func(w http.ResponseWriter, wait time.Duration) {
			now := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
			w.Header().Set("Date", now.Format(http.TimeFormat))
			w.Header().Set("X-RateLimit-Remaining", "0")
			w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(now.Add(wait).Unix(), 10))
			fail(w, "RATE_LIMITED", "API rate limit exceeded")
		},
	}
}

func conformance(t *testing.T, fake func(directorytest.World) http.Handler) {
	directorytest.Run(t, subject(fake))
}

func TestConformance(t *testing.T) {
	t.Parallel()
	conformance(t, func(w directorytest.World) http.Handler { return fake{world: w} })
}

func TestConformanceWithoutSingleSignOn(t *testing.T) {
	t.Parallel()
	s := subject(func(w directorytest.World) http.Handler { return fake{world: w, noSAML: true} })
	s.AllPrimary = true // verified domains know no aliases
	directorytest.Run(t, s)
}

func open(t *testing.T, h http.Handler, change func(*github.Config)) directory.Directory {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	cfg := config(server.URL)
	if change != nil {
		change(&cfg)
	}
	d, err := github.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func one() directorytest.World {
	return directorytest.World{People: []directorytest.Person{{ID: "ann-lee", Emails: []string{"ann@example.com", "ann@example.org"}}}}
}

// The list of identities and that of members may hold the same addresses of the
// same people: neither is a page that comes again. What both prove counts.
func TestBothListsAlike(t *testing.T) {
	t.Parallel()
	w := directorytest.World{People: []directorytest.Person{{ID: "ann-lee", Emails: []string{"ann@example.com"}}}}
	for _, f := range []fake{{world: w, opaque: true}, {world: w, verified: true}} {
		d := open(t, f, nil)
		for name, d := range map[string]directory.Directory{"lookup": directorytest.LookupsOnly(d), "walk": directorytest.ListOnly(d)} {
			answers, err := directory.Lookup(t.Context(), d, service, []string{"ann@example.com"})
			if err != nil || answers[0].Status != identity.Found || answers[0].Evidence != identity.EvidenceVerifiedEmail {
				t.Errorf("%s: %+v, %v", name, answers, err)
			}
		}
	}
}

// An identity that nobody claimed has no login to store.
func TestUnclaimedIdentity(t *testing.T) {
	t.Parallel()
	w := one()
	w.People[0].Pending = true
	w.People = append(w.People, directorytest.Person{ID: "bob", Emails: []string{"bob@example.com"}})
	answers, err := directory.Lookup(t.Context(), open(t, fake{world: w}, nil), service, []string{"ann@example.com"})
	if err != nil || answers[0].Status != identity.NotFound {
		t.Errorf("Lookup = %+v, %v", answers, err)
	}
}

// A secondary limit is a 403; it is not a missing permission.
func TestSecondaryLimit(t *testing.T) {
	t.Parallel()
	clock := directorytest.NewClock()
	n := 0
	d := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n++; n == 1 {
			w.Header().Set("Retry-After", "9")
			directorytest.SendJSON(w, http.StatusForbidden, map[string]any{"message": "You have exceeded a secondary rate limit"})
			return
		}
		fake{world: one()}.ServeHTTP(w, r)
	}), func(c *github.Config) { c.Clock = clock })
	if got, err := d.Find(t.Context(), "ann@example.com"); err != nil || len(got) != 1 || clock.Slept() < 9*time.Second {
		t.Errorf("Find = %+v, %v after %s", got, err, clock.Slept())
	}
}

// GitHub's own errors come with status 200; none of them is "not found".
func TestErrors(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]error{
		"INSUFFICIENT_SCOPES": directory.ErrPermission, "FORBIDDEN": directory.ErrPermission, "NOT_FOUND": directory.ErrPermission,
		"SERVICE_UNAVAILABLE": directory.ErrUnavailable, "": directory.ErrUnavailable,
	} {
		d := open(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fail(w, kind, "requires one of the following scopes: ['read:org'], not "+directorytest.Secret)
		}), nil)
		for name, ask := range map[string]func() error{
			"Find":  func() error { _, err := d.Find(t.Context(), "ann@example.com"); return err },
			"Check": func() error { return d.Check(t.Context()) },
		} {
			if err := ask(); !errors.Is(err, want) || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("%s with %q: %v, want %v without the secret", name, kind, err, want)
			}
		}
	}
}

// Where the token sees members and no address of any, nobody could be found.
func TestNoAddresses(t *testing.T) {
	t.Parallel()
	w := directorytest.World{People: []directorytest.Person{{ID: "ann-lee"}, {ID: "bob"}}}
	d := open(t, fake{world: w, noSAML: true}, nil)
	lookup := func(d directory.Directory) error {
		_, err := directory.Lookup(t.Context(), d, service, []string{"ann@example.com"})
		return err
	}
	for name, err := range map[string]error{"Check": d.Check(t.Context()), "lookup": lookup(d), "walk": lookup(directorytest.ListOnly(d))} {
		if !errors.Is(err, directory.ErrPermission) || !strings.Contains(err.Error(), "verified domain") {
			t.Errorf("%s: %v, want ErrPermission", name, err)
		}
	}
}

// A secondary limit has nothing to do with what remains of the primary one, and
// may come without a wait.
func TestSecondaryLimitByItsText(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusForbidden, http.StatusOK} {
		d := open(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-RateLimit-Remaining", "4990")
			w.Header().Set("X-RateLimit-Reset", "4102444800")
			const text = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
			directorytest.SendJSON(w, status, map[string]any{"message": text, "errors": []any{map[string]any{"message": text}}})
		}), nil)
		_, err := d.Find(t.Context(), "ann@example.com")
		var limit *directory.RateLimitError
		if !errors.As(err, &limit) || limit.RetryAfter != time.Minute {
			t.Errorf("status %d: %v, want a limit of a minute", status, err)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*github.Config){
		"token: ":    func(c *github.Config) { c.Token = "" },
		"base_url: ": func(c *github.Config) { c.Organization = "" },
	} {
		cfg := github.Config{Organization: "acme", Token: "t"}
		if _, err := github.Open(cfg); err != nil {
			t.Fatal(err)
		}
		change(&cfg)
		if _, err := github.Open(cfg); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Open: %v, want %q", err, want)
		}
	}
}

func TestTraps(t *testing.T) {
	t.Parallel()
	left := directorytest.Cannot("who left is no member any more, and not in the list")
	person := func(login string, emails ...string) directorytest.Person {
		return directorytest.Person{ID: login, Emails: emails}
	}
	people := func(ids map[string]int, some ...directorytest.Person) http.Handler {
		return fake{world: directorytest.World{People: some}, ids: ids}
	}
	directorytest.Traps(t, subject(func(w directorytest.World) http.Handler { return fake{world: w} }), map[directorytest.Trap]directorytest.Cell{
		directorytest.Rename: directorytest.Scenes(directorytest.Scene{
			Fake: people(map[string]int{"ann-martin": 7}, person("ann-martin", "ann@example.com")),
			Asks: []directorytest.Ask{directorytest.Stored("ann-lee", "7", identity.AccountRenamed), directorytest.Email("ann@example.com", identity.Found, "ann-martin")},
		}),
		directorytest.RenameReuse: directorytest.Scenes(directorytest.Scene{
			Fake: people(map[string]int{"ann-martin": 7, "ann-lee": 8}, person("ann-martin", "ann.martin@example.com"), person("ann-lee", "ann@example.com")),
			Asks: []directorytest.Ask{directorytest.Stored("ann-lee", "7", identity.AccountReused), directorytest.Email("ann@example.com", identity.Found, "ann-lee"),
				directorytest.Email("ann.martin@example.com", identity.Found, "ann-martin")},
		}),
		directorytest.RecycledAddress: directorytest.Scenes(directorytest.Scene{
			Fake: people(map[string]int{"ann-2": 8}, person("ann-2", "ann@example.com")),
			Asks: []directorytest.Ask{directorytest.Email("ann@example.com", identity.Found, "ann-2"), directorytest.Stored("ann-lee", "7", identity.AccountAbsent)},
		}),
		directorytest.Unverified: directorytest.Cannot("addresses come from the identity provider, or are proved ones of the organization's domains; those that people enter are not read"),
		directorytest.Pending: directorytest.Scenes(directorytest.Scene{
			World: directorytest.World{People: []directorytest.Person{{ID: "ann-lee", Emails: []string{"ann@example.com"}, Pending: true}, person("bob", "bob@example.com")}},
			Asks:  []directorytest.Ask{directorytest.Email("ann@example.com", identity.NotFound)},
		}),
		directorytest.Guest:         directorytest.Cannot("outside collaborators are no members, and not in the list"),
		directorytest.InactiveTwin:  left,
		directorytest.InactiveOwner: left,
		directorytest.ShortList: directorytest.Scenes(
			directorytest.Scene{Fake: fake{world: directorytest.World{People: []directorytest.Person{person("ann-lee")}}, noSAML: true},
				Asks: []directorytest.Ask{directorytest.Email("ann@example.com", identity.Failed)}},
			directorytest.Scene{World: directorytest.World{People: []directorytest.Person{person("ann-lee", "ann@example.com")}, Repeats: true},
				Asks: []directorytest.Ask{directorytest.Email("ann@example.com", identity.Failed)}},
		),
	})
}

// FuzzFind proves that no answer finds an account without the address.
func FuzzFind(f *testing.F) {
	directorytest.Fuzz(f, subject(func(w directorytest.World) http.Handler { return fake{world: w} }))
}
