// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package embedded

import (
	"errors"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

// noter is a directory that has something of its own to say of a check that
// found nothing wrong: one that asks nobody.
type noter interface{ CheckNote() string }

// verdict says how far a check of a directory got: whether the service was
// reached, took the credential, whether that belongs to the service's external
// id (where this kind of service tells: tellsID), and may do what is needed.
func verdict(d directory.Directory, err error, tellsID bool) string {
	var limit *directory.RateLimitError
	switch {
	case err == nil:
		if n, ok := d.(noter); ok {
			return n.CheckNote()
		}
		if tellsID {
			return "reachable, credential valid, external ID its own, permissions enough"
		}
		return "reachable, credential valid, external ID not compared, permissions enough"
	case errors.As(err, &limit):
		return "reachable, limits requests"
	case errors.Is(err, directory.ErrForeign):
		return "reachable, credential valid, external ID of another"
	case errors.Is(err, directory.ErrPermission):
		return "reachable, credential valid, permission missing"
	case errors.Is(err, directory.ErrCredential):
		return "reachable, credential rejected"
	case errors.Is(err, directory.ErrUnavailable):
		return "no usable answer"
	case errors.Is(err, directory.ErrRefused):
		return "reachable, request refused"
	case d == nil:
		return "cannot be opened"
	}
	return "cannot be asked"
}
