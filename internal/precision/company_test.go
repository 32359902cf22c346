// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package precision

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// person is somebody of the company. Nobody else has their address.
type person struct {
	email, local string
	n            int
}

// nobody owns the accounts of strangers, of former people and of programs.
const nobody = -1

// service is a target service with its accounts, in the order of its list.
type service struct {
	key      identity.ServiceKey
	accounts []directory.Account
	owners   map[string]int // who an account belongs to, by identity
}

// company is a company's people and services. The owners of accounts are known,
// which no real company can say.
type company struct {
	people   []person
	services []*service
	planted  map[string]int // how often each situation happens
}

const (
	domain = "acme.example"
	// twin is a second domain of the company, where other people may have the
	// same names.
	twin = "acme-labs.example"
)

// traits says what a kind of service knows about accounts.
type traits struct {
	service  identity.ServiceKey
	mailName bool // people sign in by their address
	aliases  bool // accounts have further addresses
	signUp   bool // anybody may register; addresses are proved or not
	inactive bool // accounts of people who left stay visible
	guests   bool
}

func kinds() []traits {
	return []traits{
		{service: identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.example"}, aliases: true, inactive: true},
		{service: identity.ServiceKey{Type: "entra", ExternalID: domain}, mailName: true, aliases: true, inactive: true, guests: true},
		{service: identity.ServiceKey{Type: "slack", ExternalID: "T0ACME"}, mailName: true, inactive: true, guests: true},
		{service: identity.ServiceKey{Type: "gitlab", ExternalID: "gitlab.acme.example"}, aliases: true, signUp: true, inactive: true},
		{service: identity.ServiceKey{Type: "github", ExternalID: "acme"}, aliases: true},
	}
}

// newCompany generates a company from a seed.
func newCompany(seed uint64, people int) *company {
	random := rand.New(rand.NewPCG(seed, seed))
	first := strings.Fields("ann ben carla david erik fatima greta hugo ida jakob karin kim lena marek nina otto paula ravi sofia tomas ulla vera yusuf zoe")
	last := strings.Fields("adler baker costa dietz ekman farkas garcia holm ivanov jensen kovac lee martin novak okafor petrov quinn rossi santos tanaka ueda vogel weber young")
	c := &company{planted: map[string]int{}}
	taken := map[string]bool{}
	for n := range people {
		local := first[random.IntN(len(first))] + "." + last[random.IntN(len(last))]
		for number := 1; taken[local+"@"+domain]; number++ {
			local = fmt.Sprintf("%s%d", strings.TrimRight(local, "0123456789"), number*len(first)+random.IntN(len(first)*40))
		}
		at := domain
		if random.IntN(50) == 0 && n > 0 { // a namesake in the other domain
			local, at = c.people[random.IntN(n)].local, twin
			if taken[local+"@"+at] {
				local += "x"
			}
		}
		taken[local+"@"+at] = true
		c.people = append(c.people, person{email: local + "@" + at, local: local, n: n})
	}
	for _, kind := range kinds() {
		s := &service{key: kind.service, owners: map[string]int{}}
		b := &builder{service: s, traits: kind, company: c, random: random}
		for _, p := range c.people {
			b.add(p)
		}
		random.Shuffle(len(s.accounts), func(i, j int) { s.accounts[i], s.accounts[j] = s.accounts[j], s.accounts[i] })
		c.services = append(c.services, s)
	}
	return c
}

// builder fills a service with accounts.
type builder struct {
	*service
	traits  traits
	company *company
	random  *rand.Rand
}

// account returns a new account whose own address is email.
func (b *builder) account(email, name string) directory.Account {
	a := directory.Account{Identity: fmt.Sprintf("U%06d", len(b.owners)), State: directory.StateActive}
	proof := directory.ProofUnknown
	if b.traits.signUp {
		proof = directory.Proved
	}
	if b.traits.mailName {
		a.SetSignIn(email, proof)
		return a
	}
	a.SignIn = name
	a.Add(directory.Primary, proof, email)
	return a
}

// put adds an account that belongs to the n-th person.
func (b *builder) put(a directory.Account, owner int) {
	b.owners[a.Identity] = owner
	b.accounts = append(b.accounts, a)
}

// situation is what may be so about one person in one service.
type situation struct {
	name   string
	weight int // of 1,000
	only   func(traits) bool
	make   func(b *builder, p person)
}

// colleague returns somebody else.
func (b *builder) colleague(p person) person {
	n := (p.n + 1 + b.random.IntN(len(b.company.people)-1)) % len(b.company.people)
	return b.company.people[n]
}

func (b *builder) own(p person) directory.Account { return b.account(p.email, p.local) }

func situations() []situation {
	aliases := func(t traits) bool { return t.aliases }
	leavers := func(t traits) bool { return t.inactive }
	signUp := func(t traits) bool { return t.signUp }
	return []situation{
		{"no account", 40, nil, func(*builder, person) {}},
		{"capital letters", 40, nil, func(b *builder, p person) {
			b.put(b.account(strings.ToUpper(p.email[:1])+p.email[1:], p.local), p.n)
		}},
		{"inactive twin", 10, leavers, func(b *builder, p person) {
			left := b.own(p)
			left.State = directory.StateInactive
			b.put(left, p.n)
			b.put(b.own(p), p.n)
		}},
		{"left", 20, leavers, func(b *builder, p person) {
			left := b.own(p)
			left.State = directory.StateInactive
			b.put(left, p.n)
		}},
		{"inactive owner with an active alias elsewhere", 8, func(t traits) bool { return t.inactive && t.aliases }, func(b *builder, p person) {
			left := b.own(p)
			left.State = directory.StateInactive
			b.put(left, p.n)
			b.heir(p)
		}},
		{"address as an alias of a colleague", 8, aliases, func(b *builder, p person) { b.heir(p) }},
		{"own account under an earlier name", 15, aliases, func(b *builder, p person) {
			a := b.account("born."+p.local+"@"+domain, "born."+p.local)
			a.Add(directory.Alias, directory.ProofUnknown, p.email)
			b.put(a, p.n)
		}},
		{"own account at another domain", 8, nil, func(b *builder, p person) {
			b.put(b.account(p.local+"@acme-old.example", p.local), p.n)
		}},
		{"recycled address", 8, leavers, func(b *builder, p person) {
			left := b.account(p.email, "former."+p.local)
			left.State = directory.StateInactive
			b.put(left, nobody)
			b.put(b.own(p), p.n)
		}},
		{"namesake at a foreign domain", 12, nil, func(b *builder, p person) {
			b.put(b.account(p.local+"@contractor.example", p.local+"-ext"), nobody)
		}},
		{"address inside another", 8, nil, func(b *builder, p person) {
			b.put(b.account("jo"+p.email, "jo"+p.local), nobody)
		}},
		{"Unicode look-alike", 5, nil, func(b *builder, p person) {
			alike := strings.NewReplacer("k", "\u212A", "a", "\u0430", "e", "\u0435", "o", "\u043e") // the Kelvin sign, and Cyrillic letters
			b.put(b.account(alike.Replace(p.local)+"@"+domain, p.local+"-2"), nobody)
		}},
		{"invisible character", 5, nil, func(b *builder, p person) {
			b.put(b.account(p.local[:2]+"\u200b"+p.local[2:]+"@"+domain, p.local+"-3"), nobody)
		}},
		{"service account with a person's address", 8, func(t traits) bool { return !t.mailName }, func(b *builder, p person) {
			b.put(b.account(p.email, "svc-backup"), nobody)
			b.put(b.own(p), p.n)
		}},
		{"two matches", 4, nil, func(b *builder, p person) {
			b.put(b.own(p), p.n)
			b.put(b.account(p.email, "desk"), nobody)
		}},
		{"stranger with an unproved address", 10, signUp, func(b *builder, p person) {
			a := b.own(p)
			a.Addresses[0].Proof = directory.Unproved
			b.put(a, nobody)
		}},
		{"own unproved address", 6, signUp, func(b *builder, p person) {
			a := b.own(p)
			a.Addresses[0].Proof = directory.Unproved
			b.put(a, p.n)
		}},
		{"stranger waiting for approval", 6, signUp, func(b *builder, p person) {
			a := b.own(p)
			a.State = directory.StatePending
			b.put(a, nobody)
		}},
		{"guest", 4, func(t traits) bool { return t.guests }, func(b *builder, p person) {
			a := b.own(p)
			a.Kind = directory.KindGuest
			b.put(a, nobody)
		}},
	}
}

// heir gives a colleague an account that also gets a person's post.
func (b *builder) heir(p person) {
	c := b.colleague(p)
	a := b.account("desk-of-"+c.local+"-for-"+p.local+"@"+domain, "desk-of-"+c.local+"-for-"+p.local)
	a.Add(directory.Alias, directory.ProofUnknown, p.email)
	b.put(a, nobody)
}

// add puts a person's accounts into the service, and whatever goes wrong there.
func (b *builder) add(p person) {
	n := b.random.IntN(1000)
	for _, s := range situations() {
		if s.only != nil && !s.only(b.traits) {
			continue
		}
		if n < s.weight {
			s.make(b, p)
			b.company.planted[s.name]++
			return
		}
		n -= s.weight
	}
	b.put(b.own(p), p.n)
}
