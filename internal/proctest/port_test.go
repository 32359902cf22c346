// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package proctest

import (
	"net"
	"strconv"
	"testing"
)

// TestFreePort asks for many ports: they differ, and a server can listen on them.
func TestFreePort(t *testing.T) {
	t.Parallel()
	for seen := map[int]bool{}; len(seen) < 500; {
		port, err := FreePort()
		if err != nil {
			t.Fatal(err)
		}
		if seen[port] || port < firstPort || port >= endOfPort {
			t.Fatalf("got %d after %d others", port, len(seen))
		}
		seen[port] = true
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
	}
}
