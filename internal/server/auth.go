// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Token is one static bearer token. Only its hash is known.
type Token struct {
	Name   string        // for logs and updated_by
	SHA256 string        // hex, of the token's bytes; anything else matches no token
	Role   identity.Role // what its holder may do
}

// StaticTokens authenticates requests by their bearer token. Every token is
// compared in constant time and none ends the comparison early, so that the
// time taken tells nothing about any of them.
func StaticTokens(tokens []Token, org string) func(*http.Request) (identity.Principal, error) {
	type known struct {
		hash      []byte
		principal identity.Principal
	}
	all := make([]known, 0, len(tokens))
	for _, t := range tokens {
		hash, err := hex.DecodeString(t.SHA256)
		if err != nil || len(hash) != sha256.Size {
			continue
		}
		all = append(all, known{hash, identity.Principal{Name: t.Name, Org: org, Role: t.Role, Via: "token"}})
	}
	return func(r *http.Request) (identity.Principal, error) {
		token := bearer(r)
		hash := sha256.Sum256([]byte(token))
		match := -1
		for i, k := range all {
			match = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(hash[:], k.hash), i, match)
		}
		if token == "" || match < 0 {
			return identity.Principal{}, unauthenticated()
		}
		return all[match].principal, nil
	}
}

// bearer is the request's bearer token, "" where it has none.
func bearer(r *http.Request) string {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func unauthenticated() *identity.Error {
	return &identity.Error{Code: identity.CodeUnauthenticated, Message: "You must be logged in to perform this action."}
}

func forbidden() *identity.Error {
	return &identity.Error{Code: identity.CodeForbidden, Message: "You are not authorized to perform this action."}
}

// authorize says who sends the request, or why they may not. A token of
// another organization has no business here, whatever its role.
func (s *service) authorize(r *http.Request, need identity.Role) (identity.Principal, error) {
	p, err := s.Authenticate(r)
	var known *identity.Error
	switch {
	case errors.As(err, &known) && (known.Code == identity.CodeUnauthenticated || known.Code == identity.CodeForbidden):
		return identity.Principal{}, s.refuse(r, known)
	case err != nil:
		return identity.Principal{}, err
	case p.Org != "" && p.Org != s.Org, !p.Role.Allows(need):
		return p, forbidden()
	}
	return p, nil
}
