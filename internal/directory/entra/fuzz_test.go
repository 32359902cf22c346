// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package entra

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

// FuzzUsers: a disabled account is inactive, and no address is empty.
func FuzzUsers(f *testing.F) {
	f.Add([]byte(`{"value":[{"id":"1","mail":"ann@example.com","proxyAddresses":["SMTP:ann@example.com","smtp:a@example.com","x500:/o=a","smtp:"],"accountEnabled":false,"userType":"Guest"}],"@odata.nextLink":"x"}`))
	f.Add([]byte(`{"value":[{"id":"1","userPrincipalName":"a_x#ext#@c","userType":null,"externalUserState":"PendingAcceptance","accountEnabled":true}]}`))
	f.Add([]byte(`{"value":[null,{"mail":null,"userPrincipalName":"a_b#EXT#@c"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var list listMessage
		if json.Unmarshal(data, &list) != nil || list.Value == nil {
			return
		}
		for _, r := range *list.Value {
			u := r.Value
			a := u.account()
			if u.Enabled != nil && *u.Enabled == (a.State == directory.StateInactive) {
				t.Errorf("%+v became %+v", u, a)
			}
			for _, address := range a.Emails() {
				if address == "" || address == u.UPN && address != u.Mail && strings.Contains(address, "#EXT#") && len(u.ProxyAddresses) == 0 {
					t.Errorf("%+v has the address %q", u, address)
				}
			}
		}
	})
}

// FuzzQuote: what comes out is one string of OData.
func FuzzQuote(f *testing.F) {
	f.Add("o'hara@example.com")
	f.Fuzz(func(t *testing.T, value string) {
		quoted := quote(value)
		if inner := quoted[1 : len(quoted)-1]; strings.ReplaceAll(strings.ReplaceAll(inner, "''", ""), "'", "") != strings.ReplaceAll(inner, "''", "") {
			t.Errorf("quote(%q) = %s ends early", value, quoted)
		}
	})
}
