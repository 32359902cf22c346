// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symcsv

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxRow bounds one row, and with it what reading a file keeps in memory.
const maxRow = 8 << 20

// row is at least one cell.
type row []cell

// cell is a value and the line it starts on, from 1.
type cell struct {
	text string
	line int
}

func (r row) blank() bool {
	for _, c := range r {
		if !isBlank(c.text) {
			return false
		}
	}
	return true
}

// reader reads comma-separated cells, a row at a time. A cell that starts with
// the quote ends with it and may hold commas, line ends and the doubled quote;
// elsewhere the quote is a character like any other. Lines end with LF, CRLF or
// CR. Empty lines are no rows.
type reader struct {
	in     *bufio.Reader
	quote  byte
	line   int // where what is not read yet starts, from 1
	quoted int // cells so far that were quoted
	size   int // bytes of the row so far
}

// newReader starts at the beginning, behind a byte order mark.
func newReader(in io.ReadSeeker, quote byte) (*reader, error) {
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("reading the CSV: %w", err)
	}
	r := &reader{in: bufio.NewReaderSize(in, 64<<10), quote: quote, line: 1}
	if mark, _ := r.in.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
		_, _ = r.in.Discard(len(byteOrderMark))
	}
	return r, nil
}

const byteOrderMark = "\ufeff"

// next reads a row; io.EOF after the last. A *Problem makes it impossible to
// read on.
func (r *reader) next() (row, error) {
	for {
		if _, err := r.peek(1); err != nil {
			return nil, err
		}
		cells, err := r.row()
		if err != nil || len(cells) > 1 || cells[0].text != "" {
			return cells, err
		}
	}
}

// peek looks at the next n bytes; fewer stand there only at the end.
func (r *reader) peek(n int) ([]byte, error) {
	b, err := r.in.Peek(n)
	switch {
	case len(b) > 0:
		return b, nil
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	}
	return nil, fmt.Errorf("reading the CSV: %w", err)
}

// row reads up to the end of the line.
func (r *reader) row() (row, error) {
	var cells row
	r.size = 0
	for {
		c, err := r.cell()
		if err != nil {
			return nil, err
		}
		cells = append(cells, c)
		b, err := r.peek(1)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if len(b) == 0 || b[0] != ',' {
			break
		}
		r.skip(1)
	}
	b, err := r.peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if end := lineEnd(b); end > 0 {
		r.skip(end)
		r.line++
	}
	return cells, nil
}

// skip goes on by bytes that were looked at.
func (r *reader) skip(n int) { _, _ = r.in.Discard(n) }

// cell reads up to a comma, the end of the line or of the text.
func (r *reader) cell() (cell, error) {
	c := cell{line: r.line}
	b, err := r.peek(1)
	switch {
	case errors.Is(err, io.EOF):
		return c, nil
	case err != nil:
		return c, err
	case b[0] == r.quote:
		return r.quotedCell()
	}
	text, _, err := r.until(",\r\n")
	c.text = text
	if err == nil && r.size > maxRow {
		err = &Problem{Line: c.line, Err: fmt.Errorf("the row is longer than %d MiB", maxRow>>20)}
	}
	return c, err
}

// quotedCell reads a cell that starts with the quote.
func (r *reader) quotedCell() (cell, error) {
	c := cell{line: r.line}
	r.quoted++
	r.skip(1)
	var value strings.Builder
	for {
		text, found, err := r.until(string(r.quote))
		if err != nil {
			return c, err
		}
		switch {
		case !found && r.size > maxRow:
			return c, &Problem{Line: c.line, Err: fmt.Errorf("the row is longer than %d MiB. A quote may not be closed", maxRow>>20)}
		case !found:
			return c, &Problem{Line: c.line, Err: errors.New("a quote opens on this line and is never closed")}
		}
		value.WriteString(text)
		r.line += lineEnds(text)
		r.skip(1)
		b, err := r.peek(1)
		if err != nil && !errors.Is(err, io.EOF) {
			return c, err
		}
		if len(b) == 0 || b[0] != r.quote {
			break
		}
		value.WriteByte(r.quote)
		r.skip(1)
	}
	c.text = value.String()
	b, err := r.peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return c, err
	}
	if len(b) > 0 && b[0] != ',' && lineEnd(b) == 0 {
		return c, &Problem{Line: r.line, Err: errors.New("text follows a closing quote. Inside a quoted cell, a quote is written twice")}
	}
	return c, nil
}

// until reads up to one of some characters, which is left, or to the end, or
// until the row is too long.
func (r *reader) until(stops string) (text string, found bool, err error) {
	var read []byte
	for r.size <= maxRow {
		if _, err := r.peek(1); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return "", false, err
		}
		b, _ := r.in.Peek(r.in.Buffered())
		end := bytes.IndexAny(b, stops)
		if found = end >= 0; !found {
			end = len(b)
		}
		read = append(read, b[:end]...)
		r.size += end
		r.skip(end)
		if found {
			break
		}
	}
	return string(read), found, nil
}

// lineEnd is the length of the line end that b starts with, 0 for none.
func lineEnd(b []byte) int {
	switch {
	case bytes.HasPrefix(b, []byte("\r\n")):
		return 2
	case bytes.HasPrefix(b, []byte("\n")), bytes.HasPrefix(b, []byte("\r")):
		return 1
	}
	return 0
}

func lineEnds(s string) int {
	return strings.Count(s, "\n") + strings.Count(s, "\r") - strings.Count(s, "\r\n")
}
