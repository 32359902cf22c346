// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package google

import (
	"encoding/json"
	"testing"
)

// FuzzUsers: the identity is the primary address and stands first.
func FuzzUsers(f *testing.F) {
	f.Add([]byte(`{"kind":"admin#directory#users","users":[{"primaryEmail":"ann@example.com","aliases":["a@example.com",""],"suspended":true}],"nextPageToken":"x"}`))
	f.Add([]byte(`{"error":{"code":403,"errors":[{"reason":"quotaExceeded"}]}}`))
	f.Add([]byte(`{"users":[null]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = reasonOf(data)
		var list listMessage
		if json.Unmarshal(data, &list) != nil {
			return
		}
		for _, r := range list.Users {
			u := r.Value
			a := u.account()
			if a.Identity != u.PrimaryEmail || a.Identity != "" && a.Emails()[0] != a.Identity {
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

func FuzzKey(f *testing.F) {
	f.Add([]byte(`{"type":"service_account","client_email":"a","token_uri":"https://x.example.com","private_key":"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"}`))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if k, err := parseKey(data); (k == nil) == (err == nil) {
			t.Errorf("parseKey(%q) = %v, %v", data, k, err)
		}
	})
}
