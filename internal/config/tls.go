// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"net/url"

	"github.com/hashicorp/hcl/v2"

	"github.com/sym-identity/terraform-provider-sym/internal/authn"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// TLS is the tls block.
type TLS struct {
	CertFile, KeyFile string
	ClientCAFile      string // "" = client certificates are not asked for
	RequireClientCert bool
	At                hcl.Range
}

// tls reads the tls block; nil where there is none.
func (d *decoder) tls(blocks hcl.Blocks) *TLS {
	if len(blocks) == 0 {
		return nil
	}
	for _, block := range blocks[1:] {
		d.problem(block.DefRange, "tls stands twice", fmt.Sprintf("The first is on line %d. Merge the two blocks.", blocks[0].DefRange.Start.Line))
	}
	args := arguments{d, d.content(blocks[0].Body, &hcl.BodySchema{Attributes: []hcl.AttributeSchema{
		{Name: "cert_file", Required: true}, {Name: "key_file", Required: true}, {Name: "client_ca_file"}, {Name: "require_client_cert"},
	}}).Attributes}
	s := &TLS{
		CertFile: args.path("cert_file"), KeyFile: args.path("key_file"), ClientCAFile: args.path("client_ca_file"),
		RequireClientCert: args.boolean("require_client_cert"), At: blocks[0].DefRange,
	}
	if args.attrs["client_ca_file"] == nil && s.RequireClientCert {
		d.problem(args.at("require_client_cert"), "require_client_cert needs client_ca_file", "It names the authorities whose certificates count.")
	}
	return s
}

// certificates reads the client_certificate blocks. Their names stand in logs
// and in the history as those of tokens do, so they share one space.
func (d *decoder) certificates(blocks, tokens hcl.Blocks, tls *TLS) []authn.CertificateRule {
	names := make(map[string]int)
	for _, token := range tokens {
		names[token.Labels[0]] = token.DefRange.Start.Line
	}
	var rules []authn.CertificateRule
	for _, block := range blocks {
		name := block.Labels[0]
		if wrong := CheckTokenName(name); wrong != "" {
			d.problem(block.LabelRanges[0], wrong, "")
		} else if line, twice := names[name]; twice {
			d.problem(block.LabelRanges[0], fmt.Sprintf("The name %q is taken", name),
				fmt.Sprintf("The first is on line %d. Names tell in the history who did what.", line))
		}
		names[name] = block.DefRange.Start.Line
		if tls == nil || tls.ClientCAFile == "" {
			d.problem(block.DefRange, "client_certificate needs a tls block with client_ca_file", "It names the authorities whose certificates count.")
		}
		rules = append(rules, d.certificate(block, name))
	}
	return rules
}

func (d *decoder) certificate(block *hcl.Block, name string) authn.CertificateRule {
	args := arguments{d, d.content(block.Body, &hcl.BodySchema{Attributes: []hcl.AttributeSchema{
		{Name: "common_name"}, {Name: "dns_name"}, {Name: "uri"}, {Name: "role", Required: true},
	}}).Attributes}
	rule := authn.CertificateRule{Name: name, Role: d.role(args),
		CommonName: args.str("common_name"), DNSName: args.str("dns_name"), URI: args.str("uri")}
	named := 0
	for _, attribute := range []string{"common_name", "dns_name", "uri"} {
		if args.attrs[attribute] != nil {
			named++
		}
	}
	if named != 1 {
		d.problem(block.DefRange, "client_certificate needs exactly one of common_name, dns_name and uri",
			"Another way to say it is another block.")
	}
	if rule.URI != "" {
		if u, err := url.Parse(rule.URI); err != nil || u.Scheme == "" || u.String() != rule.URI {
			d.problem(args.at("uri"), "uri is not a URI as certificates have it", `A SPIFFE ID is one: "spiffe://acme.example/terraform".`)
		}
	}
	return rule
}

// labelledRole reads a role that is a block's label.
func (d *decoder) labelledRole(block *hcl.Block) identity.Role {
	role := block.Labels[0]
	if wrong := CheckRole(role); wrong != "" {
		d.problem(block.LabelRanges[0], wrong, fmt.Sprintf("It is %q here.", role))
	}
	return identity.Role(role)
}
