// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package jsonlines writes a store's records to a file, one JSON object on each
// line, and reads them back. The first line says what the file is, the last one
// how much is in it, so that a file that was cut off is never taken for a whole one.
package jsonlines

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// Version is the format this program writes and reads.
const Version = 1

// MaxLine bounds one line, and with it what reading a file keeps in memory. A
// user with a thousand mappings has less than 4 MiB.
const MaxLine = 32 << 20

// Header holds what the first line says.
type Header struct {
	Version int       `json:"sym_identity_export"`
	Org     string    `json:"org"`
	StoreID string    `json:"store_id,omitempty"` // "" in exports of releases whose stores had none
	At      time.Time `json:"at"`                 // when the export began
	History bool      `json:"history"`
}

// end is the last line.
type end struct {
	Counts *store.Counts `json:"end,omitempty"`
}

// Writer writes an export.
type Writer struct {
	out    *bufio.Writer
	enc    *json.Encoder
	counts store.Counts
}

// NewWriter writes the first line. Version is filled in.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	out := bufio.NewWriterSize(w, 64<<10)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	h.Version = Version
	return &Writer{out: out, enc: enc}, enc.Encode(h)
}

// Write writes one record.
func (w *Writer) Write(r store.Record) error {
	w.counts.Add(r)
	return w.enc.Encode(r)
}

// Close writes the last line and all that is still buffered. It does not close
// the file below.
func (w *Writer) Close() (store.Counts, error) {
	return w.counts, errors.Join(w.enc.Encode(end{&w.counts}), w.out.Flush())
}

// Reader reads an export.
type Reader struct {
	in     *bufio.Scanner
	line   int
	header Header
	counts store.Counts
	ended  bool
}

// NewReader reads the first line.
func NewReader(r io.Reader) (*Reader, error) {
	out := &Reader{in: bufio.NewScanner(r)}
	out.in.Buffer(nil, MaxLine)
	text, err := out.next()
	if errors.Is(err, io.EOF) {
		return nil, bad("the input is empty", "")
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &out.header); err != nil || out.header.Version == 0 {
		return nil, bad("the first line is not that of an export", "Name a file that `sym-identityd export` wrote; CSV needs -format csv.")
	}
	if out.header.Version != Version {
		return nil, bad(fmt.Sprintf("the export has format %d, this program reads format %d", out.header.Version, Version),
			"Use the release that wrote it, or a newer one.")
	}
	return out, nil
}

// Header returns what the first line says.
func (r *Reader) Header() Header { return r.header }

// Place names the line of the last record.
func (r *Reader) Place() string { return fmt.Sprintf("line %d of the export", r.line) }

// Next reads a record; io.EOF after the last, once the file has proved whole.
func (r *Reader) Next() (store.Record, error) {
	text, err := r.next()
	switch {
	case errors.Is(err, io.EOF) && r.ended:
		return store.Record{}, io.EOF
	case errors.Is(err, io.EOF):
		return store.Record{}, bad(fmt.Sprintf("the export ends on line %d, without its last line", r.line), "It was cut off. Nothing was imported.")
	case err != nil:
		return store.Record{}, err
	case r.ended:
		return store.Record{}, r.wrong(errors.New("something follows the last line"))
	}
	var line struct {
		store.Record
		end
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields() // what is not understood would be lost
	if err := dec.Decode(&line); errors.Is(err, io.ErrUnexpectedEOF) {
		return store.Record{}, r.wrong(errors.New("it was cut off here"))
	} else if err != nil {
		return store.Record{}, r.wrong(err)
	}
	if dec.More() {
		return store.Record{}, r.wrong(errors.New("the line holds more than one record"))
	}
	if line.Counts == nil {
		r.counts.Add(line.Record)
		return line.Record, nil
	}
	if line.Record != (store.Record{}) || *line.Counts != r.counts {
		return store.Record{}, r.wrong(fmt.Errorf("it says that the file holds %+v, but it holds %+v", *line.Counts, r.counts))
	}
	r.ended = true
	return r.Next()
}

func (r *Reader) wrong(err error) error {
	return bad(fmt.Sprintf("line %d of the export: %v", r.line, err), "Nothing was imported.")
}

func bad(message, hint string) error {
	return identity.Invalid(identity.CodeInvalid, message, hint)
}

// next returns a line without its end. Empty lines are skipped.
func (r *Reader) next() ([]byte, error) {
	for r.in.Scan() {
		r.line++
		if !utf8.Valid(r.in.Bytes()) {
			return nil, r.wrong(errors.New("it is not valid UTF-8"))
		}
		if text := bytes.TrimSpace(r.in.Bytes()); len(text) > 0 {
			return text, nil
		}
	}
	switch err := r.in.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, bad(fmt.Sprintf("line %d of the export is longer than %d bytes", r.line+1, MaxLine), "Nothing was imported.")
	case err != nil:
		return nil, fmt.Errorf("reading line %d of the export: %w", r.line+1, err)
	}
	return nil, io.EOF
}
