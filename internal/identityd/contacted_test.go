// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identityd

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Of fifty services that are configured only the one that is asked for is
// contacted, and its list is read once however many ask.
func TestOnlyTheServiceAskedIsContacted(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	contacted := map[string]int{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tailnet := strings.Split(r.URL.Path, "/")[4]
		mu.Lock()
		contacted[tailnet]++
		mu.Unlock()
		_, _ = fmt.Fprintf(w, `{"users":[{"id":"1","loginName":"ann@%s","status":"active","type":"member","role":"member"}]}`, tailnet)
	}))
	t.Cleanup(srv.Close)
	text := head
	for i := range 50 {
		text += fmt.Sprintf("service \"tailscale\" \"t%d.com\" {\n  directory \"tailscale\" {\n    token = env(\"T\")\n    base_url = %q\n    allow_http = true\n  }\n}\n", i, srv.URL)
	}
	env := func(string) (string, bool) { return secretValue, true }
	cfg := mustLoad(t, writeConfig(t, text, nil), config.Options{LookupEnv: env, Embedded: true})
	api := mustOpen(t, cfg, Options{Principal: &identity.Principal{Name: "t", Role: identity.Member}})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			r := httptest.NewRequest(http.MethodPost, "/api/v1/identities/lookup", strings.NewReader(`{"service_type":"tailscale","external_id":"t7.com","emails":["ann@t7.com","bob@t7.com"]}`))
			r.Header.Set("Content-Type", "application/json")
			answer := httptest.NewRecorder()
			api.Handler().ServeHTTP(answer, r)
			for _, want := range []string{`"found"`, `"not_found"`, `"as_of":"` + time.Now().UTC().Format("2006-")} {
				if !strings.Contains(answer.Body.String(), want) {
					t.Errorf("status %d: %s lacks %s", answer.Code, answer.Body, want)
				}
			}
		})
	}
	wg.Wait()
	mu.Lock()
	defer mu.Unlock()
	if len(contacted) != 1 || contacted["t7.com"] != 1 {
		t.Errorf("requests by service: %v, want one to t7.com", contacted)
	}
}
