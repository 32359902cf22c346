// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// Environment variables that tell a child process of the tests what to do.
const (
	childRole = "SYM_SQLSTORE_TEST_CHILD"
	childURL  = "SYM_SQLSTORE_TEST_URL"
)

func child(t *testing.T, role, url string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childRole+"="+role, childURL+"="+url)
	return cmd
}

// runChild is main of a child. "open" opens the store once. A number is where
// to start writing: each user is printed once its write is acknowledged.
func runChild(role, url string) int {
	ctx := context.Background()
	s, err := Open(ctx, url, Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer s.Close() // what matters was acknowledged
	start, err := strconv.Atoi(role)
	if err != nil {
		fmt.Println("created", s.Created())
		return 0
	}
	for i := start; ; i += 2 {
		if _, err := s.UpsertUsers(ctx, actor, people(i, i+2, "")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println(i)
	}
}

func TestProcessesOpenANewStoreAtOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, processesOpenANewStoreAtOnce)
}

func processesOpenANewStoreAtOnce(t *testing.T, url string) {
	const processes = 5
	outputs := make([]bytes.Buffer, processes)
	var group sync.WaitGroup
	for i := range processes {
		cmd := child(t, "open", url)
		cmd.Stdout, cmd.Stderr = &outputs[i], &outputs[i]
		group.Go(func() {
			if err := cmd.Run(); err != nil {
				t.Errorf("process %d: %v: %s", i, err, &outputs[i])
			}
		})
	}
	group.Wait()
	created := 0
	for i := range outputs {
		created += strings.Count(outputs[i].String(), "created true")
	}
	if created != 1 {
		t.Errorf("%d of %d processes created the store, want 1", created, processes)
	}
}

func TestHandlesOpenANewStoreAtOnce(t *testing.T) {
	t.Parallel()
	for range 3 {
		onBoth(t, handlesOpenANewStoreAtOnce)
	}
}

func handlesOpenANewStoreAtOnce(t *testing.T, url string) {
	var created atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			s, err := Open(t.Context(), url, Options{})
			if err != nil {
				t.Errorf("opening: %v", err)
				return
			}
			if s.Created() {
				created.Add(1)
			}
			if err := s.Close(); err != nil {
				t.Errorf("closing: %v", err)
			}
		})
	}
	group.Wait()
	if n := created.Load(); n != 1 {
		t.Errorf("%d of 8 handles created the store, want 1", n)
	}
}

// What a process acknowledged is there after it is killed at any moment, and
// a batch is there whole or not at all.
func TestKilledWriterLosesNothing(t *testing.T) {
	t.Parallel()
	onBoth(t, killedWriterLosesNothing)
}

func killedWriterLosesNothing(t *testing.T, url string) {
	s := openURL(t, url, Options{})
	fill(t, s, 0)
	next := 0
	for round := range 6 {
		acknowledged := killWriter(t, url, next)
		if len(acknowledged) == 0 {
			t.Fatalf("round %d: the writer acknowledged nothing", round)
		}
		var keys []identity.UserKey
		for _, i := range acknowledged {
			keys = append(keys, person(i), person(i+1))
		}
		users, err := s.FindUsers(t.Context(), keys)
		if err != nil {
			t.Fatal(err)
		}
		if len(users) != len(keys) {
			t.Fatalf("round %d: %d of %d acknowledged users are there", round, len(users), len(keys))
		}
		for _, u := range users {
			if len(u.Mappings) != 1 {
				t.Fatalf("round %d: %s has %d mappings", round, u.Name, len(u.Mappings))
			}
		}
		if strings.HasPrefix(url, "sqlite:") {
			checkIntegrity(t, s)
		}
		all, _, err := s.Users(t.Context(), store.UserFilter{})
		if err != nil || len(all)%2 != 0 {
			t.Fatalf("round %d: %d users are there, half a batch (%v)", round, len(all), err)
		}
		next = len(all)
	}
	t.Logf("%d users written by killed writers", next)
}

// killWriter starts a writer, kills it at a random moment and returns what it
// acknowledged before.
func killWriter(t *testing.T, url string, start int) []int {
	t.Helper()
	cmd := child(t, strconv.Itoa(start), url)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var acknowledged []int
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if len(acknowledged) == 0 {
			time.AfterFunc(rand.N(80*time.Millisecond), func() {
				if err := cmd.Process.Kill(); err != nil {
					t.Errorf("killing the writer: %v", err)
				}
			})
		}
		i, err := strconv.Atoi(lines.Text())
		if err != nil {
			break // the line was cut off by the kill
		}
		acknowledged = append(acknowledged, i)
	}
	if err := cmd.Wait(); err == nil || stderr.Len() > 0 {
		t.Fatalf("the writer ended by itself: %v: %s", err, &stderr)
	}
	return acknowledged
}

func checkIntegrity(t *testing.T, s *Store) {
	t.Helper()
	var result string
	if err := s.db.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&result); err != nil || result != "ok" {
		t.Fatalf("integrity check: %s, %v", result, err)
	}
	rows, err := s.db.QueryContext(t.Context(), "PRAGMA foreign_key_check")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() // nothing was written
	if rows.Next() {
		t.Fatal("a foreign key points nowhere")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}
