// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package ldap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/redact"
)

// connect dials, secures the connection unless that is waived, and binds.
func (s *server) connect(ctx context.Context) (*ldap.Conn, error) {
	dialing, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	settings, err := s.tlsSettings()
	if err != nil {
		return nil, err
	}
	secure := s.target.Scheme == "ldaps"
	port := s.target.Port()
	if port == "" {
		port = map[bool]string{true: "636", false: "389"}[secure]
	}
	address := net.JoinHostPort(s.target.Hostname(), port)
	var raw net.Conn
	if secure {
		raw, err = (&tls.Dialer{Config: settings}).DialContext(dialing, "tcp", address)
	} else {
		raw, err = (&net.Dialer{}).DialContext(dialing, "tcp", address)
	}
	if err != nil {
		return nil, s.failure(ctx, err)
	}
	conn := ldap.NewConn(raw, secure)
	conn.SetTimeout(s.cfg.Timeout)
	conn.Start()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if !secure && !s.cfg.AllowPlaintext {
		if err := conn.StartTLS(settings); err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("the connection cannot be secured: %w", s.failure(ctx, err))
		}
	}
	if err := conn.Bind(s.cfg.Username, s.cfg.Password); err != nil {
		_ = conn.Close()
		if ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidDNSyntax) {
			return nil, fmt.Errorf("%w: the server wants a DN as username, such as cn=sym,ou=services,dc=acme,dc=com", directory.ErrCredential)
		}
		return nil, s.failure(ctx, err)
	}
	return conn, nil
}

// tlsSettings reads the authority's certificate anew each time, so that one
// that is replaced needs no restart.
func (s *server) tlsSettings() (*tls.Config, error) {
	settings := &tls.Config{ServerName: s.target.Hostname(), MinVersion: tls.VersionTLS12}
	if s.cfg.CAFile == "" {
		return settings, nil
	}
	certificates, err := os.ReadFile(s.cfg.CAFile)
	if err != nil {
		return nil, fmt.Errorf("%w: ca_file: %w", directory.ErrRefused, err)
	}
	settings.RootCAs = x509.NewCertPool()
	if !settings.RootCAs.AppendCertsFromPEM(certificates) {
		return nil, fmt.Errorf("%w: ca_file: %s holds no certificate in PEM form", directory.ErrRefused, s.cfg.CAFile)
	}
	return settings, nil
}

// failure is an error of the library as the directory package's.
func (s *server) failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	class := directory.ErrUnavailable
	// The library keeps only the text of what fails in StartTLS.
	if strings.Contains(err.Error(), x509.UnknownAuthorityError{}.Error()) {
		class = fmt.Errorf("%w: the authority of its certificate is not known here; name that one's certificate in ca_file", class)
	}
	var known *ldap.Error
	if errors.As(err, &known) {
		switch known.ResultCode {
		case ldap.LDAPResultInvalidCredentials, ldap.LDAPResultInappropriateAuthentication, ldap.LDAPResultStrongAuthRequired:
			class = directory.ErrCredential
		case ldap.LDAPResultInsufficientAccessRights:
			class = directory.ErrPermission
		case ldap.LDAPResultNoSuchObject, ldap.LDAPResultInvalidDNSyntax:
			class = fmt.Errorf("%w: base_dn does not exist, or the credential may not see it", directory.ErrRefused)
		case ldap.LDAPResultReferral, ldap.LDAPResultUnwillingToPerform, ldap.LDAPResultProtocolError, ldap.LDAPResultUnavailableCriticalExtension,
			ldap.LDAPResultConfidentialityRequired:
			class = directory.ErrRefused
		case ldap.LDAPResultSizeLimitExceeded, ldap.LDAPResultAdminLimitExceeded:
			class = fmt.Errorf("%w: lift the server's limit for the account, as in OpenLDAP's limits … size.prtotal=unlimited", directory.ErrTruncated)
		}
	}
	text := redact.New(s.cfg.Password).Text(err.Error())
	return directory.NeedsGrant(fmt.Errorf("%w: %s", class, text), grant)
}
