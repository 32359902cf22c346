// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Limits on identities and matchers.
const (
	MaxIdentityBytes = 1024
	MaxMatcherKeys   = 16
)

// Matcher is the stored value: a small map, nearly always with the one key
// that MatcherKey names.
type Matcher map[string]string

// NewMatcher wraps an identity in its service type's own key.
func NewMatcher(serviceType, identity string) Matcher {
	return Matcher{MatcherKey(serviceType): identity}
}

// Identity returns the plain string, if the matcher holds only its type's own key.
func (m Matcher) Identity(serviceType string) (string, bool) {
	id, ok := m[MatcherKey(serviceType)]
	return id, ok && len(m) == 1
}

// Equal reports whether two matchers of a service type name the same account.
func (m Matcher) Equal(serviceType string, other Matcher) bool {
	return maps.Equal(m, other) || m.Canonical(serviceType) == other.Canonical(serviceType)
}

// Canonical returns a string that only equal matchers share. Keys are sorted;
// the type's own key is folded if its identities compare without case.
func (m Matcher) Canonical(serviceType string) string {
	folded := maps.Clone(m)
	if folded == nil {
		folded = Matcher{}
	}
	own := MatcherKey(serviceType)
	if id, ok := folded[own]; ok {
		folded[own] = FoldIdentity(serviceType, id)
	}
	// A map of strings always marshals, with its keys sorted.
	text, _ := json.Marshal(folded)
	return string(text)
}

// AccountKey returns the string that identifies the account within its service:
// the folded value of the type's own key, else the whole matcher.
func (m Matcher) AccountKey(serviceType string) string {
	if id, ok := m[MatcherKey(serviceType)]; ok {
		return FoldIdentity(serviceType, id)
	}
	return m.Canonical(serviceType)
}

// FoldIdentity returns the form in which identities of a service type compare.
// Folding it again changes nothing.
func FoldIdentity(serviceType, identity string) string {
	if fold := typeOf(serviceType).fold; fold != nil {
		return fold(identity)
	}
	return identity
}

// PinOf returns the account id that is kept beside an identity, so that another
// account which takes over its name is noticed. It is "" where identities of the
// type are ids themselves, or where the service has no other id.
func PinOf(serviceType string, m Matcher, accountID string) string {
	if typeOf(serviceType).isID || accountID == m[MatcherKey(serviceType)] {
		return ""
	}
	return accountID
}

// ValidateAccountID checks the form of an account id; "" is none.
func ValidateAccountID(id string) error {
	problem, hint := OuterSpace(id), "Remove it."
	if len(id) > MaxIdentityBytes {
		problem, hint = "is too long", fmt.Sprintf("Account ids have at most %d bytes.", MaxIdentityBytes)
	}
	if problem == "" {
		problem, hint = textProblem(id)
	}
	if problem == "" {
		return nil
	}
	return Invalid(CodeIdentityInvalid, "The account id "+Quote(id)+" "+problem, hint)
}

// String returns the bare value of a matcher with one key, else key=value pairs.
func (m Matcher) String() string {
	keys := slices.Sorted(maps.Keys(m))
	if len(keys) == 1 {
		return m[keys[0]]
	}
	pairs := make([]string, len(keys))
	for i, k := range keys {
		pairs[i] = k + "=" + m[k]
	}
	return strings.Join(pairs, ", ")
}

// ValidateIdentity checks an identity by the rules of its service.
func ValidateIdentity(service ServiceKey, identity string) error {
	return NewMatcher(service.Type, identity).Validate(service)
}

// Validate checks a matcher by the rules of its service: every value, and the
// type's own key in particular.
func (m Matcher) Validate(service ServiceKey) error {
	if len(m) == 0 || len(m) > MaxMatcherKeys {
		return Invalid(CodeIdentityInvalid, fmt.Sprintf("a matcher for %s has %d keys", service, len(m)),
			fmt.Sprintf("It must have 1 to %d.", MaxMatcherKeys))
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if problem, _ := textProblem(key); strings.TrimSpace(key) != key || key == "" || len(key) > 64 || problem != "" {
			return Invalid(CodeIdentityInvalid, Quote(key)+" is not a matcher key",
				"Keys are short names such as user_id, without outer spaces.")
		}
		if err := validateValue(service, m[key]); err != nil {
			return err
		}
	}
	own, known := m[MatcherKey(service.Type)]
	if _, tabled := serviceTypes[service.Type]; !known && tabled && service.Type != "sym" {
		return Invalid(CodeIdentityInvalid,
			fmt.Sprintf("the matcher %s lacks the key %q of service type %s", m, MatcherKey(service.Type), service.Type),
			fmt.Sprintf("Identities of %s are stored under %q.", service.Type, MatcherKey(service.Type)))
	}
	if check := typeOf(service.Type).identity; known && check != nil {
		if hint := check(service, own); hint != "" {
			return Invalid(CodeIdentityInvalid, fmt.Sprintf("The identity %s is invalid for %s", Quote(own), service), hint)
		}
	}
	return nil
}

// validateValue checks any value of a matcher.
func validateValue(service ServiceKey, value string) error {
	bad := func(problem, hint string) error {
		return Invalid(CodeIdentityInvalid, fmt.Sprintf("The identity %s for %s %s", Quote(value), service, problem), hint)
	}
	if strings.TrimSpace(value) == "" {
		return Invalid(CodeIdentityInvalid, "Identity value cannot be empty", "Fill in the account. To unmap the user, delete the mapping instead.")
	}
	if problem := OuterSpace(value); problem != "" {
		return bad(problem, "Remove it.")
	}
	if len(value) > MaxIdentityBytes {
		return bad(fmt.Sprintf("is %d bytes long", len(value)), fmt.Sprintf("Identities have at most %d bytes.", MaxIdentityBytes))
	}
	if problem, hint := textProblem(value); problem != "" {
		return bad(problem, hint)
	}
	return nil
}
