// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/gocty"
)

// Bounds of settings that are numbers or spans of time.
const (
	maxConnections = 10_000
	minRetention   = time.Hour // below it somebody means another unit
)

// StoreOptions is the store_options block. Zero values mean the defaults.
type StoreOptions struct {
	MaxConnections   int
	ConnectTimeout   time.Duration
	StatementTimeout time.Duration
	BusyTimeout      time.Duration
	NoMigrate        bool // migrate = false
}

// storeOptions reads the store_options block.
func (d *decoder) storeOptions(blocks hcl.Blocks) StoreOptions {
	var opts StoreOptions
	for i, block := range blocks {
		if i > 0 {
			d.problem(block.DefRange, "store_options stands twice",
				fmt.Sprintf("The first is on line %d. Merge the two blocks.", blocks[0].DefRange.Start.Line))
			continue
		}
		args := arguments{d, d.content(block.Body, &hcl.BodySchema{Attributes: []hcl.AttributeSchema{
			{Name: "max_connections"}, {Name: "connect_timeout"}, {Name: "statement_timeout"}, {Name: "busy_timeout"}, {Name: "migrate"},
		}}).Attributes}
		opts = StoreOptions{
			MaxConnections:   args.count("max_connections", maxConnections),
			ConnectTimeout:   args.duration("connect_timeout"),
			StatementTimeout: args.duration("statement_timeout"),
			BusyTimeout:      args.duration("busy_timeout"),
			NoMigrate:        args.attrs["migrate"] != nil && !args.boolean("migrate"),
		}
	}
	return opts
}

// historyRetention reads how long changes are kept; 0 = for ever.
func (d *decoder) historyRetention(args arguments) time.Duration {
	span := args.duration("history_retention")
	if span != 0 && span < minRetention {
		d.problem(args.at("history_retention"), fmt.Sprintf("history_retention is shorter than %s", minRetention),
			`Write hours, as in "8760h" for a year. Leave it out to keep the history for ever.`)
		return 0
	}
	return span
}

// count reads a whole number from 1 to most.
func (a arguments) count(name string, most int) int {
	v, ok := a.value(name, cty.Number)
	if !ok {
		return 0
	}
	var n int
	if err := gocty.FromCtyValue(v, &n); err != nil || n < 1 || n > most {
		a.d.problem(a.at(name), fmt.Sprintf("%s must be a whole number from 1 to %d", name, most), "")
		return 0
	}
	return n
}
