// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package resolve runs the chain that decides which account is whose: what is
// declared, what is stored, what a reducer rule yields, what the target service
// says of the e-mail. It reads in batches and keeps a trace of every step.
// Resolve writes nothing; Persist stores its answers, if the caller accepts all
// of them.
//
// A failure is never an answer: a rule that breaks or a directory that cannot
// be asked is an error, not an unmapped person.
package resolve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

// API answers the chain's questions. The identity API's client implements it. It
// is safe for concurrent use, and bounds how much of it there is.
type API interface {
	// FindUsers returns the users among keys that exist.
	FindUsers(ctx context.Context, keys []identity.UserKey) ([]identity.User, error)
	// Services lists every registered service.
	Services(ctx context.Context) ([]identity.Service, error)
	// Lookup asks a target service by e-mail and returns one result per e-mail,
	// in order. identity.CodeNoDirectory means that nobody can be asked.
	Lookup(ctx context.Context, service identity.ServiceKey, emails []string) ([]identity.LookupResult, error)
	// LookupInList is Lookup from the service's whole list of accounts, where it
	// shows one, so that results can be unique.
	LookupInList(ctx context.Context, service identity.ServiceKey, emails []string) ([]identity.LookupResult, error)
	// Status asks a target service whether accounts still exist, are active and
	// have their identity, and returns one result per query, in order.
	// identity.CodeNoDirectory means that nobody can be asked.
	Status(ctx context.Context, service identity.ServiceKey, queries []identity.AccountQuery) ([]identity.AccountStatus, error)
	// Holders returns who holds the accounts, under their names (as Matcher.AccountKey
	// returns them) or by their ids.
	Holders(ctx context.Context, service identity.ServiceKey, accounts []identity.AccountQuery) ([]identity.Holder, error)
	// Write stores mappings and returns their users, in order. With an
	// *identity.BatchError, which names failures by index, a returned user that
	// has a Name means that its mapping was stored all the same.
	Write(ctx context.Context, writes []identity.Write) ([]identity.User, error)
}

// Chain resolves users over an API with reducer rules.
type Chain struct {
	API   API
	Rules *rules.Set // nil: none
}

// Request asks for every user in every service.
type Request struct {
	Users    []identity.UserKey // distinct; their order decides nothing
	Services []identity.ServiceKey
	// Declared holds the manual mappings of this configuration. Apply will store
	// them, so they answer before the store does.
	Declared map[identity.ServiceKey]map[identity.UserKey]identity.Matcher
	Persist  bool // Pass.Persist follows: rules see what it will store in services before theirs, so these are resolved one by one
	// OnlyUnique makes Pass.Persist store only accounts that nobody else gets, as
	// the service's whole list shows. A request for one user needs it: it does
	// not know who else a rule or an alias gives the account to.
	OnlyUnique bool
	CheckStale bool // compare stored values with what rules and lookups give now, and ask for their accounts
	NoTrace    bool // leave Resolution.Steps empty: for thousands of users their texts cost more than the rest
}

// Pass holds what the chain says of one request.
type Pass struct {
	Resolutions []Resolution // service by service, each in the order of Request.Users

	chain    Chain
	users    map[identity.UserKey]identity.User // who is stored, without those who are answered everywhere
	services []*serviceResolver
}

// FullName returns the name that is stored for a user without an answer in one of
// the services, "" for none and for other users.
func (p *Pass) FullName(user identity.UserKey) string {
	u := p.users[user]
	return strings.TrimSpace(u.FirstName + " " + u.LastName)
}

// Resolve runs the chain in all services at once. An error means that the API
// failed as a whole, for the first of the services in their order, or that
// services are not registered: one *UnregisteredError each, joined if there are
// several. A failure that concerns one person is in Resolution.Err.
func (c Chain) Resolve(ctx context.Context, req Request) (*Pass, error) {
	registered, err := c.services(ctx, req)
	if err != nil {
		return nil, err
	}
	pass := &Pass{Resolutions: make([]Resolution, len(req.Users)*len(req.Services)), chain: c, users: map[identity.UserKey]identity.User{}}
	for i, service := range req.Services {
		pass.services = append(pass.services, &serviceResolver{
			Request: req, chain: c, service: registered[service], declared: req.Declared[service], users: pass.users, freed: map[identity.UserKey]bool{},
			answers: pass.Resolutions[i*len(req.Users) : (i+1)*len(req.Users)],
		})
	}
	if err := pass.readStored(ctx, req.Users); err != nil {
		return nil, err
	}
	inTurn := req.Persist && c.Rules.Len() > 0
	var running sync.WaitGroup
	errs := make([]error, len(req.Services))
	for i, r := range pass.services {
		running.Go(func() { errs[i] = r.run(ctx) })
		if inTurn {
			running.Wait()
			if errs[i] != nil {
				break
			}
			r.showPending()
		}
	}
	running.Wait()
	if err := cmp.Or(errs...); err != nil {
		return nil, err
	}
	return pass, nil
}

// services returns the services by key. A service that is not registered is an
// error unless every user of it is declared: the same run may be about to
// register it.
func (c Chain) services(ctx context.Context, req Request) (map[identity.ServiceKey]identity.Service, error) {
	all, err := c.API.Services(ctx)
	if err != nil {
		return nil, err
	}
	byKey := make(map[identity.ServiceKey]identity.Service, len(all))
	for _, s := range all {
		byKey[s.Key] = s
	}
	var unregistered []error
	for _, key := range req.Services {
		if _, ok := byKey[key]; ok {
			continue
		}
		if !req.declares(key) {
			unregistered = append(unregistered, NewUnregisteredError(key, all))
		}
		byKey[key] = identity.Service{Key: key}
	}
	if len(unregistered) == 1 {
		return nil, unregistered[0]
	}
	return byKey, errors.Join(unregistered...)
}

// declares reports whether every user has a declared mapping in a service.
func (r Request) declares(service identity.ServiceKey) bool {
	return !slices.ContainsFunc(r.Users, func(user identity.UserKey) bool { return r.Declared[service][user] == nil })
}

// usersAtOnce bounds the stored users that are in memory at once: as many as fit
// into the requests that a client sends side by side.
const usersAtOnce = 25_000

// readStored answers what is declared and what is stored. It keeps the users
// who still lack an answer: a hundred thousand records take more memory than
// their answers.
func (p *Pass) readStored(ctx context.Context, keys []identity.UserKey) error {
	for from := 0; from < len(keys); from += usersAtOnce {
		some := keys[from:min(from+usersAtOnce, len(keys))]
		found, err := p.chain.API.FindUsers(ctx, some)
		if err != nil {
			return err
		}
		byKey := make(map[identity.UserKey]*identity.User, len(found))
		for i := range found {
			byKey[found[i].Key] = &found[i]
		}
		for i, key := range some {
			u, open := byKey[key], false
			for _, r := range p.services {
				if !r.applyKnown(&r.answers[from+i], key, u) {
					open = true
				}
			}
			if u != nil && open {
				p.users[key] = *u
			}
		}
	}
	return nil
}

// serviceResolver resolves many users in one service: the store and the rules
// user by user, the directory in one batch, the accounts' holders in another.
type serviceResolver struct {
	Request
	chain      Chain
	service    identity.Service
	declared   map[identity.UserKey]identity.Matcher // in the service
	users      map[identity.UserKey]identity.User
	answers    []Resolution
	candidates []*candidate
	freed      map[identity.UserKey]bool // who hold accounts that declared takes from them
}

// candidate is the account that rules or the lookup give one user, until it is
// known whether somebody else holds it. A user has one where neither declared
// nor the store answers, or where the stored value is checked.
type candidate struct {
	resolver   *serviceResolver
	answer     *Resolution
	stored     identity.Matcher // nil: nothing is
	pin        string           // account id that is kept beside stored; "" = none
	source     identity.Source  // of stored
	email      string           // to ask the directory for; "" = do not ask
	lookupRule string           // that gave email; "" = it is the user's own
	notAsked   bool             // nobody can be asked for email
	matcher    identity.Matcher // nil: neither rules nor lookup give one
	origin     Origin
	rule       string
	accountID  string
	evidence   identity.Evidence
}

// applyKnown answers from what is declared and from the user as stored, nil for
// nobody. It reports whether there is nothing more to find out.
func (r *serviceResolver) applyKnown(a *Resolution, key identity.UserKey, stored *identity.User) bool {
	a.User, a.Service = key, r.service.Key
	if !r.NoTrace {
		a.Steps = make([]Step, 0, 3)
	}
	var m identity.Mapping
	mapped := false
	if stored != nil {
		m, mapped = stored.Mapping(r.service.Key)
	}
	declared, isDeclared := r.declared[key]
	switch {
	case isDeclared:
		a.applyDeclared(declared, m)
	case mapped:
		a.applyStored(m)
	default:
		a.step(Store, Miss, "nothing is stored")
	}
	return !r.open(a)
}

// open reports whether rules and lookups are asked for a user.
func (r *serviceResolver) open(a *Resolution) bool {
	return !a.Mapped() || r.CheckStale && a.Source == Store && !r.service.Key.Managed()
}

func (r *serviceResolver) run(ctx context.Context) error {
	for i := range r.answers {
		a := &r.answers[i]
		if !r.open(a) {
			continue
		}
		c := &candidate{resolver: r, answer: a}
		if m, ok := r.users[a.User].Mapping(r.service.Key); ok {
			c.stored, c.source, c.pin = m.Matcher, m.Source.OrManual(), m.AccountID
		}
		r.applyRules(c)
		r.candidates = append(r.candidates, c)
	}
	if err := r.applyLookups(ctx); err != nil {
		return err
	}
	if err := r.applyClaims(ctx); err != nil {
		return err
	}
	if r.Persist && r.OnlyUnique {
		r.holdBackShared(ctx)
	}
	if r.CheckStale {
		return r.checkAccounts(ctx)
	}
	return nil
}

// applyDeclared answers with a declared mapping, whatever is stored; the zero
// Mapping is nothing.
func (a *Resolution) applyDeclared(matcher identity.Matcher, stored identity.Mapping) {
	a.Matcher, a.Source, a.Evidence = matcher, Declared, identity.EvidenceDeclared
	if stored.Matcher != nil {
		a.StoredSource = stored.Source.OrManual()
		if stored.Matcher.Equal(a.Service.Type, matcher) {
			a.AccountID = stored.AccountID
		}
	}
	a.step(Declared, Hit, "%s is declared in this configuration", matcher)
}

func (a *Resolution) applyStored(m identity.Mapping) {
	a.Matcher, a.Source, a.StoredSource, a.Rule = m.Matcher, Store, m.Source.OrManual(), m.Rule
	// The store does not keep whether the service had proved an address.
	a.AccountID, a.Evidence = m.AccountID, identity.Evidence(a.StoredSource)
	a.step(Store, Hit, "%s is stored (%s)", m.Matcher, provenance(a.StoredSource, m.Rule))
}

func provenance(source identity.Source, rule string) string {
	if rule != "" {
		return fmt.Sprintf("source %s %q", source, rule)
	}
	return "source " + string(source)
}

// applyRules evaluates the rules and, where none hits, prepares the e-mail to
// look up.
func (r *serviceResolver) applyRules(c *candidate) {
	a := c.answer
	c.email = a.User.Email()
	switch {
	case r.service.Key.Managed():
		a.step(Rule, Skipped, "identities of %s are managed by Sym", r.service.Key.Type)
		return
	case r.service.Key.Custom():
		a.step(Rule, Skipped, "custom services have fetch_remote_identity in place of rules")
		return
	}
	result, err := r.chain.Rules.Evaluate(r.subject(a.User), r.service.Key)
	switch {
	case err != nil:
		a.fail(Rule, err)
	case result.Identity != "":
		c.matcher = identity.NewMatcher(r.service.Key.Type, result.Identity)
		c.origin, c.rule, c.evidence = Rule, result.Rule, identity.EvidenceRule
		a.step(Rule, Hit, "rule %q gives %s", result.Rule, result.Identity)
	default:
		if r.chain.Rules.Len() == 0 {
			a.step(Rule, Miss, "no rules are configured")
		} else {
			a.step(Rule, Miss, "no rule gives an identity")
		}
		if result.LookupEmail != "" {
			c.email, c.lookupRule = result.LookupEmail, result.LookupRule
		}
	}
}

// subject returns what rules see of a user. What is declared replaces what is stored,
// in every service: apply will store it.
func (r *serviceResolver) subject(key identity.UserKey) rules.Subject {
	u, stored := r.users[key]
	if !stored {
		u = identity.User{Key: key, Type: key.Type()}
	}
	shown := make(map[string]string, len(u.Mappings))
	show := func(service identity.ServiceKey, matcher identity.Matcher) {
		id, plain := matcher.Identity(service.Type)
		if plain {
			shown[service.String()] = id
		} else {
			delete(shown, service.String())
		}
	}
	for _, m := range u.Mappings {
		show(m.Service, m.Matcher)
	}
	for service, of := range r.Declared {
		matcher, declared := of[key]
		if !declared {
			continue
		}
		show(service, matcher)
		if !stored {
			u.Role = identity.Member // apply makes them one
		}
	}
	return rules.Subject{
		Key: key, Type: u.Type, Role: u.Role,
		FirstName: u.FirstName, LastName: u.LastName, Identities: shown,
	}
}

// lookupStep returns the name of the step that asks the service.
func (r *serviceResolver) lookupStep() Origin {
	if r.service.Key.Custom() {
		return Remote
	}
	return Email
}

// applyLookups asks the service, in one batch, for everybody that no rule
// answered.
func (r *serviceResolver) applyLookups(ctx context.Context) error {
	step := r.lookupStep()
	var ask []*candidate
	for _, c := range r.candidates {
		switch a := c.answer; {
		case c.matcher != nil || a.Err != nil:
		case r.service.Key.Managed():
			c.setNoDirectory(step, "Sym itself keeps these identities")
		case c.email == "":
			a.step(step, Skipped, "%s is a bot and has no e-mail to look up", a.User)
			c.setReason(NoEmail)
		case r.service.NoDirectory:
			c.setNoDirectory(step, "the server has no directory for "+r.service.Key.String())
		default:
			ask = append(ask, c)
		}
	}
	if len(ask) == 0 {
		return nil
	}
	emails := make([]string, len(ask))
	for i, c := range ask {
		emails[i] = c.email
	}
	byEmail, err := r.lookup(ctx, emails, r.chain.API.Lookup)
	if err != nil {
		if identity.CodeOf(err) != identity.CodeNoDirectory {
			return err
		}
		for _, c := range ask {
			c.setNoDirectory(step, identity.AsError(err).Message)
		}
		return nil
	}
	for _, c := range ask {
		c.applyLookup(step, byEmail[c.email])
	}
	return nil
}

// setNoDirectory records that nobody can be asked for accounts of the service.
func (c *candidate) setNoDirectory(step Origin, why string) {
	c.answer.step(step, Skipped, "%s", why)
	c.notAsked = true
	c.setReason(NoDirectory)
}

// setReason records why neither rules nor the lookup have an answer, and the
// accounts that were found. A stored answer stays.
func (c *candidate) setReason(reason Reason, found ...identity.Candidate) {
	if c.stored == nil {
		c.answer.Reason, c.answer.Candidates = reason, found
	} else {
		c.answer.FreshReason = reason
	}
}

// lookup asks for e-mails with a method of the API, and returns the results by
// e-mail.
func (r *serviceResolver) lookup(ctx context.Context, emails []string, ask func(context.Context, identity.ServiceKey, []string) ([]identity.LookupResult, error)) (map[string]identity.LookupResult, error) {
	emails = identity.Distinct(emails)
	found, err := ask(ctx, r.service.Key, emails)
	if err != nil {
		return nil, err
	}
	return byQuestion(r.service.Key, "e-mails", emails, found)
}

// byQuestion returns the results by what was asked. The API must have answered
// each question.
func byQuestion[Q comparable, A any](service identity.ServiceKey, what string, asked []Q, found []A) (map[Q]A, error) {
	if len(found) != len(asked) {
		return nil, fmt.Errorf("the API answered %d of %d %s asked in %s", len(found), len(asked), what, service)
	}
	results := make(map[Q]A, len(found))
	for i, result := range found {
		results[asked[i]] = result
	}
	return results, nil
}

// applyLookup turns the service's answer into an account or a reason.
func (c *candidate) applyLookup(step Origin, found identity.LookupResult) {
	a := c.answer
	if c.lookupRule != "" {
		a.LookupEmail = c.email
	}
	switch found.Status {
	case identity.Found:
		if len(found.Matcher) == 0 {
			a.fail(step, fmt.Errorf("the API found an account of %s in %s but does not say which", c.email, a.Service))
			return
		}
		c.matcher, c.origin, c.evidence = found.Matcher, step, found.Evidence
		c.accountID = identity.PinOf(a.Service.Type, found.Matcher, found.AccountID)
		if step == Remote {
			c.evidence = identity.EvidenceFetch
		}
		c.noteAccount(found.Matcher, c.accountID, identity.AccountActive)
		a.step(step, Hit, "%s has the account %s", c.lookedUp(), found.Matcher)
	case identity.NotFound:
		if found.OtherDomain {
			a.step(step, Skipped, "the directory of %s is not for the domain of %s", a.Service, c.lookedUp())
			c.notAsked = true
			c.setReason(OtherDomain)
			return
		}
		a.step(step, Miss, "no account has the e-mail %s", c.lookedUp())
		c.setReason(NotFound)
	case identity.Inactive:
		which := ""
		if len(found.Matcher) > 0 {
			which = ", " + found.Matcher.String() + ","
		}
		a.step(step, Miss, "the account of %s%s is inactive", c.lookedUp(), which)
		c.setReason(Inactive)
		c.noteAccount(found.Matcher, identity.PinOf(a.Service.Type, found.Matcher, found.AccountID), identity.AccountInactive)
	case identity.Ambiguous, identity.Alias, identity.Unverified:
		why := map[identity.LookupStatus]string{
			identity.Ambiguous: "has several accounts:", identity.Alias: "is only another address of", identity.Unverified: "is not verified in",
		}[found.Status]
		a.step(step, Miss, "%s %s %s", c.lookedUp(), why, ListAccounts(found.Candidates))
		c.setReason(Reason(found.Status), found.Candidates...)
	default:
		a.failToAsk(step, c.email, string(found.Status), found.Err)
	}
}

// lookedUp returns the e-mail that was looked up and, where it is not the
// user's own, the rule that gave it.
func (c *candidate) lookedUp() string {
	if c.lookupRule == "" {
		return c.email
	}
	return fmt.Sprintf("%s (by rule %q)", c.email, c.lookupRule)
}

// setStale compares the stored value with what the chain gives without it.
func (c *candidate) setStale() {
	a := c.answer
	if a.Stale = c.isStale(); a.Stale {
		a.Fresh = c.matcher
	} else if c.matcher != nil && c.source == identity.FromEmail && c.origin == Email && c.evidence != "" {
		a.Evidence = c.evidence // the service says more than the store keeps
	}
	a.setStaleAccount()
}

// isStale reports whether rules or the lookup contradict the stored value.
// Another account makes any value stale. No account makes only an automatic
// value stale: a person may have mapped an account that no lookup finds. A value
// that was looked up is not stale where nobody could be asked again.
func (c *candidate) isStale() bool {
	switch {
	case c.matcher != nil:
		return !c.matcher.Equal(c.answer.Service.Type, c.stored)
	case c.source == identity.FromEmail || c.source == identity.FromRemote:
		return !c.notAsked
	}
	return c.source != identity.Manual
}
