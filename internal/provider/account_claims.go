// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
)

// accountClaims holds which user each account was resolved to in this run, so
// that data sources which resolve one person at a time know each other. Without
// it a rule could give one account to two people. The zero value is empty.
type accountClaims struct {
	mu        sync.Mutex
	byAccount map[claimedAccount]accountClaim
}

type claimedAccount struct {
	service identity.ServiceKey
	account string // identity.AccountKey
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
	var conflicts []accountConflict
	claims := make(map[claimedAccount]accountClaim, len(answers))
	for _, a := range answers {
		if !a.Mapped() {
			continue
		}
		account := claimedAccount{a.Service, a.Matcher.AccountKey(a.Service.Type)}
		claim := accountClaim{a.User, a.Source != resolve.Declared && a.Source != resolve.Store}
		earlier, known := c.byAccount[account]
		switch {
		case known && earlier.user != claim.user && (earlier.automatic || claim.automatic):
			conflicts = append(conflicts, accountConflict{a, earlier.user})
		case !known || claim.automatic:
			claims[account] = claim
		}
	}
	if len(conflicts) > 0 {
		return conflicts
	}
	if c.byAccount == nil {
		c.byAccount = make(map[claimedAccount]accountClaim, len(claims))
	}
	for account, claim := range claims {
		c.byAccount[account] = claim
	}
	return nil
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
