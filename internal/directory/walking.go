// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// abandonAfter is how long a walk goes on although nobody waits for it any
// more. A caller whose patience is shorter than the walk comes again and finds
// it further on, or done.
const abandonAfter = 2 * time.Minute

// errClosed ends the walk of a directory that is no longer used.
var errClosed = errors.New("the directory was closed")

// walking is a walk under way. Its callers share it.
type walking struct {
	done    chan struct{} // closed when list or err is set
	list    *snapshot
	err     error
	waiters int
	pages   int // read so far
	most    int // pages to read, the most that anybody who waits has patience for; 0 = all
	cancel  context.CancelFunc
	lonely  *time.Timer // runs while nobody waits
}

// walk reads the whole list, once for all who want it at the same time. A
// failure leaves the list that is kept alone.
// most is after how many pages it is no longer worth it, 0 = it is however long
// it is; the walk ends with ErrTruncated where nobody has more patience.
func (c *Cached) walk(ctx context.Context, lister Lister, most int) (*snapshot, error) {
	w, err := c.join(lister, most)
	if err != nil {
		return nil, err
	}
	defer c.leave(w)
	select {
	case <-w.done:
		return w.list, w.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (c *Cached) join(lister Lister, most int) (*walking, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, errClosed)
	}
	w := c.walking
	if w == nil {
		ctx, cancel := context.WithCancel(context.Background())
		w = &walking{done: make(chan struct{}), cancel: cancel, most: most}
		c.walking = w
		go c.run(ctx, w, lister)
	}
	if w.lonely != nil {
		w.lonely.Stop()
		w.lonely = nil
	}
	w.waiters++
	if most == 0 || w.most != 0 && most > w.most {
		w.most = most
	}
	return w, nil
}

func (c *Cached) leave(w *walking) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w.waiters--
	if w.waiters == 0 && c.walking == w {
		w.lonely = time.AfterFunc(abandonAfter, w.cancel)
	}
}

// run is the walk. It belongs to no request, so it must not take the program
// with it when a connector fails badly.
func (c *Cached) run(ctx context.Context, w *walking, lister Lister) {
	defer w.cancel()
	list := &snapshot{index: newIndex(c.foldID), asOf: time.Now()}
	err := errors.New("reading the list ended unexpectedly")
	defer func() {
		if broken := recover(); broken != nil {
			err = fmt.Errorf("reading the list failed in the program itself: %v", broken)
		}
		list.ended = time.Now()
		c.finish(w, list, err)
	}()
	long := false
	err = Walk(ctx, lister, func(page []Account) bool {
		list.add(compact(page))
		long = c.tooLong(w)
		return !long
	})
	if long && err == nil {
		err = fmt.Errorf("%w here: it is longer than what is worth reading for so few people", ErrTruncated)
	}
}

// tooLong counts a page and reports whether nobody wants another one.
func (c *Cached) tooLong(w *walking) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	w.pages++
	return w.most > 0 && w.pages > w.most
}

func (c *Cached) finish(w *walking, list *snapshot, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.walking = nil
	if w.lonely != nil {
		w.lonely.Stop()
	}
	defer close(w.done)
	if w.err = err; err != nil {
		if errors.Is(err, ErrTruncated) { // so that it is not tried again and again
			c.size = max(c.size, c.Describe().ListMaxAccounts, sizeFactor*len(list.rows))
		}
		return
	}
	w.list, c.size = list, len(list.rows)
	if c.settings.TTL <= 0 || c.closed || len(list.rows) > maxKeptAccounts {
		return
	}
	c.list = list
	for email, a := range c.answers {
		if a.asOf.Before(list.asOf) {
			delete(c.answers, email)
		}
	}
	time.AfterFunc(c.settings.TTL, func() { c.drop(list) })
}

// drop frees a list that serves nobody any more.
func (c *Cached) drop(list *snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.list == list {
		c.list = nil
	}
}

// Close ends a walk that is under way and frees what is kept.
func (c *Cached) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed, c.list, c.answers = true, nil, map[string]kept{}
	if c.walking != nil {
		c.walking.cancel()
	}
}
