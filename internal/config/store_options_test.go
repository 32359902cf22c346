// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStoreOptions(t *testing.T) {
	t.Parallel()
	const head = "org = \"acme\"\nstore = \"sqlite:identities.db\"\n"
	for name, tt := range map[string]struct {
		src       string
		want      StoreOptions
		retention time.Duration
	}{
		"none":        {head, StoreOptions{Migrate: true}, 0},
		"empty block": {head + "store_options {}", StoreOptions{Migrate: true}, 0},
		"all": {head + `history_retention = "8760h"
store_options {
  max_connections   = 20
  connect_timeout   = "5s"
  statement_timeout = "1m"
  busy_timeout      = "30s"
  migrate           = false
}`, StoreOptions{MaxConnections: 20, ConnectTimeout: 5 * time.Second, StatementTimeout: time.Minute, BusyTimeout: 30 * time.Second}, 8760 * time.Hour},
		"migrate": {head + "store_options {\n  migrate = true\n}", StoreOptions{Migrate: true}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := load(t, tt.src, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, cfg.StoreOptions); diff != "" || cfg.Retention != tt.retention {
				t.Errorf("retention %s, options (-want +got):\n%s", cfg.Retention, diff)
			}
		})
	}
}
