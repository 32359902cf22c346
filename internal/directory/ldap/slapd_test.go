// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package ldap_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/proctest"
)

// patience bounds each step of starting a slapd.
const patience = 5 * time.Minute

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
	tb.Cleanup(s.stop)
	installed := s.program
	// Another process may take a port first, so a few are tried. Stopping a server
	// removes its directory, so each of them starts from scratch.
	var err error
	for range 3 {
		s.program = installed
		if s.dir, err = os.MkdirTemp("", "sym-slapd-"); err != nil {
			tb.Fatal(err)
		}
		if err := s.prepare(entries); err != nil {
			tb.Fatal(err)
		}
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
	plain, err := proctest.FreePort()
	if err != nil {
		return err
	}
	secure, err := proctest.FreePort()
	if err != nil {
		return err
	}
	s.plain, s.secure = fmt.Sprintf("ldap://127.0.0.1:%d", plain), fmt.Sprintf("ldaps://127.0.0.1:%d", secure)
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
		if s.answers(plain) && s.answers(secure) {
			return nil
		}
	}
	log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return errors.New("it does not answer: " + string(log))
}

func (s *slapd) answers(port int) bool {
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

func (s *slapd) stop() {
	if s.run != nil && s.run.Process != nil {
		_ = s.stdin.Close()
		_ = s.run.Wait()
		s.run = nil
	}
	_ = os.RemoveAll(s.dir)
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

// What the servers of these tests hold, and who may read it.
const (
	suffix = "dc=acme,dc=example"
	people = "ou=people," + suffix

	reader  = "cn=reader,ou=services," + suffix  // reads people, in pages as large as it likes
	limited = "cn=limited,ou=services," + suffix // reads people, at most limit in all
	blind   = "cn=blind,ou=services," + suffix   // may bind and read nothing
	limit   = 100

	readerPassword = "s3cr3t reader's ä"
)

// config is a slapd.conf. The limit of the server is far below the number of
// people; who pages gets past it only where that is granted.
func (s *slapd) config() string {
	return strings.NewReplacer("@DIR@", s.dir, "@SCHEMA@", s.schema, "@MODULES@", s.modules, "@SUFFIX@", suffix, "@PEOPLE@", people,
		"@READER@", reader, "@LIMITED@", limited).Replace(`
include @SCHEMA@/core.schema
include @SCHEMA@/cosine.schema
include @SCHEMA@/inetorgperson.schema
attributetype ( 1.2.840.113556.1.4.159 NAME 'accountExpires' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
modulepath @MODULES@
moduleload back_mdb
moduleload ppolicy
pidfile @DIR@/pid

TLSCACertificateFile @DIR@/ca.pem
TLSCertificateFile @DIR@/server.pem
TLSCertificateKeyFile @DIR@/server.key
security simple_bind=112

database mdb
suffix "@SUFFIX@"
rootdn "cn=root,@SUFFIX@"
directory @DIR@/db
index objectClass,mail,uid,entryUUID eq
overlay ppolicy

sizelimit 100
limits dn.exact="@READER@" size.soft=100 size.hard=100 size.prtotal=unlimited

access to attrs=userPassword by anonymous auth by * none
access to dn.subtree="@PEOPLE@" by dn.exact="@READER@" read by dn.exact="@LIMITED@" read by * none
access to dn.subtree="ou=corp,@SUFFIX@" by dn.exact="@READER@" read by * none
access to dn.base="@SUFFIX@" by users search by * none
access to * by dn.exact="@READER@" read by * none
`)
}

// writeCertificates makes an authority and a certificate of it for 127.0.0.1.
func writeCertificates(dir string) (ca string, err error) {
	now := time.Now()
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Acme test authority"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	server := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "127.0.0.1"},
		NotBefore: root.NotBefore, NotAfter: root.NotAfter, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	serverKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, rootKey.Public(), rootKey)
	if err != nil {
		return "", err
	}
	serverDER, err := x509.CreateCertificate(rand.Reader, server, root, serverKey.Public(), rootKey)
	if err != nil {
		return "", err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(serverKey)
	if err != nil {
		return "", err
	}
	for _, file := range []struct {
		name, kind string
		der        []byte
	}{{"ca.pem", "CERTIFICATE", rootDER}, {"server.pem", "CERTIFICATE", serverDER}, {"server.key", "PRIVATE KEY", keyDER}} {
		block := pem.EncodeToMemory(&pem.Block{Type: file.kind, Bytes: file.der})
		if err := os.WriteFile(filepath.Join(dir, file.name), block, 0o600); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "ca.pem"), nil
}

// otherCA is the certificate of an authority that signed nothing here.
func otherCA(t *testing.T) string {
	t.Helper()
	ca, err := writeCertificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// crowd is how many ordinary people the tree holds: more than a page of the
// connector, and far more than the server's limit.
const crowd = 700

// human is an entry of the tree.
type human struct {
	uid, name string
	mail      []string
	locked    bool
}

// humans returns the crowd and the people that tests ask for by name.
func humans() []human {
	var all []human
	family := []string{"Müller", "Østergård", "Łukasiewicz", "García", "O'Hara", "田中", "de la Cruz", "Żółć, jr.", "Smith + Sons", "Lee"}
	for n := range crowd {
		all = append(all, human{
			uid: fmt.Sprintf("p%04d", n), name: fmt.Sprintf("Person %d %s", n, family[n%len(family)]),
			mail: []string{fmt.Sprintf("p%04d@acme.example", n)}, locked: n%10 == 7,
		})
	}
	return append(all,
		human{uid: "ann", name: "Ann Lee", mail: []string{"ann.lee@acme.example", "ann.maiden@acme.example"}},
		human{uid: "left", name: "Lea Ver", mail: []string{"lea.ver@acme.example"}, locked: true},
		human{uid: "again", name: "Come Back", mail: []string{"come.back@acme.example"}},
		human{uid: "again-old", name: "Come Back", mail: []string{"come.back@acme.example"}, locked: true},
		human{uid: "twin-a", name: "Twin A", mail: []string{"twin@acme.example"}},
		human{uid: "twin-b", name: "Twin B", mail: []string{"twin@acme.example"}},
		human{uid: "case", name: "Upper Case", mail: []string{"Upper.CASE@Acme.Example"}},
		// The order of an attribute's values means nothing in LDAP: neither of the two owns it.
		human{uid: "own", name: "Box Owner", mail: []string{"box@acme.example"}},
		human{uid: "share", name: "Box Sharer", mail: []string{"sharer@acme.example", "box@acme.example"}},
		human{uid: "odd-plus", name: "Odd", mail: []string{"a+b@acme.example"}},
		human{uid: "odd-quote", name: "Odd", mail: []string{"o'hara@acme.example"}},
		human{uid: "odd-percent", name: "Odd", mail: []string{"50%25@acme.example"}},
		human{uid: "odd-slash", name: "Odd", mail: []string{"a/b@acme.example"}},
		human{uid: "odd-star", name: "Odd", mail: []string{"star*@acme.example"}},
		human{uid: "odd-parens", name: "Odd", mail: []string{"(x)@acme.example"}},
		human{uid: "odd-backslash", name: "Odd", mail: []string{`back\slash@acme.example`}},
		human{uid: "odd-amp", name: "Odd", mail: []string{"a&b=c|d@acme.example"}},
		human{uid: "plain", name: "Plain", mail: []string{"ab@acme.example"}},
	)
}

// tree is the LDIF of everything, with a referral below ou=partners.
func tree() string {
	var b strings.Builder
	b.WriteString("dn: " + suffix + "\nobjectClass: dcObject\nobjectClass: organization\no: Acme\ndc: acme\n\n")
	for _, ou := range []string{"people", "services", "partners"} {
		fmt.Fprintf(&b, "dn: ou=%s,%s\nobjectClass: organizationalUnit\nou: %s\n\n", ou, suffix, ou)
	}
	b.WriteString("dn: ou=far,ou=partners," + suffix + "\nobjectClass: referral\nobjectClass: extensibleObject\nou: far\nref: ldap://far.example/ou=far\n\n")
	for _, ou := range []string{"corp", "forest"} {
		fmt.Fprintf(&b, "dn: ou=%s,%s\nobjectClass: organizationalUnit\nou: %s\n\n", ou, suffix, ou)
		for _, zone := range []string{"dc=ForestDnsZones", "dc=DomainDnsZones", "cn=Configuration"} {
			name, value, _ := strings.Cut(zone, "=")
			fmt.Fprintf(&b, "dn: %s,ou=%s,%s\nobjectClass: referral\nobjectClass: extensibleObject\n%s: %s\nref: ldap://%s.acme.example/%s,DC=acme,DC=example\n\n",
				zone, ou, suffix, name, value, value, zone)
		}
	}
	b.WriteString("dn: dc=emea,ou=forest," + suffix + "\nobjectClass: referral\nobjectClass: extensibleObject\ndc: emea\nref: ldap://emea.acme.example/DC=emea,DC=acme,DC=example\n\n")
	for name, attribute := range map[string]string{"ann": "accountExpires: 0", "bob": "accountExpires: 132223104000000000", "never": "accountExpires: 9223372036854775807"} {
		fmt.Fprintf(&b, "dn: uid=corp-%s,ou=corp,%s\nobjectClass: inetOrgPerson\nobjectClass: extensibleObject\nuid: corp-%s\ncn: %s\nsn: %s\nmail: %s@corp.example\nuserAccountControl: 512\n%s\n\n",
			name, suffix, name, name, name, name, attribute)
	}
	for _, dn := range []string{reader, limited, blind} {
		name, _, _ := strings.Cut(strings.TrimPrefix(dn, "cn="), ",")
		fmt.Fprintf(&b, "dn: %s\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: %s\nuserPassword:: %s\n\n",
			dn, name, base64.StdEncoding.EncodeToString([]byte(readerPassword)))
	}
	for _, h := range humans() {
		fmt.Fprintf(&b, "dn: uid=%s,%s\nobjectClass: inetOrgPerson\nuid: %s\n", h.uid, people, h.uid)
		for _, attribute := range []string{"cn", "sn"} {
			fmt.Fprintf(&b, "%s:: %s\n", attribute, base64.StdEncoding.EncodeToString([]byte(h.name)))
		}
		for _, mail := range h.mail {
			fmt.Fprintf(&b, "mail:: %s\n", base64.StdEncoding.EncodeToString([]byte(mail)))
		}
		if h.locked {
			b.WriteString("pwdAccountLockedTime: 000001010000Z\n")
		}
		b.WriteString("\n")
	}
	return b.String()
}
