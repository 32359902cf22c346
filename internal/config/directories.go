// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/aptible"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/auth0"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/awsiam"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/awssso"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/boundary"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/datadog"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/entra"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/file"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/github"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/gitlab"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/google"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/httpjson"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/ldap"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/okta"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/onelogin"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/pagerduty"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/scim"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/slack"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/tailscale"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// connector is one kind of directory block.
type connector struct {
	newConfig
	readsAtOpen bool // Open reads files or the environment, so Load does not call it
	uncached    bool // answers are kept only if the file says so
}

// newConfig returns a pointer to a connector's Config, whose tags describe the
// attributes of the block, and a function that opens it.
type newConfig func() (config any, open func() (directory.Directory, error))

func from[C any](open func(C) (directory.Directory, error)) newConfig {
	return func() (any, func() (directory.Directory, error)) {
		c := new(C)
		return c, func() (directory.Directory, error) { return open(*c) }
	}
}

// connectors returns the connectors of this program by kind.
func connectors() map[string]connector {
	return map[string]connector{
		"aptible":   {newConfig: from(aptible.Open)},
		"auth0":     {newConfig: from(auth0.Open)},
		"aws_iam":   {newConfig: from(awsiam.Open), readsAtOpen: true},
		"aws_sso":   {newConfig: from(awssso.Open), readsAtOpen: true},
		"boundary":  {newConfig: from(boundary.Open)},
		"datadog":   {newConfig: from(datadog.Open)},
		"entra":     {newConfig: from(entra.Open)},
		"file":      {newConfig: from(file.Open), readsAtOpen: true, uncached: true},
		"github":    {newConfig: from(github.Open)},
		"gitlab":    {newConfig: from(gitlab.Open)},
		"google":    {newConfig: from(google.Open), readsAtOpen: true},
		"http":      {newConfig: from(httpjson.Open), uncached: true},
		"ldap":      {newConfig: from(ldap.Open)},
		"okta":      {newConfig: from(okta.Open)},
		"onelogin":  {newConfig: from(onelogin.Open)},
		"pagerduty": {newConfig: from(pagerduty.Open)},
		"scim":      {newConfig: from(scim.Open)},
		"slack":     {newConfig: from(slack.Open)},
		"tailscale": {newConfig: from(tailscale.Open)},
	}
}

// Directory is one directory block.
type Directory struct {
	Kind     string
	Settings directory.Settings
	// ComparesID reports whether a check compares the organization of the
	// credential with the service's external ID.
	ComparesID bool

	At      hcl.Range // of the block
	service identity.ServiceKey
	attrs   hcl.Attributes
	open    func() (directory.Directory, error)
	source  string // of the block's body; "" = files or the environment describe the directory too
}

// Same reports whether two readings of a block surely describe the same directory,
// while the environment stays.
func (s *Directory) Same(other *Directory) bool {
	return s.source != "" && s.source == other.source && s.Kind == other.Kind
}

// Open opens the directory. It does not connect, but may read files and the
// environment.
func (s *Directory) Open() (directory.Directory, error) {
	d, err := s.open()
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w. A relative path starts at the folder of the configuration file", err)
	}
	return d, err
}

// Failure places an error of Open in the file. Connectors begin their errors
// with the attribute at fault.
func (s *Directory) Failure(err error) Failure {
	at := s.At
	name, _, _ := strings.Cut(err.Error(), ":")
	if attr := s.attrs[name]; attr != nil {
		at = attr.Expr.Range()
	}
	return Failure{At: at, Summary: fmt.Sprintf("The directory of %s cannot be opened", s.service), Err: err}
}

func (d *decoder) directory(b *hcl.Block, service identity.ServiceKey) *Directory {
	kind := b.Labels[0]
	all := connectors()
	c, known := all[kind]
	if !known {
		kinds := slices.Sorted(maps.Keys(all))
		d.problem(b.LabelRanges[0], fmt.Sprintf("There is no directory of kind %q", kind),
			didYouMean(kind, kinds)+"The kinds are "+strings.Join(kinds, ", ")+".")
		return nil
	}
	before, files := len(d.found), len(d.files)
	own, open := c.newConfig()
	dir := &Directory{Kind: kind, Settings: directory.Settings{TTL: directory.DefaultCacheTTL, Misses: notSet}, service: service, At: b.DefRange, open: open}
	if c.uncached {
		dir.Settings.TTL = 0
	}
	content := d.decode(b.Body, nil, own, &dir.Settings)
	dir.attrs = content.attrs
	d.checkSettings(&dir.Settings, content)
	if body, ok := b.Body.(*hclsyntax.Body); ok && !c.readsAtOpen && len(d.files) == files {
		dir.source = string(body.SrcRange.SliceBytes(d.src))
	}
	dir.ComparesID = d.complete(own, dir)
	if !c.readsAtOpen && len(d.found) == before {
		if _, err := dir.Open(); err != nil {
			f := dir.Failure(err)
			d.problem(f.At, f.Summary, err.Error())
		}
	}
	return dir
}

// complete sets the fields of a connector's Config that are no attributes: the
// domains of the block, the secrets of the whole file, so that it takes them out of
// texts before it cuts those, the service, and its external ID. It reports whether
// it set that: other connectors have no such field, and the external ID of a service
// of another type means something else.
func (d *decoder) complete(own any, dir *Directory) (comparesID bool) {
	v := reflect.ValueOf(own).Elem()
	for _, f := range reflect.VisibleFields(v.Type()) {
		switch kind := f.Tag.Get("kind"); {
		case kind == "external_id" && dir.service.Type == dir.Kind:
			v.FieldByIndex(f.Index).SetString(dir.service.ExternalID)
			comparesID = true
		case kind == "domains":
			v.FieldByIndex(f.Index).Set(reflect.ValueOf(dir.Settings.Domains))
		case f.Type == reflect.TypeOf(d.secrets):
			v.FieldByIndex(f.Index).Set(reflect.ValueOf(d.secrets))
		case f.Type == reflect.TypeOf(dir.service):
			v.FieldByIndex(f.Index).Set(reflect.ValueOf(dir.service))
		}
	}
	return comparesID
}

const notSet = -1 // cache_ttl_misses

// checkSettings checks what every directory block takes besides its own attributes.
func (d *decoder) checkSettings(c *directory.Settings, b block) {
	if b.has("domains") && len(c.Domains) == 0 {
		d.problem(b.at("domains"), "domains must not be empty", "Remove the line to ask the directory for every address.")
	}
	for i, domain := range c.Domains {
		user, err := identity.ParseUser("somebody@" + domain)
		if err != nil || !user.IsEmail() || strings.Contains(domain, "@") {
			d.problem(b.at("domains"), fmt.Sprintf("domains: %s is not the domain of an address", b.quoted("domains", domain)),
				`Write what follows the @, as in ["acme.com"].`)
			continue
		}
		_, c.Domains[i], _ = strings.Cut(user.Email(), "@")
	}
	if c.Misses > c.TTL {
		d.problem(b.at("cache_ttl_misses"), fmt.Sprintf("cache_ttl_misses is longer than cache_ttl, which is %s", c.TTL),
			"Write a shorter time here, or a longer one in cache_ttl: people who were not found are looked up again sooner.")
	}
	if c.Misses == notSet {
		c.Misses = min(directory.DefaultCacheMisses, c.TTL)
	}
}

// maxTypos is how far a name may be from another to be suggested for it.
const maxTypos = 3

// didYouMean returns a sentence that suggests the nearest name, "" if none is
// near.
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
