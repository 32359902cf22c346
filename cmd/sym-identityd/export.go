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

// export writes the content of the store at one moment, and changes nothing, not
// even its schema. Servers may go on writing meanwhile.
func (p *program) export(ctx context.Context, args []string) error {
	var format, path string
	var history, force bool
	cfg, err := p.load("export", args, func(flags *flag.FlagSet) {
		choose(flags, &format, "format", formatJSON, formatCSV)
		flags.StringVar(&path, "out", "", "`file` to write; standard output without it")
		flags.BoolVar(&force, "force", false, "replace the file that -out names")
		flags.BoolVar(&history, "history", true, "include the history of changes (jsonl only)")
	})
	if cfg == nil || err != nil {
		return err
	}
	if info, err := os.Lstat(path); path != "" && err == nil {
		switch {
		case !info.Mode().IsRegular(): // such as /dev/stdout, which would be replaced
			return fmt.Errorf("%s is a folder, a link or a device. Name a file, or leave out -out for standard output", path)
		case !force: // an older export may be the only copy of a store
			return fmt.Errorf("%s exists already. Name another file, or add -force to replace it", path)
		}
	}
	st, err := identityd.OpenExisting(ctx, cfg)
	if err != nil {
		return err
	}
	if st == nil { // as where a volume is not mounted: an empty export must not replace the last good one
		return fmt.Errorf("%s does not exist yet, so there is nothing to export. Correct the path of the store, or start the server once", cfg.Store.Name())
	}
	id, err := st.ID(ctx)
	if err != nil {
		return errors.Join(err, st.Close())
	}
	opts := sqlstore.ExportOptions{History: history && format == formatJSON}
	var size int64
	if p.onTerminal() {
		if size, err = st.Size(ctx, opts); err != nil {
			return errors.Join(err, st.Close())
		}
	}
	bar := p.progress("exporting", "records", size)
	read := func(visit func(store.Record) error) error {
		return st.Export(ctx, opts, func(r store.Record) error {
			_ = bar.Add(1) // fails only to draw
			return visit(r)
		})
	}
	var counts store.Counts
	err = p.output(path, func(w io.Writer) error {
		if format == formatCSV {
			counts, err = exportCSV(read, w)
			return err
		}
		header := jsonlines.Header{Org: cfg.Org, StoreID: id, At: time.Now().UTC(), History: history}
		counts, err = exportJSON(read, w, header)
		return err
	})
	_ = bar.Finish()
	if err := errors.Join(err, st.Close()); err != nil {
		return err
	}
	fmt.Fprintf(p.stderr, "exported %s to %s\n", countsText(counts), cmp.Or(path, "standard output"))
	return nil
}

// countsText leaves out changes where there are none: a CSV has no history, and
// "0 changes" would read as if its import had changed nothing.
func countsText(c store.Counts) string {
	services, users, mappings := count(int(c.Services), "service"), count(int(c.Users), "user"), count(int(c.Mappings), "mapping")
	if c.Changes == 0 {
		return fmt.Sprintf("%s, %s and %s", services, users, mappings)
	}
	return fmt.Sprintf("%s, %s, %s and %s", services, users, mappings, count(int(c.Changes), "change"))
}

func exportJSON(read func(func(store.Record) error) error, out io.Writer, header jsonlines.Header) (store.Counts, error) {
	w, err := jsonlines.NewWriter(out, header)
	if err != nil {
		return store.Counts{}, fmt.Errorf("writing the export: %w", err)
	}
	err = read(func(r store.Record) error {
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

// exportCSV writes the mappings alone. It refuses all that does not fit into cells,
// and names each.
func exportCSV(read func(func(store.Record) error) error, out io.Writer) (store.Counts, error) {
	var counts store.Counts
	matchers := map[string]map[string]identity.Matcher{} // service key → user → matcher
	err := read(func(r store.Record) error {
		counts.Add(r)
		switch {
		case r.User != nil:
			for _, m := range r.User.Mappings {
				matchers[m.Service.String()][r.User.Name] = m.Matcher
			}
		case r.Service.Key != identity.SymCloud():
			matchers[r.Service.Key.String()] = map[string]identity.Matcher{}
		}
		return nil
	})
	if err != nil {
		return store.Counts{}, err
	}
	text, err := symcsv.RenderMatchers(matchers)
	if err != nil {
		return store.Counts{}, fmt.Errorf("the CSV cannot hold everything:\n%w\nUse -format jsonl, which does", err)
	}
	if _, err := io.WriteString(out, text); err != nil {
		return store.Counts{}, fmt.Errorf("writing the CSV: %w", err)
	}
	return counts, nil
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
		return fmt.Errorf("the export cannot be written: %w. The folder of -out must exist, and this user must be able to write to it", err)
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
