// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/identityd"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/jsonlines"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
	"github.com/sym-identity/terraform-provider-sym/internal/symcsv"
)

// importActor is who changes the store, in the history of a CSV's mappings.
const importActor = "import"

// imports fills the store: an empty one with everything of another (jsonl), or
// any with the identities of a CSV. It is all or nothing.
func (p *program) imports(ctx context.Context, args []string) error {
	var format, path string
	cfg, err := p.load("import", args, func(flags *flag.FlagSet) {
		flags.StringVar(&format, "format", formatJSON, "jsonl or csv")
		flags.StringVar(&path, "in", "", "file to read; standard input without it")
	})
	if cfg == nil || err != nil {
		return err
	}
	if err := checkFormat(format); err != nil {
		return err
	}
	in := p.stdin
	if path != "" {
		f, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("the export cannot be read: %w", err)
		}
		defer f.Close()
		in = f
	}
	read := importJSON
	if format == formatCSV {
		read = importCSV
	}
	counts, err := read(ctx, cfg, in)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stderr, "imported %s from %s\n", describe(counts), cmp.Or(path, "standard input"))
	return nil
}

func importJSON(ctx context.Context, cfg *config.Config, in io.Reader) (store.Counts, error) {
	r, err := jsonlines.NewReader(in)
	if err != nil {
		return store.Counts{}, err
	}
	if org := r.Header().Org; org != cfg.Org {
		return store.Counts{}, fmt.Errorf("the export is of the organization %q, the configuration is for %q. Nothing was imported", org, cfg.Org)
	}
	return withStore(ctx, cfg, func(st *sqlstore.Store) (store.Counts, error) {
		return st.Import(ctx, r.Next)
	})
}

func withStore(ctx context.Context, cfg *config.Config, do func(*sqlstore.Store) (store.Counts, error)) (store.Counts, error) {
	st, err := identityd.OpenStore(ctx, cfg, false)
	if err != nil {
		return store.Counts{}, err
	}
	counts, err := do(st)
	return counts, errors.Join(err, st.Close())
}

// importCSV stores the identities of a CSV as symflow's own import does: by
// hand, over whatever is there; what the file leaves out is left alone. Every
// row is checked before the first is stored, so the file is read several times.
func importCSV(ctx context.Context, cfg *config.Config, in io.Reader) (_ store.Counts, err error) {
	file, remove, err := rewindable(in)
	if err != nil {
		return store.Counts{}, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	sheet, err := symcsv.Check(file)
	if err != nil {
		return store.Counts{}, err
	}
	return withStore(ctx, cfg, func(st *sqlstore.Store) (store.Counts, error) {
		// The first import may well come before the first start of the server.
		if err := identityd.Register(ctx, cfg, st); err != nil {
			return store.Counts{}, err
		}
		var counts store.Counts
		failed, err := st.UpsertAll(ctx, store.Actor{Name: importActor}, csvWrites(sheet, &counts))
		var batch *identity.BatchError
		if errors.As(err, &batch) {
			return store.Counts{}, failures(batch, failed)
		}
		return counts, err
	})
}

// rewindable is in where it can be read again, which a file can, else a copy
// of it that remove removes.
func rewindable(in io.Reader) (file io.ReadSeeker, remove func() error, err error) {
	if f, ok := in.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			return f, func() error { return nil }, nil
		}
	}
	f, err := os.CreateTemp("", "sym-identityd-import-*")
	if err != nil {
		return nil, nil, fmt.Errorf("the CSV cannot be kept while it is read: %w", err)
	}
	remove = func() error { return errors.Join(f.Close(), os.Remove(f.Name())) }
	if _, err := io.Copy(f, in); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("reading the CSV: %w", err), remove())
	}
	return f, remove, nil
}

// csvWrites are the writes of a sheet, and counts what they are, anew each time
// they are asked for.
func csvWrites(sheet *symcsv.Sheet, counts *store.Counts) iter.Seq2[store.UserWrite, error] {
	return func(yield func(store.UserWrite, error) bool) {
		*counts = store.Counts{Services: int64(len(sheet.Services))}
		ended := errors.New("no more are wanted")
		err := sheet.Rows(func(r symcsv.Row) error {
			if len(r.Identities) == 0 {
				return nil // a row without identities says nothing
			}
			w := store.UserWrite{Key: r.Key, Name: r.User}
			for _, id := range r.Identities {
				w.Mappings = append(w.Mappings, store.MappingWrite{Service: id.Service, Matcher: identity.NewMatcher(id.Service.Type, id.Identity)})
			}
			counts.Users++
			counts.Mappings += int64(len(w.Mappings))
			if !yield(w, nil) {
				return ended
			}
			return nil
		})
		if err != nil && !errors.Is(err, ended) {
			yield(store.UserWrite{}, err)
		}
	}
}

// maxFailures bounds how many problems are listed.
const maxFailures = 20

// failures names problems of a refused batch, each on a line. There were failed
// of them, and batch holds the first ones.
func failures(batch *identity.BatchError, failed int) error {
	errs := []error{errors.New("nothing was imported, for these reasons")}
	for i, c := range batch.Items {
		if i == maxFailures {
			errs = append(errs, fmt.Errorf("and %d more", failed-i))
			break
		}
		about := string(c.Err.User)
		if c.Err.Service != (identity.ServiceKey{}) {
			about += " in " + c.Err.Service.String()
		}
		errs = append(errs, fmt.Errorf("%s: %w", about, c.Err))
	}
	return errors.Join(errs...)
}
