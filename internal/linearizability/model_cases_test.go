// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package linearizability

import (
	"math"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
)

// The model allows what the API promises, and no more.
func TestModel(t *testing.T) {
	t.Parallel()
	op := func(call, end int64, in input, out output) porcupine.Operation {
		return porcupine.Operation{Input: in, Output: out, Call: call, Return: end}
	}
	const never = math.MaxInt64
	stores := func(value int, revision int64) output {
		return output{outcome: done, stored: seen{value, revision}}
	}
	create := input{kind: write, value: 1, request: 1, ifAbsent: true, assert: true}
	// Somebody else stored the value, create may have asserted it, and it was removed.
	asserted := []porcupine.Operation{
		op(0, 1, input{kind: write, value: 1}, stores(1, 1)),
		op(2, never, create, output{}),
		op(4, 5, input{kind: write, value: 2, request: 2}, stores(2, 3)),
		op(6, 7, input{kind: remove, value: 2, request: 3}, output{outcome: done, deleted: true}),
	}
	claim := input{kind: write, value: 1, request: 4, ifUnclaimed: true}
	for name, c := range map[string]struct {
		history []porcupine.Operation
		want    porcupine.CheckResult
	}{
		"a repetition brings nothing back": {append(asserted[:4:4], op(8, 9, create, output{outcome: conflict})), porcupine.Ok},
		"only a repetition is refused so":  {append(asserted[2:4:4], op(8, 9, create, output{outcome: conflict})), porcupine.Illegal},
		"a plain write that was given up takes effect late": {[]porcupine.Operation{
			op(0, never, input{kind: write, value: 1, request: 1}, output{}),
			op(1, 2, input{kind: write, value: 2, request: 2}, stores(2, 1)),
			op(3, 4, input{kind: read}, output{outcome: done, all: [people]seen{{2, 1}}}),
			op(5, 6, input{kind: read}, output{outcome: done, all: [people]seen{{1, 2}}}),
		}, porcupine.Ok},
		"it takes effect once": {[]porcupine.Operation{
			op(0, never, input{kind: write, value: 1, request: 1}, output{}),
			op(1, 2, input{kind: read}, output{outcome: done, all: [people]seen{{1, 1}}}),
			op(3, 4, input{kind: write, value: 2, request: 2}, stores(2, 2)),
			op(5, 6, input{kind: read}, output{outcome: done, all: [people]seen{{1, 3}}}),
		}, porcupine.Illegal},
		"a refusal names a holder that a write, not yet stored, did not see": {[]porcupine.Operation{
			op(0, 9, claim, stores(1, 3)),
			op(1, 2, input{kind: write, value: 1, person: 1, request: 5}, stores(1, 2)),
			op(3, 4, input{kind: write, value: 1, request: 6, ifUnclaimed: true}, output{outcome: claimed, holder: 1}),
		}, porcupine.Illegal},
	} {
		if got := porcupine.CheckOperationsTimeout(model, c.history, checkLimit); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

// A server that stops may show a write that nobody acknowledged and that a failover
// then loses. Such a reply counts before and after the stop alone, and one that
// changed something always.
func TestCertain(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	stops := []pgtest.Stop{{Begin: begin.Add(10), End: begin.Add(20)}}
	read := input{kind: read}
	for name, c := range map[string]struct {
		op   porcupine.Operation
		kept bool
	}{
		"before":       {porcupine.Operation{Input: read, Output: output{outcome: done}, Call: 5, Return: 9}, true},
		"begun before": {porcupine.Operation{Input: read, Output: output{outcome: done}, Call: 5, Return: 10}, false},
		"ended after":  {porcupine.Operation{Input: read, Output: output{outcome: done}, Call: 20, Return: 30}, false},
		"after":        {porcupine.Operation{Input: read, Output: output{outcome: done}, Call: 21, Return: 30}, true},
		"a conflict":   {porcupine.Operation{Input: input{kind: write}, Output: output{outcome: conflict}, Call: 12, Return: 13}, false},
		"a holder":     {porcupine.Operation{Input: input{kind: write}, Output: output{outcome: claimed}, Call: 12, Return: 13}, false},
		"acknowledged": {porcupine.Operation{Input: input{kind: write}, Output: output{outcome: done}, Call: 12, Return: 13}, true},
		"removed":      {porcupine.Operation{Input: input{kind: remove}, Output: output{outcome: done}, Call: 12, Return: 13}, true},
		"unknown":      {porcupine.Operation{Input: input{kind: write}, Output: output{}, Call: 12, Return: math.MaxInt64}, true},
	} {
		if kept := len(certain([]porcupine.Operation{c.op}, begin, stops)) == 1; kept != c.kept {
			t.Errorf("%s: kept is %t", name, kept)
		}
	}
}
