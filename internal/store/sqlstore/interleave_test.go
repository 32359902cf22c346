// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/store/storetest"
)

func TestInterleavings(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, url string) {
		storetest.Interleavings(t, openURL(t, url, Options{}), openURL(t, url, Options{}))
	})
}
