// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symcsv

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Users with two rows are found however few are compared at a time.
func TestTwinsInParts(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("sym:cloud,okta:acme.okta.com\n")
	for i := range 100 {
		fmt.Fprintf(&text, "person%d@acme.com,00u%d\n", i, i)
	}
	for i := range 30 {
		fmt.Fprintf(&text, "PERSON%d@acme.com,00u%d\n", i*3, i)
	}
	for _, atOnce := range []int{1000, 130, 17, 1} {
		_, err := check(strings.NewReader(text.String()), atOnce)
		var all *Error
		if !errors.As(err, &all) || len(all.Problems) != 30 {
			t.Fatalf("%d at once: got %v", atOnce, err)
		}
		for i, p := range all.Problems {
			want := fmt.Sprintf("%q is the same user as %q on line %d. Make one row of the two", fmt.Sprintf("PERSON%d@acme.com", i*3), fmt.Sprintf("person%d@acme.com", i*3), 2+i*3)
			if p.Line != 102+i || p.Err.Error() != want {
				t.Fatalf("%d at once: got %v", atOnce, p)
			}
		}
	}
}

func TestProblemsAreBounded(t *testing.T) {
	t.Parallel()
	text := "sym:cloud,okta:acme.okta.com\n" + strings.Repeat("not an e-mail,\n", maxProblems+7)
	_, err := Check(strings.NewReader(text))
	var all *Error
	if !errors.As(err, &all) || len(all.Problems) != maxProblems || all.More != 7 {
		t.Fatalf("got %d problems and %d more", len(all.Problems), all.More)
	}
	if !strings.HasPrefix(all.Error(), fmt.Sprintf("the CSV has %d problems:", maxProblems+7)) || !strings.HasSuffix(all.Error(), "\n- and 7 more") {
		t.Errorf("it says %.100s … %s", all, all.Error()[len(all.Error())-100:])
	}
}

func TestLongRows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"plain":       {"sym:cloud,okta:x\na@acme.com," + strings.Repeat("x", maxRow+1) + "\n", "line 2: the row is longer than 8 MiB"},
		"quoted":      {"sym:cloud,okta:x\na@acme.com,\"" + strings.Repeat("x\n", maxRow) + "\"\n", "line 2: the row is longer than 8 MiB. A quote may not be closed"},
		"many cells":  {"sym:cloud,okta:x\na@acme.com" + strings.Repeat(",xxxxxxxxxxxxxxxx", maxRow/8) + "\n", "line 2: the row is longer than 8 MiB"},
		"many quotes": {"sym:cloud,okta:x\na@acme.com" + strings.Repeat(`,"xxxxxxxxxxxxxxxx"`, maxRow/8) + "\n", "line 2: the row is longer than 8 MiB. A quote may not be closed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := Check(strings.NewReader(c.text)); err == nil || err.Error() != c.want {
				t.Errorf("got %.200v", err)
			}
		})
	}
}

// endless is a CSV of so many rows that is never in memory as a whole.
type endless struct {
	rows, next int
	rest       string
}

func (e *endless) Seek(int64, int) (int64, error) {
	e.next, e.rest = 0, "sym:cloud,okta:acme.okta.com,github:acme\n"
	return 0, nil
}

func (e *endless) Read(p []byte) (int, error) {
	if e.rest == "" {
		if e.next == e.rows {
			return 0, io.EOF
		}
		e.rest = fmt.Sprintf("person%d@acme.com,00u%d,\"user-%d\"\n", e.next, e.next, e.next)
		e.next++
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// Not parallel: it measures memory.
func TestMemoryIsConstant(t *testing.T) { //nolint:paralleltest // see above
	sheet, err := Check(&endless{rows: 100_000})
	if err != nil || sheet.Users != 100_000 || len(sheet.Services) != 2 {
		t.Fatalf("got %+v, %v", sheet, err)
	}
	var before, during runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	seen := 0
	err = sheet.Rows(func(r Row) error {
		if seen++; seen == 80_000 {
			want := Row{Line: 80_001, User: "person79999@acme.com", Key: "person79999@acme.com",
				Identities: []ServiceIdentity{{sheet.Services[0], "00u79999"}, {sheet.Services[1], "user-79999"}}}
			if diff := cmp.Diff(want, r); diff != "" {
				t.Error(diff)
			}
			runtime.GC()
			runtime.ReadMemStats(&during)
		}
		return nil
	})
	if err != nil || seen != 100_000 {
		t.Fatalf("%d rows, %v", seen, err)
	}
	if grown := int64(during.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 { // the text is 4 MB
		t.Errorf("%d bytes more are live after 80,000 rows", grown)
	}
	stop := errors.New("enough")
	if err := sheet.Rows(func(Row) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

// A file that changes between the check and the reading is not taken on trust.
func TestChangedMeanwhile(t *testing.T) {
	t.Parallel()
	in := &changing{first: "sym:cloud,okta:x\na@acme.com,1\n", then: "sym:cloud,okta:x\n,1\n"}
	sheet, err := Check(in)
	if err != nil {
		t.Fatal(err)
	}
	in.changed = true
	if err := sheet.Rows(func(r Row) error { t.Errorf("got %+v", r); return nil }); err == nil {
		t.Error("the change was not noticed")
	}
}

type changing struct {
	first, then string
	changed     bool
	strings.Reader
}

func (c *changing) Seek(offset int64, whence int) (int64, error) {
	c.Reset(c.first)
	if c.changed {
		c.Reset(c.then)
	}
	return c.Reader.Seek(offset, whence)
}

type broken struct{ io.ReadSeeker }

func (broken) Read([]byte) (int, error) { return 0, io.ErrNoProgress }

func TestUnreadable(t *testing.T) {
	t.Parallel()
	if _, err := Check(broken{strings.NewReader("x")}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v", err)
	}
}
