// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package boundary

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzList: what is no address is not taken for one.
func FuzzList(f *testing.F) {
	f.Add([]byte(`{"items":[{"id":"u_1","email":"ann@example.com","login_name":"ann"},null],"response_type":"delta","list_token":"x"}`))
	f.Add([]byte(`{"kind":"Unauthenticated"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var list listMessage
		if json.Unmarshal(data, &list) != nil {
			return
		}
		for _, record := range list.Items {
			u := record.Value
			a := u.account()
			for _, address := range a.Emails() {
				if a.Identity != u.ID || !strings.Contains(address, "@") {
					t.Errorf("%+v became %+v", u, a)
				}
			}
		}
	})
}
