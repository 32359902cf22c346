// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package sqlstore

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// Roles of children, beside those of runChild.
const (
	unprivileged = "unprivileged" // opens the store as a user who may not write to it
	limited      = "limited"      // writes until the operating system lets no file grow any more
)

const (
	nobody    = 65534
	fileLimit = 1 << 20
)

// runHampered is main of a child that the operating system is in the way of.
// It prints each acknowledged write, and then the error.
func runHampered(role, url string) int {
	if role == unprivileged && os.Geteuid() == 0 {
		if err := syscall.Setuid(nobody); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	ctx := context.Background()
	s, err := Open(ctx, url, Options{})
	if err == nil {
		defer s.Close() // what matters was acknowledged
	}
	if err == nil && role == limited {
		signal.Ignore(syscall.SIGXFSZ)
		limit := syscall.Rlimit{Cur: fileLimit, Max: fileLimit}
		err = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
	}
	for i := 0; err == nil; i += 100 {
		if _, err = s.UpsertUsers(ctx, actor, people(i, i+100, "")); err == nil {
			fmt.Println(i)
		}
	}
	e := identity.AsError(err)
	fmt.Printf("%s: %v\n", e.Code, err)
	return 0
}

// hamper runs a child and returns what it acknowledged and how it ended.
func hamper(t *testing.T, role, path string) (acknowledged []int, end string) {
	t.Helper()
	cmd := child(t, role, "sqlite:"+path)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	for line := range strings.Lines(out.String()) {
		if i, err := strconv.Atoi(strings.TrimSpace(line)); err == nil {
			acknowledged = append(acknowledged, i)
		} else {
			end += line
		}
	}
	return acknowledged, end
}

// A file that must not be written gives a clear error and stays as it is.
func TestReadOnlyFile(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "mine")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "identities.db")
	s := openFile(t, path, Options{})
	fill(t, s, 3)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{path: 0o444, dir: 0o555} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o755) }) // for the removal of the temporary folder
	acknowledged, end := hamper(t, unprivileged, path)
	if len(acknowledged) > 0 || !strings.HasPrefix(end, string(identity.CodeUnavailable)) || !strings.Contains(end, path) || !strings.Contains(end, "permission") &&
		!strings.Contains(end, "Let this user write") {
		t.Errorf("acknowledged %v and ended with %s", acknowledged, end)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed (%v)", err)
	}
}

// When files cannot grow any more, in the middle of a write, the write fails
// with a clear error, everything acknowledged is there, and the file is whole.
func TestNoRoomInTheMiddle(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	fill(t, openFile(t, path, Options{}), 0)
	acknowledged, end := hamper(t, limited, path)
	if len(acknowledged) == 0 || !strings.HasPrefix(end, string(identity.CodeUnavailable)) || !strings.Contains(end, path) {
		t.Fatalf("acknowledged %v and ended with %s", acknowledged, end)
	}
	s := openFile(t, path, Options{})
	checkIntegrity(t, s)
	users, _, err := s.Users(t.Context(), store.UserFilter{})
	if err != nil || len(users) != 100*len(acknowledged) {
		t.Errorf("%d users are there after %d batches of 100 (%v)", len(users), len(acknowledged), err)
	}
	changes, _, err := s.History(t.Context(), store.HistoryFilter{})
	if err != nil || len(changes) != len(users) {
		t.Errorf("the history has %d changes of %d users (%v)", len(changes), len(users), err)
	}
	if _, err := s.UpsertUsers(t.Context(), actor, people(50_000, 50_100, "")); err != nil {
		t.Errorf("after making room: %v", err)
	}
}

// Processes that write to one store at once, as parallel runs of Terraform do,
// and are killed, lose nothing either.
func TestProcessesWriteAtOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, url string) {
		s := openURL(t, url, Options{})
		fill(t, s, 0)
		var mu sync.Mutex
		var keys []identity.UserKey
		var group sync.WaitGroup
		for w := range 3 {
			group.Go(func() {
				for _, i := range killWriter(t, url, 100_000*w) {
					mu.Lock()
					keys = append(keys, person(i), person(i+1))
					mu.Unlock()
				}
			})
		}
		group.Wait()
		users, _, err := s.Users(t.Context(), store.UserFilter{})
		if err != nil || len(users)%2 != 0 {
			t.Fatalf("%d users are there, half a batch (%v)", len(users), err)
		}
		there := map[identity.UserKey]bool{}
		for _, u := range users {
			there[u.Key] = len(u.Mappings) == 1
		}
		if lost := slices.DeleteFunc(keys, func(k identity.UserKey) bool { return there[k] }); len(lost) > 0 {
			t.Errorf("acknowledged and not there: %v", lost)
		}
		if strings.HasPrefix(url, "sqlite:") {
			checkIntegrity(t, s)
		}
	})
}
