package resource

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Kind is what a property is made of.
type Kind int

// The kinds of properties.
const (
	Text   Kind = iota // templates may give a number or a boolean for it
	Number             // a whole number, or a text that is one
	Float              // a number, or a text that is one
	Bool               // a boolean, or "true" or "false"
	JSON               // anything
	List               // of Item
	Object             // with the members Of
	Map                // of texts to Item
)

// Property is what is known of a property.
type Property struct {
	Kind Kind
	// Item is the kind of what is in a List or a Map. Of are the members of an Object, or of the Objects in those.
	Item Kind
	Of   map[string]Property
	// Required properties cannot be left out. A change of a CreateOnly one replaces the resource.
	Required, CreateOnly bool
}

// fault is a property that is not as it must be, with the place of it.
type fault struct{ text string }

// Error is what follows "Properties validation failed for resource X with message:" in CloudFormation's answers.
func (f *fault) Error() string { return f.text }

// Check refuses properties, with the values of all functions, that the type cannot have.
func (t *Type) Check(properties map[string]any) error {
	if f := checkMembers("#", t.Properties, properties); f != nil {
		return f
	}
	return nil
}

// Normalize are the properties in the kinds that they are of: numbers that were texts are numbers, and the other way. It
// is for properties that passed Check.
func (t *Type) Normalize(properties map[string]any) map[string]any {
	return normalizeMembers(t.Properties, properties)
}

// Changes tells which properties differ, sorted, and whether that replaces the resource. Values that only read
// differently, as 1 and "1", are the same.
func (t *Type) Changes(old, new map[string]any) (changed []string, replace bool) {
	a, b := t.Normalize(old), t.Normalize(new)
	for _, name := range slices.Sorted(maps.Keys(t.Properties)) {
		if alike(a[name], b[name]) {
			continue
		}
		changed = append(changed, name)
		replace = replace || t.Properties[name].CreateOnly
	}
	if len(changed) > 0 && !replace {
		replace = t.Update == nil || t.Replaces != nil && t.Replaces(a, b)
	}
	return changed, replace
}

// alike compares values by what they are in JSON.
func alike(a, b any) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

func checkMembers(at string, of map[string]Property, given map[string]any) *fault {
	var extra []string
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, known := of[name]; !known {
			extra = append(extra, name)
		}
	}
	if len(extra) > 0 {
		return &fault{fmt.Sprintf("%s: extraneous key [%s] is not permitted", at, extra[0])}
	}
	for _, name := range slices.Sorted(maps.Keys(of)) {
		v, there := given[name]
		if !there {
			if of[name].Required {
				return &fault{fmt.Sprintf("%s: required key [%s] not found", at, name)}
			}
			continue
		}
		if f := of[name].check(at+"/"+name, v); f != nil {
			return f
		}
	}
	return nil
}

func (p Property) check(at string, v any) *fault {
	switch p.Kind {
	case List:
		list, ok := v.([]any)
		if !ok {
			return expected(at, "JSONArray", v)
		}
		for i, one := range list {
			if f := (Property{Kind: p.Item, Of: p.Of}).check(at+"/"+strconv.Itoa(i), one); f != nil {
				return f
			}
		}
	case Map:
		m, ok := v.(map[string]any)
		if !ok {
			return expected(at, "JSONObject", v)
		}
		for _, name := range slices.Sorted(maps.Keys(m)) {
			if f := (Property{Kind: p.Item, Of: p.Of}).check(at+"/"+name, m[name]); f != nil {
				return f
			}
		}
	case Object:
		m, ok := v.(map[string]any)
		if !ok {
			return expected(at, "JSONObject", v)
		}
		return checkMembers(at, p.Of, m)
	default:
		return checkScalar(at, p.Kind, v)
	}
	return nil
}

func checkScalar(at string, kind Kind, v any) *fault {
	var ok bool
	want := "String"
	switch kind {
	case JSON:
		return nil
	case Text:
		_, ok = textOf(v)
	case Number:
		want = "Integer"
		_, ok = wholeOf(v)
	case Float:
		want = "Number"
		_, ok = floatOf(v)
	case Bool:
		want = "Boolean"
		_, ok = boolOf(v)
	}
	if !ok {
		return expected(at, want, v)
	}
	return nil
}

func expected(at, want string, v any) *fault {
	found := "JSONObject"
	switch v.(type) {
	case nil:
		found = "Null"
	case string:
		found = "String"
	case bool:
		found = "Boolean"
	case int64, float64:
		found = "Number"
	case []any:
		found = "JSONArray"
	}
	return &fault{fmt.Sprintf("%s: expected type: %s, found: %s", at, want, found)}
}

func normalizeMembers(of map[string]Property, given map[string]any) map[string]any {
	out := make(map[string]any, len(given))
	for name, v := range given {
		if v != nil {
			out[name] = of[name].normalize(v)
		}
	}
	return out
}

func (p Property) normalize(v any) any {
	item := Property{Kind: p.Item, Of: p.Of}
	switch p.Kind {
	case List:
		if list, ok := v.([]any); ok {
			out := make([]any, len(list))
			for i, one := range list {
				out[i] = item.normalize(one)
			}
			return out
		}
	case Map:
		if m, ok := v.(map[string]any); ok {
			out := make(map[string]any, len(m))
			for name, one := range m {
				out[name] = item.normalize(one)
			}
			return out
		}
	case Object:
		if m, ok := v.(map[string]any); ok {
			return normalizeMembers(p.Of, m)
		}
	case Text:
		if s, ok := textOf(v); ok {
			return s
		}
	case Number:
		if n, ok := wholeOf(v); ok {
			return n
		}
	case Float:
		if n, ok := floatOf(v); ok {
			return n
		}
	case Bool:
		if b, ok := boolOf(v); ok {
			return b
		}
	}
	return v
}

// textOf is a value as a text, as CloudFormation writes it.
func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	return "", false
}

func wholeOf(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case float64:
		return int64(v), v == float64(int64(v))
	case string:
		n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		return n, err == nil
	}
	return 0, false
}

func floatOf(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	case string:
		n, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		return n, err == nil
	}
	return 0, false
}

func boolOf(v any) (bool, bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case string:
		switch strings.ToLower(v) {
		case "true":
			return true, true
		case "false":
			return false, true
		}
	}
	return false, false
}
