// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package gitlab_test

import (
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
)

// FuzzFind: whatever the service answers, nobody is found without the address.
func FuzzFind(f *testing.F) {
	directorytest.Fuzz(f, subject())
}
