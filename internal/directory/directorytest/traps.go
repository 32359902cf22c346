// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directorytest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Trap names a situation in which a careless lookup names the wrong person, or
// nobody where there is somebody.
type Trap string

// Traps. Every connector answers for each of them.
const (
	Rename          Trap = "rename"
	RenameReuse     Trap = "rename and reuse"
	RecycledAddress Trap = "recycled address"
	Unverified      Trap = "unverified"
	Pending         Trap = "pending"
	ForeignDomain   Trap = "foreign domain"
	LetterCase      Trap = "case"
	LookAlike       Trap = "Unicode look-alike"
	Invisible       Trap = "invisible character"
	Guest           Trap = "guest"
	InactiveTwin    Trap = "inactive twin"
	InactiveOwner   Trap = "inactive owner with an active alias elsewhere"
	TwoMatches      Trap = "two matches"
	ShortList       Trap = "short list"
)

// AllTraps returns the traps in the order of the matrix.
func AllTraps() []Trap {
	return []Trap{Rename, RenameReuse, RecycledAddress, Unverified, Pending, ForeignDomain, LetterCase, LookAlike,
		Invisible, Guest, InactiveTwin, InactiveOwner, TwoMatches, ShortList}
}

// Cell says what a connector does about a trap: it answers each scene as the
// scene wants, or the trap cannot happen there.
type Cell struct {
	Cannot string  // why the trap cannot happen; then there are no scenes
	Scenes []Scene // nil = those of DefaultScenes
}

// Cannot returns the cell of a trap that cannot happen, because of why.
func Cannot(why string) Cell { return Cell{Cannot: why} }

// Scenes returns the cell of a trap with scenes of the connector's own.
func Scenes(scenes ...Scene) Cell { return Cell{Scenes: scenes} }

// Scene is a population of a service and what is asked about it. The first
// question is the one that the trap is about; the matrix shows its outcome.
type Scene struct {
	World World        // goes to the subject's Fake or Open
	Fake  http.Handler // answers in place of the subject's Fake
	// Open opens the connector in place of the subject's Open.
	Open func(t testing.TB, env Env) (directory.Directory, error)
	Ways []string // of asking for addresses; nil = all that the connector has
	Asks []Ask
}

// Ask is one question: for an address, or for a stored identity if Identity is
// set. Want is a LookupStatus or an AccountState; an error of the whole call is
// "failed".
type Ask struct {
	Email     string
	Identity  string
	AccountID string // kept beside Identity; "" = none
	Want      string
	IDs       []string // identities of the account that is found, or of those that are named; nil = not compared
}

// Email asks for an address.
func Email(email string, want identity.LookupStatus, ids ...string) Ask {
	return Ask{Email: email, Want: string(want), IDs: ids}
}

// Stored asks for the state of a stored identity and of the account id that is
// kept beside it, if any.
func Stored(id, accountID string, want identity.AccountState) Ask {
	return Ask{Identity: id, AccountID: accountID, Want: string(want)}
}

// DefaultScenes returns the scenes of a trap in terms of a World. None exist
// for a short list: every service has its own way to end one early. Services
// whose identity can be given to another account bring their own scenes of
// Rename, RenameReuse and RecycledAddress.
func (s Subject) DefaultScenes(trap Trap) []Scene {
	const (
		cyrillic = "\u0430nn.lee@example.com" // its first letter only looks like an a
		kelvin   = "\u212Aim@example.com"     // the Kelvin sign folds to a k outside ASCII
		hidden   = "ann\u200b.lee@example.com"
		other    = "ann.martin@example.com"
		boss     = "boss@example.com"
	)
	one, two := s.id(1), s.id(2)
	person := func(id string, emails ...string) Person { return Person{ID: id, Emails: emails} }
	scene := func(people []Person, asks ...Ask) []Scene {
		return []Scene{{World: World{People: people}, Asks: asks}}
	}
	bystander := person(s.id(3), "bystander@example.com")
	switch trap {
	case Rename:
		return scene([]Person{person(one, other), bystander},
			Email(other, identity.Found, one), Email(ann, identity.NotFound), Stored(one, "", identity.AccountActive))
	case RenameReuse:
		return scene([]Person{person(one, other), person(two, ann)},
			Email(ann, identity.Found, two), Email(other, identity.Found, one), Stored(one, "", identity.AccountActive))
	case RecycledAddress: // the account of its first owner is gone
		return scene([]Person{person(two, ann), bystander},
			Email(ann, identity.Found, two), Stored(one, "", identity.AccountAbsent))
	case Unverified:
		return scene([]Person{{ID: one, Emails: []string{ann}, Unproved: true}, bystander}, Email(ann, "unverified", one))
	case Pending:
		return scene([]Person{{ID: one, Emails: []string{ann}, Pending: true}, bystander}, Email(ann, "unverified", one))
	case Guest:
		return scene([]Person{{ID: one, Emails: []string{ann}, Guest: true}, bystander}, Email(ann, identity.NotFound))
	case ForeignDomain:
		return scene([]Person{person(one, "ann.lee@example.org"), bystander},
			Email(ann, identity.NotFound), Email("ann.lee@example.org", identity.Found, one))
	case LetterCase:
		return scene([]Person{person(one, "Ann.Lee@Example.COM"), bystander},
			Email(ann, identity.Found, one), Email("ANN.LEE@EXAMPLE.COM", identity.Found, one))
	case LookAlike:
		return scene([]Person{person(one, cyrillic), person(two, kelvin), bystander},
			Email(ann, identity.NotFound), Email("kim@example.com", identity.NotFound))
	case Invisible:
		return scene([]Person{person(one, hidden), bystander},
			Email(ann, identity.NotFound), Email(hidden, identity.Failed), Email("bystander@example.com", identity.Found, s.id(3)))
	case InactiveTwin:
		people := []Person{{ID: one, Emails: []string{ann}, Inactive: true}, person(two, ann), bystander}
		if s.SignsIn { // hired again
			return scene(people, Email(ann, identity.Found, two))
		}
		return scene(people, Email(ann, identity.Ambiguous, one, two))
	case InactiveOwner:
		people := []Person{{ID: one, Emails: []string{ann}, Inactive: true}, person(two, boss, ann), bystander}
		if s.AllPrimary && !s.SignsIn { // nothing tells whose address it is
			return scene(people, Email(ann, identity.Ambiguous, one, two), Email(boss, identity.Found, two))
		}
		return scene(people, Email(ann, identity.Inactive, one), Email(boss, identity.Found, two))
	case TwoMatches:
		return scene([]Person{person(one, ann), person(two, ann), bystander}, Email(ann, identity.Ambiguous, one, two))
	}
	return nil
}

// Traps runs every trap on a connector, in each way it can be asked, and
// compares the connector's row of the matrix with a file in its testdata, which
// UPDATE_GOLDEN=1 writes. cells needs no entry where the scenes of DefaultScenes
// and their outcomes are right:
//
//	directorytest.Traps(t, subject(), map[directorytest.Trap]directorytest.Cell{
//		directorytest.Guest: directorytest.Cannot("the service has no guests"),
//		directorytest.ShortList: directorytest.Scenes(directorytest.Scene{
//			Fake: endsEarly{}, Ways: []string{directorytest.ByWalk},
//			Asks: []directorytest.Ask{directorytest.Email("ann.lee@example.com", identity.Failed)},
//		}),
//	})
func Traps(t *testing.T, s Subject, cells map[Trap]Cell) {
	t.Helper()
	if err := s.check(); err != nil {
		t.Fatal(err)
	}
	for trap := range cells {
		if !slices.Contains(AllTraps(), trap) {
			t.Errorf("there is no trap %q", trap)
		}
	}
	captureLogs()
	ways := s.ways(t)
	row := Row{}
	for _, trap := range AllTraps() {
		cell := cells[trap]
		switch {
		case cell.Cannot != "" && len(cell.Scenes) > 0:
			t.Errorf("%s: the cell has scenes and a reason why it cannot happen", trap)
		case cell.Cannot != "":
			row[trap] = Outcome{Cannot: cell.Cannot}
			continue
		case cell.Scenes == nil:
			cell.Scenes = s.DefaultScenes(trap)
		}
		if len(cell.Scenes) == 0 {
			t.Errorf("%s: the cell has neither scenes nor a reason why it cannot happen", trap)
			continue
		}
		row[trap] = cell.outcome()
		for i, scene := range cell.Scenes {
			t.Run(fmt.Sprintf("%s/%d", trap, i), func(t *testing.T) {
				t.Parallel()
				s.play(t, ways, scene)
			})
		}
	}
	row.golden(t, s.Kind)
}

// Outcome is a cell of the matrix as its page shows it.
type Outcome struct {
	Cannot  string   `json:"cannot,omitempty"`
	Answers []string `json:"answers,omitempty"`
}

// outcome returns the answers to the first question of each scene.
func (c Cell) outcome() Outcome {
	var o Outcome
	for _, scene := range c.Scenes {
		if len(scene.Asks) > 0 && !slices.Contains(o.Answers, scene.Asks[0].Want) {
			o.Answers = append(o.Answers, scene.Asks[0].Want)
		}
	}
	return o
}

// play asks the questions of a scene in each way.
func (s Subject) play(t *testing.T, ways []way, scene Scene) {
	t.Helper()
	if len(scene.Asks) == 0 {
		t.Fatal("the scene asks nothing")
	}
	if scene.Fake != nil {
		s.Fake = func(World) http.Handler { return scene.Fake }
	}
	if scene.Open != nil {
		s.Open = scene.Open
		ways = s.ways(t) // it may be asked in other ways
	}
	for _, way := range ways {
		if scene.Ways != nil && !slices.Contains(scene.Ways, way.name) {
			continue
		}
		t.Run(way.name, func(t *testing.T) {
			tr := &trial{T: t, subject: s, way: way}
			for _, ask := range scene.Asks {
				if ask.Identity == "" {
					tr.askEmail(scene.World, ask)
				}
			}
		})
	}
	tr := &trial{T: t, subject: s}
	for _, ask := range scene.Asks {
		if ask.Identity != "" {
			tr.askStored(scene.World, ask)
		}
	}
}

func (tr *trial) askEmail(w World, ask Ask) {
	tr.Helper()
	answers, err := tr.lookup(tr.Context(), w, nil, ask.Email)
	if err != nil {
		if ask.Want != string(identity.Failed) {
			tr.Errorf("Lookup(%q): %v, want %s", ask.Email, err, ask.Want)
		}
		return
	}
	got := answers[0]
	if string(got.Status) != ask.Want {
		tr.Errorf("Lookup(%q) = %+v, want %s %q", ask.Email, got, ask.Want, ask.IDs)
		return
	}
	ids := tr.identities(w, ask.IDs)
	if named := tr.named(got); ids != nil && !slices.Equal(named, ids) {
		tr.Errorf("Lookup(%q) names %q, want %q", ask.Email, named, ids)
	}
}

// named returns the identities that an answer names, sorted.
func (tr *trial) named(answer identity.LookupResult) []string {
	matchers := matchers(answer)
	var ids []string
	for _, m := range matchers {
		id, _ := m.Identity(tr.subject.Service.Type)
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (tr *trial) askStored(w World, ask Ask) {
	tr.Helper()
	ways := []way{{"by id or list", func(d directory.Directory) directory.Directory { return d }}}
	if _, ok := tr.open(w, nil).(directory.Lister); ok {
		ways = append(ways, way{ByWalk, ListOnly})
	}
	for _, way := range ways {
		answers, err := directory.Status(tr.Context(), way.narrow(tr.open(w, nil)), tr.subject.Service, []identity.AccountQuery{{Identity: ask.Identity, AccountID: ask.AccountID}}, "")
		got := string(identity.AccountFailed)
		if err == nil {
			got = string(answers[0].Status)
		}
		if got != ask.Want {
			tr.Errorf("%s: Status(%q, account id %q) = %+v, %v, want %s", way.name, ask.Identity, ask.AccountID, answers, err, ask.Want)
		}
	}
}

// Row is a connector's row of the matrix.
type Row map[Trap]Outcome

// TrapsFile returns where the package of a connector keeps its row, relative to
// the package.
func TrapsFile(kind string) string {
	return filepath.Join("testdata", "traps-"+kind+".json")
}

// golden compares the row with its file.
func (r Row) golden(t *testing.T, kind string) {
	t.Helper()
	want, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	file := TrapsFile(kind)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != string(want) {
		t.Errorf("%s is not the row that this test proves (UPDATE_GOLDEN=1 writes it): %v", file, err)
	}
}
