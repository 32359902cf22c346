// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package slack

import (
	"encoding/json"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

// FuzzList: whatever Slack sends is refused or is a list that it called good.
func FuzzList(f *testing.F) {
	f.Add([]byte(`{"ok":true,"members":[{"id":"U1","team_id":"T1","deleted":true,"profile":{"email":"ann@example.com"}}],"response_metadata":{"next_cursor":"x"}}`))
	f.Add([]byte(`{"ok":false,"error":"missing_scope","needed":"users:read"}`))
	f.Add([]byte(`{"members":[]}`))
	f.Add([]byte(`{"ok":true,"members":[null,{"is_bot":true}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var m listMessage
		if json.Unmarshal(data, &m) != nil {
			return
		}
		if m.problem() != nil {
			return
		}
		if m.OK == nil || !*m.OK || m.Members == nil {
			t.Fatalf("%q was taken for a list", data)
		}
		for _, record := range *m.Members {
			u := record.Value
			a := u.account("T1")
			if u.Deleted != (a.State == directory.StateInactive) || a.Kind == "" || len(a.Emails()) > 1 {
				t.Errorf("%+v became %+v", u, a)
			}
		}
	})
}
