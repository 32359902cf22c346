// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package linearizability

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/proctest"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
)

// A replica runs as a process of this test binary, so that a test may kill and
// pause it, and put a fault into its store.
const (
	storeVariable = "SYM_TEST_LINEARIZABILITY_STORE"
	faultVariable = "SYM_TEST_LINEARIZABILITY_FAULT"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(storeVariable); url != "" {
		fmt.Fprintln(os.Stderr, serve(url, os.Getenv(faultVariable)))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// serve answers requests until the process is killed. It waits for the store, which
// may be without a leader or on a busy machine.
func serve(url, fault string) error {
	open := func() (*sqlstore.Store, error) {
		return sqlstore.Open(context.Background(), url, sqlstore.Options{ConnectTimeout: 2 * time.Second})
	}
	st, err := open()
	for deadline := time.Now().Add(patience); err != nil; st, err = open() {
		if time.Now().After(deadline) {
			return err
		}
	}
	admin := identity.Principal{Name: "ci", Org: "acme", Role: identity.Admin}
	handler, err := server.New(server.Config{Org: "acme", Store: plant(st, fault),
		Authenticate: func(*http.Request) (identity.Principal, error) { return admin, nil }})
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + l.Addr().String())
	return (&http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}).Serve(l)
}

// The faults that tests plant.
const (
	ackEarly        = "acknowledges before the commit"
	ignoreAbsent    = "ignores if_absent"
	ignoreRevision  = "ignores if_revision"
	ignoreUnclaimed = "ignores if_unclaimed"
)

func plant(st store.Store, fault string) store.Store {
	switch fault {
	case "":
		return st
	case ackEarly:
		return early{st, new(atomic.Int64)}
	case ignoreAbsent, ignoreRevision, ignoreUnclaimed:
		return careless{st, fault}
	}
	panic("unknown fault " + fault)
}

// early acknowledges a write and carries it out after a few more calls.
type early struct {
	store.Store
	calls *atomic.Int64
}

func (s early) FindUsers(ctx context.Context, keys []identity.UserKey) ([]identity.User, error) {
	defer s.calls.Add(1)
	return s.Store.FindUsers(ctx, keys)
}

func (s early) UpsertUsers(ctx context.Context, actor store.Actor, writes []store.UserWrite) ([]identity.User, error) {
	if len(writes) != 1 || len(writes[0].Mappings) != 1 {
		return s.Store.UpsertUsers(ctx, actor, writes)
	}
	m := writes[0].Mappings[0]
	users, err := s.FindUsers(ctx, []identity.UserKey{writes[0].Key})
	if err != nil || m.Conditions != (identity.Conditions{}) {
		return s.Store.UpsertUsers(ctx, actor, writes)
	}
	go func() {
		for until := s.calls.Load() + 4; s.calls.Load() < until; {
			time.Sleep(time.Millisecond)
		}
		_, _ = s.Store.UpsertUsers(context.WithoutCancel(ctx), actor, writes)
	}()
	users[0].Mappings = []identity.Mapping{{Service: m.Service, Matcher: m.Matcher, Source: identity.Manual}}
	return users, nil
}

// careless forgets one condition of writes.
type careless struct {
	store.Store
	fault string
}

func (s careless) UpsertUsers(ctx context.Context, actor store.Actor, writes []store.UserWrite) ([]identity.User, error) {
	for i := range writes {
		for j := range writes[i].Mappings {
			switch c := &writes[i].Mappings[j].Conditions; s.fault {
			case ignoreAbsent:
				c.IfAbsent = false
			case ignoreRevision:
				c.IfRevision = 0
			default:
				c.IfUnclaimed = false
			}
		}
	}
	return s.Store.UpsertUsers(ctx, actor, writes)
}

// replica runs and kills one process, each time on another port.
type replica struct {
	store, fault string

	mu  sync.Mutex
	cmd *exec.Cmd
	url string
}

func startReplica(t *testing.T, url, fault string) *replica {
	t.Helper()
	r := &replica{store: url, fault: fault}
	if err := r.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.kill)
	return r
}

func (r *replica) start() error {
	var stderr strings.Builder
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), storeVariable+"="+r.store, faultVariable+"="+r.fault)
	cmd.Stderr = &stderr
	proctest.EndWithTest(cmd)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() {
		err := cmd.Wait()
		return fmt.Errorf("a replica ended (%w): %s", err, stderr.String())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cmd, r.url = cmd, lines.Text()
	return nil
}

func (r *replica) address() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.url
}

func (r *replica) signal(s syscall.Signal) error { return r.cmd.Process.Signal(s) }

// kill ends the process as kill -9 does.
func (r *replica) kill() {
	if r.cmd != nil {
		_ = r.cmd.Process.Kill()
		_ = r.cmd.Wait() // an error: it was killed
		r.cmd = nil
	}
}
