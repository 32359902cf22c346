// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

const (
	// probeTime is how long Probe reads a list. It reads two pages in any case:
	// a list that ends early does so after a full page.
	probeTime  = 10 * time.Second
	probePages = 2
)

// ErrMissing is a person who must be found and is not.
var ErrMissing = errors.New("somebody who must be found is not")

// Probed says what Probe saw.
type Probed struct {
	Listed   bool // the directory has a list
	Whole    bool // which was read to its end
	Accounts int  // in the part that was read
	LookedUp int  // accounts of the list that lookups found again
	Answers  []identity.LookupResult
}

// Probe uses a directory as lookups and walks will, and reports the first thing
// that does not work: it reads the list past its first page, looks up some of
// the accounts there by address, and asks for emails, who must be found. A
// lookup and the list must agree. Emails of other domains than the directory's
// are not asked for.
func Probe(ctx context.Context, d Directory, service identity.ServiceKey, settings Settings, emails []string) (Probed, error) {
	var p Probed
	cache := Cache(d, service, settings)
	defer cache.Close()
	fold := cache.foldID
	list := newIndex(fold)
	if lister, ok := d.(Lister); ok {
		p.Listed = true
		began, pages, stopped := time.Now(), 0, false
		err := Walk(ctx, lister, func() { list, pages = newIndex(fold), 0 }, func(page []Account) bool {
			list.add(page)
			pages++
			stopped = pages >= probePages && time.Since(began) > probeTime
			return !stopped
		})
		if err != nil && !errors.Is(err, ErrTruncated) {
			return p, err
		}
		p.Whole, p.Accounts = err == nil && !stopped, list.size()
	}
	if d.Describe().Lookup {
		for _, a := range list.sample() {
			again, err := findsAgain(ctx, d, a, fold)
			switch {
			case errors.Is(err, ErrNeedsList):
			case err != nil:
				return p, err
			case !again:
				return p, fmt.Errorf("%w as its list does: a search by e-mail does not find the account %q, which the list shows", ErrUnavailable, a.Identity)
			default:
				p.LookedUp++
			}
		}
	}
	if len(emails) == 0 {
		return p, nil
	}
	answers, err := Lookup(ctx, cache, service, emails)
	if err != nil {
		return p, err
	}
	p.Answers = answers
	for _, a := range answers {
		if a.OtherDomain {
			continue
		}
		if a.Status != identity.Found {
			return p, fmt.Errorf("%w: %s: %s", ErrMissing, a.Email, describe(a))
		}
		if !p.Whole {
			continue
		}
		id, _ := a.Matcher.Identity(service.Type)
		listed := cache.policy().decide(a.Email, list.find(identity.FoldASCII(a.Email)))
		if listed.Status != identity.Found || fold(listed.Account.Identity) != fold(id) {
			return p, fmt.Errorf("%w as its list does: a lookup of %s finds the account %q, the list says %s", ErrUnavailable, a.Email, id, listed.Status)
		}
	}
	return p, nil
}

// sample returns a few active people of the list with an address of their own:
// the first, the last, and one whose address has capital letters, which servers
// may compare.
func (x *index) sample() []Account {
	own := slices.DeleteFunc(slices.Clone(x.rows), func(a Account) bool { return ownAddress(a) == "" })
	if len(own) == 0 {
		return nil
	}
	sample := own[:1:1]
	capital := func(a Account) bool { return identity.FoldASCII(ownAddress(a)) != ownAddress(a) }
	if i := slices.IndexFunc(own, capital); i >= 0 {
		sample = append(sample, own[i])
	}
	return slices.CompactFunc(append(sample, own[len(own)-1]), func(a, b Account) bool { return a.Identity == b.Identity })
}

// ownAddress returns an address that a lookup of an active person must find, ""
// if there is none.
func ownAddress(a Account) string {
	if a.Unreadable != nil || a.Identity == "" || a.State == StateInactive || a.State == StatePending || a.Kind != "" && a.Kind != KindPerson {
		return ""
	}
	for _, address := range a.Addresses {
		if _, err := emailKey(address.Email); err == nil && address.Kind == Primary {
			return address.Email
		}
	}
	return ""
}

// findsAgain reports whether a lookup by the address of an account finds it.
func findsAgain(ctx context.Context, d Directory, a Account, fold func(string) string) (bool, error) {
	key, err := emailKey(ownAddress(a))
	if err != nil {
		return false, err
	}
	var found []Account
	if many, ok := d.(BatchFinder); ok {
		var all map[string][]Account
		all, err = many.FindMany(ctx, []string{key})
		found = all[key]
	} else {
		found, err = d.Find(ctx, key)
	}
	return slices.ContainsFunc(found, func(b Account) bool { return fold(b.Identity) == fold(a.Identity) }), err
}

// describe says in words why a lookup found nobody.
func describe(a identity.LookupResult) string {
	switch a.Status {
	case identity.NotFound:
		return "no account has the address"
	case identity.Inactive:
		return "the account is inactive"
	case identity.Ambiguous:
		return "several accounts have the address"
	case identity.Alias:
		return "the address is only an alias, and match_aliases is not set"
	case identity.Unverified:
		return "the service has not proved the address, or nobody has approved the account"
	}
	return a.Err.Error()
}
