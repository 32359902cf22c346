// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory

import (
	"context"
	"sync"
)

// pagesAtOnce bounds the pages of one list that are read at the same time.
const pagesAtOnce = 6

// ahead reads the pages of a list, and those that will follow before they are
// asked for. It serves one walk.
type ahead[C comparable] struct {
	page    func(ctx context.Context, cursor C) (Page[C], error)
	started []*pageRead[C] // in the list's order
	running sync.WaitGroup
	alone   bool // one page after the other
}

// pageRead is a page that is being read. Its results are set when done is closed.
type pageRead[C comparable] struct {
	cursor   C
	done     chan struct{}
	page     Page[C]
	err      error
	panicked any
}

// next returns the page of a cursor.
func (a *ahead[C]) next(ctx context.Context, cursor C) (Page[C], error) {
	if len(a.started) == 0 {
		return a.page(ctx, cursor)
	}
	r := a.started[0]
	a.started = a.started[1:]
	if <-r.done; r.panicked != nil {
		panic(r.panicked)
	}
	return r.page, r.err
}

// start begins to read from cursor on. after guesses what follows a cursor. Once it
// was wrong, stop is called and the rest is read page by page.
func (a *ahead[C]) start(ctx context.Context, stop context.CancelFunc, cursor C, after func(C) C) {
	if len(a.started) > 0 && a.started[0].cursor != cursor {
		stop()
		a.started, a.alone = nil, true
	}
	if after == nil || a.alone {
		return
	}
	if n := len(a.started); n > 0 {
		cursor = after(a.started[n-1].cursor)
	}
	var end C
	for ; cursor != end && len(a.started) < pagesAtOnce; cursor = after(cursor) {
		r := &pageRead[C]{cursor: cursor, done: make(chan struct{})}
		a.started = append(a.started, r)
		a.running.Go(func() {
			defer close(r.done)
			defer func() { r.panicked = recover() }()
			r.page, r.err = a.page(ctx, r.cursor)
		})
	}
}
