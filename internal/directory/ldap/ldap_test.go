// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package ldap_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/ldap"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var service = identity.ServiceKey{Type: "ldap", ExternalID: "acme"}

func config(base string) ldap.Config {
	return ldap.Config{BaseURL: base, Username: bindDN, Password: directorytest.Secret, BaseDN: baseDN, AllowPlaintext: true}
}

func subject() directorytest.Subject {
	return directorytest.Subject{
		Kind:       "ldap",
		AllPrimary: true,
		Service:    service,
		Open: func(t testing.TB, env directorytest.Env) (directory.Directory, error) {
			return ldap.Open(config(fake{world: env.World}.listen(t)))
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	directorytest.Run(t, subject())
}

// Active Directory has sign-in names that are addresses, and tells aliases from
// the account's own address.
func TestConformanceActiveDirectory(t *testing.T) {
	t.Parallel()
	s := subject()
	s.AllPrimary, s.SignsIn = false, true
	s.ID = func(n int) string { return fmt.Sprintf("%08x-0000-0000-0000-000000000000", n) }
	s.Open = openAD
	directorytest.Run(t, s)
}

func openAD(t testing.TB, env directorytest.Env) (directory.Directory, error) {
	cfg := config(fake{world: env.World, ad: true}.listen(t))
	cfg.Strategy = "ad"
	return ldap.Open(cfg)
}

func TestTraps(t *testing.T) {
	t.Parallel()
	s := subject()
	byUID := func(t testing.TB, env directorytest.Env) (directory.Directory, error) {
		cfg := config(fake{world: env.World}.listen(t))
		cfg.IDAttribute = "uid"
		return ldap.Open(cfg)
	}
	person := func(id string, emails ...string) directorytest.Person {
		return directorytest.Person{ID: id, Emails: emails}
	}
	people := func(some ...directorytest.Person) directorytest.World { return directorytest.World{People: some} }
	left := person("u-1", "ann@example.com")
	left.Inactive = true
	directorytest.Traps(t, s, map[directorytest.Trap]directorytest.Cell{
		directorytest.Rename: directorytest.Scenes(
			directorytest.Scene{World: people(person("martin:7", "ann.martin@example.com")), Open: byUID,
				Asks: []directorytest.Ask{directorytest.Stored("lee", "7", identity.AccountRenamed)}},
			s.DefaultScenes(directorytest.Rename)[0]),
		directorytest.RenameReuse: directorytest.Scenes(
			directorytest.Scene{World: people(person("martin:7", "ann.martin@example.com"), person("lee:8", "ann@example.com")), Open: byUID,
				Asks: []directorytest.Ask{directorytest.Stored("lee", "7", identity.AccountReused), directorytest.Email("ann@example.com", identity.Found, "lee")}},
			s.DefaultScenes(directorytest.RenameReuse)[0]),
		directorytest.Unverified: directorytest.Cannot("LDAP does not say whether an address is proved: administrators write them"),
		directorytest.Pending:    directorytest.Cannot("nobody registers by themselves"),
		directorytest.Guest:      directorytest.Cannot("LDAP knows no guests; filter leaves out who is none of the people"),
		directorytest.InactiveTwin: directorytest.Scenes(
			directorytest.Scene{World: people(left, person("u-2", "ann@example.com")), // of different names: perhaps two people
				Asks: []directorytest.Ask{directorytest.Email("ann@example.com", identity.Ambiguous, "u-1", "u-2")}}),
		directorytest.InactiveOwner: directorytest.Scenes(
			directorytest.Scene{World: people(left, person("u-2", "boss@example.com", "ann@example.com")), // the values of mail have no order
				Asks: []directorytest.Ask{directorytest.Email("ann@example.com", identity.Ambiguous, "u-1", "u-2"), directorytest.Email("boss@example.com", identity.Found, "u-2")}},
			directorytest.Scene{World: people(directorytest.Person{ID: "00000001-0000-0000-0000-000000000000", Emails: left.Emails, Inactive: true},
				person("00000002-0000-0000-0000-000000000000", "boss@example.com", "ann@example.com")), Open: openAD,
				Asks: []directorytest.Ask{directorytest.Email("ann@example.com", identity.Inactive), directorytest.Email("boss@example.com", identity.Found)}}),
		directorytest.ShortList: directorytest.Scenes(
			directorytest.Scene{World: directorytest.World{People: []directorytest.Person{person("u-1", "ann@example.com"), person("u-2", "ann@example.com")}, PageSize: 1, Repeats: true},
				Asks: []directorytest.Ask{directorytest.Email("ann@example.com", identity.Failed)}}),
	})
}

func open(t *testing.T, f fake, change func(*ldap.Config)) directory.Directory {
	t.Helper()
	cfg := config(f.listen(t))
	if change != nil {
		change(&cfg)
	}
	d, err := ldap.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func one() directorytest.World {
	return directorytest.World{People: []directorytest.Person{{ID: "u-1", Emails: []string{"ann@example.com"}}}}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		result int
		change func(*ldap.Config)
		want   error
	}{
		"password":    {0, func(c *ldap.Config) { c.Password = "s3cr3t-wrong" }, directory.ErrCredential},
		"base":        {0, func(c *ldap.Config) { c.BaseDN = "dc=other" }, directory.ErrRefused},
		"permission":  {goldap.LDAPResultInsufficientAccessRights, nil, directory.ErrPermission},
		"size limit":  {goldap.LDAPResultSizeLimitExceeded, nil, directory.ErrTruncated},
		"referral":    {goldap.LDAPResultReferral, nil, directory.ErrRefused},
		"busy":        {goldap.LDAPResultBusy, nil, directory.ErrUnavailable},
		"no StartTLS": {0, func(c *ldap.Config) { c.AllowPlaintext = false }, directory.ErrUnavailable},
		"no server":   {0, func(c *ldap.Config) { c.BaseURL = "ldap://127.0.0.1:1" }, directory.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, fake{world: one(), result: tc.result}, tc.change)
			for _, email := range []string{"ann@example.com", "nobody@example.com"} {
				if got, err := d.Find(t.Context(), email); !errors.Is(err, tc.want) || strings.Contains(err.Error(), "s3cr3t") {
					t.Errorf("Find = %+v, %v, want %v without the secret", got, err, tc.want)
				}
			}
		})
	}
}

// A tree in which nobody is seen is a missing permission, not an empty company.
func TestCheckEmptyTree(t *testing.T) {
	t.Parallel()
	if err := open(t, fake{}, nil).Check(t.Context()); !errors.Is(err, directory.ErrPermission) {
		t.Errorf("Check: %v, want ErrPermission", err)
	}
}

// A credential that may not read who is disabled finds nobody in Active Directory.
func TestHiddenStates(t *testing.T) {
	t.Parallel()
	const id = "00000001-0000-0000-0000-000000000000"
	w := directorytest.World{People: []directorytest.Person{{ID: id, Emails: []string{"ann@example.com"}, Inactive: true}}}
	d := open(t, fake{world: w, ad: true, hidden: id}, func(c *ldap.Config) { c.Strategy = "ad" })
	for name, way := range map[string]directory.Directory{"lookup": d, "walk": directorytest.ListOnly(d)} {
		if got, err := directory.Lookup(t.Context(), way, service, []string{"ann@example.com"}); !errors.Is(err, directory.ErrPermission) {
			t.Errorf("%s: %+v, %v, want ErrPermission", name, got, err)
		}
	}
	if got, err := directory.Status(t.Context(), d, service, []identity.AccountQuery{{Identity: id}}, ""); !errors.Is(err, directory.ErrPermission) {
		t.Errorf("Status = %+v, %v, want ErrPermission", got, err)
	}
	if err := d.Check(t.Context()); !errors.Is(err, directory.ErrPermission) {
		t.Errorf("Check: %v, want ErrPermission", err)
	}
	// Active Directory shows more of administrators than of others.
	w.People = append(w.People, directorytest.Person{ID: "00000002-0000-0000-0000-000000000000", Emails: []string{"root@example.com"}})
	d = open(t, fake{world: w, ad: true, hidden: id}, func(c *ldap.Config) { c.Strategy = "ad" })
	for name, way := range map[string]directory.Directory{"lookup": d, "walk": directorytest.ListOnly(d)} {
		got, err := directory.Lookup(t.Context(), way, service, []string{"ann@example.com", "root@example.com"})
		if err != nil || got[0].Status != identity.Failed || got[1].Status != identity.Found {
			t.Errorf("%s: %+v, %v, want failed and found", name, got, err)
		}
	}
}

// A credential that may not read addresses finds nobody by them. That is no answer
// for one person either, though its search is a success.
func TestHiddenAddresses(t *testing.T) {
	t.Parallel()
	w := directorytest.World{People: []directorytest.Person{{ID: "00000001-0000-0000-0000-000000000000", Emails: []string{"ann@example.com"}}}}
	d := open(t, fake{world: w, ad: true, blind: true}, func(c *ldap.Config) { c.Strategy = "ad" })
	for name, way := range map[string]directory.Directory{"lookup": d, "walk": directorytest.ListOnly(d)} {
		cached := directory.Cache(way, service, directory.Settings{TTL: time.Minute, Misses: time.Minute})
		t.Cleanup(cached.Close)
		for range 2 { // a failure is not kept
			if got, err := directory.Lookup(t.Context(), cached, service, []string{"ann@example.com"}); !errors.Is(err, directory.ErrPermission) {
				t.Errorf("%s: %+v, %v, want ErrPermission", name, got, err)
			}
		}
	}
}

// A list whose second page does not say that it is the last one may go on.
func TestLostPagingControl(t *testing.T) {
	t.Parallel()
	w := directorytest.World{PageSize: 1, People: []directorytest.Person{{ID: "u-1", Emails: []string{"ann@example.com"}}, {ID: "u-2", Emails: []string{"bob@example.com"}}, {ID: "u-3", Emails: []string{"eve@example.com"}}}}
	d := directorytest.ListOnly(open(t, fake{world: w, loses: true}, nil))
	if got, err := directory.Lookup(t.Context(), d, service, []string{"eve@example.com"}); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("Lookup = %+v, %v, want ErrUnavailable", got, err)
	}
}

// Pages of FreeIPA and Samba have one cookie. A page that comes again is no list.
func TestOneCookie(t *testing.T) {
	t.Parallel()
	w := directorytest.World{PageSize: 1}
	for _, name := range []string{"ann", "bob", "eve", "gil"} {
		w.People = append(w.People, directorytest.Person{ID: "u-" + name, Emails: []string{name + "@example.com"}})
	}
	for name, repeats := range map[string]bool{"a list": false, "a loop": true} {
		w.Repeats = repeats
		d := directorytest.ListOnly(open(t, fake{world: w, alike: true}, nil))
		got, err := directory.Lookup(t.Context(), d, service, []string{"gil@example.com"})
		if repeats && !errors.Is(err, directory.ErrUnavailable) || !repeats && (err != nil || got[0].Status != identity.Found) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// Each value of the id is a name of the account, and no e-mail gives any of them.
func TestSeveralNames(t *testing.T) {
	t.Parallel()
	w := directorytest.World{People: []directorytest.Person{{ID: "ann|amartin:7", Emails: []string{"ann@example.com"}}, {ID: "bob:8", Emails: []string{"bob@example.com"}}}}
	d := open(t, fake{world: w}, func(c *ldap.Config) { c.IDAttribute = "uid" })
	for name, way := range map[string]directory.Directory{"by id": d, "walk": directorytest.ListOnly(d)} {
		queries := []identity.AccountQuery{{Identity: "ann"}, {Identity: "amartin"}, {Identity: "amartin", AccountID: "7"}, {Identity: "bob", AccountID: "7"}, {Identity: "eve"}}
		want := []identity.AccountState{identity.AccountActive, identity.AccountActive, identity.AccountActive, identity.AccountReused, identity.AccountAbsent}
		statuses, err := directory.Status(t.Context(), way, service, queries, "")
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range statuses {
			if s.Status != want[i] {
				t.Errorf("%s, %v: %s, want %s", name, queries[i], s.Status, want[i])
			}
		}
		answers, err := directory.Lookup(t.Context(), way, service, []string{"ann@example.com", "bob@example.com"})
		if err != nil || answers[0].Status != identity.Failed || answers[1].Status != identity.Found {
			t.Errorf("%s: %+v, %v", name, answers, err)
		}
	}
}

// A credential that has lost its rights sees an empty tree: no stored account is
// absent by that.
func TestStatusOfAnEmptyTree(t *testing.T) {
	t.Parallel()
	d := open(t, fake{}, nil)
	for name, way := range map[string]directory.Directory{"by id": d, "walk": directorytest.ListOnly(d)} {
		if got, err := directory.Status(t.Context(), way, service, []identity.AccountQuery{{Identity: "u-1"}}, ""); !errors.Is(err, directory.ErrPermission) || !strings.Contains(err.Error(), "filter") {
			t.Errorf("%s: Status = %+v, %v, want ErrPermission", name, got, err)
		}
	}
}

// The end of the context closes the connection of a search that hangs.
func TestCancelInTheMiddle(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := open(t, fake{silent: true}, nil).Find(ctx, "ann@example.com")
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 20*time.Second {
		t.Errorf("Find: %v after %s", err, time.Since(began))
	}
}

// The list shows people without an address, who have an account all the same.
func TestListsPeopleWithoutAddress(t *testing.T) {
	t.Parallel()
	w := one()
	w.People = append(w.People, directorytest.Person{ID: "u-2"})
	list, err := directory.Accounts(t.Context(), open(t, fake{world: w}, nil), service, "")
	if err != nil || list.Len() != 2 {
		t.Fatalf("got %v, %v, want 2 accounts", list, err)
	}
	if a := list.At(1); a.AccountID != "u-2" || len(a.Emails) > 0 {
		t.Errorf("got %+v", a)
	}
}

// A filter narrows the people that lookups and walks find.
func TestFilter(t *testing.T) {
	t.Parallel()
	for filter, want := range map[string]identity.LookupStatus{"(entryUUID=u-1)": identity.Found, "(entryUUID=u-2)": identity.NotFound} {
		w := one()
		w.People = append(w.People, directorytest.Person{ID: "u-2", Emails: []string{"bob@example.com"}})
		d := open(t, fake{world: w}, func(c *ldap.Config) { c.Filter = filter })
		answers, err := directory.Lookup(t.Context(), d, service, []string{"ann@example.com"})
		if err != nil || answers[0].Status != want {
			t.Errorf("%s: %+v, %v, want %s", filter, answers, err, want)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*ldap.Config)
		want   string
	}{
		"no URL":           {func(c *ldap.Config) { c.BaseURL = "" }, "base_url: "},
		"https":            {func(c *ldap.Config) { c.BaseURL = "https://ldap.acme.com" }, "base_url: "},
		"password":         {func(c *ldap.Config) { c.BaseURL = "ldaps://me:hunter22@ldap.acme.com" }, "base_url: "},
		"plaintext":        {func(c *ldap.Config) { c.AllowPlaintext = true }, "allow_plaintext: "},
		"anonymous":        {func(c *ldap.Config) { c.Username = "" }, "username: "},
		"no password":      {func(c *ldap.Config) { c.Password = "" }, "password: "},
		"no base":          {func(c *ldap.Config) { c.BaseDN = "" }, "base_dn: "},
		"no DN":            {func(c *ldap.Config) { c.BaseDN = "acme.com" }, "base_dn: "},
		"no filter":        {func(c *ldap.Config) { c.Filter = "memberOf=x)(" }, "filter: "},
		"no strategy":      {func(c *ldap.Config) { c.Strategy = "edirectory" }, "strategy: "},
		"CA, in the clear": {func(c *ldap.Config) { c.BaseURL, c.AllowPlaintext, c.CAFile = "ldap://ldap.acme.com", true, "ca.pem" }, "ca_file: "},
		"timeout":          {func(c *ldap.Config) { c.Timeout = -1 }, "timeout: "},
		"path in URL":      {func(c *ldap.Config) { c.BaseURL = "ldaps://ldap.acme.com/dc=acme" }, "base_url: "},
		"query in URL":     {func(c *ldap.Config) { c.BaseURL = "ldaps://ldap.acme.com/?x" }, "base_url: "},
	} {
		cfg := config("ldaps://ldap.acme.com")
		cfg.AllowPlaintext = false
		if _, err := ldap.Open(cfg); err != nil {
			t.Fatal(err)
		}
		tc.change(&cfg)
		if _, err := ldap.Open(cfg); err == nil || !strings.HasPrefix(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}
