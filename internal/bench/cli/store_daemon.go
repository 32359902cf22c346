// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

const (
	serverProgram = "sym-identityd"
	bareProgram   = "bare"

	// storeVariable tells programs the URL of their store.
	storeVariable = "SYM_BENCH_STORE"
)

// path is a file or directory of this run.
func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// server is where a program is that serves. Those of Terraform's providers,
// which are watched, are elsewhere.
func (b *bench) server(name string) string { return filepath.Join(b.dir, "servers", name) }

// installation is a sym-identityd with its configuration.
type installation struct {
	b                   *bench
	config, url, secret string
}

// fill makes a store and imports a crowd, as people do.
func (b *bench) fill(ctx context.Context, db database, name string, c crowd) (*installation, usage, error) {
	url, err := db.empty(ctx, name)
	if err != nil {
		return nil, usage{}, err
	}
	i := &installation{b: b, config: b.path(db.name + "-" + name + ".hcl"), url: url, secret: rand.Text()}
	sum := sha256.Sum256([]byte(i.secret))
	var text strings.Builder
	fmt.Fprintf(&text, "org    = %q\nlisten = \"127.0.0.1:0\"\nstore  = env(%q)\ntoken \"bench\" {\n  sha256 = %q\n  role   = \"admin\"\n}\n",
		org, storeVariable, hex.EncodeToString(sum[:]))
	for _, s := range crowdServices {
		fmt.Fprintf(&text, "service %q %q {}\n", s.Type, s.ExternalID)
	}
	if err := os.WriteFile(i.config, []byte(text.String()), 0o600); err != nil {
		return nil, usage{}, err
	}
	if _, err := i.run(ctx, "migrate"); err != nil {
		return nil, usage{}, err
	}
	used, err := i.run(ctx, "import", "-in", c.path)
	return i, used, err
}

func (i *installation) command(ctx context.Context, command string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, i.b.server(serverProgram), append([]string{command, "-config", i.config}, args...)...)
	cmd.Env = i.b.withStore(i.url)
	return cmd
}

// withStore is the environment of a program that serves from a store.
func (b *bench) withStore(url string) []string {
	return slices.Concat(b.env, []string{storeVariable + "=" + url})
}

// run runs a command to its end.
func (i *installation) run(ctx context.Context, command string, args ...string) (usage, error) {
	var said strings.Builder
	cmd := i.command(ctx, command, args...)
	cmd.Stderr = &said
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return usage{}, err
	}
	memory := watch(func() int64 { return held(directoryOf(cmd.Process), peakMemory) })
	err := cmd.Wait()
	used := usage{wall: time.Since(start), memory: memory()}
	if err != nil {
		return used, fmt.Errorf("sym-identityd %s: %w\n%s", command, err, said.String())
	}
	used.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return used, nil
}

// daemon is a process that serves.
type daemon struct {
	identityAPI
	store string // its URL
	cmd   *exec.Cmd
}

// serve starts a server; its log goes to a file, as it does elsewhere.
func (i *installation) serve(ctx context.Context) (*daemon, error) {
	d := &daemon{identityAPI: identityAPI{token: i.secret}, store: i.url, cmd: i.command(ctx, "serve")}
	log, err := os.OpenFile(i.config+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the process has it
	d.cmd.Stderr = log
	return d, d.start()
}

// bare starts the bare handler over the same store.
func (b *bench) bare(ctx context.Context, store string) (*daemon, error) {
	d := &daemon{store: store, cmd: exec.CommandContext(ctx, b.server(bareProgram))}
	d.cmd.Env = b.withStore(store)
	d.cmd.Stderr = os.Stderr
	return d, d.start()
}

func (d *daemon) start() error {
	d.cmd.Cancel = func() error { return d.cmd.Process.Signal(os.Interrupt) }
	d.cmd.WaitDelay = 10 * time.Second
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := d.cmd.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	url, listens := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !listens {
		return errors.Join(fmt.Errorf("%s does not listen; it said %q: %w", d.cmd.Path, line, err), d.stop())
	}
	d.url = url + symapi.BasePath
	return nil
}

// stop ends the process and waits for it.
func (d *daemon) stop() error {
	return errors.Join(d.cmd.Process.Signal(os.Interrupt), d.cmd.Wait())
}

// atRest answers a call, is left alone for a while, and tells its memory.
func (d *daemon) atRest(ctx context.Context, settle time.Duration) (int64, error) {
	if _, err := d.call(ctx, http.MethodGet, "services", nil); err != nil {
		return 0, err
	}
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(settle):
	}
	return d.memory(), nil
}

// memory is what the process holds now, in bytes; 0 where the system has no /proc.
func (d *daemon) memory() int64 { return held(directoryOf(d.cmd.Process), currentMemory) }

// peak is the most it has held so far.
func (d *daemon) peak() int64 { return held(directoryOf(d.cmd.Process), peakMemory) }
