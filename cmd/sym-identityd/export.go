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
	"path/filepath"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/identityd"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/jsonlines"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
	"github.com/sym-identity/terraform-provider-sym/internal/symcsv"
)

// Formats of exports.
const (
	formatJSON = "jsonl" // everything, line by line
	formatCSV  = "csv"   // symflow's: who is which account
)

func checkFormat(format string) error {
	if format == formatJSON || format == formatCSV {
		return nil
	}
	return &usageError{fmt.Sprintf("-format is jsonl or csv, not %q", format)}
}

// export writes the content of the store at one moment. Servers may go on
// writing meanwhile.
func (p *program) export(ctx context.Context, args []string) error {
	var format, path string
	var history bool
	cfg, err := p.load("export", args, func(flags *flag.FlagSet) {
		flags.StringVar(&format, "format", formatJSON, "jsonl or csv")
		flags.StringVar(&path, "out", "", "file to write; standard output without it")
		flags.BoolVar(&history, "history", true, "with the history of changes (jsonl only)")
	})
	if cfg == nil || err != nil {
		return err
	}
	if err := checkFormat(format); err != nil {
		return err
	}
	st, err := identityd.OpenStore(ctx, cfg, false)
	if err != nil {
		return err
	}
	var counts store.Counts
	err = p.output(path, func(w io.Writer) error {
		if format == formatCSV {
			counts, err = exportCSV(ctx, st, w)
			return err
		}
		header := jsonlines.Header{Org: cfg.Org, At: time.Now().UTC(), History: history}
		counts, err = exportJSON(ctx, st, w, header)
		return err
	})
	if err := errors.Join(err, st.Close()); err != nil {
		return err
	}
	fmt.Fprintf(p.stderr, "exported %s to %s\n", countsText(counts), cmp.Or(path, "standard output"))
	return nil
}

func countsText(c store.Counts) string {
	return fmt.Sprintf("%s, %s, %s and %s", count(int(c.Services), "service"), count(int(c.Users), "user"),
		count(int(c.Mappings), "mapping"), count(int(c.Changes), "change"))
}

func exportJSON(ctx context.Context, st *sqlstore.Store, out io.Writer, header jsonlines.Header) (store.Counts, error) {
	w, err := jsonlines.NewWriter(out, header)
	if err != nil {
		return store.Counts{}, fmt.Errorf("writing the export: %w", err)
	}
	err = st.Export(ctx, sqlstore.ExportOptions{History: header.History}, func(r store.Record) error {
		if err := w.Write(r); err != nil {
			return fmt.Errorf("writing the export: %w", err)
		}
		return nil
	})
	if err != nil {
		return store.Counts{}, err
	}
	counts, err := w.Close()
	if err != nil {
		return store.Counts{}, fmt.Errorf("writing the export: %w", err)
	}
	return counts, nil
}

// exportCSV writes the identities alone. A matcher with several keys does not fit
// into a cell and is an error.
func exportCSV(ctx context.Context, st *sqlstore.Store, out io.Writer) (store.Counts, error) {
	var counts store.Counts
	identities := map[string]map[string]string{} // service key → user → identity
	err := st.Export(ctx, sqlstore.ExportOptions{}, func(r store.Record) error {
		counts.Add(r)
		switch {
		case r.User != nil:
			return addCells(identities, r.User)
		case r.Service.Key != identity.SymCloud().String():
			identities[r.Service.Key] = map[string]string{}
		}
		return nil
	})
	if err != nil {
		return store.Counts{}, err
	}
	text, err := symcsv.Render(identities)
	if err != nil {
		return store.Counts{}, err
	}
	if _, err := io.WriteString(out, text); err != nil {
		return store.Counts{}, fmt.Errorf("writing the CSV: %w", err)
	}
	return counts, nil
}

// addCells adds a user's identities.
func addCells(identities map[string]map[string]string, u *store.UserRecord) error {
	for _, m := range u.Mappings {
		key, err := identity.ParseServiceKey(m.Service)
		if err != nil {
			return fmt.Errorf("%s: %w", u.Name, err)
		}
		id, plain := m.Matcher.Identity(key.Type)
		if !plain {
			return fmt.Errorf("the matcher of %s in %s (%s) does not fit into a CSV cell. Use -format jsonl", u.Name, m.Service, m.Matcher)
		}
		identities[m.Service][u.Name] = id
	}
	return nil
}

// output calls write with a file, or with standard output. The file replaces an
// older one once it is whole and on the disk. Only its owner may read it,
// because it says who people are.
func (p *program) output(path string, write func(io.Writer) error) error {
	if path == "" {
		return write(p.stdout)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".export-*")
	if err != nil {
		return fmt.Errorf("the export cannot be written: %w", err)
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
