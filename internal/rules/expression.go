// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package rules

import (
	"cmp"
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
		ext.NativeTypes(reflect.TypeFor[user](), reflect.TypeFor[serviceInfo](), ext.ParseStructTags(true)),
		emptyIsSet, // after what adds types to the provider it wraps
		cel.Variable("user", cel.ObjectType("rules.user")),
		cel.Variable("service", cel.ObjectType("rules.serviceInfo")),
		cel.ParserExpressionSizeLimit(MaxTextBytes),
		cel.ParserRecursionLimit(maxDepth),
		cel.RegexProgramSizeLimit(maxRegexProgram),
		cel.ASTValidators(cel.ValidateRegexLiterals()),
	)
})

func compileExpression(text string) (*expression, error) {
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

func badExpression(issues *cel.Issues) error {
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
func (e *expression) eval(vars map[string]any) (string, error) {
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

const fieldsHint = "Fields: user has email, local, domain, username, type, role, first_name, last_name and identities; service has type, external_id and key."

// user is the user as expressions see it.
type user struct {
	Email      string            `cel:"email"`
	Local      string            `cel:"local"`
	Domain     string            `cel:"domain"`
	Username   string            `cel:"username"`
	Type       string            `cel:"type"`
	Role       string            `cel:"role"`
	FirstName  string            `cel:"first_name"`
	LastName   string            `cel:"last_name"`
	Identities map[string]string `cel:"identities"`
}

// serviceInfo is the service as expressions see it.
type serviceInfo struct {
	Type       string `cel:"type"`
	ExternalID string `cel:"external_id"`
	Key        string `cel:"key"`
}

func newVariables(in *input, service identity.ServiceKey) map[string]any {
	u := in.subject
	return map[string]any{
		"user": &user{
			Email: in.email, Local: in.local, Domain: in.domain, Username: u.Key.Username(), Type: string(cmp.Or(u.Type, u.Key.Type())),
			Role: string(u.Role), FirstName: u.FirstName, LastName: u.LastName, Identities: u.Identities,
		},
		"service": &serviceInfo{Type: service.Type, ExternalID: service.ExternalID, Key: service.String()},
	}
}

// fieldProvider makes every field set: a missing value is empty.
type fieldProvider struct{ types.Provider }

// emptyIsSet implements cel.EnvOption.
func emptyIsSet(env *cel.Env) (*cel.Env, error) {
	return cel.CustomTypeProvider(fieldProvider{env.CELTypeProvider()})(env)
}

// FindStructFieldType implements types.Provider.
func (p fieldProvider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	found, ok := p.Provider.FindStructFieldType(name, field)
	if !ok {
		return nil, false
	}
	always := *found
	always.IsSet = func(any) bool { return true }
	return &always, true
}
