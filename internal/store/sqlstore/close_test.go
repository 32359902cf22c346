// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/proctest"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// Roles of children, beside those of runChild.
const (
	staying       = "staying"        // writes when asked, and closes the store at the end of its input
	stayingReader = "staying reader" // the same, but it still reads when it closes and ends
)

// runStaying is main of a child that keeps the store open. It prints "open",
// and "written" for each line of its input: the number of a user to write.
func runStaying(role, url string) int {
	ctx := context.Background()
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	s, err := Open(ctx, url, Options{})
	if err != nil {
		return fail(err)
	}
	if role == stayingReader {
		reads := make(chan struct{})
		go func() {
			_ = s.Export(ctx, ExportOptions{}, func(store.Record) error {
				close(reads)
				select {} // until the process ends
			})
		}()
		<-reads
	}
	fmt.Println("open")
	var user int
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); fmt.Println("written") {
		if _, err := fmt.Sscan(lines.Text(), &user); err != nil {
			return fail(err)
		}
		if _, err := s.UpsertUsers(ctx, actor, people(user, user+1, "")); err != nil {
			return fail(err)
		}
	}
	if err := s.Close(); err != nil {
		return fail(err)
	}
	return 0
}

// stayer is such a child.
type stayer struct {
	t     *testing.T
	cmd   *exec.Cmd
	input io.WriteCloser
	lines *bufio.Scanner
}

func startStayer(t *testing.T, role, path string) *stayer {
	t.Helper()
	p := &stayer{t: t, cmd: child(t, role, "sqlite:"+path)}
	proctest.EndWithTest(p.cmd)
	var stderr strings.Builder
	p.cmd.Stderr = &stderr
	input, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.input, p.lines = input, bufio.NewScanner(output)
	p.expect("open")
	return p
}

func (p *stayer) expect(line string) {
	p.t.Helper()
	if !p.lines.Scan() || p.lines.Text() != line {
		p.t.Fatalf("it printed %q in place of %q: %s", p.lines.Text(), line, p.cmd.Stderr)
	}
}

func (p *stayer) write(user int) {
	p.t.Helper()
	fmt.Fprintln(p.input, user)
	p.expect("written")
}

// leave lets it close the store and end; wait waits for that.
func (p *stayer) leave() { _ = p.input.Close() }

func (p *stayer) wait() {
	p.t.Helper()
	if err := p.cmd.Wait(); err != nil {
		p.t.Fatalf("%v: %s", err, p.cmd.Stderr)
	}
}

func (p *stayer) kill() {
	p.t.Helper()
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // an error: it was killed
}

// usersInCopy returns how many users a copy of the file alone holds, as a backup
// takes it; 0 where it is no store.
func usersInCopy(t *testing.T, path string) int {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copied := newPath(t)
	if err := os.WriteFile(copied, content, 0o600); err != nil {
		t.Fatal(err)
	}
	s := openFile(t, copied, Options{})
	checkIntegrity(t, s)
	users, _, err := s.Users(t.Context(), store.UserFilter{})
	if err != nil {
		t.Fatal(err)
	}
	return len(users)
}

// When the last process has closed the store, a copy of the file alone is the
// whole store, whatever became of the processes before.
func TestTheFileIsTheStore(t *testing.T) {
	t.Parallel()
	const before = 3 // users
	start := func(t *testing.T) string {
		t.Helper()
		path := newPath(t)
		s := openFile(t, path, Options{})
		fill(t, s, before)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return path
	}
	whole := func(t *testing.T, path string, written int) {
		t.Helper()
		if n := usersInCopy(t, path); n != before+written {
			t.Errorf("the file alone holds %d users, want %d", n, before+written)
		}
	}
	t.Run("one after the other", func(t *testing.T) {
		t.Parallel()
		path := start(t)
		one, two := startStayer(t, staying, path), startStayer(t, staying, path)
		one.write(100)
		two.write(101)
		one.leave()
		one.wait()
		two.write(102)
		two.leave()
		two.wait()
		whole(t, path, 3)
		if fileHasWAL(path) {
			t.Error("a -wal file is left")
		}
	})
	t.Run("at the same moment", func(t *testing.T) {
		t.Parallel()
		path := start(t)
		for round := range 10 {
			one, two := startStayer(t, staying, path), startStayer(t, staying, path)
			one.write(100 + 2*round)
			two.write(101 + 2*round)
			one.leave()
			two.leave()
			one.wait()
			two.wait()
			whole(t, path, 2*(round+1))
		}
	})
	t.Run("one is killed before", func(t *testing.T) {
		t.Parallel()
		path := start(t)
		one, two := startStayer(t, staying, path), startStayer(t, staying, path)
		two.write(100)
		one.write(101)
		one.kill()
		two.leave()
		two.wait()
		whole(t, path, 2)
		if fileHasWAL(path) {
			t.Error("a -wal file is left")
		}
	})
	t.Run("the next one closes after a crash", func(t *testing.T) {
		t.Parallel()
		path := start(t)
		one := startStayer(t, staying, path)
		one.write(100)
		one.kill()
		if n := usersInCopy(t, path); n != before {
			t.Fatalf("the crash left %d users in the file, want %d: this test proves nothing", n, before)
		}
		next := startStayer(t, staying, path)
		next.leave()
		next.wait()
		whole(t, path, 1)
		if fileHasWAL(path) {
			t.Error("a -wal file is left")
		}
	})
	t.Run("it reads until it ends", func(t *testing.T) {
		t.Parallel()
		path := start(t)
		other := startStayer(t, staying, path) // keeps what it writes in the -wal file
		other.write(100)
		reader := startStayer(t, stayingReader, path)
		other.kill()
		reader.leave()
		reader.wait()
		whole(t, path, 1)
	})
}
