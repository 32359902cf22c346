// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package faults

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

const (
	fileService = "scim:people"
	httpService = "custom:people"
	somebody    = 12 // users of the lookup tests: a third each stored, found by their service, unmapped
)

func person(n int) string { return fmt.Sprintf("person.%d@acme.example", n) }

// people starts a service that knows some people and fails as the dice decide.
func people(t *testing.T, d dice, calm *atomic.Bool) string {
	t.Helper()
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := asked.Add(1)
		if !calm.Load() {
			switch d.about("directory", n).IntN(40) {
			case 0:
				cut(w)
				return
			case 1:
				refusal(w, broken, nil)
				return
			case 2:
				refusal(w, page, nil)
				return
			case 3:
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
		}
		w.Header().Set("Content-Type", "application/json")
		for i := range somebody {
			if r.URL.Query().Get("email") == person(i) && i%3 == 1 {
				fmt.Fprintf(w, `{"id":"remote-%d"}`, i)
				return
			}
		}
		fmt.Fprint(w, `{}`)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestLookups reads mappings while network, server and service fail. Each
// reading either fails as an outage or returns exactly the stored mappings: an
// outage makes nobody unmapped, and an unmapped person is no outage.
func TestLookups(t *testing.T) {
	t.Parallel()
	for seed := int64(1); seed <= 2; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			lookups(t, seed, 40)
		})
	}
}

func lookups(t *testing.T, seed int64, readings int) {
	t.Helper()
	csv := "email,id\n"
	for i := 1; i < somebody; i += 3 {
		csv += fmt.Sprintf("%s,remote-%d\n", person(i), i)
	}
	file := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(file, []byte(csv), 0o600); err != nil {
		t.Fatal(err)
	}
	var calm atomic.Bool
	d := startDaemon(t, "sqlite:identities.db", fmt.Sprintf(`
service "scim" "people" {
  directory "file" { path = %q }
}
service "custom" "people" {
  directory "http" {
    url           = "%s/?email={email}"
    identity      = "response.?id"
    allow_http    = true
    allow_private = true
  }
}
`, file, people(t, dice(seed), &calm)))
	truth := storeThird(t, d)
	p := newProxy(t, seed, d, light, readings*100, 3, 4*readings)
	outages := 0
	for n := range readings {
		if n == readings-1 { // at the end everything is well again
			p.settle()
			calm.Store(true)
		}
		r := dice(seed).about("reading", n)
		onUnmapped := []string{"error", "warn", "ignore"}[r.IntN(3)]
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		team := newTeam("reader", r, p.apiURL(), r.IntN(3))
		if readOnce(ctx, t, team, onUnmapped, truth) {
			outages++
			if n == readings-1 {
				t.Error("an outage was reported while there was none")
			}
		}
		cancel()
	}
	if outages == 0 || outages == readings {
		t.Errorf("%d of %d readings met an outage: the test tries nothing", outages, readings)
	}
	t.Logf("seed %d: %d of %d readings failed as outages, %d kills; %s", seed, outages, readings, d.kills, p.tally())
}

// storeThird stores every third person in both services and returns what a
// reading must find: service to user to identity.
func storeThird(t *testing.T, d *daemon) map[string]map[string]string {
	t.Helper()
	api, err := client.New(client.Config{BaseURL: d.address() + "/api/v1", Token: client.StaticToken(token)})
	if err != nil {
		t.Fatal(err)
	}
	truth := map[string]map[string]string{fileService: {}, httpService: {}}
	var writes []identity.Write
	for key, of := range truth {
		service, err := identity.ParseServiceKey(key)
		if err != nil {
			t.Fatal(err)
		}
		for i := range somebody {
			switch i % 3 {
			case 0:
				of[person(i)] = fmt.Sprintf("stored-%d", i)
				writes = append(writes, identity.Write{User: identity.UserKey(person(i)), Name: person(i), Service: service, Source: identity.Manual,
					Matcher: identity.NewMatcher(service.Type, of[person(i)])})
			case 1:
				of[person(i)] = fmt.Sprintf("remote-%d", i)
			}
		}
	}
	if _, err := api.Write(t.Context(), writes); err != nil {
		t.Fatal(err)
	}
	return truth
}

// readOnce reads everybody and one person, and reports whether that failed as
// an outage.
func readOnce(ctx context.Context, t *testing.T, reader *team, onUnmapped string, truth map[string]map[string]string) (outage bool) {
	t.Helper()
	p, err := newPlugin(ctx, reader.config())
	if err != nil {
		if !strings.Contains(err.Error(), "Unable to Connect to the Identity API") || strings.Contains(err.Error(), "Unmapped") {
			t.Fatal(err)
		}
		return true
	}
	var users, services []tftypes.Value
	for i := range somebody {
		users = append(users, str(person(i)))
	}
	serviceType := tftypes.Object{AttributeTypes: map[string]tftypes.Type{"service_type": tftypes.String, "external_id": tftypes.String}}
	for _, key := range []string{fileService, httpService} {
		kind, id, _ := strings.Cut(key, ":")
		services = append(services, tftypes.NewValue(serviceType, map[string]tftypes.Value{"service_type": str(kind), "external_id": str(id)}))
	}
	state, diags, err := p.read(ctx, "sym_resolved_identities", values{
		"users":       tftypes.NewValue(tftypes.List{ElementType: tftypes.String}, users),
		"services":    tftypes.NewValue(tftypes.List{ElementType: serviceType}, services),
		"on_unmapped": str(onUnmapped),
	})
	if err != nil {
		t.Fatal(err)
	}
	outage = sayTruth(t, diags, truth)
	if state != nil && failed(diags) == nil {
		var byService map[string]tftypes.Value
		if err := state["by_service"].As(&byService); err != nil {
			t.Fatal(err)
		}
		got := map[string]map[string]string{}
		for key, v := range byService {
			var of map[string]tftypes.Value
			if err := v.As(&of); err != nil {
				t.Fatal(err)
			}
			got[key] = map[string]string{}
			for user, id := range of {
				var text string
				_ = id.As(&text)
				got[key][user] = text
			}
		}
		if diff := cmp.Diff(truth, got); diff != "" {
			t.Errorf("identities (-truth +told):\n%s", diff)
		}
	}
	n := reader.dice.IntN(somebody)
	kind, id, _ := strings.Cut([]string{fileService, httpService}[reader.dice.IntN(2)], ":")
	state, diags, err = p.read(ctx, "sym_resolved_identity", values{
		"user": str(person(n)), "service_type": str(kind), "external_id": str(id), "on_unmapped": str(onUnmapped),
	})
	if err != nil {
		t.Fatal(err)
	}
	alone := sayTruth(t, diags, truth)
	if state != nil && failed(diags) == nil {
		var got string
		_ = state["identity"].As(&got)
		if want := truth[kind+":"+id][person(n)]; got != want {
			t.Errorf("the identity of %s is %q, the truth %q", person(n), got, want)
		}
	}
	return outage || alone
}

// sayTruth reports whether diagnostics describe an outage. It fails the test if
// they call a person unmapped who has an identity.
func sayTruth(t *testing.T, diags []*tfprotov6.Diagnostic, truth map[string]map[string]string) (outage bool) {
	t.Helper()
	for _, d := range diags {
		if !strings.HasPrefix(d.Summary, "Unmapped User") {
			outage = outage || d.Severity == tfprotov6.DiagnosticSeverityError
			if strings.Contains(d.Detail, "not_found") || strings.Contains(d.Detail, `resource "sym_identity"`) {
				t.Errorf("an outage speaks of unmapped people: %s", d.Detail)
			}
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(truth)) {
			for user, id := range truth[key] {
				if strings.Contains(d.Summary+"\n"+d.Detail+"\n", user+" ") || strings.Contains(d.Detail, `"`+user+`"`) {
					t.Errorf("%s is called unmapped, but is %s in %s: %s\n%s", user, id, key, d.Summary, d.Detail)
				}
			}
		}
	}
	return outage
}
