// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package ldap_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience bounds each step of starting a slapd.
const patience = 2 * time.Minute

// slapdSupervisor runs the server until its standard input ends, which it does
// when the test process is gone, however it went. Then it stops the server and
// removes everything. $1 is the directory, the others are the command.
const slapdSupervisor = `
dir=$1
shift
"$@" >>"$dir/log" 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -INT "$server"
wait "$server"
rm -rf "$dir"
`

// slapd is an OpenLDAP server on 127.0.0.1 that belongs to one test. It speaks
// plain LDAP, on which it accepts passwords only after StartTLS, and LDAPS.
type slapd struct {
	dir     string
	program string
	modules string
	schema  string

	plain, secure string // URLs
	ca            string // path of the authority's certificate

	run   *exec.Cmd
	stdin io.WriteCloser
}

// startSlapd starts a server that holds entries (LDIF). It skips the test where
// OpenLDAP is not installed.
func startSlapd(tb testing.TB, entries string) *slapd {
	tb.Helper()
	s, missing := findSlapd()
	if missing != "" {
		tb.Skipf("OpenLDAP is not installed here: no %s; on Debian it is the packages slapd and ldap-utils", missing)
	}
	var err error
	if s.dir, err = os.MkdirTemp("", "sym-slapd-"); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		s.stop()
		_ = os.RemoveAll(s.dir)
	})
	if err := s.prepare(entries); err != nil {
		tb.Fatal(err)
	}
	// Another process may take a port first, so a few are tried.
	for range 3 {
		if err = s.serve(); err == nil {
			return s
		}
		s.stop()
	}
	tb.Fatalf("starting slapd: %v", err)
	return nil
}

// findSlapd looks where distributions put it. missing is what is not there.
func findSlapd() (s *slapd, missing string) {
	s = &slapd{}
	for _, what := range []struct {
		to     *string
		name   string
		places []string
	}{
		{&s.program, "slapd", []string{"/usr/sbin/slapd", "/usr/libexec/slapd", "/usr/local/libexec/slapd"}},
		{&s.schema, "inetorgperson.schema", []string{"/etc/ldap/schema/inetorgperson.schema", "/etc/openldap/schema/inetorgperson.schema"}},
		{&s.modules, "back_mdb module", []string{"/usr/lib/ldap/back_mdb.so", "/usr/lib64/openldap/back_mdb.so", "/usr/lib/openldap/back_mdb.so"}},
	} {
		for _, place := range what.places {
			if _, err := os.Stat(place); err == nil {
				*what.to = place
				break
			}
		}
		if *what.to == "" {
			return nil, what.name
		}
	}
	s.schema, s.modules = filepath.Dir(s.schema), filepath.Dir(s.modules)
	return s, ""
}

// prepare writes all that the server reads. The program runs from a copy:
// where AppArmor confines /usr/sbin/slapd, it does so by that path, to
// directories that a test cannot write.
func (s *slapd) prepare(entries string) error {
	program, err := os.ReadFile(s.program)
	if err != nil {
		return err
	}
	s.program = filepath.Join(s.dir, "slapd")
	if err := os.WriteFile(s.program, program, 0o700); err != nil {
		return err
	}
	if s.ca, err = writeCertificates(s.dir); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(s.dir, "db"), 0o700); err != nil {
		return err
	}
	for name, text := range map[string]string{"slapd.conf": s.config(), "entries.ldif": entries} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	// As one program under two names: -T add is slapadd.
	add := exec.CommandContext(ctx, s.program, "-T", "add", "-q", "-f", filepath.Join(s.dir, "slapd.conf"), "-l", filepath.Join(s.dir, "entries.ldif"))
	if out, err := add.CombinedOutput(); err != nil {
		return fmt.Errorf("slapadd: %w: %s", err, out)
	}
	return nil
}

// serve starts the server on free ports and waits until both answer.
func (s *slapd) serve() error {
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	s.plain, s.secure = "ldap://127.0.0.1:"+ports[0], "ldaps://127.0.0.1:"+ports[1]
	// It ends when its input does, not with any context. With -d it stays in
	// the foreground.
	s.run = exec.CommandContext(context.Background(), "sh", "-c", slapdSupervisor, "sh", s.dir,
		s.program, "-d", "0", "-f", filepath.Join(s.dir, "slapd.conf"), "-h", s.plain+"/ "+s.secure+"/")
	s.run.Dir = s.dir
	if s.stdin, err = s.run.StdinPipe(); err != nil {
		return err
	}
	if err := s.run.Start(); err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if s.answers(ports[0]) && s.answers(ports[1]) {
			return nil
		}
	}
	log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return errors.New("it does not answer: " + string(log))
}

// freePorts holds all of them until the last is chosen, so that they differ.
func freePorts(n int) ([]string, error) {
	ports := make([]string, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }()
		_, ports[i], _ = net.SplitHostPort(l.Addr().String())
	}
	return ports, nil
}

func (s *slapd) answers(port string) bool {
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

func (s *slapd) stop() {
	if s.run == nil || s.run.Process == nil {
		return
	}
	_ = s.stdin.Close()
	_ = s.run.Wait()
	s.run = nil
}

// ldapsearch asks the server with OpenLDAP's own client.
func (s *slapd) ldapsearch(tb testing.TB, args ...string) string {
	tb.Helper()
	program, err := exec.LookPath("ldapsearch")
	if err != nil {
		tb.Skip("OpenLDAP is not installed here: no ldapsearch; on Debian it is the package ldap-utils")
	}
	cmd := exec.CommandContext(tb.Context(), program, append([]string{"-x", "-LLL", "-o", "ldif-wrap=no",
		"-H", s.secure, "-D", reader, "-w", readerPassword, "-b", people}, args...)...)
	cmd.Env = append(os.Environ(), "LDAPTLS_CACERT="+s.ca, "LDAPTLS_REQCERT=demand")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		tb.Fatalf("ldapsearch: %v: %s", err, stderr.String())
	}
	return string(out)
}
