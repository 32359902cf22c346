// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package ldap is the directory of an LDAP server: OpenLDAP, Active Directory
// or FreeIPA.
package ldap

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/redact"
)

// Config describes a server.
type Config struct {
	BaseURL        string        `hcl:"base_url" kind:"url"` // ldaps://host, or ldap://host, which is upgraded by StartTLS
	Username       string        `hcl:"username"`            // the DN (for Active Directory also name@domain) to bind as
	Password       string        `hcl:"password" kind:"secret"`
	BaseDN         string        `hcl:"base_dn"`                      // below which people are
	Strategy       string        `hcl:"strategy,optional"`            // openldap (the default), ad or freeipa
	Filter         string        `hcl:"filter,optional"`              // narrows the people it finds, as in (memberOf=cn=staff,dc=acme,dc=com)
	IDAttribute    string        `hcl:"id_attribute,optional"`        // what is stored; "" = the strategy's own, "dn" = the DN
	CAFile         string        `hcl:"ca_file,optional" kind:"path"` // certificates (PEM) of the server's authority; "" = the system's
	AllowPlaintext bool          `hcl:"allow_plaintext,optional"`     // accept ldap:// without StartTLS
	Timeout        time.Duration `hcl:"timeout,optional"`

	Redactor *redact.Redactor // of the whole configuration's secrets; may be nil
}

const (
	pageSize       = 500
	addressesAtOne = 50 // addresses in one filter
	defaultTimeout = 30 * time.Second
	grant          = "read access to the entries of people below base_dn"
	advice         = ", or correct base_dn, strategy and filter"
)

type server struct {
	directory.Descriptor
	cfg    Config
	target *url.URL
	schema schema
}

var (
	_ directory.Lister        = (*server)(nil)
	_ directory.BatchFinder   = (*server)(nil)
	_ directory.AccountFinder = (*server)(nil)
)

// Open checks the configuration; it does not connect.
func Open(cfg Config) (directory.Directory, error) {
	target, err := url.Parse(cfg.BaseURL)
	switch {
	case err != nil || target.Hostname() == "" || target.Scheme != "ldaps" && target.Scheme != "ldap":
		return nil, errors.New("base_url: it is not a URL such as ldaps://ldap.acme.com")
	case target.User != nil || target.RawQuery != "" || strings.Trim(target.Path, "/") != "":
		return nil, errors.New("base_url: it holds more than a scheme, a host and a port")
	case cfg.AllowPlaintext && target.Scheme == "ldaps":
		return nil, errors.New("allow_plaintext: it has no use with an ldaps URL")
	case cfg.AllowPlaintext && cfg.CAFile != "":
		return nil, errors.New("ca_file: it has no use with allow_plaintext")
	case cfg.Timeout < 0:
		return nil, fmt.Errorf("timeout: %s is not a duration to wait", cfg.Timeout)
	}
	if err := errors.Join(apiclient.Required("username", cfg.Username), apiclient.Required("password", cfg.Password)); err != nil {
		return nil, err // an empty password would be an anonymous bind, which succeeds
	}
	if _, err := ldap.ParseDN(cfg.BaseDN); err != nil || cfg.BaseDN == "" {
		return nil, fmt.Errorf("base_dn: %q is not a DN such as ou=people,dc=acme,dc=com", cfg.BaseDN)
	}
	if cfg.Filter != "" {
		if _, err := ldap.CompileFilter(cfg.Filter); err != nil {
			return nil, fmt.Errorf("filter: %q is not an LDAP filter such as (memberOf=cn=staff,dc=acme,dc=com)", cfg.Filter)
		}
	}
	s, err := schemaOf(cfg.Strategy)
	if err != nil {
		return nil, err
	}
	s.id = cmp.Or(cfg.IDAttribute, s.id)
	cfg.Timeout = cmp.Or(cfg.Timeout, defaultTimeout)
	return &server{
		Descriptor: directory.Descriptor{Lookup: true, ListPage: pageSize, BatchSize: addressesAtOne, LookupSeesInactive: true, MayBeBlind: true, AddressGrant: grant + advice},
		cfg:        cfg, target: target, schema: s,
	}, nil
}

// Check reads a few people and searches for the address of one of them: a
// credential without read access sees an empty tree, in which everybody would be
// absent.
func (s *server) Check(ctx context.Context) error {
	for page, err := range s.search(ctx, s.withAddresses("*"), 10) {
		if err != nil {
			return err
		}
		for _, a := range page {
			if len(a.Addresses) == 0 {
				continue
			}
			email := a.Addresses[0].Email
			found, err := s.Find(ctx, email)
			if err == nil && !slices.ContainsFunc(found, func(b directory.Account) bool { return a.Identity == b.Identity }) {
				err = fmt.Errorf("%w as expected: a search for the address %q of the account %q does not find it", directory.ErrUnavailable, email, a.Identity)
			}
			return err
		}
	}
	return fmt.Errorf("%w: it sees nobody below %s; grant it %s", directory.ErrPermission, s.cfg.BaseDN, grant+advice)
}

func (s *server) Find(ctx context.Context, email string) ([]directory.Account, error) {
	return directory.All(s.search(ctx, s.withAddresses(ldap.EscapeFilter(email)), pageSize))
}

// FindMany asks for several addresses in each search, over one connection each.
func (s *server) FindMany(ctx context.Context, emails []string) (map[string][]directory.Account, error) {
	found := make(map[string][]directory.Account, len(emails))
	values := make([]string, len(emails))
	for i, email := range emails {
		values[i] = ldap.EscapeFilter(email)
	}
	for some := range slices.Chunk(values, addressesAtOne) {
		accounts, err := directory.All(s.search(ctx, s.withAddresses(some...), pageSize))
		if err != nil {
			return nil, err
		}
		for _, a := range accounts {
			for _, address := range a.Emails() {
				if key, err := identity.Normalize(address); err == nil {
					found[key] = append(found[key], a)
				}
			}
		}
	}
	return found, nil
}

func (s *server) FindID(ctx context.Context, id string) ([]directory.Account, error) {
	return s.findBy(ctx, s.schema.id, id)
}

func (s *server) FindAccount(ctx context.Context, accountID string) ([]directory.Account, error) {
	return s.findBy(ctx, s.schema.account, accountID)
}

func (s *server) findBy(ctx context.Context, attribute, id string) ([]directory.Account, error) {
	term, ok := s.schema.withID(attribute, id)
	if !ok {
		return nil, nil
	}
	return directory.All(s.search(ctx, s.people(term), pageSize))
}

// Pages implements directory.Lister: everybody, with an address or without.
func (s *server) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	return s.search(ctx, s.people(""), pageSize)
}

// withAddresses returns the filter for people with one of some addresses, which
// are escaped for filters; "*" is any.
func (s *server) withAddresses(values ...string) string {
	var terms strings.Builder
	for _, value := range values {
		for _, a := range s.schema.addresses {
			fmt.Fprintf(&terms, "(%s=%s%s)", a.name, a.prefix, value)
		}
	}
	return s.people("(|" + terms.String() + ")")
}

// people returns the filter for people that a term selects.
func (s *server) people(term string) string {
	return "(&" + s.schema.people + s.cfg.Filter + term + ")"
}

// place is where a page of a search begins. FreeIPA and Samba give one cookie for all
// pages of a search, so the page is counted too.
type place struct {
	page   int
	cookie string
}

// search yields the pages of a search, over its own connection.
func (s *server) search(ctx context.Context, filter string, size uint32) iter.Seq2[[]directory.Account, error] {
	return func(yield func([]directory.Account, error) bool) {
		conn, err := s.connect(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		defer func() { _ = conn.Close() }()
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // the library knows no contexts
		defer stop()
		paging := ldap.NewControlPaging(size)
		for page, err := range directory.PagedSparse(ctx, func(ctx context.Context, at place) ([]directory.Account, place, error) {
			paging.SetCookie([]byte(at.cookie))
			result, err := conn.Search(ldap.NewSearchRequest(s.cfg.BaseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0,
				int(s.cfg.Timeout/time.Second), false, filter, s.schema.attributes(), []ldap.Control{paging}))
			if err != nil {
				return nil, place{}, s.failure(ctx, err)
			}
			if i := slices.IndexFunc(result.Referrals, func(r string) bool { return !withoutPeople(r) }); i >= 0 {
				return nil, place{}, fmt.Errorf("%w: it refers to another server for a part of %s (%q); choose a base_dn of entries that this server holds itself", directory.ErrRefused, s.cfg.BaseDN, result.Referrals[i])
			}
			shows := func(e *ldap.Entry) bool { return e.GetEqualFoldAttributeValue(s.schema.state) != "" }
			if s.schema.state != "" && len(result.Entries) > 0 && !slices.ContainsFunc(result.Entries, shows) {
				return nil, place{}, directory.NeedsGrant(fmt.Errorf("%w: it does not see %s, which says who is disabled", directory.ErrPermission, s.schema.state), grant)
			}
			var accounts []directory.Account
			for _, entry := range result.Entries {
				accounts = append(accounts, s.schema.rows(entry, time.Now())...)
			}
			next, _ := ldap.FindControl(result.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
			switch {
			case next == nil && at.page > 0:
				return nil, place{}, fmt.Errorf("%w in full: a page of its list does not say whether it is the last one", directory.ErrUnavailable)
			case next == nil, len(next.Cookie) == 0: // without the control the server knows no pages
				return accounts, place{}, nil
			}
			return accounts, place{at.page + 1, string(next.Cookie)}, nil
		}) {
			if !yield(page, err) || err != nil {
				return
			}
		}
	}
}

// withoutPeople reports whether a referral leads to a partition that Active
// Directory refers to from the root of every domain and that holds no people.
func withoutPeople(referral string) bool {
	target, err := url.Parse(referral)
	if err != nil {
		return false
	}
	dn, err := ldap.ParseDN(strings.TrimPrefix(target.Path, "/"))
	if err != nil || len(dn.RDNs) == 0 || len(dn.RDNs[0].Attributes) == 0 {
		return false
	}
	first := dn.RDNs[0].Attributes[0]
	switch strings.ToLower(first.Type + "=" + first.Value) {
	case "dc=forestdnszones", "dc=domaindnszones", "cn=configuration", "cn=schema":
		return true
	}
	return false
}

// connect dials, secures the connection unless that is waived, and binds.
func (s *server) connect(ctx context.Context) (*ldap.Conn, error) {
	dialing, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	authorities, err := apiclient.Authorities(s.cfg.CAFile) // each time, so that replacing it needs no restart
	if err != nil {
		return nil, fmt.Errorf("%w: %w", directory.ErrRefused, err)
	}
	settings := &tls.Config{ServerName: s.target.Hostname(), MinVersion: tls.VersionTLS12, RootCAs: authorities}
	secure, port, dial := false, "389", (&net.Dialer{}).DialContext
	if s.target.Scheme == "ldaps" {
		secure, port, dial = true, "636", (&tls.Dialer{Config: settings}).DialContext
	}
	raw, err := dial(dialing, "tcp", net.JoinHostPort(s.target.Hostname(), cmp.Or(s.target.Port(), port)))
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

// failure turns an error of the library into one of the directory package.
func (s *server) failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	class := directory.ErrUnavailable
	// The library keeps only the text of what fails in StartTLS.
	if strings.Contains(err.Error(), x509.UnknownAuthorityError{}.Error()) {
		class = fmt.Errorf("%w: %s", class, apiclient.UnknownAuthority)
	}
	if known, ok := errors.AsType[*ldap.Error](err); ok {
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
	text := s.cfg.Redactor.With(s.cfg.Password).Text(err.Error())
	return directory.NeedsGrant(fmt.Errorf("%w: %s", class, text), grant)
}
