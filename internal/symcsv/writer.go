// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symcsv

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Writer writes what Render does, a user at a time, for stores that are larger
// than memory. Whoever writes brings the users in the order of their rows, each
// once.
type Writer struct {
	out      *bufio.Writer
	services []identity.ServiceKey // in the order of their columns
	columns  map[string]int
}

// NewWriter writes the header, with a column for each service.
func NewWriter(out io.Writer, services []string) (*Writer, error) {
	w := &Writer{out: bufio.NewWriterSize(out, 64<<10), columns: map[string]int{}}
	header := []string{userColumn}
	for _, name := range slices.Sorted(slices.Values(services)) {
		service, err := serviceOf(name)
		if err != nil {
			return nil, err
		}
		w.columns[name] = len(w.services)
		w.services, header = append(w.services, service), append(header, name)
	}
	return w, w.row(header)
}

// Write writes a user's row: service key → identity. A user without any
// identity has none.
func (w *Writer) Write(user string, identities map[string]string) error {
	if len(identities) == 0 {
		return nil
	}
	cells := make([]string, 1+len(w.services))
	cells[0] = strings.TrimSpace(user)
	for name, id := range identities {
		at, known := w.columns[name]
		if !known {
			return fmt.Errorf("user %q has an identity in %q, which is no column", user, shorten(name))
		}
		if err := identity.ValidateIdentity(w.services[at], id); err != nil {
			return fmt.Errorf("service %q, user %q: %w", shorten(name), user, err)
		}
		cells[1+at] = cellOf(w.services[at], id)
	}
	return w.row(cells)
}

// Flush writes what is still kept back. It is the last call.
func (w *Writer) Flush() error {
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("writing the CSV: %w", err)
	}
	return nil
}

func (w *Writer) row(cells []string) error {
	var b strings.Builder
	writeRow(&b, cells)
	if _, err := w.out.WriteString(b.String()); err != nil {
		return fmt.Errorf("writing the CSV: %w", err)
	}
	return nil
}
