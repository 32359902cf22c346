// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// TestOwnership tries what may happen to one mapping, user or service that two
// resources and a person store, in every order: all sequences of two steps after
// the creation, and longer ones at random. A model says what is stored then and
// which warnings come. Each plan is a walk of its own: TestUserResource_destroyedAndCreated
// has what one walk sees.
func TestOwnership(t *testing.T) {
	t.Parallel()
	for _, kinds := range ownerPairs() {
		t.Run(kinds[0].name+" and "+kinds[1].name, func(t *testing.T) {
			t.Parallel()
			w := newOwnershipWorld(t, kinds)
			begun := ownershipModel{kinds: kinds}
			begun.step(ownershipStep{"create", 0})
			for _, steps := range begun.orders(ownershipDepth) {
				w.run(append([]ownershipStep{{"create", 0}}, steps...))
			}
			for seed := range uint64(ownershipWalks) {
				w.run(randomSteps(kinds, seed))
			}
		})
	}
}

const (
	ownershipDepth  = 2
	ownershipWalks  = 5
	ownershipLength = 12
)

// ownerKind is one way in which a resource stores something.
type ownerKind struct {
	name     string // as subtests have it
	typeName string
	entry    bool // one entry of a resource that stays
}

var (
	singleOwner  = ownerKind{name: "sym_identity", typeName: "sym_identity"}
	bulkOwner    = ownerKind{name: "sym_identities", typeName: "sym_identities"}
	entryOwner   = ownerKind{name: "an entry", typeName: "sym_identities", entry: true}
	userOwner    = ownerKind{name: "sym_user", typeName: "sym_user"}
	serviceOwner = ownerKind{name: "sym_service", typeName: "sym_service"}
)

func ownerPairs() [][2]ownerKind {
	return [][2]ownerKind{
		{singleOwner, singleOwner}, {singleOwner, bulkOwner}, {singleOwner, entryOwner},
		{bulkOwner, singleOwner}, {bulkOwner, bulkOwner}, {bulkOwner, entryOwner},
		{entryOwner, singleOwner}, {entryOwner, bulkOwner}, {entryOwner, entryOwner},
		{userOwner, userOwner}, {serviceOwner, serviceOwner},
	}
}

// title returns the summary of a kind's warning.
func (k ownerKind) title(warning string) string {
	noun := map[string]string{"sym_identity": "Identity Mapping", "sym_identities": "Identity Mappings", "sym_user": "User", "sym_service": "Service"}[k.typeName]
	verb := "Is"
	if k.typeName == "sym_identities" {
		verb = "Are"
	}
	return map[string]string{
		"kept": noun + " Kept", "gone": noun + " " + verb + " Gone", "elsewhere": noun + " " + verb + " Owned Elsewhere",
		"changed": "Existing User Will Be Changed",
	}[warning]
}

// ownershipStep is something that happens, to the resource in one of two slots or
// by a person.
type ownershipStep struct {
	what string
	slot int
}

func (s ownershipStep) String() string { return fmt.Sprintf("%s %c", s.what, 'a'+rune(s.slot)) }

// ownershipModel says what ought to be stored, and what two resources ought to know.
type ownershipModel struct {
	kinds       [2]ownerKind
	stored      storedModel
	owners      [2]ownerModel
	assertions  int
	generations int
}

// storedModel is what is stored: who asserted it last, and how often it was made
// anew.
type storedModel struct {
	there                bool
	value                string
	asserted, generation int
}

// ownerModel is what a resource knows.
type ownerModel struct {
	there             bool
	declared, value   string // in its configuration, in its state
	written, observed int    // assertions
	generation        int    // of the user
}

const (
	firstValue  = "00u1"
	secondValue = "00u2"
	personValue = "HAND"
)

// orders returns every sequence of n steps that can follow.
func (m ownershipModel) orders(n int) [][]ownershipStep {
	if n == 0 {
		return [][]ownershipStep{nil}
	}
	var all [][]ownershipStep
	for _, s := range m.possible() {
		after := m
		after.step(s)
		for _, rest := range after.orders(n - 1) {
			all = append(all, append([]ownershipStep{s}, rest...))
		}
	}
	return all
}

func randomSteps(kinds [2]ownerKind, seed uint64) []ownershipStep {
	random := rand.New(rand.NewPCG(seed, 14))
	m := ownershipModel{kinds: kinds}
	steps := make([]ownershipStep, ownershipLength)
	for i := range steps {
		can := m.possible()
		steps[i] = can[random.IntN(len(can))]
		m.step(steps[i])
	}
	return steps
}

// possible returns the steps that can follow.
func (m ownershipModel) possible() []ownershipStep {
	steps := []ownershipStep{{what: "person asserts"}, {what: "person changes"}}
	if m.stored.there {
		steps = append(steps, ownershipStep{what: "person deletes"})
	}
	if m.owners[0].there || m.owners[1].there {
		steps = append(steps, ownershipStep{what: "refresh"})
	}
	for slot, o := range m.owners {
		var can []string
		switch {
		case !o.there && m.kinds[slot].entry:
			can = []string{"create"}
		case !o.there:
			can = []string{"create", "import"}
		default:
			can = []string{"destroy", "update"}
			if !m.kinds[slot].entry {
				can = append(can, "replace", "create before destroy")
			}
			if !m.owners[1-slot].there {
				can = append(can, "rename, create first", "rename, destroy first")
				if m.kinds[0] == m.kinds[1] && !m.kinds[slot].entry {
					can = append(can, "move")
				}
			}
		}
		for _, what := range can {
			steps = append(steps, ownershipStep{what, slot})
		}
	}
	return steps
}

// step makes a step, and returns the summaries of its warnings, sorted; "error"
// where it is refused.
func (m *ownershipModel) step(s ownershipStep) []string {
	o := &m.owners[s.slot]
	other := 1 - s.slot
	var told []string
	switch s.what {
	case "person asserts":
		value := m.stored.value
		if !m.stored.there {
			value = firstValue
		}
		m.assert(value)
	case "person changes":
		m.assert(personValue)
	case "person deletes":
		m.stored.there = false
	case "refresh":
		told = append(m.refresh(0), m.refresh(1)...)
	case "create":
		if told = m.planCreate(s.slot, firstValue); !slices.Contains(told, "error") {
			m.create(s.slot, firstValue)
		}
	case "import":
		if !m.stored.there {
			return []string{"error"}
		}
		*o = ownerModel{there: true, declared: m.stored.value, value: m.stored.value,
			written: m.stored.asserted, observed: m.stored.asserted, generation: m.stored.generation}
	case "move":
		m.owners[other], *o = *o, ownerModel{}
	case "destroy":
		told = m.destroy(s.slot, *o)
		*o = ownerModel{}
	case "update":
		told = m.update(s.slot)
	default: // those that create and destroy in one apply
		into := s.slot
		if strings.HasPrefix(s.what, "rename") {
			into = other
		}
		old := *o
		if told = m.planCreate(into, old.declared); slices.Contains(told, "error") {
			return told
		}
		*o = ownerModel{}
		if s.createsFirst() {
			m.create(into, old.declared)
			told = append(told, m.destroy(s.slot, old)...)
		} else {
			told = append(told, m.destroy(s.slot, old)...)
			m.create(into, old.declared)
		}
	}
	slices.Sort(told)
	return told
}

func (s ownershipStep) createsFirst() bool {
	return s.what == "create before destroy" || s.what == "rename, create first"
}

// assert stores a value: whoever does so last owns it.
func (m *ownershipModel) assert(value string) {
	if !m.stored.there {
		m.generations++
	}
	m.assertions++
	m.stored = storedModel{true, value, m.assertions, m.generations}
}

// planCreate says what a plan warns of. Users alone are changed by adopting them.
func (m *ownershipModel) planCreate(slot int, value string) []string {
	switch {
	case !m.stored.there || m.stored.value == value:
		return nil
	case m.kinds[slot] == userOwner:
		return []string{m.kinds[slot].title("changed")}
	}
	return []string{"error"}
}

func (m *ownershipModel) create(slot int, value string) {
	m.assert(value)
	m.owners[slot] = ownerModel{true, value, value, m.assertions, m.assertions, m.generations}
}

// sees reports whether what a resource knows is still there. A user who was made
// anew is another one.
func (m *ownershipModel) sees(slot int, o ownerModel) bool {
	return m.stored.there && (m.kinds[slot] != userOwner || m.stored.generation == o.generation)
}

func (m *ownershipModel) destroy(slot int, o ownerModel) []string {
	switch {
	case !m.sees(slot, o):
		return nil
	case m.stored.asserted != o.written:
		return []string{m.kinds[slot].title("kept")}
	}
	m.stored.there = false
	return nil
}

func (m *ownershipModel) refresh(slot int) (told []string) {
	o := &m.owners[slot]
	switch {
	case !o.there:
		return nil
	case !m.sees(slot, *o):
		*o = ownerModel{}
		return []string{m.kinds[slot].title("gone")}
	case m.stored.asserted > o.written && m.stored.value == o.value:
		told = []string{m.kinds[slot].title("elsewhere")}
	}
	o.value, o.observed = m.stored.value, m.stored.asserted
	return told
}

// update declares another value. A mapping that is not as it was seen is an error.
func (m *ownershipModel) update(slot int) []string {
	o := &m.owners[slot]
	want := o.otherValue()
	if want == o.value {
		o.declared = want // nothing is written
		return nil
	}
	isMapping := m.kinds[slot] != userOwner && m.kinds[slot] != serviceOwner
	if !m.sees(slot, *o) || isMapping && m.stored.asserted != o.observed && m.stored.value != want {
		return []string{"error"}
	}
	m.assert(want)
	*o = ownerModel{true, want, want, m.assertions, m.assertions, m.generations}
	return nil
}

// otherValue returns the value that an update declares.
func (o ownerModel) otherValue() string {
	if o.declared == firstValue {
		return secondValue
	}
	return firstValue
}

// ownershipWorld makes the steps with a provider and a server.
type ownershipWorld struct {
	t     *testing.T
	s     *testServer
	p     *protocolServer
	kinds [2]ownerKind
	runs  int
	slots [2]*instance // of the run at hand
	ids   map[int]string
}

func newOwnershipWorld(t *testing.T, kinds [2]ownerKind) *ownershipWorld {
	s, p := newIdentityTest(t)
	return &ownershipWorld{t: t, s: s, p: p, kinds: kinds}
}

func (w *ownershipWorld) user() string { return fmt.Sprintf("p%d@acme.com", w.runs) }

func (w *ownershipWorld) service() identity.ServiceKey {
	return identity.ServiceKey{Type: "okta", ExternalID: fmt.Sprintf("s%d.okta.com", w.runs)}
}

// run makes steps beside the model, with a user and a service of their own.
func (w *ownershipWorld) run(steps []ownershipStep) {
	w.t.Helper()
	w.runs++
	w.ids = map[int]string{}
	m := ownershipModel{kinds: w.kinds}
	if w.kinds[0] != serviceOwner {
		w.s.register(w.service().String())
	}
	for slot, k := range w.kinds {
		w.slots[slot] = &instance{typeName: k.typeName}
		if k.entry {
			if diags := w.apply(w.slots[slot], w.config(slot, "")); diags != nil {
				w.t.Fatalf("an empty resource: %v", titles(diags))
			}
		}
	}
	for i, step := range steps {
		declared := m.owners[step.slot].declared
		next := m.owners[step.slot].otherValue()
		want := m.step(step)
		if step.what == "import" {
			declared = m.owners[step.slot].declared
		}
		got := titles(w.step(step, declared, next))
		if diff := cmp.Diff(want, got); diff != "" {
			w.t.Errorf("%v: step %d, diagnostics (-want +got):\n%s", steps, i, diff)
			return
		}
		if problem := w.compare(m); problem != "" {
			w.t.Errorf("%v: after step %d: %s", steps, i, problem)
			return
		}
	}
}

// titles returns the summaries of warnings without their subjects, and "error" for
// errors, sorted.
func titles(diags []*tfprotov6.Diagnostic) []string {
	var out []string
	for _, d := range diags {
		title, _, _ := strings.Cut(d.Summary, ": ")
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			title = "error"
		}
		out = append(out, title)
	}
	slices.Sort(out)
	return out
}

// config returns the configuration of a slot that declares a value; without one, of
// the resource whose entry that is.
func (w *ownershipWorld) config(slot int, value string) map[string]any {
	config := map[string]any{"service_type": w.service().Type, "external_id": w.service().ExternalID}
	switch w.kinds[slot] {
	case singleOwner:
		config["user"], config["identity"] = w.user(), value
	case userOwner:
		config = map[string]any{"email": w.user(), "first_name": value, "delete_identities": true}
	case serviceOwner:
		config["label"] = value
	default:
		entries := map[string]any{}
		if value != "" {
			entries[w.user()] = value
		}
		config["identities"] = entries
	}
	return config
}

// without returns the configuration of a slot that no longer declares its value,
// nil where the resource goes.
func (w *ownershipWorld) without(slot int) map[string]any {
	if w.kinds[slot].entry {
		return w.config(slot, "")
	}
	return nil
}

// step makes one step; declared is the value of its resource's configuration, and next
// the one of an update.
func (w *ownershipWorld) step(s ownershipStep, declared, next string) (diags []*tfprotov6.Diagnostic) {
	w.t.Helper()
	w.p.nextRun()
	r := w.slots[s.slot]
	switch s.what {
	case "person asserts", "person changes", "person deletes":
		w.person(s.what)
	case "refresh":
		for slot, r := range w.slots {
			if w.has(slot) {
				diags = append(diags, r.refresh(w.p)...)
			}
		}
	case "create":
		return w.apply(r, w.config(s.slot, firstValue))
	case "destroy":
		return w.apply(r, w.without(s.slot))
	case "update":
		return w.apply(r, w.config(s.slot, next))
	case "import":
		diags = r.importFrom(w.p, w.importID(s.slot))
		if hasError(diags) {
			return diags
		}
		diags = append(diags, r.refresh(w.p)...)
		if w.kinds[s.slot] == userOwner { // delete_identities
			diags = append(diags, w.apply(r, w.config(s.slot, declared))...)
		}
	case "move":
		w.slots[0], w.slots[1] = w.slots[1], w.slots[0]
	default:
		return w.renew(s, declared)
	}
	return diags
}

// apply plans and applies, where there is anything to apply, and returns the
// diagnostics of both.
func (w *ownershipWorld) apply(r *instance, config map[string]any) []*tfprotov6.Diagnostic {
	w.t.Helper()
	planned := r.plan(w.p, config)
	if hasError(planned.Diagnostics) || cmp.Equal(r.state, w.p.plain(w.p.resource(r.typeName), planned.PlannedState)) {
		return planned.Diagnostics
	}
	return append(planned.Diagnostics, r.applyPlan(w.p, config, planned)...)
}

// has reports whether a slot has its value in state.
func (w *ownershipWorld) has(slot int) bool {
	entries, isMap := w.slots[slot].state["identities"].(map[string]any)
	return w.slots[slot].state != nil && (!isMap || entries[w.user()] != nil)
}

// renew creates and destroys in one apply, as a rename and a replacement do.
// Everything is planned before anything is applied.
func (w *ownershipWorld) renew(s ownershipStep, declared string) []*tfprotov6.Diagnostic {
	into, fresh := s.slot, &instance{typeName: w.slots[s.slot].typeName}
	if strings.HasPrefix(s.what, "rename") {
		into = 1 - s.slot
		if fresh.typeName = w.kinds[into].typeName; w.kinds[into].entry {
			fresh = w.slots[into]
		}
	}
	old := w.slots[s.slot]
	if into == s.slot { // Terraform plans a replacement twice, and the second plan gets what the first kept
		fresh.private = old.plan(w.p, w.config(into, declared)).PlannedPrivate
	}
	creating := fresh.plan(w.p, w.config(into, declared))
	going := old.plan(w.p, w.without(s.slot))
	diags := slices.Concat(creating.Diagnostics, going.Diagnostics)
	if hasError(diags) {
		return diags
	}
	create := func() { diags = append(diags, fresh.applyPlan(w.p, w.config(into, declared), creating)...) }
	destroy := func() { diags = append(diags, old.applyPlan(w.p, w.without(s.slot), going)...) }
	if s.createsFirst() {
		create()
		destroy()
	} else {
		destroy()
		create()
	}
	w.slots[into] = fresh
	return diags
}

// importFrom imports the resource by id.
func (i *instance) importFrom(p *protocolServer, id string) []*tfprotov6.Diagnostic {
	p.t.Helper()
	resp, err := p.server.ImportResourceState(p.t.Context(), &tfprotov6.ImportResourceStateRequest{TypeName: i.typeName, ID: id})
	p.must(err)
	if len(resp.ImportedResources) == 1 {
		r := resp.ImportedResources[0]
		i.state, i.private, i.identity = p.plain(p.resource(i.typeName), r.State), r.Private, r.Identity
	}
	return resp.Diagnostics
}

func (w *ownershipWorld) importID(slot int) string {
	switch w.kinds[slot] {
	case singleOwner:
		return w.user() + "," + w.service().String()
	case userOwner:
		return w.user()
	}
	return w.service().String()
}

// person does something behind the API.
func (w *ownershipWorld) person(what string) {
	w.t.Helper()
	there, value, _ := w.read()
	switch {
	case what == "person deletes":
		w.delete()
		return
	case what == "person changes":
		value = personValue
	case !there:
		value = firstValue
	}
	switch w.kinds[0] {
	case userOwner:
		key := mustUser(w.user())
		w.s.upsert(store.UserWrite{Key: key, Name: w.user(), Type: key.Type(), FirstName: &value, Assert: true})
	case serviceOwner:
		if !there {
			w.s.registerAs(w.service().String(), value)
		}
		_, err := w.s.Store.UpdateService(w.t.Context(), testActor, store.ServiceUpdate{Key: w.service(), Label: &value, Assert: true})
		w.p.must(err)
	default:
		w.s.mapping(w.user(), w.service().String(), value, identity.Manual)
	}
}

func (w *ownershipWorld) delete() {
	w.t.Helper()
	switch w.kinds[0] {
	case userOwner:
		user, _ := w.s.storedUser(w.user())
		w.s.dropUser(user)
	case serviceOwner:
		_, err := w.s.Store.DeleteService(w.t.Context(), testActor, w.service(), 0)
		w.p.must(err)
	default:
		w.s.unmap(w.user(), w.service().String())
	}
}

// read returns what is stored; id is that of a user or service.
func (w *ownershipWorld) read() (there bool, value, id string) {
	w.t.Helper()
	switch w.kinds[0] {
	case userOwner:
		user, there := w.s.storedUser(w.user())
		return there, user.FirstName, user.ID
	case serviceOwner:
		service, there := w.s.service(w.service().String())
		return there, service.Label, service.ID
	}
	m, there := w.s.stored(w.user(), w.service().String())
	value, _ = m.Matcher.Identity(w.service().Type)
	return there, value, ""
}

// compare returns what differs between the model and what is there. A user's
// mappings are there as long as the user is.
func (w *ownershipWorld) compare(m ownershipModel) string {
	w.t.Helper()
	there, value, id := w.read()
	if there != m.stored.there || there && value != m.stored.value {
		return fmt.Sprintf("stored: %t %s, want %t %s", there, value, m.stored.there, m.stored.value)
	}
	for slot, o := range m.owners {
		if w.has(slot) != o.there {
			return fmt.Sprintf("in the state of %c: %t, want %t", 'a'+rune(slot), w.has(slot), o.there)
		}
	}
	if !there {
		return ""
	}
	known, seen := w.ids[m.stored.generation]
	switch {
	case seen && known != id:
		return fmt.Sprintf("its id is %s, was %s", id, known)
	case w.kinds[0] != userOwner:
	case !seen:
		w.s.mapping(w.user(), testOkta, fmt.Sprintf("00u%d", w.runs), identity.Manual)
	default:
		if _, kept := w.s.stored(w.user(), testOkta); !kept {
			return "the user's mapping is gone"
		}
	}
	w.ids[m.stored.generation] = id
	return ""
}
