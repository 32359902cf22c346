// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package rules compiles and evaluates reducer rules: the part of the chain
// that derives an account from what is known of a user, without asking anybody.
// It does no I/O, and a compiled [Set] is safe for concurrent use.
package rules

import (
	"fmt"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Limits on what a rule may hold.
const (
	MaxNameBytes = 255
	MaxTextBytes = 8 << 10 // match, identity, expression and lookup_email, each
)

// Rule is one reducer rule as written. A nil pointer or map is an absent
// attribute. Exactly one of Identity, Identities, Expression and LookupEmail is
// set.
type Rule struct {
	Name        string // unique within one list
	ServiceType string
	ExternalID  *string // absent: every service of the type

	Match       *string           // RE2 that the whole e-mail must match, without ASCII case
	Identity    *string           // template of the identity
	Identities  map[string]string // e-mail or username → identity
	Expression  *string           // CEL that gives the identity
	LookupEmail *string           // template of the e-mail by which the service is asked
}

// Error says which rule is wrong, where, and what is right.
type Error struct {
	Index     int    // in the list given to Compile
	Rule      string // its name; may be empty
	Attribute string // schema name, as in "lookup_email"; "" for the rule as a whole
	Key       string // the map key as written, where Attribute is "identities" and one entry is wrong
	Message   string
	Hint      string // what to do about it; may be empty
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "rules[%d]", e.Index)
	if e.Rule != "" {
		fmt.Fprintf(&b, " (%s)", e.Rule)
	}
	if e.Attribute != "" {
		b.WriteString(", " + e.Attribute)
	}
	if e.Key != "" {
		fmt.Fprintf(&b, "[%q]", e.Key)
	}
	b.WriteString(": " + e.Message)
	if e.Hint != "" {
		b.WriteString(". " + e.Hint)
	}
	return b.String()
}

// EvalError is a rule that failed while it ran for one user. It never stands
// for "no answer".
type EvalError struct {
	Rule    string
	User    identity.UserKey
	Service identity.ServiceKey
	Message string
	Hint    string // what to do about it; may be empty
	Cause   error  // nil where the rule ran but what it gave is no good
}

func (e *EvalError) Error() string {
	text := fmt.Sprintf("rule %q failed for %s in %s: %s", e.Rule, e.User, e.Service, e.Message)
	if e.Hint != "" {
		text += ". " + e.Hint
	}
	return text
}

func (e *EvalError) Unwrap() error { return e.Cause }

// fault is what is wrong with a value, before it is known which rule it is of.
type fault struct{ message, hint string }

func faultf(hint, format string, args ...any) *fault {
	return &fault{message: fmt.Sprintf(format, args...), hint: hint}
}

// faultOf splits an error of the identity package into its two sentences.
func faultOf(err error) *fault {
	e := identity.AsError(err)
	return &fault{message: e.Message, hint: e.Hint}
}
