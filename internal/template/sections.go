package template

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// header reads what a template says of itself and refuses sections that there are not.
func (t *Template) header() error {
	sections := []string{
		"AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Rules", "Mappings", "Conditions", "Transform",
		"Resources", "Outputs", "Hooks",
	}
	if unknown := others(t.Doc, sections); len(unknown) > 0 {
		return fault("Invalid template property or properties [%s]", strings.Join(unknown, ", "))
	}
	if v, ok := t.Doc["AWSTemplateFormatVersion"]; ok && v != "2010-09-09" {
		return formatError("unsupported value for AWSTemplateFormatVersion.")
	}
	if v, ok := t.Doc["Description"]; ok {
		if t.Description, ok = v.(string); !ok {
			return formatError("Template description must be a string.")
		}
		if len(t.Description) > maxDescribe {
			return formatError("'Description' length is greater than %d", maxDescribe)
		}
	}
	t.Metadata = t.Doc["Metadata"]
	if _, ok := t.Metadata.(map[string]any); !ok && t.Metadata != nil {
		return formatError("Metadata section must be a map.")
	}
	if _, ok := t.Doc["Hooks"]; ok {
		return formatError("the Hooks section is not supported.")
	}
	var err error
	t.Transforms, err = Transforms(t.Doc)
	return err
}

// Transforms are the names in a template's Transform section, in order.
func Transforms(doc map[string]any) ([]string, error) {
	section, ok := doc["Transform"]
	if !ok {
		return nil, nil
	}
	list, ok := section.([]any)
	if !ok {
		list = []any{section}
	}
	names := make([]string, 0, len(list))
	for _, one := range list {
		if m, ok := one.(map[string]any); ok {
			one = m["Name"]
		}
		name, ok := one.(string)
		if !ok {
			return nil, formatError("every Transform must be a string or an object with a Name.")
		}
		names = append(names, name)
	}
	return names, nil
}

// section returns a section as a map of maps, empty if the template lacks it. name checks what stands for one entry.
func section(doc map[string]any, name string, limit int) (map[string]any, error) {
	v, ok := doc[name]
	if !ok {
		return nil, nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, formatError("[/%s] Every %s member must be a map.", name, name)
	}
	if limit > 0 && len(m) > limit {
		return nil, formatError("Number of %s, %d, is greater than maximum allowed, %d", strings.ToLower(name), len(m), limit)
	}
	return m, nil
}

// others are the keys of a map that are none of names, sorted.
func others(m map[string]any, names []string) []string {
	return slices.DeleteFunc(sortedKeys(m), func(k string) bool { return slices.Contains(names, k) })
}

// alphanumeric reports whether a text can be a logical id.
func alphanumeric(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return r >= utf8.RuneSelf || !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9')
	}) < 0
}

// optional reads a member that is a string where it is there.
func optional(m map[string]any, name, path string) (string, error) {
	v, ok := m[name]
	if !ok {
		return "", nil
	}
	s, ok := v.(string)
	if !ok {
		return "", formatError("[%s/%s] %s must be a string.", path, name, name)
	}
	return s, nil
}

func (t *Template) parameters() error {
	var err error
	t.Parameters, err = ReadParameters(t.Doc)
	return err
}

// mappings have two levels of keys; the values are texts, numbers, truth values or lists of these.
func (t *Template) mappings() error {
	m, err := section(t.Doc, "Mappings", maxMappings)
	if err != nil {
		return err
	}
	t.Mappings = make(map[string]map[string]map[string]any, len(m))
	key := regexp.MustCompile(`^[A-Za-z0-9.-]+$`)
	for _, name := range sortedKeys(m) {
		top, ok := m[name].(map[string]any)
		if name == "Fn::Transform" {
			return refuseInclude()
		}
		if !alphanumeric(name) {
			return formatError("Mappings name '%s' is non alphanumeric.", name)
		}
		if !ok {
			return formatError("[/Mappings/%s] Every Mappings member %s must be a map", name, name)
		}
		t.Mappings[name] = make(map[string]map[string]any, len(top))
		for _, first := range sortedKeys(top) {
			second, ok := top[first].(map[string]any)
			if first == "Fn::Transform" {
				return refuseInclude()
			}
			if !ok {
				return formatError("[/Mappings/%s/%s] Every Mappings attribute must be a map", name, first)
			}
			for _, k := range sortedKeys(second) {
				if !key.MatchString(k) {
					return formatError("Mappings attribute name '%s' must contain only alphanumeric characters, dashes or periods.", k)
				}
				if !mappable(second[k]) {
					return formatError("[/Mappings/%s/%s/%s] Every Mappings attribute must be a String or a List.", name, first, k)
				}
			}
			t.Mappings[name][first] = maps.Clone(second)
		}
	}
	return nil
}

func mappable(v any) bool {
	list, ok := v.([]any)
	if !ok {
		return isScalar(v)
	}
	return !slices.ContainsFunc(list, func(one any) bool { return !isScalar(one) })
}

func isScalar(v any) bool {
	switch v.(type) {
	case string, bool, int64, float64:
		return true
	}
	return false
}

func (t *Template) conditions() error {
	m, err := section(t.Doc, "Conditions", 0)
	if err != nil {
		return err
	}
	t.Conditions = m
	for _, name := range sortedKeys(m) {
		if !alphanumeric(name) {
			return formatError("Conditions name '%s' is non alphanumeric.", name)
		}
	}
	return nil
}

func (t *Template) rules() error {
	m, err := section(t.Doc, "Rules", 0)
	if err != nil {
		return err
	}
	t.Rules = make(map[string]*Rule, len(m))
	for _, name := range sortedKeys(m) {
		rule, err := readRule(name, m[name])
		if err != nil {
			return err
		}
		t.Rules[name] = rule
	}
	return nil
}

func readRule(name string, v any) (*Rule, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, formatError("[/Rules/%s] Every Rules member must be a map.", name)
	}
	if unknown := others(m, []string{"RuleCondition", "Assertions"}); len(unknown) > 0 {
		return nil, fault("Invalid template rule property '%s'", unknown[0])
	}
	list, ok := m["Assertions"].([]any)
	if !ok || len(list) == 0 {
		return nil, formatError("[/Rules/%s] Every Rules member must contain an Assertions list.", name)
	}
	rule := &Rule{Name: name, Condition: m["RuleCondition"]}
	for _, one := range list {
		a, ok := one.(map[string]any)
		if !ok || a["Assert"] == nil || len(others(a, []string{"Assert", "AssertDescription"})) > 0 {
			return nil, formatError("[/Rules/%s/Assertions] Every assertion must contain an Assert member, and an AssertDescription or nothing else.", name)
		}
		text, err := optional(a, "AssertDescription", "/Rules/"+name+"/Assertions")
		if err != nil {
			return nil, err
		}
		rule.Assertions = append(rule.Assertions, Assertion{Assert: a["Assert"], Description: text})
	}
	return rule, nil
}

func (t *Template) outputs() error {
	m, err := section(t.Doc, "Outputs", maxOutputs)
	if err != nil {
		return err
	}
	t.Outputs = make(map[string]*Output, len(m))
	for _, name := range sortedKeys(m) {
		o, err := readOutput(name, m[name])
		if err != nil {
			return err
		}
		t.Outputs[name] = o
	}
	return nil
}

func readOutput(name string, v any) (*Output, error) {
	at := "/Outputs/" + name
	m, ok := v.(map[string]any)
	if name == "Fn::Transform" {
		return nil, refuseInclude()
	}
	switch {
	case !ok:
		return nil, formatError("[%s] Every Outputs member must be a map.", at)
	case !alphanumeric(name):
		return nil, formatError("Output %s is non alphanumeric.", name)
	case len(name) > maxName:
		return nil, formatError("Output name %s is longer than %d characters.", name, maxName)
	}
	if unknown := others(m, []string{"Description", "Value", "Export", "Condition"}); len(unknown) > 0 {
		return nil, fault("Invalid template output property '%s'", unknown[0])
	}
	if _, ok := m["Value"]; !ok {
		return nil, formatError("Every Outputs member must contain a Value object")
	}
	o := &Output{Name: name, Value: m["Value"]}
	var err error
	if o.Description, err = optional(m, "Description", at); err != nil {
		return nil, err
	}
	if o.Condition, err = optional(m, "Condition", at); err != nil {
		return nil, err
	}
	if export, ok := m["Export"]; ok {
		e, ok := export.(map[string]any)
		if !ok || len(e) != 1 || e["Name"] == nil {
			return nil, formatError("[%s/Export] Export must contain a Name and nothing else.", at)
		}
		o.Export = e["Name"]
	}
	return o, nil
}
