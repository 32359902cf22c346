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
	"time"

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
	tokens  string // of the block's body; "" = files or the environment describe the directory too
}

// Same reports whether two readings of a block surely describe the same directory,
// while the environment stays.
func (s *Directory) Same(other *Directory) bool {
	return s.tokens != "" && s.tokens == other.tokens && s.Kind == other.Kind
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
	settings, open := c.newConfig()
	answers := newAnswers(c.uncached)
	content := d.decode(b.Body, nil, settings, &answers)
	dir := &Directory{
		Kind: kind, Settings: d.answers(answers, content), ComparesID: setExternalID(settings, service, kind),
		service: service, At: b.DefRange, attrs: content.attrs, open: open,
	}
	if body, ok := b.Body.(*hclsyntax.Body); ok && !c.readsAtOpen && len(d.files) == files {
		dir.tokens = tokensOf(body.SrcRange.SliceBytes(d.src))
	}
	setDomains(settings, dir.Settings.Domains)
	set(settings, d.secrets)
	set(settings, service)
	if !c.readsAtOpen && len(d.found) == before {
		if _, err := dir.Open(); err != nil {
			f := dir.Failure(err)
			d.problem(f.At, f.Summary, err.Error())
		}
	}
	return dir
}

// setExternalID puts the external ID of a service into the field that has
// kind:"external_id". It reports whether it did: other connectors have no such
// field, and the external ID of a service of another type means something else.
func setExternalID(settings any, service identity.ServiceKey, kind string) bool {
	v := reflect.ValueOf(settings).Elem()
	for _, f := range reflect.VisibleFields(v.Type()) {
		if f.Tag.Get("kind") == "external_id" && service.Type == kind {
			v.FieldByIndex(f.Index).SetString(service.ExternalID)
			return true
		}
	}
	return false
}

// setDomains puts the domains of a block into the field of a connector's Config
// that has kind:"domains", for connectors that need to know them.
func setDomains(settings any, domains []string) {
	v := reflect.ValueOf(settings).Elem()
	for _, f := range reflect.VisibleFields(v.Type()) {
		if f.Tag.Get("kind") == "domains" {
			v.FieldByIndex(f.Index).Set(reflect.ValueOf(domains))
		}
	}
}

// set puts a value into the fields of its type of a connector's Config: the secrets
// of the whole file, so that it takes them out of texts before it cuts those, and
// the service that the block is for.
func set[T any](settings any, value T) {
	v := reflect.ValueOf(settings).Elem()
	for _, f := range reflect.VisibleFields(v.Type()) {
		if f.Type == reflect.TypeFor[T]() {
			v.FieldByIndex(f.Index).Set(reflect.ValueOf(value))
		}
	}
}

// answers is what every directory block takes besides its own attributes: which
// accounts are answers, and how long answers are kept.
type answers struct {
	Domains           []string      `hcl:"domains,optional"`
	MatchAliases      bool          `hcl:"match_aliases,optional"`
	IncludeUnverified bool          `hcl:"include_unverified,optional"`
	TTL               time.Duration `hcl:"cache_ttl,optional" kind:"cache"`
	Misses            time.Duration `hcl:"cache_ttl_misses,optional" kind:"cache"` // below 0 = not set
}

func newAnswers(uncached bool) answers {
	if uncached {
		return answers{TTL: 0, Misses: -1}
	}
	return answers{TTL: directory.DefaultCacheTTL, Misses: -1}
}

func (d *decoder) answers(c answers, b block) directory.Settings {
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
	if c.Misses < 0 || c.Misses > c.TTL {
		c.Misses = directory.DefaultCacheMisses
	}
	return directory.Settings{
		TTL: c.TTL, Misses: min(c.Misses, c.TTL), Domains: c.Domains,
		Options: directory.Options{MatchAliases: c.MatchAliases, IncludeUnverified: c.IncludeUnverified},
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
