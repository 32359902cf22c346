// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/identityd"
)

// limits are those of connections.
type limits struct {
	header, read, write, idle time.Duration
}

// hurried are limits that a test can wait for.
func hurried() limits {
	return limits{header: 2 * time.Second, read: 3 * time.Second, write: 4 * time.Second, idle: 2 * time.Second}
}

// listen serves a handler with serve's own server and limits.
func listen(t *testing.T, handler http.Handler, most limits) (address string) {
	t.Helper()
	return listenCounting(t, handler, most).Addr().String()
}

// countingListener counts the bytes that the server reads from each client.
type countingListener struct {
	net.Listener
	read sync.Map // of *atomic.Int64, by the client's address
}

func listenCounting(t *testing.T, handler http.Handler, most limits) *countingListener {
	t.Helper()
	inner, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := &countingListener{Listener: inner}
	server := newServer(handler, slog.New(slog.DiscardHandler))
	server.ReadHeaderTimeout, server.ReadTimeout, server.WriteTimeout, server.IdleTimeout = most.header, most.read, most.write, most.idle
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close(); <-served })
	return listener
}

// Accept implements net.Listener.
func (l *countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	read := new(atomic.Int64)
	l.read.Store(conn.RemoteAddr().String(), read)
	return countedConn{conn, read}, nil
}

// readFrom returns how many bytes the server has read from a client. What the
// kernel holds in its buffers, up to 32 MiB a connection, is not among them.
func (l *countingListener) readFrom(client net.Conn) int64 {
	read, ok := l.read.Load(client.LocalAddr().String())
	if !ok {
		return 0
	}
	return read.(*atomic.Int64).Load()
}

type countedConn struct {
	net.Conn
	read *atomic.Int64
}

// Read implements net.Conn.
func (c countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// realHandler is that of a configuration with the token "admin-token".
func realHandler(t *testing.T) http.Handler {
	t.Helper()
	cfg, err := config.Load(writeConfig(t, ""), config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	instance, err := identityd.Open(t.Context(), cfg, identityd.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = instance.Close() })
	return instance.Handler()
}

func connect(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// ended reads until the server ends the connection and returns the text.
func ended(t *testing.T, conn net.Conn) string {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	text, err := io.ReadAll(conn)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatalf("the connection is still open; it sent %q", text)
	}
	return string(text)
}

const authorization = "Host: x\r\nAuthorization: Bearer admin-token\r\n"

// Hundreds of connections that send a byte now and then neither keep others
// out nor stay.
func TestSlowConnections(t *testing.T) {
	t.Parallel()
	address := listen(t, realHandler(t), hurried())
	const each = 100
	var slow []net.Conn
	for range each {
		for _, begin := range []string{
			"", // says nothing
			"GET /api/v1/users HTTP/1.1\r\nHost: x\r\nX-", // never ends its headers
			"POST /api/v1/users/search HTTP/1.1\r\n" + authorization + "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{", // nor its body
		} {
			conn := connect(t, address)
			if _, err := io.WriteString(conn, begin); err != nil {
				t.Fatal(err)
			}
			slow = append(slow, conn)
		}
	}
	stop := make(chan struct{})
	var dripping sync.WaitGroup
	for i, conn := range slow {
		if i%3 == 0 {
			continue
		}
		dripping.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(50 * time.Millisecond):
				}
				if _, err := io.WriteString(conn, " "); err != nil {
					return
				}
			}
		})
	}
	client := &http.Client{Timeout: patience}
	for range 20 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/api/v1/auth/login", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer admin-token")
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("meanwhile: status %d", resp.StatusCode)
		}
	}
	for _, conn := range slow {
		ended(t, conn)
	}
	close(stop)
	dripping.Wait()
}

// endless sends until the server has had enough, and returns how much it took.
func endless(conn net.Conn, chunk []byte, most int64) int64 {
	var sent int64
	for sent < most {
		_ = conn.SetWriteDeadline(time.Now().Add(patience))
		n, err := conn.Write(chunk)
		sent += int64(n)
		if err != nil {
			return sent
		}
	}
	return sent
}

// A body of a terabyte is not read: without a token hardly a byte of it, with
// one up to the limit.
func TestGiantBodies(t *testing.T) {
	t.Parallel()
	limitsOfBodies := hurried()
	limitsOfBodies.read, limitsOfBodies.write = time.Minute, time.Minute
	listener := listenCounting(t, realHandler(t), limitsOfBodies)
	address := listener.Addr().String()
	const head = "POST /api/v1/users/search HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	for name, tt := range map[string]struct {
		headers string
		status  string
		most    int64 // bytes that the server may read
	}{
		"nobody's":      {"Content-Length: 1000000000000\r\n\r\n", " 401 ", 1 << 20},
		"a wrong token": {"Authorization: Bearer wrong\r\nContent-Length: 1000000000000\r\n\r\n", " 401 ", 1 << 20},
		"with a token":  {"Authorization: Bearer admin-token\r\nContent-Length: 1000000000000\r\n\r\n{\"pad\":\"", " 413 ", 17 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := connect(t, address)
			if _, err := io.WriteString(conn, head+tt.headers); err != nil {
				t.Fatal(err)
			}
			status := make(chan string, 1)
			go func() {
				line, err := bufio.NewReader(conn).ReadString('\n')
				status <- fmt.Sprint(line, err)
			}()
			endless(conn, bytes.Repeat([]byte("x"), 64<<10), 1<<30)
			if read := listener.readFrom(conn); read == 0 || read > tt.most {
				t.Errorf("it read %d bytes", read)
			}
			// Where the server's close overtakes its answer the client sees a reset.
			if line := <-status; !strings.Contains(line, tt.status) && !strings.Contains(line, "reset") {
				t.Errorf("it answered %q", line)
			}
		})
	}
	t.Run("chunks without end", func(t *testing.T) {
		t.Parallel()
		conn := connect(t, address)
		if _, err := io.WriteString(conn, "POST /api/v1/users/search HTTP/1.1\r\n"+authorization+
			"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"pad\":\"\r\n"); err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.Copy(io.Discard, conn) }()
		chunk := append(append([]byte("10000\r\n"), bytes.Repeat([]byte("x"), 0x10000)...), "\r\n"...)
		endless(conn, chunk, 1<<30)
		if read := listener.readFrom(conn); read == 0 || read > 17<<20 {
			t.Errorf("it read %d bytes", read)
		}
	})
	t.Run("headers", func(t *testing.T) {
		t.Parallel()
		conn := connect(t, address)
		go func() {
			_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n")
			endless(conn, []byte("X-Pad: "+strings.Repeat("x", 1000)+"\r\n"), 1<<30)
		}()
		if text := ended(t, conn); text != "" && !strings.HasPrefix(text, "HTTP/1.1 431 ") {
			t.Errorf("it answered %q", text)
		}
	})
}

// Who does not read the answer does not hold the request for ever.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	var begun, ended atomic.Int32
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		begun.Add(1)
		defer ended.Add(1)
		chunk := bytes.Repeat([]byte("x"), 1<<20)
		for range 64 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	address := listen(t, handler, hurried())
	for range 20 {
		if _, err := io.WriteString(connect(t, address), "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "the requests to begin", func() bool { return begun.Load() == 20 })
	waitFor(t, "the requests to end", func() bool { return ended.Load() == 20 })
}

func TestDefaultLimits(t *testing.T) {
	t.Parallel()
	got := newServer(nil, slog.New(slog.DiscardHandler))
	for name, limit := range map[string]time.Duration{"header": got.ReadHeaderTimeout, "read": got.ReadTimeout, "write": got.WriteTimeout, "idle": got.IdleTimeout} {
		if limit <= 0 || limit > 10*time.Minute {
			t.Errorf("%s is %s", name, limit)
		}
	}
}
