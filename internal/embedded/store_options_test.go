// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
)

func TestStoreOptions(t *testing.T) {
	t.Parallel()
	const head = "org = \"acme\"\nstore = \"sqlite:identities.db\"\n"
	for name, tt := range map[string]struct {
		src       string
		want      sqlstore.Options
		retention time.Duration
	}{
		"none":        {head, sqlstore.Options{}, 0},
		"empty block": {head + "store_options {}", sqlstore.Options{}, 0},
		"all": {head + `history_retention = "8760h"
store_options {
  max_connections   = 20
  connect_timeout   = "5s"
  statement_timeout = "1m"
  busy_timeout      = "30s"
  migrate           = false
}`, sqlstore.Options{MaxConns: 20, ConnectTimeout: 5 * time.Second, StatementTimeout: time.Minute, BusyTimeout: 30 * time.Second, NoMigrate: true}, 8760 * time.Hour},
		"migrate": {head + "store_options {\n  migrate = true\n}", sqlstore.Options{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := load(t, tt.src, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, cfg.storeOptions, cmpopts.IgnoreFields(sqlstore.Options{}, "Now")); diff != "" || cfg.retention != tt.retention {
				t.Errorf("retention %s, options (-want +got):\n%s", cfg.retention, diff)
			}
		})
	}
}

// Whoever must not migrate leaves the store alone and says what to do.
func TestMigrateByHand(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{"SQLite": "sqlite:identities.db", "Postgres": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if url == "" {
				url = pgtest.URL(t)
			}
			opts := Options{LookupEnv: func(string) (string, bool) { return url, true }}
			cfg := mustLoad(t, writeConfig(t, "org = \"acme\"\nstore = env(\"STORE\")\nstore_options {\n  migrate = false\n}\n", nil), opts)
			if _, err := cfg.Open(t.Context(), opts); err == nil || !strings.Contains(err.Error(), "sym-identityd migrate") {
				t.Fatalf("got %v", err)
			}
			if r := cfg.Check(t.Context()); name == "Postgres" && (r[0].Err == nil || !strings.Contains(r[0].Err.Error(), "sym-identityd migrate")) {
				t.Errorf("check: got %+v", r[0])
			}
			for i, wantOld := range []bool{true, false} {
				v, err := cfg.Migrate(t.Context())
				if err != nil || (v.Have == 0) != wantOld || v.Want == 0 {
					t.Fatalf("migration %d: got %+v, %v", i, v, err)
				}
			}
			instance := mustOpen(t, cfg, opts)
			if r := instance.Check(t.Context()); r[0].Err != nil {
				t.Error(r[0].Err)
			}
			if r := cfg.Check(t.Context()); r[0].Err != nil || r[0].Note != "" {
				t.Errorf("check: got %+v", r[0])
			}
		})
	}
}

func TestMaintainPrunesTheHistory(t *testing.T) {
	t.Parallel()
	const changes = 2*pruneBatch + 7
	cfg := mustLoad(t, writeConfig(t, "org = \"acme\"\nstore = \"sqlite:identities.db\"\nservice \"okta\" \"acme.okta.com\" {}\n", nil), Options{})
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
	i.config.retention = time.Nanosecond // shorter than a file may say
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		i.Maintain(ctx, slog.New(slog.DiscardHandler))
	}()
	for deadline := time.Now().Add(30 * time.Second); left() > 0 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	<-done
	if n := left(); n != 0 {
		t.Errorf("%d changes are left", n)
	}
}
