package template

import (
	"maps"
	"slices"
)

// LanguageExtensions is the name of the transform that Extend carries out.
const LanguageExtensions = "AWS::LanguageExtensions"

// Extend carries out the transform AWS::LanguageExtensions: it writes out Fn::ForEach, evaluates Fn::Length,
// Fn::ToJsonString, the extended forms of Fn::FindInMap, and functions in the place of deletion policies. What
// Fn::ToJsonString needs of resources becomes an Fn::Join of the text around it. s has the pseudo parameters and the
// parameters' values. doc stays as it is; the result has no Transform of this name any more. The error is an *Error.
func Extend(doc map[string]any, s *Scope) (map[string]any, error) {
	scope := *s
	t := &Template{Doc: doc}
	if err := t.mappings(); err != nil {
		return nil, err
	}
	x := &extender{evaluator: evaluator{t: t, s: &scope, partial: true}}
	out := withoutTransform(doc)
	for _, name := range []string{"Conditions", "Resources", "Outputs"} {
		if v, ok := out[name]; ok {
			looped, err := x.unroll(v, 0)
			if err != nil {
				return nil, err
			}
			out[name] = looped
		}
	}
	if err := x.decideFirst(out); err != nil {
		return nil, err
	}
	for _, name := range []string{"Resources", "Outputs"} {
		if v, ok := out[name]; ok {
			rewritten, err := x.rewrite(v)
			if err != nil {
				return nil, err
			}
			out[name] = rewritten
		}
	}
	return out, x.policies(out)
}

// withoutTransform copies the top of a tree and takes the transform's name out of its Transform section.
func withoutTransform(doc map[string]any) map[string]any {
	out := maps.Clone(doc)
	mine := func(v any) bool {
		if m, ok := v.(map[string]any); ok {
			v = m["Name"]
		}
		return v == LanguageExtensions
	}
	list, isList := doc["Transform"].([]any)
	if isList {
		list = slices.DeleteFunc(slices.Clone(list), mine)
		out["Transform"] = list
	}
	if isList && len(list) == 0 || mine(doc["Transform"]) {
		delete(out, "Transform")
	}
	return out
}

// extender carries out the transform on a tree.
type extender struct {
	evaluator
	// made counts the values that loops have written out.
	made int
}

// decideFirst rewrites the conditions of a tree and decides them, for Fn::If within what is evaluated.
func (x *extender) decideFirst(out map[string]any) error {
	if v, ok := out["Conditions"]; ok {
		rewritten, err := x.rewrite(v)
		if err != nil {
			return err
		}
		out["Conditions"] = rewritten
	}
	t := &Template{Doc: out, Mappings: x.t.Mappings}
	if err := t.conditions(); err != nil {
		return err
	}
	return t.DecideConditions(x.s)
}

// rewrite returns v with the calls evaluated that are the transform's; others stay as they are.
func (x *extender) rewrite(v any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		name, argument, _ := callOf(v)
		if got, mine, err := x.evaluate(name, argument); mine {
			return got, err
		}
		out := make(map[string]any, len(v))
		for _, k := range sortedKeys(v) {
			got, err := x.rewrite(v[k])
			if err != nil {
				return nil, err
			}
			out[k] = got
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, one := range v {
			got, err := x.rewrite(one)
			if err != nil {
				return nil, err
			}
			out[i] = got
		}
		return out, nil
	}
	return v, nil
}

// evaluate evaluates a call if it is the transform's.
func (x *extender) evaluate(name string, argument any) (got any, mine bool, err error) {
	switch name {
	case "Fn::Length":
		got, err = x.function(name, argument)
		if err == nil && holdsDeferred(got) {
			err = templateError("Fn::Length expects a list whose length is known before resources are made")
		}
		return got, true, err
	case "Fn::FindInMap":
		if plainFindInMap(argument) {
			return nil, false, nil
		}
		got, err = x.function(name, argument)
		if err == nil && holdsDeferred(got) {
			err = templateError("Fn::FindInMap cannot refer to resources")
		}
		return got, true, err
	case "Fn::ToJsonString":
		got, err = x.jsonString(argument)
		return got, true, err
	}
	return nil, false, nil
}

// plainFindInMap reports whether a call does without the extensions.
func plainFindInMap(argument any) bool {
	list, ok := argument.([]any)
	if !ok || len(list) != 3 {
		return false
	}
	return !slices.ContainsFunc(list, func(one any) bool {
		m, isMap := one.(map[string]any)
		name, inner, call := callOf(m)
		return isMap && call && name != "Ref" && (name != "Fn::FindInMap" || !plainFindInMap(inner))
	})
}

// policies evaluates functions in the place of deletion policies.
func (x *extender) policies(out map[string]any) error {
	resources, _ := out["Resources"].(map[string]any)
	for _, name := range sortedKeys(resources) {
		r, _ := resources[name].(map[string]any)
		for _, attribute := range []string{"DeletionPolicy", "UpdateReplacePolicy"} {
			if _, call := r[attribute].(map[string]any); !call {
				continue
			}
			got, err := x.value(r[attribute])
			if err != nil {
				return err
			}
			switch got.(type) {
			case string:
				r[attribute] = got
			case none:
				delete(r, attribute)
			default:
				return formatError("Every %s member must be a string.", attribute)
			}
		}
	}
	return nil
}
