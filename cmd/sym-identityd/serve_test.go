// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/proctest"
)

// patience bounds how long a test waits for a process, on a busy machine too.
const patience = 5 * time.Minute

// daemon is a running sym-identityd in a process of its own.
type daemon struct {
	cmd    *exec.Cmd
	line   string // the first, with the URL
	url    string // of the server
	stderr *lockedBuffer
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// startDaemon starts the command and waits until it listens.
func startDaemon(t *testing.T, config string, args ...string) *daemon {
	t.Helper()
	return startDaemonWith(t, nil, config, args...)
}

// startDaemonWith is startDaemon with more environment.
func startDaemonWith(t *testing.T, env []string, config string, args ...string) *daemon {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	d := &daemon{stderr: &lockedBuffer{}}
	d.cmd = exec.CommandContext(ctx, os.Args[0], append([]string{"serve", "-config", config}, args...)...)
	d.cmd.Env = append(append(os.Environ(), env...), runAsCommand+"=1")
	d.cmd.Stderr = d.stderr
	proctest.EndWithTest(d.cmd)
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.cmd.Process.Kill(); _ = d.cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	d.line = line
	var record struct{ Msg string }
	if json.Unmarshal([]byte(line), &record) == nil { // with -log-format json
		line = record.Msg
	}
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		t.Fatalf("it printed %q (%v):\n%s", line, err, d.stderr)
	}
	d.url = url
	return d
}

// stop sends a signal and returns how the process ended.
func (d *daemon) stop(t *testing.T, signal syscall.Signal) error {
	t.Helper()
	if err := d.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	return d.cmd.Wait()
}

// call sends a request and returns status and body.
func (d *daemon) call(ctx context.Context, method, path, body string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, d.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer admin-token")
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, text, err
}

func upsert(n int) string {
	return fmt.Sprintf(`{"users":[{"identities":[
	  {"service_type":"sym","external_id":"cloud","matcher":{"email":"person%[1]d@acme.com"}},
	  {"service_type":"okta","external_id":"acme.okta.com","matcher":{"user_id":"00u%[1]d"}}]}]}`, n)
}

// identities reads who is stored: e-mail to Okta id.
func (d *daemon) identities(t *testing.T) map[string]string {
	t.Helper()
	status, body, err := d.call(t.Context(), http.MethodGet, "/api/v1/users", "")
	if err != nil || status != http.StatusOK {
		t.Fatalf("GET users: %d %v %s", status, err, body)
	}
	var list struct {
		Users []struct {
			Identities []struct {
				Service struct{ Slug string }
				Matcher map[string]string
			}
		}
	}
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatal(err)
	}
	stored := map[string]string{}
	for _, user := range list.Users {
		var email, id string
		for _, i := range user.Identities {
			switch i.Service.Slug {
			case "sym":
				email = i.Matcher["email"]
			case "okta":
				id = i.Matcher["user_id"]
			}
		}
		stored[email] = id
	}
	return stored
}

func TestServe(t *testing.T) {
	t.Parallel()
	config := writeConfig(t, "")
	d := startDaemon(t, config, "-log-format", "json")
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/api/v1/users": 200, "/api/v1/none": 404} {
		if status, body, err := d.call(t.Context(), http.MethodGet, path, ""); status != want {
			t.Errorf("%s: %d %v %s", path, status, err, body)
		}
	}
	if status, body, err := d.call(t.Context(), http.MethodPatch, "/api/v1/users", upsert(1)); status != http.StatusOK {
		t.Fatalf("PATCH users: %d %v %s", status, err, body)
	}
	if err := d.stop(t, syscall.SIGTERM); err != nil {
		t.Fatalf("it did not end cleanly: %v\n%s", err, d.stderr)
	}
	if !json.Valid([]byte(d.line)) {
		t.Errorf("the first line is not JSON: %s", d.line)
	}
	log := d.stderr.String()
	for _, want := range []string{
		`"msg":"starting","version":"` + buildVersion() + `","commit":"` + buildCommit() + `","org":"acme","store":"sqlite","services":1,"directories":""}`,
		`"status":404,"duration_seconds":0.`, `"via":"token","address":"127.0.0.1"`, `"at_most_seconds":15}`,
	} {
		if !strings.Contains(log, want) {
			t.Errorf("no %s in the log:\n%s", want, log)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(log), "\n") {
		if !json.Valid([]byte(line)) {
			t.Errorf("not a JSON line: %s", line)
		}
		if strings.Contains(line, "admin-token") {
			t.Errorf("the token was logged: %s", line)
		}
	}
	if leftovers, _ := filepath.Glob(filepath.Join(filepath.Dir(config), "*-wal")); len(leftovers) > 0 {
		t.Errorf("the store was not closed: %v", leftovers)
	}
	again := startDaemon(t, config)
	if got := again.identities(t)["person1@acme.com"]; got != "00u1" {
		t.Errorf("after the restart the identity is %q", got)
	}
	if err := again.stop(t, syscall.SIGINT); err != nil {
		t.Errorf("SIGINT: %v", err)
	}
}

// With -log-format json a log collector can read why the server does not start.
func TestServeFailsInJSON(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	valid, err := os.ReadFile(writeConfig(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	taken := strings.Replace(string(valid), "127.0.0.1:0", listener.Addr().String(), 1)
	for text, want := range map[string]string{
		taken:                                 `"msg":"the server ended","error":"cannot listen on ` + listener.Addr().String(),
		"org = 1 +\n" + taken + "stroe = 1\n": `"msg":"the configuration cannot be used","problem":"`,
	} {
		config := filepath.Join(t.TempDir(), "id.hcl")
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got := runCommand(t.Context(), nil, "serve", "-config", config, "-log-format", "json")
		if got.code != exitFailed || !strings.Contains(got.stderr, want) {
			t.Errorf("exit %d, want 1 and %s:\n%s", got.code, want, got.stderr)
		}
		for _, line := range strings.Split(strings.TrimSpace(got.stderr), "\n") {
			if !json.Valid([]byte(line)) {
				t.Errorf("not a JSON line: %s", line)
			}
		}
	}
}

// A request whose body is still on its way when SIGTERM comes is answered.
func TestServeDrains(t *testing.T) {
	t.Parallel()
	d := startDaemon(t, writeConfig(t, ""))
	address := strings.TrimPrefix(d.url, "http://")
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := upsert(1)
	fmt.Fprintf(conn, "PATCH /api/v1/users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin-token\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(body))
	reply := bufio.NewReader(conn)
	if line, err := reply.ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") { // the handler reads
		t.Fatalf("got %q, %v", line, err)
	}
	if _, err := reply.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the listener to close", func() bool {
		probe, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = probe.Close()
		}
		return err != nil
	})
	if _, err := io.WriteString(conn, body); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(reply, nil)
	if err != nil {
		t.Fatalf("the request was cut off: %v\n%s", err, d.stderr)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("status %d", resp.StatusCode)
	}
	if err := d.cmd.Wait(); err != nil {
		t.Errorf("it did not end cleanly: %v\n%s", err, d.stderr)
	}
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// kill -9 in the middle of writes loses nothing that was acknowledged.
func TestKill(t *testing.T) {
	t.Parallel()
	config := writeConfig(t, "")
	d := startDaemon(t, config)
	var (
		wg           sync.WaitGroup
		mu           sync.Mutex
		acknowledged []int
		enough       = make(chan struct{})
	)
	const writers, wanted = 4, 40
	for w := range writers {
		wg.Go(func() {
			for n := w; ; n += writers {
				status, _, err := d.call(t.Context(), http.MethodPatch, "/api/v1/users", upsert(n))
				if err != nil {
					return // killed
				}
				if status != http.StatusOK {
					t.Errorf("write %d: status %d", n, status)
					return
				}
				mu.Lock()
				acknowledged = append(acknowledged, n)
				if len(acknowledged) == wanted {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	select {
	case <-enough:
	case <-time.After(patience):
		t.Errorf("%d writes did not happen in time", wanted)
	}
	if err := d.stop(t, syscall.SIGKILL); err == nil {
		t.Error("a killed process ended cleanly")
	}
	wg.Wait()

	stored := startDaemon(t, config).identities(t)
	for _, n := range acknowledged {
		if got, want := stored[fmt.Sprintf("person%d@acme.com", n)], fmt.Sprintf("00u%d", n); got != want {
			t.Errorf("acknowledged write %d: stored %q, want %q", n, got, want)
		}
	}
	for email, id := range stored {
		if id == "" {
			t.Errorf("%s is half written", email)
		}
	}
}

func TestServeAddressInUse(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	config := writeConfig(t, "")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	taken := listener.Addr().String()
	if err := os.WriteFile(config, bytes.Replace(text, []byte("127.0.0.1:0"), []byte(taken), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	got := runCommand(t.Context(), nil, "serve", "-config", config)
	if got.code != exitFailed || !strings.Contains(got.stderr, "cannot listen on "+taken) || got.stdout != "" {
		t.Errorf("got %+v", got)
	}
}

// Cancelling the context of run ends serve as a signal does.
func TestServeInProcess(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"serve", "-config", writeConfig(t, "")}, strings.NewReader(""), writer, io.Discard, os.LookupEnv)
	}()
	line, err := bufio.NewReader(reader).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "listening on http://127.0.0.1:") {
		t.Errorf("printed %q: %v", line, err)
	}
	cancel()
	if code := <-ended; code != exitOK {
		t.Errorf("exit %d", code)
	}
}
