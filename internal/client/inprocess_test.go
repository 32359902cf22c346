// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestInProcess(t *testing.T) {
	t.Parallel()
	transport := InProcess(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got := map[string]string{"uri": r.RequestURI, "path": r.URL.Path, "host": r.Host, "absolute": r.URL.Host, "body": string(body), "key": strings.Join(r.Header["Idempotency-Key"], "")}
		want := map[string]string{"uri": "/a%2Fb?c=d", "path": "/a/b", "host": "identity.example.com", "absolute": "", "body": "in", "key": ""}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("request (-want +got):\n%s", diff)
		}
		w.Header().Set("X-A", "1")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusTeapot)
		w.WriteHeader(http.StatusOK)
		w.Header().Set("X-A", "2")
		_, _ = io.WriteString(w, "out")
	}))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://identity.example.com/a%2Fb?c=d", strings.NewReader("in"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header["Idempotency-Key"] = nil
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusTeapot || resp.Header.Get("X-A") != "1" || string(body) != "out" || resp.ContentLength != 3 {
		t.Errorf("got %+v %q, %v", resp, body, err)
	}
}

// As over a network: what was written arrives, and then that it is not all.
func TestInProcessBrokenOff(t *testing.T) {
	t.Parallel()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://identity.example.com", nil)
	resp, err := InProcess(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		panic(http.ErrAbortHandler)
	})).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || string(body) != "half" || resp.ContentLength != -1 {
		t.Errorf("got %q, %v", body, err)
	}
}

func TestInProcessSilentHandler(t *testing.T) {
	t.Parallel()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://identity.example.com", nil)
	resp, err := InProcess(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.Status != "200 OK" {
		t.Errorf("got %q", resp.Status)
	}
}

func TestInProcessEndsWithItsContext(t *testing.T) {
	t.Parallel()
	started, release := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(release) })
	transport := InProcess(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(started)
		<-release // deaf to its context
	}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	for range 2 { // the second is cancelled before it starts
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "https://identity.example.com", nil)
		resp, err := transport.RoundTrip(req)
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, %v", resp, err)
		}
	}
}
