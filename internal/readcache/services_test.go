// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

func TestServices(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAPI()
		down := errors.New("down")
		f.before = func(_ context.Context, _ string, n int) error {
			if n == 1 {
				return down
			}
			return nil
		}
		r := New(f)
		ctx := t.Context()
		list := func(want int) {
			t.Helper()
			each(make([]int, 50), 50, func(int) {
				services, err := r.Services(ctx)
				if err != nil || len(services) != want {
					t.Errorf("%d services, %v, want %d", len(services), err, want)
				}
				clear(services) // it is the caller's own
			})
		}
		if _, err := r.Services(ctx); !errors.Is(err, down) {
			t.Errorf("%v", err)
		}
		list(2)
		list(2)
		if n := f.count(); n != 2 {
			t.Errorf("%d requests after a failed one", n)
		}
		f.before = nil
		slack := identity.ServiceKey{Type: "slack", ExternalID: "T1"}
		if answers, err := r.Lookup(ctx, slack, people(1)); err != nil {
			t.Fatal(answers, err)
		}
		if _, err := r.CreateService(ctx, slack, "Slack"); err != nil {
			t.Fatal(err)
		}
		list(3)
		if s, err := r.UpdateService(ctx, slack, "Chat", 0); err != nil || s.Label != "Chat" {
			t.Fatal(s, err)
		}
		services, _ := r.Services(ctx)
		if services[2].Label != "Chat" {
			t.Errorf("%v", services)
		}
		if there, err := r.DeleteService(ctx, slack, 0); err != nil || !there {
			t.Fatal(there, err)
		}
		list(2)
		if _, err := r.Lookup(ctx, slack, people(1)); err != nil || f.count("Lookup") != 2 {
			t.Errorf("%v; what a service answered outlived it", err)
		}
		time.Sleep(maxAge + time.Second)
		before := f.count()
		list(2)
		if n := f.count(); n != before+1 {
			t.Errorf("%d requests for an old list", n-before)
		}
	})
}

// A list that was asked for before a service was written to is not kept.
func TestServiceWrittenDuringAList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAPI()
		f.after = func(ctx context.Context, call string, n int) error {
			if call == "Services" && n == 1 {
				return sleep(ctx, time.Second)
			}
			return nil
		}
		r := New(f)
		done := make(chan struct{})
		go func() { defer close(done); _, _ = r.Services(t.Context()) }()
		time.Sleep(500 * time.Millisecond)
		if _, err := r.CreateService(t.Context(), identity.ServiceKey{Type: "slack", ExternalID: "T1"}, ""); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if services, err := r.Services(t.Context()); err != nil || len(services) != 3 {
				t.Errorf("%v, %v", services, err)
			}
			<-done
		}
	})
}
