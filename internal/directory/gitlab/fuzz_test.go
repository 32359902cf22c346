// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package gitlab

import (
	"encoding/json"
	"testing"
)

// FuzzUsers: ids keep their digits, and no address is empty.
func FuzzUsers(f *testing.F) {
	f.Add([]byte(`[{"id":12345678901234567890,"email":"ann@example.com","public_email":"","state":"active"}]`))
	f.Add([]byte(`[{"id":"7","commit_email":"a@example.com","bot":true},null]`))
	f.Add([]byte(`{"message":"401 Unauthorized"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var users []user
		if json.Unmarshal(data, &users) != nil {
			return
		}
		for _, u := range users {
			a := u.account()
			if a.Identity != string(u.ID) {
				t.Errorf("%+v became %+v", u, a)
			}
			for _, address := range a.Emails() {
				if address == "" {
					t.Errorf("%+v has an empty address", u)
				}
			}
		}
	})
}
