// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package linearizability

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
)

// Flags of make linearizability. The defaults make a few runs.
var (
	runs      = flag.Int("runs", 10, "random runs")
	failovers = flag.Int("failovers", 1, "random runs in which the leader of a cluster is lost")
	first     = flag.Int64("seed", 1, "seed of the first random run; the others follow")
	keep      = flag.String("histories", "", "directory for pictures and stories of histories that fail")
)

const (
	services          = 4
	clientsPerService = 3
	requestsPerClient = 20 // three clients have numbers below 64

	// patience bounds each step on a machine however busy.
	patience   = 5 * time.Minute
	checkLimit = patience
)

// TestRandom makes the runs of make linearizability.
func TestRandom(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t)
	var c count
	for i := range *runs {
		seed := *first + int64(i)
		c.check(t, cluster.URL(), seed, record(t, cluster.URL(), seed, "", 0, func(t *testing.T, r *run) { shake(t, r, cluster) }))
	}
	t.Log(c)
}

// count counts what histories hold.
type count struct{ histories, operations, unknown int }

func (c count) String() string {
	return fmt.Sprintf("%d histories, %d operations, %d of unknown outcome", c.histories, c.operations, c.unknown)
}

// check fails the test unless one order explains the history.
func (c *count) check(t *testing.T, url string, seed int64, h []porcupine.Operation) {
	t.Helper()
	c.histories++
	c.operations += len(h)
	for _, op := range h {
		if op.Output.(output).outcome == unknown {
			c.unknown++
		}
	}
	result, info := porcupine.CheckOperationsVerbose(model, h, checkLimit)
	if result != porcupine.Ok {
		t.Errorf("seed %d: the history of %d operations is %s; see %s\nagain: go test ./internal/linearizability -run '^%s$' -v -args -seed %d -runs 1",
			seed, len(h), result, picture(t, url, seed, h, info), t.Name(), seed)
	}
}

// picture writes a page that shows a history and a text beside it that tells
// where it fails, and returns the page's path.
func picture(t *testing.T, url string, seed int64, h []porcupine.Operation, info porcupine.LinearizationInfo) string {
	t.Helper()
	if *keep == "" {
		return "it with -args -histories DIRECTORY"
	}
	path := filepath.Join(*keep, fmt.Sprintf("seed-%d", seed))
	if err := os.MkdirAll(*keep, 0o750); err != nil {
		t.Error(err)
	}
	if err := porcupine.VisualizePath(model, info, path+".html"); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path+".txt", []byte(story(t, schemaOf(t, url, seed), h)), 0o600); err != nil {
		t.Error(err)
	}
	return path + ".html"
}

// schemaOf returns the URL of the store of one history.
func schemaOf(t *testing.T, url string, seed int64) string {
	t.Helper()
	return pgtest.WithParameter(t, url, "search_path", fmt.Sprintf("run%d", seed))
}

// run is one history in the making.
type run struct {
	*recorder
	url   string // of the store, a schema of its own
	dice  *rand.Rand
	stops []pgtest.Stop
}

// record has clients send requests while disturb does its worst, and returns
// what they saw. pace is the pause between two requests of a client. The last
// operations read everything.
func record(t *testing.T, url string, seed int64, fault string, pace time.Duration, disturb func(*testing.T, *run)) []porcupine.Operation {
	t.Helper()
	execute(t, url, fmt.Sprintf("CREATE SCHEMA run%d", seed))
	url = schemaOf(t, url, seed)
	var replicas []*replica
	for range 2 {
		replicas = append(replicas, startReplica(t, url, fault))
	}
	r := &run{recorder: newRecorder(replicas), url: url, dice: rand.New(rand.NewPCG(uint64(seed), 0))}
	r.pace = pace
	r.setUp(t, services)
	clients, ctx := errgroup.WithContext(t.Context())
	for service := range services {
		for c := range clientsPerService {
			client := service*clientsPerService + c
			dice := rand.New(rand.NewPCG(uint64(seed), uint64(1+client)))
			clients.Go(func() error { return r.client(ctx, dice, client, service, c*requestsPerClient, requestsPerClient) })
		}
	}
	disturb(t, r)
	if err := clients.Wait(); err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	r.late.Wait()
	for service := range services {
		r.readAtLast(t, service)
	}
	for _, replica := range replicas {
		replica.kill()
	}
	return certain(r.history, r.begin, r.stops)
}

// certain leaves out replies that were given while a server stopped and that say
// only what is stored. They may show a write that waited for a standby, and that
// the failover then loses: no client of PostgreSQL can tell.
func certain(history []porcupine.Operation, begin time.Time, stops []pgtest.Stop) []porcupine.Operation {
	return slices.DeleteFunc(history, func(op porcupine.Operation) bool {
		changed := op.Output.(output).outcome == unknown || op.Output.(output).outcome == done && op.Input.(input).kind != read
		return !changed && slices.ContainsFunc(stops, func(stop pgtest.Stop) bool {
			return op.Call <= int64(stop.End.Sub(begin)) && op.Return >= int64(stop.Begin.Sub(begin))
		})
	})
}

// readAtLast reads through each replica, as soon as it answers.
func (r *run) readAtLast(t *testing.T, service int) {
	t.Helper()
	for replica := range r.replicas {
		for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
			known, err := r.deliver(t.Context(), 200, replica, input{service: service, kind: read}, true)
			if err != nil || time.Now().After(deadline) {
				t.Fatalf("the last read: %v", err)
			}
			if known {
				break
			}
		}
	}
}

// after waits until as many operations are recorded, of those there will be.
func (r *run) after(part, parts int) {
	target := int64(services * clientsPerService * requestsPerClient * part / parts)
	for deadline := time.Now().Add(patience); r.done.Load() < target && time.Now().Before(deadline); {
		time.Sleep(2 * time.Millisecond)
	}
}

// shake kills and pauses replicas and the database.
func shake(t *testing.T, r *run, cluster *pgtest.Cluster) {
	t.Helper()
	const times = 4
	for n := range times {
		r.after(n+1, times+2)
		replica := r.replicas[r.dice.IntN(len(r.replicas))]
		pause := time.Duration(r.dice.IntN(200)) * time.Millisecond
		switch r.dice.IntN(5) {
		case 0, 1:
			replica.kill()
			time.Sleep(pause)
			if err := replica.start(); err != nil {
				t.Fatal(err)
			}
		case 2:
			if err := replica.signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			time.Sleep(pause)
			if err := replica.signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
		case 3:
			execute(t, cluster.URL(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
		default:
			cluster.Restart(t, r.dice.IntN(2) == 0)
		}
	}
}

func execute(t *testing.T, url string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	for deadline := time.Now().Add(patience); err != nil; conn, err = pgx.Connect(t.Context(), url) {
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}
