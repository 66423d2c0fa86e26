package sam

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// variable is a reference in the text of an Fn::Sub.
var variable = regexp.MustCompile(`\$\{([A-Za-z0-9.]+|AWS::[A-Z][A-Za-z]*)\}`)

// rewrite replaces calls of Ref, Fn::GetAtt and Fn::Sub in a tree, in place where it can: replace is given each such call
// before what is inside it, and returns it or what stands for it.
func rewrite(v any, replace func(call map[string]any) any) any {
	if m, ok := v.(map[string]any); ok && len(m) == 1 {
		for _, name := range []string{"Ref", "Fn::GetAtt", "Fn::Sub"} {
			if _, ok := m[name]; ok {
				v = replace(m)
			}
		}
	}
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = rewrite(e, replace)
		}
	case []any:
		for i, e := range v {
			v[i] = rewrite(e, replace)
		}
	}
	return v
}

// resolve puts the values of parameters into a tree, in place: what SAM hashes it also writes out in this form.
// The error, of a value that has no place in a text, ends the transform.
func (t *translation) resolve(v any) (any, error) {
	var failed error
	v = rewrite(v, func(m map[string]any) any {
		if failed != nil {
			return m
		}
		if name, ok := m["Ref"].(string); ok {
			value, ok := t.parameter(name)
			if !ok {
				return m
			}
			failed = t.grow(size(value))
			return clone(value)
		}
		if written, ok := m["Fn::Sub"]; ok {
			m["Fn::Sub"] = substitute(written, func(full, name string) string {
				value, ok := t.parameter(name)
				if !ok || failed != nil {
					return full
				}
				if isList(value) {
					failed = single(invalidTemplate(fmt.Sprintf(
						"Invalid Fn::Sub variable value %v. Fn::Sub expects all variables to be strings.", value)))
					return full
				}
				text := fmt.Sprint(value)
				failed = t.grow(len(text))
				return text
			})
		}
		return m
	})
	return v, failed
}

// parameter returns a parameter's value. Values that only a later stage of nested stacks knows count as unknown.
func (t *translation) parameter(name string) (any, bool) {
	v, ok := t.parameters[name]
	if s, is := v.(string); is && strings.HasPrefix(s, "{{IntrinsicFunction:") {
		return nil, false
	}
	return v, ok
}

// substitute gives replace each ${…} in the text of an Fn::Sub's argument and returns the argument with what came back.
func substitute(written any, replace func(full, name string) string) any {
	text := func(s string) string {
		return variable.ReplaceAllStringFunc(s, func(full string) string { return replace(full, full[2:len(full)-1]) })
	}
	switch w := written.(type) {
	case string:
		return text(w)
	case []any:
		if len(w) > 0 && isString(w[0]) {
			w[0] = text(w[0].(string))
		}
	}
	return written
}

// find looks up the Fn::FindInMap calls of a tree whose keys are plain text; others stay.
func (t *translation) find(v any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		if name, argument := call(v); name == "Fn::FindInMap" {
			found, err := t.findOne(v, argument)
			if err != nil || isMap(found) {
				return found, err
			}
			return t.find(found)
		}
		for k, e := range v {
			r, err := t.find(e)
			if err != nil {
				return nil, err
			}
			v[k] = r
		}
	case []any:
		for i, e := range v {
			r, err := t.find(e)
			if err != nil {
				return nil, err
			}
			v[i] = r
		}
	}
	return v, nil
}

func (t *translation) findOne(written map[string]any, argument any) (any, error) {
	keys, ok := argument.([]any)
	if !ok || len(keys) != 3 {
		return nil, single(invalidTemplate(fmt.Sprintf("Invalid FindInMap value %v. FindInMap expects an array with 3 values.", argument)))
	}
	var at any = t.mappings
	for _, k := range keys {
		k, err := t.find(k)
		if err != nil {
			return nil, err
		}
		name, ok := k.(string)
		if !ok {
			return written, nil
		}
		level, ok := at.(map[string]any)
		if !ok {
			return nil, single(invalidTemplate(fmt.Sprintf(
				"Cannot use Fn::FindInMap on Mapping '%v' which is not a a two-level map.", keys[0])))
		}
		if at, ok = level[name]; !ok {
			return written, nil
		}
	}
	return clone(at), nil
}

// renameReference leads a reference to a layer to the logical id it has now.
func (t *translation) renameReference(m map[string]any) any {
	if name, ok := m["Ref"].(string); ok {
		if id := t.renamed[name]; id != "" {
			return ref(id)
		}
		return m
	}
	if path, ok := attributePath(m); ok {
		if id := t.renamed[path[0]]; id != "" {
			m["Fn::GetAtt"] = append([]any{id}, anys(path[1:])...)
		}
		return m
	}
	if written, ok := m["Fn::Sub"]; ok {
		m["Fn::Sub"] = substitute(written, func(full, name string) string {
			first, _, _ := strings.Cut(name, ".")
			if id := t.renamed[first]; id != "" {
				return strings.ReplaceAll(full, first, id)
			}
			return full
		})
	}
	return m
}

// leadReference leads a reference such as FUNCTION.Alias to the resource that was generated for it.
func (t *translation) leadReference(m map[string]any) any {
	if name, ok := m["Ref"].(string); ok {
		if first, second, dotted := strings.Cut(name, "."); dotted {
			if id := t.referable[first][second]; id != "" {
				return ref(id)
			}
		}
		return m
	}
	if path, ok := attributePath(m); ok {
		if id := t.referable[path[0]][path[1]]; id != "" {
			m["Fn::GetAtt"] = append([]any{id}, anys(path[2:])...)
		}
		return m
	}
	if written, ok := m["Fn::Sub"]; ok {
		m["Fn::Sub"] = substitute(written, func(full, name string) string {
			parts := strings.Split(name, ".")
			if len(parts) < 2 {
				return full
			}
			if id := t.referable[parts[0]][parts[1]]; id != "" {
				return strings.ReplaceAll(full, parts[0]+"."+parts[1], id)
			}
			return full
		})
	}
	return m
}

// attributePath returns the parts of an Fn::GetAtt, split at every dot: two at least.
func attributePath(m map[string]any) ([]string, bool) {
	list, ok := m["Fn::GetAtt"].([]any)
	if !ok || len(list) < 2 {
		return nil, false
	}
	var parts []string
	for _, e := range list {
		s, ok := e.(string)
		if !ok {
			return nil, false
		}
		parts = append(parts, strings.Split(s, ".")...)
	}
	return parts, true
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// renameDependencies changes logical ids in every DependsOn of a tree.
func renameDependencies(v any, renamed map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		switch d := v["DependsOn"].(type) {
		case string:
			if id := renamed[d]; id != "" {
				v["DependsOn"] = id
			}
		case []any:
			d = slices.Clone(d)
			for i, e := range d {
				if s, ok := e.(string); ok && renamed[s] != "" {
					d[i] = renamed[s]
				}
			}
			v["DependsOn"] = d
		}
		for _, e := range v {
			renameDependencies(e, renamed)
		}
	case []any:
		for _, e := range v {
			renameDependencies(e, renamed)
		}
	}
}
