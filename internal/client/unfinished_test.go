// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"encoding/json"
	"testing"
)

// Every proper beginning of an object is unfinished, and the whole is not.
func TestUnfinished(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{}`, `{"a":"}","b":["{\"",{"c":"\\"}]}`, " {\n\"a\" : [ ] }\n"} {
		if unfinished([]byte(text)) || !json.Valid([]byte(text)) {
			t.Errorf("%s counts as unfinished", text)
		}
		for n := range text {
			part := text[:n]
			if opened := len(part) > 0 && part[0] == '{' || len(part) > 1 && part[1] == '{'; opened && !json.Valid([]byte(part)) && !unfinished([]byte(part)) {
				t.Errorf("%q counts as finished", part)
			}
		}
	}
	for _, text := range []string{"", "null", "<html>", `"`} {
		if unfinished([]byte(text)) {
			t.Errorf("%q is not the beginning of an object", text)
		}
	}
}
