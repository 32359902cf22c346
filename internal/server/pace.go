// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

const (
	maxWriteBytes = symapi.MaxBodyBytes
	// maxReadBytes bounds the bodies of those who only read: searches and lookups
	// of 2,500 identities of 1,024 bytes, and what JSON adds.
	maxReadBytes = 4 << 20
	// maxReadValues bounds their values; administrators have maxValues.
	maxReadValues = 50_000

	// defaultGrace is how long a connection may rest beyond what leastRate gives it.
	defaultGrace = 10 * time.Second
	leastRate    = 128 << 10 // bytes a second
	// pacedPart is how much is written at a time, each with its own deadline.
	pacedPart = 64 << 10
)

// pace gives the other side of a connection the time that its bytes deserve. Who
// sends or reads slower than leastRate is cut off after a grace.
type pace struct {
	grace time.Duration
	left  time.Duration
	end   time.Time // the server's own timeout; zero = none
}

func newPace(ctx context.Context, grace time.Duration, timeout func(*http.Server) time.Duration) *pace {
	p := &pace{grace: grace, left: grace}
	if server, ok := ctx.Value(http.ServerContextKey).(*http.Server); ok && timeout(server) > 0 {
		p.end = time.Now().Add(timeout(server))
	}
	return p
}

// step sets a deadline, transfers some bytes and counts the time they took.
func (p *pace) step(set func(time.Time) error, transfer func() (int, error)) (int, error) {
	began := time.Now()
	deadline := began.Add(max(p.left, 0))
	if !p.end.IsZero() && p.end.Before(deadline) {
		deadline = p.end
	}
	_ = set(deadline) // a writer of a test has no connection
	n, err := transfer()
	// What went into the kernel's buffers at once earns no more than the grace.
	p.left = min(p.left+time.Duration(n)*time.Second/leastRate-time.Since(began), p.grace)
	return n, err
}

// pacedReader reads a request's body.
type pacedReader struct {
	io.Reader
	pace *pace
	set  func(time.Time) error
}

// Read implements io.Reader.
func (r *pacedReader) Read(b []byte) (int, error) {
	return r.pace.step(r.set, func() (int, error) { return r.Reader.Read(b) })
}

// pacedWriter writes a reply.
type pacedWriter struct {
	http.ResponseWriter
	pace *pace
	set  func(time.Time) error
	// processor has a place for each reply that is made at the same time; nil = no
	// bound. A reply holds one except while it is sent.
	processor chan struct{}
}

// work waits for a place on the processor. Nobody holds one for long.
func (w *pacedWriter) work() {
	if w.processor != nil {
		w.processor <- struct{}{}
	}
}

// rest gives the place back.
func (w *pacedWriter) rest() {
	if w.processor != nil {
		<-w.processor
	}
}

// Write implements io.Writer.
func (w *pacedWriter) Write(b []byte) (written int, err error) {
	w.rest()
	defer w.work()
	for err == nil && len(b) > 0 {
		part := b[:min(len(b), pacedPart)]
		var n int
		n, err = w.pace.step(w.set, func() (int, error) { return w.ResponseWriter.Write(part) })
		written += n
		b = b[n:]
	}
	return written, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// readBody reads a whole body of at most most bytes.
func readBody(w http.ResponseWriter, r *http.Request, grace time.Duration, most int64) ([]byte, error) {
	control := http.NewResponseController(w)
	body := &pacedReader{http.MaxBytesReader(w, r.Body, most),
		newPace(r.Context(), grace, func(s *http.Server) time.Duration { return s.ReadTimeout }), control.SetReadDeadline}
	var text bytes.Buffer
	if r.ContentLength > 0 {
		text.Grow(int(min(r.ContentLength, most)) + bytes.MinRead) // growing would take twice as much
	}
	_, err := text.ReadFrom(body)
	switch _, tooLarge := errors.AsType[*http.MaxBytesError](err); {
	case tooLarge:
		return nil, errBytes(most)
	case err != nil:
		return nil, errUnread // the deadline stays: the connection ends
	}
	// Nothing more is to come, and an old deadline would end the request.
	_ = control.SetReadDeadline(time.Time{})
	return text.Bytes(), nil
}

// bodyWeight returns how much of the budget a body takes.
func bodyWeight(r *http.Request, most int64) int64 {
	if r.ContentLength < 0 {
		return most // it is read up to there
	}
	return max(r.ContentLength, leastBody)
}
