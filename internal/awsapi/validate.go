package awsapi

import (
	"fmt"
	"maps"
	"reflect"
	"strconv"
	"strings"
)

// path is the way from a request to a value in it, linked upwards so that it costs nothing until it is printed.
type path struct {
	up   *path
	name string // of a member, or a map's key
	at   int    // 1-based position in a list; 0 for members and keys
}

// String prints the path as validation messages do: tags.1.member.key.
func (p *path) String() string {
	var parts []string
	for ; p != nil; p = p.up {
		switch {
		case p.at > 0:
			parts = append(parts, "member", strconv.Itoa(p.at))
		default:
			parts = append(parts, p.name)
		}
	}
	for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
		parts[i], parts[j] = parts[j], parts[i]
	}
	return strings.Join(parts, ".")
}

// absences are the paths of required members that a request leaves out, and of lists and maps that hold a null. A value
// field cannot tell absent from zero, so decoding notes it here for validation.
type absences map[string]bool

// note adds a path.
func (a absences) note(p *path) {
	a[p.String()] = true
}

// has reports whether a path was noted.
func (a absences) has(p *path) bool {
	return len(a) > 0 && a[p.String()]
}

// forget removes a path and everything below it.
func (a absences) forget(p *path) {
	top := p.String()
	maps.DeleteFunc(a, func(at string, _ bool) bool { return at == top || strings.HasPrefix(at, top+".") })
}

// validator collects what a request violates.
type validator struct {
	absent     absences
	hideValues bool
	violations []string
	refusal    string
}

// validate checks a decoded request against the constraints of its shape. It returns a ValidationException that names
// every violation in AWS's grammar (lambda reference 0), in the model's order of members, or nil. The Query protocol
// calls the error ValidationError.
func (s *Service) validate(p *plan, in reflect.Value, absent absences) error {
	v := &validator{absent: absent, hideValues: s.HideValues}
	v.structure(p, in, nil)
	switch n := len(v.violations); {
	case n == 1:
		return s.invalid("1 validation error detected: %s", v.violations[0])
	case n > 1:
		return s.invalid("%d validation errors detected: %s", n, strings.Join(v.violations, "; "))
	case v.refusal != "":
		return s.invalid("%s", v.refusal)
	}
	return nil
}

// invalid makes the error of a request that violates its shape.
func (s *Service) invalid(format string, args ...any) *Error {
	if s.InvalidRequest == "" {
		return ValidationException(format, args...)
	}
	return &Error{Code: s.InvalidRequest, Status: 400, Message: fmt.Sprintf(format, args...)}
}

// structure checks the members of a structure.
func (v *validator) structure(p *plan, s reflect.Value, up *path) {
	for i := range p.fields {
		f := &p.fields[i]
		value, ok := f.get(s)
		if !ok {
			continue
		}
		at := path{up: up, name: f.member}
		if f.required && v.absent.has(&at) {
			v.null(&at)
			continue
		}
		v.value(f.plan, value, &at)
	}
}

// null notes that a required member is absent.
func (v *validator) null(at *path) {
	value := " null"
	if v.hideValues {
		value = ""
	}
	v.violations = append(v.violations, fmt.Sprintf("Value%s at '%s' failed to satisfy constraint: Member must not be null", value, at))
}

// value checks a value and what it holds.
func (v *validator) value(p *plan, value reflect.Value, at *path) {
	if p.rule != nil {
		for i := range p.rule.limits {
			if l := &p.rule.limits[i]; !l.holds(value) {
				v.limit(p, value, at, l)
			}
		}
	}
	switch p.kind {
	case structKind:
		v.structure(p, value, at)
	case listKind:
		v.list(p, value, at)
	case mapKind:
		v.mapping(p, value, at)
	}
}

// limit notes that a value breaks one limit of its rule.
func (v *validator) limit(p *plan, value reflect.Value, at *path, l *limit) {
	if l.pattern && p.rule.refusal != "" {
		v.refusal = strings.ReplaceAll(p.rule.refusal, "{name}", at.String())
		return
	}
	v.violation(p, value, at, l.text)
}

// violation notes a violation of the value at a path.
func (v *validator) violation(p *plan, value reflect.Value, at *path, text string) {
	hidden := v.hideValues
	if p.rule != nil {
		hidden = p.rule.hidden
	}
	shown := ""
	if !hidden {
		shown = " '" + javaText(p, value) + "'"
	}
	v.violations = append(v.violations, fmt.Sprintf("Value%s at '%s' failed to satisfy constraint: %s", shown, at, text))
}

// list checks a list's elements: structures each at its own path, other elements as a whole.
func (v *validator) list(p *plan, list reflect.Value, at *path) {
	broken := v.absent.has(at)
	for i := range list.Len() {
		switch p.elem.kind {
		case structKind, listKind, mapKind:
			v.value(p.elem, list.Index(i), &path{up: at, at: i + 1})
		default:
			broken = broken || !p.elem.holds(list.Index(i))
		}
	}
	if broken {
		v.violation(p, list, at, "Member must satisfy constraint: ["+p.elem.texts("Member must not be null")+"]")
	}
}

// mapping checks a map's keys and values, like list.
func (v *validator) mapping(p *plan, m reflect.Value, at *path) {
	badKey, badValue := false, v.absent.has(at)
	for _, key := range sortedKeys(m) {
		badKey = badKey || !p.key.holds(key)
		switch p.elem.kind {
		case structKind, listKind, mapKind:
			v.value(p.elem, m.MapIndex(key), &path{up: at, name: key.String()})
		default:
			badValue = badValue || !p.elem.holds(m.MapIndex(key))
		}
	}
	if badKey {
		v.violation(p, m, at, "Map keys must satisfy constraint: ["+p.key.texts("")+"]")
	}
	if badValue {
		v.violation(p, m, at, "Map value must satisfy constraint: ["+p.elem.texts("Member must not be null")+"]")
	}
}

// holds reports whether an element keeps every limit of its rule.
func (p *plan) holds(v reflect.Value) bool {
	if p.rule == nil {
		return true
	}
	for i := range p.rule.limits {
		if !p.rule.limits[i].holds(v) {
			return false
		}
	}
	return true
}

// texts joins the texts of an element's limits, and last if it is not empty.
func (p *plan) texts(last string) string {
	var texts []string
	if p.rule != nil {
		for i := range p.rule.limits {
			texts = append(texts, p.rule.limits[i].text)
		}
	}
	if last != "" {
		texts = append(texts, last)
	}
	return strings.Join(texts, ", ")
}
