// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package jsonlines

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

func records() []store.Record {
	at := time.Date(2026, 5, 1, 12, 0, 0, 123456000, time.UTC)
	later, okta := at.Add(time.Second), identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}
	return []store.Record{
		{Service: &store.ServiceRecord{CreatedAt: at, RequestID: "req-1",
			Service: identity.Service{ID: "s", Key: okta, Label: "Okta <&>", UpdatedAt: later, UpdatedBy: "ci"}}},
		{User: &store.UserRecord{RequestID: "req-1",
			User: identity.User{ID: "u", Key: "alice@example.com", Type: identity.Normal, Role: identity.Member, Name: "Alice@example.com",
				CreatedAt: at, UpdatedAt: later, UpdatedBy: "ci"},
			Mappings: []store.MappingRecord{{ID: "m", RequestID: "req-1", Mapping: identity.Mapping{Service: okta, Matcher: identity.Matcher{"user_id": "00u1\u2028"},
				Profile: map[string]string{"a": "b"}, Source: identity.FromRule, Rule: "r", Revision: 7, CreatedAt: at, UpdatedAt: later, UpdatedBy: "ci"}}}}},
		{Change: &identity.Change{ID: 7, At: at, By: "ci", UserID: "u", User: "alice@example.com", Service: okta,
			After: &identity.Mapping{Matcher: identity.Matcher{"user_id": "00u1"}, Source: identity.Manual, Revision: 7, CreatedAt: at, UpdatedAt: at}}},
	}
}

func written(t *testing.T, records ...store.Record) string {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, Header{Org: "acme", History: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func read(text io.Reader) (all []store.Record, err error) {
	r, err := NewReader(text)
	if err != nil {
		return nil, err
	}
	for {
		record, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, record)
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	text := written(t, records()...)
	for name, changed := range map[string]string{
		"as written": text, "CRLF": strings.ReplaceAll(text, "\n", "\r\n"), "empty lines": strings.ReplaceAll(text, "\n", "\n\n"),
		"no last line end": strings.TrimSuffix(text, "\n"),
	} {
		got, err := read(strings.NewReader(changed))
		if diff := cmp.Diff(records(), got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// Wherever a file is cut off, it is not taken for a whole one.
func TestCutOff(t *testing.T) {
	t.Parallel()
	text := strings.TrimSuffix(written(t, records()...), "\n")
	for n := range len(text) {
		if _, err := read(strings.NewReader(text[:n])); err == nil {
			t.Fatalf("%d of %d bytes were taken for all", n, len(text))
		}
	}
}

func TestWrongFiles(t *testing.T) {
	t.Parallel()
	text := written(t, records()...)
	lines := strings.SplitAfter(text, "\n")
	for name, c := range map[string]struct{ text, says string }{
		"empty":           {"", "empty"},
		"CSV":             {"sym:cloud,okta:acme.okta.com\n", "-format csv"},
		"other JSON":      {"{}\n", "first line"},
		"newer format":    {`{"sym_identity_export":2}`, "format 2"},
		"a line lost":     {lines[0] + lines[1] + strings.Join(lines[3:], ""), "holds"},
		"unknown field":   {lines[0] + `{"service":{"id":"s","colour":"red"}}` + "\n", "line 2"},
		"two on a line":   {lines[0] + strings.TrimSpace(lines[1]) + lines[2], "line 2"},
		"more at the end": {text + lines[1], "follows"},
		"not UTF-8":       {lines[0] + `{"user":{"name":"jos` + "\xe9" + `"}}` + "\n", "line 2 of the export: it is not valid UTF-8"},
		"too long":        {lines[0] + strings.Repeat("x", MaxLine+1), "longer"},
	} {
		if _, err := read(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q in it", name, err, c.says)
		}
	}
	broken := errors.New("broken pipe")
	if _, err := read(io.MultiReader(strings.NewReader(lines[0]), failing{broken})); !errors.Is(err, broken) {
		t.Errorf("a broken input: got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func FuzzReader(f *testing.F) {
	f.Add(`{"sym_identity_export":1,"org":"acme"}` + "\n" + `{"end":{}}`)
	f.Add(`{"sym_identity_export":1}` + "\n" + `{"user":{"id":"u","mappings":[{}]}}` + "\n" + `{"end":{"users":1,"mappings":1}}`)
	f.Add("\n\n{}")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := read(strings.NewReader(text))
		if err != nil {
			return
		}
		again, err := read(strings.NewReader(written(t, all...)))
		if diff := cmp.Diff(all, again); diff != "" || err != nil {
			t.Errorf("%v (-first +again):\n%s", err, diff)
		}
	})
}
