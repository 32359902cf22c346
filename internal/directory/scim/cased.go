// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package scim

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// caseProbe finds out whether a server's filters compare case. By RFC 7643
// they must not, for userName and e-mails; some do, and then hide an address
// in upper case from who asks for it in lower case.
type caseProbe struct {
	mu    sync.Mutex
	until time.Time // what is known is known until then
	cased bool
}

// probedFor is how long an answer stands: servers are replaced, and people
// with upper case come.
const probedFor = 10 * time.Minute

// compares looks on the first page of the list for an address in upper case
// and searches for it in lower case. A page without any says nothing against
// the server.
func (p *caseProbe) compares(ctx context.Context, s *scim) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Now().Before(p.until) {
		return p.cased, nil
	}
	list, err := s.page(ctx, "", 1, listCount)
	if err != nil {
		return false, err
	}
	cased := false
	for _, a := range s.idFrom.accounts(list.users) {
		i := slices.IndexFunc(a.Emails, func(e string) bool { return identity.FoldASCII(e) != e && plain(e) })
		if i < 0 {
			continue
		}
		found, err := s.search(ctx, identity.FoldASCII(a.Emails[i]))
		if err != nil {
			return false, err
		}
		cased = !slices.ContainsFunc(found, func(b directory.Account) bool { return b.ID == a.ID })
		break
	}
	p.cased, p.until = cased, time.Now().Add(probedFor)
	return cased, nil
}
