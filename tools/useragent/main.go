// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Command useragent stands in for an identity API and tells who calls: it prints
// its address, refuses every request, and ends with the User-Agent of the first,
// on a line of its own. scripts/test-release shows with it what a packed provider
// says of itself.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "useragent:", err)
		os.Exit(1)
	}
}

func run() error {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "http://%s/api/v1\n", listener.Addr())
	called := make(chan string, 1)
	server := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, `{"message": "nobody may in"}`, http.StatusUnauthorized)
			select {
			case called <- r.UserAgent():
			default:
			}
		}),
	}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	select {
	case agent := <-called:
		fmt.Fprintln(os.Stdout, agent)
		return nil
	case <-time.After(2 * time.Minute):
		return fmt.Errorf("nobody called")
	}
}
