// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package scim

import (
	"encoding/json"
	"testing"
	"unicode/utf8"
)

// FuzzList: whatever a server sends is refused or becomes accounts whose
// addresses are not empty; it never becomes an empty list by accident.
func FuzzList(f *testing.F) {
	f.Add([]byte(`{"totalResults":1,"Resources":[{"id":"1","userName":"ann@example.com","active":true,"emails":[{"value":"a@example.com","primary":"true"}]}]}`))
	f.Add([]byte(`{"totalResults":0}`))
	f.Add([]byte(`{"totalResults":1,"Resources":[{"id":1e400,"active":null}]}`))
	f.Add([]byte(`{"TOTALRESULTS":2,"resources":[{},null]}`))
	f.Add([]byte(`{"status":"401"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var m listMessage
		if json.Unmarshal(data, &m) != nil {
			return
		}
		if total, err := m.total(); err == nil && (m.TotalResults == nil || total < 0) {
			t.Fatalf("total of %q: %d", data, total)
		}
		for _, record := range m.Resources {
			for _, address := range idAttribute("id").account(record.Value).Emails() {
				if address == "" || !utf8.ValidString(address) {
					t.Errorf("%q gave the address %q", data, address)
				}
			}
		}
	})
}
