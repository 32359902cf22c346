// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package authn

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Trust is what JWTs of one issuer may do.
type Trust struct {
	Issuer   Issuer
	Audience string // that a token must be meant for
	Roles    []RoleRule
}

// RoleRule gives a role to tokens that meet every condition; the first rule of
// a Trust that matches counts.
type RoleRule struct {
	Role       identity.Role
	Conditions []Condition // at least one
}

// Condition holds where a claim has one of some values, compared exactly. A
// claim that is a list meets it with any of its elements.
type Condition struct {
	Claim  string
	Values []string
}

// claims are a verified token's.
type claims map[string]json.RawMessage

func (r RoleRule) matches(c claims) bool {
	for _, condition := range r.Conditions {
		if !condition.holds(c) {
			return false
		}
	}
	return len(r.Conditions) > 0
}

func (c Condition) holds(token claims) bool {
	return slices.ContainsFunc(token.values(c.Claim), func(value string) bool { return slices.Contains(c.Values, value) })
}

// values are what a claim says, as texts: itself, or the elements of a list.
// Objects and nulls say nothing.
func (c claims) values(name string) []string {
	raw := bytes.TrimSpace(c[name])
	if len(raw) == 0 || raw[0] != '[' {
		return scalar(raw)
	}
	var elements []json.RawMessage
	if json.Unmarshal(raw, &elements) != nil {
		return nil
	}
	var values []string
	for _, element := range elements {
		values = append(values, scalar(bytes.TrimSpace(element))...)
	}
	return values
}

func scalar(raw json.RawMessage) []string {
	if len(raw) == 0 {
		return nil
	}
	switch raw[0] {
	case '"':
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return nil
		}
		return []string{s}
	case '{', '[', 'n':
		return nil
	}
	return []string{string(raw)} // true, false or a number, as it is written
}

// maxShown bounds how much of a claim a message repeats.
const maxShown = 120

// shown are the claims that the rules ask about, for whoever sent the token:
// it tells them which of their own values was expected to differ.
func (c claims) shown(rules []RoleRule) string {
	var names, parts []string
	for _, rule := range rules {
		for _, condition := range rule.Conditions {
			if !slices.Contains(names, condition.Claim) {
				names = append(names, condition.Claim)
			}
		}
	}
	slices.Sort(names)
	for _, name := range names {
		values := c.values(name)
		if len(values) == 0 {
			parts = append(parts, name+" is absent")
			continue
		}
		parts = append(parts, fmt.Sprintf("%s is %s", name, quote(strings.Join(values, ", "))))
	}
	return strings.Join(parts, "; ")
}

// quote shows a text of others: short, and on one line.
func quote(s string) string {
	if len(s) > maxShown {
		s = strings.ToValidUTF8(s[:maxShown], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}
