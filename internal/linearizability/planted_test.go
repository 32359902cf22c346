// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package linearizability

import (
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
)

// The check finds each fault that is put in for it.
func TestPlantedFaultsAreFound(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t)
	seed := int64(0)
	for name, planted := range map[string]struct {
		fault   string
		disturb func(*testing.T, *run)
	}{
		"acknowledged, but on no standby": {"", loseWrites},
		ackEarly:                          {ackEarly, func(*testing.T, *run) {}},
		ignoreAbsent:                      {ignoreAbsent, func(*testing.T, *run) {}},
		ignoreRevision:                    {ignoreRevision, func(*testing.T, *run) {}},
		ignoreUnclaimed:                   {ignoreUnclaimed, func(*testing.T, *run) {}},
	} {
		for range 2 {
			seed++
			h := record(t, cluster.URL(), seed, planted.fault, 0, planted.disturb)
			if result := porcupine.CheckOperationsTimeout(model, h, checkLimit); result != porcupine.Illegal {
				t.Errorf("%s, seed %d: the history of %d operations is %s", name, seed, len(h), result)
			}
		}
	}
	// Without a fault, and without a disturbance, nothing is found.
	if result := porcupine.CheckOperationsTimeout(model, record(t, cluster.URL(), 0, "", 0, func(*testing.T, *run) {}), checkLimit); result != porcupine.Ok {
		t.Errorf("without a fault the history is %s", result)
	}
}

// loseWrites makes the mappings those of a while ago, as a failover does to a
// standby that lacks the last acknowledged writes.
func loseWrites(t *testing.T, r *run) {
	t.Helper()
	r.after(1, 4)
	execute(t, r.url, "CREATE TABLE standby AS SELECT * FROM mappings")
	r.after(3, 4)
	execute(t, r.url, "BEGIN", "LOCK TABLE mappings", "DELETE FROM mappings", "INSERT INTO mappings SELECT * FROM standby", "COMMIT")
}
