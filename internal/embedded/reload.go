// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package embedded

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// errNoGate says that the provider's embedded mode has nobody to let in.
var errNoGate = errors.New("this instance does not read tokens")

// Reload reads the configuration file again and, where nothing is wrong with
// it, lets in from the next request on whom it names: its token, jwt,
// client_certificate and tls blocks take the place of the ones before, all at
// once. Else everything stays as it is and the error says why, as Load and
// Open do.
//
// The other settings cannot change while requests are served. Reload names
// those that differ; they count after a restart.
func (i *Instance) Reload(opts Options) (restart []string, err error) {
	if i.gate == nil {
		return nil, errNoGate
	}
	i.reloading.Lock()
	defer i.reloading.Unlock()
	fresh, err := Load(i.config.path, opts)
	if err != nil {
		return nil, err
	}
	if err := fresh.CheckServe(); err != nil {
		return nil, err
	}
	if fresh.org != i.config.org {
		return nil, fmt.Errorf("%s is now for the organization %q; the server answers for %q. Another organization needs another server", fresh.path, fresh.org, i.config.org)
	}
	a, err := i.gate.admit(fresh, fresh.Logger(opts.Logger))
	if err != nil {
		return nil, err
	}
	restart = fresh.differs(i.config)
	if served := i.gate.access.Load(); (a.tls == nil) != (served.tls == nil) {
		restart = append(restart, "tls, added or removed")
		a.tls = served.tls
	}
	i.gate.open(a, fresh)
	return restart, nil
}

// fingerprints are the settings that count at start only: by name, what the
// file says there, but for layout and comments.
func fingerprints(body *hclsyntax.Body, src []byte) map[string]string {
	prints := map[string]string{}
	for name, attr := range body.Attributes {
		prints[name] = tokensOf(attr.SrcRange.SliceBytes(src))
	}
	for _, block := range body.Blocks {
		switch block.Type {
		case "token", "jwt", "client_certificate", "tls":
		default:
			prints[block.Type] += tokensOf(block.Range().SliceBytes(src)) + "\n"
		}
	}
	return prints
}

func tokensOf(src []byte) string {
	var text []byte
	tokens, _ := hclsyntax.LexConfig(src, "", hcl.InitialPos)
	for _, token := range tokens {
		switch token.Type {
		case hclsyntax.TokenComment, hclsyntax.TokenNewline:
		default:
			text = append(append(text, token.Bytes...), 0)
		}
	}
	return string(text)
}

// differs names the settings of two files that are not the same, in order.
func (c *Config) differs(other *Config) []string {
	var names []string
	for name, said := range c.prints {
		if other.prints[name] != said {
			names = append(names, name)
		}
	}
	for name := range other.prints {
		if _, still := c.prints[name]; !still {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
