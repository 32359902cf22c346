// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package apiclient

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

// names is a name server on this machine: each question of a name takes the
// next of its answers, and the last again and again.
type names struct {
	mu      sync.Mutex
	answers map[string][]string
	asked   int
}

// questions counts them.
func (n *names) questions() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked
}

func (n *names) next(name string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	left := n.answers[name]
	if len(left) > 1 {
		n.answers[name] = left[1:]
	}
	if len(left) == 0 {
		return ""
	}
	return left[0]
}

// resolver asks the server over UDP.
func (n *names) resolver(t *testing.T) *net.Resolver {
	t.Helper()
	conn, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		packet := make([]byte, 1500)
		for {
			size, from, err := conn.ReadFrom(packet)
			if err != nil {
				return
			}
			if reply := n.reply(packet[:size]); reply != nil {
				_, _ = conn.WriteTo(reply, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func (n *names) reply(packet []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(packet) != nil || len(m.Questions) != 1 {
		return nil
	}
	m.Header.Response, m.Header.Authoritative = true, true
	m.Additionals = nil
	q := m.Questions[0]
	header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 0}
	name := strings.TrimSuffix(q.Name.String(), ".")
	switch {
	case q.Type == dnsmessage.TypeA && strings.HasPrefix(name, "v4"):
		if addr, err := netip.ParseAddr(n.next(name)); err == nil {
			m.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AResource{A: addr.As4()}}}
		}
	case q.Type == dnsmessage.TypeAAAA && strings.HasPrefix(name, "v6"):
		if addr, err := netip.ParseAddr(n.next(name)); err == nil {
			m.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}}}
		}
	}
	reply, err := m.Pack()
	if err != nil {
		return nil
	}
	return reply
}

// A name counts as what it resolves to when the connection is made.
func TestNamesOfPrivateAddresses(t *testing.T) {
	t.Parallel()
	visited := false
	service := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visited = true }))
	defer service.Close()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(service.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	n := &names{answers: map[string][]string{
		"v4-loopback.example.com": {"127.0.0.1"}, "v4-private.example.com": {"10.1.2.3"}, "v4-linklocal.example.com": {"169.254.169.254"},
		"v4-shared.example.com": {"100.64.0.1"}, "v4-none.example.com": {"0.0.0.0"}, "v6-loopback.example.com": {"::1"},
		"v6-mapped.example.com": {"::ffff:127.0.0.1"}, "v6-mapped-private.example.com": {"::ffff:192.168.0.1"},
		"v6-linklocal.example.com": {"fe80::1"}, "v6-unique.example.com": {"fd00::1"}, "v6-nat64.example.com": {"64:ff9b::7f00:1"},
		"v6-6to4.example.com": {"2002:7f00:1::1"}, "v6-compatible.example.com": {"::127.0.0.1"},
		// Whoever looks the name up before the connection sees another address than
		// the connection goes to.
		"v4-rebound.example.com": {"93.184.216.34", "127.0.0.1"},
	}}
	hosts := slices.Sorted(maps.Keys(n.answers))
	resolver := n.resolver(t)
	if addrs, err := resolver.LookupHost(t.Context(), "v4-rebound.example.com"); err != nil || addrs[0] != "93.184.216.34" {
		t.Fatalf("the name resolves to %v, %v at first", addrs, err)
	}
	targets := []string{"localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "127.1", "2130706433", "0x7f000001", "0177.0.0.1"}
	for _, host := range append(targets, hosts...) {
		c, err := New(Config{Settings: Settings{BaseURL: "http://" + host + ":" + port, AllowHTTP: true}, PublicOnly: true, Retries: -1})
		if err != nil {
			continue // refused before it began
		}
		d := dialer(true)
		d.Resolver = resolver
		ours, _ := c.http.Transport.(*http.Transport)
		ours.DialContext = d.DialContext
		_, err = c.Do(t.Context(), Request{Path: "/"})
		switch {
		case err == nil || visited:
			t.Errorf("%s was visited: %v", host, err)
		case strings.HasPrefix(host, "v") && !errors.Is(err, directory.ErrRefused):
			t.Errorf("%s: %v, want that the address is not public", host, err)
		}
	}
	if asked := n.questions(); asked < len(hosts) {
		t.Errorf("the name server was asked %d times for %d names", asked, len(hosts))
	}
	// The same names lead there where private addresses are allowed.
	d := dialer(false)
	d.Resolver = resolver
	conn, err := d.DialContext(t.Context(), "tcp", "v4-loopback.example.com:"+port)
	if err != nil {
		t.Fatalf("the test's names do not lead to the service: %v", err)
	}
	_ = conn.Close()
}

// A proxy would resolve the name itself, out of the check's reach.
func TestPublicOnlyTakesNoProxy(t *testing.T) {
	t.Parallel()
	if transport(true, nil).Proxy != nil {
		t.Error("requests to public addresses go through a proxy of the environment")
	}
	if transport(false, nil).Proxy == nil {
		t.Error("other requests do not")
	}
}

func TestPublic(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"8.8.8.8": true, "93.184.216.34": true, "2606:4700::1111": true, "172.32.0.1": true, "100.128.0.1": true, "64:ff9b::808:808": true,

		"127.0.0.1": false, "127.9.9.9": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "100.127.255.255": false, "0.0.0.0": false, "0.1.2.3": false, "224.0.0.1": false, "239.1.1.1": false,
		"255.255.255.255": false, "240.0.0.1": false, "198.18.0.1": false, "192.0.0.1": false,
		"::1": false, "::": false, "fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "fd12::1": false, "ff02::1": false, "fec0::1": false,
		"::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:8.8.8.8": true, "::7f00:1": false,
		"64:ff9b::7f00:1": false, "64:ff9b::a00:1": false, "2002:7f00:1::": false, "2002:808:808::": true, "64:ff9b:1::1": false,
	} {
		if got := public(netip.MustParseAddr(address)); got != want {
			t.Errorf("public(%s) = %t, want %t", address, got, want)
		}
		err := controlPublic("tcp", netip.AddrPortFrom(netip.MustParseAddr(address), 443).String(), nil)
		if errors.Is(err, errNotPublic) == want {
			t.Errorf("controlPublic(%s): %v", address, err)
		}
	}
	if err := controlPublic("tcp", "example.com:443", nil); !errors.Is(err, errNotPublic) {
		t.Errorf("controlPublic of a name: %v, want it refused", err)
	}
}
