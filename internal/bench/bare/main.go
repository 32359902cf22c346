// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Command bare answers reads of one user from a store of sym-identityd, and
// does nothing else: no authorization, no checks, no log, no metrics. It is what
// the benchmarks hold the server's reads against.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Getenv("SYM_BENCH_STORE"), os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

// finder reads a user and their mappings.
type finder func(ctx context.Context, email string) (*user, error)

func run(ctx context.Context, store string, out io.Writer) error {
	scheme, path, _ := strings.Cut(store, ":")
	open := openPostgres
	if scheme == "sqlite" {
		open, store = openSQLite, path
	}
	find, closing, err := open(ctx, store)
	if err != nil {
		return err
	}
	defer closing()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler(find), ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	fmt.Fprintln(out, "listening on http://"+listener.Addr().String())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
