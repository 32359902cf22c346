// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// dial opens a connection to the server and sends the beginning of a request.
func (h *harness) dial(text string) net.Conn {
	h.t.Helper()
	at, err := url.Parse(h.url)
	if err != nil {
		h.t.Fatal(err)
	}
	conn, err := new(net.Dialer).DialContext(h.t.Context(), "tcp", at.Host)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil { // else the kernel keeps up to 32 MB of a reply
		h.t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		h.t.Fatal(err)
	}
	return conn
}

func uploadHead(token string, length int) string {
	return fmt.Sprintf("POST %s/users/search HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n{",
		symapi.BasePath, token, length)
}

// Guests who send slowly hold no turn: others are answered while they still send.
func TestSlowUploadsTakeNoTurn(t *testing.T) {
	t.Parallel()
	h := start(t, func(c *server.Config) { c.MaxRequests, c.Grace = 3, 5*time.Minute }).register(okta)
	var slow []net.Conn
	for range 40 {
		slow = append(slow, h.dial(uploadHead(guest, 1000)))
	}
	for n := range 10 {
		h.api(admin, http.MethodPatch, "/users", fmt.Sprintf(`{"users":[{"identities":[
			{"service_type":"sym","external_id":"cloud","matcher":{"email":"alice%d@example.com"}},
			{"service_type":"okta","external_id":"acme.okta.com","matcher":{"user_id":"00u%d"}}]}]}`, n, n))
		if a := h.api(guest, http.MethodGet, "/users?limit=1", nil); a.status != http.StatusOK {
			t.Errorf("a guest's read: status %d: %s", a.status, a.raw)
		}
	}
	for _, conn := range slow {
		_ = conn.SetReadDeadline(time.Now())
		if text, err := io.ReadAll(conn); len(text) > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("a slow upload has ended already: %q, %v", text, err)
		}
	}
}

// Neither do those who send a body slowly to a call that has none.
func TestSlowBodiesOfCallsWithoutOneTakeNoTurn(t *testing.T) {
	t.Parallel()
	h := start(t, func(c *server.Config) { c.MaxRequests, c.Grace = 3, 5*time.Minute })
	for n := range 40 { // what does not fit a buffer is sent before the call has ended
		h.person(fmt.Sprintf("alice%d@example.com", n), "")
	}
	list := fmt.Sprintf("GET %s/users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n", symapi.BasePath, guest)
	for range 40 {
		h.dial(list + "Content-Length: 1000\r\n\r\n{")
	}
	for range 10 {
		conn := h.dial(list + "Connection: close\r\n\r\n")
		_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
		if text, err := io.ReadAll(conn); err != nil || !strings.Contains(string(text), "alice39@example.com") {
			t.Fatalf("a guest's read: %d bytes, %v", len(text), err)
		}
	}
}

func TestSlowUploadsEnd(t *testing.T) {
	t.Parallel()
	conn := start(t, func(c *server.Config) { c.Grace = time.Second }).dial(uploadHead(guest, 1000))
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	if text, err := io.ReadAll(conn); err != nil || strings.Contains(string(text), " 200 ") {
		t.Fatalf("a slow upload was answered %q, %v", text, err)
	}
}

// Guests who do not read their lists are cut off; meanwhile an admin reads all.
func TestUnreadListsEnd(t *testing.T) {
	t.Parallel()
	var cut atomic.Int32
	var names []identity.User
	for n := range 100 {
		names = append(names, identity.User{ID: "1", Key: "alice@example.com", Name: strings.Repeat("a", 1000), FirstName: fmt.Sprint(n), Type: identity.Normal, Role: identity.Member})
	}
	h := start(t, func(c *server.Config) {
		c.Grace = 3 * time.Second
		c.Store = longList(c.Store, func(yield func([]identity.User, error) bool) {
			for range 120 { // 12 MB, more than the kernel keeps
				if !yield(names, nil) {
					cut.Add(1)
					return
				}
			}
		})
	})
	for range 3 {
		h.dial(fmt.Sprintf("GET %s/users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", symapi.BasePath, guest))
	}
	if got := listed(t, h.api(admin, http.MethodGet, "/users", nil)); len(got.Users) != 12_000 {
		t.Errorf("the admin's list has %d", len(got.Users))
	}
	eventually(t, func() bool { return cut.Load() == 3 })
}

// The body of a read is refused before it is decoded where it is larger than any
// search could be.
func TestReadBodiesAreBounded(t *testing.T) {
	t.Parallel()
	h := start(t)
	text := `{"emails":["` + strings.Repeat("x", 8_500_000) + `"]}`
	r := httptest.NewRequest(http.MethodPost, symapi.BasePath+"/users/search", strings.NewReader(text))
	r.Header = authorized("Content-Type", "application/json", "Authorization", "Bearer "+guest)
	if a := serve(t, inProcess(t, h.store), r); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d: %s", a.status, a.raw)
	}
	values := `{"emails":[` + strings.Repeat(`"",`, 60_000) + `""]}`
	h.api(guest, http.MethodPost, "/users/search", values).
		wantError(t, http.StatusRequestEntityTooLarge, identity.CodeTooLarge, "The request's body holds more than 50000 values. Send it in parts.")
}

// A principal of another kind with the name of a token is somebody else: in the
// history, in the log, and where a request is recognised that comes again.
func TestPrincipalsOfEqualNames(t *testing.T) {
	t.Parallel()
	kinds := []identity.Principal{
		{Name: "ci", Org: org, Role: identity.Admin, Kind: "token"},
		{Name: "ci", Org: org, Role: identity.Admin, Kind: "jwt:https://issuer.example.com"},
		{Name: "ci", Org: org, Role: identity.Admin, Kind: "cert"},
	}
	var next atomic.Int32
	h := start(t, func(c *server.Config) {
		c.Authenticate = func(*http.Request) (identity.Principal, error) { return kinds[next.Load()], nil }
	}).register(okta)
	h.person("alice@example.com", "")
	for n, want := range []string{"token:ci", "jwt:https://issuer.example.com#ci", "cert:ci"} {
		next.Store(int32(n))
		a := h.api("x", http.MethodPatch, "/users", fmt.Sprintf(`{"users":[{"identities":[
			{"service_type":"sym","external_id":"cloud","matcher":{"email":"alice@example.com"}},
			{"service_type":"okta","external_id":"acme.okta.com","matcher":{"user_id":"00u%d"},"source":"manual"}]}]}`, n))
		if a.status != http.StatusOK || !strings.Contains(a.raw, `"updated_by":"`+want+`"`) {
			t.Errorf("%s: status %d: %s", want, a.status, a.raw)
		}
		if logs := h.logs.String(); !strings.Contains(logs, `"principal":"`+want+`"`) || !strings.Contains(logs, `"status":200`) || !strings.Contains(logs, `"address":"127.0.0.1"`) {
			t.Errorf("the log:\n%s", logs)
		}
	}
	history := h.api("x", http.MethodGet, "/identities/history?user=alice@example.com", nil)
	for _, want := range []string{"token:ci", "jwt:https://issuer.example.com#ci", "cert:ci"} {
		if !strings.Contains(history.raw, `"`+want+`"`) {
			t.Errorf("%s is not in the history: %s", want, history.raw)
		}
	}
}
