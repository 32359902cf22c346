// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/readcache"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

// companyPass resolves the users of a data source and, where it was asked to, finds
// out who works here, who left, and which accounts are nobody's.
type companyPass struct {
	*resolve.Pass

	config   *bulkConfig
	chain    resolve.Chain
	api      *readcache.Reader
	lists    map[identity.ServiceKey]wholeList // those that have been asked for
	stored   *everybody                        // nil: only the users asked for are read
	roster   *resolve.Roster                   // nil without users_from
	left     map[identity.UserKey]resolve.LeaverReason
	ofLeft   []resolve.Resolution // what rules and lookups give those who left
	leavers  []resolve.Leaver
	orphans  []orphan
	counts   map[string]map[resolve.AccountClass]int // by service key, of services that can be listed
	unlisted []*serviceError                         // services whose accounts cannot be listed
}

// wholeList is the list of accounts of a service.
type wholeList struct {
	identity.AccountList
	err error // why there is none, see cannotList
}

// orphan is an account of a person that nobody resolves to.
type orphan struct {
	service identity.ServiceKey
	account identity.Account
}

// serviceError says that a service could not be asked.
type serviceError struct {
	service  identity.ServiceKey
	user     identity.UserKey // that it was asked about, "" = everybody
	isRoster bool             // it is the service from which the users are read
	err      error
}

func (e *serviceError) Error() string {
	if e.user == "" {
		return e.err.Error()
	}
	return fmt.Sprintf("%s in %s: %s", e.user, e.service, e.err)
}

func (e *serviceError) Unwrap() error { return e.err }

// maxPasses bounds how often a pass begins again because the API had another list of
// accounts before it was done.
const maxPasses = 3

// resolve runs the chain for the users that are configured, for the people of a
// service, or for everybody who is stored. It reads all lists that are needed, so
// that nothing is stored if one of them cannot be read. All answers about a service
// are of one list.
func (c *bulkConfig) resolve(ctx context.Context, api *readcache.Reader, set *rules.Set) (*companyPass, error) {
	for range maxPasses {
		p, err := c.pass(ctx, api, set)
		if err != nil || !p.listsReplaced() {
			return p, err
		}
	}
	return nil, &identity.Error{Code: identity.CodeListChanged, Message: "the API had other lists of accounts each time it was asked about them"}
}

func (c *bulkConfig) pass(ctx context.Context, api *readcache.Reader, set *rules.Set) (*companyPass, error) {
	p := &companyPass{config: c, chain: resolve.Chain{API: api, Rules: set}, api: api, lists: map[identity.ServiceKey]wholeList{}}
	if err := p.readUsers(ctx); err != nil {
		return nil, err
	}
	if c.reportOrphans {
		if err := p.readLists(ctx, c.services); err != nil {
			return nil, err
		}
	}
	pass, err := p.chain.Resolve(ctx, resolve.Request{
		Users: c.users, Services: c.services, Declared: c.declared,
		Persist: c.persist, CheckStale: c.checkStale, NoTrace: true,
	})
	if err != nil {
		return nil, err
	}
	p.Pass = pass
	return p, p.resolveLeft(ctx)
}

// readUsers finds out who is asked for.
func (p *companyPass) readUsers(ctx context.Context) error {
	c := p.config
	if !c.everybody && c.usersFrom == nil {
		return nil
	}
	// Before any list of accounts: whoever is stored by then is shown as a holder.
	all, err := readEverybody(ctx, p.api)
	if err != nil {
		return err
	}
	p.stored, p.chain.API = all, all
	if c.usersFrom == nil {
		c.users, c.names = all.keys(), nil
		return nil
	}
	return p.readRoster(ctx, *c.usersFrom)
}

// readRoster finds the active people of a service, and those who left.
func (p *companyPass) readRoster(ctx context.Context, service identity.ServiceKey) error {
	err := p.readLists(ctx, []identity.ServiceKey{service})
	list := p.lists[service]
	if err = cmp.Or(err, list.err); identity.CodeOf(err) == identity.CodeServiceNotFound {
		registered, err := p.api.Services(ctx)
		if err != nil {
			return err
		}
		return resolve.NewUnregisteredError(service, registered)
	}
	if err != nil {
		return &serviceError{service: service, isRoster: true, err: err}
	}
	p.roster = resolve.NewRoster(service, list.Accounts, p.known)
	active := p.roster.Active()
	suspects := map[identity.UserKey]bool{}
	for _, user := range slices.Concat(p.roster.Inactive(), p.stored.keys(), p.config.declaredUsers()) {
		suspects[user] = user.IsEmail()
	}
	asked := slices.Clone(active)
	for _, user := range slices.Sorted(maps.Keys(suspects)) {
		if _, working := slices.BinarySearch(active, user); suspects[user] && !working {
			asked = append(asked, user)
		}
	}
	api := &rosterAPI{everybody: p.stored, lookups: map[identity.ServiceKey]map[string]identity.LookupResult{}}
	p.chain.API = api
	results, err := api.Lookup(ctx, service, each(asked, func(u identity.UserKey) string { return u.Email() }))
	if err != nil {
		return &serviceError{service: service, isRoster: true, err: err}
	}
	people, err := p.roster.People(results[:len(active)])
	if err != nil {
		return &serviceError{service: service, isRoster: true, err: err}
	}
	p.config.users, p.config.names = people, nil
	p.left = map[identity.UserKey]resolve.LeaverReason{}
	for i, user := range asked {
		if results[i].Status == identity.Failed { // of an active one People has said so
			return &serviceError{service, user, true, results[i].Err}
		}
		if _, working := slices.BinarySearch(people, user); working {
			continue
		}
		var m identity.Mapping // the zero Mapping is nothing
		if u := p.stored.users.Find(user); u != nil {
			m, _ = u.Mapping(service)
		}
		if declared := p.config.declared[service][user]; declared != nil && !declared.Equal(service.Type, m.Matcher) {
			continue // the next apply gives them another account, which decides then
		}
		_, stored := m.Matcher.Identity(service.Type) // no list shows a value of several keys
		if reason, left := p.roster.Left(user, stored, results[i]); left {
			p.left[user] = reason
			api.left = append(api.left, user.Email())
		}
	}
	return nil
}

// rosterAPI asks a service for each e-mail once, and for those who left in the
// request that asks for the users.
type rosterAPI struct {
	*everybody
	left []string // e-mails

	mu      sync.Mutex // of the map of services; one goroutine at a time asks a service
	lookups map[identity.ServiceKey]map[string]identity.LookupResult
}

// Lookup returns one result per e-mail, in order.
func (r *rosterAPI) Lookup(ctx context.Context, service identity.ServiceKey, emails []string) ([]identity.LookupResult, error) {
	r.mu.Lock()
	if r.lookups[service] == nil {
		r.lookups[service] = map[string]identity.LookupResult{}
	}
	known := r.lookups[service]
	r.mu.Unlock()
	ask := filtered(identity.Distinct(slices.Concat(emails, r.left)), func(email string) bool { _, asked := known[email]; return !asked })
	if len(ask) > 0 {
		found, err := r.everybody.Lookup(ctx, service, ask)
		if err != nil {
			return nil, err
		}
		for i, email := range ask {
			known[email] = found[i]
		}
	}
	return each(emails, func(email string) identity.LookupResult { return known[email] }), nil
}

// known reports whether a person goes by an address in the store or in this
// configuration.
func (p *companyPass) known(user identity.UserKey) bool {
	if p.stored.users.Find(user) != nil {
		return true
	}
	for _, people := range p.config.declared {
		if _, ok := people[user]; ok {
			return true
		}
	}
	return false
}

func (c *bulkConfig) declaredUsers() []identity.UserKey {
	var users []identity.UserKey
	for _, people := range c.declared {
		users = slices.AppendSeq(users, maps.Keys(people))
	}
	return users
}

// classify finds out whose each account is, in the services whose lists are at hand,
// and which accounts of nobody may be those of unmapped people. It asks nobody.
func (p *companyPass) classify() {
	c := p.config
	p.counts = map[string]map[resolve.AccountClass]int{}
	for i, service := range c.services {
		list, asked := p.lists[service]
		if list.err != nil && c.reportOrphans {
			p.unlisted = append(p.unlisted, &serviceError{service: service, err: list.err})
		}
		if !asked || list.err != nil {
			continue
		}
		answers := p.Resolutions[i*len(c.users) : (i+1)*len(c.users)]
		ofLeft := filtered(p.ofLeft, func(a resolve.Resolution) bool { return a.Service == service })
		claims := resolve.NewAccountClaims(service, slices.Concat(answers, ofLeft, p.declaredIn(service)))
		counts := map[resolve.AccountClass]int{}
		var nobodys []identity.Account
		for _, a := range list.Accounts {
			class := claims.Class(a)
			counts[class]++
			if class == resolve.OrphanAccount {
				nobodys = append(nobodys, a)
			}
		}
		p.suggest(answers, resolve.NewOrphans(service, nobodys))
		if c.reportOrphans {
			p.counts[service.String()] = counts
			p.orphans = append(p.orphans, each(nobodys, func(a identity.Account) orphan { return orphan{service, a} })...)
		}
	}
}

// declaredIn returns what is declared in a service, also for users who are not asked
// for: the next apply stores it.
func (p *companyPass) declaredIn(service identity.ServiceKey) []resolve.Resolution {
	var answers []resolve.Resolution
	for _, matcher := range p.config.declared[service] {
		answers = append(answers, resolve.Resolution{Matcher: matcher, Source: resolve.Declared})
	}
	return answers
}

// suggest adds suggestions to the people who have no account in the service.
func (p *companyPass) suggest(answers []resolve.Resolution, orphans *resolve.Orphans) {
	for i := range answers {
		a := &answers[i]
		if a.Reason != resolve.NotFound {
			continue
		}
		name := p.FullName(a.User)
		if name == "" && p.roster != nil {
			name = p.roster.Name(a.User)
		}
		a.Suggestions = orphans.Suggest(a.User, name)
	}
}

// resolveLeft finds what those who left hold, or would get. Nothing of it is stored.
func (p *companyPass) resolveLeft(ctx context.Context) error {
	if len(p.left) == 0 {
		return nil
	}
	registered, err := p.api.Services(ctx)
	if err != nil {
		return err
	}
	services := slices.DeleteFunc(slices.Clone(p.config.services), func(key identity.ServiceKey) bool {
		return !slices.ContainsFunc(registered, func(s identity.Service) bool { return s.Key == key })
	})
	left := slices.Sorted(maps.Keys(p.left))
	pass, err := p.chain.Resolve(ctx, resolve.Request{Users: left, Services: services, Declared: p.config.declared, NoTrace: true})
	if err != nil {
		return err
	}
	taken := map[claimedAccount]bool{}
	for _, a := range p.Resolutions {
		if a.Mapped() {
			taken[claimedAccount{a.Service, a.AccountKey()}] = true
		}
	}
	absent, err := p.ruledButAbsent(ctx, pass.Resolutions)
	if err != nil {
		return err
	}
	found := map[identity.UserKey][]resolve.Resolution{}
	for _, a := range pass.Resolutions {
		account := claimedAccount{a.Service, a.AccountKey()}
		switch {
		case a.Err != nil:
			return &serviceError{service: a.Service, user: a.User, err: a.Err}
		case a.Source == resolve.Rule && absent[account], a.Mapped() && taken[account]: // not theirs
		default:
			found[a.User] = append(found[a.User], a)
			p.ofLeft = append(p.ofLeft, a)
		}
	}
	for _, user := range left {
		var stored identity.User
		if u := p.stored.users.Find(user); u != nil {
			stored = *u
		}
		if l, holds := resolve.NewLeaver(user, p.left[user], stored, p.config.declared, found[user]); holds {
			p.leavers = append(p.leavers, l)
		}
	}
	return nil
}

// ruledButAbsent returns the accounts that rules name and the service does not have:
// a rule gives a name for anybody.
func (p *companyPass) ruledButAbsent(ctx context.Context, answers []resolve.Resolution) (map[claimedAccount]bool, error) {
	absent := map[claimedAccount]bool{}
	for _, service := range p.config.services {
		ruled := filtered(answers, func(a resolve.Resolution) bool {
			_, plain := a.Identity()
			return plain && a.Source == resolve.Rule && a.Service == service
		})
		if len(ruled) == 0 {
			continue
		}
		statuses, err := p.api.Status(ctx, service, each(ruled, func(a resolve.Resolution) identity.AccountQuery {
			id, _ := a.Identity()
			return identity.AccountQuery{Identity: id}
		}))
		if identity.CodeOf(err) == identity.CodeNoDirectory {
			continue
		}
		if err != nil {
			return nil, err
		}
		for i, a := range ruled {
			switch statuses[i].Status {
			case identity.AccountAbsent:
				absent[claimedAccount{service, a.AccountKey()}] = true
			case identity.AccountFailed:
				return nil, &serviceError{service: service, user: a.User, err: statuses[i].Err}
			}
		}
	}
	return absent, nil
}

// cannotList reports whether an error says that a service has no whole list.
func cannotList(err error) bool {
	switch identity.CodeOf(err) {
	case identity.CodeNoList, identity.CodeNoDirectory, identity.CodeServiceNotFound:
		return true
	}
	return false
}

// readLists reads the lists of services at once, where they have any, each list once.
// It returns the error of the first service that has one.
func (p *companyPass) readLists(ctx context.Context, services []identity.ServiceKey) error {
	services = filtered(services, func(service identity.ServiceKey) bool { _, asked := p.lists[service]; return !asked })
	var running sync.WaitGroup
	lists, errs := make([]wholeList, len(services)), make([]error, len(services))
	for i, service := range services {
		running.Go(func() {
			list, err := p.api.Accounts(ctx, service)
			if err != nil && !cannotList(err) {
				errs[i] = fmt.Errorf("reading the accounts of %s: %w", service, err)
			}
			lists[i] = wholeList{list, err}
		})
	}
	running.Wait()
	for i, service := range services {
		p.lists[service] = lists[i]
	}
	return cmp.Or(errs...)
}

// listsReplaced reports whether the API has answered from another list of a service
// than the one that was read.
func (p *companyPass) listsReplaced() bool {
	for service, list := range p.lists {
		if list.err == nil && list.Name != p.api.ListName(service) {
			return true
		}
	}
	return false
}

// addRosterFailure reports why the users could not be read from a service.
func addRosterFailure(diags *diag.Diagnostics, e *serviceError) {
	at := path.Root("users_from")
	if shared, ok := errors.AsType[*resolve.SharedAddressError](e.err); ok {
		diags.AddAttributeError(at, "Address of Several People", fmt.Sprintf("In %s, from which users are read, addresses belong to several accounts, so it is not clear who the people are:\n\n%s\n"+
			"Correct the accounts there: give each its own address, or deactivate the one that is not a person's. Nobody is resolved until then.",
			e.service, listed(shared.Addresses, func(s resolve.SharedAddress) string {
				return fmt.Sprintf("%s: %s", s.Address, resolve.ListAccounts(s.Accounts))
			})))
		return
	}
	if _, ok := errors.AsType[*resolve.EmptyRosterError](e.err); ok {
		diags.AddAttributeError(at, "Nobody to Resolve", fmt.Sprintf("%s shows no active person with an address, so everybody would look as if they had left. "+
			"Check that external_id is the right one, and that the directory's credential may read people and their addresses: sym-identityd check says what it sees.", e.service))
		return
	}
	diags.AddAttributeError(at, failureSummary("Read Accounts"), failureDetail(string(e.user), e.service.String(), e.err))
}

// checkExempt reports exemptions in services that nobody knows.
func (c *bulkConfig) checkExempt(ctx context.Context, api *readcache.Reader, diags *diag.Diagnostics) {
	if len(c.exempt) == 0 {
		return
	}
	registered, err := api.Services(ctx)
	if err != nil {
		addFailure(diags, "Read Services", "", "the exemptions", err)
		return
	}
	for _, key := range slices.SortedFunc(maps.Keys(c.exempt), compareServices) {
		if slices.Contains(c.services, key) || slices.ContainsFunc(registered, func(s identity.Service) bool { return s.Key == key }) {
			continue
		}
		addAt(diags, path.Root("exempt").AtMapKey(key.String()), "Service Is Not Registered",
			fmt.Sprintf("no such service is registered, so the exemptions would do nothing. Registered: %s. Correct the key, or remove the exemptions.",
				joinServices(each(sortedServices(registered), func(s identity.Service) identity.ServiceKey { return s.Key }))))
	}
}

// readExempt reads the reasons of the people who need no account in a service.
func readExempt(people types.Map, _ identity.ServiceKey, at path.Path, diags *diag.Diagnostics) map[identity.UserKey]string {
	elements := people.Elements()
	exempt := make(map[identity.UserKey]string, len(elements))
	names := make(map[identity.UserKey]string, len(elements))
	wrong := elementErrors{diags: diags, at: at}
	defer wrong.end()
	for _, name := range slices.Sorted(maps.Keys(elements)) {
		user, err := identity.ParseUser(name)
		if err != nil {
			addInvalid(wrong.next(), at.AtMapKey(name), "Invalid User", err)
			continue
		}
		if other, twice := names[user]; twice {
			wrong.next().AddAttributeError(at.AtMapKey(name), "Duplicate User",
				fmt.Sprintf("%s: the keys %q and %q are the same user, %s: e-mails compare without case and outer spaces. Keep one of them.", at, other, name, user))
			continue
		}
		names[user] = name
		reason, _ := elements[name].(types.String)
		if reason.IsUnknown() {
			continue
		}
		if strings.TrimSpace(reason.ValueString()) == "" {
			addAt(wrong.next(), at.AtMapKey(name), "Exemption Without a Reason",
				fmt.Sprintf("%s has no reason. Say why they have no account there, so that somebody can review it.", user))
			continue
		}
		exempt[user] = reason.ValueString()
	}
	return exempt
}

// unlistedDetail lists services whose accounts cannot be listed.
func unlistedDetail(unlisted []*serviceError) string {
	return "The accounts of these services cannot be listed, so it is not known which of them are nobody's:\n\n" +
		listed(unlisted, func(u *serviceError) string { return fmt.Sprintf("%s: %s", u.service, explain(u.err).what) }) +
		"\nThey are not in orphans, and account_counts has no entry for them. Give them a directory that lists accounts, or read them with a data source of their own without report_orphans."
}

// exemptLine says which account an exempt user has, or may have.
func (s *bulkSummary) exemptLine(a resolve.Resolution) string {
	account := fmt.Sprintf("%s, %s", a.Reason, reasonText(a))
	if a.Mapped() {
		account = fmt.Sprintf("%s (%s)", accountText(a.Matcher, a.Service.Type), a.Source)
	}
	return fmt.Sprintf("%s: %s; exempt because: %s", s.where(a), account, identity.Quote(s.config.exempt[a.Service][a.User]))
}

func orphanRecord(o orphan) any {
	return record{
		"service": o.service.String(), "identity": accountText(o.account.Matcher, o.service.Type), "account_id": textOrNil(o.account.AccountID),
		"emails": each(o.account.Emails, func(e identity.AccountEmail) any { return e.Address }),
		"name":   textOrNil(o.account.Name), "state": o.account.State, "kind": o.account.Kind,
	}
}

// accountCounts returns the counts by service key, nil where they were not asked for.
func (p *companyPass) accountCounts() any {
	if !p.config.reportOrphans {
		return nil
	}
	all := make(record, len(p.counts))
	for service, n := range p.counts {
		held, resolved, orphans, ambiguous := n[resolve.HeldAccount], n[resolve.ResolvedAccount], n[resolve.OrphanAccount], n[resolve.AmbiguousAccount]
		all[service] = record{
			"persons": held + resolved + orphans + ambiguous,
			"held":    held, "resolved": resolved, "orphans": orphans, "ambiguous": ambiguous,
			"bots": n[resolve.BotAccount] + n[resolve.SharedAccount], "guests": n[resolve.GuestAccount],
		}
	}
	return all
}

func leaverRecord(l resolve.Leaver) any {
	return record{
		"user": string(l.User), "reason": string(l.Reason),
		"mappings": each(l.Mappings, func(m resolve.LeaverMapping) any {
			return record{"service": m.Service.String(), "identity": accountText(m.Matcher, m.Service.Type), "source": string(m.Source)}
		}),
	}
}
