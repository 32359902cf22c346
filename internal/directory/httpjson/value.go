// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package httpjson

import (
	"encoding/json"
	"strconv"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

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

// number is an int or uint where those print as the literal does, else a
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

// literal is a double that becomes its own spelling when it becomes a string.
type literal struct {
	types.Double
	text string
}

// ConvertToType implements ref.Val.
func (l literal) ConvertToType(to ref.Type) ref.Val {
	if to == types.StringType {
		return types.String(l.text)
	}
	return l.Double.ConvertToType(to)
}

// Equal implements ref.Val.
func (l literal) Equal(other ref.Val) ref.Val {
	if o, ok := other.(literal); ok {
		return types.Bool(l.text == o.text || l.Double == o.Double && l.short() && o.short())
	}
	return l.Double.Equal(other)
}

// short reports whether a double holds the number without rounding it away:
// two long ids must not be equal because their doubles are.
func (l literal) short() bool { return len(l.text) <= 15 }
