// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/sym-identity/terraform-provider-sym/internal/authn"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

const tokenRemedy = "Run `sym-identityd token new`: it prints a token and the block to paste."

// ErrNoToken says that nobody could call a server with this configuration: no
// block lets a client in.
var ErrNoToken = errors.New("there is no token, jwt or client_certificate block, so nobody could call the server. " + tokenRemedy)

// CheckServe returns an error that matches ErrNoToken, or one for a token of the
// documentation. A server needs a token of its own; embedded mode does not.
func (c *Config) CheckServe() error {
	if len(c.Tokens)+len(c.Trusts)+len(c.Certificates) == 0 {
		return fmt.Errorf("%s: %w", c.Path, ErrNoToken)
	}
	for _, t := range c.Tokens {
		if t.SHA256 == exampleHash {
			return fmt.Errorf("%s: the sha256 of the token %q is copied from the documentation's examples; you do not have its token. %s", c.Path, t.Name, tokenRemedy)
		}
	}
	return nil
}

// CheckTokenName returns what is wrong with the name of a token, "" if nothing.
func CheckTokenName(name string) string {
	switch {
	case strings.TrimSpace(name) == "":
		return "A token's name must not be empty"
	case !isName(name):
		return fmt.Sprintf("A token's name must have no outer spaces, no invisible or control characters and at most %d bytes", maxNameBytes)
	}
	return ""
}

const maxNameBytes = 128

func isName(s string) bool {
	return s == strings.TrimSpace(s) && identity.Visible(s) && len(s) <= maxNameBytes
}

// CheckRole returns what is wrong with the role of a token, "" if nothing.
func CheckRole(role string) string {
	if identity.Role(role).Valid() {
		return ""
	}
	return "A token's role must be admin (writes), member (reads and looks people up) or guest (reads)"
}

func (d *decoder) role(role string, b block) identity.Role {
	if wrong := CheckRole(role); wrong != "" && role != "" {
		d.problem(b.at("role"), wrong, "It is "+b.quoted("role", role)+" here.")
	}
	return identity.Role(role)
}

// Token is one static bearer token. Only its hash is known.
type Token struct {
	Name   string
	SHA256 string // hex, lower case, of the token's bytes
	Role   identity.Role
}

// tokens reads the token blocks. Names tell tokens apart in the history, and
// one hash must not have two roles, so neither may occur twice.
func (d *decoder) tokens(blocks hcl.Blocks) []Token {
	var tokens []Token
	names, hashes := make(map[string]int), make(map[string]int)
	for _, b := range blocks {
		d.blockName(b, names, "The token %q is declared twice", "Give each its own name.")
		var settings struct {
			SHA256 string `hcl:"sha256"`
			Role   string `hcl:"role"`
		}
		content := d.decode(b.Body, nil, &settings)
		hash := strings.ToLower(settings.SHA256)
		if hash != "" && d.checkHash(hash, content) {
			if first, duplicate := hashes[hash]; duplicate {
				d.problem(content.at("sha256"), "Two token blocks have the same sha256",
					fmt.Sprintf("The first is on line %d. Each block needs a token of its own. %s", first, tokenRemedy))
			}
			hashes[hash] = b.DefRange.Start.Line
		}
		tokens = append(tokens, Token{Name: b.Labels[0], SHA256: hash, Role: d.role(settings.Role, content)})
	}
	return tokens
}

// blockName checks the label of a block. names holds the lines of earlier
// blocks; duplicate says what a second one is.
func (d *decoder) blockName(b *hcl.Block, names map[string]int, duplicate, remedy string) {
	name := b.Labels[0]
	if wrong := CheckTokenName(name); wrong != "" {
		d.problem(b.LabelRanges[0], wrong, "")
	} else if line, ok := names[name]; ok {
		d.problem(b.LabelRanges[0], fmt.Sprintf(duplicate, name), fmt.Sprintf("The first is on line %d. %s", line, remedy))
	}
	names[name] = b.DefRange.Start.Line
}

// checkHash checks sha256. A value that is no hash may be the token itself, so
// the message never repeats it.
func (d *decoder) checkHash(hash string, b block) bool {
	sum, err := hex.DecodeString(hash)
	switch {
	case err != nil || len(sum) != sha256.Size:
		d.problem(b.at("sha256"), fmt.Sprintf("sha256 must be %d hexadecimal digits", hex.EncodedLen(sha256.Size)),
			"It is the hash of the token, not the token. "+tokenRemedy)
		return false
	case [sha256.Size]byte(sum) == sha256.Sum256(nil):
		d.problem(b.at("sha256"), "sha256 is the hash of an empty text", "The token was empty when it was hashed. "+tokenRemedy)
		return false
	case isWeak()([sha256.Size]byte(sum)):
		d.problem(b.at("sha256"), "sha256 is the hash of a token that is easy to guess", "It is short or a common password. "+tokenRemedy)
		return false
	}
	return true
}

// jwt reads a jwt block.
func (d *decoder) jwt(b *hcl.Block) authn.Trust {
	var trust authn.Trust
	content := d.decode(b.Body, []hcl.BlockHeaderSchema{{Type: "role", LabelNames: []string{"role"}}}, &trust, &trust.Issuer)
	if issuer := trust.Issuer.URL; issuer != "" {
		if err := trust.Issuer.CheckURL(); err != nil {
			d.problem(content.at("issuer"), fmt.Sprintf("issuer: %s cannot be an issuer: %s", content.quoted("issuer", issuer), err),
				"Write exactly what the iss claim of the tokens says.")
		}
	}
	for _, role := range content.blocks {
		trust.Roles = append(trust.Roles, d.roleRule(role, trust.Issuer.URL))
	}
	if len(content.blocks) == 0 {
		d.problem(b.DefRange, "jwt has no role block, so it accepts no token", `Add a block such as role "admin" { claims = { repository = "acme/infra" } }.`)
	}
	return trust
}

// roleRule reads the claims that a token needs for a role.
func (d *decoder) roleRule(b *hcl.Block, issuer string) authn.RoleRule {
	role := b.Labels[0]
	if wrong := CheckRole(role); wrong != "" {
		d.problem(b.LabelRanges[0], wrong, fmt.Sprintf("It is %q here.", role))
	}
	rule := authn.RoleRule{Role: identity.Role(role)}
	var settings struct {
		Claims hcl.Expression `hcl:"claims"`
	}
	d.decode(b.Body, nil, &settings)
	if settings.Claims == nil {
		return rule
	}
	at := settings.Claims.Range()
	pairs, diags := hcl.ExprMap(settings.Claims)
	if diags.HasErrors() {
		d.problem(at, "claims must be an object of claims and the values they must have",
			`It looks like { repository = "acme/infra", ref = ["refs/heads/main", "refs/heads/release"] }.`)
		return rule
	}
	for _, pair := range pairs {
		condition, ok := d.condition(pair.Key, pair.Value)
		if !ok {
			continue
		}
		if slices.ContainsFunc(rule.Conditions, func(c authn.Condition) bool { return c.Claim == condition.Claim }) {
			d.problem(pair.Key.Range(), fmt.Sprintf("The claim %q is written twice", condition.Claim), "Give it a list of values.")
		}
		rule.Conditions = append(rule.Conditions, condition)
	}
	switch own := ownerClaims(issuer); {
	case len(rule.Conditions) < len(pairs): // has problems already
	case len(pairs) == 0:
		d.problem(at, "claims must name at least one claim", "Without one, every token of the issuer would have the role.")
	case len(own) > 0 && !slices.ContainsFunc(rule.Conditions, func(c authn.Condition) bool { return slices.Contains(own, c.Claim) }):
		d.problem(at, "Anybody could meet these conditions",
			fmt.Sprintf("%s signs tokens for everybody. Say whose they must be: add one of %s.", issuer, strings.Join(own, ", ")))
	}
	return rule
}

// condition reads one claim and the value, or list of values, that it needs.
func (d *decoder) condition(key, value hcl.Expression) (c authn.Condition, ok bool) {
	name, ok := d.evaluate(key, "a claim", cty.String)
	if !ok {
		return c, false
	}
	c.Claim = name.AsString()
	elements := []hcl.Expression{value}
	if list, diags := hcl.ExprList(value); !diags.HasErrors() {
		elements = list
	}
	for _, element := range elements {
		text, ok := d.text(element, "The value of a claim")
		if !ok {
			return c, false
		}
		if strings.ContainsAny(text, "*?") {
			d.problem(element.Range(), "The values of claims have no wildcards",
				"They compare exactly. List the values, or choose a claim that stands for all of them, such as repository_owner.")
			return c, false
		}
		c.Values = append(c.Values, text)
	}
	if len(c.Values) == 0 {
		d.problem(value.Range(), "The value of a claim must not be an empty list", "")
		return c, false
	}
	return c, true
}

// ownerClaims returns the claims that say whose token it is, for issuers that
// sign tokens for everybody in the world. GitHub's job_workflow_ref is left
// out: others may call a public workflow of ours.
func ownerClaims(issuer string) []string {
	switch strings.TrimSuffix(issuer, "/") {
	case "https://token.actions.githubusercontent.com":
		return []string{"repository", "repository_id", "repository_owner", "repository_owner_id", "sub"}
	case "https://gitlab.com":
		return []string{"project_path", "project_id", "namespace_path", "namespace_id", "sub"}
	case "https://app.terraform.io", "https://app.eu.terraform.io":
		return []string{"terraform_organization_name", "terraform_organization_id", "terraform_workspace_id", "terraform_project_id", "sub"}
	case "https://agent.buildkite.com":
		return []string{"organization_slug", "organization_id", "pipeline_id", "sub"}
	case "https://accounts.google.com":
		return []string{"email", "hd", "sub"}
	}
	return nil
}

// TLS is the tls block.
type TLS struct {
	CertFile          string    `hcl:"cert_file" kind:"path"`
	KeyFile           string    `hcl:"key_file" kind:"secret_path"`
	ClientCAFile      string    `hcl:"client_ca_file,optional" kind:"path"` // "" = client certificates are not asked for
	RequireClientCert bool      `hcl:"require_client_cert,optional"`
	At                hcl.Range // of the block
}

// tls reads the tls block; it returns nil if there is none.
func (d *decoder) tls(blocks hcl.Blocks) *TLS {
	b := d.single(blocks)
	if b == nil {
		return nil
	}
	t := &TLS{At: b.DefRange}
	if content := d.decode(b.Body, nil, t); t.RequireClientCert && !content.has("client_ca_file") {
		d.problem(content.at("require_client_cert"), "require_client_cert needs client_ca_file", "Set it to the file with the certificates of the authorities that sign your clients' certificates.")
	}
	return t
}

// certificates reads the client_certificate blocks. Their names appear in logs
// and in the history as those of tokens do, so they share one space.
func (d *decoder) certificates(blocks, tokens hcl.Blocks, tls *TLS) []authn.CertificateRule {
	names := make(map[string]int)
	for _, token := range tokens {
		names[token.Labels[0]] = token.DefRange.Start.Line
	}
	var rules []authn.CertificateRule
	for _, b := range blocks {
		d.blockName(b, names, "Another block has the name %q", "Choose another name: the history shows it with each change.")
		if tls == nil || tls.ClientCAFile == "" {
			d.problem(b.DefRange, "client_certificate needs a tls block with client_ca_file", "Set it to the file with the certificates of the authorities that sign your clients' certificates.")
		}
		rules = append(rules, d.certificate(b))
	}
	return rules
}

func (d *decoder) certificate(b *hcl.Block) authn.CertificateRule {
	rule := authn.CertificateRule{Name: b.Labels[0]}
	var settings struct {
		Role string `hcl:"role"`
	}
	content := d.decode(b.Body, nil, &rule, &settings)
	rule.Role = d.role(settings.Role, content)
	delete(content.attrs, "role")
	if len(content.attrs) != 1 {
		d.problem(b.DefRange, "client_certificate needs exactly one of common_name, dns_name and uri",
			"To accept other names as well, add a block for each.")
	}
	if rule.URI != "" {
		if u, err := url.Parse(rule.URI); err != nil || u.Scheme == "" || u.String() != rule.URI {
			d.problem(content.at("uri"), "uri is not an absolute URI", `Write it as the certificate has it, as in "spiffe://acme.example/terraform".`)
		}
	}
	return rule
}
