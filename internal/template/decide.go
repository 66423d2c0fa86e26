package template

import (
	"slices"
	"strings"
)

// Decide evaluates the conditions into s.Conditions, which it replaces, then the rules, then checks that what exists under
// the conditions refers to nothing that does not, and that no resources wait for each other in a circle. It needs the
// pseudo parameters and s.Parameters. The error is an *Error.
func (t *Template) Decide(s *Scope) error {
	if err := t.DecideConditions(s); err != nil {
		return err
	}
	if err := t.assert(s); err != nil {
		return err
	}
	return t.checkPresent(s)
}

// DecideConditions evaluates the conditions into s.Conditions and does nothing else that Decide does.
func (t *Template) DecideConditions(s *Scope) error {
	s.Conditions = make(map[string]bool, len(t.Conditions))
	names, err := t.conditionOrder()
	if err != nil {
		return err
	}
	e := &evaluator{t: t, s: s, deciding: true}
	for _, name := range names {
		holds, err := e.decide(t.Conditions[name])
		if err != nil {
			return err
		}
		s.Conditions[name] = holds
	}
	return nil
}

// conditionOrder sorts the conditions so that each comes after those that it refers to.
func (t *Template) conditionOrder() ([]string, error) {
	edges := map[string][]string{}
	for name, expression := range t.Conditions {
		walk(expression, func(function string, argument any) {
			id, ok := argument.(string)
			if list, isList := argument.([]any); function == "Fn::If" && isList && len(list) > 0 {
				id, ok = list[0].(string)
			} else if function != "Condition" {
				return
			}
			if _, known := t.Conditions[id]; ok && known {
				edges[name] = append(edges[name], id)
			}
		})
	}
	order, circle := sorted(sortedKeys(t.Conditions), edges)
	if len(circle) > 0 {
		return nil, formatError("Circular dependency between conditions: [%s]", strings.Join(circle, ", "))
	}
	return order, nil
}

// decide evaluates an expression that is true or false.
func (e *evaluator) decide(v any) (bool, error) {
	m, ok := v.(map[string]any)
	name, argument, isCall := callOf(m)
	if !ok || !isCall {
		return false, formatError("Conditions can only be boolean operations on parameters and other conditions")
	}
	list, _ := argument.([]any)
	switch name {
	case "Condition":
		id, _ := argument.(string)
		holds, known := e.s.Conditions[id]
		if !known {
			return false, templateError("unresolved condition dependency %s in Condition", id)
		}
		return holds, nil
	case "Fn::And", "Fn::Or":
		if len(list) < 2 || len(list) > 10 {
			return false, errBooleans(name)
		}
		return e.all(list, name == "Fn::And")
	case "Fn::Not":
		if len(list) != 1 {
			return false, templateError("Fn::Not requires a list argument with one element")
		}
		holds, err := e.decide(list[0])
		return !holds, err
	case "Fn::Equals", "Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn":
		if len(list) != 2 {
			return false, templateError("%s requires a list argument with two elements", name)
		}
		return e.compare(name, list)
	}
	return false, formatError("Conditions can only be boolean operations on parameters and other conditions")
}

func errBooleans(name string) error {
	return templateError("every %s object requires a list of at least 2 and at most 10 boolean parameters.", name)
}

// all reports whether all expressions hold, or with and=false whether any does. All are evaluated, for their errors.
func (e *evaluator) all(list []any, and bool) (bool, error) {
	result := and
	for _, one := range list {
		holds, err := e.decide(one)
		if err != nil {
			return false, err
		}
		if and {
			result = result && holds
		} else {
			result = result || holds
		}
	}
	return result, nil
}

// compare evaluates the functions that look at two values.
func (e *evaluator) compare(name string, arguments []any) (bool, error) {
	var sides [2]any
	for i, one := range arguments {
		var err error
		if sides[i], err = e.value(one); err != nil {
			return false, err
		}
	}
	if name == "Fn::Equals" {
		return same(sides[0], sides[1]), nil
	}
	members, ok := sides[0].([]any)
	if !ok {
		return false, templateError("%s requires a list of strings as its first element", name)
	}
	if name == "Fn::Contains" {
		return slices.ContainsFunc(members, func(one any) bool { return same(one, sides[1]) }), nil
	}
	allowed, ok := sides[1].([]any)
	if name == "Fn::EachMemberEquals" {
		allowed, ok = sides[1:], true
	}
	if !ok {
		return false, templateError("%s requires a list of strings as its second element", name)
	}
	for _, one := range members {
		if !slices.ContainsFunc(allowed, func(other any) bool { return same(one, other) }) {
			return false, nil
		}
	}
	return true, nil
}

// same compares values as Fn::Equals does: scalars by their texts.
func same(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			if other, ok := b[k]; !ok || !same(v, other) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, same)
	}
	x, ok := scalarText(a)
	y, also := scalarText(b)
	return ok && also && x == y
}

// refAll evaluates Fn::RefAll: the values of all parameters of a type.
func (e *evaluator) refAll(argument any) (any, error) {
	kind, ok := argument.(string)
	if !ok {
		return nil, templateError("Fn::RefAll requires the name of a parameter type")
	}
	list := []any{}
	for _, name := range sortedKeys(e.t.Parameters) {
		if e.t.Parameters[name].Type != kind {
			continue
		}
		switch v := e.s.Parameters[name].(type) {
		case []any:
			list = append(list, v...)
		case string:
			list = append(list, v)
		}
	}
	return list, nil
}

// assert evaluates the rules.
func (t *Template) assert(s *Scope) error {
	e := &evaluator{t: t, s: s, deciding: true}
	for _, name := range sortedKeys(t.Rules) {
		rule := t.Rules[name]
		if rule.Condition != nil {
			applies, err := e.decide(rule.Condition)
			if err != nil {
				return err
			}
			if !applies {
				continue
			}
		}
		for _, a := range rule.Assertions {
			holds, err := e.decide(a.Assert)
			if err != nil {
				return err
			}
			if !holds {
				return refuseRule(name, a.Description)
			}
		}
	}
	return nil
}

func refuseRule(name, description string) error {
	if description == "" {
		return templateError("Rule %s: an assertion does not hold", name)
	}
	return templateError("%s", description)
}
