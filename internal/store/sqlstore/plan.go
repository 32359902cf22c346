// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// before is what a batch found stored. Nothing in it is changed.
type before struct {
	users    map[string]*record // by id
	keys     map[identity.UserKey]string
	services map[identity.ServiceKey]string // registered ones, to their ids
	holders  map[account][]holder           // of accounts that the batch claims
	done     map[changed]bool               // by the same request, and removed since
}

// account is one account of one service, in the form in which accounts compare.
type account struct {
	service identity.ServiceKey
	claim   string
}

type holder struct {
	userID string
	key    identity.UserKey
}

// plan works out in memory what a batch does. Elements are applied in order;
// one that fails is applied not at all. Conditions on a mapping hold at the
// element's turn, but claims are compared with the outcome of the whole batch,
// so that two users may swap accounts in it.
type plan struct {
	before    *before
	writes    []store.UserWrite
	checked   []checked
	actor     string
	requestID string
	now       time.Time

	users  map[string]*record          // touched ones, as they are so far
	keys   map[identity.UserKey]string // changed ones; "" = free now
	target []string                    // user id per element, "" = failed
	failed map[int][]*identity.Error
	claims []claim
	held   map[account][]*record // touched users who hold claimed accounts
}

// claim asks that, in the end, nobody but the user holds the account.
type claim struct {
	element int
	userID  string
	account account
	matcher identity.Matcher
}

// solve applies all elements. Elements whose claims fail are left out and the
// rest is tried again, because what they would have set free stays taken.
func (p *plan) solve() []identity.ItemError {
	claimed := map[int][]*identity.Error{}
	for {
		p.apply(claimed)
		grown := false
		for _, c := range p.claims {
			if by, taken := p.holderOf(c, claimed); taken {
				err := identity.Claimed(p.users[c.userID].Key, c.account.service, c.matcher, by)
				claimed[c.element] = append(claimed[c.element], err)
				grown = true
			}
		}
		if !grown {
			break
		}
	}
	maps.Copy(p.failed, claimed)
	var failures []identity.ItemError
	for _, i := range slices.Sorted(maps.Keys(p.failed)) {
		for _, err := range p.failed[i] {
			failures = append(failures, identity.ItemError{Index: i, Err: err})
		}
	}
	return failures
}

func (p *plan) apply(leaveOut map[int][]*identity.Error) {
	p.users, p.keys = map[string]*record{}, map[identity.UserKey]string{}
	p.target, p.failed, p.claims = make([]string, len(p.writes)), map[int][]*identity.Error{}, nil
	for i, w := range p.writes {
		if _, out := leaveOut[i]; out {
			continue
		}
		if errs := p.element(i, w); len(errs) > 0 {
			p.failed[i] = errs
		}
	}
	p.indexHolders()
}

func (p *plan) indexHolders() {
	p.held = make(map[account][]*record, len(p.claims))
	for _, c := range p.claims {
		p.held[c.account] = nil
	}
	for _, r := range p.users {
		for service, m := range r.mappings {
			a := account{service, m.AccountKey()}
			if _, claimed := p.held[a]; claimed {
				p.held[a] = append(p.held[a], r)
			}
		}
	}
}

// element applies one write and names all that is wrong with it.
func (p *plan) element(i int, w store.UserWrite) (errs []*identity.Error) {
	r, err := p.user(i, w)
	if err != nil {
		errs = append(errs, err)
	}
	var claims []claim
	for j, m := range w.Mappings {
		if err := p.checked[i].mappings[j]; err != nil {
			errs = append(errs, err)
			continue
		}
		_, registered := p.before.services[m.Service]
		if !registered {
			unknown := identity.UnknownService(m.Service)
			unknown.User = w.Key
			errs = append(errs, unknown)
			continue
		}
		if r == nil {
			continue // conditions on an unknown user mean nothing
		}
		claimed, err := p.mapping(i, r, m)
		if err != nil {
			errs = append(errs, err)
		} else if claimed {
			claims = append(claims, claim{i, r.ID, account{m.Service, m.Matcher.AccountKey(m.Service.Type)}, m.Matcher})
		}
	}
	if len(errs) > 0 {
		return errs
	}
	if old, known := p.find(r.ID); known && old.Key != r.Key {
		p.keys[old.Key] = ""
	}
	p.users[r.ID], p.keys[r.Key], p.target[i] = r, r.ID, r.ID
	p.claims = append(p.claims, claims...)
	return nil
}

// find is a user as the batch has left it so far.
func (p *plan) find(id string) (*record, bool) {
	if r, touched := p.users[id]; touched {
		return r, true
	}
	r, known := p.before.users[id]
	return r, known
}

func (p *plan) findKey(key identity.UserKey) (*record, bool) {
	id, moved := p.keys[key]
	if !moved {
		id = p.before.keys[key]
	}
	if key == "" || id == "" {
		return nil, false
	}
	return p.find(id)
}

// user is the element's user, copied, renamed or created as the write says.
func (p *plan) user(i int, w store.UserWrite) (*record, *identity.Error) {
	if err := p.checked[i].user; err != nil {
		return nil, err
	}
	byKey, keyKnown := p.findKey(w.Key)
	r, known := p.find(w.ID)
	switch {
	case known && w.Key != "" && w.Key != r.Key:
		if keyKnown {
			return nil, &identity.Error{Code: identity.CodeUserConflict, User: w.Key,
				Message: string(r.Key) + " cannot be renamed to " + string(w.Key) + ": another user has that name"}
		}
		r = r.clone()
		r.Key, r.Name, r.changed = w.Key, ownSpelling(w), true
	case known:
		r = r.clone()
	case keyKnown:
		r = byKey.clone()
	case w.Key == "":
		return nil, unknownID(w.ID)
	case !w.Key.IsEmail() && w.Type != identity.Bot:
		return nil, identity.UnknownUser(w.Key)
	default:
		r = p.newUser(w)
	}
	if w.Type != "" && w.Type != r.Type || r.Key.Type() != r.Type {
		return nil, &identity.Error{Code: identity.CodeUserInvalid, User: r.Key,
			Message: "the type of " + string(r.Key) + " is " + string(r.Type) + " and cannot be changed"}
	}
	setText(r, &r.FirstName, w.FirstName)
	setText(r, &r.LastName, w.LastName)
	return r, nil
}

func setText(r *record, field *string, text *string) {
	if text != nil && *text != *field {
		*field, r.changed = *text, true
	}
}

func (p *plan) newUser(w store.UserWrite) *record {
	return &record{created: true, mappings: map[identity.ServiceKey]*mapping{}, User: identity.User{
		ID: newID(), Key: w.Key, Type: w.Key.Type(), Role: identity.Member, Name: ownSpelling(w), CreatedAt: p.now}}
}

// holderOf is who else, in the end, holds the account of a claim. Of two
// elements that take one account the later one is at fault.
func (p *plan) holderOf(c claim, leftOut map[int][]*identity.Error) (identity.UserKey, bool) {
	own := p.users[c.userID].mappings[c.account.service]
	if own == nil || own.writer != c.element || own.AccountKey() != c.account.claim {
		return "", false // a later element gave the user another value
	}
	var taken []identity.UserKey
	for _, h := range p.before.holders[c.account] {
		if _, touched := p.users[h.userID]; !touched && h.userID != c.userID {
			taken = append(taken, h.key)
		}
	}
	for _, r := range p.held[c.account] {
		m := r.mappings[c.account.service]
		_, out := leftOut[m.writer]
		if r.ID != c.userID && m.writer < c.element && !out {
			taken = append(taken, r.Key)
		}
	}
	if len(taken) == 0 {
		return "", false
	}
	return slices.MinFunc(taken, cmp.Compare[identity.UserKey]), true
}
