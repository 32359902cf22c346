// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"flag"
	"fmt"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
)

// tokenPrefix lets people and secret scanners recognise a token.
const tokenPrefix = "sym_"

// tokenBytes is the length of the random part: nobody can guess it, so a plain
// hash protects it.
const tokenBytes = 32

func (p *program) token(args []string) error {
	if len(args) == 0 || args[0] != "new" {
		return &usageError{"token has one command: token new"}
	}
	flags := flag.NewFlagSet("token new", flag.ContinueOnError)
	name := flags.String("name", "ci", "name of the token, kept with what it changes")
	role := flags.String("role", "admin", "admin, member or guest")
	if done, err := p.parse(flags, args[1:]); done || err != nil {
		return err
	}
	for _, wrong := range []string{config.CheckTokenName(*name), config.CheckRole(*role)} {
		if wrong != "" {
			return &usageError{wrong}
		}
	}
	token := newToken()
	hash := sha256.Sum256([]byte(token))
	digits := hex.EncodeToString(hash[:])
	return p.print(fmt.Sprintf(`token:  %s
sha256: %s

The token is shown this once. Give it to clients (the provider reads SYM_JWT), and
paste this into the server's configuration:

%s`, token, digits, tokenBlock(*name, digits, *role)))
}

// newToken returns a new random token.
func newToken() string {
	random := make([]byte, tokenBytes)
	_, _ = rand.Read(random) // never fails: the runtime ends the process instead
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(random)
}

func tokenBlock(name, hash, role string) string {
	file := hclwrite.NewEmptyFile()
	body := file.Body().AppendNewBlock("token", []string{name}).Body()
	body.SetAttributeValue("sha256", cty.StringVal(hash))
	body.SetAttributeValue("role", cty.StringVal(role))
	return string(hclwrite.Format(file.Bytes()))
}
