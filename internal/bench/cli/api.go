// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// apiRounds is how often each call is made; medians are shown.
const apiRounds = 31

// api times calls for a full batch of people, over HTTP, while many more are
// stored.
func (b *bench) api(ctx context.Context) (_ []row, err error) {
	okta := identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}
	everybody := people(b.opts.stored)
	b.say("storing %d users", len(everybody))
	api, err := b.serve(ctx, "api", []service{{key: okta, csv: asCSV(everybody)}},
		asUsers(everybody, okta, func(int) bool { return true }))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, api.close()) }()

	// Spread over the store, as people of a configuration are.
	asked := min(symapi.MaxBatch, len(everybody))
	emails := make([]string, asked)
	accounts := make([]string, asked)
	for i := range asked {
		p := everybody[i*len(everybody)/asked]
		emails[i], accounts[i] = p.email, p.account
	}
	var rows []row
	for _, call := range []struct {
		path, what, list string
		body             map[string]any
	}{
		{"users/search", "search", "users", map[string]any{"emails": emails}},
		{"identities/lookup", "lookup", "results", map[string]any{"service_type": okta.Type, "external_id": okta.ExternalID, "emails": emails}},
		{"identities/search", "reverse search", "results", map[string]any{"service_type": okta.Type, "external_id": okta.ExternalID, "identities": accounts}},
	} {
		took, err := api.timed(ctx, call.path, call.list, asked, call.body)
		if err != nil {
			return nil, err
		}
		b.say("%s: %s", call.path, took)
		rows = append(rows, row{
			what:     fmt.Sprintf("API: %s of %s people, %s stored", call.what, count(asked), count(len(everybody))),
			measured: float64(took.Microseconds()) / 1000, unit: unitMillis, bound: atMost, target: 60,
		})
	}
	return rows, nil
}

// timed makes a call again and again and gives the median time. Each answer
// must hold want elements in its list.
func (a *identityAPI) timed(ctx context.Context, path, list string, want int, body any) (time.Duration, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	var took []time.Duration
	for range apiRounds {
		start := time.Now()
		answer, err := a.post(ctx, path, text)
		if err != nil {
			return 0, err
		}
		took = append(took, time.Since(start))
		var reply map[string]json.RawMessage
		var elements []json.RawMessage
		if err := errors.Join(json.Unmarshal(answer, &reply), json.Unmarshal(reply[list], &elements)); err != nil {
			return 0, fmt.Errorf("%s: %w", path, err)
		}
		if len(elements) != want {
			return 0, fmt.Errorf("%s answered with %d %s, not %d", path, len(elements), list, want)
		}
	}
	return median(took, func(d time.Duration) time.Duration { return d }), nil
}

// caller keeps a connection for each of the callers of a loop.
var caller = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: loopCallers}}

func (a *identityAPI) post(ctx context.Context, path string, body []byte) ([]byte, error) {
	return a.call(ctx, http.MethodPost, path, body)
}

// call sends a request, which must succeed, and returns the answer.
func (a *identityAPI) call(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	var answer bytes.Buffer
	err := a.copy(ctx, method, path, body, &answer)
	return answer.Bytes(), err
}

// copy makes one call and copies its answer.
func (a *identityAPI) copy(ctx context.Context, method, path string, body []byte, to io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, method, a.url+"/"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+a.token)
	if len(body) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := caller.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		answer, err := io.ReadAll(response.Body)
		return errors.Join(fmt.Errorf("%s: %s: %s", path, response.Status, ending(string(answer))), err)
	}
	_, err = io.Copy(to, response.Body)
	return err
}
