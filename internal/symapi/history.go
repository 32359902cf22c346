// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symapi

import (
	"fmt"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// EncodeChange is an entry of the history as the API shows it.
func EncodeChange(c identity.Change) Change {
	return Change{
		ID: c.ID, At: c.At.UTC(), By: c.By, RequestID: c.RequestID, UserID: c.UserID, User: string(c.User),
		Service: encodeRef(c.Service), Before: encodeState(c.Before), After: encodeState(c.After),
	}
}

func encodeState(m *identity.Mapping) *Identity {
	if m == nil {
		return nil
	}
	i := EncodeMapping(*m)
	return &i
}

// DecodeChange is an entry of the history in the domain.
func DecodeChange(c Change) (identity.Change, error) {
	out := identity.Change{ID: c.ID, At: c.At, By: c.By, RequestID: c.RequestID, UserID: c.UserID, User: identity.KeyOf(c.User)}
	var err error
	if out.Service, err = decodeServiceKey(c.Service.Slug, c.Service.ExternalID); err != nil {
		return identity.Change{}, fmt.Errorf("change %d: %w", c.ID, err)
	}
	if out.Before, err = decodeState(c.Before); err == nil {
		out.After, err = decodeState(c.After)
	}
	if err != nil {
		return identity.Change{}, fmt.Errorf("change %d: %w", c.ID, err)
	}
	return out, nil
}

func decodeState(i *Identity) (*identity.Mapping, error) {
	if i == nil {
		return nil, nil
	}
	m, err := DecodeIdentity(*i)
	if err != nil {
		return nil, err
	}
	return &m, nil
}
