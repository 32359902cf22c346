// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package resolve

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Suggestion is an account of nobody that may be an unmapped person's. It is shown
// to people, and never is an answer.
type Suggestion struct {
	Account identity.Account
	Why     Fact
}

// Fact is what an account and a person have in common.
type Fact string

// Facts, the strongest first.
const (
	SameLocalPart Fact = "same_local_part" // of another address of the account
	SameName      Fact = "same_name"
	SameHandle    Fact = "handle" // the identity or sign-in name is the local part, or that or the full name without separators
)

// String says a fact in words.
func (f Fact) String() string {
	return map[Fact]string{SameLocalPart: "the same name before the @", SameName: "the same full name", SameHandle: "a handle like the name"}[f]
}

// maxSuggestions bounds the suggestions for one person.
const maxSuggestions = 3

// Orphans finds accounts of nobody by what they have in common with people.
type Orphans struct {
	accounts []identity.Account
	byFact   map[Fact]map[string][]int // places in accounts
}

// NewOrphans indexes accounts of nobody in one service.
func NewOrphans(service identity.ServiceKey, accounts []identity.Account) *Orphans {
	o := &Orphans{accounts, map[Fact]map[string][]int{SameLocalPart: {}, SameName: {}, SameHandle: {}}}
	for i, a := range accounts {
		add := func(fact Fact, key string) {
			if places := o.byFact[fact][key]; key != "" && (len(places) == 0 || places[len(places)-1] != i) {
				o.byFact[fact][key] = append(places, i)
			}
		}
		for _, e := range a.Emails {
			local, _ := identity.SplitEmail(e.Address)
			add(SameLocalPart, identity.FoldASCII(local))
		}
		add(SameName, plainName(a.Name))
		id, _ := a.Matcher.Identity(service.Type)
		for _, handle := range []string{id, a.SignIn} {
			if !strings.Contains(handle, "@") {
				add(SameHandle, identity.FoldASCII(handle))
				add(SameHandle, unseparated(handle))
			}
		}
	}
	return o
}

// Suggest returns up to three accounts for a person whose full name may be "": those
// with the strongest facts, and of equal ones those that are not inactive, by identity.
func (o *Orphans) Suggest(person identity.UserKey, name string) []Suggestion {
	if !person.IsEmail() {
		return nil
	}
	local, _ := identity.SplitEmail(string(person))
	var found []Suggestion
	seen := map[int]bool{}
	add := func(fact Fact, keys ...string) {
		for _, key := range keys {
			for _, place := range o.byFact[fact][key] {
				if !seen[place] {
					seen[place] = true
					found = append(found, Suggestion{o.accounts[place], fact})
				}
			}
		}
	}
	add(SameLocalPart, local)
	add(SameName, plainName(name))
	add(SameHandle, local, unseparated(local), unseparated(name))
	rank := func(s Suggestion) int {
		n := 2 * slices.Index([]Fact{SameLocalPart, SameName, SameHandle}, s.Why)
		if s.Account.State == "inactive" {
			n++
		}
		return n
	}
	slices.SortFunc(found, func(a, b Suggestion) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a.Account.Matcher.String(), b.Account.Matcher.String()),
			strings.Compare(a.Account.AccountID, b.Account.AccountID))
	})
	return found[:min(len(found), maxSuggestions)]
}

// plainName returns a full name with single spaces and small ASCII letters.
func plainName(name string) string {
	return identity.FoldASCII(strings.Join(strings.Fields(name), " "))
}

// unseparated returns a name or handle without what separates its parts.
func unseparated(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" .-_'", r) {
			return -1
		}
		return r
	}, plainName(name))
}
