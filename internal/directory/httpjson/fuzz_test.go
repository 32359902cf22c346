// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package httpjson_test

import (
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/httpjson"
)

// FuzzFind: whatever the service answers, nobody is found without the address.
func FuzzFind(f *testing.F) {
	directorytest.Fuzz(f, subject("/users?email={email}", true, func(c *httpjson.Config) {
		c.Identity, c.Emails = "response.users[0].id", "response.users[0].emails"
	}))
}
