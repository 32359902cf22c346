// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
)

// plannedClaims holds which account each planned mapping gives to which user, so
// that resources of one run know each other. The API sees them one by one at
// apply, and would give an account to whoever comes first. Terraform tells no
// addresses and may plan one resource twice, so a repeated claim is no conflict.
// The zero value is empty.
type plannedClaims struct {
	mu        sync.Mutex
	byAccount map[claimedAccount]map[identity.UserKey]plannedClaim
	byUser    map[mappingKey]plannedClaim
	users     map[identity.UserKey]plannedUser
	services  map[identity.ServiceKey]bool // that a sym_service registers
}

type claimedAccount struct {
	service identity.ServiceKey
	account string // identity.AccountKey
}

// plannedUser says what resources of one run are about to do with one user.
type plannedUser struct{ created, destroyed bool }

// plannedClaim is one planned mapping.
type plannedClaim struct {
	user    identity.UserKey
	service identity.ServiceKey
	matcher identity.Matcher
	shared  bool // its resource allows others to have the account
}

// claimConflict is a planned mapping and one that was planned before and
// contradicts it.
type claimConflict struct{ claim, earlier plannedClaim }

func (c claimConflict) String() string {
	if c.claim.user == c.earlier.user {
		return fmt.Sprintf("%s in %s: %s and %s", c.claim.user, c.claim.service, describeMatcher(c.earlier), describeMatcher(c.claim))
	}
	return fmt.Sprintf("%s in %s: %s and %s", describeMatcher(c.claim), c.claim.service, min(c.earlier.user, c.claim.user), max(c.earlier.user, c.claim.user))
}

func describeMatcher(c plannedClaim) string { return accountText(c.matcher, c.service.Type) }

// add registers rows of one resource, and returns those that contradict what
// another one plans. Values that are unknown claim nothing yet.
func (p *plannedClaims) add(service identity.ServiceKey, rows []mappingRow, shared bool) (conflicts []claimConflict) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, row := range rows {
		if row.matcher == nil {
			continue
		}
		claim := plannedClaim{row.user, service, row.matcher, shared}
		key, account := mappingKey{row.user, service}, claimedAccount{service, row.matcher.AccountKey(service.Type)}
		if earlier, known := p.byUser[key]; known && earlier.matcher.AccountKey(service.Type) != account.account {
			conflicts = append(conflicts, claimConflict{claim, earlier})
			continue
		}
		put(&p.byUser, key, claim)
		claims := p.byAccount[account]
		for _, user := range slices.Sorted(maps.Keys(claims)) {
			if earlier := claims[user]; user != row.user && !(earlier.shared && claim.shared) {
				conflicts = append(conflicts, claimConflict{claim, earlier})
				break
			}
		}
		put(&claims, row.user, claim)
		put(&p.byAccount, account, claims)
	}
	return conflicts
}

// forget drops all claims. From the first write on, the API compares what is
// applied with what is stored.
func (p *plannedClaims) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.byAccount, p.byUser, p.users = nil, nil, nil
}

// addService remembers that a resource registers a service.
func (p *plannedClaims) addService(key identity.ServiceKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	put(&p.services, key, true)
}

func (p *plannedClaims) hasService(key identity.ServiceKey) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.services[key]
}

// addUser registers that a resource creates or destroys a user, and reports whether
// another one does the opposite. A replacement plans no destruction of its own.
func (p *plannedClaims) addUser(key identity.UserKey, planned plannedUser) (contradicted bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.users[key]
	put(&p.users, key, plannedUser{known.created || planned.created, known.destroyed || planned.destroyed})
	return known.destroyed && planned.created || known.created && planned.destroyed
}

// put sets an entry of a map that may be nil.
func put[K comparable, V any](m *map[K]V, key K, value V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[key] = value
}

// claim registers the people and accounts that a resource plans.
func (d *providerData) claim(service identity.ServiceKey, rows []mappingRow, allowShared types.Bool, diags *diag.Diagnostics) {
	addClaimConflicts(diags, d.planned.add(service, rows, mayBeOn(allowShared)))
}

// addClaimConflicts reports planned mappings that contradict each other.
func addClaimConflicts(diags *diag.Diagnostics, conflicts []claimConflict) {
	var values, accounts []claimConflict
	for _, c := range conflicts {
		if c.claim.user == c.earlier.user {
			values = append(values, c)
		} else {
			accounts = append(accounts, c)
		}
	}
	text := func(list []claimConflict) string {
		return strings.TrimRight(listed(list, claimConflict.String), "\n")
	}
	if len(values) > 0 {
		diags.AddError("User Has Two Planned Identities",
			"Two resources map one user in one service to different accounts, and the one that is applied last would win:\n\n"+text(values)+
				"\n\nKeep one of them. A sym_identity and an entry of a sym_identities count alike.")
	}
	if len(accounts) > 0 {
		diags.AddError("Account Planned for Two Users",
			"Two resources give one account to different users, so one of them would have the other's access:\n\n"+text(accounts)+
				"\n\nDeclare the right account of each. If all of them really use it, set allow_shared = true in each of the resources.")
	}
}

// accountClaims holds which user each account was resolved to in this run, so
// that data sources which resolve one person at a time know each other. Without
// it a rule could give one account to two people. The zero value is empty.
type accountClaims struct {
	mu       sync.Mutex
	accounts map[claimedAccount]accountClaim
}

type accountClaim struct {
	user      identity.UserKey
	automatic bool // a rule or the service gave it; people may share accounts on purpose
}

// accountConflict is an account that another data source of this run has
// resolved to another user.
type accountConflict struct {
	answer resolve.Resolution
	first  identity.UserKey
}

// add registers the accounts of one data source, and returns those that an
// earlier one resolved to another user. It registers all or, where there is a
// conflict, none. The same data source may be read twice.
func (c *accountClaims) add(answers []resolve.Resolution) []accountConflict {
	c.mu.Lock()
	defer c.mu.Unlock()
	mapped := filtered(answers, func(a resolve.Resolution) bool { return a.Mapped() })
	var conflicts []accountConflict
	for _, a := range mapped {
		for _, account := range accountsOf(a) {
			if earlier, known := c.accounts[account]; known && earlier.user != a.User && (earlier.automatic || automatic(a)) {
				conflicts = append(conflicts, accountConflict{a, earlier.user})
				break
			}
		}
	}
	if len(conflicts) > 0 {
		return conflicts
	}
	for _, a := range mapped {
		for _, account := range accountsOf(a) {
			if _, known := c.accounts[account]; !known || automatic(a) {
				put(&c.accounts, account, accountClaim{a.User, automatic(a)})
			}
		}
	}
	return nil
}

// accountsOf returns the account of an answer by its name and, where it is known, by
// its id, which no name equals: it is the same account under whatever name.
func accountsOf(a resolve.Resolution) []claimedAccount {
	accounts := []claimedAccount{{a.Service, a.AccountKey()}}
	if a.AccountID != "" {
		accounts = append(accounts, claimedAccount{a.Service, "\x00" + a.AccountID})
	}
	return accounts
}

// automatic reports whether a rule or the service gave an account.
func automatic(a resolve.Resolution) bool {
	return a.Source != resolve.Declared && a.Source != resolve.Store
}

// addAccountConflicts reports accounts that another data source has resolved to
// somebody else.
func addAccountConflicts(diags *diag.Diagnostics, conflicts []accountConflict) {
	if len(conflicts) == 0 {
		return
	}
	lines := listed(conflicts, func(c accountConflict) string {
		return fmt.Sprintf("%s in %s: ambiguous, %s (source %s) was resolved to %s before",
			c.answer.User, c.answer.Service, accountText(c.answer.Matcher, c.answer.Service.Type), c.answer.Source, c.first)
	})
	diags.AddError("Account Resolved to Two Users",
		"Data sources of this run resolve one account to different users, so one of them would have the other's access:\n\n"+lines+
			"\nDecide whose account it is, and declare the right account of each user: in a sym_identity block and in declared of the data source. "+
			"Resolve the users in one sym_resolved_identities to see all collisions at once.")
}
