// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package scim_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// startSCIMMY runs the server of tools/scim on 127.0.0.1 and gives the URL of
// its service. It ends with its input, however the test process ends. The test
// is skipped where Node.js or the server's packages are not installed.
func startSCIMMY(t *testing.T, token string, users []map[string]any) string {
	t.Helper()
	home, err := filepath.Abs(filepath.Join("..", "..", "..", "tools", "scim"))
	if err != nil {
		t.Fatal(err)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("Node.js is not installed here: no node on PATH; on Debian it is the package nodejs")
	}
	if _, err := os.Stat(filepath.Join(home, "node_modules", "scimmy-routers")); err != nil {
		t.Skip("the SCIM server is not installed here: make scim-server installs it")
	}
	cmd := exec.CommandContext(t.Context(), node, filepath.Join(home, "server.mjs"))
	cmd.Dir = home
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	raw, err := json.Marshal(map[string]any{"token": token, "users": users})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stdin.Write(append(raw, '\n')); err != nil {
		t.Fatalf("the server does not read: %v: %s", err, stderr.String())
	}
	port, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		_, _ = io.Copy(io.Discard, stdout)
		_ = cmd.Wait()
		t.Fatalf("the server does not start: %v: %s", err, stderr.String())
	}
	return "http://127.0.0.1:" + strings.TrimSpace(port) + "/scim/v2"
}
