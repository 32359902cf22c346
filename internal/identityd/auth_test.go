// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identityd

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/authn/authntest"
	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// secured is an instance that serves TLS with files that the test may change.
type secured struct {
	t        *testing.T
	dir      string
	path     string
	instance *Instance
	url      string
	logs     *logBuffer
	ahead    time.Duration // of the real time
	mu       sync.Mutex
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

const tlsHead = head + `
tls {
  cert_file      = "server.pem"
  key_file       = "server.key"
  client_ca_file = "clients.pem"
%s}
`

const certificateRules = `
client_certificate "by-uri" {
  uri  = "spiffe://acme.example/terraform"
  role = "admin"
}
client_certificate "by-dns" {
  dns_name = "runner.acme.example"
  role     = "member"
}
client_certificate "by-cn" {
  common_name = "reader"
  role        = "guest"
}
token "ci" {
  sha256 = "` + validHash + `"
  role   = "admin"
}
`

// validToken is the token of validHash.
const validToken = "sym_token-of-the-tests-and-of-nobody-else-0123"

func serveTLS(t *testing.T, text string, servers, clients *authntest.Authority) *secured {
	t.Helper()
	s := &secured{t: t, logs: &logBuffer{}}
	s.path = writeConfig(t, text, map[string]string{"clients.pem": string(clients.PEM())})
	s.dir = filepath.Dir(s.path)
	servers.WriteServer(t, filepath.Join(s.dir, "server.pem"), filepath.Join(s.dir, "server.key"))
	opts := Options{Logger: slog.New(slog.NewTextHandler(s.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	s.instance = mustOpen(t, mustLoad(t, s.path, config.Options{}), opts)
	s.instance.auth.now = s.now
	if _, err := s.instance.Reload(t.Context()); err != nil { // to go by the test's clock
		t.Fatal(err)
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: s.instance.Handler(), TLSConfig: s.instance.TLS(), ReadHeaderTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)}
	go func() { _ = server.ServeTLS(listener, "", "") }()
	t.Cleanup(func() { _ = server.Close() })
	s.url = "https://" + listener.Addr().String()
	return s
}

func (s *secured) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.ahead)
}

func (s *secured) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead += d
}

// client talks to servers of an authority, with certificates.
func client(authority *authntest.Authority, certificates ...tls.Certificate) *http.Client {
	return &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{RootCAs: authority.Pool(), Certificates: certificates, MinVersion: tls.VersionTLS10}}}
}

// login asks who the client is: status, body, and the serial number of the
// server's certificate.
func (s *secured) login(c *http.Client, token string) (int, string, *x509.Certificate, error) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+symapi.BasePath+"/auth/login", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.Do(r)
	if err != nil {
		return 0, "", nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), resp.TLS.PeerCertificates[0], err
}

func TestClientCertificates(t *testing.T) {
	t.Parallel()
	servers, clients, others := authntest.NewAuthority(t, "servers"), authntest.NewAuthority(t, "clients"), authntest.NewAuthority(t, "clients")
	s := serveTLS(t, fmt.Sprintf(tlsHead, "")+certificateRules, servers, clients)
	leaf := func(l authntest.Leaf) *tls.Certificate { pair := clients.Pair(t, l); return &pair }
	for name, tt := range map[string]struct {
		cert   *tls.Certificate
		token  string
		status int
		says   string
	}{
		"uri":                            {cert: leaf(authntest.Leaf{URIs: []string{"spiffe://acme.example/terraform"}}), status: 200, says: `"role":"admin","name":"by-uri"`},
		"dns":                            {cert: leaf(authntest.Leaf{DNSNames: []string{"x.example", "Runner.acme.example"}}), status: 200, says: `"role":"member","name":"by-dns"`},
		"common name":                    {cert: leaf(authntest.Leaf{CommonName: "reader"}), status: 200, says: `"role":"guest","name":"by-cn"`},
		"token instead":                  {token: validToken, status: 200, says: `"name":"ci"`},
		"token goes first":               {cert: leaf(authntest.Leaf{CommonName: "reader"}), token: validToken, status: 200, says: `"name":"ci"`},
		"bad token and good certificate": {cert: leaf(authntest.Leaf{CommonName: "reader"}), token: "wrong", status: 401},
		"unknown name":                   {cert: leaf(authntest.Leaf{CommonName: "by-uri"}), status: 403, says: "no client_certificate block"},
		"uri as a name":                  {cert: leaf(authntest.Leaf{CommonName: "spiffe://acme.example/terraform"}), status: 403},
		"longer uri":                     {cert: leaf(authntest.Leaf{URIs: []string{"spiffe://acme.example/terraform/x"}}), status: 403},
		"scheme in another case":         {cert: leaf(authntest.Leaf{URIs: []string{"SPIFFE://acme.example/terraform"}}), status: 403},
		"host in another case":           {cert: leaf(authntest.Leaf{URIs: []string{"spiffe://ACME.example/terraform"}}), status: 403},
		"empty fragment":                 {cert: leaf(authntest.Leaf{URIs: []string{"spiffe://acme.example/terraform#"}}), status: 403},
		"second uri":                     {cert: leaf(authntest.Leaf{DNSNames: []string{"x.example"}, URIs: []string{"urn:x", "spiffe://acme.example/terraform"}}), status: 200, says: `"name":"by-uri"`},
		"nothing":                        {status: 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var certificates []tls.Certificate
			if tt.cert != nil {
				certificates = append(certificates, *tt.cert)
			}
			status, body, _, err := s.login(client(servers, certificates...), tt.token)
			if err != nil || status != tt.status || !strings.Contains(body, tt.says) {
				t.Errorf("status %d, %v: %s", status, err, body)
			}
		})
	}
	for name, pair := range map[string]tls.Certificate{
		"another authority of the same name": others.Pair(t, authntest.Leaf{CommonName: "reader"}),
		"expired":                            clients.Pair(t, authntest.Leaf{CommonName: "reader", Lives: -time.Minute}),
		"a server's":                         clients.Pair(t, authntest.Leaf{CommonName: "reader", Server: true}),
	} {
		// Sent although the server did not ask for this authority's.
		c := client(servers)
		transport, _ := c.Transport.(*http.Transport)
		transport.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		if status, body, _, err := s.login(c, ""); err == nil {
			t.Errorf("%s: status %d: %s", name, status, body)
		}
	}
}

// A connection that is held open does not outlive what let it in.
func TestClientCertificateOnAnOpenConnection(t *testing.T) {
	t.Parallel()
	servers, clients, next := authntest.NewAuthority(t, "servers"), authntest.NewAuthority(t, "clients"), authntest.NewAuthority(t, "next")
	s := serveTLS(t, fmt.Sprintf(tlsHead, "")+certificateRules, servers, clients)
	c := client(servers, clients.Pair(t, authntest.Leaf{CommonName: "reader"}))
	if status, body, _, err := s.login(c, ""); status != http.StatusOK {
		t.Fatalf("status %d, %v: %s", status, err, body)
	}
	s.pass(2 * time.Hour)
	if status, body, _, err := s.login(c, ""); status != http.StatusUnauthorized {
		t.Errorf("after it expired: status %d, %v: %s", status, err, body)
	}
	s.pass(-2 * time.Hour)
	if status, body, _, err := s.login(c, ""); status != http.StatusOK {
		t.Fatalf("status %d, %v: %s", status, err, body)
	}
	writeFile(t, filepath.Join(s.dir, "clients.pem"), string(next.PEM())+"\n")
	s.pass(2 * time.Second)
	if status, body, _, err := s.login(c, ""); status != http.StatusUnauthorized {
		t.Errorf("after its authority was replaced: status %d, %v: %s", status, err, body)
	}
}

func TestRequireClientCertificate(t *testing.T) {
	t.Parallel()
	servers, clients := authntest.NewAuthority(t, "servers"), authntest.NewAuthority(t, "clients")
	s := serveTLS(t, fmt.Sprintf(tlsHead, "  require_client_cert = true\n")+certificateRules, servers, clients)
	if status, body, _, err := s.login(client(servers), validToken); err == nil {
		t.Errorf("without a certificate: status %d: %s", status, body)
	}
	pair := clients.Pair(t, authntest.Leaf{CommonName: "somebody"})
	if status, body, _, err := s.login(client(servers, pair), validToken); status != http.StatusOK {
		t.Errorf("with both: status %d, %v: %s", status, err, body)
	}
	if status, body, _, err := s.login(client(servers, pair), "wrong"); status != http.StatusUnauthorized {
		t.Errorf("with a certificate that stands for nobody: status %d, %v: %s", status, err, body)
	}
}

func TestTLSVersions(t *testing.T) {
	t.Parallel()
	servers, clients := authntest.NewAuthority(t, "servers"), authntest.NewAuthority(t, "clients")
	s := serveTLS(t, fmt.Sprintf(tlsHead, "")+certificateRules, servers, clients)
	for version, accepted := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), &tls.Config{RootCAs: servers.Pool(), MinVersion: version, MaxVersion: version})
		if (err == nil) != accepted {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
}

func TestCertificateFollowsItsFiles(t *testing.T) {
	t.Parallel()
	servers, clients := authntest.NewAuthority(t, "servers"), authntest.NewAuthority(t, "clients")
	s := serveTLS(t, fmt.Sprintf(tlsHead, "")+certificateRules, servers, clients)
	certFile, keyFile := filepath.Join(s.dir, "server.pem"), filepath.Join(s.dir, "server.key")
	serial := func() string {
		t.Helper()
		_, _, cert, err := s.login(client(servers), validToken)
		if err != nil {
			t.Fatal(err)
		}
		return cert.SerialNumber.String()
	}
	first := serial()
	servers.WriteServer(t, certFile, keyFile)
	s.pass(2 * time.Second)
	second := serial()
	if second == first {
		t.Error("the new certificate is not served")
	}
	// Half of a pair, as when a tool writes one file after the other.
	cert, key := servers.Issue(t, authntest.Leaf{Server: true})
	writeFile(t, certFile, string(cert)+"\n")
	s.pass(2 * time.Second)
	if serial() != second {
		t.Error("a certificate without its key is served")
	}
	if !strings.Contains(s.logs.String(), "cannot be used") {
		t.Errorf("nobody was told:\n%s", s.logs)
	}
	writeFile(t, keyFile, string(key)+"\n")
	s.pass(2 * time.Second)
	if serial() == second {
		t.Error("the pair is whole again and not served")
	}
	if err := os.Remove(certFile); err != nil {
		t.Fatal(err)
	}
	s.pass(2 * time.Second)
	serial() // still served
	if _, err := s.instance.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "The TLS files cannot be used") {
		t.Errorf("a reload without the file: %v", err)
	}
	if strings.Contains(s.logs.String(), "PRIVATE KEY") {
		t.Error("the key was logged")
	}
}

func TestOpenTLSFailures(t *testing.T) {
	t.Parallel()
	servers := authntest.NewAuthority(t, "servers")
	cert, key := servers.Issue(t, authntest.Leaf{Server: true})
	otherCert, _ := servers.Issue(t, authntest.Leaf{Server: true})
	oldCert, oldKey := servers.Issue(t, authntest.Leaf{Server: true, Lives: -time.Minute})
	for name, files := range map[string]map[string]string{
		"no certificate": {"server.key": string(key), "clients.pem": string(cert)},
		"another's key":  {"server.pem": string(otherCert), "server.key": string(key), "clients.pem": string(cert)},
		"expired":        {"server.pem": string(oldCert), "server.key": string(oldKey), "clients.pem": string(cert)},
		"no authorities": {"server.pem": string(cert), "server.key": string(key), "clients.pem": "none"},
		"no CA file":     {"server.pem": string(cert), "server.key": string(key)},
		"swapped":        {"server.pem": string(key), "server.key": string(cert), "clients.pem": string(cert)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := mustLoad(t, writeConfig(t, fmt.Sprintf(tlsHead, "")+certificateRules, files), config.Options{})
			_, err := Open(t.Context(), cfg, Options{})
			found := problems(t, err)
			if len(found) != 1 || !strings.Contains(found[0], ":4:1: The TLS files cannot be used") || strings.Contains(found[0], "PRIVATE") {
				t.Errorf("got %q", found)
			}
			if _, err := CheckTLS(*cfg.TLS); err == nil {
				t.Error("the check found nothing")
			}
		})
	}
}
