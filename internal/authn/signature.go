// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package authn

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"

	"github.com/go-jose/go-jose/v4"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

const (
	maxKeys    = 100  // of one issuer
	minRSABits = 2048 // shorter keys can be broken
)

// signature checks one token's. It keeps what went wrong, because the library
// keeps its text only.
type signature struct {
	keys *keySet
	err  *identity.Error
}

// VerifySignature implements oidc.KeySet.
func (s *signature) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	payload, err := s.verify(ctx, raw)
	if err != nil {
		s.err = identity.AsError(err)
	}
	return payload, err
}

func (s *signature) verify(ctx context.Context, raw string) ([]byte, error) {
	var allowed []jose.SignatureAlgorithm
	for _, name := range algorithms() {
		allowed = append(allowed, jose.SignatureAlgorithm(name))
	}
	token, err := jose.ParseSignedCompact(raw, allowed)
	if err != nil || len(token.Signatures) != 1 {
		return nil, unauthenticated("The JWT cannot be read.")
	}
	header := token.Signatures[0].Header
	keys, err := s.keys.lookup(ctx, header.KeyID)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		if key.Algorithm != "" && key.Algorithm != header.Algorithm {
			continue // the issuer says what the key is for
		}
		if payload, err := token.Verify(key.Key); err == nil {
			return payload, nil
		}
	}
	return nil, unauthenticated("The JWT's signature is not that of one of the issuer's keys.")
}

// usableKeys are the keys of a set that may sign tokens: public, asymmetric,
// strong, and not meant for something else.
func usableKeys(set jose.JSONWebKeySet) ([]jose.JSONWebKey, error) {
	if len(set.Keys) > maxKeys {
		return nil, errors.New("the issuer has too many keys")
	}
	var keys []jose.JSONWebKey
	for _, key := range set.Keys {
		if key.Use != "" && key.Use != "sig" || !key.Valid() {
			continue
		}
		switch public := key.Key.(type) {
		case *rsa.PublicKey:
			if public.N.BitLen() < minRSABits {
				continue
			}
		case *ecdsa.PublicKey, ed25519.PublicKey:
		default:
			continue
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("the issuer has no key that could sign tokens")
	}
	return keys, nil
}
