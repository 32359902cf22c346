// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/net/http2"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// dial is a client of a server on the network.
func dial(t *testing.T, h http.Handler, edit ...func(*Config)) *Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	cfg := Config{BaseURL: server.URL + "/api/v1", Token: StaticToken(testToken)}
	for _, e := range edit {
		e(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestLostReply has a server that commits a write and then drops the
// connection. The repetition finds the value stored, which is a success.
func TestLostReply(t *testing.T) {
	t.Parallel()
	var stored, patches atomic.Int32
	f := &fake{answer: func(r request) answer {
		if r.call == "POST users/search" {
			return ok(users())
		}
		stored.Store(1)
		ada := person("u1", "ada@example.com", "okta:acme.okta.com", "00u1")
		return ok(symapi.BulkSuccess([]symapi.BulkResult{{Index: 0, Record: &ada}}))
	}}
	c := dial(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPatch || patches.Add(1) > 1 {
			f.ServeHTTP(w, r)
			return
		}
		f.ServeHTTP(httptest.NewRecorder(), r)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.Close()
	}), retries(2))
	got, err := c.Write(context.Background(), []identity.Write{{UserID: "u1", User: "ada@example.com", Service: okta,
		Matcher: identity.Matcher{"user_id": "00u1"}, Conditions: identity.Conditions{IfAbsent: true}}})
	if err != nil || len(got) != 1 || got[0].ID != "u1" {
		t.Fatalf("got %+v, %v", got, err)
	}
	if stored.Load() != 1 || patches.Load() != 2 {
		t.Errorf("%d requests, stored %d", patches.Load(), stored.Load())
	}
}

// TestLostReplyOfHTTP2 has a server, or a proxy in front of it, that drops one reply
// and not the connection, and one that is restarted.
func TestLostReplyOfHTTP2(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(f *http2.Framer, stream uint32) error{
		"reset":     func(f *http2.Framer, stream uint32) error { return f.WriteRSTStream(stream, http2.ErrCodeInternal) },
		"restarted": func(f *http2.Framer, stream uint32) error { return f.WriteGoAway(stream, http2.ErrCodeNo, nil) },
	} {
		broken := httptest.NewUnstartedServer(nil)
		broken.EnableHTTP2 = true
		broken.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){"h2": func(_ *http.Server, conn *tls.Conn, _ http.Handler) {
			framer := http2.NewFramer(conn, conn)
			_, err := io.CopyN(io.Discard, conn, int64(len(http2.ClientPreface)))
			for err = errors.Join(err, framer.WriteSettings()); err == nil; {
				var frame http2.Frame
				if frame, err = framer.ReadFrame(); err == nil && frame.Header().Type == http2.FrameHeaders {
					err = errors.Join(lose(framer, frame.Header().StreamID), io.EOF)
				}
			}
		}}
		broken.StartTLS()
		good := httptest.NewUnstartedServer(&fake{answer: func(request) answer { return ok(symapi.Login{Org: "acme"}) }})
		good.EnableHTTP2 = true
		good.StartTLS()
		transport := good.Client().Transport.(*http.Transport)
		dials := 0
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			if dials++; dials == 1 {
				address = broken.Listener.Addr().String()
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		}
		c, err := New(Config{BaseURL: good.URL, Token: StaticToken(testToken), Transport: transport, MaxRetries: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := login(c); err != nil || dials != 2 {
			t.Errorf("%s: %v, %d connections", name, err, dials)
		}
		broken.Close()
		good.Close()
	}
}

func TestLostReplyOfUnconditionalWrite(t *testing.T) {
	t.Parallel()
	var patches atomic.Int32
	c := dial(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			patches.Add(1)
			panic(http.ErrAbortHandler)
		}
		_ = json.NewEncoder(w).Encode(users())
	}), retries(2))
	_, err := c.Write(context.Background(), []identity.Write{{UserID: "u1", User: "ada@example.com", Service: okta, Matcher: identity.Matcher{"user_id": "00u1"}}})
	wantCode(t, err, identity.CodeUnavailable)
	if patches.Load() != 1 {
		t.Errorf("%d requests", patches.Load())
	}
}

func TestConnectionRefused(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	c, err := New(Config{BaseURL: "http://" + address, MaxRetries: 1, Token: StaticToken(testToken)})
	if err != nil {
		t.Fatal(err)
	}
	err = login(c)
	if e := apiError(t, err); e.Attempts != 2 || e.Status != 0 || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(err.Error(), address) || !strings.Contains(err.Error(), "2 attempts") {
		t.Errorf("got %v", err)
	}
	wantCode(t, err, identity.CodeUnavailable)
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		elsewhere.Add(1)
		_ = json.NewEncoder(w).Encode(symapi.Login{Org: "evil"})
	}))
	t.Cleanup(other.Close)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /other/auth/login", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/api/v1/auth/login", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("GET /same/auth/login", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/new/auth/login", http.StatusMovedPermanently)
	})
	mux.HandleFunc("GET /new/auth/login", func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(symapi.Login{Org: "acme", Name: r.Header.Get("Authorization")})
	})
	mux.HandleFunc("GET /loop/auth/login", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/loop/auth/login", http.StatusFound)
	})
	mux.HandleFunc("POST /write/users/u1/set-role", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/write/login", http.StatusFound)
	})
	mux.HandleFunc("GET /write/login", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(person("u1", "ada@example.com"))
	})
	at := func(path string) *Client {
		return dial(t, mux, func(c *Config) { c.BaseURL = strings.TrimSuffix(c.BaseURL, "/api/v1") + path })
	}
	if err := login(at("/other")); err == nil || !strings.Contains(err.Error(), other.URL) {
		t.Errorf("other host: %v", err)
	}
	who, err := at("/same").Login(context.Background())
	if err != nil || who.Name != "Bearer "+testToken {
		t.Errorf("same host: %+v, %v", who, err)
	}
	if err := login(at("/loop")); err == nil || apiError(t, err).Status != http.StatusFound {
		t.Errorf("loop: %v", err)
	}
	if _, err := at("/write").SetRole(context.Background(), "u1", identity.Admin); err == nil || apiError(t, err).Status != http.StatusFound {
		t.Errorf("a write that turned into a GET: %v", err)
	}
	if elsewhere.Load() != 0 {
		t.Error("the other host was called")
	}
}

func TestGzip(t *testing.T) {
	t.Parallel()
	c := dial(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			t.Errorf("Accept-Encoding %q", r.Header.Get("Accept-Encoding"))
		}
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_ = json.NewEncoder(z).Encode(users(person("u1", "ada@example.com")))
		_ = z.Close()
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(b.Bytes())
	}))
	got, err := allUsers(c)
	if err != nil || len(got) != 1 || got[0].Name != "ada@example.com" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestHugeBody sends more than is ever read, packed small.
func TestHugeBody(t *testing.T) {
	t.Parallel()
	c := dial(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		block := bytes.Repeat([]byte(" "), 1<<20)
		for range 8 {
			if _, err := z.Write(block); err != nil {
				return
			}
		}
		_ = z.Close()
	}), retries(3))
	if c.maxReply != 64<<20 {
		t.Errorf("the limit is %d bytes", c.maxReply)
	}
	c.maxReply = 2 << 20 // 64 MiB take seconds
	err := login(c)
	if e := apiError(t, err); e.Attempts != 1 || !strings.Contains(err.Error(), "larger than 2 MiB") {
		t.Errorf("got %v", err)
	}
}
