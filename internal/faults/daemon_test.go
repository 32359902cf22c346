// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package faults

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/proctest"
)

const (
	token = "fault-suite-token-of-an-admin"
	org   = "acme"
)

// programs holds the path of the directory for programs that tests build.
var programs string

// program builds sym-identityd once.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(programs, "sym-identityd")
	out, err := exec.Command("go", "build", "-o", path, "github.com/sym-identity/terraform-provider-sym/cmd/sym-identityd").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building sym-identityd: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	var err error
	if programs, err = os.MkdirTemp("", "sym-faults-"); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(programs)
	os.Exit(code)
}

// daemon runs sym-identityd, kills it and starts it again, each time on another
// port.
type daemon struct {
	path, config, store string

	mu    sync.RWMutex // held for writing while it is down
	cmd   *exec.Cmd
	url   string
	fatal error // why it could not be started again
	ended bool  // the test is over
	kills int
}

// startDaemon serves a store of its own, or the database that store names.
func startDaemon(t *testing.T, store, more string) *daemon {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(token))
	config := filepath.Join(t.TempDir(), "sym-identityd.hcl")
	text := fmt.Sprintf(`org    = %q
listen = "127.0.0.1:0"
store  = env("STORE")
token "ci" {
  sha256 = %q
  role   = "admin"
}
service "okta" "acme.okta.com" {}
service "slack" "T0ACME" {}
%s`, org, hex.EncodeToString(sum[:]), more)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &daemon{path: path, config: config, store: store}
	if err := d.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.ended = true
		_ = d.cmd.Process.Kill()
		_ = d.cmd.Wait()
		if d.fatal != nil {
			t.Errorf("sym-identityd did not come back: %v", d.fatal)
		}
	})
	return d
}

func (d *daemon) start() error {
	var stderr strings.Builder
	d.cmd = exec.Command(d.path, "serve", "-config", d.config)
	d.cmd.Stderr = &stderr
	proctest.EndWithTest(d.cmd)
	d.cmd.Env = append(os.Environ(), "STORE="+d.store) // it may hold a password, which no file may
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := d.cmd.Start(); err != nil {
		return err
	}
	slow := time.AfterFunc(5*time.Minute, func() { _ = d.cmd.Process.Kill() })
	defer slow.Stop()
	lines := bufio.NewScanner(stdout)
	lines.Scan()
	url, ok := strings.CutPrefix(lines.Text(), "listening on ")
	if !ok {
		err := d.cmd.Wait()
		return fmt.Errorf("it printed %q and ended (%w): %s", lines.Text(), err, stderr.String())
	}
	d.url = url
	return nil
}

// address returns the URL of the running process, or of the last one.
func (d *daemon) address() string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.url
}

// kill ends the process as kill -9 does, waits until it is gone, and starts it
// again after a while.
func (d *daemon) kill(down time.Duration, back *sync.WaitGroup) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fatal != nil {
		return
	}
	d.kills++
	_ = d.cmd.Process.Kill()
	_ = d.cmd.Wait() // an error: it was killed
	d.url = "http://127.0.0.1:1"
	back.Go(func() {
		time.Sleep(down)
		d.mu.Lock()
		defer d.mu.Unlock()
		if !d.ended {
			d.fatal = d.start()
		}
	})
}
