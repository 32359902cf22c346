// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package pgtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sym-identity/terraform-provider-sym/internal/proctest"
)

// StartPgBouncer starts a pooler in front of the one server that a store's URL
// names and returns the URL through it. mode is session or transaction. The
// pooler passes over the settings that a store asks for when it connects, so the
// URL's user needs them as its own: see PooledURL.
func StartPgBouncer(tb testing.TB, target, mode string) string {
	tb.Helper()
	u, err := url.Parse(target)
	if err != nil {
		tb.Fatal("the URL of the test server cannot be understood") // the error may quote a password
	}
	password, _ := u.User.Password()
	port := freePortOf(tb)
	config := fmt.Sprintf(`[databases]
* = host=%s port=%s user=%s password='%s'
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = %s
max_client_conn = 500
default_pool_size = 20
server_idle_timeout = 2
server_login_retry = 1
ignore_startup_parameters = statement_timeout,default_transaction_isolation
`, u.Hostname(), u.Port(), u.User.Username(), password, port, mode)
	startProxy(tb, "pgbouncer", "pgbouncer.ini", config, port)
	u.Host = address(port)
	q := u.Query()
	q.Del("target_session_attrs")
	if mode == "transaction" {
		q.Set("default_query_exec_mode", "exec") // prepared statements belong to a connection
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// pooledUser is the user of stores behind a pooler.
const pooledUser = "pooled"

// PooledURL makes a user whose own settings are what a store asks for when it
// connects, as behind a pooler that passes over it. It returns the URL via with
// this user. It is not the superuser: Patroni could not ask a standby with them.
func PooledURL(tb testing.TB, text, via string) string {
	tb.Helper()
	u, err := url.Parse(via)
	if err != nil {
		tb.Fatal("the URL of the test server cannot be understood") // the error may quote a password
	}
	password, _ := u.User.Password()
	Execute(tb, text, "CREATE ROLE "+pooledUser+" LOGIN PASSWORD '"+password+"'")
	Execute(tb, text, "GRANT ALL ON SCHEMA public TO "+pooledUser)
	Execute(tb, text, "ALTER ROLE "+pooledUser+" SET default_transaction_isolation = 'serializable'")
	Execute(tb, text, "ALTER ROLE "+pooledUser+" SET statement_timeout = '30s'")
	u.User = url.UserPassword(pooledUser, password)
	return u.String()
}

// NewDatabase makes a database of the pooled user on the server that a URL
// names: poolers pass over search_path, too. It returns the URL via, with the
// database's name.
func NewDatabase(tb testing.TB, text, via string) string {
	tb.Helper()
	name := "sym_" + randomHex()
	Execute(tb, text, "CREATE DATABASE "+name+" OWNER "+pooledUser)
	u, err := url.Parse(via)
	if err != nil {
		tb.Fatal("the URL of the pooler cannot be understood")
	}
	u.Path = "/" + name
	return u.String()
}

// StartHAProxy starts a proxy that asks Patroni which server is the primary, and
// returns the URL through it.
func (p *Patroni) StartHAProxy(tb testing.TB) string {
	tb.Helper()
	port := freePortOf(tb)
	config := fmt.Sprintf(`defaults
  mode tcp
  timeout connect 2s
  timeout check 1s
  timeout client 30m
  timeout server 30m
listen primary
  bind %s
  option httpchk OPTIONS /primary
  http-check expect status 200
  default-server inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
`, address(port))
	for _, n := range p.nodes {
		config += fmt.Sprintf("  server %s %s check port %d\n", n.name, address(n.port), n.rest)
	}
	haproxy := startProxy(tb, "haproxy", "haproxy.cfg", config, port, "-db", "-f")
	proxied := p.url(address(port), "")
	// Until its first checks it takes every server for the primary.
	right, deadline := 0, time.Now().Add(patience)
	for ; right < 2*len(p.nodes) && time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if right++; !acceptsWrites(tb, proxied) {
			right = 0
		}
	}
	if right < 2*len(p.nodes) {
		p.showLogs(tb)
		tb.Fatalf("HAProxy does not find the primary; its log:\n%s", haproxy.log())
	}
	return proxied
}

func acceptsWrites(tb testing.TB, text string) bool {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), text)
	if err != nil {
		return false
	}
	defer conn.Close(tb.Context())
	var readOnly string
	err = conn.QueryRow(tb.Context(), "SHOW transaction_read_only").Scan(&readOnly)
	return err == nil && readOnly == "off"
}

// Switchover asks Patroni to make the standby the leader, in order, as before
// maintenance.
func (p *Patroni) Switchover(tb testing.TB, leader int) {
	tb.Helper()
	n := p.nodes[leader]
	body, _ := json.Marshal(map[string]string{"leader": n.name}) // always marshals
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address(n.rest)+"/switchover", bytes.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		tb.Fatalf("asking for a switchover: %v", err)
	}
	defer reply.Body.Close()
	if text, _ := io.ReadAll(reply.Body); reply.StatusCode != http.StatusOK {
		tb.Fatalf("Patroni did not switch over: %d %s", reply.StatusCode, text)
	}
}

// startProxy starts a program that ends with the test, and waits until it takes
// connections. It skips the test where the program is not installed.
func startProxy(tb testing.TB, program, file, config string, port int, arguments ...string) *member {
	tb.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/" + program); err != nil { // not on every PATH
			tb.Skipf("%s is not installed here", program)
		}
	}
	parent, err := os.MkdirTemp("", "sym-"+program+"-")
	if err != nil {
		tb.Fatal(err)
	}
	dir := filepath.Join(parent, "run")
	var m *member
	tb.Cleanup(func() {
		m.end("")
		_ = os.RemoveAll(parent)
	})
	if err := giveAway(parent); err != nil {
		tb.Fatal(err)
	}
	if err := makeDir(dir); err != nil {
		tb.Fatal(err)
	}
	configPath := filepath.Join(dir, file)
	if err := os.WriteFile(configPath, []byte(config), 0o600); err != nil {
		tb.Fatal(err)
	}
	if err := giveAway(configPath); err != nil {
		tb.Fatal(err)
	}
	if m, err = startMember(dir, append(append([]string{path}, arguments...), configPath)...); err != nil {
		tb.Fatalf("starting %s: %v", program, err)
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		conn, err := new(net.Dialer).DialContext(tb.Context(), "tcp", address(port))
		if err == nil {
			_ = conn.Close()
			return m
		}
	}
	tb.Fatalf("%s takes no connections; its log:\n%s", program, m.log())
	return nil
}

func freePortOf(tb testing.TB) int {
	tb.Helper()
	port, err := proctest.FreePort()
	if err != nil {
		tb.Fatal(err)
	}
	return port
}
