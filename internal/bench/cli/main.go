// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Command cli measures what the provider costs in whole runs of Terraform,
// each beside the least that such a run can cost, and prints one table. CPU is
// that of Terraform and its providers; requests are counted by the API.
//
// Being slow is not a failure: the exit code is 0 unless something did not run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second interrupt ends the process at once
	opts, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = run(ctx, opts, os.Stdout, os.Stderr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are how much to measure, and with what.
type options struct {
	cli      string        // Terraform or OpenTofu
	declared int           // sym_identity resources in one configuration
	people   int           // in one bulk resource or data source
	stored   int           // users behind the API's own figures
	crowd    int           // users behind the store's figures, with three services each
	soak     time.Duration // how long a server is kept busy
	loop     time.Duration // how long one loop of reads runs
	rest     time.Duration // how long a server is left alone after its calls
	clients  int           // that ask the server at the same time
	loadTime time.Duration // how long they do
	runs     int           // measured runs of each side
	warmUp   bool          // one more run of each side before them
	only     []string      // names of measures; empty = all
	write    string        // Markdown file whose results are replaced; "" = none
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.cli, "cli", "terraform", "Terraform or OpenTofu")
	flags.IntVar(&o.declared, "declared", 1000, "sym_identity resources in one configuration")
	flags.IntVar(&o.people, "people", 10_000, "people in one bulk resource or data source")
	flags.IntVar(&o.stored, "stored", 100_000, "users in the store behind the API's own figures")
	flags.IntVar(&o.crowd, "crowd", 1_000_000, "users in the store behind its own figures, with three services each")
	flags.DurationVar(&o.soak, "soak", 10*time.Minute, "how long a server is kept busy by the measure soak, on each database")
	flags.DurationVar(&o.loop, "loop", 2*time.Second, "how long one loop of reads runs")
	flags.DurationVar(&o.rest, "rest", 3*time.Minute, "how long a server is left alone after the calls of the measure store, before its memory is taken")
	flags.IntVar(&o.runs, "runs", 3, "measured runs of each side; medians are shown")
	flags.IntVar(&o.clients, "clients", 1000, "clients that ask sym-identityd at the same time, for the measure load")
	flags.DurationVar(&o.loadTime, "load-time", 5*time.Second, "how long they do")
	flags.BoolVar(&o.warmUp, "warm-up", true, "run each side once more, unmeasured, before")
	only := flags.String("only", "", "measures to take, separated by commas, of "+strings.Join(names(), ", ")+" (default all but soak)")
	flags.StringVar(&o.write, "write", "", "Markdown file to put the results into")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	for _, name := range o.only {
		if !slices.Contains(names(), name) {
			return o, fmt.Errorf("-only: %q is none of %s", name, strings.Join(names(), ", "))
		}
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if min(o.declared, o.people, o.stored, o.crowd, o.runs, o.clients) < 1 {
		return o, errors.New("-declared, -people, -stored, -crowd, -runs and -clients are at least 1")
	}
	if min(o.soak, o.loop, o.rest) < 100*time.Millisecond {
		return o, errors.New("-soak, -loop and -rest are at least 100ms")
	}
	if o.loadTime <= 0 || o.loadTime > time.Hour {
		return o, errors.New("-load-time is more than 0 and at most 1h")
	}
	return o, nil
}

// measure gives some rows of the table.
type measure struct {
	name  string
	take  func(*bench, context.Context) ([]row, error)
	asked bool // taken only where -only names it
}

func measures() []measure {
	return []measure{
		{name: "declared", take: (*bench).declared},
		{name: "resolved", take: (*bench).resolved},
		{name: "identities", take: (*bench).identities},
		{name: "rules", take: (*bench).rules},
		{name: "api", take: (*bench).api},
		{name: "directories", take: (*bench).directories},
		{name: "store", take: (*bench).store},
		{name: "load", take: (*bench).load},
		{name: "soak", take: (*bench).soak, asked: true},
	}
}

func names() []string {
	var all []string
	for _, m := range measures() {
		all = append(all, m.name)
	}
	return all
}

// run takes the measures and prints the table.
func run(ctx context.Context, opts options, out, progress io.Writer) error {
	b, err := prepare(ctx, opts, progress)
	if err != nil {
		return err
	}
	rows, err := b.measure(ctx)
	err = errors.Join(err, b.close())
	if err != nil {
		return err
	}
	text := b.machine + "\n\n" + markdown(rows)
	if _, err := io.WriteString(out, text); err != nil {
		return err
	}
	if opts.write == "" {
		return nil
	}
	return replaceResults(opts.write, text)
}

func (b *bench) measure(ctx context.Context) ([]row, error) {
	var rows []row
	for _, m := range measures() {
		named := slices.Contains(b.opts.only, m.name)
		if !named && (m.asked || len(b.opts.only) > 0) {
			continue
		}
		b.say("%s", m.name)
		more, err := m.take(b, ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		rows = append(rows, more...)
	}
	return rows, nil
}
