// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

var reduceResult = map[string]attr.Type{"identity": types.StringType, "rule": types.StringType, "lookup_email": types.StringType}

// Arguments of reduce, by position.
const (
	argRules int64 = iota
	argUser
	argService
)

// NewReduceFunction returns provider::sym::reduce, which evaluates reducer rules
// offline.
func NewReduceFunction() function.Function {
	return &providerFunction{name: "reduce", run: reduce, definition: function.Definition{
		Summary: "Evaluate reducer rules for one user and one service",
		MarkdownDescription: "Evaluates reducer rules offline, for `terraform console` ([OpenTofu](../guides/test-offline#in-the-console)) and `terraform test`. " +
			"The result is an object with `identity`, `rule` and `lookup_email`, each null if there is none. `rule` names the rule that gave `identity`, or otherwise the one that gave `lookup_email`.",
		Parameters: []function.Parameter{
			function.DynamicParameter{
				Name: "rules", AllowNullValue: true,
				MarkdownDescription: "The rules: a list of objects with the attributes of the provider's `rules`. Null and an empty list mean no rules. OpenTofu does not evaluate a bare `null` here: write `[]`.",
			},
			function.DynamicParameter{
				Name:                "user",
				MarkdownDescription: "The user: an object with `email` (a person) or `username` (a bot), and any of `local`, `domain`, `type`, `role`, `first_name`, `last_name` and `identities` (map of service key to identity).",
			},
			function.DynamicParameter{
				Name:                "service",
				MarkdownDescription: "The service: an object with `service_type` and `external_id`.",
			},
		},
		Return: function.ObjectReturn{AttributeTypes: reduceResult},
	}}
}

func reduce(ctx context.Context, args function.ArgumentsData) (attr.Value, *function.FuncError) {
	var ruleList, user, service types.Dynamic
	if failed := args.Get(ctx, &ruleList, &user, &service); failed != nil {
		return nil, failed
	}
	set, err := dynamicRules(plainValue(ruleList))
	if err != nil {
		return nil, function.NewArgumentFuncError(argRules, openEnded(err.Error()))
	}
	subject, err := dynamicSubject(plainValue(user))
	if err != nil {
		return nil, badArgument(argUser, err)
	}
	key, err := dynamicService(plainValue(service))
	if err != nil {
		return nil, badArgument(argService, err)
	}
	result, err := set.Evaluate(subject, key)
	if err != nil {
		// The rule or one of its inputs is at fault; which one is not known.
		return nil, function.NewFuncError(openEnded(sentence(err.Error())))
	}
	return types.ObjectValueMust(reduceResult, map[string]attr.Value{
		"identity": textOrNull(result.Identity), "rule": textOrNull(cmp.Or(result.Rule, result.LookupRule)), "lookup_email": textOrNull(result.LookupEmail),
	}), nil
}

// dynamicRules compiles rules given as a list of objects.
func dynamicRules(value any) (*rules.Set, error) {
	elements, ok := value.([]any)
	if !ok && value != nil {
		return nil, errors.New(sentence("the rules must be a list of objects"))
	}
	written := make([]rules.Rule, len(elements))
	var problems []error
	for i, element := range elements {
		o, err := objectOf(element, ruleNames...)
		if err != nil {
			problems = append(problems, inRule(i, err))
			continue
		}
		written[i] = o.rule()
		if o.err != nil {
			problems = append(problems, inRule(i, o.err))
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	set, faults := rules.Compile(written)
	for _, f := range faults {
		problems = append(problems, fullStop(f))
	}
	return set, errors.Join(problems...)
}

// rule returns a rule with the object's attributes.
func (o *dynamicObject) rule() rules.Rule {
	return rules.Rule{
		Name: o.text("name"), ServiceType: o.text("service_type"), ExternalID: o.pointer("external_id"),
		Match: o.pointer("match"), Identity: o.pointer("identity"), Identities: o.texts("identities"),
		Expression: o.pointer("expression"), LookupEmail: o.pointer("lookup_email"),
	}
}

// inRule adds to an error which rule it is about.
func inRule(index int, err error) error { return fullStop(fmt.Errorf("rules[%d]: %w", index, err)) }

// fullStop ends an error's text as a sentence, to be one of several lines.
func fullStop(err error) error { return errors.New(openEnded(err.Error()) + ".") }

func dynamicSubject(value any) (rules.Subject, error) {
	o, err := objectOf(value, "email", "local", "domain", "username", "type", "role", "first_name", "last_name", "identities")
	if err != nil {
		return rules.Subject{}, err
	}
	s := rules.Subject{
		Type: identity.UserType(o.text("type")), Role: identity.Role(o.text("role")),
		FirstName: o.text("first_name"), LastName: o.text("last_name"), Identities: o.texts("identities"),
	}
	email, username := o.text("email"), o.text("username")
	local, domain := o.text("local"), o.text("domain")
	if o.err != nil {
		return s, o.err
	}
	switch {
	case email == "" && username == "":
		return s, errors.New("the user has neither email nor username")
	case email != "" && username != "":
		return s, errors.New("the user has both email and username: a person is known by email, a bot by username")
	}
	name := email + username
	if s.Key, err = identity.ParseUser(name); err != nil {
		return s, err
	}
	switch {
	case email != "" && !s.Key.IsEmail():
		return s, errors.New("the user's email is no e-mail: " + name)
	case email == "" && s.Key.IsEmail():
		return s, errors.New("the user's username is an e-mail: give it as email")
	}
	ownLocal, ownDomain := identity.SplitEmail(s.Key.Email())
	if local != "" && local != ownLocal || domain != "" && domain != ownDomain {
		return s, errors.New("the user's local and domain are not those of its email; leave them out")
	}
	switch s.Type {
	case "":
		s.Type = s.Key.Type()
	case identity.Normal, identity.Bot:
	default:
		return s, errors.New("the user's type must be normal or bot")
	}
	if s.Role != "" && !s.Role.Valid() {
		return s, errors.New("the user's role must be admin, member or guest")
	}
	return s, nil
}

func dynamicService(value any) (identity.ServiceKey, error) {
	o, err := objectOf(value, "service_type", "external_id")
	if err != nil {
		return identity.ServiceKey{}, err
	}
	key := identity.ServiceKey{Type: o.text("service_type"), ExternalID: o.text("external_id")}
	if o.err != nil {
		return key, o.err
	}
	return key, key.Validate()
}

// dynamicObject reads the attributes of a dynamic argument. A null attribute
// counts as absent. err holds the first attribute that has a wrong type.
type dynamicObject struct {
	attributes map[string]any
	err        error
}

// objectOf returns an object or a map as a dynamicObject. It refuses attributes
// that are not allowed, so that misspelled ones are not ignored.
func objectOf(value any, allowed ...string) (*dynamicObject, error) {
	attributes, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("it must be an object with attributes among %s", strings.Join(allowed, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if !slices.Contains(allowed, name) {
			return nil, fmt.Errorf("it has an unknown attribute %q; allowed are %s", name, strings.Join(allowed, ", "))
		}
	}
	return &dynamicObject{attributes: attributes}, nil
}

// pointer returns a string attribute, nil where it is absent.
func (o *dynamicObject) pointer(name string) *string {
	switch v := o.attributes[name].(type) {
	case string:
		return &v
	case nil:
	default:
		o.fail(name, "a string")
	}
	return nil
}

// text returns a string attribute, "" where it is absent.
func (o *dynamicObject) text(name string) string {
	if p := o.pointer(name); p != nil {
		return *p
	}
	return ""
}

// texts returns an attribute that is a map of strings, nil where it is absent.
// Null elements are left out.
func (o *dynamicObject) texts(name string) map[string]string {
	if o.attributes[name] == nil {
		return nil
	}
	elements, ok := o.attributes[name].(map[string]any)
	texts := make(map[string]string, len(elements))
	for key, element := range elements {
		if text, isText := element.(string); isText {
			texts[key] = text
		} else if element != nil {
			ok = false
		}
	}
	if !ok {
		o.fail(name, "a map of strings")
	}
	return texts
}

func (o *dynamicObject) fail(name, want string) {
	if o.err == nil {
		o.err = fmt.Errorf("its attribute %q must be %s", name, want)
	}
}

// plainValue returns a value as Go strings, numbers, booleans, maps and slices; nil
// for null. What is unknown stays an attr.Value.
func plainValue(value attr.Value) any {
	if value == nil || value.IsNull() {
		return nil
	}
	if value.IsUnknown() {
		return value
	}
	switch v := value.(type) {
	case types.Dynamic:
		return plainValue(v.UnderlyingValue())
	case types.String:
		return v.ValueString()
	case types.Bool:
		return v.ValueBool()
	case types.Number:
		return json.Number(v.ValueBigFloat().Text('f', -1))
	case types.Object:
		return plainMap(v.Attributes())
	case types.Map:
		return plainMap(v.Elements())
	case interface{ Elements() []attr.Value }: // tuple, list or set
		return each(v.Elements(), plainValue)
	}
	return value
}

func plainMap(values map[string]attr.Value) map[string]any {
	plain := make(map[string]any, len(values))
	for name, value := range values {
		plain[name] = plainValue(value)
	}
	return plain
}
