package template

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of loops: nesting is AWS's, the number of values keeps a small template from becoming an immense one.
const (
	maxLoops = 5
	maxMade  = 200_000
)

const forEach = "Fn::ForEach::"

// unroll returns a copy of v with the loops in it written out.
func (x *extender) unroll(v any, loops int) (any, error) {
	if x.made++; x.made > maxMade {
		return nil, templateError("Fn::ForEach writes out more than %d values", maxMade)
	}
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for _, k := range sortedKeys(v) {
			if strings.HasPrefix(k, forEach) {
				if err := x.loop(k, v[k], loops+1, out); err != nil {
					return nil, err
				}
				continue
			}
			got, err := x.unroll(v[k], loops)
			if err != nil {
				return nil, err
			}
			if err := put(out, k, got); err != nil {
				return nil, err
			}
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, one := range v {
			got, err := x.unroll(one, loops)
			if err != nil {
				return nil, err
			}
			out[i] = got
		}
		return out, nil
	}
	return v, nil
}

func put(out map[string]any, k string, v any) error {
	if _, taken := out[k]; taken {
		return templateError("Fn::ForEach: there is more than one %s", k)
	}
	out[k] = v
	return nil
}

// loop writes one loop out: [identifier, collection, {key: value}].
func (x *extender) loop(key string, argument any, loops int, out map[string]any) error {
	list, ok := argument.([]any)
	if !ok || len(list) != 3 {
		return errForEach(key)
	}
	identifier, ok := list[0].(string)
	body, isMap := list[2].(map[string]any)
	switch {
	case !ok || !isMap || !alphanumeric(identifier) || !alphanumeric(strings.TrimPrefix(key, forEach)):
		return errForEach(key)
	case loops > maxLoops:
		return templateError("Fn::ForEach loops can be nested %d deep at most", maxLoops)
	}
	collection, err := x.value(list[1])
	if err != nil {
		return err
	}
	members, ok := collection.([]any)
	if !ok || holdsDeferred(members) {
		return templateError("Fn::ForEach collection of %s must be a list of values that are known before resources are made", key)
	}
	for i, one := range members {
		text, ok := scalarText(one)
		if !ok {
			return errForEach(key)
		}
		if slices.ContainsFunc(members[:i], func(other any) bool { return same(one, other) }) {
			return templateError("Fn::ForEach collection of %s has %s more than once", key, text)
		}
		written, err := x.unroll(fill(body, identifier, text), loops)
		if err != nil {
			return err
		}
		for _, k := range sortedKeys(written.(map[string]any)) {
			if err := put(out, k, written.(map[string]any)[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

func errForEach(key string) error {
	return templateError("%s layout is incorrect: it must be a list of an identifier, a collection and an output", key)
}

// fill puts a member of a collection in the place of an identifier: ${Identifier}, &{Identifier} without what cannot be
// in a logical id, and Ref.
func fill(v any, identifier, text string) any {
	plain := strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && alphanumeric(string(r)) {
			return r
		}
		return -1
	}, text)
	return replaceIn(v, identifier, text, strings.NewReplacer("${"+identifier+"}", text, "&{"+identifier+"}", plain))
}

func replaceIn(v any, identifier, text string, r *strings.Replacer) any {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 1 && v["Ref"] == identifier {
			return text
		}
		out := make(map[string]any, len(v))
		for k, one := range v {
			out[r.Replace(k)] = replaceIn(one, identifier, text, r)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, one := range v {
			out[i] = replaceIn(one, identifier, text, r)
		}
		return out
	case string:
		return r.Replace(v)
	}
	return v
}
