// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package linearizability

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// people share the accounts of one service, which is one part of a history:
// no service knows of another.
const people = 3

type kind int

const (
	write kind = iota
	remove
	read // everybody of the service at one moment
)

// input is one delivery of a request. A repetition is a delivery of its own, with
// the same request number.
type input struct {
	service int
	kind    kind
	person  int
	value   int // number of the account, from 1; 0 = none
	request int // below 64

	ifAbsent, ifUnclaimed, assert bool
	ifRevision                    int64 // 0 = no condition
}

type outcome int

const (
	unknown outcome = iota // it may take effect at any time after its start, or never
	done
	conflict
	claimed
)

// seen is a stored value as a reply shows it.
type seen struct {
	value    int
	revision int64 // 0 = not said
}

type output struct {
	outcome outcome
	stored  seen         // after a write, or what a conflict names
	deleted bool         // after remove
	holder  int          // after claimed
	all     [people]seen // after read
}

// cell holds one person's mapping.
type cell struct {
	value    int
	revision int64 // 0 = no reply has shown it yet
	newest   int64 // the newest revision that a reply has shown, this one or an earlier
	request  int   // which stored it
}

// state is comparable, as the checker wants.
type state struct {
	cells [people]cell
	added uint64 // requests that changed a mapping with if_absent
}

// model describes what the API promises.
var model = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		parts := map[int][]porcupine.Operation{}
		for _, op := range history {
			service := op.Input.(input).service
			parts[service] = append(parts[service], op)
		}
		var out [][]porcupine.Operation
		for _, part := range parts {
			out = append(out, part)
		}
		return out
	},
	Init: func() any { return state{} },
	Step: func(s, in, out any) (bool, any) {
		next := s.(state)
		ok := next.step(in.(input), out.(output))
		return ok, next
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%s → %s", in.(input), out.(output)) },
	DescribeState:     func(s any) string { return fmt.Sprintf("%+v", s.(state).cells) },
}

// step carries out in and reports whether out is a reply that it may get.
func (s *state) step(in input, out output) bool {
	if in.kind == read {
		for i := range s.cells {
			if !s.cells[i].shows(out.all[i]) {
				return false
			}
		}
		return true
	}
	c := &s.cells[in.person]
	before := *c
	var result output
	if in.kind == write {
		result = s.write(in, out.outcome == conflict)
	} else {
		result = s.remove(in, out.outcome == conflict)
	}
	switch {
	case out.outcome == unknown:
		return true
	case out.outcome != result.outcome, out.deleted != result.deleted, out.holder != result.holder:
		return false
	case out.outcome == conflict:
		equal := in.ifRevision != 0 && out.stored.revision == in.ifRevision && (in.kind == write || before.value == in.value)
		return !equal && c.shows(out.stored)
	case out.outcome == done && in.kind == write:
		return c.shows(out.stored)
	}
	return true
}

// write applies a write. An equal value satisfies every condition. refused says
// that the reply was a conflict, which decides where the revision that it is
// compared with was never shown.
func (s *state) write(in input, refused bool) output {
	c := &s.cells[in.person]
	added := uint64(1) << in.request
	if c.value == in.value {
		if in.assert && c.request != in.request {
			c.revision, c.request = 0, in.request
			if in.ifAbsent {
				s.added |= added
			}
		}
		return output{outcome: done}
	}
	switch {
	case in.ifAbsent && (c.value != 0 || s.added&added != 0), // or it was removed since
		in.ifRevision != 0 && (c.value == 0 || !c.mayHave(in.ifRevision, refused)):
		return output{outcome: conflict}
	}
	for i, other := range s.cells {
		if in.ifUnclaimed && i != in.person && other.value == in.value {
			return output{outcome: claimed, holder: i}
		}
	}
	if in.ifAbsent {
		s.added |= added
	}
	c.value, c.revision, c.request = in.value, 0, in.request
	return output{outcome: done}
}

func (s *state) remove(in input, refused bool) output {
	c := &s.cells[in.person]
	switch {
	case c.value == 0:
		return output{outcome: done}
	case c.value != in.value, in.ifRevision != 0 && !c.mayHave(in.ifRevision, refused):
		return output{outcome: conflict}
	}
	c.value, c.revision, c.request = 0, 0, -1
	return output{outcome: done, deleted: true}
}

// mayHave reports whether the cell's revision is this one, and keeps it if so.
func (c *cell) mayHave(revision int64, refused bool) bool {
	if c.revision == 0 && !refused && revision > c.newest {
		c.revision, c.newest = revision, revision
	}
	return c.revision == revision
}

// shows reports whether a reply may show the cell like that. A revision that is
// shown for the first time is newer than all before it.
func (c *cell) shows(what seen) bool {
	switch {
	case what.value != c.value:
		return false
	case c.value == 0 || what.revision == 0 || what.revision == c.revision:
		return true
	case c.revision != 0 || what.revision <= c.newest:
		return false
	}
	c.revision, c.newest = what.revision, what.revision
	return true
}

func (in input) String() string {
	switch in.kind {
	case read:
		return "read"
	case remove:
		return fmt.Sprintf("#%d remove %d of %d if %d", in.request, in.value, in.person, in.ifRevision)
	}
	text := fmt.Sprintf("#%d write %d to %d", in.request, in.value, in.person)
	for _, condition := range []struct {
		name string
		set  bool
	}{{"absent", in.ifAbsent}, {"unclaimed", in.ifUnclaimed}, {"asserted", in.assert}} {
		if condition.set {
			text += " " + condition.name
		}
	}
	if in.ifRevision != 0 {
		text += fmt.Sprint(" if ", in.ifRevision)
	}
	return text
}

func (out output) String() string {
	switch {
	case out.outcome == unknown:
		return "unknown"
	case out.outcome == claimed:
		return fmt.Sprintf("claimed by %d", out.holder)
	case out.outcome == conflict:
		return "conflict with " + out.stored.String()
	case out.deleted:
		return "deleted"
	case out.stored != seen{}:
		return "stored " + out.stored.String()
	}
	return fmt.Sprint("done ", out.all)
}

func (s seen) String() string { return fmt.Sprintf("%d@%d", s.value, s.revision) }
