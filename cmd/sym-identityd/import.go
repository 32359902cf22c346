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
	"os"
	"slices"

	"github.com/schollz/progressbar/v3"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/identityd"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/jsonlines"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
	"github.com/sym-identity/terraform-provider-sym/internal/symcsv"
)

// importActor changes the store, in the history of a CSV's mappings.
const importActor = "import"

// imports fills an empty store with everything of another (jsonl), its id included,
// or adds the identities of a CSV to any store. It stores all or nothing.
func (p *program) imports(ctx context.Context, args []string) error {
	var format, path string
	var newID bool
	cfg, err := p.load("import", args, func(flags *flag.FlagSet) {
		choose(flags, &format, "format", formatJSON, formatCSV)
		flags.StringVar(&path, "in", "", "`file` to read; standard input without it")
		flags.BoolVar(&newID, "new-store-id", false, "give the new store an id of its own, because the exported store stays in use (jsonl only)")
	})
	if cfg == nil || err != nil {
		return err
	}
	in := p.stdin
	var size int64
	if path != "" {
		f, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("the file to import cannot be read: %w. Check the path of -in", err)
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil {
			size = info.Size()
		}
		in = f
	}
	bar := p.progress("importing", "bytes", size)
	defer bar.Finish() //nolint:errcheck // it fails only to draw
	// A read of a pipe or a terminal may never return.
	read, copied := io.Pipe()
	defer read.Close()
	go func() {
		_, err := io.Copy(copied, in)
		copied.CloseWithError(err)
	}()
	defer context.AfterFunc(ctx, func() { copied.CloseWithError(ctx.Err()) })()
	shown := progressbar.NewReader(read, bar)
	var counts store.Counts
	if format == formatCSV {
		counts, err = p.importCSV(ctx, cfg, &shown)
	} else {
		counts, err = importJSON(ctx, cfg, &shown, newID)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return errors.New("the import was interrupted: " + err.Error())
	case err != nil:
		return err
	}
	fmt.Fprintf(p.stderr, "imported %s from %s\n", countsText(counts), cmp.Or(path, "standard input"))
	return nil
}

func importJSON(ctx context.Context, cfg *config.Config, in io.Reader, newID bool) (store.Counts, error) {
	r, err := jsonlines.NewReader(in)
	if err != nil {
		return store.Counts{}, err
	}
	if org := r.Header().Org; org != cfg.Org {
		return store.Counts{}, fmt.Errorf("the export is of the organization %q, the configuration is for %q. Nothing was imported", org, cfg.Org)
	}
	return withStore(ctx, cfg, func(st *sqlstore.Store) (store.Counts, error) {
		opts := sqlstore.ImportOptions{StoreID: r.Header().StoreID, Place: r.Place}
		if newID {
			opts.StoreID = ""
		}
		return st.Import(ctx, opts, r.Next)
	})
}

func withStore(ctx context.Context, cfg *config.Config, do func(*sqlstore.Store) (store.Counts, error)) (store.Counts, error) {
	st, err := identityd.OpenStore(ctx, cfg)
	if err != nil {
		return store.Counts{}, err
	}
	counts, err := do(st)
	return counts, errors.Join(err, st.Close())
}

// importCSV stores the identities of a CSV as symflow's own import does: as
// manual mappings, which replace stored ones. It leaves other mappings alone, and
// checks every row before it stores the first.
func (p *program) importCSV(ctx context.Context, cfg *config.Config, in io.Reader) (store.Counts, error) {
	text, err := io.ReadAll(in)
	if err != nil {
		return store.Counts{}, fmt.Errorf("reading the CSV: %w", err)
	}
	sheet, err := symcsv.ParseSheet(string(text))
	if err != nil {
		return store.Counts{}, err
	}
	return withStore(ctx, cfg, func(st *sqlstore.Store) (store.Counts, error) {
		// The first import may well come before the first start of the server.
		if err := identityd.Register(ctx, cfg, st); err != nil {
			return store.Counts{}, err
		}
		if err := keepFurtherKeys(ctx, st, sheet); err != nil {
			return store.Counts{}, err
		}
		writes, counts := csvWrites(sheet)
		_, err := st.UpsertUsers(ctx, store.Actor{Name: importActor}, writes)
		var batch *identity.BatchError
		switch {
		case errors.As(err, &batch):
			return store.Counts{}, importFailures(batch)
		case err != nil:
			return store.Counts{}, err
		}
		return counts, p.warnShared(ctx, st, writes)
	})
}

// warnShared names accounts of an import that more than one user holds now.
func (p *program) warnShared(ctx context.Context, st *sqlstore.Store, writes []store.UserWrite) error {
	accounts := map[identity.ServiceKey][]string{}
	for _, w := range writes {
		for _, m := range w.Mappings {
			accounts[m.Service] = append(accounts[m.Service], m.Matcher.AccountKey(m.Service.Type))
		}
	}
	var shared []string
	for service, keys := range accounts {
		held := identity.Named(identity.Distinct(keys)...)
		users, err := st.Holders(ctx, service, held)
		if err != nil {
			return fmt.Errorf("the CSV is imported, but whether accounts have two users is not known: %w", err)
		}
		index := identity.NewIndex()
		for _, u := range users {
			index.Put(u)
		}
		for _, account := range held {
			if h := index.Holders(service, account); len(h) > 1 {
				shared = append(shared, fmt.Sprintf("warning: %s in %s is the account of %d users, such as %s and %s. Correct all but one, unless they share it",
					identity.Quote(h[0].Mapping.Matcher.String()), service, len(h), h[0].User, h[1].User))
			}
		}
	}
	slices.Sort(shared)
	for _, line := range shared[:min(len(shared), maxFailures)] {
		fmt.Fprintln(p.stderr, line)
	}
	if len(shared) > maxFailures {
		fmt.Fprintf(p.stderr, "warning: further accounts of several users: %d\n", len(shared)-maxFailures)
	}
	return nil
}

// keepFurtherKeys completes cells of plain text from stored matchers of several
// keys: symflow writes one of them and leaves the others out. A cell with another
// value would drop those keys, and is an error.
func keepFurtherKeys(ctx context.Context, st *sqlstore.Store, sheet *symcsv.Sheet) error {
	keys := make([]identity.UserKey, len(sheet.Rows))
	for i, r := range sheet.Rows {
		keys[i] = r.Key
	}
	users, err := st.FindUsers(ctx, keys)
	if err != nil {
		return err
	}
	stored := make(map[identity.UserKey]identity.User, len(users))
	for _, u := range users {
		stored[u.Key] = u
	}
	var problems symcsv.Error
	for _, r := range sheet.Rows {
		for i, id := range r.Identities {
			m, has := stored[r.Key].Mapping(id.Service)
			if _, plain := m.Matcher.Identity(id.Service.Type); !has || plain || id.Whole {
				continue
			}
			if id.Matcher.AccountKey(id.Service.Type) == m.Matcher.AccountKey(id.Service.Type) {
				r.Identities[i].Matcher = m.Matcher
				continue
			}
			problems.Problems = append(problems.Problems, symcsv.Problem{Line: r.Line, Column: id.Service.String(), Err: fmt.Errorf(
				"%s would replace the stored matcher %s, which has other keys. Clear the cell, and change the mapping with the matcher attribute of a sym_identity resource",
				identity.Quote(id.Matcher.String()), identity.Quote(m.Matcher.String()))})
		}
	}
	if len(problems.Problems) > 0 {
		return &problems
	}
	return nil
}

// csvWrites returns the writes of a sheet, and how much they store.
func csvWrites(sheet *symcsv.Sheet) ([]store.UserWrite, store.Counts) {
	var writes []store.UserWrite
	counts := store.Counts{Services: int64(len(sheet.Services))}
	for _, r := range sheet.Rows {
		if len(r.Identities) == 0 {
			continue // a row without identities says nothing
		}
		w := store.UserWrite{Key: r.Key, Name: r.User}
		for _, id := range r.Identities {
			w.Mappings = append(w.Mappings, store.MappingWrite{Service: id.Service, Matcher: id.Matcher})
		}
		writes = append(writes, w)
		counts.Users++
		counts.Mappings += int64(len(w.Mappings))
	}
	return writes, counts
}

// maxFailures bounds how many problems are listed.
const maxFailures = 20

// importFailures lists problems of a refused batch, each on a line.
func importFailures(batch *identity.BatchError) error {
	errs := []error{errors.New("nothing was imported, for these reasons")}
	for i, c := range batch.Items {
		if i == maxFailures {
			errs = append(errs, fmt.Errorf("and %d more", len(batch.Items)-i))
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
