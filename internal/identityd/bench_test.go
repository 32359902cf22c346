// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identityd

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// benchServer is the whole API over a new PostgreSQL store, with one user.
func benchServer(b *testing.B) (server *httptest.Server, storeURL string) {
	b.Helper()
	storeURL = pgtest.URL(b)
	path := filepath.Join(b.TempDir(), "bench.hcl")
	if err := os.WriteFile(path, []byte("org = \"acme\"\nstore = env(\"STORE\")\nservice \"okta\" \"acme.okta.com\" {}\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	cfg, err := config.Load(path, config.Options{Embedded: true, LookupEnv: func(string) (string, bool) { return storeURL, true }})
	if err != nil {
		b.Fatal(err)
	}
	i, err := Open(b.Context(), cfg, Options{Principal: &identity.Principal{Name: "bench", Role: identity.Admin}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = i.Close() })
	server = httptest.NewServer(i.Handler())
	b.Cleanup(server.Close)
	benchWrite(b, server.URL, 0, 0)
	return server, storeURL
}

// benchWrite stores one mapping on condition of a revision and returns the new one.
func benchWrite(b *testing.B, url string, n int, revision int64) int64 {
	b.Helper()
	body := fmt.Sprintf(`{"users":[{"identities":[{"service_type":"sym","external_id":"cloud","matcher":{"email":"alice@example.com"}},
	  {"service_type":"okta","external_id":"acme.okta.com","matcher":{"user_id":"00u%d"},"source":"manual","if_revision":%d}]}]}`, n, revision)
	if revision == 0 {
		body = strings.Replace(body, `,"if_revision":0`, "", 1)
	}
	var reply symapi.BulkReply
	if err := json.Unmarshal(exchange(b, http.MethodPatch, url+"/api/v1/users", body), &reply); err != nil || reply.Status != "success" {
		b.Fatalf("%+v, %v", reply, err)
	}
	return reply.Results[0].Record.Identities[1].Revision
}

func exchange(b *testing.B, method, url, body string) []byte {
	req, err := http.NewRequestWithContext(b.Context(), method, url, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		b.Fatalf("%d %s %v", resp.StatusCode, text, err)
	}
	return text
}

// sameTransaction is what a conditional write does, on the driver alone.
func sameTransaction(b *testing.B, conn *pgx.Conn, n int) {
	b.Helper()
	ctx := b.Context()
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable})
	if err != nil {
		b.Fatal(err)
	}
	var user, mapping, service string
	var revision int64
	steps := []struct {
		query string
		args  []any
		into  []any
	}{
		{"SELECT id FROM users WHERE user_key IN ($1)", []any{"alice@example.com"}, []any{&user}},
		{"SELECT m.id FROM mappings m JOIN services s ON s.id = m.service_id WHERE m.user_id IN ($1)", []any{&user}, []any{&mapping}},
		{"SELECT id FROM services WHERE service_key IN ($1)", []any{"okta:acme.okta.com"}, []any{&service}},
		{"SELECT nextval('revisions')", nil, []any{&revision}},
	}
	for _, s := range steps {
		if err := tx.QueryRow(ctx, s.query, s.args...).Scan(s.into...); err != nil {
			b.Fatal(err)
		}
	}
	matcher := fmt.Sprintf(`{"user_id":"00u%d"}`, n)
	_, err = tx.Exec(ctx, `INSERT INTO mappings (id, user_id, service_id, matcher, claim, profile, source, rule, revision, created_at, updated_at, updated_by, request_id)
		VALUES ($1, $2, $3, $4, $4, '{}', 'manual', '', $5, 0, 0, '', '')
		ON CONFLICT (id) DO UPDATE SET matcher = excluded.matcher, claim = excluded.claim, revision = excluded.revision`, mapping, user, service, matcher, revision)
	if err == nil {
		_, err = tx.Exec(ctx, `INSERT INTO history (id, changed_at, changed_by, request_id, user_id, user_key, service_key, value_before, value_after)
			VALUES ($1, 0, '', '', $2, 'alice@example.com', 'okta:acme.okta.com', $3, $3)`, revision, user, matcher)
	}
	if err == nil {
		err = tx.Commit(ctx)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkConditionalWrite compares one conditional write through HTTP with
// the same transaction on the driver alone, in turns. Target: at most twice.
func BenchmarkConditionalWrite(b *testing.B) {
	server, storeURL := benchServer(b)
	conn, err := pgx.Connect(b.Context(), storeURL)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close(b.Context()) })
	var revision int64
	turn := func(n int) (viaHTTP, alone time.Duration) {
		start := time.Now()
		sameTransaction(b, conn, 2*n)
		alone = time.Since(start)
		revision = benchRevision(b, server.URL)
		start = time.Now()
		benchWrite(b, server.URL, 2*n+1, revision)
		return time.Since(start), alone
	}
	for n := range 20 { // statements get prepared
		turn(n)
	}
	var viaHTTP, alone time.Duration
	for n := 100; b.Loop(); n++ {
		h, a := turn(n)
		viaHTTP, alone = viaHTTP+h, alone+a
	}
	b.ReportMetric(float64(viaHTTP.Microseconds())/float64(b.N), "µs/write")
	b.ReportMetric(float64(viaHTTP)/float64(alone), "x-of-driver")
}

func benchRevision(b *testing.B, url string) int64 {
	b.Helper()
	var list symapi.UserList
	if err := json.Unmarshal(exchange(b, http.MethodGet, url+"/api/v1/users?email=alice@example.com", ""), &list); err != nil {
		b.Fatal(err)
	}
	return list.Users[0].Identities[1].Revision
}

// BenchmarkReadOne compares the throughput of reads of one user with that of a
// handler that runs the same queries and nothing else, in turns. Target: 60 %.
func BenchmarkReadOne(b *testing.B) {
	server, storeURL := benchServer(b)
	config, err := pgxpool.ParseConfig(storeURL)
	if err != nil {
		b.Fatal(err)
	}
	config.MaxConns = 8 // the store's own default
	pool, err := pgxpool.NewWithConfig(b.Context(), config)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	bare := httptest.NewServer(bareReader(pool))
	b.Cleanup(bare.Close)
	const each = 400
	load := func(url string) time.Duration {
		start := time.Now()
		var group sync.WaitGroup
		workers := 4 * runtime.GOMAXPROCS(0)
		for range workers {
			group.Go(func() {
				for range each / workers {
					exchange(b, http.MethodGet, url+"/api/v1/users?email=alice@example.com", "")
				}
			})
		}
		group.Wait()
		return time.Since(start)
	}
	load(server.URL)
	load(bare.URL)
	var ours, theirs time.Duration
	for b.Loop() {
		ours += load(server.URL)
		theirs += load(bare.URL)
	}
	b.ReportMetric(each*float64(b.N)/ours.Seconds(), "reads/s")
	b.ReportMetric(100*float64(theirs)/float64(ours), "%-of-bare")
}

func bareReader(pool *pgxpool.Pool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		var id, name, matcher string
		err := pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.Serializable, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
			err := tx.QueryRow(ctx, "SELECT id, name FROM users WHERE user_key > '' AND user_key = $1 ORDER BY user_key LIMIT 1", r.FormValue("email")).Scan(&id, &name)
			if err != nil {
				return err
			}
			return tx.QueryRow(ctx, "SELECT m.matcher FROM mappings m JOIN services s ON s.id = m.service_id WHERE m.user_id IN ($1)", id).Scan(&matcher)
		})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"id": id, "name": name, "matcher": matcher})
	})
}
