// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package faults

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"golang.org/x/sync/errgroup"
)

// place names a user and a service.
type place struct{ user, service string }

// declared maps each place of a configuration to an identity. One
// sym_identities holds those of okta; each of the others is a sym_identity.
type declared map[place]string

const (
	bulkService   = "okta:acme.okta.com"
	singleService = "slack:T0ACME"
)

// team holds one configuration with its state, and applies it.
type team struct {
	name   string
	dice   *rand.Rand
	apiURL string
	tries  int // max_retries of the provider

	users int // so far
	want  declared
	bulk  *object
	each  map[place]*object

	mu    sync.Mutex
	acked map[place][]string // what was acknowledged, in order; "" is a deletion
	asked map[place][]string // what was declared, likewise
	fails int                // applies that failed and were run again
}

func newTeam(name string, r *rand.Rand, apiURL string, tries int) *team {
	return &team{name: name, dice: r, apiURL: apiURL, tries: tries, want: declared{},
		bulk: &object{kind: "sym_identities"}, each: map[place]*object{}, acked: map[place][]string{}, asked: map[place][]string{}}
}

// add declares new people: n in the bulk resource, and some of them, and
// others, in resources of their own.
func (t *team) add(bulk, single int) {
	from := t.users
	for range bulk {
		user := fmt.Sprintf("%s.%d@acme.example", t.name, t.users)
		t.want[place{user, bulkService}] = fmt.Sprintf("00u-%s-%d", t.name, t.users)
		t.users++
	}
	for i := range single {
		n := from + i*max(1, bulk/max(1, single)) // both kinds of resources create the first record of these people
		if i%3 == 2 {
			n = t.users
			t.users++
		}
		user := fmt.Sprintf("%s.%d@acme.example", t.name, n)
		t.want[place{user, singleService}] = fmt.Sprintf("U%s%d", strings.ToUpper(t.name), n)
	}
}

// change declares other values, accounts that move to another person, removed
// people and new people.
func (t *team) change() {
	places := slices.SortedFunc(maps.Keys(t.want), func(a, b place) int {
		return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.user, b.user))
	})
	gone := 0
	for i, p := range places {
		switch at := t.dice.IntN(100); {
		case at < 12:
			t.want[p] += "B"
		case at < 20:
			delete(t.want, p)
			gone++
		case at < 22 && p.service == bulkService && i > 0 && places[i-1].service == bulkService && t.want[places[i-1]] != "":
			t.want[p], t.want[places[i-1]] = t.want[places[i-1]], t.want[p]
		}
	}
	t.add(gone/2, gone/2)
}

func (t *team) config() values {
	number := func(n int64) tftypes.Value { return tftypes.NewValue(tftypes.Number, new(big.Float).SetInt64(n)) }
	return values{"org": str(org), "api_url": str(t.apiURL), "token": str(token), "max_retries": number(int64(t.tries))}
}

// declare replaces the declared mappings.
func (t *team) declare() {
	for at := range t.asked {
		if last := t.asked[at]; last[len(last)-1] != t.want[at] {
			t.asked[at] = append(last, t.want[at])
		}
	}
	for at, id := range t.want {
		if t.asked[at] == nil {
			t.asked[at] = []string{id}
		}
	}
}

// converge applies until an apply succeeds and counts the failures.
func (t *team) converge(ctx context.Context, rounds int) error {
	t.declare()
	var err error
	for range rounds {
		if err = t.run(ctx); err == nil {
			return nil
		}
		if lost := (lost{}); errors.As(err, &lost) {
			return err
		}
		t.fails++
	}
	return fmt.Errorf("%s: not done after %d rounds: %w", t.name, rounds, err)
}

// run does what terraform apply does: it refreshes and plans in one process and
// applies in the next.
func (t *team) run(ctx context.Context) error {
	steps, err := t.plan(ctx)
	if err != nil {
		return err
	}
	p, err := newPlugin(ctx, t.config())
	if err != nil {
		return err
	}
	return parallel(steps, func(s *step) error {
		if s.empty {
			return nil
		}
		return p.apply(ctx, s)
	})
}

// plan refreshes and plans every resource.
func (t *team) plan(ctx context.Context) ([]*step, error) {
	p, err := newPlugin(ctx, t.config())
	if err != nil {
		return nil, err
	}
	rows := map[string]string{}
	for at, id := range t.want {
		if at.service == bulkService {
			rows[at.user] = id
		} else if t.each[at] == nil {
			t.each[at] = &object{kind: "sym_identity"}
		}
	}
	singles := slices.SortedFunc(maps.Keys(t.each), func(a, b place) int { return cmp.Compare(a.user, b.user) })
	var steps []*step
	var mu sync.Mutex
	add := func(r *object, config values, done func()) error {
		if r.exists() {
			if err := p.refresh(ctx, r, config != nil); err != nil {
				return err
			}
		}
		if config == nil && !r.exists() {
			return nil
		}
		s, err := p.plan(ctx, r, config)
		if err != nil {
			return err
		}
		s.done = done
		mu.Lock()
		defer mu.Unlock()
		steps = append(steps, s)
		return nil
	}
	work := []func() error{func() error {
		return add(t.bulk, values{"service_type": str("okta"), "external_id": str("acme.okta.com"), "identities": textMap(rows)},
			func() { t.ackRows(rows) })
	}}
	for _, at := range singles {
		var config values
		if id := t.want[at]; id != "" {
			config = values{"user": str(at.user), "service_type": str("slack"), "external_id": str("T0ACME"), "identity": str(id)}
		}
		work = append(work, func() error {
			return add(t.each[at], config, func() { t.ack(at, t.want[at]) })
		})
	}
	return steps, parallel(work, func(do func() error) error { return do() })
}

// ackRows records what the bulk resource acknowledged.
func (t *team) ackRows(after map[string]string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for at, values := range t.acked {
		if at.service == bulkService && after[at.user] == "" && values[len(values)-1] != "" {
			t.acked[at] = append(values, "")
		}
	}
	for user, id := range after {
		at := place{user, bulkService}
		if values := t.acked[at]; len(values) == 0 || values[len(values)-1] != id {
			t.acked[at] = append(values, id)
		}
	}
}

func (t *team) ack(at place, id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.acked[at] = append(t.acked[at], id)
}

// parallel does ten things at a time, as Terraform does, and goes on after an
// error.
func parallel[T any](work []T, do func(T) error) error {
	var group errgroup.Group
	group.SetLimit(10)
	var mu sync.Mutex
	var errs []error
	for _, w := range work {
		group.Go(func() error {
			if err := do(w); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
			return nil
		})
	}
	_ = group.Wait()
	return errors.Join(errs...)
}
