// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package rules

import (
	"fmt"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Compile checks and compiles rules. It reports every error at once, in the
// order of the rules; the set is nil when there is one.
func Compile(rules []Rule) (*Set, []*Error) {
	set := &Set{byType: map[string]typeRules{}, size: len(rules)}
	var errs []*Error
	first := make(map[string]int, len(rules)) // name → index
	for i, written := range rules {
		c := compiler{written: written, index: i}
		c.checkName(first)
		compiled := c.compile()
		if len(c.errs) > 0 {
			errs = append(errs, c.errs...)
			continue
		}
		of := set.byType[written.ServiceType]
		if written.LookupEmail != nil {
			of.lookup = append(of.lookup, compiled)
		} else {
			of.identity = append(of.identity, compiled)
		}
		set.byType[written.ServiceType] = of
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

func (c *compiler) report(attribute string, f *fault) {
	c.reportKey(attribute, "", f)
}

func (c *compiler) reportKey(attribute, key string, f *fault) {
	c.errs = append(c.errs, &Error{Index: c.index, Rule: c.written.Name, Attribute: attribute, Key: key,
		Message: strings.TrimSuffix(f.message, "."), Hint: f.hint})
}

func (c *compiler) checkName(first map[string]int) {
	name := c.written.Name
	switch {
	case strings.TrimSpace(name) == "":
		c.report("name", faultf("It stands in plans and with each mapping the rule gives.", "a rule needs a name"))
		return
	case name != strings.TrimSpace(name):
		c.report("name", faultf("Remove the outer spaces.", "the name %s starts or ends with a space", quote(name)))
		return
	case len(name) > MaxNameBytes:
		c.report("name", faultf(fmt.Sprintf("Names have at most %d bytes.", MaxNameBytes),
			"the name %s is %d bytes long", quote(name), len(name)))
		return
	}
	if _, err := identity.Normalize(name); err != nil {
		c.report("name", faultOf(err))
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
	r := &rule{name: c.written.Name}
	service, exact := c.service()
	if exact {
		r.externalID = service.ExternalID
	}
	matchOK := true
	if c.written.Match != nil {
		var f *fault
		if r.match, f = compilePattern(*c.written.Match); f != nil {
			c.report("match", f)
			matchOK = false
		}
	}
	if !c.oneOutcome() {
		return r
	}
	switch {
	case c.written.Identities != nil:
		r.identities = c.compileIdentities(service)
		r.valid = exact
	case c.written.Expression != nil:
		r.expression = c.compileExpression()
	case !matchOK: // which groups there are is not known
	case c.written.Identity != nil:
		r.template = c.compileTemplate("identity", *c.written.Identity, r.match, func(text string) *fault {
			return checkIdentity(service, text)
		})
	default:
		r.template = c.compileTemplate("lookup_email", *c.written.LookupEmail, r.match, func(text string) *fault {
			_, f := parseEmail(text)
			return f
		})
	}
	return r
}

// anyExternalID stands for the external id of rules that name none, in errors.
const anyExternalID = "*"

// service is the service the rule is for; exact says that the rule names one
// and that it is valid.
func (c *compiler) service() (key identity.ServiceKey, exact bool) {
	key = identity.ServiceKey{Type: c.written.ServiceType, ExternalID: anyExternalID}
	switch err := identity.ValidateServiceType(key.Type); {
	case err != nil:
		c.report("service_type", faultOf(err))
		return key, false
	case key.Custom():
		c.report("service_type", faultf("Remove the rule; the service's own directory finds its users.",
			"rules are not used for custom services: these have fetch_remote_identity instead"))
		return key, false
	case key.Managed():
		c.report("service_type", faultf("Remove the rule; Sym keeps these identities itself.",
			"identities of service type %s cannot be given by rules: they are managed by Sym", key.Type))
		return key, false
	}
	if c.written.ExternalID == nil {
		return key, false
	}
	named := identity.ServiceKey{Type: key.Type, ExternalID: *c.written.ExternalID}
	if err := named.Validate(); err != nil {
		c.report("external_id", faultOf(err))
		return key, false
	}
	return named, true
}

// oneOutcome reports a rule that has none or several of the attributes of which
// it must have one.
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

func (c *compiler) compileTemplate(attribute, text string, match *pattern, check func(string) *fault) *template {
	switch {
	case strings.TrimSpace(text) == "":
		c.report(attribute, faultf("", "the template is empty"))
		return nil
	case len(text) > MaxTextBytes:
		c.report(attribute, tooLong(text))
		return nil
	}
	t, f := parseTemplate(text, match)
	if f != nil {
		c.report(attribute, f)
		return nil
	}
	constant, same := t.constant()
	switch {
	case same && match == nil:
		c.report(attribute, faultf("Add match, use a group or $0, ${local} or ${domain}, or list people in identities.",
			"without match, %s would be the same account for everybody", quote(text)))
	case same:
		if f := check(constant); f != nil {
			c.report(attribute, f)
		}
	}
	return t
}

func (c *compiler) compileExpression() *expression {
	text := *c.written.Expression
	switch {
	case strings.TrimSpace(text) == "":
		c.report("expression", faultf("", "the expression is empty"))
		return nil
	case len(text) > MaxTextBytes:
		c.report("expression", tooLong(text))
		return nil
	}
	e, f := compileExpression(text)
	if f != nil {
		c.report("expression", f)
		return nil
	}
	if !e.usesUser && c.written.Match == nil {
		c.report("expression", faultf("Use a field of user, or add match.",
			"without match, an expression that does not look at user gives the same account for everybody"))
	}
	return e
}
