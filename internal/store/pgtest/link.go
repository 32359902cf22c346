// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package pgtest

import (
	"context"
	"io"
	"net"
	"sync"
)

// link is a TCP connection on 127.0.0.1 that can be cut.
type link struct {
	listener net.Listener
	target   int

	mu    sync.Mutex
	isCut bool
	open  map[net.Conn]bool
}

func newLink(target int) (*link, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &link{listener: listener, target: target, open: map[net.Conn]bool{}}
	go l.serve()
	return l, nil
}

func (l *link) port() int {
	a, _ := l.listener.Addr().(*net.TCPAddr)
	return a.Port
}

func (l *link) serve() {
	for {
		in, err := l.listener.Accept()
		if err != nil {
			return
		}
		go l.carry(in)
	}
}

func (l *link) carry(in net.Conn) {
	defer in.Close()
	out, err := new(net.Dialer).DialContext(context.Background(), "tcp", address(l.target))
	if err != nil {
		return
	}
	defer out.Close()
	if !l.keep(in, out) {
		return
	}
	go func() {
		_, _ = io.Copy(out, in)
		_ = out.Close()
	}()
	_, _ = io.Copy(in, out)
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, in)
	delete(l.open, out)
}

func (l *link) keep(both ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range both {
		l.open[c] = true
	}
	return !l.isCut
}

// cut ends all connections and refuses others, until it is called with false.
func (l *link) cut(is bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = is
	if !is {
		return
	}
	for c := range l.open {
		_ = c.Close()
	}
	clear(l.open)
}

func (l *link) close() {
	if l != nil {
		_ = l.listener.Close()
		l.cut(true)
	}
}
