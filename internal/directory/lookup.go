// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Lookup finds the accounts of people and returns one answer per e-mail, in
// order; an e-mail may come several times. It walks the list or looks up each
// e-mail, as preferWalk decides for all who asked of late. A Cached answers
// from its cache, and its answers have a time.
//
// A failure of the whole, such as a rejected credential, is an *identity.Error
// without answers. If the service begins to limit requests, the remaining
// e-mails have the status Failed and a retryable error. An answer that cannot
// be stored, such as an id that the service type does not allow, is Failed too.
func Lookup(ctx context.Context, d Directory, service identity.ServiceKey, emails []string) ([]identity.LookupResult, error) {
	return lookUpAll(ctx, d, service, emails, (*lookup).run)
}

// LookupInList looks people up in a whole list, which also shows that an account
// is one person's alone: LookupResult.Unique. Where the directory has no list, or
// one that is cut off, it answers as Lookup does and nothing is unique. With the
// version of a list that Accounts gave, it answers from that list, however old, or
// is CodeListChanged.
func LookupInList(ctx context.Context, d Directory, service identity.ServiceKey, emails []string, version string) ([]identity.LookupResult, error) {
	return lookUpAll(ctx, d, service, emails, func(l *lookup, ctx context.Context, want []string) error { return l.runInList(ctx, want, version) })
}

func lookUpAll(ctx context.Context, d Directory, service identity.ServiceKey, emails []string,
	run func(l *lookup, ctx context.Context, want []string) error,
) ([]identity.LookupResult, error) {
	cache, release := withCache(d, service)
	defer release()
	l := &lookup{cache: cache, service: service, policy: cache.policy(), results: map[string]Result{}, asOf: map[string]time.Time{}}
	answers := make([]identity.LookupResult, len(emails))
	keys := make([]string, len(emails))
	var want []string
	seen := map[string]bool{}
	for i, email := range emails {
		key, err := emailKey(email)
		if err != nil {
			answers[i] = identity.LookupResult{Email: email, Status: identity.Failed, Err: identity.AsError(err)}
			continue
		}
		if !cache.settings.covers(key) {
			answers[i] = identity.LookupResult{Email: email, Status: identity.NotFound, OtherDomain: true}
			continue
		}
		keys[i] = key
		if !seen[key] {
			seen[key] = true
			want = append(want, key)
		}
	}
	if err := run(l, ctx, want); err != nil {
		return nil, AsIdentityError(service, err)
	}
	if d != Directory(cache) {
		clear(l.asOf)
	}
	for i, key := range keys {
		if key != "" {
			answers[i] = l.result(emails[i], key)
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

// lookup is one call of Lookup. results has an entry for every e-mail once run
// returns nil.
type lookup struct {
	cache    *Cached
	service  identity.ServiceKey
	policy   *policy
	results  map[string]Result
	asOf     map[string]time.Time    // the age of results
	needList []string                // e-mails that only the list can answer
	inList   bool                    // a whole list answers all e-mails
	shown    map[string]evidenceRows // what answers were decided from; nil = nobody wants to know
}

// evidenceRows holds the rows from which an answer was decided.
type evidenceRows struct {
	rows   []Account
	listed int // accounts in the list that has the rows; 0 = a lookup
}

// decide picks an account of rows, which a list has or, if that is nil, a lookup.
func (l *lookup) decide(email string, rows []Account, list *snapshot) Result {
	if l.shown != nil {
		s := evidenceRows{rows: rows}
		if list != nil {
			s.listed = len(list.sorted().first)
		}
		l.shown[email] = s
	}
	return l.policy.decide(email, rows)
}

// runInList gives every e-mail of want a result from the list of a version, or, if
// that is "", from one that is fresh.
func (l *lookup) runInList(ctx context.Context, want []string, version string) error {
	list, _, err := l.cache.accounts(ctx, version)
	if err == nil {
		err = l.search(ctx, list, want)
	}
	switch unusable := errors.Is(err, ErrNoList) || errors.Is(err, errContradicted); {
	case unusable && version == "":
		return l.run(ctx, want)
	case unusable:
		return ErrListChanged
	case err != nil:
		return err
	}
	l.applyList(list, want)
	l.inList = true
	return nil
}

// unique reports whether a list shows that nobody else owns the account: the
// e-mail is the only address of its own.
func (l *lookup) unique(email string, r Result) bool {
	owned := r.Evidence == identity.EvidenceVerifiedEmail || r.Evidence == identity.EvidenceEmail
	return l.inList && owned && !slices.ContainsFunc(r.Account.Addresses, func(a Address) bool {
		return a.Kind == Primary && !sameAddress(email, a.Email)
	})
}

// run gives every e-mail of want a result: from the cache, else by lookups or
// a walk, whichever takes less time.
func (l *lookup) run(ctx context.Context, want []string) error {
	list, size := l.cache.current()
	missing, ambiguous := l.applyCache(list, want)
	if len(missing) == 0 {
		return nil
	}
	d := l.cache.Describe()
	var unusable error // why the list answers for nobody
	requests := d.lookups(len(missing))
	if asked := l.cache.spend(requests); l.cache.lister() != nil && (ambiguous || preferWalk(d, asked, size)) {
		maxPages := d.maxPages(asked)
		if ambiguous {
			maxPages = 0
		}
		list, err := l.cache.walk(ctx, maxPages)
		if err == nil {
			err = l.search(ctx, list, want)
		}
		switch {
		case err == nil:
			l.applyList(list, want) // a newer answer for everybody
			return nil
		case d.Lookup && l.cache.mayLack(err):
			unusable = err
		case errors.Is(err, ErrTruncated) && d.Lookup:
			// The list is longer than what the service shows, or than what pays.
		case !ambiguous && !preferWalk(d, requests, size):
			l.cache.startOver() // lookups do without the list
		default:
			return l.failRest(err, want)
		}
	}
	asOf := time.Now()
	err := l.lookUp(ctx, missing)
	if onlyMisses(missing, func(email string) identity.LookupStatus { return l.results[email].Status }, identity.NotFound, identity.Failed) {
		if blind := l.cache.checkSight(ctx, err); blind != nil {
			return blind
		}
	}
	found := map[string]Result{}
	for _, email := range missing {
		if r, ok := l.results[email]; ok && r.Status != identity.Failed {
			found[email], l.asOf[email] = r, asOf
		}
	}
	l.cache.keep(found, asOf)
	if err == nil && len(l.needList) > 0 {
		err = l.fromList(ctx, unusable)
	}
	return l.failRest(err, missing)
}

// fromList answers the e-mails that need the list. They are failed if the list is
// unusable; if nobody has another answer, so is the whole call.
func (l *lookup) fromList(ctx context.Context, unusable error) error {
	var list *snapshot
	err := unusable
	if err == nil {
		list, err = l.cache.walk(ctx, 0)
	}
	if err == nil {
		err = l.search(ctx, list, l.needList)
	}
	switch {
	case err != nil && len(l.results) > 0 && (unusable != nil || errors.Is(err, errContradicted)):
		for _, email := range l.needList {
			l.results[email] = Result{Status: identity.Failed, Err: err}
		}
		return nil
	case err != nil:
		return err
	}
	l.applyList(list, l.needList)
	return nil
}

// errContradicted is a list that lacks an account which a search finds.
var errContradicted = fmt.Errorf("%w in full: its list lacks an account that a search finds", ErrUnavailable)

// maxSearches bounds the searches that put a list to the test.
const maxSearches = 5

// search looks for a few of the people that a list lacks, first of all for those
// that lookups found, and returns errContradicted if one of them has an account
// that is not in it. The list is not kept then.
func (l *lookup) search(ctx context.Context, list *snapshot, emails []string) error {
	searcher, ok := l.cache.Directory.(Searcher)
	if !ok {
		return nil
	}
	lacks := func(a Account) bool { return a.Identity != "" && len(list.byIdentity[list.foldID(a.Identity)]) == 0 }
	var missing []string
	for email, r := range l.results {
		if r.Status == identity.Found && lacks(r.Account) {
			missing = append(missing, email)
		}
	}
	for _, email := range emails {
		if len(list.find(email)) == 0 {
			missing = append(missing, email)
		}
	}
	for _, email := range missing[:min(len(missing), maxSearches)] {
		found, err := observed(l.cache, func() ([]Account, error) { return searcher.Search(ctx, email) })
		if err != nil {
			return err
		}
		has := func(a Account) bool {
			return lacks(a) && slices.ContainsFunc(a.Emails(), func(e string) bool { return sameAddress(email, e) })
		}
		if slices.ContainsFunc(found, has) {
			l.cache.forget(list)
			return errContradicted
		}
	}
	return nil
}

// applyCache answers what it can from the cache. It returns the other e-mails,
// and whether one of them is ambiguous in the list: a lookup may show only one
// of the accounts, so only a new walk can answer it.
func (l *lookup) applyCache(list *snapshot, want []string) (missing []string, ambiguous bool) {
	for _, email := range want {
		if a, ok := l.cache.answer(email); ok {
			l.results[email], l.asOf[email] = a.Result, a.asOf
			continue
		}
		if list == nil {
			missing = append(missing, email)
			continue
		}
		r := l.decide(email, list.find(email), list)
		if r.Status != identity.Failed && l.cache.settings.fresh(time.Since(list.ended), r.Status == identity.Found) {
			l.results[email], l.asOf[email] = r, list.asOf
			continue
		}
		missing = append(missing, email)
		ambiguous = ambiguous || r.Status == identity.Ambiguous
	}
	return missing, ambiguous
}

// applyList answers e-mails from a list.
func (l *lookup) applyList(list *snapshot, emails []string) {
	for _, email := range emails {
		l.results[email], l.asOf[email] = l.decide(email, list.find(email), list), list.asOf
	}
}

// batchSize bounds one FindMany, so that a rate limit in the middle of a long
// list of people loses little.
const batchSize = 500

// lookUp asks for e-mails, several in a request if the directory can.
func (l *lookup) lookUp(ctx context.Context, emails []string) error {
	if many, ok := l.cache.Directory.(BatchFinder); ok {
		for batch := range slices.Chunk(emails, batchSize) {
			found, err := observed(l.cache, func() (map[string][]Account, error) { return many.FindMany(ctx, batch) })
			if err != nil {
				return err
			}
			for _, email := range batch {
				if err := l.checkAddresses(found[email]); err != nil {
					return err
				}
				l.applyLookup(email, found[email], nil)
			}
		}
		return nil
	}
	find := func(ctx context.Context, email string) ([]Account, error) {
		found, err := observed(l.cache, func() ([]Account, error) { return l.cache.Find(ctx, email) })
		return found, cmp.Or(err, l.checkAddresses(found))
	}
	return lookupEach(ctx, emails, find, l.applyLookup)
}

// checkAddresses returns an error if a lookup by address found people and shows
// no address of any: the credential must not see them.
func (l *lookup) checkAddresses(found []Account) error {
	if len(found) == 0 {
		return nil
	}
	var seen addressCount
	seen.add(found)
	return seen.check(l.cache.Describe())
}

// applyLookup decides what a lookup says about an e-mail, unless accounts that
// only the list shows could change it. err matches ErrAnswer or ErrNeedsList.
func (l *lookup) applyLookup(email string, found []Account, err error) {
	switch {
	case errors.Is(err, ErrNeedsList) && l.cache.lister() != nil:
		l.needList = append(l.needList, email)
	case err != nil:
		l.results[email] = Result{Status: identity.Failed, Err: err}
	default:
		r := l.decide(email, found, nil)
		if l.cache.lister() != nil && !l.cache.Describe().LookupSeesInactive && !settledBySignIn(email, r) {
			l.needList = append(l.needList, email)
			return
		}
		l.results[email] = r
	}
}

// settledBySignIn reports whether inactive accounts cannot change a result: who
// signs in by the address has it, whatever else is there.
func settledBySignIn(email string, r Result) bool {
	return r.Status == identity.Found && sameAddress(email, r.Account.SignIn)
}

func (l *lookup) failRest(err error, emails []string) error {
	return failRest(err, emails, l.results, func(email string) { l.results[email] = Result{Status: identity.Failed, Err: err} })
}

// failRest returns err, unless it is a rate limit and some keys already have
// results: then it calls fail for the keys without one.
func failRest[R any](err error, keys []string, results map[string]R, fail func(key string)) error {
	var limit *RateLimitError
	if !errors.As(err, &limit) || len(results) == 0 {
		return err
	}
	for _, key := range keys {
		if _, ok := results[key]; !ok {
			fail(key)
		}
	}
	return nil
}

// onlyMisses reports whether some keys have the status miss, and the others failed or
// have none.
func onlyMisses[S ~string](keys []string, status func(key string) S, miss, failed S) bool {
	missed := false
	for _, key := range keys {
		switch status(key) {
		case miss:
			missed = true
		case failed, "":
		default:
			return false
		}
	}
	return missed
}

// result returns the API's form of the result of a key, with the caller's
// spelling of the e-mail.
func (l *lookup) result(email, key string) identity.LookupResult {
	r := l.results[key]
	a := identity.LookupResult{Email: email, Status: r.Status, AsOf: l.asOf[key]}
	switch r.Status {
	case identity.Found, identity.Inactive:
		m := identity.NewMatcher(l.service.Type, r.Account.Identity)
		if err := cmp.Or(m.Validate(l.service), identity.ValidateAccountID(r.Account.AccountID)); err != nil {
			a.Status = identity.Failed
			a.Err = &identity.Error{Code: identity.CodeIdentityInvalid, User: identity.UserKey(key), Service: l.service, Cause: err,
				Message: fmt.Sprintf("the directory of %s gave an id that cannot be stored: %s", l.service, err)}
			return a
		}
		a.Matcher, a.Evidence, a.AccountID = m, r.Evidence, accountID(l.service.Type, r.Account)
		a.Unique = r.Status == identity.Found && l.unique(key, r)
	case identity.Ambiguous, identity.Alias, identity.Unverified:
		a.Candidates = candidates(l.service.Type, r.Candidates...)
	case identity.Failed:
		a.Err = AsIdentityError(l.service, r.Err)
		a.Err.User = identity.UserKey(key)
	}
	return a
}

// accountID returns the account's own id. An identity is one unless it is a name
// that another account may get.
func accountID(serviceType string, a Account) string {
	if a.AccountID == "" && !identity.Reusable(serviceType) {
		return a.Identity
	}
	return a.AccountID
}

// candidates returns accounts as people are shown them.
func candidates(serviceType string, accounts ...Account) []identity.Candidate {
	out := make([]identity.Candidate, len(accounts))
	for i, a := range accounts {
		out[i] = identity.Candidate{
			Matcher: identity.NewMatcher(serviceType, a.Identity), AccountID: accountID(serviceType, a), State: a.State.String(), Name: a.Name,
		}
	}
	return out
}

// lookupEach calls find for each key, a few at once, and passes every answer
// to done, one at a time. done also gets errors about one key: ErrAnswer and
// ErrNeedsList. The first other error stops all lookups; a rate limit lets
// those under way finish. Either is returned.
func lookupEach(
	ctx context.Context, keys []string,
	find func(ctx context.Context, key string) ([]Account, error),
	done func(key string, found []Account, err error),
) error {
	var mu sync.Mutex
	var limited error
	stopped := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return limited != nil
	}
	group, asking := errgroup.WithContext(ctx)
	group.SetLimit(parallelLookups)
	for _, key := range keys {
		if stopped() || asking.Err() != nil {
			break
		}
		group.Go(func() error {
			found, err := find(asking, key)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil, errors.Is(err, ErrAnswer), errors.Is(err, ErrNeedsList):
				done(key, found, err)
			case errors.As(err, new(*RateLimitError)):
				limited = err
			default:
				return err
			}
			return nil
		})
	}
	return cmp.Or(group.Wait(), limited, context.Cause(ctx))
}

const (
	// roundTrip is the time a request takes if no slower pace is documented.
	roundTrip = 100 * time.Millisecond
	// parallelLookups is the number of lookups under way at once.
	parallelLookups = 4

	// unknownSize is what a list is taken for before it was read. Reading it
	// finds out, and stops where lookups cost less.
	unknownSize = 1000
)

// preferWalk reports whether walking a list of size accounts (0 = unknown)
// takes less time than some lookups, in requests, at the service's pace. A list
// that is known to be cut off before its end is never walked if lookups are
// possible. No service spaces lookups further apart than pages, so what saves
// time saves requests too.
func preferWalk(d Descriptor, lookups, size int) bool {
	if !d.Lookup {
		return true
	}
	if size <= 0 {
		size = max(lookups, unknownSize)
		if d.ListMaxAccounts > 0 {
			size = min(size, d.ListMaxAccounts-1)
		}
	}
	if d.ListMaxAccounts > 0 && size >= d.ListMaxAccounts {
		return false
	}
	pages := 1
	if d.ListPage > 0 {
		pages = (size-1)/d.ListPage + 1
	}
	return d.walkTime(pages) < d.lookupTime(lookups)
}

// lookups returns the number of requests that look up some people.
func (d Descriptor) lookups(people int) int {
	return (people-1)/max(d.BatchSize, 1) + 1
}

func (d Descriptor) walkTime(pages int) time.Duration {
	return d.paced(pages, roundTrip, d.ListEvery)
}

func (d Descriptor) lookupTime(lookups int) time.Duration {
	return d.paced(lookups, roundTrip/parallelLookups, d.LookupEvery)
}

// paced returns the time of n requests that take some time each and, after the
// burst, come at a pace.
func (d Descriptor) paced(n int, each, every time.Duration) time.Duration {
	return time.Duration(n)*each + time.Duration(max(n-d.Burst, 0))*max(every-each, 0)
}

// maxPages returns the number of pages that take as long as some lookups, 0 if
// there are no lookups. A walk that stops there costs at most twice the better way.
func (d Descriptor) maxPages(lookups int) int {
	if !d.Lookup {
		return 0
	}
	limit := d.lookupTime(lookups)
	pages := int(limit / roundTrip)
	if pages > d.Burst {
		pages = d.Burst + int((limit-d.walkTime(d.Burst))/max(d.ListEvery, roundTrip))
	}
	return max(pages, 1)
}
