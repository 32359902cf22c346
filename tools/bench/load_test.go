// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
)

const clients = 32 // of the closed loop, and connections to OpenLDAP

// BenchmarkLoad finds how many requests a second are answered when clients wait
// for each answer. It then sends half as many at a fixed rate, whether or not
// earlier ones have been answered. OpenLDAP gets look-ups at the rate of ours.
func BenchmarkLoad(b *testing.B) {
	everybody := makePeople(*stored)
	slapd := startSlapd(b, everybody)
	postgres := pgtest.Start(b)
	postgres.Set(b, "fsync", "on") // which tests do without
	postgres.Set(b, "full_page_writes", "on")
	csv := filepath.Join(b.TempDir(), "people.csv")
	text := []byte("email,id\n")
	for _, p := range everybody {
		text = fmt.Appendf(text, "%s,%s\n", p.email, p.account)
	}
	if err := os.WriteFile(csv, text, 0o600); err != nil {
		b.Fatal(err)
	}
	for name, store := range map[string]string{"SQLite": "sqlite:identities.db", "PostgreSQL": postgres.URL()} {
		b.Run(name, func(b *testing.B) {
			defer b.ReportMetric(0, "ns/op") // the other metrics say more
			api := startServerOn(b, store, fmt.Sprintf("service \"okta\" \"acme.okta.com\" {\n  directory \"file\" {\n    path = %q\n  }\n}\n", csv))
			api.store(everybody, func(int) bool { return true })
			for b.Loop() {
				measureLoad(b, "mixed", *rate, func() error { return api.mixed(everybody) })
				perSecond := measureLoad(b, "lookups", *rate, func() error { return api.find(everybody[rand.IntN(len(everybody))]) })
				measureLoad(b, "slapd", perSecond, func() error { return slapd(everybody[rand.IntN(len(everybody))]) })
				b.ReportMetric(memory(api.process, "VmHWM"), "MB")
			}
		})
	}
}

// measureLoad sends requests at a rate, 0 = half of what is answered, and returns it.
func measureLoad(b *testing.B, name string, perSecond int, send func() error) int {
	if perSecond == 0 {
		perSecond = max(1, closedLoop(b, send)/2)
	}
	took := openLoop(b, perSecond, send)
	b.ReportMetric(float64(perSecond), name+"-requests/s")
	for _, p := range []int{50, 99} {
		b.ReportMetric(took[(len(took)-1)*p/100].Seconds()*1000, fmt.Sprintf("%s-p%d-ms", name, p))
	}
	return perSecond
}

// closedLoop returns how many requests a second are answered when each client
// sends the next one after an answer.
func closedLoop(b *testing.B, send func() error) int {
	var group sync.WaitGroup
	var counts [clients]int
	var errs [clients]error
	end := time.Now().Add(*loadTime / 6)
	for i := range clients {
		group.Go(func() {
			for ; errs[i] == nil && time.Now().Before(end); counts[i]++ {
				errs[i] = send()
			}
		})
	}
	group.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		b.Fatal(err)
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	return int(float64(total) / (*loadTime / 6).Seconds())
}

// openLoop sends requests at a fixed rate and returns, sorted, how long after the
// time at which it was due each was answered.
func openLoop(b *testing.B, perSecond int, send func() error) []time.Duration {
	total := max(1, int(loadTime.Seconds()*float64(perSecond)))
	took, errs := make([]time.Duration, total), make([]error, total)
	var group sync.WaitGroup
	start := time.Now()
	for i := range total {
		due := start.Add(time.Duration(i) * time.Second / time.Duration(perSecond))
		time.Sleep(time.Until(due))
		group.Go(func() {
			errs[i] = send()
			took[i] = time.Since(due)
		})
	}
	group.Wait()
	if failed := slices.DeleteFunc(errs, func(err error) bool { return err == nil }); len(failed) > 0 {
		b.Fatalf("%d of %d requests failed, as in: %v", len(failed), total, failed[0])
	}
	slices.Sort(took)
	return took
}

// find looks a user up by e-mail, in either of two ways.
func (s *server) find(p person) error {
	method, path, body := http.MethodGet, "users?email="+p.email, ""
	if rand.IntN(2) == 0 {
		method, path, body = http.MethodPost, "users/search", `{"emails":[`+strconv.Quote(p.email)+`]}`
	}
	answer, err := s.call(method, path, body)
	if err == nil && !strings.Contains(string(answer), p.email) {
		err = fmt.Errorf("%s %s did not find %s:\n%.1000s", method, path, p.email, answer)
	}
	return err
}

// mixed sends what clients ask: of twenty requests fourteen find a user, two look
// one up in a directory, two search a hundred, one lists the services, and one
// stores an identity.
func (s *server) mixed(people []person) (err error) {
	p := people[rand.IntN(len(people))]
	switch n := rand.IntN(20); {
	case n < 14:
		return s.find(p)
	case n < 16:
		_, err = s.call(http.MethodPost, "identities/lookup", `{`+okta+`,"emails":[`+strconv.Quote(p.email)+`]}`)
	case n < 18:
		emails := make([]string, min(100, len(people)))
		for i := range emails {
			emails[i] = strconv.Quote(people[rand.IntN(len(people))].email)
		}
		_, err = s.call(http.MethodPost, "users/search", `{"emails":[`+strings.Join(emails, ",")+`]}`)
	case n < 19:
		_, err = s.call(http.MethodGet, "services", "")
	default:
		p.account = fmt.Sprintf("00u%d", rand.IntN(1_000_000))
		_, err = s.call(http.MethodPatch, "users", `{"users":[`+userJSON(p, true)+`]}`)
	}
	return err
}

const slapdConfig = `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
maxsize 1073741824
suffix dc=acme
directory HOME
index objectClass,mail eq
`

// startSlapd starts OpenLDAP with people and an index of their addresses. It returns
// what looks one up.
func startSlapd(b *testing.B, people []person) func(person) error {
	b.Helper()
	home := b.TempDir()
	installed, err := os.ReadFile("/usr/sbin/slapd")
	if err != nil {
		b.Skip("OpenLDAP is not installed here; on Debian it is the package slapd")
	}
	entries := []byte("dn: dc=acme\nobjectClass: dcObject\nobjectClass: organization\no: Acme\ndc: acme\n\n")
	for _, p := range people {
		entries = fmt.Appendf(entries, "dn: uid=%[1]s,dc=acme\nobjectClass: inetOrgPerson\nuid: %[1]s\ncn: A\nsn: B\nmail: %s\n\n", p.account, p.email)
	}
	// A copy, as AppArmor keeps the installed program to its own files.
	slapd, config, list := filepath.Join(home, "slapd"), filepath.Join(home, "slapd.conf"), filepath.Join(home, "people.ldif")
	err = errors.Join(os.WriteFile(slapd, installed, 0o700), os.WriteFile(list, entries, 0o600),
		os.WriteFile(config, []byte(strings.ReplaceAll(slapdConfig, "HOME", home)), 0o600))
	if err != nil {
		b.Fatal(err)
	}
	if printed, err := exec.Command(slapd, "-T", "add", "-q", "-f", config, "-l", list).CombinedOutput(); err != nil {
		b.Fatalf("slapadd: %v\n%s", err, printed)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	url := "ldap://" + free.Addr().String()
	_ = free.Close()
	run := exec.CommandContext(b.Context(), slapd, "-d", "0", "-f", config, "-h", url)
	if err := run.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = run.Wait() }) // killed with the context
	var conns [clients]*ldap.Conn
	for i, deadline := 0, time.Now().Add(time.Minute); i < clients; {
		if conns[i], err = ldap.DialURL(url); err == nil {
			i++
		} else if time.Now().After(deadline) {
			b.Fatal(err)
		}
	}
	return func(p person) error {
		found, err := conns[rand.IntN(clients)].Search(ldap.NewSearchRequest("dc=acme", ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
			"(mail="+p.email+")", []string{"uid", "mail"}, nil))
		if err == nil && (len(found.Entries) != 1 || found.Entries[0].GetAttributeValue("uid") != p.account) {
			err = fmt.Errorf("slapd did not find %s", p.email)
		}
		return err
	}
}
