// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sym-identity/terraform-provider-sym/internal/proctest"
)

// ErrNotInstalled reports that there is no PostgreSQL to start.
var ErrNotInstalled = errors.New("PostgreSQL is not installed")

const (
	superuser = "sym"

	// patience bounds each step of starting and stopping.
	patience = 3 * time.Minute
)

// supervisor runs the server until its standard input ends, which it does when
// the test process is gone, however it went. Then it stops the server and, if
// asked to, removes everything. $1 is the program, $2 the directory.
const supervisor = `
"$1" -D "$2/data" >>"$2/log" 2>&1 </dev/null &
server=$!
how=$(head -n 1)
case $how in
crash) kill -QUIT "$server" ;;
*) kill -INT "$server" ;;
esac
wait "$server"
case $how in
crash|stop) ;;
*) rm -rf "$2" ;;
esac
`

// Cluster is a PostgreSQL server on 127.0.0.1 that belongs to the tests.
type Cluster struct {
	dir      string // holds data, log and password
	bin      string
	port     int
	password string

	run   *exec.Cmd
	stdin io.WriteCloser // of the supervisor
}

// Start starts a cluster of the test's own, which may be stopped and started
// again. It skips the test where PostgreSQL is not installed.
func Start(tb testing.TB) *Cluster {
	tb.Helper()
	c, err := New()
	if errors.Is(err, ErrNotInstalled) {
		skip(tb)
	}
	if err != nil {
		tb.Fatalf("starting PostgreSQL: %v", err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	return c
}

// Close ends the server and removes everything.
func (c *Cluster) Close() error {
	var err error
	if c.run != nil {
		err = c.end("")
	}
	return errors.Join(err, os.RemoveAll(c.dir))
}

// URL names the cluster's database.
func (c *Cluster) URL() string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(superuser, c.password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)), Path: "/postgres", RawQuery: "sslmode=disable"}
	return u.String()
}

// Restart ends the server and starts it again on its data. With crash it is
// not given time to end in order, and recovers when it starts.
func (c *Cluster) Restart(tb testing.TB, crash bool) {
	tb.Helper()
	how := "stop"
	if crash {
		how = "crash"
	}
	if err := c.end(how); err != nil {
		tb.Fatalf("stopping PostgreSQL: %v", err)
	}
	if err := c.serve(); err != nil {
		tb.Fatalf("starting PostgreSQL again: %v", err)
	}
}

// Demote starts the server again as a standby, which only reads.
func (c *Cluster) Demote(tb testing.TB) {
	tb.Helper()
	signal := filepath.Join(c.dir, "data", "standby.signal")
	if err := errors.Join(os.WriteFile(signal, nil, 0o600), giveAway(signal)); err != nil {
		tb.Fatal(err)
	}
	c.Restart(tb, false)
}

// Promote makes a standby a primary again.
func (c *Cluster) Promote(tb testing.TB) {
	tb.Helper()
	Execute(tb, c.URL(), "SELECT pg_promote()")
}

// New makes a cluster in a new directory and starts it, for callers without a
// testing.TB. Another process may take the port first, so it tries a few.
func New() (*Cluster, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "sym-pgtest-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir, bin: bin, password: randomHex()}
	if err := c.init(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	for range 3 {
		if err = c.serve(); err == nil {
			return c, nil
		}
	}
	return nil, errors.Join(err, os.RemoveAll(dir))
}

// binaries returns the directory of the installed server programs.
func binaries() (string, error) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if resolved, err := filepath.EvalSymlinks(initdb); err == nil {
			initdb = resolved
		}
		if dir := filepath.Dir(initdb); isFile(filepath.Join(dir, "postgres")) {
			return dir, nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", ErrNotInstalled
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return release(a) - release(b) })
	return filepath.Dir(newest), nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// release returns the number in /usr/lib/postgresql/15/bin/initdb.
func release(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

func (c *Cluster) init() error {
	if err := giveAway(c.dir); err != nil {
		return err
	}
	password := filepath.Join(c.dir, "password")
	if err := os.WriteFile(password, []byte(c.password+"\n"), 0o600); err != nil {
		return err
	}
	if err := giveAway(password); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, "initdb"), "-D", filepath.Join(c.dir, "data"), "-U", superuser,
		"--pwfile", password, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8")
	if out, err := c.asUser(cmd).CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

// serve starts the server and waits until it answers.
func (c *Cluster) serve() error {
	if err := c.configure(); err != nil {
		return err
	}
	// It ends when its input does, not with any context.
	c.run = c.asUser(exec.CommandContext(context.Background(), "sh", "-c", supervisor, "sh", filepath.Join(c.bin, "postgres"), c.dir))
	var err error
	if c.stdin, err = c.run.StdinPipe(); err != nil {
		return err
	}
	if err := c.run.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for ctx.Err() == nil {
		conn, err := pgx.Connect(ctx, c.URL())
		if err == nil {
			return conn.Close(ctx)
		}
		if log := c.log(); strings.Contains(log, "database system is shut down") && strings.Contains(log, "could not bind") {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return errors.Join(fmt.Errorf("it does not answer; its log:\n%s", c.log()), c.end("stop"))
}

// configure writes the settings; a port is chosen once.
func (c *Cluster) configure() error {
	if c.port == 0 || strings.Contains(c.log(), "could not bind") {
		port, err := proctest.FreePort()
		if err != nil {
			return err
		}
		c.port = port
	}
	if err := os.Remove(filepath.Join(c.dir, "log")); err != nil && !os.IsNotExist(err) {
		return err
	}
	// Tests crash the server, never the machine: what a commit handed to the
	// operating system survives that without reaching the disk.
	settings := fmt.Sprintf(`listen_addresses = '127.0.0.1'
port = %d
unix_socket_directories = ''
max_connections = 200
shared_buffers = 64MB
fsync = off
full_page_writes = off
logging_collector = off
`, c.port)
	path := filepath.Join(c.dir, "data", "postgresql.auto.conf")
	if err := os.WriteFile(path, []byte(settings), 0o600); err != nil {
		return err
	}
	return giveAway(path)
}

func (c *Cluster) log() string {
	text, _ := os.ReadFile(filepath.Join(c.dir, "log"))
	return string(text)
}

// end tells the supervisor how to end, and waits for it.
func (c *Cluster) end(how string) error {
	run := c.run
	c.run = nil
	_, err := io.WriteString(c.stdin, how+"\n")
	return errors.Join(err, c.stdin.Close(), run.Wait())
}

// Set changes a setting and waits until the server uses it. "" is its default.
func (c *Cluster) Set(tb testing.TB, name, value string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience) // cleanups call it too
	defer cancel()
	conn, err := pgx.Connect(ctx, c.URL())
	if err != nil {
		tb.Fatalf("connecting to PostgreSQL: %v", err)
	}
	defer conn.Close(ctx)
	change := fmt.Sprintf("ALTER SYSTEM SET %s TO '%s'", name, value)
	if _, err := conn.Exec(ctx, change); err != nil {
		tb.Fatalf("%s: %v", change, err)
	}
	if _, err := conn.Exec(ctx, "SELECT pg_reload_conf()"); err != nil {
		tb.Fatal(err)
	}
	for now := "?"; now != value; time.Sleep(10 * time.Millisecond) {
		if err := conn.QueryRow(ctx, "SELECT current_setting($1)", name).Scan(&now); err != nil {
			tb.Fatal(err)
		}
	}
}
