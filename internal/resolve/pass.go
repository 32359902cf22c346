// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package resolve

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

// pass resolves many users in one service: the store and the rules user by
// user, the directory in one batch, the claims in another.
type pass struct {
	chain      Chain
	service    identity.Service
	declared   map[identity.UserKey]identity.Matcher
	users      map[identity.UserKey]identity.User
	checkStale bool
	untraced   bool
	open       []*proposal // of the users whom neither declared nor store answers, or whose stored value is checked
}

// proposal is what rules or lookup give for one user, before claims.
type proposal struct {
	answer  *Resolution      // where its steps are traced
	stored  identity.Matcher // nil: nothing is
	source  identity.Source  // of stored
	email   string           // to ask the directory for; "" = do not ask
	by      string           // the lookup_email rule that gave email; "" = it is the user's own
	unasked bool             // nobody can be asked for email
	matcher identity.Matcher // nil: neither rules nor lookup give one
	from    Origin
	rule    string
}

func (p *pass) run(ctx context.Context, keys []identity.UserKey) ([]Resolution, error) {
	answers := make([]Resolution, len(keys))
	for i, key := range keys {
		a := &answers[i]
		a.User, a.Service = key, p.service.Key
		if !p.untraced {
			a.Steps = make([]Step, 0, 3)
		}
		if p.fromDeclared(a) {
			continue
		}
		prop := &proposal{answer: a}
		if m, ok := p.users[key].Mapping(p.service.Key); ok {
			a.fromStore(m)
			if !p.checkStale || p.service.Key.Managed() {
				continue
			}
			prop.stored, prop.source = m.Matcher, m.Source.OrManual()
		} else {
			a.step(Store, Miss, "nothing is stored")
		}
		p.fromRules(prop)
		p.open = append(p.open, prop)
	}
	if err := p.fromDirectory(ctx); err != nil {
		return nil, err
	}
	if err := p.settle(ctx); err != nil {
		return nil, err
	}
	return answers, nil
}

func (p *pass) fromDeclared(a *Resolution) bool {
	matcher, ok := p.declared[a.User]
	if !ok {
		return false
	}
	a.Matcher, a.Source = matcher, Declared
	if m, stored := p.users[a.User].Mapping(p.service.Key); stored {
		a.StoredSource = m.Source.OrManual()
	}
	a.step(Declared, Hit, "%s is declared in this configuration", matcher)
	return true
}

func (a *Resolution) fromStore(m identity.Mapping) {
	a.Matcher, a.Source, a.StoredSource, a.Rule = m.Matcher, Store, m.Source.OrManual(), m.Rule
	a.step(Store, Hit, "%s is stored (%s)", m.Matcher, provenance(a.StoredSource, m.Rule))
}

func provenance(source identity.Source, rule string) string {
	if rule != "" {
		return fmt.Sprintf("source %s %q", source, rule)
	}
	return "source " + string(source)
}

// fromRules evaluates the rules and prepares the e-mail the directory is asked
// for, where no rule hits.
func (p *pass) fromRules(prop *proposal) {
	a := prop.answer
	prop.email = a.User.Email()
	switch {
	case p.service.Key.Managed():
		a.step(Rule, Skipped, "identities of %s are managed by Sym", p.service.Key.Type)
		return
	case p.service.Key.Custom():
		a.step(Rule, Skipped, "custom services have fetch_remote_identity in place of rules")
		return
	}
	result, err := p.chain.Rules.Evaluate(p.subject(a.User), p.service.Key)
	switch {
	case err != nil:
		a.fail(Rule, err)
	case result.Identity != "":
		prop.matcher = identity.NewMatcher(p.service.Key.Type, result.Identity)
		prop.from, prop.rule = Rule, result.Rule
		a.step(Rule, Hit, "rule %q gives %s", result.Rule, result.Identity)
	default:
		if p.chain.Rules.Len() == 0 {
			a.step(Rule, Miss, "no rules are configured")
		} else {
			a.step(Rule, Miss, "no rule gives an identity")
		}
		if result.LookupEmail != "" {
			prop.email, prop.by = result.LookupEmail, result.LookupRule
		}
	}
}

func (p *pass) subject(key identity.UserKey) rules.Subject {
	u, ok := p.users[key]
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

// lookupStep is the name of the step that asks the service.
func (p *pass) lookupStep() Origin {
	if p.service.Key.Custom() {
		return Remote
	}
	return Email
}

// fromDirectory asks the service, once, for everybody no rule answered.
func (p *pass) fromDirectory(ctx context.Context) error {
	step := p.lookupStep()
	var ask []*proposal
	for _, prop := range p.open {
		switch a := prop.answer; {
		case prop.matcher != nil || a.Err != nil:
		case p.service.Key.Managed():
			prop.notAsked(step, "Sym itself keeps these identities")
		case prop.email == "":
			a.step(step, Skipped, "%s is a bot and has no e-mail to look up", a.User)
			prop.unmapped(NoEmail)
		case p.service.NoDirectory:
			prop.notAsked(step, "the server has no directory for "+p.service.Key.String())
		default:
			ask = append(ask, prop)
		}
	}
	if len(ask) == 0 {
		return nil
	}
	byEmail, err := p.lookup(ctx, ask)
	if err != nil {
		var e *identity.Error
		if !errors.As(err, &e) || e.Code != identity.CodeNoDirectory {
			return err
		}
		for _, prop := range ask {
			prop.notAsked(step, e.Message)
		}
		return nil
	}
	for _, prop := range ask {
		prop.take(step, byEmail[prop.email])
	}
	return nil
}

// notAsked notes that nobody can be asked for accounts of the service.
func (prop *proposal) notAsked(step Origin, why string) {
	prop.answer.step(step, Skipped, "%s", why)
	prop.unasked = true
	prop.unmapped(NoDirectory)
}

// unmapped notes why neither rules nor lookup have an answer. A stored one
// stays.
func (prop *proposal) unmapped(reason Reason) {
	if prop.stored == nil {
		prop.answer.Reason = reason
	} else {
		prop.answer.FreshReason = reason
	}
}

func (p *pass) lookup(ctx context.Context, ask []*proposal) (map[string]identity.LookupResult, error) {
	emails := make([]string, 0, len(ask))
	seen := make(map[string]bool, len(ask))
	for _, prop := range ask {
		if !seen[prop.email] {
			seen[prop.email] = true
			emails = append(emails, prop.email)
		}
	}
	found, err := p.chain.API.Lookup(ctx, p.service.Key, emails)
	if err != nil {
		return nil, err
	}
	if len(found) != len(emails) {
		return nil, fmt.Errorf("the API answered %d of %d e-mails asked in %s", len(found), len(emails), p.service.Key)
	}
	byEmail := make(map[string]identity.LookupResult, len(found))
	for i, answer := range found {
		byEmail[emails[i]] = answer
	}
	return byEmail, nil
}

// take turns the service's answer into a proposal or a reason.
func (prop *proposal) take(step Origin, found identity.LookupResult) {
	a := prop.answer
	if prop.by != "" {
		a.LookupEmail = prop.email
	}
	switch found.Status {
	case identity.Found:
		if len(found.Matcher) == 0 {
			a.fail(step, fmt.Errorf("the API found an account of %s in %s but does not say which", prop.email, a.Service))
			return
		}
		prop.matcher, prop.from = found.Matcher, step
		prop.seen(found.Matcher, identity.AccountActive)
		a.step(step, Hit, "%s has the account %s", prop.asked(), found.Matcher)
	case identity.NotFound:
		a.step(step, Miss, "no account has the e-mail %s", prop.asked())
		prop.unmapped(NotFound)
	case identity.Inactive:
		which := ""
		if len(found.Matcher) > 0 {
			which = ", " + found.Matcher.String() + ","
		}
		a.step(step, Miss, "the account of %s%s is inactive", prop.asked(), which)
		prop.unmapped(Inactive)
		prop.seen(found.Matcher, identity.AccountInactive)
	case identity.Ambiguous:
		a.step(step, Miss, "%s has several accounts: %s", prop.asked(), List(found.Candidates))
		prop.unmapped(Ambiguous)
		if prop.stored == nil {
			a.Candidates = found.Candidates
		}
	default:
		err := error(found.Err)
		if found.Err == nil {
			err = fmt.Errorf("the API answered with the status %q", found.Status)
		}
		a.fail(step, fmt.Errorf("%s could not be asked for %s: %w", a.Service, prop.email, err))
	}
}

// asked is the e-mail that was looked up and, where it is not the user's own,
// the rule that gave it.
func (prop *proposal) asked() string {
	if prop.by == "" {
		return prop.email
	}
	return fmt.Sprintf("%s (by rule %q)", prop.email, prop.by)
}

// List shows accounts to people.
func List(matchers []identity.Matcher) string {
	texts := make([]string, len(matchers))
	for i, m := range matchers {
		texts[i] = m.String()
	}
	return strings.Join(texts, ", ")
}
