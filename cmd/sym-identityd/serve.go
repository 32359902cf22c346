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
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/identityd"
)

// Limits of connections. A request may hold 16 MiB and wait for a directory, so
// reading and answering get minutes; headers and idle connections do not.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 2 * time.Minute
	writeTimeout      = 5 * time.Minute // from the end of the headers on, directories included
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10

	// drainTimeout is how long requests under way may still take at the end.
	drainTimeout = 15 * time.Second
)

// gcPercent is how much garbage the heap holds, in percent of what is live, before the
// garbage collector runs. Go's default, 100, lets guests who ask for a lot at the same
// time bring the server above 256 MB.
const gcPercent = 75

func (p *program) serve(ctx context.Context, args []string) error {
	// From here on SIGHUP reloads the file instead of ending the process.
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	var format string
	var level slog.Level
	path, err := p.configPath("serve", args, func(flags *flag.FlagSet) {
		choose(flags, &format, "log-format", "text", logJSON)
		flags.TextVar(&level, "log-level", slog.LevelInfo, "debug, info, warn or error")
	})
	if path == "" || err != nil {
		return err
	}
	log := newLogger(p.stderr, format, level)
	announce := p.print
	if format == logJSON {
		announce = p.printRecord
	}
	err = p.serveFile(ctx, path, hangup, announce, log)
	if err != nil && format == logJSON { // who collects the log reads no other lines
		p.logFailure(log, err)
		err = errReported
	}
	return err
}

// serveFile serves a configuration until ctx ends. announce prints the line
// with the server's address.
func (p *program) serveFile(ctx context.Context, path string, hangup <-chan os.Signal, announce func(string) error, log *slog.Logger) error {
	cfg, err := p.read(path)
	if err != nil {
		return err
	}
	if err := cfg.CheckServe(); err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(gcPercent)
	}
	logStart(identityd.Logger(cfg, log), cfg)
	instance, err := identityd.Open(ctx, cfg, identityd.Options{Logger: log, Version: buildVersion()})
	if err != nil {
		return err
	}
	log = identityd.Logger(cfg, log)
	identityd.LogWarnings(ctx, cfg, log)
	serving, stop := context.WithCancel(ctx)
	var background sync.WaitGroup
	background.Go(func() { instance.Maintain(serving, log) })
	background.Go(func() { reloadOn(serving, hangup, instance, log) })
	err = p.listenAndServe(ctx, cfg, instance, announce, log)
	stop()
	background.Wait()
	return errors.Join(err, instance.Close())
}

const logJSON = "json" // -log-format

func newLogger(w io.Writer, format string, level slog.Level) *slog.Logger {
	if format == logJSON {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: inSeconds}))
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

// inSeconds names the unit of durations: JSON has only numbers.
func inSeconds(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		return slog.Float64(a.Key+"_seconds", a.Value.Duration().Seconds())
	}
	return a
}

// printRecord prints a text as a JSON record, whatever the log's level.
func (p *program) printRecord(text string) error {
	record := slog.NewRecord(time.Now(), slog.LevelInfo, strings.TrimSpace(text), 0)
	return slog.NewJSONHandler(p.stdout, nil).Handle(context.Background(), record)
}

// logFailure logs why the server does not run, one record for each problem of
// the configuration.
func (p *program) logFailure(log *slog.Logger, err error) {
	if found, ok := errors.AsType[*config.DiagnosticsError](err); ok {
		for _, d := range found.Diagnostics {
			log.Error("the configuration cannot be used", "problem", d.String())
		}
		return
	}
	log.Error("the server ended", "error", p.secrets.Text(err.Error()))
}

// logStart logs what starts, without the store's address.
func logStart(log *slog.Logger, cfg *config.Config) {
	store, _, _ := strings.Cut(cfg.Store.URL, ":")
	var directories []string
	for _, s := range cfg.Services {
		if s.Directory != nil {
			directories = append(directories, s.Key.String())
		}
	}
	log.Info("starting", "version", buildVersion(), "commit", buildCommit(), "org", cfg.Org, "store", store,
		"services", len(cfg.Services), "directories", strings.Join(directories, ", "))
}

// reloadOn reloads the configuration at each signal, until ctx ends. A file with
// problems changes nothing.
func reloadOn(ctx context.Context, hangup <-chan os.Signal, instance *identityd.Instance, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
		}
		restart, err := instance.Reload(ctx)
		switch {
		case err != nil:
			log.Error("the configuration was not reloaded; the previous one stays in use", "error", err)
		case len(restart) > 0:
			log.Warn("reloaded the configuration; restart to use some of the changed settings", "settings", strings.Join(restart, ", "))
		default:
			log.Info("reloaded the configuration")
		}
	}
}

// newServer returns a server that lets nobody hold a connection for long.
func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// listenAndServe serves until ctx ends, then lets requests under way finish.
func (p *program) listenAndServe(ctx context.Context, cfg *config.Config, instance *identityd.Instance, announce func(string) error, log *slog.Logger) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w. Another process may have this address, or this user may not use it; set `listen` in the configuration to another address", cfg.Listen, err)
	}
	if instance.StoreCreated() {
		log.Info("created an empty store", "store", cfg.Store.Name())
	}
	server := newServer(instance.Handler(), log)
	serve, scheme := server.Serve, "http"
	if server.TLSConfig = instance.TLS(); server.TLSConfig != nil {
		serve, scheme = func(l net.Listener) error { return server.ServeTLS(l, "", "") }, "https"
	} else {
		warnIfOpen(log, listener.Addr())
	}
	served := make(chan error, 1)
	go func() { served <- serve(listener) }()
	if err := announce("listening on " + scheme + "://" + listener.Addr().String() + "\n"); err != nil {
		return errors.Join(err, server.Close())
	}
	select {
	case err := <-served:
		return fmt.Errorf("serving ended: %w", err)
	case <-ctx.Done():
	}
	return drain(server, log)
}

// drain ends a server: it takes no new requests, waits for those under way, then
// cuts their connections.
func drain(server *http.Server, log *slog.Logger) error {
	log.Info("shutting down", "at_most", drainTimeout)
	// The context of serve has ended already.
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		log.Warn("the time to finish has passed, so open requests were cut off", "error", err)
		return server.Close()
	}
	log.Info("shut down")
	return nil
}

// warnIfOpen warns if other machines can connect without TLS: tokens would
// travel in the clear.
func warnIfOpen(log *slog.Logger, addr net.Addr) {
	if tcp, ok := addr.(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		log.Warn("listening beyond this machine without TLS; add a tls block, or put a TLS proxy in front", "address", addr.String())
	}
}
