// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identityd

import (
	"context"
	"fmt"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// configurationActor is who registers the file's services, in the history.
const configurationActor = "configuration"

// Register makes the services in st what the file says. It writes only what
// differs: many processes may start on one store. Services that the file does
// not name stay.
func Register(ctx context.Context, c *config.Config, st store.Store) error {
	if err := register(ctx, c, st); err != nil {
		return fmt.Errorf("the services of %s cannot be registered: %w", c.Path, err)
	}
	return nil
}

func register(ctx context.Context, c *config.Config, st store.Store) error {
	if len(c.Services) == 0 {
		return nil
	}
	services, err := st.Services(ctx, store.ServiceFilter{})
	if err != nil {
		return err
	}
	stored := make(map[identity.ServiceKey]identity.Service, len(services))
	for _, s := range services {
		stored[s.Key] = s
	}
	actor := store.Actor{Name: configurationActor}
	for _, s := range c.Services {
		known, registered := stored[s.Key]
		if !registered {
			known, err = st.CreateService(ctx, actor, s.Key, s.Label)
			// Another process may have been faster, with an older label.
			if identity.CodeOf(err) == identity.CodeServiceConflict {
				registered, err = true, nil
			}
		}
		if err == nil && registered && known.Label != s.Label {
			_, err = st.UpdateService(ctx, actor, s.Key, s.Label)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.Key, err)
		}
	}
	return nil
}
