// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/embedded"
)

// Limits of connections. A request may hold 16 MiB and wait for a directory,
// so reading and answering get minutes; headers and idle connections do not.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 2 * time.Minute
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10

	// drainTimeout is how long requests under way may still take at the end.
	drainTimeout = 15 * time.Second
)

func (p *program) serve(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	config := configFlag(flags)
	format := flags.String("log-format", "text", "text or json")
	var level slog.Level
	flags.TextVar(&level, "log-level", slog.LevelInfo, "debug, info, warn or error")
	if done, err := p.parse(flags, args); done || err != nil {
		return err
	}
	path, err := config()
	if err != nil {
		return err
	}
	log, err := newLogger(p.stderr, *format, level)
	if err != nil {
		return err
	}
	opts := embedded.Options{LookupEnv: p.lookupEnv, Logger: log, Version: buildVersion()}
	cfg, err := embedded.Load(path, opts)
	if err != nil {
		return err
	}
	if err := cfg.CheckServe(); err != nil {
		return err
	}
	instance, err := cfg.Open(ctx, opts)
	if err != nil {
		return err
	}
	maintained, stop := context.WithCancel(ctx)
	var background sync.WaitGroup
	background.Go(func() { instance.Maintain(maintained, log) })
	err = p.listenAndServe(ctx, cfg, instance, log)
	stop()
	background.Wait()
	return errors.Join(err, instance.Close())
}

func newLogger(w io.Writer, format string, level slog.Level) (*slog.Logger, error) {
	opts := &slog.HandlerOptions{Level: level}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	}
	return nil, &usageError{fmt.Sprintf("-log-format is text or json, not %q", format)}
}

// listenAndServe serves until ctx ends, then lets requests under way finish.
func (p *program) listenAndServe(ctx context.Context, cfg *embedded.Config, instance *embedded.Instance, log *slog.Logger) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen())
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w. Another process may have this address, or this user may not use it; `listen` in the configuration names another", cfg.Listen(), err)
	}
	if instance.StoreCreated() {
		log.Info("created an empty store", "store", instance.StoreName())
	}
	warnIfOpen(log, listener.Addr())
	server := &http.Server{
		Handler:           instance.Handler(),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	if err := p.print("listening on http://" + listener.Addr().String() + "\n"); err != nil {
		return errors.Join(err, server.Close())
	}
	select {
	case err := <-served:
		return fmt.Errorf("serving ended: %w", err)
	case <-ctx.Done():
	}
	return drain(server, log)
}

// drain ends a server: no new requests, those under way get their time, then
// their connections are cut.
func drain(server *http.Server, log *slog.Logger) error {
	log.Info("shutting down", "at_most", drainTimeout)
	// The context of serve has ended already.
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		log.Warn("requests were cut off", "error", err)
		return server.Close()
	}
	log.Info("shut down")
	return nil
}

// warnIfOpen tells that tokens would travel in the clear where others than
// this machine can connect.
func warnIfOpen(log *slog.Logger, addr net.Addr) {
	if tcp, ok := addr.(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		log.Warn("listening beyond this machine without TLS; put a TLS proxy in front", "address", addr.String())
	}
}
