// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package okta

import (
	"encoding/json"
	"testing"
)

// FuzzUsers: an account has an id of the service and no empty address.
func FuzzUsers(f *testing.F) {
	f.Add([]byte(`[{"id":"00u1","status":"ACTIVE","profile":{"login":"ann@example.com","email":"a@example.com"}}]`))
	f.Add([]byte(`[null,{"profile":null}]`))
	f.Add([]byte(`{"errorCode":"E0000011"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var users []user
		if json.Unmarshal(data, &users) != nil {
			return
		}
		for _, u := range users {
			a := u.account()
			if a.Identity != u.ID {
				t.Errorf("%q became %q", u.ID, a.Identity)
			}
			for _, address := range a.Emails() {
				if address == "" {
					t.Errorf("%+v has an empty address", u)
				}
			}
		}
	})
}
