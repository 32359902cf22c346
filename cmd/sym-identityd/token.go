// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"flag"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
)

// tokenPrefix lets people and secret scanners recognise a token.
const tokenPrefix = "sym_"

// tokenBytes is the length of the random part: nobody can guess it, so a plain
// hash protects it.
const tokenBytes = 32

func (p *program) token(_ context.Context, args []string) error {
	switch {
	case len(args) > 0 && args[0] == "new":
		args = args[1:]
	case len(args) == 0 || !slices.Contains([]string{"-h", "-help", "--help"}, args[0]):
		return &usageError{text: "token has one command: token new"}
	}
	flags := flag.NewFlagSet("token new", flag.ContinueOnError)
	name := flags.String("name", "ci", "name of the token; the history shows it with each change")
	role := flags.String("role", "member", "guest (reads), member (also looks people up) or admin (also writes)")
	asJSON := flags.Bool("json", false, "print an object: token, sha256, block")
	if done, err := p.parse(flags, args); done || err != nil {
		return err
	}
	for _, wrong := range []string{config.CheckTokenName(*name), config.CheckRole(*role)} {
		if wrong != "" {
			return &usageError{wrong, usageOf(flags)}
		}
	}
	token := newToken()
	hash := sha256.Sum256([]byte(token))
	digits := hex.EncodeToString(hash[:])
	block := tokenBlock(*name, digits, *role)
	if *asJSON {
		return p.printJSON(map[string]string{"token": token, "sha256": digits, "block": block}, "")
	}
	return p.print(fmt.Sprintf(`token:  %s
sha256: %s

The token is shown only now. Give it to clients (the provider reads SYM_JWT), and
paste this into the server's configuration:

%s`, token, digits, block))
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
