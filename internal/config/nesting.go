// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Bounds of what the parser and the evaluation recurse on. Real files have a
// handful of each.
const (
	maxDepth     = 100    // brackets and templates within each other
	maxOperators = 10_000 // whatever else can nest, in the whole file
)

// tooDeep finds nesting on which the parser, which recurses, would run out of
// stack and end the process. The scanner does not recurse.
func tooDeep(src []byte, path string) (hcl.Range, bool) {
	tokens, _ := hclsyntax.LexConfig(src, path, hcl.InitialPos)
	depth, operators := 0, 0
	for _, token := range tokens {
		switch token.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOParen, hclsyntax.TokenTemplateInterp:
			depth++
		case hclsyntax.TokenOBrack, hclsyntax.TokenTemplateControl: // a[b][c] nests too
			depth++
			operators++
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenTemplateSeqEnd:
			depth = max(depth-1, 0)
		case hclsyntax.TokenIdent, hclsyntax.TokenNumberLit, hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit,
			hclsyntax.TokenOQuote, hclsyntax.TokenCQuote, hclsyntax.TokenEqual, hclsyntax.TokenComma,
			hclsyntax.TokenNewline, hclsyntax.TokenComment:
		default:
			operators++
		}
		if depth > maxDepth || operators > maxOperators {
			return token.Range, true
		}
	}
	return hcl.Range{}, false
}
