// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package resolve runs the chain that decides which account is whose: what is
// declared, what is stored, what a reducer rule yields, what the target service
// says of the e-mail. It reads in batches and writes only when told to persist,
// and it keeps a trace of every step.
//
// A failure is never an answer: a rule that breaks or a directory that cannot
// be asked is an error, not an unmapped person.
package resolve

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

// API answers the chain's questions. The identity API's client implements it.
type API interface {
	// FindUsers returns the users among keys that exist.
	FindUsers(ctx context.Context, keys []identity.UserKey) ([]identity.User, error)
	// Services lists every registered service.
	Services(ctx context.Context) ([]identity.Service, error)
	// Lookup asks a target service by e-mail and returns one result per e-mail,
	// in order. identity.CodeNoDirectory means that nobody can be asked.
	Lookup(ctx context.Context, service identity.ServiceKey, emails []string) ([]identity.LookupResult, error)
	// Status asks a target service whether accounts still exist and are active,
	// and returns one result per identity, in order. identity.CodeNoDirectory
	// means that nobody can be asked.
	Status(ctx context.Context, service identity.ServiceKey, identities []string) ([]identity.AccountStatus, error)
	// Holders returns who holds the accounts, given by identity.AccountKey.
	Holders(ctx context.Context, service identity.ServiceKey, accounts []string) ([]identity.Holder, error)
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
	Users    []identity.UserKey // distinct; of two who get one account, the first has it
	Services []identity.ServiceKey
	// Declared holds the manual mappings of this configuration. Apply will store
	// them, so they answer before the store does.
	Declared   map[identity.ServiceKey]map[identity.UserKey]identity.Matcher
	Persist    bool // store what rules and lookups yield
	CheckStale bool // compare stored values with what rules and lookups give now, and ask for their accounts
	NoTrace    bool // leave Resolution.Steps empty: for thousands of users their texts cost more than the rest
}

// Resolve runs the chain and returns the resolutions service by service, each
// in the order of Users. An error means that the API failed as a whole, or that
// services are not registered: one *UnregisteredError each, joined if there are
// several. A failure that concerns one person is in Resolution.Err.
func (c Chain) Resolve(ctx context.Context, req Request) ([]Resolution, error) {
	registered, err := c.services(ctx, req)
	if err != nil {
		return nil, err
	}
	users, err := c.users(ctx, req.Users)
	if err != nil {
		return nil, err
	}
	answers := make([]Resolution, 0, len(req.Users)*len(req.Services))
	for _, service := range req.Services {
		r := &serviceResolver{
			chain: c, service: registered[service], declared: req.Declared[service],
			users: users, checkStale: req.CheckStale, noTrace: req.NoTrace,
		}
		found, err := r.run(ctx, req.Users)
		if err != nil {
			return nil, err
		}
		if req.Persist {
			if err := r.persist(ctx); err != nil {
				return nil, err
			}
		}
		if req.CheckStale {
			if err := r.checkAccounts(ctx, found); err != nil {
				return nil, err
			}
		}
		answers = append(answers, found...)
	}
	return answers, nil
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
			unregistered = append(unregistered, newUnregisteredError(key, all))
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
	for _, user := range r.Users {
		if _, ok := r.Declared[service][user]; !ok {
			return false
		}
	}
	return true
}

func (c Chain) users(ctx context.Context, keys []identity.UserKey) (map[identity.UserKey]identity.User, error) {
	found, err := c.API.FindUsers(ctx, keys)
	if err != nil {
		return nil, err
	}
	byKey := make(map[identity.UserKey]identity.User, len(found))
	for _, u := range found {
		byKey[u.Key] = u
	}
	return byKey, nil
}

// serviceResolver resolves many users in one service: the store and the rules
// user by user, the directory in one batch, the accounts' holders in another.
type serviceResolver struct {
	chain      Chain
	service    identity.Service
	declared   map[identity.UserKey]identity.Matcher
	users      map[identity.UserKey]identity.User
	checkStale bool
	noTrace    bool
	candidates []*candidate
}

// candidate is the account that rules or the lookup give one user, until it is
// known whether somebody else holds it. A user has one where neither declared
// nor the store answers, or where the stored value is checked.
type candidate struct {
	answer     *Resolution
	stored     identity.Matcher // nil: nothing is
	source     identity.Source  // of stored
	email      string           // to ask the directory for; "" = do not ask
	lookupRule string           // that gave email; "" = it is the user's own
	notAsked   bool             // nobody can be asked for email
	matcher    identity.Matcher // nil: neither rules nor lookup give one
	origin     Origin
	rule       string
}

func (r *serviceResolver) run(ctx context.Context, keys []identity.UserKey) ([]Resolution, error) {
	answers := make([]Resolution, len(keys))
	for i, key := range keys {
		a := &answers[i]
		a.User, a.Service = key, r.service.Key
		if !r.noTrace {
			a.Steps = make([]Step, 0, 3)
		}
		if r.applyDeclared(a) {
			continue
		}
		c := &candidate{answer: a}
		if m, ok := r.users[key].Mapping(r.service.Key); ok {
			a.applyStored(m)
			if !r.checkStale || r.service.Key.Managed() {
				continue
			}
			c.stored, c.source = m.Matcher, m.Source.OrManual()
		} else {
			a.step(Store, Miss, "nothing is stored")
		}
		r.applyRules(c)
		r.candidates = append(r.candidates, c)
	}
	if err := r.applyLookups(ctx); err != nil {
		return nil, err
	}
	if err := r.applyClaims(ctx); err != nil {
		return nil, err
	}
	return answers, nil
}

func (r *serviceResolver) applyDeclared(a *Resolution) bool {
	matcher, ok := r.declared[a.User]
	if !ok {
		return false
	}
	a.Matcher, a.Source = matcher, Declared
	if m, stored := r.users[a.User].Mapping(r.service.Key); stored {
		a.StoredSource = m.Source.OrManual()
	}
	a.step(Declared, Hit, "%s is declared in this configuration", matcher)
	return true
}

func (a *Resolution) applyStored(m identity.Mapping) {
	a.Matcher, a.Source, a.StoredSource, a.Rule = m.Matcher, Store, m.Source.OrManual(), m.Rule
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
		c.origin, c.rule = Rule, result.Rule
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

func (r *serviceResolver) subject(key identity.UserKey) rules.Subject {
	u, ok := r.users[key]
	if !ok {
		return rules.Subject{Key: key, Type: key.Type()}
	}
	stored := make(map[string]string, len(u.Mappings))
	for _, m := range u.Mappings {
		if id, plain := m.Matcher.Identity(m.Service.Type); plain {
			stored[m.Service.String()] = id
		}
	}
	return rules.Subject{
		Key: key, Type: u.Type, Role: u.Role,
		FirstName: u.FirstName, LastName: u.LastName, Identities: stored,
	}
}

// lookupStep returns the name of the step that asks the service.
func (r *serviceResolver) lookupStep() Origin {
	if r.service.Key.Custom() {
		return Remote
	}
	return Email
}

// applyLookups asks the service, in one batch, for everybody whom no rule
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
	byEmail, err := r.lookup(ctx, ask)
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

// setReason records why neither rules nor the lookup have an answer. A stored
// one stays.
func (c *candidate) setReason(reason Reason) {
	if c.stored == nil {
		c.answer.Reason = reason
	} else {
		c.answer.FreshReason = reason
	}
}

func (r *serviceResolver) lookup(ctx context.Context, ask []*candidate) (map[string]identity.LookupResult, error) {
	emails := make([]string, len(ask))
	for i, c := range ask {
		emails[i] = c.email
	}
	emails = distinct(emails)
	found, err := r.chain.API.Lookup(ctx, r.service.Key, emails)
	if err != nil {
		return nil, err
	}
	return byText(r.service.Key, "e-mails", emails, found)
}

// byText returns the results by the text that was asked for. The API must have
// answered each of them.
func byText[T any](service identity.ServiceKey, what string, asked []string, found []T) (map[string]T, error) {
	if len(found) != len(asked) {
		return nil, fmt.Errorf("the API answered %d of %d %s asked in %s", len(found), len(asked), what, service)
	}
	results := make(map[string]T, len(found))
	for i, result := range found {
		results[asked[i]] = result
	}
	return results, nil
}

// distinct returns each text once, in order.
func distinct(texts []string) []string {
	seen := make(map[string]bool, len(texts))
	return slices.DeleteFunc(texts, func(text string) bool {
		again := seen[text]
		seen[text] = true
		return again
	})
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
		c.matcher, c.origin = found.Matcher, step
		c.noteAccountState(found.Matcher, identity.AccountActive)
		a.step(step, Hit, "%s has the account %s", c.lookedUp(), found.Matcher)
	case identity.NotFound:
		a.step(step, Miss, "no account has the e-mail %s", c.lookedUp())
		c.setReason(NotFound)
	case identity.Inactive:
		which := ""
		if len(found.Matcher) > 0 {
			which = ", " + found.Matcher.String() + ","
		}
		a.step(step, Miss, "the account of %s%s is inactive", c.lookedUp(), which)
		c.setReason(Inactive)
		c.noteAccountState(found.Matcher, identity.AccountInactive)
	case identity.Ambiguous:
		a.step(step, Miss, "%s has several accounts: %s", c.lookedUp(), List(matchersOf(found.Candidates)))
		c.setReason(Ambiguous)
		if c.stored == nil {
			a.Candidates = matchersOf(found.Candidates)
		}
	default:
		a.failToAsk(step, c.email, string(found.Status), found.Err)
	}
}

func matchersOf(candidates []identity.Candidate) []identity.Matcher {
	matchers := make([]identity.Matcher, len(candidates))
	for i, c := range candidates {
		matchers[i] = c.Matcher
	}
	return matchers
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
	}
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
