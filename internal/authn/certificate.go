// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package authn

import (
	"crypto/x509"
	"encoding/asn1"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// CertificateRule gives a role to certificates with a name. Exactly one of the
// three names is set; it must equal the certificate's.
type CertificateRule struct {
	Name string // of the principal
	Role identity.Role

	CommonName string `hcl:"common_name,optional"` // of the subject
	DNSName    string `hcl:"dns_name,optional"`    // one of the alternative names
	URI        string `hcl:"uri,optional"`         // one of the alternative names, such as a SPIFFE ID; compared byte for byte
}

// Certificates authenticates client certificates.
type Certificates struct {
	// Roots returns the authorities that are trusted now.
	Roots func() *x509.CertPool
	Rules []CertificateRule // the first that matches decides
}

// principal returns the owner of the connection's certificate. It verifies the
// certificate for each request: connections live long, and meanwhile it may
// expire or its authority may go.
func (c *Certificates) principal(r *http.Request, now time.Time) (identity.Principal, error) {
	if c == nil || len(c.Rules) == 0 || r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return identity.Principal{}, unauthenticated("")
	}
	leaf := r.TLS.PeerCertificates[0]
	opts := x509.VerifyOptions{
		Roots: c.Roots(), Intermediates: x509.NewCertPool(), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if opts.Roots == nil {
		return identity.Principal{}, unauthenticated("") // nil would mean the system's
	}
	for _, cert := range r.TLS.PeerCertificates[1:] {
		opts.Intermediates.AddCert(cert)
	}
	if _, err := leaf.Verify(opts); err != nil {
		e := unauthenticated("The client certificate is not accepted (any more); it may have expired.")
		e.Cause = err
		return identity.Principal{}, e
	}
	for _, rule := range c.Rules {
		if rule.matches(leaf) {
			return identity.Principal{Name: rule.Name, Role: rule.Role, Via: "client certificate", Kind: "cert"}, nil
		}
	}
	return identity.Principal{}, forbidden("The client certificate is valid, but no client_certificate block of the server's configuration names it.")
}

func (r CertificateRule) matches(leaf *x509.Certificate) bool {
	switch {
	case r.CommonName != "":
		return leaf.Subject.CommonName == r.CommonName
	case r.DNSName != "":
		return slices.ContainsFunc(leaf.DNSNames, func(name string) bool { return strings.EqualFold(name, r.DNSName) })
	case r.URI != "":
		return slices.Contains(uris(leaf), r.URI)
	}
	return false
}

var oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}

// uris returns the URIs among the certificate's alternative names as it spells
// them. leaf.URIs are parsed: a scheme in upper case and an empty fragment would
// be lost, and another name would match.
func uris(leaf *x509.Certificate) []string {
	const uniformResourceIdentifier = 6 // RFC 5280, GeneralName
	var found []string
	for _, ext := range leaf.Extensions {
		var names []asn1.RawValue
		if !ext.Id.Equal(oidSubjectAltName) {
			continue
		}
		if _, err := asn1.Unmarshal(ext.Value, &names); err != nil {
			return nil // crypto/x509 has parsed it already
		}
		for _, name := range names {
			if name.Class == asn1.ClassContextSpecific && name.Tag == uniformResourceIdentifier {
				found = append(found, string(name.Bytes))
			}
		}
	}
	return found
}
