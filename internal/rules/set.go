// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package rules

import (
	"fmt"
	"regexp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Set is an ordered list of compiled rules. It never changes and is safe for
// concurrent use. A nil Set has no rules.
type Set struct{ rules []*rule }

// Join returns one set of several. The rules of the first run first. Rules are
// not compiled again, and two sets may have rules of the same name.
func Join(sets ...*Set) *Set {
	joined := &Set{}
	for _, s := range sets {
		if s != nil {
			joined.rules = append(joined.rules, s.rules...)
		}
	}
	return joined
}

// Len returns the number of rules.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.rules)
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
	in := input{subject: u, email: u.Key.Email()}
	in.local, in.domain = identity.SplitEmail(in.email)
	var result Result
	var err error
	if result.Identity, result.Rule, err = s.first(false, &in, service); err != nil {
		return Result{}, err
	}
	if result.LookupEmail, result.LookupRule, err = s.first(true, &in, service); err != nil {
		return Result{}, err
	}
	return result, nil
}

// first returns the first identity or e-mail to look up that a rule gives, and the
// rule's name.
func (s *Set) first(lookup bool, in *input, service identity.ServiceKey) (value, name string, err error) {
	for _, r := range s.rules {
		if r.lookup != lookup || r.serviceType != service.Type || r.externalID != "" && r.externalID != service.ExternalID {
			continue
		}
		if value, err := r.value(in, service); err != nil || value != "" {
			return value, r.name, err
		}
	}
	return "", "", nil
}

// input holds the values that one evaluation uses.
type input struct {
	subject              Subject
	email, local, domain string // "" for bots
}

// rule is one compiled rule. One of template, identities and expression is set.
type rule struct {
	name        string
	serviceType string
	externalID  string // "" = every service of the type
	match       *regexp.Regexp
	template    template
	identities  map[identity.UserKey]string
	expression  *expression
	lookup      bool // it gives the e-mail to look up
	valid       bool // the values of identities were checked for the rule's one service
}

// value returns what the rule gives, "" for a miss.
func (r *rule) value(in *input, service identity.ServiceKey) (string, error) {
	value, hit, err := r.run(in, service)
	switch {
	case err != nil:
		return "", &EvalError{Rule: r.name, User: in.subject.Key, Service: service, Message: err.Error(), Cause: err}
	case !hit || r.valid:
		return value, nil
	}
	what, given := ", which is no identity there", value
	if r.lookup {
		what = " as the e-mail to look up"
		value, err = parseEmail(value)
	} else {
		err = identity.ValidateIdentity(service, value)
	}
	if err == nil {
		return value, nil
	}
	wrong := identity.AsError(err)
	return "", &EvalError{Rule: r.name, User: in.subject.Key, Service: service, Hint: wrong.Hint, Cause: err,
		Message: fmt.Sprintf("it gave %q%s: %s", identity.Truncate(given), what, wrong.Message)}
}

// run returns the rule's value before it is validated. A hit may be empty where
// the groups of a template were.
func (r *rule) run(in *input, service identity.ServiceKey) (value string, hit bool, err error) {
	var groups []int
	if r.match != nil {
		if groups = groupsOf(r.match, in.email); groups == nil {
			return "", false, nil
		}
	}
	switch {
	case r.template != nil:
		value, hit = r.template.expand(in, groups)
	case r.expression != nil:
		value, err = r.expression.eval(newVariables(in, service))
		hit = value != ""
	default:
		value, hit = r.identities[in.subject.Key]
	}
	return value, hit, err
}
