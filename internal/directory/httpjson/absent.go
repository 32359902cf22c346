// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package httpjson

import (
	"errors"
	"fmt"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

// errAbsent is a field or index that the answer does not have: the way most
// services say that they know nobody. CEL itself has no typed error for it.
var errAbsent = errors.New("the answer has no such field or index")

// markAbsent makes accesses to absent fields and indexes, and to any field of
// null, fail with errAbsent. Inside a macro such as filter or map they keep
// CEL's own error: one row without a field does not mean that the person is
// in none of the rows.
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
		q = &markedQualifier{Qualifier: q, adapter: a.Adapter()}
	}
	return a.InterpretableAttribute.AddQualifier(q)
}

type markedQualifier struct {
	interpreter.Qualifier
	adapter types.Adapter
}

// Qualify implements interpreter.Qualifier.
func (q *markedQualifier) Qualify(vars interpreter.Activation, obj any) (any, error) {
	value, err := q.Qualifier.Qualify(vars, obj)
	if err == nil || errors.Is(err, errAbsent) {
		return value, err
	}
	container := q.adapter.NativeToValue(obj)
	if container == types.NullValue {
		return nil, fmt.Errorf("%w: %w", errAbsent, err)
	}
	if !isContainer(container) {
		return nil, err
	}
	if _, present, testErr := q.QualifyIfPresent(vars, obj, true); testErr == nil && !present {
		return nil, fmt.Errorf("%w: %w", errAbsent, err)
	}
	return nil, err
}

func isContainer(value ref.Val) bool {
	switch value.(type) {
	case traits.Mapper, traits.Lister:
		return true
	}
	return false
}
