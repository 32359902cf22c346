// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symcsv_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/symcsv"
)

// A Writer writes what Render does.
func TestWriter(t *testing.T) {
	t.Parallel()
	whole := table{
		github: {"ada@acme.com": `a,"b"`, "bot": "`x`"},
		okta:   {"ada@acme.com": "00u1", "Zoe@acme.com": `{"user_id":"x"}`},
		slack:  {},
	}
	want, err := symcsv.Render(whole)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	w, err := symcsv.NewWriter(&got, []string{slack, okta, github})
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"ada@acme.com", "bot", "nobody@acme.com", " Zoe@acme.com"} {
		identities := map[string]string{}
		for service, users := range whole {
			if id, has := users[strings.TrimSpace(user)]; has {
				identities[service] = id
			}
		}
		if err := w.Write(user, identities); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil || got.String() != want {
		t.Errorf("%v; got\n%s\nwant\n%s", err, got.String(), want)
	}
	for name, err := range map[string]error{
		"not a column": w.Write("ada@acme.com", map[string]string{"okta:other": "1"}),
		"not valid":    w.Write("ada@acme.com", map[string]string{okta: "a\x00"}),
	} {
		if err == nil {
			t.Errorf("%s was written", name)
		}
	}
	if _, err := symcsv.NewWriter(&got, []string{"okta"}); err == nil {
		t.Error("a column without a service was begun")
	}
	full, err := symcsv.NewWriter(failing{}, []string{okta})
	if err != nil {
		t.Fatal(err)
	}
	if err := full.Flush(); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}

var errFull = errors.New("no room")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFull }
