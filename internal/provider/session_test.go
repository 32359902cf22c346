// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
)

func failed(summary string) diag.Diagnostics {
	return diag.Diagnostics{diag.NewErrorDiagnostic(summary, "")}
}

func TestOpener_opensOnceForMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		want := &session{}
		o := &opener{open: func(context.Context) (*session, diag.Diagnostics) {
			calls.Add(1)
			time.Sleep(time.Second)
			return want, nil
		}}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if got, diags := o.session(t.Context()); got != want || diags.HasError() {
					t.Errorf("session: %v, %v", got, diags)
				}
			})
		}
		wg.Wait()
		if o.current() != want || calls.Load() != 1 {
			t.Errorf("opened %d times", calls.Load())
		}
	})
}

func TestOpener_sharesAFailureButDoesNotKeepIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		o := &opener{open: func(context.Context) (*session, diag.Diagnostics) {
			time.Sleep(time.Second)
			if calls.Add(1) == 1 {
				return nil, failed("first")
			}
			return &session{}, nil
		}}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if got, diags := o.session(t.Context()); got != nil || len(diags) != 1 || diags[0].Summary() != "first" {
					t.Errorf("session: %v, %v", got, diags)
				}
			})
		}
		wg.Wait()
		if o.current() != nil || calls.Load() != 1 {
			t.Fatalf("opened %d times", calls.Load())
		}
		if got, diags := o.session(t.Context()); got == nil || diags.HasError() {
			t.Errorf("the next use: %v, %v", got, diags)
		}
	})
}

// TestOpener_outlivesACancelledCaller: that one resource gave up says nothing
// about the others.
func TestOpener_outlivesACancelledCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		o := &opener{open: func(ctx context.Context) (*session, diag.Diagnostics) {
			if calls.Add(1) == 1 {
				<-ctx.Done()
				return nil, failed("cancelled")
			}
			return &session{}, nil
		}}
		first, giveUp := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if got, diags := o.session(first); got != nil || !diags.HasError() {
				t.Errorf("the cancelled caller: %v, %v", got, diags)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if got, diags := o.session(t.Context()); got == nil || diags.HasError() {
				t.Errorf("the waiting caller: %v, %v", got, diags)
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

func TestOpener_waiterHonoursItsOwnContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		o := &opener{open: func(context.Context) (*session, diag.Diagnostics) {
			<-release
			return &session{}, nil
		}}
		var wg sync.WaitGroup
		wg.Go(func() { o.session(t.Context()) })
		synctest.Wait()
		ctx, giveUp := context.WithCancel(t.Context())
		giveUp()
		got, diags := o.session(ctx)
		if got != nil || len(diags) != 1 {
			t.Errorf("session: %v, %v", got, diags)
		}
		close(release)
		wg.Wait()
	})
}

func TestFromProviderData(t *testing.T) {
	t.Parallel()
	var diags diag.Diagnostics
	data := &providerData{}
	if got := fromProviderData(data, &diags); got != data || len(diags) != 0 {
		t.Errorf("data: %v, %v", got, diags)
	}
	if got := fromProviderData(nil, &diags); got != nil || len(diags) != 0 {
		t.Errorf("nil: %v, %v", got, diags)
	}
	if got := fromProviderData(data.opener, &diags); got != nil || !diags.HasError() {
		t.Errorf("something else: %v, %v", got, diags)
	}
}
