// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package apiclient

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

var errNotPublic = errors.New("the address is not public")

const maxRedirects = 5

// dialer connects by name and address. Of what a name resolves to, only public
// addresses count where publicOnly is set.
func dialer(publicOnly bool) *net.Dialer {
	d := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	if publicOnly {
		d.Control = controlPublic
	}
	return d
}

func transport(publicOnly bool) *http.Transport {
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   8,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
	if publicOnly {
		t.Proxy = nil
	}
	t.DialContext = dialer(publicOnly).DialContext
	return t
}

// controlPublic runs after the name is resolved and before the connection is
// made, for each address tried: a name that changes between a check and the
// connection does not get past it.
func controlPublic(_, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %q", errNotPublic, address)
	}
	if !public(target.Addr()) {
		return fmt.Errorf("%w: %s", errNotPublic, target.Addr())
	}
	return nil
}

// reserved holds what netip's own predicates do not know: addresses that lead
// into somebody's network, or nowhere.
func reserved() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),
		netip.MustParsePrefix("100.64.0.0/10"), // carrier-grade NAT
		netip.MustParsePrefix("192.0.0.0/24"),
		netip.MustParsePrefix("198.18.0.0/15"), // benchmarks
		netip.MustParsePrefix("240.0.0.0/4"),   // with the broadcast address
		netip.MustParsePrefix("fec0::/10"),     // site-local
		netip.MustParsePrefix("64:ff9b:1::/48"),
		netip.MustParsePrefix("100::/64"),
	}
}

func public(addr netip.Addr) bool {
	addr = embedded(addr.Unmap().WithZone(""))
	if addr.IsLoopback() || addr.IsPrivate() || addr.IsUnspecified() || addr.IsMulticast() ||
		addr.IsLinkLocalUnicast() || addr.IsInterfaceLocalMulticast() || !addr.IsValid() {
		return false
	}
	for _, prefix := range reserved() {
		if prefix.Contains(addr) {
			return false
		}
	}
	return true
}

// embedded is the IPv4 address inside a NAT64, 6to4 or IPv4-compatible one,
// else addr itself.
func embedded(addr netip.Addr) netip.Addr {
	if !addr.Is6() {
		return addr
	}
	b := addr.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(addr):
		return netip.AddrFrom4([4]byte(b[12:]))
	case netip.MustParsePrefix("2002::/16").Contains(addr):
		return netip.AddrFrom4([4]byte(b[2:6]))
	case netip.MustParsePrefix("::/96").Contains(addr) && !addr.IsLoopback():
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return addr
}
