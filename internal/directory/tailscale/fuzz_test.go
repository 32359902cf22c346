// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package tailscale_test

import (
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/tailscale"
)

// FuzzFind: whatever the service answers, nobody is found without the address.
func FuzzFind(f *testing.F) {
	directorytest.Fuzz(f, subject(func(*tailscale.Config) {}))
}
