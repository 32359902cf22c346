// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package google

import (
	"context"
	"fmt"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

// assumed asks nobody: in Google the identity is an e-mail, so an address of
// the domain is its own identity, as long as it is not an alias.
type assumed struct{ domain string }

func openAssumed(cfg Config) (directory.Directory, error) {
	switch {
	case cfg.Impersonate != "":
		return nil, fmt.Errorf("credentials_file: it is missing; impersonate has no use without it")
	case cfg.Domain == "":
		return nil, fmt.Errorf("credentials_file: it is missing, and the service's external ID is not the domain of a Google service")
	}
	return assumed{domain: cfg.Domain}, nil
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
	if err := ctx.Err(); err != nil || !hasDomain(email, a.domain) {
		return nil, err
	}
	return []directory.Account{{ID: email, Emails: []string{email}}}, nil
}
