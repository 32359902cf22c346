// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

// connect dials, secures the connection unless that is waived, and binds.
func (s *server) connect(ctx context.Context) (*ldap.Conn, error) {
	dialing, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	settings := &tls.Config{ServerName: s.target.Hostname(), MinVersion: tls.VersionTLS12}
	secure := s.target.Scheme == "ldaps"
	port := s.target.Port()
	if port == "" {
		port = map[bool]string{true: "636", false: "389"}[secure]
	}
	address := net.JoinHostPort(s.target.Hostname(), port)
	var raw net.Conn
	var err error
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
		return nil, s.failure(ctx, err)
	}
	return conn, nil
}

// failure is an error of the library as the directory package's.
func (s *server) failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	class := directory.ErrUnavailable
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
			class = directory.ErrTruncated
		}
	}
	text := strings.ReplaceAll(err.Error(), s.cfg.Password, "[secret]")
	return directory.NeedsGrant(fmt.Errorf("%w: %s", class, text), grant)
}
