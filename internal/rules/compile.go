// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package rules compiles and evaluates reducer rules: the part of the chain
// that derives an account from what is known of a user, without asking anybody.
// It does no I/O, and a compiled [Set] is safe for concurrent use.
package rules

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
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

// Error reports a rule that does not compile.
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

// EvalError reports a rule that failed while it ran for one user. It never means
// "no identity".
type EvalError struct {
	Rule    string
	User    identity.UserKey
	Service identity.ServiceKey
	Message string
	Hint    string // what to do about it; may be empty
	Cause   error  // nil where the rule ran but gave an invalid value
}

func (e *EvalError) Error() string {
	text := fmt.Sprintf("rule %q failed for %s in %s: %s", e.Rule, e.User, e.Service, e.Message)
	if e.Hint != "" {
		text += ". " + e.Hint
	}
	return text
}

func (e *EvalError) Unwrap() error { return e.Cause }

// faultf returns an error with a hint, which says what to do.
func faultf(hint, format string, args ...any) error {
	return &identity.Error{Message: fmt.Sprintf(format, args...), Hint: hint}
}

// Compile checks and compiles rules. It returns all errors at once, in the order
// of the rules, and no set if there are any.
func Compile(rules []Rule) (*Set, []*Error) {
	set := &Set{}
	var errs []*Error
	first := make(map[string]int, len(rules)) // name → index
	for i, written := range rules {
		c := compiler{written: written, index: i}
		c.checkName(first)
		set.rules = append(set.rules, c.compile())
		errs = append(errs, c.errs...)
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return set, nil
}

// compiler compiles one rule and collects what is wrong with it.
type compiler struct {
	written Rule
	index   int
	errs    []*Error
}

func (c *compiler) report(attribute string, err error) {
	c.reportKey(attribute, "", err)
}

// reportKey adds an error, if there is one, to those of the rule.
func (c *compiler) reportKey(attribute, key string, err error) {
	if err == nil {
		return
	}
	e := identity.AsError(err)
	c.errs = append(c.errs, &Error{Index: c.index, Rule: c.written.Name, Attribute: attribute, Key: key,
		Message: strings.TrimSuffix(e.Message, "."), Hint: e.Hint})
}

func (c *compiler) checkName(first map[string]int) {
	name := c.written.Name
	switch {
	case strings.TrimSpace(name) == "":
		c.report("name", faultf("Plans show it, and so does each mapping the rule gives.", "a rule needs a name"))
		return
	case identity.OuterSpace(name) != "":
		c.report("name", faultf("Remove it.", "the name %s %s", quote(name), identity.OuterSpace(name)))
		return
	case len(name) > MaxNameBytes:
		c.report("name", faultf(fmt.Sprintf("Names have at most %d bytes.", MaxNameBytes),
			"the name %s is %d bytes long", quote(name), len(name)))
		return
	}
	if _, err := identity.Normalize(name); err != nil {
		c.report("name", err)
		return
	}
	if other, taken := first[name]; taken {
		c.report("name", faultf("Give each rule a name of its own.",
			"rules[%d] and rules[%d] are both named %s", other, c.index, quote(name)))
		return
	}
	first[name] = c.index
}

func (c *compiler) compile() *rule {
	service := c.service()
	r := &rule{name: c.written.Name, serviceType: service.Type, lookup: c.written.LookupEmail != nil}
	if c.written.ExternalID != nil {
		r.externalID = *c.written.ExternalID
	}
	matchOK := true
	if c.written.Match != nil {
		var err error
		if r.match, err = compilePattern(*c.written.Match); err != nil {
			c.report("match", err)
			matchOK = false
		}
	}
	if !c.oneOutcome() {
		return r
	}
	switch {
	case c.written.Identities != nil:
		r.identities = c.compileIdentities(service)
		r.valid = c.written.ExternalID != nil
	case c.written.Expression != nil:
		r.expression = c.compileExpression()
	case !matchOK: // the groups of match are not known
	case c.written.Identity != nil:
		r.template = c.compileTemplate("identity", *c.written.Identity, r.match, func(text string) error {
			return checkIdentity(service, text)
		})
	default:
		r.template = c.compileTemplate("lookup_email", *c.written.LookupEmail, r.match, func(text string) error {
			_, err := parseEmail(text)
			return err
		})
	}
	return r
}

// anyExternalID replaces the external id of rules that name none, in errors.
const anyExternalID = "*"

// service returns the service the rule is for, with anyExternalID unless the rule
// names one that is valid.
func (c *compiler) service() identity.ServiceKey {
	key := identity.ServiceKey{Type: c.written.ServiceType, ExternalID: anyExternalID}
	switch err := identity.ValidateServiceType(key.Type); {
	case err != nil:
		c.report("service_type", err)
	case key.Custom():
		c.report("service_type", faultf("Remove the rule; the service's own directory finds its users.",
			"rules are not used for custom services: these have fetch_remote_identity instead"))
	case key.Managed():
		c.report("service_type", faultf("Remove the rule; Sym keeps these identities itself.",
			"identities of service type %s cannot be given by rules: they are managed by Sym", key.Type))
	case c.written.ExternalID != nil:
		named := identity.ServiceKey{Type: key.Type, ExternalID: *c.written.ExternalID}
		err := named.Validate()
		if err == nil {
			return named
		}
		c.report("external_id", err)
	}
	return key
}

// oneOutcome reports a rule that does not have exactly one of the attributes
// that give something.
func (c *compiler) oneOutcome() bool {
	var have []string
	for _, a := range []struct {
		name string
		set  bool
	}{
		{"identity", c.written.Identity != nil},
		{"identities", c.written.Identities != nil},
		{"expression", c.written.Expression != nil},
		{"lookup_email", c.written.LookupEmail != nil},
	} {
		if a.set {
			have = append(have, a.name)
		}
	}
	const hint = "A rule has exactly one of identity, identities, expression and lookup_email."
	switch len(have) {
	case 1:
		return true
	case 0:
		c.report("", faultf(hint, "the rule does not say what it gives"))
	default:
		c.report("", faultf(hint, "the rule has %s", strings.Join(have, " and ")))
	}
	return false
}

func (c *compiler) checkLength(attribute, what, text string) bool {
	switch {
	case strings.TrimSpace(text) == "":
		c.report(attribute, faultf("", "the %s is empty", what))
	case len(text) > MaxTextBytes:
		c.report(attribute, tooLong(text))
	default:
		return true
	}
	return false
}

func (c *compiler) compileTemplate(attribute, text string, match *regexp.Regexp, check func(string) error) template {
	if !c.checkLength(attribute, "template", text) {
		return nil
	}
	t, err := parseTemplate(text, match)
	if err != nil {
		c.report(attribute, err)
		return nil
	}
	constant, same := t.constant()
	switch {
	case same && match == nil:
		c.report(attribute, faultf("Add match, use a group or $0, ${local} or ${domain}, or list people in identities.",
			"without match, %s would be the same account for everybody", quote(text)))
	case same:
		c.report(attribute, check(constant))
	}
	return t
}

func (c *compiler) compileExpression() *expression {
	text := *c.written.Expression
	if !c.checkLength("expression", "expression", text) {
		return nil
	}
	e, err := compileExpression(text)
	if err != nil {
		c.report("expression", err)
		return nil
	}
	if !e.usesUser && c.written.Match == nil {
		c.report("expression", faultf("Use a field of user, or add match.",
			"without match, an expression that does not look at user gives the same account for everybody"))
	}
	return e
}

// compileIdentities normalises the keys of identities and checks the values, in
// the order of the keys so that errors are the same each time.
func (c *compiler) compileIdentities(service identity.ServiceKey) map[identity.UserKey]string {
	compiled := make(map[identity.UserKey]string, len(c.written.Identities))
	raw := make(map[identity.UserKey]string, len(c.written.Identities)) // keys as written
	for _, key := range slices.Sorted(maps.Keys(c.written.Identities)) {
		user, err := identity.ParseUser(key)
		if err != nil {
			c.reportKey("identities", key, err)
			continue
		}
		if other, taken := raw[user]; taken {
			c.reportKey("identities", key, faultf("Remove one of them.", "%s and %s are the same user", quote(other), quote(key)))
			continue
		}
		value := c.written.Identities[key]
		c.reportKey("identities", key, checkIdentity(service, value))
		raw[user] = key
		compiled[user] = value
	}
	return compiled
}

// checkIdentity checks an identity for a service. If the external id is not
// known, checks that depend on it wait until the rule runs.
func checkIdentity(service identity.ServiceKey, value string) error {
	if service.ExternalID == anyExternalID && service.Type == "aws_iam" {
		// Any account will do, so take the one that the ARN names.
		if fields := strings.SplitN(value, ":", 6); len(fields) == 6 {
			service.ExternalID = fields[4]
		}
	}
	return identity.ValidateIdentity(service, value)
}

// parseEmail normalises an e-mail that a lookup_email rule gives.
func parseEmail(text string) (string, error) {
	key, err := identity.ParseUser(text)
	if err == nil && !key.IsEmail() {
		err = faultf("An e-mail looks like name@example.com.", "%s is not an e-mail", quote(text))
	}
	return key.Email(), err
}

func tooLong(text string) error {
	return faultf(fmt.Sprintf("It may have %d.", MaxTextBytes), "it is %d bytes long", len(text))
}

// quote quotes a value that may be long or hold any character.
func quote(s string) string { return strconv.Quote(identity.Truncate(s)) }
