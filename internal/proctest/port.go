// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package proctest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Systems choose from 32768 or 49152 on where a program leaves them the choice.
const (
	firstPort = 10000
	endOfPort = 32768
)

var given sync.Map

// FreePort returns a TCP port of 127.0.0.1 for a program that takes some time to
// listen on it. No system gives such a port to a connection or to a server that
// asks for any, and one process gets each port once.
func FreePort() (int, error) {
	for range 1000 {
		port := firstPort + rand.IntN(endOfPort-firstPort)
		if _, again := given.LoadOrStore(port, true); again {
			continue
		}
		// To listen on it is no way to find out: a process that is just being
		// started would keep the listener open.
		conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return port, nil
		}
		_ = conn.Close()
	}
	return 0, fmt.Errorf("no port of 127.0.0.1 from %d to %d is free", firstPort, endOfPort-1)
}
