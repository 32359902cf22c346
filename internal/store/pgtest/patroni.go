// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package pgtest

import (
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
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/proctest"
)

// Patroni is a cluster of two PostgreSQL servers with synchronous replication
// that fails over: Patroni beside each, and one etcd. It is strict: without a
// standby no commit is acknowledged.
type Patroni struct {
	dir      string
	bin      string
	password string
	etcd     *member
	nodes    []*node
	end      func()
}

// member is a program under a supervisor, which ends it when the test is gone.
type member struct {
	dir   string
	run   *exec.Cmd
	stdin io.WriteCloser
}

// node is one server. Its peer and etcd are reached through links, which can be cut.
type node struct {
	*member
	dir            string
	name           string
	port, rest     int
	toEtcd, toPeer *link
}

// memberSupervisor runs a program in the directory $1 until its input ends, then
// ends it and the server that it may have left.
const memberSupervisor = `
dir=$1; shift
"$@" >>"$dir/log" 2>&1 </dev/null &
program=$!
how=$(head -n 1)
kill -CONT "$program" 2>/dev/null; kill -KILL "$program" 2>/dev/null
wait "$program"
server=$(head -n 1 "$dir/data/postmaster.pid" 2>/dev/null)
if [ -n "$server" ] && grep -qF "$dir" "/proc/$server/cmdline" 2>/dev/null; then
	kill -CONT "$server"; kill -QUIT "$server"
	while grep -qF "$dir" "/proc/$server/cmdline" 2>/dev/null; do sleep 0.05; done
fi
[ "$how" = keep ] || { cd /; rm -rf "$dir"; rmdir "$(dirname "$dir")" 2>/dev/null; }
`

// StartPatroni starts such a cluster, which ends with the test. It skips the test
// where one of the programs is not installed.
func StartPatroni(tb testing.TB) *Patroni {
	tb.Helper()
	bin, err := binaries()
	if err != nil {
		skip(tb)
	}
	for _, program := range []string{"etcd", "patroni"} {
		if _, err := exec.LookPath(program); err != nil {
			tb.Skipf("%s is not installed here", program)
		}
	}
	// On a machine that is very busy the servers may not find together at first.
	for attempt := 1; ; attempt++ {
		p := startPatroni(tb, bin)
		if attempt == 3 || p.leaderWithStandby() >= 0 {
			p.WaitForLeader(tb)
			return p
		}
		p.end()
	}
}

func startPatroni(tb testing.TB, bin string) *Patroni {
	tb.Helper()
	dir, err := os.MkdirTemp("", "sym-patroni-")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Patroni{dir: dir, bin: bin, password: randomHex()}
	p.end = sync.OnceFunc(func() {
		for _, n := range p.nodes {
			n.signal(syscall.SIGCONT)
			n.member.end("")
			n.toEtcd.close()
			n.toPeer.close()
		}
		if p.etcd != nil {
			p.etcd.end("")
		}
		_ = os.RemoveAll(dir)
	})
	tb.Cleanup(p.end)
	if err := p.start(); err != nil {
		tb.Fatalf("starting Patroni: %v", err)
	}
	return p
}

func (p *Patroni) start() error {
	if err := giveAway(p.dir); err != nil {
		return err
	}
	ports := make([]int, 6)
	for i := range ports {
		port, err := proctest.FreePort()
		if err != nil {
			return err
		}
		ports[i] = port
	}
	etcdDir := filepath.Join(p.dir, "etcd")
	client, peer := fmt.Sprintf("http://127.0.0.1:%d", ports[0]), fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	var err error
	p.etcd, err = startMember(etcdDir, "etcd", "--data-dir", filepath.Join(etcdDir, "data"), "--unsafe-no-fsync", "--enable-v2",
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer)
	if err != nil {
		return err
	}
	for i := range 2 {
		n := &node{name: fmt.Sprintf("node%d", i), port: ports[2+2*i], rest: ports[3+2*i]}
		n.dir = filepath.Join(p.dir, n.name)
		if n.toEtcd, err = newLink(ports[0]); err != nil {
			return err
		}
		if n.toPeer, err = newLink(n.port); err != nil {
			return err
		}
		p.nodes = append(p.nodes, n)
		if err := p.startNode(n); err != nil {
			return err
		}
	}
	return nil
}

func (p *Patroni) startNode(n *node) error {
	settings := map[string]any{
		"scope": "sym", "name": n.name,
		"restapi": map[string]any{"listen": address(n.rest), "connect_address": address(n.rest)},
		// Over etcd's second API Patroni compares when it renews its lock. Over the
		// third, 3.0.2 writes: a leader that stood still takes the lock back from its
		// successor, whose server then follows nobody.
		"etcd": map[string]any{"host": address(n.toEtcd.port()), "use_proxies": true}, // else it asks etcd for a way around the link
		"bootstrap": map[string]any{
			"dcs": map[string]any{"ttl": 6, "loop_wait": 1, "retry_timeout": 2, "maximum_lag_on_failover": 1 << 20,
				"synchronous_mode": true, "synchronous_mode_strict": true,
				"postgresql": map[string]any{"use_pg_rewind": true, "parameters": map[string]any{
					"fsync": "off", "max_connections": 100, "shared_buffers": "32MB", "wal_log_hints": "on", "wal_keep_size": "32MB",
					"hot_standby": "on", "log_timezone": "UTC"}}},
			// Each failover begins a segment, and pg_rewind copies all.
			"initdb": []any{map[string]any{"encoding": "UTF8"}, map[string]any{"locale": "C.UTF-8"}, map[string]any{"wal-segsize": "1"}},
		},
		"postgresql": map[string]any{
			"listen": address(n.port), "connect_address": address(n.toPeer.port()),
			"data_dir": filepath.Join(n.dir, "data"), "bin_dir": p.bin, "pgpass": filepath.Join(n.dir, "pgpass"),
			"authentication": map[string]any{
				"superuser":   map[string]any{"username": superuser, "password": p.password},
				"replication": map[string]any{"username": "replicator", "password": p.password},
			},
			"parameters": map[string]any{"unix_socket_directories": n.dir},
			"pg_hba":     []string{"local all all scram-sha-256", "host all all 127.0.0.1/32 scram-sha-256", "host replication all 127.0.0.1/32 scram-sha-256"},
		},
	}
	text, err := json.Marshal(settings) // JSON is YAML
	if err != nil {
		return err
	}
	if err := makeDir(n.dir); err != nil {
		return err
	}
	path := filepath.Join(n.dir, "patroni.yml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return err
	}
	if err := giveAway(path); err != nil {
		return err
	}
	n.member, err = startMember(n.dir, "patroni", path)
	return err
}

func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return giveAway(dir)
}

func startMember(dir string, program ...string) (*member, error) {
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	m := &member{dir: dir, run: exec.CommandContext(context.Background(), "sh", append([]string{"-c", memberSupervisor, "sh", dir}, program...)...)}
	(&Cluster{dir: dir}).asUser(m.run)
	m.run.Env = append(os.Environ(), "HOME="+dir)
	var err error
	if m.stdin, err = m.run.StdinPipe(); err != nil {
		return nil, err
	}
	return m, m.run.Start()
}

// log returns the end of what the program wrote.
func (m *member) log() string {
	log, _ := os.ReadFile(filepath.Join(m.dir, "log"))
	return string(log[max(0, len(log)-4000):])
}

func (m *member) end(how string) {
	if m == nil || m.run == nil {
		return
	}
	_, _ = io.WriteString(m.stdin, how+"\n")
	_ = m.stdin.Close()
	_ = m.run.Wait()
	m.run = nil
}

// signal sends a signal to Patroni and the server of a node, its backends too.
func (n *node) signal(sig syscall.Signal) (sent int) {
	names := []string{"patroni", "python3", "postgres"}
	found, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range found {
		cwd, err := os.Readlink(filepath.Join(dir, "cwd"))
		if err != nil || cwd != n.dir && !strings.HasPrefix(cwd, n.dir+"/") {
			continue
		}
		comm, _ := os.ReadFile(filepath.Join(dir, "comm"))
		state, _ := os.ReadFile(filepath.Join(dir, "stat"))
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err == nil && slices.Contains(names, strings.TrimSpace(string(comm))) && !strings.Contains(string(state), ") Z ") {
			_ = syscall.Kill(pid, sig)
			sent++
		}
	}
	return sent
}

// URL names the database on whichever server accepts writes.
func (p *Patroni) URL() string {
	hosts := make([]string, len(p.nodes))
	for i, n := range p.nodes {
		hosts[i] = address(n.port)
	}
	return p.url(strings.Join(hosts, ","), "&target_session_attrs=read-write")
}

func (p *Patroni) url(hosts, more string) string {
	return "postgres://" + superuser + ":" + url.QueryEscape(p.password) + "@" + hosts + "/postgres?sslmode=disable&connect_timeout=2" + more
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Leader returns the node that is the leader for Patroni and accepts writes, -1
// if there is none.
func (p *Patroni) Leader() int {
	for i := range p.nodes {
		if p.says(i, "/primary") {
			return i
		}
	}
	return -1
}

// WaitForLeader waits until a leader has a synchronous standby, and returns it.
func (p *Patroni) WaitForLeader(tb testing.TB) int {
	tb.Helper()
	i := p.leaderWithStandby()
	if i < 0 {
		p.showLogs(tb)
		tb.Fatal("Patroni has no leader with a synchronous standby")
	}
	return i
}

// leaderWithStandby waits for it, and returns -1 if it does not come.
func (p *Patroni) leaderWithStandby() int {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if i := p.Leader(); i >= 0 && p.replicates(i) {
			return i
		}
	}
	return -1
}

// WaitForAnother waits until another node than old is the leader. It need not
// have a standby yet.
func (p *Patroni) WaitForAnother(tb testing.TB, old int) int {
	tb.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if i := p.Leader(); i >= 0 && i != old {
			return i
		}
	}
	p.showLogs(tb)
	tb.Fatal("no other node became the leader")
	return -1
}

// Stop is the time between the request that a server stop and its end.
type Stop struct{ Begin, End time.Time }

// Stops returns when Patroni stopped servers in an orderly way. PostgreSQL then ends
// commits that wait for a standby, and shows what they wrote to readers that it has
// not ended yet.
func (p *Patroni) Stops(tb testing.TB) []Stop {
	tb.Helper()
	var stops []Stop
	for _, n := range p.nodes {
		log, err := os.ReadFile(filepath.Join(n.dir, "log"))
		if err != nil {
			tb.Fatal(err)
		}
		stops = append(stops, stopsOf(string(log))...)
	}
	return stops
}

// stopsOf reads the log of a server. A stop that nothing ended lasts for good.
func stopsOf(log string) (stops []Stop) {
	const layout = "2006-01-02 15:04:05.000 MST"
	stopping := false
	for line := range strings.Lines(log) {
		at, err := time.Parse(layout, line[:min(len(line), len(layout))])
		switch {
		case err != nil:
		case strings.Contains(line, "received fast shutdown request"):
			stops = append(stops, Stop{at, at.AddDate(1, 0, 0)})
			stopping = true
		case stopping && (strings.Contains(line, "database system is shut down") || strings.Contains(line, "starting PostgreSQL")):
			stops[len(stops)-1].End = at.Add(time.Millisecond) // the log leaves fractions out
			stopping = false
		}
	}
	return stops
}

// showLogs shows the end of each node's log.
func (p *Patroni) showLogs(tb testing.TB) {
	tb.Helper()
	for _, n := range p.nodes {
		tb.Logf("%s:\n%s", n.name, n.log())
	}
}

// replicates reports whether the other node may take over: for Patroni it is the
// synchronous standby, which is later than that PostgreSQL waits for it.
func (p *Patroni) replicates(leader int) bool {
	return p.says(1-leader, "/synchronous")
}

// says reports whether Patroni on a node affirms a question about it.
func (p *Patroni) says(i int, path string) bool {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+address(p.nodes[i].rest)+path, http.NoBody)
	if err != nil {
		return false
	}
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	reply, err := client.Do(request)
	if err != nil {
		return false
	}
	_ = reply.Body.Close()
	return reply.StatusCode == http.StatusOK
}

// Kill ends a node at once, as kill -9 does: Patroni, the server, its backends.
func (p *Patroni) Kill(i int) {
	for p.nodes[i].signal(syscall.SIGKILL) > 0 {
		time.Sleep(10 * time.Millisecond)
	}
}

// Stop lets a node stand still.
func (p *Patroni) Stop(i int) { p.nodes[i].signal(syscall.SIGSTOP) }

// CutOff cuts a node from etcd and from its peer. Clients still reach it.
func (p *Patroni) CutOff(i int) {
	p.nodes[i].toEtcd.cut(true)
	p.nodes[i].toPeer.cut(true)
}

// Restore undoes what was done to a node.
func (p *Patroni) Restore(tb testing.TB, i int) {
	tb.Helper()
	n := p.nodes[i]
	n.toEtcd.cut(false)
	n.toPeer.cut(false)
	if n.signal(syscall.SIGCONT) == 0 {
		n.end("keep")
		if err := p.startNode(n); err != nil {
			tb.Fatalf("starting %s again: %v", n.name, err)
		}
	}
}
