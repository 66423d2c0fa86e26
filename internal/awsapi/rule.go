package awsapi

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// rule is a compiled constraint.
type rule struct {
	limits []limit // in the order that AWS prints
	hidden bool    // keep the value out of messages
	// refusal replaces the message if the pattern does not match.
	refusal string
}

// limit is one condition of a rule.
type limit struct {
	text    string
	holds   func(v reflect.Value) bool
	pattern bool
}

// compileRule makes the rule of a constraint on values of a kind; nil if it restricts nothing.
func compileRule(k kind, c Constraint, hideValues bool) (*rule, error) {
	r := &rule{hidden: c.Sensitive || hideValues && !c.Shown, refusal: c.Refusal}
	measure, what := measureOf(k)
	for _, bound := range []struct {
		limit *float64
		text  string
		sign  float64
	}{{c.Max, "less", 1}, {c.Min, "greater", -1}} {
		if bound.limit == nil {
			continue
		}
		if measure == nil {
			return nil, fmt.Errorf("awsapi: a bound on values without length or order")
		}
		r.limits = append(r.limits, limit{
			text:  fmt.Sprintf("Member must have %s %s than or equal to %s", what, bound.text, boundText(k, *bound.limit)),
			holds: func(v reflect.Value) bool { return (measure(v)-*bound.limit)*bound.sign <= 0 },
		})
	}
	if c.Pattern != "" {
		p, err := compilePattern(c.Pattern)
		if err != nil {
			return nil, err
		}
		r.limits = append(r.limits, limit{
			text:    "Member must satisfy regular expression pattern: " + c.Pattern,
			holds:   func(v reflect.Value) bool { return p.MatchString(v.String()) },
			pattern: true,
		})
	}
	if c.Enum != nil {
		text := "Member must satisfy enum value set"
		if !r.hidden {
			text += ": [" + strings.Join(c.Enum, ", ") + "]"
		}
		r.limits = append(r.limits, limit{
			text:  text,
			holds: func(v reflect.Value) bool { return slices.Contains(c.Enum, v.String()) },
		})
	}
	if r.limits == nil && !c.Sensitive {
		return nil, nil
	}
	return r, nil
}

// measureOf returns what a bound bounds, and its word in messages. Strings are measured in characters.
func measureOf(k kind) (measure func(reflect.Value) float64, what string) {
	switch k {
	case stringKind:
		return func(v reflect.Value) float64 { return float64(utf8.RuneCountInString(v.String())) }, "length"
	case listKind, mapKind, blobKind:
		return func(v reflect.Value) float64 { return float64(v.Len()) }, "length"
	case intKind, longKind:
		return func(v reflect.Value) float64 { return float64(v.Int()) }, "value"
	case floatKind:
		return reflect.Value.Float, "value"
	}
	return nil, ""
}

// boundText prints a bound the way Java does: 1.0 for doubles, 1 for the rest.
func boundText(k kind, bound float64) string {
	if k == floatKind {
		return javaDouble(bound)
	}
	return strconv.FormatFloat(bound, 'f', -1, 64)
}

// javaDouble prints a number of ordinary size as Java's Double.toString does.
func javaDouble(f float64) string {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.ContainsAny(s, ".IN") {
		s += ".0"
	}
	return s
}

// javaText prints a value as AWS's messages do: [a, b] for lists, {k=v} for maps in the order of their keys.
func javaText(p *plan, v reflect.Value) string {
	switch p.kind {
	case stringKind:
		return v.String()
	case intKind, longKind:
		return strconv.FormatInt(v.Int(), 10)
	case floatKind:
		return javaDouble(v.Float())
	case boolKind:
		return strconv.FormatBool(v.Bool())
	case listKind:
		var parts []string
		for i := range v.Len() {
			parts = append(parts, javaText(p.elem, v.Index(i)))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case mapKind:
		var parts []string
		for _, key := range sortedKeys(v) {
			parts = append(parts, key.String()+"="+javaText(p.elem, v.MapIndex(key)))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case structKind:
		var parts []string
		for i := range p.fields {
			f := &p.fields[i]
			if value, ok := f.get(v); ok {
				parts = append(parts, f.member+"="+javaText(f.plan, value))
			}
		}
		return p.typ.Name() + "(" + strings.Join(parts, ", ") + ")"
	}
	return p.typ.Name()
}

// sortedKeys returns a map's keys in order.
func sortedKeys(m reflect.Value) []reflect.Value {
	keys := m.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	return keys
}
