// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package tailscale

import (
	"encoding/json"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

// FuzzUsers: the identity is the login name, and shared people are marked.
func FuzzUsers(f *testing.F) {
	f.Add([]byte(`[{"id":"1","loginName":"ann@example.com","type":"shared","status":"idle"},{"loginName":"bob@github"}]`))
	f.Add([]byte(`[null]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var users []user
		if json.Unmarshal(data, &users) != nil {
			return
		}
		for _, u := range users {
			a := u.account()
			if a.Identity != u.LoginName || (u.Type == "shared") != (a.Kind == directory.KindShared) {
				t.Errorf("%+v became %+v", u, a)
			}
			_ = foreign(u.LoginName)
		}
	})
}
