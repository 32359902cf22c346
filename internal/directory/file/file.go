// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package file is a directory read from a CSV or JSON export.
package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"os"
	"path/filepath"
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
	// Path names a CSV file with the header email,id and optionally active, or a
	// JSON file with a list of {"id", "emails", "active"}. Its extension, .csv
	// or .json, says which, else its first character.
	Path string `hcl:"path" kind:"path"`
	// Format is one of the exports of formats, whose columns are known; "" is none.
	Format string `hcl:"format,optional"`
	// EmailColumn, IDColumn and ActiveColumn name the columns of a CSV file with
	// other names, without regard to case; "" is email, id and active. Where one is
	// set, other columns of the file are passed over.
	EmailColumn  string `hcl:"email_column,optional"`
	IDColumn     string `hcl:"id_column,optional"`
	ActiveColumn string `hcl:"active_column,optional"`
	// ActiveValues are the cells of ActiveColumn that mean active, without regard to
	// case; none is true, yes, 1 and blank.
	ActiveValues []string `hcl:"active_values,optional"`
}

// columns returns which columns to read, or an error of the configuration.
func (c Config) columns() (columns, error) {
	if len(c.ActiveValues) > 0 && c.ActiveColumn == "" {
		return columns{}, errors.New("active_values: it needs active_column")
	}
	if c.Format != "" {
		known, ok := formats[c.Format]
		switch {
		case !ok:
			return columns{}, fmt.Errorf("format: %q is none of %s. Name the columns with email_column, id_column and active_column instead",
				c.Format, strings.Join(slices.Sorted(maps.Keys(formats)), ", "))
		case c.EmailColumn != "" || c.IDColumn != "" || c.ActiveColumn != "":
			return columns{}, errors.New("format: it names the columns already; remove email_column, id_column and active_column, or format")
		}
		return known, nil
	}
	named := columns{active: c.ActiveColumn}
	if c.EmailColumn != "" {
		named.emails = []string{c.EmailColumn}
	}
	if c.IDColumn != "" {
		named.ids = []string{c.IDColumn}
	}
	if len(c.ActiveValues) > 0 {
		named.isActive = among(c.ActiveValues...)
	}
	return named, nil
}

// maxBytes bounds a file: it is held in memory.
const maxBytes = 256 << 20

// clockResolution bounds the time in which a file may change again without a new
// modification time, on file systems with a coarse clock.
const clockResolution = 2 * time.Second

type file struct {
	path    string
	columns columns

	mu       sync.Mutex
	people   people
	version  version
	settled  bool // what was read cannot be changed under the same version
	readable bool
}

// version identifies the content of the file.
type version struct {
	modified time.Time
	size     int64
}

var (
	_ directory.Directory   = (*file)(nil)
	_ directory.BatchFinder = (*file)(nil)
	_ directory.Lister      = (*file)(nil)
)

// Open reads the file; it is read again whenever it changes.
func Open(cfg Config) (directory.Directory, error) {
	if strings.TrimSpace(cfg.Path) == "" {
		return nil, errors.New("path: it is empty")
	}
	want, err := cfg.columns()
	if err != nil {
		return nil, err
	}
	f := &file{path: cfg.Path, columns: want}
	if _, err := f.current(); err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	return f, nil
}

// Describe implements directory.Directory.
func (f *file) Describe() directory.Descriptor {
	return directory.Descriptor{Lookup: true, LookupSeesInactive: true,
		BatchSize: math.MaxInt32} // one reading of the file answers all
}

// Pages implements directory.Lister: the file is one page.
func (f *file) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	return func(yield func([]directory.Account, error) bool) {
		known, err := f.current()
		if err = errors.Join(ctx.Err(), err); err != nil {
			yield(nil, err)
			return
		}
		yield(known.all(), nil)
	}
}

// Check reads the file if it changed.
func (f *file) Check(context.Context) error {
	_, err := f.current()
	return err
}

// CheckNote says what a successful check proves.
func (*file) CheckNote() string { return "the file can be read" }

// Find implements directory.Directory.
func (f *file) Find(ctx context.Context, email string) ([]directory.Account, error) {
	found, err := f.FindMany(ctx, []string{email})
	return found[email], err
}

// FindMany answers for all addresses from one reading of the file.
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
		found[email] = known.find(email)
	}
	return found, nil
}

// current returns the content of the file as it is now, or an error if the file
// can no longer be read.
func (f *file) current() (people, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	if err != nil {
		f.readable = false
		return nil, err
	}
	now := version{modified: info.ModTime(), size: info.Size()}
	if f.readable && f.settled && f.version == now {
		return f.people, nil
	}
	f.readable = false
	loaded, read, at, err := load(f.path, f.columns)
	if err != nil {
		return nil, err
	}
	f.people, f.version, f.readable = loaded, read, true
	f.settled = at.Sub(read.modified) > clockResolution
	return loaded, nil
}

// load reads the file. It returns the version from before and the time.
func load(path string, want columns) (people, version, time.Time, error) {
	at := time.Now()
	fail := func(err error) (people, version, time.Time, error) { return nil, version{}, at, err }
	in, err := os.Open(path)
	if err != nil {
		return fail(err)
	}
	defer func() { _ = in.Close() }()
	info, err := in.Stat()
	switch {
	case err != nil:
		return fail(err)
	case !info.Mode().IsRegular():
		return fail(fmt.Errorf("%s is not a file", path))
	}
	data, err := io.ReadAll(io.LimitReader(in, maxBytes+1))
	switch {
	case err != nil:
		return fail(err)
	case len(data) > maxBytes:
		return fail(fmt.Errorf("%s is larger than %d MiB", path, maxBytes>>20))
	}
	loaded, err := decode(path, data, want)
	if err != nil {
		return fail(err)
	}
	return loaded, version{modified: info.ModTime(), size: info.Size()}, at, nil
}

// decode reads an export; errors begin with name, whose extension gives the
// format.
func decode(name string, data []byte, want columns) (people, error) {
	text, err := symcsv.Text(data)
	if err != nil {
		return nil, fmt.Errorf("%s:1: %w", name, err)
	}
	isJSON := strings.HasPrefix(strings.TrimSpace(text), "[")
	switch strings.ToLower(filepath.Ext(name)) {
	case ".json":
		isJSON = true
	case ".csv":
		isJSON = false
	}
	var rows []row
	switch {
	case isJSON && want.custom():
		err = fmt.Errorf("%s:1: the file is JSON, and format, email_column, id_column and active_column are about columns of CSV", name)
	case isJSON:
		rows, err = decodeJSON(name, []byte(text))
	default:
		rows, err = decodeCSV(name, text, want)
	}
	if err != nil {
		return nil, err
	}
	return indexRows(name, rows)
}

// row is one line of a CSV file or one object of a JSON file.
type row struct {
	line   int
	id     string
	emails []string
	own    bool // every address is the account's own, not the first alone
	active bool
}

// people maps each normalised address to its accounts, and "" to those without
// an address.
type people map[string][]directory.Account

func (p people) find(email string) []directory.Account { return p[email] }

// all returns the accounts in an order that is always the same.
func (p people) all() []directory.Account {
	all := make([]directory.Account, 0, len(p))
	for _, email := range slices.Sorted(maps.Keys(p)) {
		all = append(all, p[email]...)
	}
	return all
}

// indexRows checks rows and indexes them. It makes one account row for each
// address. The first address of a row is the account's own, so every address of
// a CSV file is, in whatever order the rows are.
func indexRows(name string, rows []row) (people, error) {
	type entry struct {
		line   int
		active bool
	}
	byID := map[string]entry{}
	all := people{}
	for _, r := range rows {
		at := func(format string, args ...any) error {
			return fmt.Errorf("%s:%d: %s", name, r.line, fmt.Sprintf(format, args...))
		}
		if strings.TrimSpace(r.id) == "" {
			return nil, at("the id is empty")
		}
		if before, known := byID[r.id]; known && before.active != r.active {
			return nil, at("the account %q is active here or on line %d, but not on both", r.id, before.line)
		} else if !known {
			byID[r.id] = entry{line: r.line, active: r.active}
		}
		state := directory.StateActive
		if !r.active {
			state = directory.StateInactive
		}
		if len(r.emails) == 0 {
			all[""] = append(all[""], directory.Account{Identity: r.id, State: state})
		}
		for i, address := range r.emails {
			key, err := identity.ParseUser(address)
			if err != nil {
				return nil, at("%s", err)
			}
			if !key.IsEmail() {
				return nil, at("%q is not an e-mail", address)
			}
			all[key.Email()] = append(all[key.Email()], directory.Account{Identity: r.id, State: state,
				Addresses: []directory.Address{{Email: address, Kind: r.kindAt(i)}}})
		}
	}
	if len(all[""]) > 0 && len(all) == 1 {
		return nil, fmt.Errorf("%s:%d: none of the %d accounts has an address, so nobody could be found", name, rows[0].line, len(rows))
	}
	return all, nil
}

// kindAt returns what the address at a position of a row is: in a CSV file the
// account's own; in JSON the first one is, and further ones are aliases.
func (r row) kindAt(i int) directory.AddressKind {
	if i == 0 || r.own {
		return directory.Primary
	}
	return directory.Alias
}
