// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symcsv"
)

// own is what to do with the export of somebody else.
const own = "For another export, set format, or name its columns with email_column and id_column"

// entries reads the accounts of a text. Its errors are a problem, or about the
// first line.
func (f *file) entries(text string) ([]entry, error) {
	begins := strings.TrimSpace(text)
	isJSON := strings.HasPrefix(begins, "[") || strings.HasPrefix(begins, "{")
	switch strings.ToLower(filepath.Ext(f.cfg.Path)) {
	case ".json", ".jsonl", ".ndjson":
		isJSON = true
	case ".csv":
		isJSON = false
	}
	want := f.format
	switch {
	case want.ldif != "":
		return decodeLDIF(text, want.ldif, f.cfg.IDColumn)
	case isJSON && want.json != nil:
		return f.records(text)
	case isJSON && f.cfg.Format != "":
		return nil, fmt.Errorf("the file is JSON, but %s is CSV", f.cfg.Format)
	case strings.HasPrefix(text, "PK\x03\x04"):
		return nil, errors.New("the file is a workbook or an archive; save the sheet as CSV")
	case isJSON && want.columns == nil:
		return decodeJSON(text)
	case isJSON:
		found, err := jsonRecords(text, want.columns.id.names[0])
		if err != nil {
			return nil, err
		}
		return want.columns.read(newPaths(found))
	case f.cfg.Format != "" && want.columns == nil:
		return nil, fmt.Errorf("the file is not JSON, as %s is", f.cfg.Format)
	}
	lines, err := symcsv.Table(text)
	var bad symcsv.Problem
	switch {
	case errors.As(err, &bad):
		return nil, problem{bad.Line, bad.Err}
	case len(lines) == 0 && want.columns == nil:
		return nil, errors.New("the file is empty; its first line is the header email,id or email,id,active")
	case len(lines) == 0:
		return nil, errors.New("the file is empty")
	}
	if want.columns == nil {
		want.columns = Config{}.columns()
		for _, name := range lines[0].Cells { // a column of another name may be a misspelled active
			if column := fold(name); column != "" && column != "email" && column != "id" && column != "active" {
				return nil, problem{lines[0].Line, fmt.Errorf("the header names a column %q; the columns are email, id and optionally active. "+own, name)}
			}
		}
	}
	entries, err := want.columns.read(newSheet(lines))
	if err != nil && !errors.As(err, new(problem)) {
		err = problem{lines[0].Line, err}
	}
	return entries, err
}

// fold returns the name of a column or a word in its cells as they are compared.
func fold(text string) string { return identity.FoldASCII(strings.TrimSpace(text)) }

// sheet holds the rows of a CSV file.
type sheet struct {
	header []string
	lines  []symcsv.Line
	at     map[string][]int // columns by folded name
}

func newSheet(lines []symcsv.Line) *sheet {
	s := &sheet{header: lines[0].Cells, lines: lines[1:], at: map[string][]int{}}
	for i, name := range lines[0].Cells {
		s.at[fold(name)] = append(s.at[fold(name)], i)
	}
	return s
}

func (s *sheet) len() int       { return len(s.lines) }
func (s *sheet) line(i int) int { return s.lines[i].Line }

func (s *sheet) has(name string) (bool, error) {
	if len(s.at[fold(name)]) > 1 {
		return false, fmt.Errorf("the header names the column %q twice", name)
	}
	return len(s.at[fold(name)]) == 1, nil
}

func (s *sheet) lacks(name string) error {
	return fmt.Errorf("the header lacks the column %q. It is %s", name, identity.Truncate(strings.Join(s.header, ", ")))
}

func (s *sheet) cells(i int, name string) ([]string, error) {
	return []string{s.lines[i].Cells[s.at[fold(name)][0]]}, nil
}

// paths holds the records of a JSON file, whose cells are at paths such as
// profile.email. A path goes through lists to the values of all their elements.
type paths struct {
	records []jsonRecord
	objects []map[string]any // of records
}

func newPaths(records []jsonRecord) *paths {
	p := &paths{records: records, objects: make([]map[string]any, len(records))}
	for i, r := range records {
		p.objects[i] = decodeObject(r.raw)
	}
	return p
}

func (p *paths) len() int       { return len(p.records) }
func (p *paths) line(i int) int { return p.records[i].line }

func (p *paths) has(path string) (bool, error) {
	for i := range p.records {
		if cells, err := p.cells(i, path); err != nil || len(cells) > 0 {
			return true, nil
		}
	}
	return len(p.records) == 0, nil
}

func (p *paths) lacks(path string) error {
	return fmt.Errorf("no record has %q. The first one has %s", path, memberNames(p.objects[0]))
}

func (p *paths) cells(i int, path string) ([]string, error) {
	return cellsAt(p.objects[i], strings.Split(path, "."))
}

func cellsAt(value any, path []string) ([]string, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case []any:
		var cells []string
		for _, element := range v {
			some, err := cellsAt(element, path)
			if err != nil {
				return nil, err
			}
			cells = append(cells, some...)
		}
		return cells, nil
	case map[string]any:
		if len(path) == 0 {
			return nil, errors.New("it is an object; name one of its members, as in profile.email")
		}
		return cellsAt(v[path[0]], path[1:])
	}
	if len(path) > 0 {
		return nil, nil
	}
	return []string{fmt.Sprint(value)}, nil
}

// jsonRecord is one element of a list.
type jsonRecord struct {
	line int
	raw  []byte
}

// jsonRecords returns the records of a JSON file: one or several lists, one after
// the other as tools write pages; objects that hold one list; or one record after
// the other, as in JSON lines, where idPath is in the object itself.
func jsonRecords(text, idPath string) ([]jsonRecord, error) {
	dec := json.NewDecoder(strings.NewReader(text))
	fail := func(offset int64, err error) ([]jsonRecord, error) { return nil, jsonProblem(text, offset, err) }
	var found []jsonRecord  // not nil after a document
	var last map[string]any // the last page that is an object
	line, counted := 1, 0   // lines before a place, which only moves on
	lineOf := func(place int) int {
		line += strings.Count(text[counted:place], "\n")
		counted = place
		return line
	}
	for {
		start := nextValue(text, dec.InputOffset())
		var doc json.RawMessage
		if err := dec.Decode(&doc); errors.Is(err, io.EOF) && found != nil {
			break
		} else if err != nil {
			return fail(dec.InputOffset(), err)
		}
		var object map[string]any // nil where the document is a list
		if doc[0] == '{' {
			object = decodeObject(doc)
		}
		if id, err := cellsAt(object, strings.Split(idPath, ".")); object != nil && idPath != "" && (len(id) == 1 || err != nil) {
			last = nil
			found = append(found, jsonRecord{lineOf(start), doc})
			continue
		}
		list := []byte(doc)
		if object != nil {
			switch lists := listsOf(doc); len(lists) {
			case 1:
				list = lists[0]
			case 0:
				return fail(int64(start), fmt.Errorf("the object holds no list of accounts, only %s", memberNames(object)))
			default:
				return fail(int64(start), errors.New("the object holds several lists, and no one says which has the accounts. Export the list alone"))
			}
		}
		last = object
		if found == nil {
			found = []jsonRecord{}
		}
		var elements []json.RawMessage
		if err := json.Unmarshal(list, &elements); err != nil {
			return fail(int64(start), errors.New("the file is not a list of accounts"))
		}
		for _, raw := range elements {
			start += max(strings.Index(text[start:], string(raw)), 0)
			if raw[0] != '{' {
				return fail(int64(start), errors.New("the list holds something else than objects"))
			}
			found = append(found, jsonRecord{lineOf(start), raw})
			start += len(raw)
		}
	}
	if name := goesOn(last); name != "" {
		return fail(int64(len(text)), fmt.Errorf("the list goes on after this file: %s says so. Export all pages", name))
	}
	if last != nil && len(found) == 0 {
		return fail(0, errors.New("the only list in the file is empty"))
	}
	return found, nil
}

func memberNames(object map[string]any) string {
	return identity.Truncate(strings.Join(slices.Sorted(maps.Keys(object)), ", "))
}

// nextValue returns where the value after an offset begins.
func nextValue(text string, offset int64) int {
	return len(text) - len(strings.TrimLeft(text[offset:], " \t\r\n"))
}

func decodeObject(raw []byte) map[string]any {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var object map[string]any
	_ = dec.Decode(&object) // it is the text of an object
	return object
}

// listsOf returns the lists in an object and in the objects in it.
func listsOf(object []byte) [][]byte {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(object, &members) // a list has no members
	var lists [][]byte
	for _, value := range members {
		switch {
		case bytes.HasPrefix(value, []byte("[")):
			lists = append(lists, value)
		default:
			lists = append(lists, listsOf(value)...)
		}
	}
	return lists
}

// goesOn returns the name of a member that says that a page is not the last one,
// "" if there is none.
func goesOn(page map[string]any) string {
	for name, value := range page {
		switch name {
		case "next_cursor", "nextPageToken", "NextToken", "@odata.nextLink", "more", "hasNextPage":
			if value != nil && value != "" && value != false {
				return name
			}
		}
		if inner, ok := value.(map[string]any); ok {
			if name := goesOn(inner); name != "" {
				return name
			}
		}
	}
	return ""
}

// records reads the records of a service's own API.
func (f *file) records(text string) ([]entry, error) {
	found, err := jsonRecords(text, f.format.idPath)
	if err != nil {
		return nil, err
	}
	var entries []entry
	for _, r := range found {
		if a, ok := f.format.json(r.raw, f.cfg.Service); ok {
			entries = append(entries, entry{r.line, a})
		}
	}
	return entries, nil
}

type jsonAccount struct {
	ID     any      `json:"id"`
	Emails []string `json:"emails"`
	Active *bool    `json:"active"`
}

// decodeJSON reads a list of accounts of our own form.
func decodeJSON(text string) ([]entry, error) {
	found, err := jsonRecords(text, "id")
	if err != nil {
		return nil, err
	}
	entries := make([]entry, len(found))
	for i, r := range found {
		if err := checkKeys(r.raw); err != nil {
			return nil, problem{r.line, err}
		}
		dec := json.NewDecoder(bytes.NewReader(r.raw))
		dec.DisallowUnknownFields() // a misspelled "emails" would be an account without addresses
		dec.UseNumber()
		var a jsonAccount
		if err := dec.Decode(&a); err != nil {
			return nil, problem{r.line, ownError(err)}
		}
		if entries[i].account, err = a.account(); err != nil {
			return nil, problem{r.line, err}
		}
		entries[i].line = r.line
	}
	return entries, nil
}

// ownError says what is wrong with a record of our own form.
func ownError(err error) error {
	var other *json.UnmarshalTypeError
	if errors.As(err, &other) {
		return fmt.Errorf("its field %q is a %s", other.Field, other.Value)
	}
	return fmt.Errorf("the record has an %s. %s", strings.TrimPrefix(err.Error(), "json: "), own)
}

// checkKeys refuses an object with a key that comes twice or in another case, as
// the last of them would hide another account.
func checkKeys(object []byte) error {
	dec := json.NewDecoder(bytes.NewReader(object))
	if _, err := dec.Token(); err != nil { // the opening brace
		return err
	}
	seen := map[string]bool{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		switch {
		case seen[name]:
			return fmt.Errorf("the key %q comes twice", name)
		case name != strings.ToLower(name):
			return fmt.Errorf("the key is %q; the keys are id, emails and active", name)
		}
		seen[name] = true
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
	}
	return nil
}

// account returns the account; its first address is its own.
func (a jsonAccount) account() (directory.Account, error) {
	out := directory.Account{State: directory.StateActive}
	if a.Active != nil && !*a.Active {
		out.State = directory.StateInactive
	}
	switch id := a.ID.(type) {
	case string:
		out.Identity = id
	case json.Number:
		out.Identity = id.String()
		if err := identity.CheckSpreadsheet(out.Identity); err != nil { // or another program that reads ids as numbers
			return out, fmt.Errorf("the id %w", err)
		}
	case nil:
		return out, errors.New("the id is missing")
	default:
		return out, errors.New("the id is neither a string nor a number")
	}
	kind := directory.Primary
	for _, email := range a.Emails {
		addAddress(&out, kind, email)
		kind = directory.Alias
	}
	return out, nil
}

func jsonProblem(text string, offset int64, err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = syntax.Offset
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return problem{lineAt(text, len(text)), errors.New("the file is cut off")}
	}
	return problem{lineAt(text, int(offset)), err}
}

func lineAt(text string, offset int) int {
	return 1 + strings.Count(text[:min(max(offset, 0), len(text))], "\n")
}
