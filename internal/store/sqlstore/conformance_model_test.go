// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	diff "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// model is the store as a plain map: user name → service → value and source.
type model map[identity.UserKey]map[identity.ServiceKey]modelled

type modelled struct {
	value    string
	source   identity.Source
	revision int64 // as the store said
}

// one random write of one mapping.
type attempt struct {
	user identity.UserKey
	m    store.MappingWrite
}

var modelTests = []conformanceTest{
	{"Random operations match a map", randomOperationsMatchAMap},
}

func randomOperationsMatchAMap(f *fixture) {
	run := 0
	rapid.Check(f.T, func(t *rapid.T) {
		run++
		w := &world{fixture: f, t: t, model: model{}, ids: map[identity.UserKey]string{}, run: run}
		t.Repeat(map[string]func(*rapid.T){
			"write":  func(t *rapid.T) { w.t = t; w.write() },
			"delete": func(t *rapid.T) { w.t = t; w.delete() },
			"remove": func(t *rapid.T) { w.t = t; w.remove() },
			"":       func(t *rapid.T) { w.t = t; w.compare() },
		})
	})
}

// world runs the same operations on the store and on the model. Each run has
// users and accounts of its own.
type world struct {
	*fixture
	t     *rapid.T
	model model
	ids   map[identity.UserKey]string
	last  int64
	run   int
}

func (w *world) anyUser() identity.UserKey {
	return identity.UserKey(fmt.Sprintf("user%d.%d@acme.com", rapid.IntRange(0, 2).Draw(w.t, "user"), w.run))
}

func (w *world) anyService() identity.ServiceKey {
	return rapid.SampledFrom([]identity.ServiceKey{okta, custom}).Draw(w.t, "service")
}

func (w *world) anyValue() string {
	return fmt.Sprintf("%s.%d", rapid.SampledFrom([]string{"a", "b", "c"}).Draw(w.t, "value"), w.run)
}

func (w *world) anyRevision(user identity.UserKey, service identity.ServiceKey) int64 {
	now := w.model[user][service].revision
	return rapid.SampledFrom([]int64{0, 0, now, max(0, now-1), w.last + 1}).Draw(w.t, "revision")
}

func (w *world) write() {
	var batch []attempt
	var writes []store.UserWrite
	for range rapid.IntRange(1, 3).Draw(w.t, "elements") {
		user, service := w.anyUser(), w.anyService()
		m := from(rapid.SampledFrom(sources).Draw(w.t, "source"), value(service, w.anyValue()))
		m.Conditions = identity.Conditions{IfAbsent: rapid.Bool().Draw(w.t, "if_absent"), IfRevision: w.anyRevision(user, service)}
		// Claims of a batch depend on all of it, which a model by turns cannot say.
		m.IfUnclaimed = len(batch) == 0 && rapid.Bool().Draw(w.t, "if_unclaimed")
		batch, writes = append(batch, attempt{user, m}), append(writes, write(user, m))
	}
	if len(batch) > 1 {
		writes[0].Mappings[0].IfUnclaimed, batch[0].m.IfUnclaimed = false, false
	}
	after, want := w.model.apply(batch)
	users, err := w.store.UpsertUsers(w.ctx, w.actor, writes)
	if got := itemErrorCodes(err); err != nil && got == nil || diff.Diff(want, got) != "" {
		w.t.Fatalf("%+v: got %v, want failures %v", batch, err, want)
	}
	if err != nil {
		return
	}
	w.model = after
	for i, a := range batch {
		w.ids[a.user] = users[i].ID
		got, _ := users[i].Mapping(a.m.Service)
		v := w.model[a.user][a.m.Service]
		switch {
		case v.revision == 0 && got.Revision <= w.last:
			w.t.Fatalf("%s changed, but its revision is %d after %d", a.user, got.Revision, w.last)
		case v.revision != 0 && v.revision != got.Revision:
			w.t.Fatalf("%s did not change, but its revision went from %d to %d", a.user, v.revision, got.Revision)
		}
		v.revision = got.Revision
		w.model[a.user][a.m.Service] = v
	}
	for _, u := range users {
		for _, m := range u.Mappings {
			w.last = max(w.last, m.Revision)
		}
	}
}

// apply is the contract for one mapping after the other. A value that changed
// has revision 0.
func (m model) apply(batch []attempt) (after model, failures map[int]identity.Code) {
	after = model{}
	for user, mappings := range m {
		after[user] = maps.Clone(mappings)
	}
	for i, a := range batch {
		old, exists := after[a.user][a.m.Service]
		id := a.m.Matcher["user_id"]
		automatic := a.m.Source != "" && a.m.Source != identity.Manual
		fail := func(code identity.Code) {
			if failures == nil {
				failures = map[int]identity.Code{}
			}
			failures[i] = code
		}
		set := func() {
			if after[a.user] == nil {
				after[a.user] = map[identity.ServiceKey]modelled{}
			}
			after[a.user][a.m.Service] = modelled{value: id, source: a.m.Source.OrManual()}
		}
		switch {
		case exists && old.value == id:
			if a.m.Source == identity.Manual {
				set()
			}
		case exists && (automatic || a.m.IfAbsent), a.m.IfRevision != 0 && a.m.IfRevision != old.revision:
			fail(identity.CodeIdentityConflict)
		case a.m.IfUnclaimed && after.held(a.m.Service, id):
			fail(identity.CodeIdentityClaimed)
		default:
			set()
		}
	}
	return after, failures
}

func (m model) held(service identity.ServiceKey, value string) bool {
	for _, mappings := range m {
		if v, ok := mappings[service]; ok && v.value == value {
			return true
		}
	}
	return false
}

func itemErrorCodes(err error) map[int]identity.Code {
	var batch *identity.BatchError
	if !errors.As(err, &batch) {
		return nil
	}
	codes := map[int]identity.Code{}
	for _, c := range batch.Items {
		codes[c.Index] = c.Err.Code
	}
	return codes
}

func (w *world) delete() {
	user, service, id := w.anyUser(), w.anyService(), w.anyValue()
	revision := w.anyRevision(user, service)
	old, exists := w.model[user][service]
	deleted, err := w.store.DeleteMappings(w.ctx, w.actor, []store.MappingDelete{
		{UserID: w.ids[user], Service: service, Matcher: identity.NewMatcher(service.Type, id), IfRevision: revision}})
	conflict := exists && (old.value != id || revision != 0 && revision != old.revision)
	switch {
	case conflict:
		if identity.CodeOf(err) != identity.CodeIdentityConflict {
			w.t.Fatalf("deleting %s of %s, revision %d: got %v, %v, want a conflict with %+v", id, user, revision, deleted, err, old)
		}
	case err != nil || deleted[0] != exists:
		w.t.Fatalf("deleting %s of %s: got %v, %v, want %v", id, user, deleted, err, exists)
	default:
		delete(w.model[user], service)
	}
}

func (w *world) remove() {
	user := w.anyUser()
	_, exists := w.model[user]
	deleted, err := w.store.DeleteUsers(w.ctx, w.actor, []store.UserDelete{{ID: w.ids[user], Key: user}})
	if err != nil || deleted[0].Existed != exists {
		w.t.Fatalf("deleting user %s: got %v, %v, want %v", user, deleted, err, exists)
	}
	delete(w.model, user)
	delete(w.ids, user)
}

func (w *world) compare() {
	var keys []identity.UserKey
	for i := range 3 {
		keys = append(keys, identity.UserKey(fmt.Sprintf("user%d.%d@acme.com", i, w.run)))
	}
	users, err := w.store.FindUsers(w.ctx, keys)
	if err != nil {
		w.t.Fatal(err)
	}
	got := model{}
	for _, u := range users {
		got[u.Key] = map[identity.ServiceKey]modelled{}
		for _, m := range u.Mappings {
			got[u.Key][m.Service] = modelled{m.Matcher["user_id"], m.Source, m.Revision}
		}
	}
	if d := diff.Diff(w.model, got, diff.AllowUnexported(modelled{})); d != "" {
		w.t.Fatalf("the store differs from the model (-model +store):\n%s", d)
	}
	for _, service := range []identity.ServiceKey{okta, custom} {
		id := fmt.Sprintf("a.%d", w.run)
		var want []identity.UserKey
		for user, mappings := range w.model {
			if v, ok := mappings[service]; ok && v.value == id {
				want = append(want, user)
			}
		}
		if got := w.holders(service, id); !slices.Equal(sorted(want), got) {
			w.t.Fatalf("holders of %s: got %v, want %v", id, got, want)
		}
	}
}
