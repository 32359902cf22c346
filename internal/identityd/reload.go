// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identityd

import (
	"errors"
	"fmt"
)

// errNoGate says that the provider's embedded mode has nobody to let in.
var errNoGate = errors.New("this instance does not read tokens")

// Reload reads the configuration file again and, where nothing is wrong with
// it, lets in from the next request on whom it names: its token, jwt,
// client_certificate and tls blocks take the place of the ones before, all at
// once. Else everything stays as it is and the error says why, as Load and
// Open do.
//
// The other settings cannot change while requests are served. Reload names
// those that differ; they count after a restart.
func (i *Instance) Reload() (restart []string, err error) {
	if i.gate == nil {
		return nil, errNoGate
	}
	i.reloading.Lock()
	defer i.reloading.Unlock()
	fresh, err := i.config.Reload()
	if err != nil {
		return nil, err
	}
	if err := fresh.CheckServe(); err != nil {
		return nil, err
	}
	if fresh.Org != i.config.Org {
		return nil, fmt.Errorf("%s is now for the organization %q; the server answers for %q. Another organization needs another server", fresh.Path, fresh.Org, i.config.Org)
	}
	a, err := i.gate.admit(fresh, Logger(fresh, i.log))
	if err != nil {
		return nil, err
	}
	restart = fresh.NeedsRestart(i.config)
	if served := i.gate.access.Load(); (a.tls == nil) != (served.tls == nil) {
		restart = append(restart, "tls, added or removed")
		a.tls = served.tls
	}
	i.gate.open(a, fresh)
	return restart, nil
}
