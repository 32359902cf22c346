// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package rules

import (
	"fmt"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Set is an ordered list of compiled rules. It never changes and is safe for
// concurrent use. A nil Set has no rules.
type Set struct {
	byType map[string]typeRules
	size   int
}

// typeRules holds the rules of one service type, in order. The two kinds are
// apart because the first hit of each counts.
type typeRules struct {
	identity []*rule
	lookup   []*rule
}

// Join returns one set of several. The rules of the first run first. Rules are
// not compiled again, and two sets may have rules of the same name.
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

// Len returns the number of rules.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return s.size
}

// Subject describes the user that a set is evaluated for. Key is normalised, as by
// identity.ParseUser. Everything else may be empty; only expressions see role
// and names.
type Subject struct {
	Key        identity.UserKey
	Type       identity.UserType // "" = what Key says
	Role       identity.Role
	FirstName  string
	LastName   string
	Identities map[string]string // service key → identity; only read
}

// Result holds what a set gives for one user and one service; "" = none.
type Result struct {
	Identity    string // valid for the service
	Rule        string // the rule that gave Identity
	LookupEmail string // normalised
	LookupRule  string // the rule that gave LookupEmail
}

// Evaluate returns the first identity and, independently, the first lookup
// e-mail that the rules give. The error is an *EvalError of the rule that failed.
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

// input holds the values that one evaluation uses.
type input struct {
	key                  identity.UserKey
	email, local, domain string         // "" for bots
	vars                 map[string]any // made for the first expression
}

// rule is one compiled rule. One of template, identities and expression is set.
type rule struct {
	name       string
	externalID string // "" = every service of the type
	match      *pattern
	template   *template
	identities map[identity.UserKey]string
	expression *expression
	valid      bool // the values of identities were checked for the rule's one service
}

func (r *rule) appliesTo(service identity.ServiceKey) bool {
	return r.externalID == "" || r.externalID == service.ExternalID
}

// identityFor returns what the rule gives, "" for a miss.
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
			Message: fmt.Sprintf("it gave %q, which is no identity there: %s", identity.Truncate(value), f.message)}
	}
	return value, nil
}

// lookupFor returns the e-mail the rule gives, "" for a miss.
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
			Message: fmt.Sprintf("it gave %q as the e-mail to look up: %s", identity.Truncate(value), f.message)}
	}
	return email, nil
}

// run returns the rule's value before it is validated. A hit may be empty where
// the groups of a template were.
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
