// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestSession_opensOnceForMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		want := &Connection{}
		s := &Session{connect: func(context.Context) (*Connection, error) {
			calls.Add(1)
			time.Sleep(time.Second)
			return want, nil
		}}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if got, err := s.Connect(t.Context()); got != want || err != nil {
					t.Errorf("connection: %v, %v", got, err)
				}
			})
		}
		wg.Wait()
		if s.Current() != want || calls.Load() != 1 {
			t.Errorf("opened %d times", calls.Load())
		}
	})
}

func TestSession_sharesAFailureButDoesNotKeepIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		errFirst := errors.New("first")
		s := &Session{connect: func(context.Context) (*Connection, error) {
			time.Sleep(time.Second)
			if calls.Add(1) == 1 {
				return nil, errFirst
			}
			return &Connection{}, nil
		}}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if got, err := s.Connect(t.Context()); got != nil || !errors.Is(err, errFirst) {
					t.Errorf("connection: %v, %v", got, err)
				}
			})
		}
		wg.Wait()
		if s.Current() != nil || calls.Load() != 1 {
			t.Fatalf("opened %d times", calls.Load())
		}
		if got, err := s.Connect(t.Context()); got == nil || err != nil {
			t.Errorf("the next use: %v, %v", got, err)
		}
	})
}

// TestSession_outlivesACancelledCaller: that one resource gave up says nothing
// about the others.
func TestSession_outlivesACancelledCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		s := &Session{connect: func(ctx context.Context) (*Connection, error) {
			if calls.Add(1) == 1 {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return &Connection{}, nil
		}}
		first, giveUp := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if got, err := s.Connect(first); got != nil || err == nil {
				t.Errorf("the cancelled caller: %v, %v", got, err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if got, err := s.Connect(t.Context()); got == nil || err != nil {
				t.Errorf("the waiting caller: %v, %v", got, err)
			}
		})
		synctest.Wait()
		giveUp()
		wg.Wait()
		if calls.Load() != 2 {
			t.Errorf("opened %d times", calls.Load())
		}
	})
}

func TestSession_waiterHonoursItsOwnContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := &Session{connect: func(context.Context) (*Connection, error) {
			<-release
			return &Connection{}, nil
		}}
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = s.Connect(t.Context()) })
		synctest.Wait()
		ctx, giveUp := context.WithCancel(t.Context())
		giveUp()
		got, err := s.Connect(ctx)
		if got != nil || !errors.Is(err, context.Canceled) {
			t.Errorf("connection: %v, %v", got, err)
		}
		close(release)
		wg.Wait()
	})
}

func TestSession_closes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		closed := 0
		s := &Session{connect: func(context.Context) (*Connection, error) {
			time.Sleep(time.Second)
			return &Connection{close: func() error { closed++; return nil }}, nil
		}}
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := s.Connect(t.Context()); !errors.Is(err, ErrClosed) {
				t.Errorf("the attempt under way: %v", err)
			}
		})
		synctest.Wait()
		for range 2 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		wg.Wait()
		if _, err := s.Connect(t.Context()); !errors.Is(err, ErrClosed) || closed != 1 || s.Current() != nil {
			t.Errorf("closed %d times, then %v", closed, err)
		}
		open := &Session{connect: s.connect}
		if _, err := open.Connect(t.Context()); err != nil {
			t.Error(err)
		}
		if err := errors.Join(open.Close(), open.Close()); err != nil || closed != 2 {
			t.Errorf("an open connection: closed %d times, %v", closed-1, err)
		}
		if err := new(Session).Close(); err != nil {
			t.Errorf("never used: %v", err)
		}
	})
}
