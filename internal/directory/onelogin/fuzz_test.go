// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package onelogin

import (
	"encoding/json"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

// FuzzUsers: only the suspended are inactive.
func FuzzUsers(f *testing.F) {
	f.Add([]byte(`[{"id":56781966,"email":"ann@example.com","status":2,"state":1},{"status":null},null]`))
	f.Add([]byte(`{"statusCode":401}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var users []user
		if json.Unmarshal(data, &users) != nil {
			return
		}
		for _, u := range users {
			a := u.account()
			if (u.Status != nil && *u.Status == 2) != (a.State == directory.StateInactive) || a.Identity != string(u.ID) {
				t.Errorf("%+v became %+v", u, a)
			}
		}
	})
}
