// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"maps"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// mapping applies one mapping of element i to r. claimed says that the user
// now holds an account on the condition that nobody else does.
//
// The order of the questions is the contract: an equal value satisfies every
// condition, stored wins against automatic sources, and only then the
// conditions are asked.
func (p *plan) mapping(i int, r *record, w store.MappingWrite) (claimed bool, err *identity.Error) {
	old := r.mappings[w.Service]
	if old != nil && old.Matcher.Equal(w.Service.Type, w.Matcher) {
		p.repeat(r, old, w)
		return false, nil
	}
	var found *identity.Mapping
	if old != nil {
		m := old.Mapping
		found = &m
	}
	automatic := w.Source.OrManual() != identity.Manual
	undone := old == nil && w.IfAbsent && p.before.done[changed{r.Key, w.Service}]
	if undone || old != nil && (automatic || w.IfAbsent) || w.IfRevision != 0 && (old == nil || old.Revision != w.IfRevision) {
		return false, identity.Conflict(r.Key, w.Service, found)
	}
	m := &mapping{dirty: true, writer: i, id: newID(), Mapping: identity.Mapping{
		Service: w.Service, Profile: map[string]string{}, CreatedAt: p.now}}
	if old != nil {
		m.id, m.Profile, m.CreatedAt, m.UpdatedAt = old.id, old.Profile, old.CreatedAt, old.UpdatedAt
	}
	p.set(m, w)
	r.mappings[w.Service] = m
	return w.IfUnclaimed, nil
}

// repeat writes a value over an equal one. Automatic sources never touch what
// is stored. A write that names no source changes at most the profile. A
// manual one is an assertion: it makes the mapping manual, in the writer's
// spelling, and gives it a new revision, so that whoever knows only the old
// revision no longer owns it.
func (p *plan) repeat(r *record, old *mapping, w store.MappingWrite) {
	sameProfile := w.Profile == nil || maps.Equal(w.Profile, old.Profile)
	if w.Source.OrManual() != identity.Manual || sameProfile && (w.Source == "" || p.again(old)) {
		return
	}
	m := *old
	m.dirty = true
	if w.Source == "" {
		w.Matcher, w.Source, w.Rule = old.Matcher, old.Source, old.Rule
	}
	p.set(&m, w)
	r.mappings[w.Service] = &m
}

// set puts the written value into m. Its revision is 0 until the batch is
// written, so that no condition can match it before.
func (p *plan) set(m *mapping, w store.MappingWrite) {
	m.Matcher = maps.Clone(w.Matcher)
	m.Source, m.Rule = w.Source.OrManual(), ""
	if m.Source == identity.FromRule {
		m.Rule = w.Rule
	}
	if w.Profile != nil {
		m.Profile = maps.Clone(w.Profile)
	}
	m.Revision, m.UpdatedBy = 0, p.actor
	if p.now.After(m.UpdatedAt) { // a clock that goes back does not take a mapping along
		m.UpdatedAt = p.now
	}
}
