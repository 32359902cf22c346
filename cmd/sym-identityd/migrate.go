// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"

	"github.com/sym-identity/terraform-provider-sym/internal/identityd"
)

// migrate brings the schema of the store up to date. serve does so too, unless
// the configuration says migrate = false.
func (p *program) migrate(ctx context.Context, args []string) error {
	cfg, err := p.load("migrate", args, nil)
	if cfg == nil || err != nil {
		return err
	}
	bar := p.progress("migrating "+cfg.Store.Name(), "", 0)
	v, err := identityd.Migrate(ctx, cfg)
	_ = bar.Finish()
	switch {
	case err != nil:
		return err
	case v.Have == v.Want:
		return p.print(fmt.Sprintf("the store %s has schema version %d already\n", cfg.Store.Name(), v.Want))
	case v.Have == 0:
		return p.print(fmt.Sprintf("the store %s was created with schema version %d\n", cfg.Store.Name(), v.Want))
	}
	return p.print(fmt.Sprintf("the store %s was migrated from schema version %d to %d\n", cfg.Store.Name(), v.Have, v.Want))
}
