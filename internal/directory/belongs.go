// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory

import (
	"errors"
	"fmt"
	"strings"
)

// ErrForeign is a credential that works, for another account, workspace or
// organization than the service's external id.
var ErrForeign = errors.New("the credential belongs elsewhere")

// Belongs compares where a credential is valid with the external id. want is
// "" where the service's external id says nothing about the connector's
// service; nothing is compared then. what names the thing, as in "workspace".
func Belongs(what, got, want string) error {
	if want == "" || strings.EqualFold(got, want) {
		return nil
	}
	return fmt.Errorf("%w: to the %s %q, but the service's external ID is %q", ErrForeign, what, got, want)
}

// NeedsGrant adds to a missing permission what to grant. Other errors stay as
// they are.
func NeedsGrant(err error, grant string) error {
	if !errors.Is(err, ErrPermission) {
		return err
	}
	return fmt.Errorf("%w; grant it %s", err, grant)
}
