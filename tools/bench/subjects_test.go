// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkDeclared plans many sym_identity resources, and as many
// echo_identity. All are in state before.
func BenchmarkDeclared(b *testing.B) {
	defer b.ReportMetric(0, "ns/op") // the other metrics say more
	everybody := makePeople(*declared)
	api := startServer(b, plainService)
	each := func(resourceType string) string {
		return fmt.Sprintf("resource %q \"people\" {\n  for_each     = local.people\n  user         = each.key\n  service_type = \"okta\"\n  external_id  = \"acme.okta.com\"\n  identity     = each.value\n}\n", resourceType)
	}
	ours := newWorkspace(b, api.provider()+each("sym_identity"), everybody)
	echo := newWorkspace(b, echoProvider+each("echo_identity"), everybody)
	ours.apply()
	echo.apply()
	var s sides
	for b.Loop() {
		s.add(api.count("plan", *declared/1000+20, ours.plan), echo.plan())
	}
	s.report(b, "plan")
}

// BenchmarkResolved plans one sym_resolved_identities. A third of the people are
// in the store, a rule maps a third, and a directory knows a third.
func BenchmarkResolved(b *testing.B) { resolved(b, makePeople(*people), 15, 3, 3) }

// BenchmarkStored plans one of a large company: a rule maps every tenth person, the
// others are in the store.
func BenchmarkStored(b *testing.B) {
	everybody := makePeople(*stored)
	resolved(b, everybody, len(everybody)/2500+len(everybody)/25_000+8, 10, 0)
}

// resolved plans one sym_resolved_identities, and the same bytes with the echo
// provider. A rule maps one of byRule people, and a directory knows one of listed.
func resolved(b *testing.B, everybody []person, requests, byRule, listed int) {
	defer b.ReportMetric(0, "ns/op") // the other metrics say more
	var inList []person
	isListed := func(i int) bool { return listed > 0 && i%listed == 2 }
	for i := range everybody {
		switch {
		case i%byRule == 1:
			everybody[i].email = fmt.Sprintf("person.%06d@contractor.acme.com", i)
		case isListed(i):
			inList = append(inList, everybody[i])
		}
	}
	api := startServer(b, startOkta(b, inList, 0).service("acme.okta.com"))
	api.store(everybody, func(i int) bool { return i%byRule != 1 && !isListed(i) })
	ours := newWorkspace(b, api.provider()+`
data "sym_resolved_identities" "all" {
  users    = local.users
  services = [{ service_type = "okta", external_id = "acme.okta.com" }]
  rules = [{
    name         = "contractors"
    service_type = "okta"
    match        = "(.+)@contractor\\.acme\\.com"
    identity     = "c-$1"
  }]
}
`, everybody)
	echo := newWorkspace(b, echoProvider+echoBulk, everybody)
	var s sides
	for b.Loop() {
		s.add(api.count("plan", requests, ours.plan), echo.plan())
	}
	s.report(b, "plan")
}

// BenchmarkSingles plans 500 sym_resolved_identity of people that only the service
// knows, and one sym_resolved_identities of them; beside each, as many instances of
// a provider that asks nobody.
func BenchmarkSingles(b *testing.B) {
	everybody := makePeople(1000)
	for i := range everybody {
		everybody[i].account = fmt.Sprintf("U%06d", i)
	}
	const latency = 20 * time.Millisecond
	shapes := map[string]func(kind, id string) (ours, echo string){
		"singles": func(kind, id string) (ours, echo string) {
			each := func(dataSource string) string {
				return fmt.Sprintf("data %q \"people\" {\n  for_each     = toset(local.users)\n  user         = each.key\n  service_type = %q\n  external_id  = %q\n}\n", dataSource, kind, id)
			}
			return each("sym_resolved_identity"), each("echo_resolved_one")
		},
		"bulk": func(kind, id string) (ours, echo string) { return bulk(kind, id), echoBulk },
	}
	for kind, id := range map[string]string{"pagerduty": "acme", "okta": "acme.okta.com", "slack": "T0001"} {
		for shape, configs := range shapes {
			b.Run(kind+"/"+shape, func(b *testing.B) {
				defer b.ReportMetric(0, "ns/op") // the other metrics say more
				ourConfig, echoConfig := configs(kind, id)
				var s sides
				for b.Loop() {
					var block string
					var requests *atomic.Int64
					if kind == "okta" {
						f := startOkta(b, everybody, latency)
						block, requests = f.service(id), &f.requests
					} else {
						f := startList(b, kind, id, everybody, latency)
						block, requests = f.service(), &f.requests
					}
					api := startServer(b, block)
					ours := newWorkspace(b, api.provider()+ourConfig, everybody[:500])
					echo := newWorkspace(b, echoProvider+echoConfig, everybody[:500])
					s.add(ours.plan(), echo.plan())
					b.ReportMetric(float64(requests.Load()), "requests")
					if n := requests.Load(); n > 30 {
						b.Errorf("%d requests to the service, want at most 30", n)
					}
				}
				s.report(b, "plan")
				wall := func(u usage) float64 { return u.wall }
				b.ReportMetric(median(s.ours, wall)/median(s.echo, wall), "plan-wall/echo")
			})
		}
	}
}

const echoBulk = "data \"echo_resolved\" \"all\" {\n  users = local.users\n}\n"

// bulk is a sym_resolved_identities of all users in services of a kind.
func bulk(kind string, ids ...string) string {
	var services strings.Builder
	for _, id := range ids {
		fmt.Fprintf(&services, "    { service_type = %q, external_id = %q },\n", kind, id)
	}
	return "data \"sym_resolved_identities\" \"all\" {\n  users    = local.users\n  services = [\n" + services.String() + "  ]\n}\n"
}

// BenchmarkServices plans one sym_resolved_identities of 1,000 people in ten
// services, and one in the slowest service alone.
func BenchmarkServices(b *testing.B) {
	defer b.ReportMetric(0, "ns/op") // the other metrics say more
	everybody := makePeople(1000)
	var all, one []usage
	for b.Loop() {
		var blocks strings.Builder
		var ids []string
		for i := range 10 {
			f := startList(b, "pagerduty", fmt.Sprint("acme", i), everybody, 100*time.Millisecond)
			blocks.WriteString(f.service())
			ids = append(ids, f.id)
		}
		api := startServer(b, blocks.String())
		all = append(all, newWorkspace(b, api.provider()+bulk("pagerduty", ids...), everybody).plan())
		again := startServer(b, blocks.String())
		one = append(one, newWorkspace(b, again.provider()+bulk("pagerduty", ids[0]), everybody).plan())
	}
	wall, cpu := func(u usage) float64 { return u.wall }, func(u usage) float64 { return u.cpu }
	b.ReportMetric(median(all, wall), "plan-s")
	b.ReportMetric(median(all, cpu), "plan-cpu-s")
	b.ReportMetric(median(one, cpu), "slowest-cpu-s")
	b.ReportMetric(median(all, wall)/median(one, wall), "plan/slowest")
}

// BenchmarkIdentities applies one sym_identities, plans it, and changes one
// entry. Each round has a service of its own.
func BenchmarkIdentities(b *testing.B) {
	defer b.ReportMetric(0, "ns/op") // the other metrics say more
	everybody := makePeople(*people)
	blocks := ""
	for round := range 100 {
		blocks += fmt.Sprintf("service \"okta\" \"round-%d.okta.com\" {}\n", round)
	}
	api := startServer(b, blocks)
	// They exist before: the first mapping of an unknown person creates them.
	api.store(everybody, func(int) bool { return false })
	var applied, planned sides
	for round := 0; b.Loop(); round++ {
		ours := newWorkspace(b, api.provider()+fmt.Sprintf("resource \"sym_identities\" \"all\" {\n  service_type = \"okta\"\n  external_id  = \"round-%d.okta.com\"\n  identities   = local.people\n}\n", round), everybody)
		echo := newWorkspace(b, echoProvider+"resource \"echo_identities\" \"all\" {\n  identities = local.people\n}\n", everybody)
		applied.add(api.count("apply", 25, ours.apply), echo.apply())
		planned.add(api.count("plan", 15, ours.plan), echo.plan())
		changed := slices.Clone(everybody)
		changed[len(changed)/2].account += "x"
		ours.writePeople(changed)
		api.count("change", 25, ours.apply)
		if api.mappings != 1 {
			b.Errorf("the change of one entry sent %d mappings", api.mappings)
		}
	}
	applied.report(b, "apply")
	planned.report(b, "plan")
}

// BenchmarkAPI times requests for 1,000 people while many more are stored.
func BenchmarkAPI(b *testing.B) {
	defer b.ReportMetric(0, "ns/op") // the other metrics say more
	everybody := makePeople(*stored)
	api := startServer(b, startOkta(b, everybody, 0).service("acme.okta.com"))
	api.store(everybody, func(int) bool { return true })
	var emails, accounts []string // spread over the store, as people of a configuration are
	for i := range min(batch, len(everybody)) {
		p := everybody[i*len(everybody)/min(batch, len(everybody))]
		emails, accounts = append(emails, strconv.Quote(p.email)), append(accounts, strconv.Quote(p.account))
	}
	for b.Loop() {
		for name, body := range map[string]string{
			"users/search":      `{"emails":[` + strings.Join(emails, ",") + `]}`,
			"identities/lookup": `{` + okta + `,"emails":[` + strings.Join(emails, ",") + `]}`,
			"identities/search": `{` + okta + `,"identities":[` + strings.Join(accounts, ",") + `]}`,
		} {
			var took []float64
			for range 31 {
				start := time.Now()
				answer, err := api.call(http.MethodPost, name, body)
				if err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(start).Seconds()*1000)
				if found := bytes.Count(answer, []byte(`"user_id":"00u`)); found < len(emails) {
					b.Fatalf("%s found %d of %d:\n%.1000s", name, found, len(emails), answer)
				}
			}
			b.ReportMetric(median(took, func(ms float64) float64 { return ms }), name+"-ms")
		}
	}
}

// BenchmarkDirectories looks up many people in one of many services, in
// batches, four at once. Each service has a directory with Okta's pages.
func BenchmarkDirectories(b *testing.B) {
	defer b.ReportMetric(0, "ns/op") // the other metrics say more
	everybody := makePeople(*people)
	for b.Loop() {
		var blocks strings.Builder
		fakes := make([]*fakeOkta, *services)
		for i := range fakes {
			fakes[i] = startOkta(b, everybody, 20*time.Millisecond)
			blocks.WriteString(fakes[i].service(fmt.Sprintf("acme%d.okta.com", i)))
		}
		api := startServer(b, blocks.String())
		rest, start := memory(api.process, "VmRSS"), time.Now()
		batches := slices.Collect(slices.Chunk(everybody, batch))
		errs, turns := make([]error, len(batches)), make(chan struct{}, 4)
		var wait sync.WaitGroup
		for i, some := range batches {
			wait.Go(func() {
				turns <- struct{}{}
				defer func() { <-turns }()
				errs[i] = lookup(api, some)
			})
		}
		wait.Wait()
		took := time.Since(start)
		if err := errors.Join(errs...); err != nil {
			b.Fatal(err)
		}
		pages := (len(everybody)-1)/oktaPage + 2 // deprovisioned people are listed apart
		requests := fakes[0].requests.Load()
		b.ReportMetric(float64(requests), "requests")
		b.ReportMetric(float64(requests)/float64(pages), "requests/page")
		b.ReportMetric(took.Seconds(), "lookup-s")
		// Okta documents 600 requests a minute.
		b.ReportMetric(took.Seconds()/(float64(pages)/10), "time/documented-rate")
		b.ReportMetric(memory(api.process, "VmHWM")-rest, "MB-above-rest")
		for _, f := range fakes[1:] {
			if f.requests.Load() > 0 {
				b.Error("a service was asked that nobody looked up")
			}
		}
	}
}

// lookup looks up people, who must all be found.
func lookup(api *server, people []person) error {
	var emails []string
	for _, p := range people {
		emails = append(emails, strconv.Quote(p.email))
	}
	answer, err := api.call(http.MethodPost, "identities/lookup", `{"service_type":"okta","external_id":"acme0.okta.com","emails":[`+strings.Join(emails, ",")+`]}`)
	for _, p := range people {
		if err == nil && !bytes.Contains(answer, []byte(`"user_id":"`+p.account+`"`)) {
			err = fmt.Errorf("%s was not found:\n%.1000s", p.email, answer)
		}
	}
	return err
}
