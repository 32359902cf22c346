// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Defaults of CacheSettings. Five minutes let a plan, its apply and the other
// pipelines of one change share a list, and are short beside how seldom an
// address moves from one account to another. A miss is what somebody is just
// about to mend, so it is believed for the length of one run.
const (
	DefaultCacheTTL    = 5 * time.Minute
	DefaultCacheMisses = 30 * time.Second
)

// CacheSettings are how long answers serve. Lists count from the end of their
// walk.
type CacheSettings struct {
	TTL    time.Duration // of accounts that were found and are active; 0 = nothing is kept
	Misses time.Duration // of every other answer; more than TTL counts as TTL
}

const (
	// maxKeptAccounts bounds a list that is kept: a longer one serves those who
	// waited for it. It takes about 300 bytes an account.
	maxKeptAccounts = 500_000
	// maxKeptAnswers bounds the answers of lookups that are kept.
	maxKeptAnswers = 10_000
)

// Cached is a Directory that keeps what it learnt for a while: the list, where
// it was walked to its end, and answers of lookups. A failure changes nothing
// of it and is always told. Lookup and Status know how to ask it; Find goes
// past it.
type Cached struct {
	Directory
	settings CacheSettings
	foldID   func(string) string

	mu      sync.Mutex
	list    *snapshot // nil = none
	size    int       // of the last list; 0 = not known
	answers map[string]kept
	walking *walking // nil = no walk is under way
	closed  bool
}

// snapshot is a list that was walked to its end. It never changes.
type snapshot struct {
	*index
	asOf  time.Time // the walk's start
	ended time.Time
}

// kept is the answer of a lookup.
type kept struct {
	Result
	asOf time.Time
}

// Cache wraps the directory of a service.
func Cache(d Directory, service identity.ServiceKey, settings CacheSettings) *Cached {
	settings.Misses = min(settings.Misses, settings.TTL)
	return &Cached{
		Directory: d, settings: settings, answers: map[string]kept{},
		foldID: func(id string) string { return identity.FoldIdentity(service.Type, id) },
	}
}

// serves reports whether an answer of some age may still be given.
func (s CacheSettings) serves(age time.Duration, positive bool) bool {
	if positive {
		return age < s.TTL
	}
	return age < s.Misses
}

// answer gives every address of want a result: from what is kept, else by
// asking again, with lookups or a walk, whatever takes less time.
func (c *Cached) answer(ctx context.Context, l *lookup, want []string) error {
	list, missing, doubtful := c.recall(l, want)
	if len(missing) == 0 {
		return nil
	}
	d := l.directory.Describe()
	lister, ok := l.directory.(Lister)
	if ok && (doubtful || Plan(d, len(missing), c.lastSize())) {
		patience := d.patience(len(missing))
		if doubtful {
			patience = 0
		}
		list, err := c.walk(ctx, lister, patience)
		if err == nil {
			l.takeAll(list, want)
			return nil
		}
		if !d.Lookup || !errors.Is(err, ErrTruncated) {
			return l.limitedOr(err, want)
		}
		// The list turned out to be longer than the service shows of it.
	}
	if list != nil && !d.LookupSeesInactive {
		l.known = list.inactive
	}
	asOf := time.Now()
	err := l.lookUp(ctx, missing)
	c.remember(l, missing, asOf)
	return err
}

// recall answers what it can. It returns the list that is kept, if any, whom
// to ask for, and whether lookups will not do: several accounts had an address
// in the list, and a lookup may show one of them only.
func (c *Cached) recall(l *lookup, want []string) (list *snapshot, missing []string, doubtful bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	list, now := c.list, time.Now()
	for _, email := range want {
		if a, there := c.answers[email]; there && c.settings.serves(now.Sub(a.asOf), a.Status == identity.Found) {
			l.take(email, a.Result, a.asOf)
			continue
		}
		if list == nil {
			missing = append(missing, email)
			continue
		}
		r := l.policy.decide(email, list.find(email))
		if r.Status != identity.Failed && c.settings.serves(now.Sub(list.ended), r.Status == identity.Found) {
			l.take(email, r, list.asOf)
			continue
		}
		missing = append(missing, email)
		doubtful = doubtful || r.Status == identity.Ambiguous
	}
	return list, missing, doubtful
}

func (l *lookup) take(email string, r Result, asOf time.Time) {
	l.results[email], l.asOf[email] = r, asOf
}

// takeAll answers everybody from one list, those who had an older answer too.
func (l *lookup) takeAll(list *snapshot, want []string) {
	for _, email := range want {
		l.take(email, l.policy.decide(email, list.find(email)), list.asOf)
	}
}

// remember dates the results of lookups and keeps them. What could not be
// asked is no answer.
func (c *Cached) remember(l *lookup, emails []string, asOf time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.answers)+len(emails) > maxKeptAnswers {
		c.forgetOld(asOf)
	}
	for _, email := range emails {
		r, known := l.results[email]
		if !known || r.Status == identity.Failed {
			continue
		}
		l.asOf[email] = asOf
		if c.settings.TTL > 0 && len(c.answers) < maxKeptAnswers {
			r.Account.Emails = nil // answers show the id
			c.answers[email] = kept{r, asOf}
		}
	}
}

func (c *Cached) forgetOld(now time.Time) {
	for email, a := range c.answers {
		if !c.settings.serves(now.Sub(a.asOf), a.Status == identity.Found) {
			delete(c.answers, email)
		}
	}
}

func (c *Cached) lastSize() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.size
}

// inactive are the accounts of the list with an address that are inactive, for
// services whose lookups do not see such.
func (s *snapshot) inactive(email string) []Account {
	var found []Account
	for _, a := range s.find(email) {
		if a.State == StateInactive {
			found = append(found, a)
		}
	}
	return found
}
