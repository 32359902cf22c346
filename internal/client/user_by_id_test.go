// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"net/http"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

func TestUserByID(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer func(request) answer
		want   string
		code   identity.Code
	}{
		"found":               {answer: always(ok(users(person("id-1", "Ada@example.com")))), want: "Ada@example.com"},
		"nobody":              {answer: always(ok(users()))},
		"nobody, as an error": {answer: always(coded(404, identity.CodeUserNotFound, "No Sym Identity found for user id id-1"))},
		"filter ignored":      {answer: always(ok(users(person("id-2", "bob@example.com"), person("id-1", "ada@example.com")))), want: "ada@example.com"},
		"others only":         {answer: always(ok(users(person("id-2", "bob@example.com"))))},
		"a proxy's 404":       {answer: missing, code: identity.CodeMissing},
		"down":                {answer: always(status(http.StatusBadGateway)), code: identity.CodeUnavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{answer: tt.answer}
			got, err := f.client(t).UserByID(t.Context(), "id-1")
			if identity.CodeOf(err) != tt.code || (err == nil) != (tt.code == "") {
				t.Fatalf("error %v, want code %q", err, tt.code)
			}
			switch {
			case tt.want == "" && got != nil:
				t.Errorf("found %s", got.Name)
			case tt.want != "" && (got == nil || got.Name != tt.want || got.ID != "id-1"):
				t.Errorf("got %v, want %s", got, tt.want)
			}
			if f.seen[0].call != "GET users" || f.seen[0].query != "id=id-1" {
				t.Errorf("asked %s?%s", f.seen[0].call, f.seen[0].query)
			}
		})
	}
}

func TestUserByID_empty(t *testing.T) {
	t.Parallel()
	f := &fake{answer: missing}
	if got, err := f.client(t).UserByID(t.Context(), ""); err != nil || got != nil {
		t.Errorf("got %v, %v", got, err)
	}
	f.wantCalls(t)
}

func always(a answer) func(request) answer { return func(request) answer { return a } }
