// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/hashicorp/hcl/v2"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// opener opens a directory whose settings were read.
type opener func() (directory.Directory, error)

// directoryKind is one kind of directory block: which attributes it has and
// how they become an opener. decode sees only attributes that are listed.
type directoryKind struct {
	required []string
	optional []string
	offline  bool // opening it checks the settings and does no I/O
	tellsID  bool // a check compares where the credential is good with the external id
	local    bool // its answers are kept only where the file says so
	decode   func(args arguments, service identity.ServiceKey) opener
}

// directoryKinds are the connectors of this program. A new one is a line here
// and a decode function.
func directoryKinds() map[string]directoryKind {
	return map[string]directoryKind{
		"file": {
			required: []string{"path"},
			local:    true,
			decode:   decodeFile,
		},
		"http": {
			required: []string{"url", "identity"},
			optional: []string{"headers", "emails", "not_found_status", "allow_http", "allow_private", "timeout"},
			offline:  true,
			local:    true,
			decode:   decodeHTTP,
		},
		"scim": {
			required: []string{"base_url", "token"},
			optional: []string{"id_attribute", "timeout", "allow_http"},
			offline:  true,
			decode:   decodeSCIM,
		},
		"aptible":  {optional: web("token", "username", "password"), offline: true, tellsID: true, decode: decodeAptible},
		"auth0":    {optional: web("token", "client_id", "client_secret", "connection"), offline: true, tellsID: true, decode: decodeAuth0},
		"aws_iam":  {optional: aws("strategy", "tag"), tellsID: true, decode: decodeAWSIAM},
		"aws_sso":  {optional: aws(), tellsID: true, decode: decodeAWSSSO},
		"boundary": {required: []string{"base_url"}, optional: []string{"token", "username", "password", "connection", "scope_id", "timeout", "allow_http"}, offline: true, decode: decodeBoundary},
		"datadog":  {required: []string{"token", "client_secret"}, optional: web("include_bots"), offline: true, tellsID: true, decode: decodeDatadog},
		"entra":    {required: []string{"client_id", "client_secret"}, optional: web("include_guests"), offline: true, tellsID: true, decode: decodeEntra},
		"github":   {required: []string{"token"}, optional: web(), offline: true, tellsID: true, decode: decodeGitHub},
		"gitlab":   {required: []string{"token"}, optional: web("include_bots"), offline: true, tellsID: true, decode: decodeGitLab},
		"google":   {optional: web("credentials_file", "impersonate"), tellsID: true, decode: decodeGoogle},
		"ldap": {
			required: []string{"base_url", "username", "password", "base_dn"},
			optional: []string{"strategy", "filter", "id_attribute", "timeout", "ca_file", "allow_plaintext"},
			offline:  true,
			decode:   decodeLDAP,
		},
		"okta":      {required: []string{"token"}, optional: web(), offline: true, tellsID: true, decode: decodeOkta},
		"onelogin":  {required: []string{"client_id", "client_secret"}, optional: web(), offline: true, tellsID: true, decode: decodeOneLogin},
		"pagerduty": {required: []string{"token"}, optional: web(), offline: true, tellsID: true, decode: decodePagerDuty},
		"slack":     {required: []string{"token"}, optional: web("include_bots", "include_guests"), offline: true, tellsID: true, decode: decodeSlack},
		"tailscale": {optional: web("token", "client_id", "client_secret"), offline: true, tellsID: true, decode: decodeTailscale},
	}
}

// web are the attributes of a kind beside those that all kinds with a service
// of their own have.
func web(own ...string) []string { return append(own, "base_url", "timeout", "allow_http") }

// aws are the attributes of a kind of AWS.
func aws(own ...string) []string {
	return web(append(own, "region", "client_id", "client_secret", "token", "impersonate")...)
}

// Directory is one directory block.
type Directory struct {
	Kind       string
	Cache      directory.CacheSettings
	ComparesID bool // a check compares the credential's organization with the external ID
	service    identity.ServiceKey
	at         hcl.Range
	attrs      hcl.Attributes
	open       opener
}

// Open opens the directory. It does not connect, but may read files and the
// environment.
func (s *Directory) Open() (directory.Directory, error) { return s.open() }

// Failure returns where an error of Open belongs in the file. Connectors begin
// their errors with the attribute at fault.
func (s *Directory) Failure(err error) Failure {
	at := s.at
	name, _, _ := strings.Cut(err.Error(), ":")
	if attr := s.attrs[name]; attr != nil {
		at = attr.Expr.Range()
	}
	return Failure{At: at, Summary: fmt.Sprintf("The directory of %s cannot be opened", s.service), Err: err}
}

func (d *decoder) directory(block *hcl.Block, service identity.ServiceKey) *Directory {
	name := block.Labels[0]
	kinds := directoryKinds()
	kind, known := kinds[name]
	if !known {
		names := slices.Sorted(maps.Keys(kinds))
		d.problem(block.LabelRanges[0], fmt.Sprintf("There is no directory of kind %q", name),
			didYouMean(name, names)+"The kinds are "+strings.Join(names, ", ")+".")
		return nil
	}
	schema := &hcl.BodySchema{}
	for _, attr := range kind.required {
		schema.Attributes = append(schema.Attributes, hcl.AttributeSchema{Name: attr, Required: true})
	}
	for _, attr := range append(kind.optional, cacheTTLName, cacheMissesName) {
		schema.Attributes = append(schema.Attributes, hcl.AttributeSchema{Name: attr})
	}
	before := len(d.found)
	args := arguments{d, d.content(block.Body, schema).Attributes}
	setting := &Directory{
		Kind: name, Cache: args.cache(kind.local), ComparesID: kind.tellsID && service.Type == name,
		service: service, at: block.DefRange, attrs: args.attrs, open: kind.decode(args, service),
	}
	if kind.offline && len(d.found) == before {
		if _, err := setting.open(); err != nil {
			f := setting.Failure(err)
			d.problem(f.At, f.Summary, err.Error())
		}
	}
	return setting
}

// maxTypos is how far a name may be from another to be taken for it.
const maxTypos = 3

// didYouMean is a sentence that suggests the nearest name, "" where none is near.
func didYouMean(given string, names []string) string {
	best, distance := "", maxTypos
	for _, name := range names {
		if n := levenshtein.Distance(given, name, nil); n < distance {
			best, distance = name, n
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("Did you mean %q? ", best)
}
