package template

import (
	"slices"
	"strings"
)

// check looks at everything that refers to something else in the template.
func (t *Template) check() error {
	for _, step := range []func() error{t.checkConditions, t.checkResources, t.checkOutputs, t.checkCircles} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func unresolved(block string, ids []string) error {
	return formatError("Unresolved resource dependencies [%s] in the %s block of the template", strings.Join(ids, ", "), block)
}

// checkConditions checks conditions and rules: they know parameters and each other, no resources.
func (t *Template) checkConditions() error {
	for _, name := range sortedKeys(t.Conditions) {
		if err := t.checkDecision(t.Conditions[name], "Conditions"); err != nil {
			return err
		}
	}
	for _, name := range sortedKeys(t.Rules) {
		rule := t.Rules[name]
		if rule.Condition != nil {
			if err := t.checkDecision(rule.Condition, "Rules"); err != nil {
				return err
			}
		}
		for _, a := range rule.Assertions {
			if err := t.checkDecision(a.Assert, "Rules"); err != nil {
				return err
			}
		}
	}
	_, err := t.conditionOrder()
	return err
}

func (t *Template) checkDecision(v any, block string) error {
	if err := t.checkCalls(v, true); err != nil {
		return err
	}
	var ids []string
	s := &scanner{found: func(ref reference) {
		if t.Parameters[ref.id] == nil && !isPseudo(ref.id) && !slices.Contains(ids, ref.id) {
			ids = append(ids, ref.id)
		}
	}}
	s.scan(v)
	if len(ids) > 0 {
		slices.Sort(ids)
		return formatError("Unresolved dependencies [%s]. Cannot reference resources in the %s block of the template", strings.Join(ids, ", "), block)
	}
	return nil
}

func isPseudo(id string) bool {
	_, ok := (&evaluator{s: &Scope{}}).pseudo(id)
	return ok
}

func (t *Template) checkResources() error {
	var missing []string
	for _, name := range sortedKeys(t.Resources) {
		r := t.Resources[name]
		if err := t.checkCondition(r.Condition, "Resources"); err != nil {
			return err
		}
		for _, id := range r.DependsOn {
			if t.Resources[id] == nil {
				missing = append(missing, id)
			}
		}
		if r.Properties == nil {
			continue
		}
		if err := t.checkCalls(r.Properties, false); err != nil {
			return err
		}
		found, err := t.undefined(r.Properties)
		if err != nil {
			return err
		}
		missing = append(missing, found...)
	}
	return refuseMissing("Resources", missing)
}

func (t *Template) checkOutputs() error {
	var missing []string
	for _, name := range sortedKeys(t.Outputs) {
		o := t.Outputs[name]
		if err := t.checkCondition(o.Condition, "Outputs"); err != nil {
			return err
		}
		tree := []any{o.Value}
		if o.Export != nil {
			tree = append(tree, o.Export)
		}
		if err := t.checkCalls(tree, false); err != nil {
			return err
		}
		found, err := t.undefined(tree)
		if err != nil {
			return err
		}
		missing = append(missing, found...)
	}
	return refuseMissing("Outputs", missing)
}

func refuseMissing(block string, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	slices.Sort(ids)
	return unresolved(block, slices.Compact(ids))
}

func (t *Template) checkCondition(name, block string) error {
	if _, known := t.Conditions[name]; name != "" && !known {
		return formatError("Unresolved condition dependency %s in the %s block of the template", name, block)
	}
	return nil
}

// undefined are the ids in a tree that nothing in the template has. Those of attributes have errors of their own.
func (t *Template) undefined(v any) (ids []string, err error) {
	s := &scanner{found: func(ref reference) {
		if t.Resources[ref.id] != nil || ref.path == "" && ref.function != "Fn::GetAtt" && (t.Parameters[ref.id] != nil || isPseudo(ref.id)) {
			return
		}
		switch {
		case err != nil:
		case ref.function == "Fn::GetAtt":
			err = templateError("instance of Fn::GetAtt references undefined resource %s", ref.id)
		case ref.path != "":
			err = templateError("instance of Fn::Sub references invalid resource attribute %s.%s", ref.id, ref.path)
		default:
			ids = append(ids, ref.id)
		}
	}}
	s.scan(v)
	return ids, err
}

// checkCircles refuses resources that wait for each other whatever the conditions are.
func (t *Template) checkCircles() error {
	edges := map[string][]string{}
	for name, r := range t.Resources {
		if r.Condition == "" {
			edges[name] = t.collect(r, &scanner{branches: noBranch}, func(string) bool { return true })
		}
	}
	return refuseCircle(sortedKeys(t.Resources), edges)
}

func refuseCircle(names []string, edges map[string][]string) error {
	if _, circle := sorted(names, edges); len(circle) > 0 {
		return fault("Circular dependency between resources: [%s]", strings.Join(circle, ", "))
	}
	return nil
}

// checkPresent checks what exists under decided conditions.
func (t *Template) checkPresent(s *Scope) error {
	edges := map[string][]string{}
	var missing []string
	absent := &scanner{branches: takenBranch, scope: s, found: func(ref reference) {
		if t.Resources[ref.id] != nil && !t.Exists(s, ref.id) {
			missing = append(missing, ref.id)
		}
	}}
	var names []string
	for _, name := range sortedKeys(t.Resources) {
		if !t.Exists(s, name) {
			continue
		}
		r := t.Resources[name]
		names = append(names, name)
		edges[name] = t.Needs(s, r)
		absent.scan(any(r.Properties))
	}
	if err := refuseMissing("Resources", missing); err != nil {
		return err
	}
	for _, name := range sortedKeys(t.Outputs) {
		if o := t.Outputs[name]; o.Condition == "" || s.Conditions[o.Condition] {
			absent.scan(o.Value)
			absent.scan(o.Export)
		}
	}
	if err := refuseMissing("Outputs", missing); err != nil {
		return err
	}
	return refuseCircle(names, edges)
}

// checkCalls checks the shapes of the arguments of all functions in a tree. deciding is set in conditions and rules.
func (t *Template) checkCalls(v any, deciding bool) error {
	var err error
	walk(v, func(name string, argument any) {
		if err == nil {
			err = t.checkCall(name, argument, deciding)
		}
	})
	return err
}

func (t *Template) checkCall(name string, argument any, deciding bool) error {
	list, isList := argument.([]any)
	size := len(list)
	switch name {
	case "Ref":
		if _, ok := argument.(string); !ok {
			return templateError("All References must be of type string")
		}
	case "Condition":
		if id, ok := argument.(string); ok && deciding {
			if _, known := t.Conditions[id]; !known {
				return templateError("unresolved condition dependency %s in Condition", id)
			}
		}
	case "Fn::GetAtt":
		return checkGetAtt(argument)
	case "Fn::Sub":
		text, _, err := subArguments(argument)
		if err == nil {
			_, err = pieces(text)
		}
		return err
	case "Fn::If":
		return t.checkIf(list)
	case "Fn::FindInMap":
		return t.checkFindInMap(list)
	case "Fn::Join":
		if size != 2 {
			return errJoin()
		}
	case "Fn::Split":
		if size != 2 {
			return errSplit()
		}
	case "Fn::Select":
		if isList && size != 2 {
			return errSelect()
		}
	case "Fn::Transform":
		return refuseInclude()
	case "Fn::Base64", "Fn::Cidr", "Fn::GetAZs", "Fn::ImportValue":
	default:
		return checkBoolean(name, list, deciding)
	}
	return nil
}

// checkBoolean checks a call of the functions of conditions and rules, and refuses what is no function at all.
func checkBoolean(name string, list []any, deciding bool) error {
	switch name {
	case "Fn::And", "Fn::Or":
		if len(list) < 2 || len(list) > 10 {
			return errBooleans(name)
		}
	case "Fn::Not":
		if len(list) != 1 {
			return templateError("Fn::Not requires a list argument with one element")
		}
	case "Fn::Equals", "Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn":
		if len(list) != 2 {
			return templateError("%s requires a list argument with two elements", name)
		}
	case "Fn::RefAll", "Fn::ValueOf", "Fn::ValueOfAll":
	default:
		return unsupported(name)
	}
	if !deciding {
		return templateError("%s cannot be partially collapsed", name)
	}
	return nil
}

func checkGetAtt(argument any) error {
	list, ok := argument.([]any)
	if _, text := argument.(string); text {
		return templateError("if specifying one argument to Fn::GetAtt, that argument must be a non-empty string in format <LogicalId>.<Attribute>")
	}
	if !ok || len(list) != 2 || list[1] == "" {
		return errGetAtt()
	}
	if id, ok := list[0].(string); !ok || id == "" {
		return errGetAtt()
	}
	return nil
}

func (t *Template) checkIf(list []any) error {
	if len(list) == 0 {
		return templateError("Fn::If requires a list argument with the first element being a condition")
	}
	name, ok := list[0].(string)
	if !ok {
		return templateError("Fn::If requires a list argument with the first element being a condition")
	}
	if len(list) != 3 {
		return templateError("Fn::If requires a list argument with three elements")
	}
	if _, known := t.Conditions[name]; !known {
		return templateError("unresolved condition dependency %s in Fn::If", name)
	}
	return nil
}

// checkFindInMap checks a call without the extensions, which Extend has evaluated before.
func (t *Template) checkFindInMap(list []any) error {
	if len(list) != 3 {
		return errFindInMap()
	}
	for _, one := range list {
		m, isMap := one.(map[string]any)
		if name, _, call := callOf(m); isMap && call && name != "Ref" && name != "Fn::FindInMap" {
			return errFindInMap()
		}
	}
	if name, ok := list[0].(string); ok && t.Mappings[name] == nil {
		return templateError("Mapping named '%s' is not present in the 'Mappings' section of template.", name)
	}
	return nil
}
