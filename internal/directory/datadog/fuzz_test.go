// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package datadog

import (
	"encoding/json"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

// FuzzList: a disabled account is inactive whatever else it says.
func FuzzList(f *testing.F) {
	f.Add([]byte(`{"data":[{"id":"u","attributes":{"email":"ann@example.com","status":"Pending","disabled":true}}],"meta":{"page":{"total_filtered_count":1}}}`))
	f.Add([]byte(`{"errors":["Forbidden"]}`))
	f.Add([]byte(`{"data":[null]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var list listMessage
		if json.Unmarshal(data, &list) != nil || list.Data == nil {
			return
		}
		for _, record := range *list.Data {
			u := record.Value
			a := u.account()
			if u.Attributes.Disabled && a.State != directory.StateInactive || a.Identity != u.ID || len(a.Emails()) > 1 {
				t.Errorf("%+v became %+v", u, a)
			}
		}
	})
}
