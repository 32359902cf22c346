// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package github

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzIdentities: whatever comes, accounts have a login and addresses.
func FuzzIdentities(f *testing.F) {
	f.Add([]byte(`{"nodes":[{"samlIdentity":{"nameId":"ann@example.com","emails":[{"value":"a@example.com"}]},"user":{"id":"U_1","databaseId":1,"login":"ann"}}],"pageInfo":{"hasNextPage":true,"endCursor":"x"}}`))
	f.Add([]byte(`{"nodes":[null,{"user":null},{"scimIdentity":{"username":"bob"},"user":{"login":"bob"}}]}`))
	f.Add([]byte(`{"pageInfo":{"hasNextPage":true}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = limited(200, nil, data)
		var c *connection
		if json.Unmarshal(data, &c) != nil {
			return
		}
		accounts, next, err := c.page()
		if err != nil && (accounts != nil || next != "") {
			t.Errorf("%q gave accounts and the error %v", data, err)
		}
		for _, a := range accounts {
			if a.Identity == "" {
				t.Errorf("%q gave an account without a login", data)
			}
			for _, address := range a.Emails() {
				if !strings.Contains(address, "@") {
					t.Errorf("%q gave the address %q", data, address)
				}
			}
		}
	})
}
