// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package file is a directory read from a CSV or JSON export.
package file

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symcsv"
)

// Config names the export.
type Config struct {
	Path string `hcl:"path" kind:"path"` // a file of CSV, JSON or LDIF; its extension says which, else what it begins with
	// Format is one of the exports of formats, which are known; "" is none.
	Format string `hcl:"format,optional"`
	// EmailColumn, IDColumn and ActiveColumn name the columns of a CSV file with
	// other names, without regard to case, or paths in the records of a JSON file;
	// "" is email, id and active. Where one is set, all others are passed over.
	// LDIF takes IDColumn alone, which names an attribute.
	EmailColumn  string `hcl:"email_column,optional"`
	IDColumn     string `hcl:"id_column,optional"`
	ActiveColumn string `hcl:"active_column,optional"`
	// ActiveValues are the cells of ActiveColumn that mean active, without regard to
	// case; none is true, yes, 1 and blank.
	ActiveValues []string `hcl:"active_values,optional"`

	Service identity.ServiceKey // whose accounts the file holds
}

// format returns how to read the file, or an error of the configuration.
func (c Config) format() (format, error) {
	if len(c.ActiveValues) > 0 && c.ActiveColumn == "" {
		return format{}, errors.New("active_values: it needs active_column")
	}
	if c.Format == "" {
		if c.EmailColumn == "" && c.IDColumn == "" && c.ActiveColumn == "" {
			return format{}, nil
		}
		return format{columns: c.columns()}, nil
	}
	known, ok := formats()[c.Format]
	switch {
	case !ok:
		return format{}, fmt.Errorf("format: %q is none of %s. Name the columns with email_column, id_column and active_column instead",
			c.Format, strings.Join(slices.Sorted(maps.Keys(formats())), ", "))
	case c.EmailColumn != "" || c.ActiveColumn != "" || c.IDColumn != "" && known.ldif == "":
		return format{}, errors.New("format: it names the columns already; remove email_column, id_column and active_column, or format")
	}
	return known, nil
}

// columns returns the columns that the configuration names.
func (c Config) columns() *columns {
	named := &columns{
		id:       need(cmp.Or(c.IDColumn, "id")),
		emails:   []column{need(cmp.Or(c.EmailColumn, "email"))},
		statuses: []statusColumn{{column: maybe("active"), read: readActive}},
	}
	if c.ActiveColumn != "" {
		named.statuses[0].column = need(c.ActiveColumn)
	}
	if len(c.ActiveValues) > 0 {
		words := map[string]status{}
		for _, value := range c.ActiveValues {
			words[identity.FoldASCII(strings.TrimSpace(value))] = active
		}
		named.statuses[0].read = oneOf(words, inactive)
	}
	return named
}

// maxBytes bounds a file: it is held in memory.
const maxBytes = 256 << 20

// clockResolution bounds the time in which a file may change again without a new
// modification time, on file systems with a coarse clock.
const clockResolution = 2 * time.Second

type file struct {
	directory.Descriptor
	cfg    Config
	format format

	mu      sync.Mutex
	people  *people
	version version // of people; zero = the file has to be read again
}

// version identifies the content of the file.
type version struct {
	modified time.Time
	size     int64
}

var (
	_ directory.BatchFinder = (*file)(nil)
	_ directory.Lister      = (*file)(nil)
)

// Open reads the file; it is read again whenever it changes.
func Open(cfg Config) (directory.Directory, error) {
	if strings.TrimSpace(cfg.Path) == "" {
		return nil, errors.New("path: it is empty")
	}
	want, err := cfg.format()
	if err != nil {
		return nil, err
	}
	f := &file{
		Descriptor: directory.Descriptor{Lookup: true, LookupSeesInactive: true, BatchSize: math.MaxInt32}, // one reading of the file answers all
		cfg:        cfg, format: want,
	}
	if _, err := f.current(); err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	return f, nil
}

// Pages implements directory.Lister: the file is one page.
func (f *file) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	return func(yield func([]directory.Account, error) bool) {
		known, err := f.current()
		if err = errors.Join(ctx.Err(), err); err != nil {
			yield(nil, err)
			return
		}
		yield(known.accounts, nil)
	}
}

// Check reads the file if it changed.
func (f *file) Check(context.Context) error {
	_, err := f.current()
	return err
}

// CheckNote says what a successful check proves.
func (*file) CheckNote() string { return "the file can be read" }

func (f *file) Find(ctx context.Context, email string) ([]directory.Account, error) {
	found, err := f.FindMany(ctx, []string{email})
	return found[email], err
}

// FindMany answers for all addresses from one reading of the file, with all rows of
// an account: one may lack the address.
func (f *file) FindMany(ctx context.Context, emails []string) (map[string][]directory.Account, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	known, err := f.current()
	if err != nil {
		return nil, err
	}
	found := make(map[string][]directory.Account, len(emails))
	for _, email := range emails {
		var places []int32
		for _, i := range known.byEmail[email] {
			for _, row := range known.byAccount[accountOf(known.accounts[i])] {
				if !slices.Contains(places, row) {
					places = append(places, row)
					found[email] = append(found[email], known.accounts[row])
				}
			}
		}
	}
	return found, nil
}

// current returns the content of the file as it is now, or an error if the file
// can no longer be read.
func (f *file) current() (*people, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.cfg.Path)
	if err == nil && f.version == (version{info.ModTime(), info.Size()}) {
		return f.people, nil
	}
	f.version = version{}
	if err != nil {
		return nil, err
	}
	at := time.Now()
	in, err := os.Open(f.cfg.Path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }()
	data, read, err := readWhole(f.cfg.Path, in)
	if err != nil {
		return nil, err
	}
	loaded, err := f.decode(data)
	if err != nil {
		return nil, err
	}
	if at.Sub(read.modified) > clockResolution {
		f.people, f.version = loaded, read
	}
	return loaded, nil
}

// readWhole reads a file that does not change meanwhile.
func readWhole(path string, in interface {
	io.Reader
	Stat() (os.FileInfo, error)
}) ([]byte, version, error) {
	before, err := in.Stat()
	switch {
	case err != nil:
		return nil, version{}, err
	case !before.Mode().IsRegular():
		return nil, version{}, fmt.Errorf("%s is not a file", path)
	}
	data, err := io.ReadAll(io.LimitReader(in, maxBytes+1))
	switch {
	case err != nil:
		return nil, version{}, err
	case len(data) > maxBytes:
		return nil, version{}, fmt.Errorf("%s is larger than %d MiB", path, maxBytes>>20)
	}
	after, err := in.Stat()
	switch {
	case err != nil:
		return nil, version{}, err
	case after.Size() != int64(len(data)) || !after.ModTime().Equal(before.ModTime()):
		return nil, version{}, fmt.Errorf("%s changed while it was read. Write a new export beside it, and rename it when it is whole", path)
	}
	return data, version{modified: before.ModTime(), size: before.Size()}, nil
}

// decode reads an export. Errors begin with the name of the file.
func (f *file) decode(data []byte) (*people, error) {
	text, err := symcsv.Text(data)
	if err != nil {
		return nil, fmt.Errorf("%s:1: %w", f.cfg.Path, err)
	}
	entries, err := f.entries(text)
	if err == nil {
		return index(f.cfg.Path, entries)
	}
	if at, ok := errors.AsType[problem](err); ok {
		return nil, fmt.Errorf("%s:%d: %w", f.cfg.Path, at.line, at.err)
	}
	return nil, fmt.Errorf("%s:1: %w", f.cfg.Path, err)
}

// problem is an error and the line of the file that it is about, from 1.
type problem struct {
	line int
	err  error
}

func (p problem) Error() string { return fmt.Sprintf("%d: %s", p.line, p.err) }

// entry is an account of the file and the line on which it begins.
type entry struct {
	line    int
	account directory.Account
}

// people holds the rows of a file, and their places by normalised address and by
// account.
type people struct {
	accounts  []directory.Account
	byEmail   map[string][]int32
	byAccount map[string][]int32
}

// accountOf returns what all rows of an account share.
func accountOf(a directory.Account) string {
	return cmp.Or(a.AccountID, "\x00"+identity.FoldASCII(a.Identity))
}

// index checks accounts and indexes them.
func index(name string, entries []entry) (*people, error) {
	first := map[string]int{}
	all := &people{accounts: make([]directory.Account, len(entries)), byEmail: map[string][]int32{}, byAccount: map[string][]int32{}}
	var unreadable error
	for i, e := range entries {
		a := e.account
		unreadable = cmp.Or(unreadable, a.Unreadable)
		all.accounts[i] = a
		if strings.TrimSpace(a.Identity) == "" {
			return nil, fmt.Errorf("%s:%d: %w", name, e.line, cmp.Or(a.Unreadable, errors.New("the id is empty")))
		}
		if before, known := first[a.Identity]; known && (entries[before].account.State == directory.StateInactive) != (a.State == directory.StateInactive) {
			return nil, fmt.Errorf("%s:%d: the account %q is active on this line or on line %d, and inactive on the other. Keep one of the two lines", name, e.line, a.Identity, entries[before].line)
		} else if !known {
			first[a.Identity] = i
		}
		if a.Unreadable != nil {
			all.accounts[i].Unreadable = fmt.Errorf("line %d of the file: %w", e.line, a.Unreadable)
		}
		all.byAccount[accountOf(a)] = append(all.byAccount[accountOf(a)], int32(i))
		for _, email := range a.Emails() {
			if key, err := identity.Normalize(email); err == nil {
				all.byEmail[key] = append(all.byEmail[key], int32(i)) // a file of maxBytes has fewer
			}
		}
	}
	if len(entries) > 0 && len(all.byEmail) == 0 {
		because := ""
		if unreadable != nil {
			because = ": " + unreadable.Error()
		}
		return nil, fmt.Errorf("%s:%d: none of the %d accounts has an address, so nobody could be found%s", name, entries[0].line, len(entries), because)
	}
	return all, nil
}
