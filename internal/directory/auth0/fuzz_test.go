// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package auth0

import (
	"encoding/json"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

// FuzzUsers: a blocked account is inactive, and a connection that nobody has
// matches nobody.
func FuzzUsers(f *testing.F) {
	f.Add([]byte(`[{"user_id":"auth0|1","email":"ann@example.com","blocked":true,"identities":[{"connection":"x"}]},null]`))
	f.Add([]byte(`{"statusCode":403}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var users []user
		if json.Unmarshal(data, &users) != nil {
			return
		}
		for _, u := range users {
			a := u.account()
			if u.Blocked != (a.State == directory.StateInactive) || a.Identity != u.ID {
				t.Errorf("%+v became %+v", u, a)
			}
		}
	})
}
