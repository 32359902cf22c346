// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// config reads the top level. serving says whether listen and who may come in
// are used.
func (d *decoder) config(body hcl.Body, serving bool) *Config {
	content := d.content(body, &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{
			{Name: "org", Required: true}, {Name: "listen"}, {Name: "store", Required: true}, {Name: "history_retention"},
			{Name: "max_concurrent_requests"}, {Name: "mask_emails_in_logs"},
		},
		Blocks: []hcl.BlockHeaderSchema{
			{Type: "store_options"},
			{Type: "token", LabelNames: []string{"name"}},
			{Type: "jwt"},
			{Type: "tls"},
			{Type: "client_certificate", LabelNames: []string{"name"}},
			{Type: "service", LabelNames: []string{"type", "external_id"}},
		},
	})
	args := arguments{d, content.Attributes}
	c := &Config{Org: d.org(args), Listen: DefaultListen, Store: d.store(args), Retention: d.historyRetention(args)}
	c.StoreOptions = d.storeOptions(content.Blocks.OfType("store_options"))
	if serving {
		if listen := d.listen(args); listen != "" {
			c.Listen = listen
		}
		tokens := content.Blocks.OfType("token")
		c.Tokens = d.tokens(tokens)
		c.Trusts = d.jwts(content.Blocks.OfType("jwt"))
		c.TLS = d.tls(content.Blocks.OfType("tls"))
		c.Certificates = d.certificates(content.Blocks.OfType("client_certificate"), tokens, c.TLS)
	}
	c.MaxRequests = args.count("max_concurrent_requests", maxRequestsAtOnce)
	c.MaskEmails = args.boolean("mask_emails_in_logs")
	c.Services = d.services(content.Blocks.OfType("service"))
	return c
}

func (d *decoder) org(args arguments) string {
	t, ok := args.text("org")
	if !ok {
		return ""
	}
	if t.value != strings.TrimSpace(t.value) || strings.ContainsFunc(t.value, isControl) || len(t.value) > maxNameBytes {
		d.problem(t.at, "org is not the name of an organization",
			fmt.Sprintf("It has no outer spaces or control characters and at most %d bytes.", maxNameBytes))
	}
	return t.value
}

const (
	maxNameBytes      = 128
	maxRequestsAtOnce = 100_000
)

// listen checks an address of the form HOST:PORT.
func (d *decoder) listen(args arguments) string {
	t, ok := args.text("listen")
	if !ok {
		return ""
	}
	host, port, err := net.SplitHostPort(t.value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil || strings.ContainsAny(host, " \t/") {
		d.problem(t.at, fmt.Sprintf("listen: %s is not an address to listen on", t.quoted()),
			`Write HOST:PORT, as in "127.0.0.1:8080", "[::1]:8080" or ":8080" for every interface.`)
		return ""
	}
	return t.value
}

// Service is one service block.
type Service struct {
	Key       identity.ServiceKey
	Label     string
	Directory *Directory // nil if the block has none
}

func (d *decoder) services(blocks hcl.Blocks) []Service {
	var services []Service
	first := make(map[identity.ServiceKey]hcl.Range, len(blocks))
	for _, block := range blocks {
		s := d.service(block)
		if at, twice := first[s.Key]; twice {
			d.problem(block.DefRange, fmt.Sprintf("The service %s is declared twice", s.Key),
				fmt.Sprintf("The first is on line %d. Merge the two blocks.", at.Start.Line))
			continue
		}
		first[s.Key] = block.DefRange
		services = append(services, s)
	}
	return services
}

func (d *decoder) service(block *hcl.Block) Service {
	s := Service{Key: identity.ServiceKey{Type: block.Labels[0], ExternalID: block.Labels[1]}}
	d.serviceKey(s.Key, block.LabelRanges)
	content := d.content(block.Body, &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "label"}},
		Blocks:     []hcl.BlockHeaderSchema{{Type: "directory", LabelNames: []string{"kind"}}},
	})
	args := arguments{d, content.Attributes}
	if label, ok := args.text("label"); ok {
		s.Label = label.value
		if len(s.Label) > maxLabelBytes || strings.ContainsFunc(s.Label, isControl) {
			d.problem(label.at, "label is not a label",
				fmt.Sprintf("It has no control characters and at most %d bytes.", maxLabelBytes))
		}
	}
	for i, dir := range content.Blocks {
		if i > 0 {
			d.problem(dir.DefRange, fmt.Sprintf("The service %s has two directories", s.Key),
				fmt.Sprintf("The first is on line %d; a service has one at most.", content.Blocks[0].DefRange.Start.Line))
		}
		if setting := d.directory(dir, s.Key); i == 0 {
			s.Directory = setting
		}
	}
	return s
}

const maxLabelBytes = 256

// serviceKey checks the two labels of a service block.
func (d *decoder) serviceKey(key identity.ServiceKey, at []hcl.Range) {
	if key.Managed() {
		d.problem(at[0], fmt.Sprintf("The service %s cannot be declared", key),
			"Its identities are managed by Sym; it is always registered.")
		return
	}
	if err := key.Validate(); err != nil {
		bad := identity.AsError(err)
		d.problem(hcl.RangeBetween(at[0], at[1]), bad.Message, bad.Hint)
	}
}
