// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Command useragent is an identity API that refuses every request. It prints its
// address, then the User-Agent of the first request, and ends. With it
// scripts/test-release checks the User-Agent of a packed provider.
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
