// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package rules

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
	"cel.dev/cel-go/interpreter"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Bounds on one evaluation, far above what deriving an account needs. The cost
// counts the bytes of new strings, so it bounds memory too.
const (
	maxCost         = 20_000
	maxDepth        = 64 // expressions within expressions
	maxRegexProgram = 10_000
	maxShownIssues  = 3
)

// expression is a compiled CEL expression. It is safe for concurrent use.
type expression struct {
	program  cel.Program
	usesUser bool
}

// environment returns what expressions may use. It is costly to make, and never
// changes.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(
		cel.OptionalTypes(),
		ext.Strings(),
		withFields, // after the libraries, which add types to the provider it wraps
		cel.Variable("user", celUser),
		cel.Variable("service", celService),
		cel.ParserExpressionSizeLimit(MaxTextBytes),
		cel.ParserRecursionLimit(maxDepth),
		cel.RegexProgramSizeLimit(maxRegexProgram),
		cel.ASTValidators(cel.ValidateRegexLiterals()),
	)
})

// withFields implements cel.EnvOption.
func withFields(env *cel.Env) (*cel.Env, error) {
	return cel.CustomTypeProvider(newFieldProvider(env.CELTypeProvider(), env.CELTypeAdapter()))(env)
}

func compileExpression(text string) (*expression, *fault) {
	env, err := environment()
	if err != nil {
		return nil, faultf("This is an error of the provider.", "CEL could not be set up: %s", err)
	}
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, badExpression(issues)
	}
	if !givesIdentity(ast.OutputType()) {
		return nil, faultf(`It must give a string (or an optional one); "" and optional.none() mean no identity.`,
			"the expression gives a value of type %s", ast.OutputType())
	}
	program, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost))
	if err != nil {
		return nil, faultf(fieldsHint, "the expression cannot be run: %s", err)
	}
	e := &expression{program: program}
	for _, reference := range ast.NativeRep().ReferenceMap() {
		e.usesUser = e.usesUser || reference.Name == "user"
	}
	return e, nil
}

func badExpression(issues *cel.Issues) *fault {
	var shown []string
	for i, e := range issues.Errors() {
		if i == maxShownIssues {
			shown = append(shown, fmt.Sprintf("and %d more", len(issues.Errors())-i))
			break
		}
		text := e.Message
		if e.Location.Line() > 0 {
			text += fmt.Sprintf(" (line %d, column %d)", e.Location.Line(), e.Location.Column()+1)
		}
		shown = append(shown, text)
	}
	return faultf(fieldsHint, "the expression is not valid CEL: %s", strings.Join(shown, "; "))
}

func givesIdentity(t *cel.Type) bool {
	if t.TypeName() == cel.OptionalType(cel.StringType).TypeName() {
		t = t.Parameters()[0]
	}
	return t.Kind() == types.StringKind || t.Kind() == types.DynKind || t.Kind() == types.TypeParamKind
}

// eval returns the string the expression gives, "" for a miss.
func (e *expression) eval(vars *variables) (string, error) {
	value, _, err := e.program.Eval(vars)
	var cancelled interpreter.EvalCancelledError
	switch {
	case errors.As(err, &cancelled) && cancelled.Cause == interpreter.CostLimitExceeded:
		return "", fmt.Errorf("the expression costs too much to run: %w", err)
	case err != nil:
		return "", fmt.Errorf("expression: %w", err)
	}
	if optional, ok := value.(*types.Optional); ok {
		if !optional.HasValue() {
			return "", nil
		}
		value = optional.GetValue()
	}
	text, ok := value.(types.String)
	if !ok {
		return "", wrongResult(value)
	}
	return string(text), nil
}

func wrongResult(value ref.Val) error {
	if err, ok := value.(*types.Err); ok {
		return fmt.Errorf("expression: %w", err)
	}
	if value == nil {
		return errors.New("the expression gave nothing, where it must give a string")
	}
	return fmt.Errorf(`the expression gave a value of type %s, where it must give a string ("" or optional.none() for no identity)`,
		value.Type().TypeName())
}

// The types of user and service. Their names are not CEL identifiers, so that no
// expression can make such a value.
var (
	celUser    = cel.ObjectType("<user>")
	celService = cel.ObjectType("<service>")
)

const fieldsHint = "Fields: user has email, local, domain, username, type, role, first_name, last_name and identities; service has type, external_id and key."

// variables holds what one evaluation shows to expressions. It implements
// cel.Activation without a map.
type variables struct {
	subject       Subject
	service       identity.ServiceKey
	local, domain string

	userValue, serviceValue object
}

func newVariables(u Subject, in input, service identity.ServiceKey) *variables {
	v := &variables{subject: u, service: service, local: in.local, domain: in.domain}
	v.userValue = object{celType: celUser, of: v}
	v.serviceValue = object{celType: celService, of: v}
	return v
}

// ResolveName implements cel.Activation.
func (v *variables) ResolveName(name string) (any, bool) {
	switch name {
	case "user":
		return &v.userValue, true
	case "service":
		return &v.serviceValue, true
	}
	return nil, false
}

// Parent implements cel.Activation.
func (*variables) Parent() cel.Activation { return nil }

// field is one field of user or service.
type field struct {
	name    string
	celType *cel.Type
	get     func(*variables) any
}

func text(name string, get func(*variables) string) field {
	return field{name: name, celType: cel.StringType, get: func(v *variables) any { return types.String(get(v)) }}
}

func userFields(adapter types.Adapter) []field {
	return []field{
		text("email", func(v *variables) string { return v.subject.Key.Email() }),
		text("local", func(v *variables) string { return v.local }),
		text("domain", func(v *variables) string { return v.domain }),
		text("username", func(v *variables) string { return v.subject.Key.Username() }),
		text("type", func(v *variables) string {
			if v.subject.Type == "" {
				return string(v.subject.Key.Type())
			}
			return string(v.subject.Type)
		}),
		text("role", func(v *variables) string { return string(v.subject.Role) }),
		text("first_name", func(v *variables) string { return v.subject.FirstName }),
		text("last_name", func(v *variables) string { return v.subject.LastName }),
		{"identities", cel.MapType(cel.StringType, cel.StringType), func(v *variables) any {
			return types.NewStringStringMap(adapter, v.subject.Identities)
		}},
	}
}

func serviceFields() []field {
	return []field{
		text("type", func(v *variables) string { return v.service.Type }),
		text("external_id", func(v *variables) string { return v.service.ExternalID }),
		text("key", func(v *variables) string { return v.service.String() }),
	}
}

// fieldProvider adds the fields of user and service to CEL's standard types, so
// that a misspelled field fails to compile.
type fieldProvider struct {
	types.Provider
	structs map[string]map[string]*types.FieldType
}

func newFieldProvider(standard types.Provider, adapter types.Adapter) *fieldProvider {
	return &fieldProvider{Provider: standard, structs: map[string]map[string]*types.FieldType{
		celUser.TypeName():    fieldTypes(userFields(adapter)),
		celService.TypeName(): fieldTypes(serviceFields()),
	}}
}

func fieldTypes(fields []field) map[string]*types.FieldType {
	byName := make(map[string]*types.FieldType, len(fields))
	for _, f := range fields {
		byName[f.name] = &types.FieldType{
			Type:  f.celType,
			IsSet: func(any) bool { return true }, // a missing value is empty
			GetFrom: func(target any) (any, error) {
				o, ok := target.(*object)
				if !ok {
					return nil, fmt.Errorf("%T has no field %s", target, f.name)
				}
				return f.get(o.of), nil
			},
		}
	}
	return byName
}

// FindStructType implements types.Provider.
func (p *fieldProvider) FindStructType(name string) (*types.Type, bool) {
	if _, ok := p.structs[name]; ok {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return p.Provider.FindStructType(name)
}

// FindStructFieldNames implements types.Provider.
func (p *fieldProvider) FindStructFieldNames(name string) ([]string, bool) {
	fields, ok := p.structs[name]
	if !ok {
		return p.Provider.FindStructFieldNames(name)
	}
	names := make([]string, 0, len(fields))
	for field := range fields {
		names = append(names, field)
	}
	return names, true
}

// FindStructFieldType implements types.Provider.
func (p *fieldProvider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	if fields, ok := p.structs[name]; ok {
		f, ok := fields[field]
		return f, ok
	}
	return p.Provider.FindStructFieldType(name, field)
}

// object is user or service as a CEL value. Each evaluation has one of each.
type object struct {
	celType *types.Type
	of      *variables
}

// ConvertToNative implements ref.Val.
func (o *object) ConvertToNative(target reflect.Type) (any, error) {
	return nil, fmt.Errorf("%s cannot be converted to %s", o.celType, target)
}

// ConvertToType implements ref.Val.
func (o *object) ConvertToType(target ref.Type) ref.Val {
	switch target.TypeName() {
	case o.celType.TypeName():
		return o
	case types.TypeType.TypeName():
		return o.celType
	}
	return types.NewErr("%s cannot be converted to %s", o.celType, target.TypeName())
}

// Equal implements ref.Val.
func (o *object) Equal(other ref.Val) ref.Val { return types.Bool(other == ref.Val(o)) }

// Type implements ref.Val.
func (o *object) Type() ref.Type { return o.celType }

// Value implements ref.Val.
func (o *object) Value() any { return o }
