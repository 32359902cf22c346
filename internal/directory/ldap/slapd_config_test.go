// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package ldap_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

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
