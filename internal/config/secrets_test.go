// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import "testing"

func TestSecretName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"Authorization": true, "Proxy-Authorization": true, "X-Api-Key": true, "apikey": true, "X-VO-Api-Key": true,
		"Private-Token": true, "X-Secret": true, "Cookie": true, "Accept": false, "X-Request-Id": false, "X-Keyed": false,
	} {
		if got := secretName(name); got != want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
