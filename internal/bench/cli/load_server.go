// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// serverProcess is sym-identityd as people run it.
type serverProcess struct {
	dir        string // of the program and its files
	url, token string
	cmd        *exec.Cmd
	log        *os.File
}

// startServer builds sym-identityd, starts it on a free port, and stores users.
func (b *bench) startServer(ctx context.Context, service0 identity.ServiceKey, users []store.UserWrite) (*serverProcess, error) {
	d := &serverProcess{dir: filepath.Join(b.dir, "server"), token: rand.Text()}
	program, config := filepath.Join(d.dir, "sym-identityd"), filepath.Join(d.dir, "sym-identityd.hcl")
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return nil, err
	}
	if _, err := output(ctx, b.root, "go", "build", "-o", program, "./cmd/sym-identityd"); err != nil {
		return nil, err
	}
	api := &identityAPI{token: d.token}
	text, err := api.configuration(d.dir, []service{{key: service0}})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(config, []byte(text+"listen = \"127.0.0.1:0\"\n"), 0o600); err != nil {
		return nil, err
	}
	if d.log, err = os.Create(filepath.Join(d.dir, "log")); err != nil {
		return nil, err
	}
	d.cmd = exec.CommandContext(ctx, program, "serve", "-config", config)
	d.cmd.Stderr = d.log
	d.cmd.Cancel = func() error { return d.cmd.Process.Signal(os.Interrupt) }
	d.cmd.WaitDelay = 30 * time.Second
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		said, _ := os.ReadFile(d.log.Name())
		return nil, errors.Join(fmt.Errorf("sym-identityd did not start: %s", ending(string(said))), d.end())
	}
	d.url = address + symapi.BasePath
	if err := seed(ctx, filepath.Join(d.dir, "identities.db"), users); err != nil {
		return nil, errors.Join(err, d.end())
	}
	return d, nil
}

// end stops the server, which must end cleanly.
func (d *serverProcess) end() error {
	_ = d.cmd.Process.Signal(os.Interrupt) // it may have ended
	return errors.Join(d.cmd.Wait(), d.log.Close())
}
