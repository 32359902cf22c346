// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

const tokenRemedy = "Run `sym-identityd token new`: it prints a token and the block to paste."

// NoTokenError says that nobody could call a server with this configuration:
// it has neither a token nor a jwt nor a client_certificate block.
type NoTokenError struct{ File string }

func (e *NoTokenError) Error() string {
	return e.File + ": there is no token, jwt or client_certificate block, so nobody could call the server. " + tokenRemedy
}

// Token is one static bearer token. Only its hash is known.
type Token struct {
	Name   string
	SHA256 string // hex, of the token's bytes
	Role   identity.Role
}

// CheckServe returns a *NoTokenError if no block lets a client in, which a
// server needs and embedded mode does not.
func (c *Config) CheckServe() error {
	if len(c.Tokens)+len(c.Trusts)+len(c.Certificates) == 0 {
		return &NoTokenError{File: c.Path}
	}
	return nil
}

// CheckTokenName says what is wrong with the name of a token, "" where nothing is.
func CheckTokenName(name string) string {
	switch {
	case strings.TrimSpace(name) == "":
		return "A token's name must not be empty"
	case name != strings.TrimSpace(name) || strings.ContainsFunc(name, isControl) || len(name) > maxNameBytes:
		return fmt.Sprintf("A token's name has no outer spaces or control characters and at most %d bytes", maxNameBytes)
	}
	return ""
}

// CheckRole says what is wrong with the role of a token, "" where nothing is.
func CheckRole(role string) string {
	if identity.Role(role).Valid() {
		return ""
	}
	return "A token's role is admin (writes), member (reads and looks people up) or guest (reads)"
}

// tokens reads the token blocks. Names tell tokens apart in the history, and
// one hash must not have two roles, so neither may occur twice.
func (d *decoder) tokens(blocks hcl.Blocks) []Token {
	var tokens []Token
	names, hashes := make(map[string]int), make(map[string]int)
	for _, block := range blocks {
		name := block.Labels[0]
		if wrong := CheckTokenName(name); wrong != "" {
			d.problem(block.LabelRanges[0], wrong, "")
		} else if line, twice := names[name]; twice {
			d.problem(block.LabelRanges[0], fmt.Sprintf("The token %q is declared twice", name),
				fmt.Sprintf("The first is on line %d. Give each its own name.", line))
		}
		names[name] = block.DefRange.Start.Line

		args := arguments{d, d.content(block.Body, &hcl.BodySchema{Attributes: []hcl.AttributeSchema{
			{Name: "sha256", Required: true}, {Name: "role", Required: true},
		}}).Attributes}
		hash, role := d.hash(args), d.role(args)
		if line, twice := hashes[hash]; twice && hash != "" {
			d.problem(args.at("sha256"), "Two token blocks have the same sha256",
				fmt.Sprintf("The first is on line %d. Each block needs a token of its own. %s", line, tokenRemedy))
		}
		hashes[hash] = block.DefRange.Start.Line
		tokens = append(tokens, Token{Name: name, SHA256: hash, Role: role})
	}
	return tokens
}

// hash reads sha256. What does not look like a hash may be the token itself,
// so the message never repeats it.
func (d *decoder) hash(args arguments) string {
	t, ok := args.text("sha256")
	if !ok {
		return ""
	}
	sum, err := hex.DecodeString(t.value)
	switch {
	case err != nil || len(sum) != sha256.Size:
		d.problem(t.at, fmt.Sprintf("sha256 must be %d hexadecimal digits", hex.EncodedLen(sha256.Size)),
			"It is the hash of the token, not the token. "+tokenRemedy)
		return ""
	case [sha256.Size]byte(sum) == sha256.Sum256(nil):
		d.problem(t.at, "sha256 is the hash of nothing", "The token was empty when it was hashed. "+tokenRemedy)
		return ""
	}
	return strings.ToLower(t.value)
}

func (d *decoder) role(args arguments) identity.Role {
	t, ok := args.text("role")
	if !ok {
		return ""
	}
	if wrong := CheckRole(t.value); wrong != "" {
		d.problem(t.at, wrong, "It is "+t.quoted()+" here.")
	}
	return identity.Role(t.value)
}
