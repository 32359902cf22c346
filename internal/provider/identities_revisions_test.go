// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"encoding/json"
	"maps"
	"testing"
)

// Revisions are kept as distances, unknown ones as 0, and state of earlier releases
// holds them as they are.
func TestRevisionsInState(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]revisions{
		`{}`:                                {},
		`{"a":0}`:                           {"a": 0},
		`{"":1764403200000006,"a":1}`:       {"a": 1764403200000007},
		`{"":4,"a":1,"b":0,"c":9}`:          {"a": 5, "b": 0, "c": 13},
		`{"a":1,"c":4503599627370496}`:      {"a": 1, "c": 1 << 52},
		`{"":4503599627370495,"a":1,"b":1}`: {"a": 1 << 52, "b": 1 << 52},
	} {
		got, err := json.Marshal(want)
		if err != nil || string(got) != text {
			t.Errorf("%v became %s, want %s (%v)", want, got, text, err)
		}
		var read revisions
		if err := json.Unmarshal([]byte(text), &read); err != nil || !maps.Equal(read, want) {
			t.Errorf("%s became %v, want %v (%v)", text, read, want, err)
		}
	}
	var old revisions
	if err := json.Unmarshal([]byte(`{"a":7,"b":12}`), &old); err != nil || !maps.Equal(old, revisions{"a": 7, "b": 12}) {
		t.Errorf("state of an earlier release became %v (%v)", old, err)
	}
}
