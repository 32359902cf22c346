// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package tailscale

import (
	"context"
	"errors"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

// assumed asks nobody: a Tailscale identity is an e-mail, so an address of the
// tailnet's domain is its own identity.
type assumed struct{ domain string }

func openAssumed(cfg Config) (directory.Directory, error) {
	if !strings.Contains(cfg.Tailnet, ".") || strings.HasSuffix(cfg.Tailnet, ".github") || strings.Contains(cfg.Tailnet, "@") {
		return nil, errors.New("token: it is missing, and the service's external ID is not the domain of a tailnet, so that addresses cannot be taken for identities")
	}
	return assumed{domain: cfg.Tailnet}, nil
}

// Describe implements directory.Directory.
func (assumed) Describe() directory.Descriptor { return directory.Descriptor{Lookup: true} }

// Check implements directory.Directory: there is nothing to check.
func (assumed) Check(ctx context.Context) error { return ctx.Err() }

// CheckNote says what a check that found nothing wrong amounts to.
func (assumed) CheckNote() string {
	return "nobody is asked: an address of the domain is taken for its own identity"
}

// Find takes every address of the domain for an account of unknown state.
func (a assumed) Find(ctx context.Context, email string) ([]directory.Account, error) {
	at := strings.LastIndexByte(email, '@')
	if err := ctx.Err(); err != nil || at < 0 || !strings.EqualFold(email[at+1:], a.domain) {
		return nil, err
	}
	return []directory.Account{{ID: email, Emails: []string{email}}}, nil
}
