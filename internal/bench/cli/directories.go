// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/identityd"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

const (
	directoryServices = 50
	directoryLatency  = 20 * time.Millisecond
	oktaPage          = 200                    // the most that Okta gives
	oktaPace          = 100 * time.Millisecond // 600 requests a minute
)

// directories asks one of fifty services for many people, through the API, as
// a client does: in batches of a thousand, several at once.
func (b *bench) directories(ctx context.Context) (_ []row, err error) {
	everybody := people(b.opts.people)
	fakes := make([]*fakeOkta, directoryServices)
	var config strings.Builder
	config.WriteString("org = \"acme\"\nstore = \"sqlite:directories.db\"\n")
	pages, err := oktaPages(everybody)
	if err != nil {
		return nil, err
	}
	for i := range fakes {
		fakes[i] = newFakeOkta(pages)
		defer fakes[i].server.Close()
		fmt.Fprintf(&config, "service \"okta\" \"acme%d.okta.com\" {\n  directory \"okta\" {\n    token = env(\"T\")\n    base_url = %q\n    allow_http = true\n  }\n}\n", i, fakes[i].server.URL)
	}
	api, err := openDirectories(ctx, filepath.Join(b.dir, "directories.hcl"), config.String())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, api.Close()) }()

	peak := watchHeap()
	started := time.Now()
	err = lookupAll(ctx, api.Handler(), everybody)
	took, above := time.Since(started), peak()
	if err != nil {
		return nil, err
	}
	contacted, requests := 0, fakes[0].requests
	for _, f := range fakes {
		if f.requests > 0 {
			contacted++
		}
	}
	// Okta lists those who were deprovisioned apart: one page more.
	needed := (len(everybody)-1)/oktaPage + 2
	steady := time.Duration(needed) * oktaPace
	b.say("directories: %d requests, %s", requests, took.Round(time.Millisecond))
	what := fmt.Sprintf("Directory: %s people in one service of %d", count(len(everybody)), directoryServices)
	return []row{
		{what: what + ", requests", measured: float64(requests) / float64(needed), unit: unitRatio, bound: atMost, target: 1.2,
			detail: fmt.Sprintf("%d requests; the list has %d pages of %d", requests, needed, oktaPage)},
		{what: what + ", time", measured: took.Seconds() / steady.Seconds(), unit: unitRatio, bound: atMost, target: 1.3,
			detail: fmt.Sprintf("%.1f s; the pages take %.1f s at the documented pace; %d ms of latency", took.Seconds(), steady.Seconds(), directoryLatency.Milliseconds())},
		{what: what + ", memory above rest", measured: float64(above) / (1 << 20), unit: unitMemory, bound: atMost, target: 60,
			detail: "peak of the heap, the fake's part included"},
		{what: what + ", services contacted", measured: float64(contacted), bound: exactly, target: 1},
	}, nil
}

func openDirectories(ctx context.Context, path, text string) (*identityd.Instance, error) {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return nil, err
	}
	cfg, err := config.Load(path, config.Options{Embedded: true, LookupEnv: func(string) (string, bool) { return "token", true }})
	if err != nil {
		return nil, err
	}
	return identityd.Open(ctx, cfg, identityd.Options{Principal: &identity.Principal{Name: "bench", Role: identity.Member}})
}

// lookupAll asks for everybody and expects everybody.
func lookupAll(ctx context.Context, api http.Handler, everybody []person) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for from := 0; from < len(everybody); from += symapi.MaxBatch {
		some := everybody[from:min(from+symapi.MaxBatch, len(everybody))]
		group.Go(func() error { return lookupSome(ctx, api, some) })
	}
	return group.Wait()
}

func lookupSome(ctx context.Context, api http.Handler, some []person) error {
	emails := make([]string, len(some))
	for i, p := range some {
		emails[i] = p.email
	}
	body, err := json.Marshal(symapi.LookupRequest{ServiceType: "okta", ExternalID: "acme0.okta.com", Emails: emails})
	if err != nil {
		return err
	}
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, symapi.BasePath+"/identities/lookup", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	api.ServeHTTP(answer, r)
	var reply symapi.LookupReply
	if err := json.Unmarshal(answer.Body.Bytes(), &reply); err != nil || len(reply.Results) != len(some) {
		return fmt.Errorf("identities/lookup: status %d, %d results: %s", answer.Code, len(reply.Results), answer.Body)
	}
	for i, result := range reply.Results {
		if result.Status != string(identity.Found) || result.Matcher["user_id"] != some[i].account {
			return fmt.Errorf("identities/lookup: %s is %s as %v, want %s", result.Email, result.Status, result.Matcher, some[i].account)
		}
	}
	return nil
}

// fakeOkta lists people in Okta's pages.
type fakeOkta struct {
	server *httptest.Server
	pages  [][]byte

	mu       sync.Mutex
	requests int
}

func newFakeOkta(pages [][]byte) *fakeOkta {
	f := &fakeOkta{pages: pages}
	f.server = httptest.NewServer(f)
	return f
}

func oktaPages(everybody []person) (pages [][]byte, err error) {
	for from := 0; from < len(everybody); from += oktaPage {
		var users []map[string]any
		for _, p := range everybody[from:min(from+oktaPage, len(everybody))] {
			users = append(users, map[string]any{"id": p.account, "status": "ACTIVE", "created": "2024-01-02T03:04:05.000Z",
				"profile": map[string]any{"login": p.email, "email": p.email, "firstName": "A", "lastName": "B"}})
		}
		page, err := json.Marshal(users)
		if err != nil {
			return nil, err
		}
		pages = append(pages, page)
	}
	return pages, nil
}

// ServeHTTP knows the list only, and those who were deprovisioned: nobody.
func (f *fakeOkta) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.requests++
	f.mu.Unlock()
	time.Sleep(directoryLatency)
	w.Header().Set("Content-Type", "application/json")
	query := r.URL.Query()
	if email, one := strings.CutPrefix(query.Get("search"), `profile.email eq "`); one {
		email, _, _ = strings.Cut(email, `"`)
		_, _ = w.Write(f.find(email))
		return
	}
	number := 0
	if _, err := fmt.Sscan(query.Get("after"), &number); err != nil && query.Has("after") || query.Has("filter") {
		_, _ = w.Write([]byte("[]"))
		return
	}
	if number+1 < len(f.pages) {
		w.Header().Set("Link", fmt.Sprintf("<%s/api/v1/users?limit=%d&after=%d>; rel=\"next\"", f.server.URL, oktaPage, number+1))
	}
	_, _ = w.Write(f.pages[number])
}

// find is the list of whoever has an e-mail.
func (f *fakeOkta) find(email string) []byte {
	for _, page := range f.pages {
		var users []json.RawMessage
		if json.Unmarshal(page, &users) != nil {
			continue
		}
		for _, user := range users {
			if bytes.Contains(user, []byte(`"`+email+`"`)) {
				return append(append([]byte("["), user...), ']')
			}
		}
	}
	return []byte("[]")
}

// watchHeap observes the heap, until the function that it returns is called:
// that gives by how much the peak stood above rest.
func watchHeap() func() uint64 {
	inUse := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse
	}
	runtime.GC()
	rest := inUse()
	quit, peak := make(chan struct{}), make(chan uint64)
	go func() {
		most := rest
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				peak <- max(most, inUse()) - rest
				return
			case <-tick.C:
				most = max(most, inUse())
			}
		}
	}()
	return func() uint64 {
		close(quit)
		return <-peak
	}
}
