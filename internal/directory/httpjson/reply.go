// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package httpjson

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/ext"
	"cel.dev/cel-go/interpreter"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// costLimit bounds one evaluation; going over every row of a full answer a
// few times stays far below it.
const costLimit = 20_000_000

// reply reads answers with the two expressions.
type reply struct {
	identity *expression
	emails   *expression // nil = the endpoint is trusted
}

// expression is one compiled setting.
type expression struct {
	setting string
	program cel.Program
}

func compileReply(identityText, emailsText string) (*reply, error) {
	env, err := cel.NewEnv(
		cel.Variable("response", cel.DynType),
		cel.Variable("email", cel.StringType),
		cel.OptionalTypes(),
		ext.Strings(),
	)
	if err != nil {
		return nil, fmt.Errorf("prepare CEL: %w", err)
	}
	r := &reply{}
	if r.identity, err = compile(env, "identity", identityText); err != nil {
		return nil, err
	}
	if emailsText != "" {
		if r.emails, err = compile(env, "emails", emailsText); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func compile(env *cel.Env, setting, text string) (*expression, error) {
	if strings.TrimSpace(text) == "" {
		return nil, fmt.Errorf("%s: the expression is empty", setting)
	}
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		first := issues.Errors()[0]
		return nil, fmt.Errorf("%s: the expression is not valid CEL: %s (line %d, column %d)", setting, first.Message, first.Location.Line(), first.Location.Column()+1)
	}
	if !readable(ast.OutputType()) {
		return nil, fmt.Errorf("%s: the expression gives %s, not a string or a list of strings", setting, ast.OutputType())
	}
	program, err := env.Program(ast, cel.CustomDecorator(markAbsent(ast)), cel.CostLimit(costLimit), cel.InterruptCheckFrequency(1000))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	return &expression{setting: setting, program: program}, nil
}

// readable reports whether values of a type can be identities or addresses.
func readable(t *cel.Type) bool {
	switch t.Kind() {
	case types.DynKind, types.AnyKind, types.StringKind, types.IntKind, types.UintKind, types.NullTypeKind, types.TypeParamKind:
		return true
	case types.ListKind:
		return readable(t.Parameters()[0])
	case types.OpaqueKind:
		return t.TypeName() == types.OptionalType.TypeName() && readable(t.Parameters()[0])
	}
	return false
}

// accounts returns what an answer says about email. A failure to read it matches
// directory.ErrAnswer: it is about this person only.
func (r *reply) accounts(ctx context.Context, email string, body any) ([]directory.Account, error) {
	vars := map[string]any{"response": celValue(body), "email": email}
	ids, err := r.identity.strings(ctx, vars)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	emails := []string{email}
	if r.emails != nil {
		if emails, err = r.emails.strings(ctx, vars); err != nil {
			return nil, err
		}
		has := func(address string) bool { got, err := identity.Normalize(address); return err == nil && got == email }
		if !slices.ContainsFunc(emails, has) {
			return nil, nil
		}
	}
	accounts := make([]directory.Account, len(ids))
	for i, id := range ids {
		accounts[i] = directory.Account{Identity: id, Addresses: directory.Primaries(emails...)}
	}
	return accounts, nil
}

// strings evaluates the expression to the texts it gives: none for what means
// "nothing", one for a string or a number, several for a list.
func (x *expression) strings(ctx context.Context, vars map[string]any) ([]string, error) {
	value, _, err := x.program.ContextEval(ctx, vars)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, errAbsent):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%w: %s: %w", directory.ErrAnswer, x.setting, err)
	}
	if opt, ok := value.(*types.Optional); ok {
		if !opt.HasValue() {
			return nil, nil
		}
		value = opt.GetValue()
	}
	list, ok := value.(traits.Lister)
	if !ok {
		s, err := x.text(value)
		if err != nil || s == "" {
			return nil, err
		}
		return []string{s}, nil
	}
	var all []string
	for it := list.Iterator(); it.HasNext() == types.True; {
		s, err := x.text(it.Next())
		switch {
		case err != nil:
			return nil, err
		case s == "":
			return nil, fmt.Errorf("%w: %s: the list holds an empty value", directory.ErrAnswer, x.setting)
		case !slices.Contains(all, s):
			all = append(all, s)
		}
	}
	return all, nil
}

// text returns the text of a value; "" means "nothing".
func (x *expression) text(value ref.Val) (string, error) {
	switch v := value.(type) {
	case types.Null:
		return "", nil
	case types.String:
		return string(v), nil
	case types.Int:
		return strconv.FormatInt(int64(v), 10), nil
	case types.Uint:
		return strconv.FormatUint(uint64(v), 10), nil
	case literal:
		return v.text, nil
	}
	return "", fmt.Errorf("%w: %s: the expression gives a %s, not a string; string(…) converts numbers and booleans", directory.ErrAnswer, x.setting, value.Type().TypeName())
}

// errAbsent is an index that the answer does not have, or a field of null, which
// is how most services answer for unknown people. CEL has no typed error for it.
var errAbsent = errors.New("the answer has no such index")

// markAbsent makes accesses to absent indexes and computed keys, and to any field
// of null, fail with errAbsent. A field that the expression names and the answer
// lacks is probably misspelled: response.?user.?id says that it may be missing.
// Inside a macro such as filter CEL's own error stays: one row without a field does
// not mean that the person is in no row.
func markAbsent(checked *cel.Ast) interpreter.InterpretableDecorator {
	inLoop := map[int64]bool{}
	mark := ast.NewExprVisitor(func(e ast.Expr) { inLoop[e.ID()] = true })
	ast.PostOrderVisit(checked.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.ComprehensionKind {
			loop := e.AsComprehension()
			ast.PostOrderVisit(loop.LoopCondition(), mark)
			ast.PostOrderVisit(loop.LoopStep(), mark)
		}
	}))
	return func(node interpreter.Interpretable) (interpreter.Interpretable, error) {
		attr, ok := node.(interpreter.InterpretableAttribute)
		if _, done := node.(*markedAttribute); !ok || done {
			return node, nil
		}
		return &markedAttribute{InterpretableAttribute: attr, inLoop: inLoop}, nil
	}
}

type markedAttribute struct {
	interpreter.InterpretableAttribute
	inLoop map[int64]bool
}

// AddQualifier wraps the access that is added to the attribute.
func (a *markedAttribute) AddQualifier(q interpreter.Qualifier) (interpreter.Attribute, error) {
	if !a.inLoop[q.ID()] {
		marked := &markedQualifier{Qualifier: q, adapter: a.Adapter()}
		if named, ok := q.(interpreter.ConstantQualifier); ok {
			marked.field, _ = named.Value().Value().(string)
		}
		q = marked
	}
	return a.InterpretableAttribute.AddQualifier(q)
}

type markedQualifier struct {
	interpreter.Qualifier
	adapter types.Adapter
	field   string // that the expression names; "" = an index or a computed key
}

func (q *markedQualifier) Qualify(vars interpreter.Activation, obj any) (any, error) {
	value, err := q.Qualifier.Qualify(vars, obj)
	if err == nil || errors.Is(err, errAbsent) {
		return value, err
	}
	container := q.adapter.NativeToValue(obj)
	if container == types.NullValue {
		return nil, fmt.Errorf("%w: %w", errAbsent, err)
	}
	switch container.(type) {
	case traits.Mapper, traits.Lister:
	default:
		return nil, err
	}
	_, present, testErr := q.QualifyIfPresent(vars, obj, true)
	switch {
	case testErr != nil || present:
		return nil, err
	case q.field != "":
		return nil, fmt.Errorf("the answer has no field %q; if it may be missing, write .?%s: %w", q.field, q.field, err)
	}
	return nil, fmt.Errorf("%w: %w", errAbsent, err)
}

// celValue prepares decoded JSON for CEL. Numbers keep their literal text,
// because an id such as 10000000 must not come out as 1e+07.
func celValue(v any) any {
	switch v := v.(type) {
	case json.Number:
		return number(v.String())
	case map[string]any:
		object := make(map[string]any, len(v))
		for key, value := range v {
			object[key] = celValue(value)
		}
		return object
	case []any:
		list := make([]any, len(v))
		for i, value := range v {
			list[i] = celValue(value)
		}
		return list
	}
	return v
}

// number returns an int or uint if those print as the literal does, else a
// double that remembers the literal.
func number(text string) ref.Val {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil && strconv.FormatInt(i, 10) == text {
		return types.Int(i)
	}
	if u, err := strconv.ParseUint(text, 10, 64); err == nil && strconv.FormatUint(u, 10) == text {
		return types.Uint(u)
	}
	f, _ := strconv.ParseFloat(text, 64) // out of range is infinite, and still has its text
	return literal{Double: types.Double(f), text: text}
}

// literal is a double that prints as its literal.
type literal struct {
	types.Double
	text string
}

func (l literal) ConvertToType(to ref.Type) ref.Val {
	if to == types.StringType {
		return types.String(l.text)
	}
	return l.Double.ConvertToType(to)
}

func (l literal) Equal(other ref.Val) ref.Val {
	if o, ok := other.(literal); ok {
		return types.Bool(l.text == o.text || l.Double == o.Double && l.short() && o.short())
	}
	return l.Double.Equal(other)
}

// short reports whether a double holds the number without rounding it away:
// two long ids must not be equal because their doubles are.
func (l literal) short() bool { return len(l.text) <= 15 }
