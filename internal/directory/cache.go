// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Defaults of the times of Settings. Within five minutes a plan, its apply and the
// other pipelines of one change share a list, and accounts rarely change
// hands. A miss is usually being fixed, so it is kept for one run only.
const (
	DefaultCacheTTL    = 5 * time.Minute
	DefaultCacheMisses = 30 * time.Second
)

// Settings say which accounts are answers and how old an answer may be. A list's
// age counts from the end of its walk.
type Settings struct {
	TTL     time.Duration `hcl:"cache_ttl,optional" kind:"cache"`        // of accounts that were found and are active; 0 = nothing is kept
	Misses  time.Duration `hcl:"cache_ttl_misses,optional" kind:"cache"` // of every other answer; more than TTL counts as TTL
	Options               // Kinds are added to those of the Descriptor
	Domains []string      `hcl:"domains,optional"` // addresses of others are not asked for; nil = all are
}

// covers reports whether a directory is for the domain of a normalised address.
func (s Settings) covers(email string) bool {
	return len(s.Domains) == 0 || slices.Contains(s.Domains, email[strings.LastIndexByte(email, '@')+1:])
}

// fresh reports whether an answer of some age may still be given.
func (s Settings) fresh(age time.Duration, positive bool) bool {
	if positive {
		return age < s.TTL
	}
	return age < s.Misses
}

const (
	// maxCachedAccounts bounds a list that is kept, at about 300 bytes an
	// account. A longer one serves only the callers that wait for it.
	maxCachedAccounts = 500_000
	// maxCachedAnswers bounds the answers of lookups that are kept.
	maxCachedAnswers = 10_000
	// abandonAfter ends a walk that nobody has waited for in that time. A
	// caller whose timeout is shorter than the walk finds it further on when
	// it asks again.
	abandonAfter = 2 * time.Minute
	// keepList is how long a list stays in memory for callers who go on with it,
	// such as a long plan. It is an answer for others as long as Settings allow.
	keepList = time.Hour
)

// errTooLong ends a walk that would cost more than the lookups it replaces.
var errTooLong = fmt.Errorf("%w here: it is too long to read for so few people", ErrTruncated)

// errClosed ends the walk of a directory that is no longer used.
var errClosed = errors.New("the directory was closed")

// Cached wraps a Directory and keeps what it learns for a while: the list, if
// it was walked to its end, and the answers of lookups. A failure is always
// reported and evicts nothing. Lookup and Status use the cache; Find bypasses it.
type Cached struct {
	Directory
	settings Settings
	foldID   func(string) string
	observe  func(Call) // nil = nobody wants to know

	mu       sync.Mutex
	list     *snapshot // nil = none
	listSize int       // accounts in the last list; 0 = unknown
	answers  map[string]cachedAnswer
	spent    int        // requests of lookups since began
	began    time.Time  // of the period that spent belongs to
	sighted  time.Time  // when the list last showed an address to checkSight
	fetch    *listFetch // nil = no walk is under way
	closed   bool
}

// snapshot is a list that was walked to its end. It never changes.
type snapshot struct {
	*index
	asOf  time.Time // the walk's start
	ended time.Time

	sorted func() accountOrder // computed once; nil in a list that nobody gets
}

// cachedAnswer is the answer of a lookup.
type cachedAnswer struct {
	Result
	asOf time.Time
}

// listFetch is a walk under way, shared by its callers.
type listFetch struct {
	done      chan struct{} // closed when list or err is set
	list      *snapshot
	err       error
	waiters   int
	pages     int // read so far
	maxPages  int // the most that any caller wants read; 0 = unlimited
	cancel    context.CancelFunc
	idleTimer *time.Timer // runs while nobody waits
}

// Cache wraps the directory of a service.
func Cache(d Directory, service identity.ServiceKey, settings Settings) *Cached {
	settings.Misses = min(settings.Misses, settings.TTL)
	return &Cached{
		Directory: d, settings: settings, answers: map[string]cachedAnswer{},
		foldID: func(id string) string { return identity.FoldIdentity(service.Type, id) },
	}
}

// policy returns how answers are decided.
func (c *Cached) policy() *policy {
	o := c.settings.Options
	o.Kinds = slices.Concat(o.Kinds, c.Describe().Kinds)
	return newPolicy(c.foldID, o)
}

// withCache returns d if it is a Cached, else a cache for one call. release
// ends that call's walk.
func withCache(d Directory, service identity.ServiceKey) (c *Cached, release func()) {
	if c, ok := d.(*Cached); ok {
		return c, func() {}
	}
	c = Cache(d, service, Settings{})
	return c, c.Close
}

// lister returns the directory's list, nil if it has none.
func (c *Cached) lister() Lister {
	l, _ := c.Directory.(Lister)
	return l
}

// inMemory returns the last list, however old, nil if there is none.
func (c *Cached) inMemory() *snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.list
}

// current returns the list that may be an answer, nil if there is none, and the
// size of the last one.
func (c *Cached) current() (list *snapshot, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.list == nil || !c.settings.fresh(time.Since(c.list.ended), true) {
		return nil, c.listSize
	}
	return c.list, c.listSize
}

// spend adds requests of lookups to those of the last Settings.TTL and returns the
// sum. Once they cost as much as the list, it is read and answers for everybody
// who asks after.
func (c *Cached) spend(requests int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.began) >= c.settings.TTL {
		c.spent, c.began = 0, now
	}
	c.spent += requests
	return c.spent
}

// checkSight reads the list up to the first address, and returns an error if it
// has none, for a directory that MayBeBlind. What it saw is good for as long as misses
// are. ended is what ended the lookups: only after a rate limit are their misses answers.
func (c *Cached) checkSight(ctx context.Context, ended error) error {
	c.mu.Lock()
	fresh := c.settings.fresh(time.Since(c.sighted), false)
	c.mu.Unlock()
	lister := c.lister()
	if fresh || lister == nil || !c.Describe().MayBeBlind || ended != nil && !errors.As(ended, new(*RateLimitError)) {
		return nil
	}
	var seen addressCount
	for page, err := range lister.Pages(ctx) {
		if errors.Is(err, ErrTruncated) {
			return nil
		}
		if err != nil {
			return err
		}
		if seen.add(page); seen.withAddress > 0 {
			break
		}
	}
	if err := seen.check(c.Describe()); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sighted = time.Now()
	return nil
}

// startOver forgets what lookups cost, so that a list that cannot be read is not
// tried with each of them.
func (c *Cached) startOver() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spent = 0
}

// mayLack reports whether an error says that a list lacks people that a search of
// the service may find: it contradicts the list, or the list shows nobody's
// address.
func (c *Cached) mayLack(err error) bool {
	_, searches := c.Directory.(Searcher)
	return searches && (errors.Is(err, errContradicted) || errors.Is(err, ErrPermission))
}

// forget drops a list that turned out to be wrong.
func (c *Cached) forget(list *snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.list == list {
		c.list = nil
	}
}

// answer returns the kept answer of a lookup if it is fresh.
func (c *Cached) answer(email string) (cachedAnswer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.answers[email]
	return a, ok && c.settings.fresh(time.Since(a.asOf), a.Status == identity.Found)
}

// keep stores the answers of lookups that began at asOf.
func (c *Cached) keep(results map[string]Result, asOf time.Time) {
	if c.settings.TTL <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.answers)+len(results) > maxCachedAnswers {
		for email, a := range c.answers {
			if !c.settings.fresh(asOf.Sub(a.asOf), a.Status == identity.Found) {
				delete(c.answers, email)
			}
		}
	}
	for email, r := range results {
		if len(c.answers) < maxCachedAnswers && !c.closed {
			r.Account.Addresses = nil // answers show the account only
			c.answers[email] = cachedAnswer{r, asOf}
		}
	}
}

// walk reads the whole list, once for all concurrent callers. A failure leaves
// the list that is kept alone. maxPages stops the walk with ErrTruncated, once
// no caller wants more; 0 means unlimited.
func (c *Cached) walk(ctx context.Context, maxPages int) (*snapshot, error) {
	if ctx.Err() != nil { // a list that is there at once must not win against it
		return nil, context.Cause(ctx)
	}
	f, err := c.join(ctx, maxPages)
	if err != nil {
		return nil, err
	}
	defer c.leave(f)
	select {
	case <-f.done:
		return f.list, f.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (c *Cached) join(ctx context.Context, maxPages int) (*listFetch, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, errClosed)
	}
	f := c.fetch
	if f == nil {
		ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		f = &listFetch{done: make(chan struct{}), cancel: cancel, maxPages: maxPages}
		c.fetch = f
		go c.run(ctx, f)
	}
	if f.idleTimer != nil {
		f.idleTimer.Stop()
		f.idleTimer = nil
	}
	f.waiters++
	if maxPages == 0 || f.maxPages != 0 && maxPages > f.maxPages {
		f.maxPages = maxPages
	}
	return f, nil
}

func (c *Cached) leave(f *listFetch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.waiters--
	if f.waiters == 0 && c.fetch == f {
		f.idleTimer = time.AfterFunc(abandonAfter, func() { c.abandon(f) })
	}
}

// abandon ends a walk that nobody waits for. Who comes from now on begins another.
func (c *Cached) abandon(f *listFetch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.waiters == 0 && c.fetch == f {
		c.fetch = nil
		f.cancel()
	}
}

// run walks the list. It runs outside any request, so it recovers from a
// connector's panic, which would end the process.
func (c *Cached) run(ctx context.Context, f *listFetch) {
	defer f.cancel()
	var list *snapshot
	err := errors.New("reading the list ended unexpectedly")
	began := time.Now()
	defer func() {
		if broken := recover(); broken != nil {
			err = fmt.Errorf("reading the list failed in the program itself: %v", broken)
		}
		if list == nil {
			list = &snapshot{index: newIndex(c.foldID)}
		}
		list.ended = time.Now()
		if err == nil || !errors.Is(err, errTooLong) {
			c.report(Call{List: true, Took: list.ended.Sub(began), Err: err})
		}
		c.finish(f, list, err)
	}()
	tooLong := false
	begin := func() { list = &snapshot{index: newIndex(c.foldID), asOf: time.Now()} }
	err = Walk(ctx, c.lister(), begin, func(page []Account) bool {
		list.add(compact(page))
		c.mu.Lock()
		defer c.mu.Unlock()
		f.pages++
		tooLong = f.maxPages > 0 && f.pages > f.maxPages
		return !tooLong
	})
	if tooLong && err == nil {
		err = errTooLong
	}
}

func (c *Cached) finish(f *listFetch, list *snapshot, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fetch == f { // it was not abandoned
		c.fetch = nil
	}
	if f.idleTimer != nil {
		f.idleTimer.Stop()
	}
	defer close(f.done)
	if f.err = err; err != nil {
		limit := c.Describe().ListMaxAccounts
		switch twice := 2 * len(list.rows); { // so that it is not tried again and again
		case errors.Is(err, errTooLong) && limit > 0:
			c.listSize = max(c.listSize, min(twice, limit-1))
		case errors.Is(err, ErrTruncated):
			c.listSize = max(c.listSize, limit, twice)
		}
		return
	}
	list.sorted = sync.OnceValue(list.order)
	f.list, c.listSize, c.spent = list, len(list.rows), 0
	if c.closed || len(list.rows) > maxCachedAccounts {
		return
	}
	c.list = list
	for email, a := range c.answers {
		if a.asOf.Before(list.asOf) {
			delete(c.answers, email)
		}
	}
	time.AfterFunc(max(c.settings.TTL, keepList), func() { c.forget(list) }) // it is too old for any answer
}

// Close ends a walk that is under way and frees what is kept.
func (c *Cached) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed, c.list, c.answers = true, nil, map[string]cachedAnswer{}
	if c.fetch != nil {
		c.fetch.cancel()
	}
}
