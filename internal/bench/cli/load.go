// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

const (
	loadPeople = 10_000 // stored while it lasts
	// loadMark is what p99 is compared with: a thousand clients share one
	// machine with the server, and a person would still wait that long.
	loadMark = 5 * time.Second
)

// load lets many clients ask sym-identityd, a process of its own on SQLite, as
// fast as it answers: most read one user, some search a hundred, some write.
func (b *bench) load(ctx context.Context) (_ []row, err error) {
	okta := identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}
	everybody := people(loadPeople)
	b.say("building sym-identityd and storing %d users", len(everybody))
	d, err := b.startServer(ctx, okta, asUsers(everybody, okta, func(int) bool { return true }))
	if err != nil {
		return nil, err
	}
	defer func() {
		if ended := d.end(); err == nil {
			err = ended
		}
	}()
	b.say("%d clients for %s", b.opts.clients, b.opts.loadTime)
	memory := watch(func() int64 { return held(directoryOf(d.cmd.Process), peakMemory) })
	result := bombard(ctx, d.url, d.token, everybody, b.opts.clients, b.opts.loadTime)
	peak := memory()
	b.say("%s", result)
	detail := result.String() + fmt.Sprintf("; server's peak %d MB", peak>>20)
	what := fmt.Sprintf("load: %s clients for %s", count(b.opts.clients), b.opts.loadTime)
	return []row{
		{what: what + ": failures other than a declared 429 or 503", measured: float64(result.failures), bound: exactly, detail: result.sample},
		{what: what + ": p99", measured: float64(percentile(result.took, 99).Milliseconds()), unit: unitMillis, bound: atMost, target: float64(loadMark.Milliseconds()), detail: detail},
	}, nil
}

// loadResult is what many clients saw.
type loadResult struct {
	took     []time.Duration // of answers with status 200, sorted
	wrote    []time.Duration // those of writes among them, sorted
	span     time.Duration
	later    map[int]int // declared "come again later", by status
	failures int
	sample   string // one of the failures
}

func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)*p/100, len(sorted)-1)].Round(time.Millisecond)
}

func (r loadResult) String() string {
	text := fmt.Sprintf("%s answers, %.0f a second; p50 %s, p95 %s, p99 %s, slowest %s; of %s writes p50 %s, p99 %s",
		count(len(r.took)), float64(len(r.took))/r.span.Seconds(),
		percentile(r.took, 50), percentile(r.took, 95), percentile(r.took, 99), percentile(r.took, 100),
		count(len(r.wrote)), percentile(r.wrote, 50), percentile(r.wrote, 99))
	for _, status := range slices.Sorted(maps.Keys(r.later)) {
		text += fmt.Sprintf("; %d× %d", r.later[status], status)
	}
	return text
}

// bombard runs the clients, each one request after the other, for a while.
func bombard(ctx context.Context, url, token string, everybody []person, clients int, span time.Duration) loadResult {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		total = loadResult{later: map[int]int{}}
	)
	start := time.Now()
	for n := range clients {
		wg.Go(func() {
			chance := rand.New(rand.NewPCG(uint64(n), 1))
			own := loadResult{later: map[int]int{}}
			for time.Since(start) < span && ctx.Err() == nil {
				own.ask(ctx, client, url, token, everybody, chance)
			}
			mu.Lock()
			defer mu.Unlock()
			total.took = append(total.took, own.took...)
			total.wrote = append(total.wrote, own.wrote...)
			total.failures += own.failures
			if own.sample != "" {
				total.sample = own.sample
			}
			for status, n := range own.later {
				total.later[status] += n
			}
		})
	}
	wg.Wait()
	total.span = time.Since(start)
	slices.Sort(total.took)
	slices.Sort(total.wrote)
	return total
}

// ask sends one request and notes what came of it.
func (r *loadResult) ask(ctx context.Context, client *http.Client, url, token string, everybody []person, chance *rand.Rand) {
	method, path, body := nextRequest(everybody, chance)
	request, err := http.NewRequestWithContext(ctx, method, url+path, strings.NewReader(body))
	if err != nil {
		r.fail(err.Error())
		return
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	began := time.Now()
	response, err := client.Do(request)
	if err != nil {
		r.fail(err.Error())
		return
	}
	answer, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	took := time.Since(began)
	wait, declared := strconv.Atoi(response.Header.Get("Retry-After"))
	switch status := response.StatusCode; {
	case err != nil:
		r.fail(err.Error())
	case status == http.StatusOK:
		r.took = append(r.took, took)
		if method == http.MethodPatch {
			r.wrote = append(r.wrote, took)
		}
	case (status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable) && declared == nil &&
		bytes.Contains(answer, []byte(`"is_retryable":true`)):
		r.later[status]++
		select {
		case <-time.After(time.Duration(wait) * time.Second):
		case <-ctx.Done():
		}
	default:
		r.fail(fmt.Sprintf("%s %s: %s: %s", method, path, response.Status, ending(string(answer))))
	}
}

func (r *loadResult) fail(what string) {
	r.failures++
	r.sample = what
}

// nextRequest is one of what clients ask: of twenty, fifteen for one user,
// three for a hundred, one for the services, and one stores an identity.
func nextRequest(everybody []person, chance *rand.Rand) (method, path, body string) {
	p := everybody[chance.IntN(len(everybody))]
	switch n := chance.IntN(20); {
	case n < 15:
		return http.MethodGet, "/users?email=" + p.email, ""
	case n < 18:
		emails := make([]string, min(100, len(everybody)))
		for i := range emails {
			emails[i] = strconv.Quote(everybody[chance.IntN(len(everybody))].email)
		}
		return http.MethodPost, "/users/search", `{"emails":[` + strings.Join(emails, ",") + `]}`
	case n < 19:
		return http.MethodGet, "/services", ""
	}
	return http.MethodPatch, "/users", fmt.Sprintf(`{"users":[{"identities":[{"service_type":"sym","external_id":"cloud","matcher":{"email":%q}},`+
		`{"service_type":"okta","external_id":"acme.okta.com","matcher":{"user_id":"00u%d"}}]}]}`, p.email, chance.IntN(1_000_000))
}
