// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identityd

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
)

// Whoever must not migrate leaves the store alone and says what to do.
func TestMigrateByHand(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{"SQLite": "sqlite:identities.db", "Postgres": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if url == "" {
				url = pgtest.URL(t)
			}
			opts := config.Options{LookupEnv: func(string) (string, bool) { return url, true }}
			cfg := mustLoad(t, writeConfig(t, "org = \"acme\"\nstore = env(\"STORE\")\nstore_options {\n  migrate = false\n}\n", nil), opts)
			if _, err := Open(t.Context(), cfg, Options{}); err == nil || !strings.Contains(err.Error(), "sym-identityd migrate") {
				t.Fatalf("got %v", err)
			}
			for i, wantOld := range []bool{true, false} {
				v, err := Migrate(t.Context(), cfg)
				if err != nil || (v.Have == 0) != wantOld || v.Want == 0 {
					t.Fatalf("migration %d: got %+v, %v", i, v, err)
				}
			}
			if err := mustOpen(t, cfg, Options{}).store.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestMaintainPrunesTheHistory(t *testing.T) {
	t.Parallel()
	const changes = 2*pruneBatch + 7
	cfg := mustLoad(t, writeConfig(t, "org = \"acme\"\nstore = \"sqlite:identities.db\"\nservice \"okta\" \"acme.okta.com\" {}\n", nil), config.Options{})
	i := mustOpen(t, cfg, Options{})
	okta := identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}
	for start := 0; start < changes; start += 1000 {
		var writes []store.UserWrite
		for n := start; n < min(changes, start+1000); n++ {
			writes = append(writes, store.UserWrite{Key: identity.UserKey(fmt.Sprintf("user%d@example.com", n)),
				Mappings: []store.MappingWrite{{Service: okta, Matcher: identity.NewMatcher("okta", fmt.Sprint(n))}}})
		}
		if _, err := i.store.UpsertUsers(t.Context(), store.Actor{Name: "test"}, writes); err != nil {
			t.Fatal(err)
		}
	}
	left := func() int {
		got, _, err := i.store.History(t.Context(), store.HistoryFilter{})
		if err != nil {
			t.Fatal(err)
		}
		return len(got)
	}
	i.Maintain(t.Context(), slog.New(slog.DiscardHandler)) // keeps everything, and returns
	if n := left(); n != changes {
		t.Fatalf("%d changes are left, want all %d", n, changes)
	}
	i.config.Retention = time.Nanosecond // shorter than a file may say
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		i.Maintain(ctx, slog.New(slog.DiscardHandler))
	}()
	for deadline := time.Now().Add(2 * time.Minute); left() > 0 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	<-done
	if n := left(); n != 0 {
		t.Errorf("%d changes are left", n)
	}
}
