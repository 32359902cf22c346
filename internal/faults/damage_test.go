// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package faults

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"time"
)

// cut resets the client's connection.
func cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// writePart writes the beginning of a reply and closes the connection. Only
// with a Content-Length can the client notice.
func writePart(w http.ResponseWriter, reply answered, n int, announced bool) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	header := reply.header.Clone()
	header.Del("Content-Length")
	header.Set("Connection", "close")
	if announced {
		header.Set("Content-Length", fmt.Sprint(len(reply.body)))
	}
	fmt.Fprintf(buffered, "HTTP/1.1 %d %s\r\n", reply.status, http.StatusText(reply.status))
	_ = header.Write(buffered)
	_, _ = buffered.WriteString("\r\n")
	_, _ = buffered.Write(reply.body[:n])
	_ = buffered.Flush()
}

// refusal answers the request itself; the server never sees it.
func refusal(w http.ResponseWriter, f fault, r *rand.Rand) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	status := http.StatusOK
	switch f {
	case limited:
		status = http.StatusTooManyRequests
		switch r.IntN(3) {
		case 0:
			w.Header().Set("Retry-After", "0")
		case 1:
			w.Header().Set("Retry-After", time.Now().Add(time.Second).UTC().Format(http.TimeFormat))
		}
	case gateway:
		status = []int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}[r.IntN(3)]
	case busy:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"error":true,"message":"the store is busy","code":"Store:UNAVAILABLE","status_code":503,"is_retryable":true}`)
		return
	case missing:
		status = http.StatusNotFound
	case broken:
		status = http.StatusInternalServerError
	}
	w.WriteHeader(status)
	fmt.Fprintf(w, "<html><head><title>%d of a gateway</title></head><body>%s</body></html>", status, f)
}
