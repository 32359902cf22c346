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
	"maps"
	"os"
	"slices"

	"github.com/sym-identity/terraform-provider-sym/internal/embedded"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/jsonlines"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
	"github.com/sym-identity/terraform-provider-sym/internal/symcsv"
)

// importActor is who changes the store, in the history of a CSV's mappings.
const importActor = "import"

// maxCSV bounds a CSV text, which is read as a whole.
const maxCSV = 256 << 20

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

func importJSON(ctx context.Context, cfg *embedded.Config, in io.Reader) (store.Counts, error) {
	r, err := jsonlines.NewReader(in)
	if err != nil {
		return store.Counts{}, err
	}
	if org := r.Header().Org; org != cfg.Org() {
		return store.Counts{}, fmt.Errorf("the export is of the organization %q, the configuration is for %q. Nothing was imported", org, cfg.Org())
	}
	return withStore(ctx, cfg, func(st *sqlstore.Store) (store.Counts, error) {
		return st.Import(ctx, r.Next)
	})
}

func withStore(ctx context.Context, cfg *embedded.Config, do func(*sqlstore.Store) (store.Counts, error)) (store.Counts, error) {
	st, err := cfg.OpenStore(ctx, false)
	if err != nil {
		return store.Counts{}, err
	}
	counts, err := do(st)
	return counts, errors.Join(err, st.Close())
}

// importCSV stores the identities of a CSV as symflow's own import does: by
// hand, over whatever is there; what the file leaves out is left alone.
func importCSV(ctx context.Context, cfg *embedded.Config, in io.Reader) (store.Counts, error) {
	text, err := io.ReadAll(io.LimitReader(in, maxCSV+1))
	if err != nil {
		return store.Counts{}, fmt.Errorf("reading the CSV: %w", err)
	}
	if len(text) > maxCSV {
		return store.Counts{}, fmt.Errorf("the CSV is larger than %d MiB. Split it, or use -format jsonl", maxCSV>>20)
	}
	identities, err := symcsv.Parse(string(text))
	if err != nil {
		return store.Counts{}, err
	}
	writes, counts, err := csvWrites(identities)
	if err != nil {
		return store.Counts{}, err
	}
	return withStore(ctx, cfg, func(st *sqlstore.Store) (store.Counts, error) {
		_, err := st.UpsertUsers(ctx, store.Actor{Name: importActor}, writes)
		var batch *identity.BatchError
		if errors.As(err, &batch) {
			return store.Counts{}, culprits(batch)
		}
		return counts, err
	})
}

// csvWrites are the writes of service key → user → identity, ordered by user.
func csvWrites(identities map[string]map[string]string) ([]store.UserWrite, store.Counts, error) {
	var counts store.Counts
	byUser := map[identity.UserKey]*store.UserWrite{}
	for _, name := range slices.Sorted(maps.Keys(identities)) {
		key, err := identity.ParseServiceKey(name)
		if err != nil {
			return nil, counts, err
		}
		counts.Services++
		for user, id := range identities[name] {
			userKey, err := identity.ParseUser(user)
			if err != nil {
				return nil, counts, err
			}
			w := byUser[userKey]
			if w == nil {
				w = &store.UserWrite{Key: userKey, Name: user}
				byUser[userKey] = w
			}
			w.Mappings = append(w.Mappings, store.MappingWrite{Service: key, Matcher: identity.NewMatcher(key.Type, id)})
			counts.Mappings++
		}
	}
	writes := make([]store.UserWrite, 0, len(byUser))
	for _, user := range slices.Sorted(maps.Keys(byUser)) {
		writes = append(writes, *byUser[user])
	}
	counts.Users = int64(len(writes))
	return writes, counts, nil
}

// maxCulprits bounds how many problems are listed.
const maxCulprits = 20

// culprits names each problem of a refused batch on a line.
func culprits(batch *identity.BatchError) error {
	errs := []error{errors.New("nothing was imported, for these reasons")}
	for i, c := range batch.Culprits {
		if i == maxCulprits {
			errs = append(errs, fmt.Errorf("and %d more", len(batch.Culprits)-i))
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
