// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package resolve

import "github.com/sym-identity/terraform-provider-sym/internal/identity"

// compare notes whether the stored value is still what the chain gives
// without it.
func (prop *proposal) compare() {
	a := prop.answer
	if a.Stale = prop.stale(); a.Stale {
		a.Fresh = prop.matcher
	}
}

// stale: another account makes any stored value stale. None makes only an
// automatic value stale: a manual one was never expected to be found. Where
// nobody could be asked nothing is known of a value that was looked up.
func (prop *proposal) stale() bool {
	switch {
	case prop.matcher != nil:
		return !prop.matcher.Equal(prop.answer.Service.Type, prop.stored)
	case prop.source == identity.FromEmail || prop.source == identity.FromRemote:
		return !prop.unasked
	}
	return prop.source != identity.Manual
}
