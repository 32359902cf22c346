// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package pagerduty

import (
	"encoding/json"
	"testing"
)

// FuzzList: every user on the wire becomes an account with at most one
// address, which is not empty.
func FuzzList(f *testing.F) {
	f.Add([]byte(`{"users":[{"id":"P1","email":"ann@example.com","invitation_sent":true}],"more":false,"total":null}`))
	f.Add([]byte(`{"users":[null],"more":true}`))
	f.Add([]byte(`{"error":{"message":"Not Found","code":2100}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var list listMessage
		if json.Unmarshal(data, &list) != nil || list.Users == nil {
			return
		}
		for _, record := range *list.Users {
			u := record.Value
			if a := u.account(); a.Identity != u.ID || len(a.Emails()) > 1 || len(a.Emails()) == 1 && a.Emails()[0] == "" {
				t.Errorf("%+v became %+v", u, a)
			}
		}
	})
}
