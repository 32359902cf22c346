// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// storeVariable is how the replicas of these tests learn their store's URL.
const storeVariable = "SYM_TEST_STORE"

// postgresConfig is writeConfig with the store that an environment variable
// names.
func postgresConfig(t *testing.T, more string) string {
	t.Helper()
	path := writeConfig(t, more)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), `"sqlite:identities.db"`, `env("`+storeVariable+`")`, 1)
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// fleet is two replicas on one PostgreSQL, and writers that were told things.
type fleet struct {
	*testing.T
	replicas [2]atomic.Pointer[daemon]
	acks     atomic.Int64
	done     atomic.Bool

	mu     sync.Mutex
	stored map[string]string // e-mail to Okta id, as acknowledged; "" = deleted
	won    map[string][]string
}

// Two replicas share one PostgreSQL, which crashes and restarts; then a replica
// is killed. What was acknowledged is there, once.
func TestReplicas(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t)
	config := postgresConfig(t, "store_options {\n  max_connections = 5\n  connect_timeout = \"2s\"\n}\n")
	env := []string{storeVariable + "=" + cluster.URL()}
	f := &fleet{T: t, stored: map[string]string{}, won: map[string][]string{}}
	for i := range f.replicas {
		f.replicas[i].Store(startDaemonWith(t, env, config))
	}
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() { f.write(w) })
	}
	f.after(40)
	cluster.Restart(t, true)
	f.after(40)
	if err := f.replicas[0].Load().stop(t, syscall.SIGKILL); err == nil {
		t.Error("a killed process ended cleanly")
	}
	f.after(40)
	f.replicas[0].Store(startDaemonWith(t, env, config))
	cluster.Restart(t, false)
	f.after(40)
	f.done.Store(true)
	writers.Wait()
	for i := range f.replicas {
		f.compare(f.replicas[i].Load())
	}
}

// after waits until as many more writes were acknowledged.
func (f *fleet) after(n int64) {
	f.Helper()
	target := f.acks.Load() + n
	waitFor(f.T, "acknowledged writes", func() bool { return f.acks.Load() >= target || f.Failed() })
}

// write stores people of its own, deletes every fourth again, and competes with
// the other writers for others.
func (f *fleet) write(w int) {
	for n := 0; !f.done.Load() && !f.Failed(); n++ {
		own := fmt.Sprintf("writer%d.%d@acme.com", w, n)
		id := fmt.Sprintf("00u%d.%d", w, n)
		status, body := f.send(w+n, http.MethodPatch, "/api/v1/users", person(own, id, ""))
		if status != http.StatusOK {
			f.Errorf("%s: %d %s", own, status, body)
			return
		}
		if n%4 == 0 {
			f.forget(w+n, own, id, body)
			id = ""
		}
		shared := fmt.Sprintf("shared%d@acme.com", n)
		mine := fmt.Sprintf("%d.%d", n, w)
		status, body = f.send(w+n+1, http.MethodPatch, "/api/v1/users", person(shared, mine, `,"if_absent":true`))
		f.mu.Lock()
		f.stored[own] = id
		switch status {
		case http.StatusOK:
			f.won[shared] = append(f.won[shared], mine)
		case http.StatusConflict:
		default:
			f.Errorf("%s: %d %s", shared, status, body)
		}
		f.mu.Unlock()
		f.acks.Add(2)
	}
}

func person(email, id, more string) string {
	return fmt.Sprintf(`{"users":[{"identities":[
	  {"service_type":"sym","external_id":"cloud","matcher":{"email":%q}},
	  {"service_type":"okta","external_id":"acme.okta.com","matcher":{"user_id":%q}%s}]}]}`, email, id, more)
}

// forget deletes the identity that body says was stored.
func (f *fleet) forget(replica int, email, id string, body []byte) {
	var reply symapi.BulkReply
	if err := json.Unmarshal(body, &reply); err != nil || len(reply.Results) != 1 {
		f.Errorf("%s: %v %s", email, err, body)
		return
	}
	status, body := f.send(replica, http.MethodPost, "/api/v1/users/identities/delete",
		fmt.Sprintf(`{"identities":[{"user_id":%q,"service_type":"okta","external_id":"acme.okta.com","matcher":{"user_id":%q}}]}`, reply.Results[0].UserID, id))
	if status != http.StatusOK {
		f.Errorf("deleting of %s: %d %s", email, status, body)
	}
}

// send repeats a call, with one replica and the other, until it has an answer
// that is not "try again". Without one, nobody knows whether it was done.
func (f *fleet) send(replica int, method, path, body string) (int, []byte) {
	deadline := time.Now().Add(patience)
	for ; ; replica++ {
		status, text, err := f.replicas[replica%2].Load().call(f.Context(), method, path, body)
		switch {
		case err == nil && status < http.StatusInternalServerError:
			return status, text
		case err == nil && !strings.Contains(string(text), `"is_retryable":true`), time.Now().After(deadline):
			return status, append(text, fmt.Sprint(err)...)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// compare holds what one replica shows against what was acknowledged.
func (f *fleet) compare(d *daemon) {
	f.Helper()
	status, body, err := d.call(f.Context(), http.MethodGet, "/api/v1/users", "")
	var list symapi.UserList
	if err != nil || status != http.StatusOK || json.Unmarshal(body, &list) != nil {
		f.Fatalf("GET users: %d %v %.500s", status, err, body)
	}
	shown := map[string]string{}
	for _, u := range list.Users {
		email := u.Identities[0].Matcher["email"]
		if _, twice := shown[email]; twice {
			f.Errorf("%s is there twice", email)
		}
		shown[email] = ""
		for _, i := range u.Identities[1:] {
			if shown[email] != "" {
				f.Errorf("%s has two identities", email)
			}
			shown[email] = i.Matcher["user_id"]
		}
	}
	entries := f.entries(d)
	for email, id := range f.stored {
		if got, known := shown[email]; !known || got != id {
			f.Errorf("%s: stored %q, acknowledged %q", email, got, id)
		}
		if n, want := entries[email], 1+map[bool]int{true: 1}[id == ""]; n != want {
			f.Errorf("%s was changed %d times, want %d", email, n, want)
		}
	}
	for email, winners := range f.won {
		if len(winners) != 1 || shown[email] != winners[0] || entries[email] != 1 {
			f.Errorf("%s: %q won, stored %q, changed %d times", email, winners, shown[email], entries[email])
		}
	}
	f.Logf("%d people of the writers' own and %d shared ones agree", len(f.stored), len(f.won))
}

// entries counts the changes of everybody.
func (f *fleet) entries(d *daemon) map[string]int {
	f.Helper()
	counts := map[string]int{}
	for cursor := ""; ; {
		status, body, err := d.call(f.Context(), http.MethodGet, "/api/v1/identities/history?limit=1000&cursor="+cursor, "")
		var page symapi.HistoryReply
		if err != nil || status != http.StatusOK || json.Unmarshal(body, &page) != nil {
			f.Fatalf("GET identities/history: %d %v %.500s", status, err, body)
		}
		for _, c := range page.Changes {
			counts[c.User]++
		}
		if cursor = page.NextCursor; cursor == "" {
			return counts
		}
	}
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	config := writeConfig(t, "store_options {\n  migrate = false\n}\n")
	if got := runCommand(t.Context(), nil, "serve", "-config", config); got.code != exitFailed || !strings.Contains(got.stderr, "sym-identityd migrate") {
		t.Fatalf("serve without tables: %+v", got)
	}
	for _, want := range []string{"was created with schema version", "has schema version"} {
		if got := runCommand(t.Context(), nil, "migrate", "-config", config); got.code != exitOK || !strings.Contains(got.stdout, want) {
			t.Fatalf("migrate: %+v, want %q", got, want)
		}
	}
	d := startDaemon(t, config)
	if got := d.identities(t); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

// A password never shows, whatever fails.
func TestPostgresPasswordStaysSecret(t *testing.T) {
	t.Parallel()
	config := postgresConfig(t, "")
	for name, url := range map[string]string{
		"nobody listens": "postgres://sym:hunter2-hunter2@127.0.0.1:1/sym",
		"not a URL":      "postgres://sym:hunter2-hunter2@[::1/sym",
		"a bad port":     "postgres://sym:hunter2-hunter2@127.0.0.1:99999/sym",
	} {
		for _, command := range []string{"serve", "check", "migrate"} {
			got := runCommand(t.Context(), map[string]string{storeVariable: url}, command, "-config", config)
			if got.code != exitFailed || strings.Contains(got.stdout+got.stderr, "hunter2") || got.stdout+got.stderr == "" {
				t.Errorf("%s with %s: %+v", command, name, got)
			}
		}
	}
}
