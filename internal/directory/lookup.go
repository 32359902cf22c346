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

// Lookup asks a directory for people and returns one answer per e-mail, in
// order; an e-mail may come several times. It walks the list or asks for each
// one, as Plan says. A Cached answers from what it keeps, and its answers tell
// of when they are.
//
// A failure of the whole, such as a rejected credential, is an *identity.Error
// and no answers. Where the service began to limit requests, those who were
// not asked have the status Failed and a retryable error. What cannot be
// stored, such as an id that the service type does not allow, is Failed too.
func Lookup(ctx context.Context, d Directory, service identity.ServiceKey, emails []string, opts ...Option) ([]identity.LookupResult, error) {
	l := newLookup(d, service, opts...)
	answers := make([]identity.LookupResult, len(emails))
	keys := make([]string, len(emails))
	var want []string
	asked := map[string]bool{}
	for i, email := range emails {
		key, err := emailKey(email)
		if err != nil {
			answers[i] = identity.LookupResult{Email: email, Status: identity.Failed, Err: identity.AsError(err)}
			continue
		}
		keys[i] = key
		if !asked[key] {
			asked[key] = true
			want = append(want, key)
		}
	}
	if len(want) > 0 {
		ask := l.ask
		if cache, ok := d.(*Cached); ok {
			l.directory = cache.Directory
			ask = func(ctx context.Context, want []string) error { return cache.answer(ctx, l, want) }
		}
		if err := ask(ctx, want); err != nil {
			return nil, AsIdentityError(service, err)
		}
	}
	for i, key := range keys {
		if key != "" {
			answers[i] = l.answer(emails[i], key, l.results[key])
		}
	}
	return answers, nil
}

func emailKey(email string) (string, error) {
	key, err := identity.ParseUser(email)
	if err != nil {
		return "", err
	}
	if !key.IsEmail() {
		return "", identity.Invalid(identity.CodeUserInvalid, fmt.Sprintf("%q is not an e-mail", email),
			"Directories are asked by e-mail; bots have none.")
	}
	return key.Email(), nil
}

// lookup is one call of Lookup. results has an entry for every address once
// ask returns nil.
type lookup struct {
	directory Directory
	service   identity.ServiceKey
	policy    *policy
	results   map[string]Result
	asOf      map[string]time.Time         // of when results are; absent = not told
	known     func(email string) []Account // accounts that lookups do not see; nil = none
}

func newLookup(d Directory, service identity.ServiceKey, opts ...Option) *lookup {
	return &lookup{
		directory: d,
		service:   service,
		policy:    newPolicy(append([]Option{foldIDs(service.Type), AllowKinds(d.Describe().Kinds...)}, opts...)),
		results:   map[string]Result{},
		asOf:      map[string]time.Time{},
	}
}

func (l *lookup) ask(ctx context.Context, want []string) error {
	d := l.directory.Describe()
	if many, ok := l.directory.(BatchFinder); ok && !d.Lookup {
		return l.batches(ctx, many, want) // a Listed, which keeps a list of its own
	}
	if lister, ok := l.directory.(Lister); ok && Plan(d, len(want), 0) {
		err := l.walk(ctx, lister, want)
		if !d.Lookup || !errors.Is(err, ErrTruncated) {
			return err
		}
		// The list turned out to be longer than the service shows of it.
	}
	return l.lookUp(ctx, want)
}

// lookUp asks for addresses, several in a request where that can be.
func (l *lookup) lookUp(ctx context.Context, want []string) error {
	if many, ok := l.directory.(BatchFinder); ok && len(want) > 1 {
		return l.batches(ctx, many, want)
	}
	return l.oneByOne(ctx, want)
}

// decide is what accounts that were looked up say of an address.
func (l *lookup) decide(email string, found []Account) Result {
	if l.known != nil {
		found = append(slices.Clip(found), l.known(email)...)
	}
	return l.policy.decide(email, found)
}

// walk reads the whole list. Until its end nothing is known for sure, so an
// error is an error of the whole, whoever was on the pages before it.
func (l *lookup) walk(ctx context.Context, lister Lister, want []string) error {
	list := newIndex(l.policy.foldID)
	err := Walk(ctx, lister, func(page []Account) bool {
		list.add(page)
		return true
	})
	if err != nil {
		return err
	}
	for _, email := range want {
		l.results[email] = l.policy.decide(email, list.find(email))
	}
	return nil
}

// answer is a result as the API says it, under the caller's spelling.
func (l *lookup) answer(email, key string, r Result) identity.LookupResult {
	a := identity.LookupResult{Email: email, Status: r.Status, AsOf: l.asOf[key]}
	switch r.Status {
	case identity.Found, identity.Inactive:
		if r.Account.ID == "" { // several inactive accounts: none of them is the one
			return a
		}
		m := identity.NewMatcher(l.service.Type, r.Account.ID)
		if err := m.Validate(l.service); err != nil {
			a.Status = identity.Failed
			a.Err = &identity.Error{Code: identity.CodeIdentityInvalid, User: identity.UserKey(key), Service: l.service, Cause: err,
				Message: fmt.Sprintf("the directory of %s gave an id that cannot be stored: %s", l.service, err)}
			return a
		}
		a.Matcher = m
	case identity.Ambiguous:
		for _, c := range r.Candidates {
			a.Candidates = append(a.Candidates, identity.NewMatcher(l.service.Type, c.ID))
		}
	case identity.Failed:
		a.Err = AsIdentityError(l.service, r.Err)
		a.Err.User = identity.UserKey(key)
	}
	return a
}
