// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package aptible

import (
	"encoding/json"
	"testing"
)

// FuzzList: ids keep their text, and nobody has an empty address.
func FuzzList(f *testing.F) {
	f.Add([]byte(`{"_embedded":{"users":[{"id":7,"email":"ann@example.com","verified":true},null]},"_links":{"next":{"href":"x"}}}`))
	f.Add([]byte(`{"_embedded":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var list listMessage
		if json.Unmarshal(data, &list) != nil || list.Embedded.Users == nil {
			return
		}
		for _, r := range *list.Embedded.Users {
			u := r.Value
			if a := u.account(); a.Identity != string(u.ID) || len(a.Emails()) == 1 && a.Emails()[0] == "" {
				t.Errorf("%+v became %+v", u, a)
			}
		}
	})
}
