// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package rules

import (
	"fmt"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Set is an ordered list of compiled rules. It does not change once made and is
// safe for concurrent use. A nil Set is one without rules.
type Set struct {
	byType map[string]typeRules
	size   int
}

// typeRules are the rules of one service type, in order. The two kinds are
// apart because each has a first hit of its own.
type typeRules struct {
	identity []*rule
	lookup   []*rule
}

// Join makes one set of several: the rules of the first run first. Nothing is
// compiled again, and two sets may hold rules of one name.
func Join(sets ...*Set) *Set {
	var only *Set
	joined := &Set{byType: map[string]typeRules{}}
	for _, s := range sets {
		if s.Len() == 0 {
			continue
		}
		only = s
		joined.size += s.size
		for serviceType, rules := range s.byType {
			have := joined.byType[serviceType]
			joined.byType[serviceType] = typeRules{
				identity: append(have.identity, rules.identity...),
				lookup:   append(have.lookup, rules.lookup...),
			}
		}
	}
	if only != nil && only.size == joined.size {
		return only
	}
	return joined
}

// Len is the number of rules.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return s.size
}

// Subject is the user a set is evaluated for. Key is normalised, as
// identity.ParseUser gives it; everything else may be empty. Role and names
// reach expressions only.
type Subject struct {
	Key        identity.UserKey
	Type       identity.UserType // "" = what Key says
	Role       identity.Role
	FirstName  string
	LastName   string
	Identities map[string]string // service key → identity; only read
}

// Result is what a set gives for one user and one service; "" = none.
type Result struct {
	Identity    string // valid for the service
	Rule        string // the rule that gave Identity
	LookupEmail string // normalised
	LookupRule  string // the rule that gave LookupEmail
}

// Evaluate gives the first identity and, apart from it, the first lookup e-mail
// that the rules yield. The error is an *EvalError: a rule that was reached
// failed, and it is not known what it would have said.
func (s *Set) Evaluate(u Subject, service identity.ServiceKey) (Result, error) {
	if s == nil {
		return Result{}, nil
	}
	rules, ok := s.byType[service.Type]
	if !ok {
		return Result{}, nil
	}
	var result Result
	in := input{key: u.Key, email: u.Key.Email()}
	if in.email != "" {
		in.local, in.domain = identity.SplitEmail(in.email)
	}
	for _, r := range rules.identity {
		if !r.appliesTo(service) {
			continue
		}
		// The copy keeps u itself off the heap for sets without expressions.
		if r.expression != nil && in.vars == nil {
			in.vars = newVariables(u, in, service)
		}
		id, err := r.identityFor(&in, service)
		if err != nil {
			return Result{}, err
		}
		if id != "" {
			result.Identity, result.Rule = id, r.name
			break
		}
	}
	for _, r := range rules.lookup {
		if !r.appliesTo(service) {
			continue
		}
		email, err := r.lookupFor(&in, service)
		if err != nil {
			return Result{}, err
		}
		if email != "" {
			result.LookupEmail, result.LookupRule = email, r.name
			break
		}
	}
	return result, nil
}

// input is what one evaluation works on.
type input struct {
	key                  identity.UserKey
	email, local, domain string     // "" for bots
	vars                 *variables // made for the first expression
}

// rule is one compiled rule. One of template, identities and expression is set.
type rule struct {
	name       string
	externalID string // "" = every service of the type
	match      *pattern
	template   *template
	identities map[identity.UserKey]string
	expression *expression
	valid      bool // what identities holds was checked for the rule's one service
}

func (r *rule) appliesTo(service identity.ServiceKey) bool {
	return r.externalID == "" || r.externalID == service.ExternalID
}

// identityFor is what the rule yields, "" for a miss.
func (r *rule) identityFor(in *input, service identity.ServiceKey) (string, error) {
	value, hit, err := r.run(in)
	switch {
	case err != nil:
		return "", r.failed(in.key, service, err)
	case !hit || r.valid:
		return value, nil
	}
	if err := identity.ValidateIdentity(service, value); err != nil {
		f := faultOf(err)
		return "", &EvalError{Rule: r.name, User: in.key, Service: service, Hint: f.hint, Cause: err,
			Message: fmt.Sprintf("it gave %q, which is no identity there: %s", clip(value), f.message)}
	}
	return value, nil
}

// lookupFor is the e-mail the rule yields, "" for a miss.
func (r *rule) lookupFor(in *input, service identity.ServiceKey) (string, error) {
	value, hit, err := r.run(in)
	if err != nil {
		return "", r.failed(in.key, service, err)
	}
	if !hit {
		return "", nil
	}
	email, f := parseEmail(value)
	if f != nil {
		return "", &EvalError{Rule: r.name, User: in.key, Service: service, Hint: f.hint,
			Message: fmt.Sprintf("it gave %q as the e-mail to look up: %s", clip(value), f.message)}
	}
	return email, nil
}

// run yields the rule's bare value. A hit may be empty where a template's
// groups were, which validation then refuses.
func (r *rule) run(in *input) (value string, hit bool, err error) {
	var groups []int
	if r.match != nil {
		if groups = r.match.groups(in.email); groups == nil {
			return "", false, nil
		}
	}
	switch {
	case r.template != nil:
		value, hit = r.template.expand(in, groups)
	case r.expression != nil:
		value, err = r.expression.eval(in.vars)
		hit = value != ""
	default:
		value, hit = r.identities[in.key]
	}
	return value, hit, err
}

func (r *rule) failed(user identity.UserKey, service identity.ServiceKey, err error) error {
	return &EvalError{Rule: r.name, User: user, Service: service, Message: err.Error(), Cause: err}
}
