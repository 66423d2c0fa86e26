package sam

import (
	"maps"
	"slices"
)

// clone copies a tree.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = clone(e)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = clone(e)
		}
		return l
	}
	return v
}

// size is about how many bytes a tree takes as text.
func size(v any) int {
	n := 8
	switch v := v.(type) {
	case string:
		n += len(v)
	case map[string]any:
		for k, e := range v {
			n += len(k) + size(e)
		}
	case []any:
		for _, e := range v {
			n += size(e)
		}
	}
	return n
}

func isString(v any) bool { _, ok := v.(string); return ok }
func isMap(v any) bool    { _, ok := v.(map[string]any); return ok }
func isList(v any) bool   { _, ok := v.([]any); return ok }
func isBool(v any) bool   { _, ok := v.(bool); return ok }

// isPlain says whether v is a value that a parameter can have: a scalar or a list of scalars.
func isPlain(v any) bool {
	switch v := v.(type) {
	case nil, map[string]any:
		return false
	case []any:
		return !slices.ContainsFunc(v, func(e any) bool { return isMap(e) || isList(e) })
	}
	return true
}

// truthy is the question that SAM asks of a property to see whether anything is written there: neither nothing nor
// false, zero or empty.
func truthy(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case int64:
		return v != 0
	case int:
		return v != 0
	case float64:
		return v != 0
	case map[string]any:
		return len(v) > 0
	case []any:
		return len(v) > 0
	}
	return true
}

// call returns the function's name and its argument if v is a call of an intrinsic function, a map of one such entry.
func call(v any) (name string, argument any) {
	m, ok := v.(map[string]any)
	if !ok || len(m) != 1 {
		return "", nil
	}
	for k, a := range m {
		if k == "Ref" || k == "Condition" || len(k) >= 4 && k[:4] == "Fn::" {
			return k, a
		}
	}
	return "", nil
}

func isIntrinsic(v any) bool { name, _ := call(v); return name != "" }

// branches returns the arguments of an Fn::If. is is true for every Fn::If, items nil if they are not three.
func branches(v any) (items []any, is bool) {
	name, argument := call(v)
	if name != "Fn::If" {
		return nil, false
	}
	if l, ok := argument.([]any); ok && len(l) == 3 {
		return l, true
	}
	return nil, true
}

func isNoValue(v any) bool {
	name, argument := call(v)
	return name == "Ref" && argument == "AWS::NoValue"
}

func ref(id string) map[string]any { return map[string]any{"Ref": id} }

func getAtt(id, attribute string) map[string]any {
	return map[string]any{"Fn::GetAtt": []any{id, attribute}}
}

func choose(condition, yes, no any) map[string]any {
	return map[string]any{"Fn::If": []any{condition, yes, no}}
}

// tagList writes tags as CloudFormation has them. A tag without a value has an empty one.
func tagList(tags map[string]any, order []string) []any {
	list := make([]any, 0, len(tags))
	for _, k := range order {
		v := tags[k]
		if v == nil {
			v = ""
		}
		list = append(list, map[string]any{"Key": k, "Value": v})
	}
	return list
}

// inOrder returns the keys of a map: those of order that it has, then the rest in alphabetical order.
func inOrder(m map[string]any, order []string) []string {
	keys, taken := make([]string, 0, len(m)), make(map[string]bool, len(m))
	for _, k := range slices.Concat(order, slices.Sorted(maps.Keys(m))) {
		if _, ok := m[k]; ok && !taken[k] {
			keys, taken[k] = append(keys, k), true
		}
	}
	return keys
}
