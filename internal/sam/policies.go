package sam

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// policyTemplates is SAM's list of policy templates: by name, the parameters and the document. See README.md.
//
//go:embed data/policy_templates.json
var policyTemplates []byte

// policyKind is what an entry of Policies is.
type policyKind int

const (
	unknownPolicy policyKind = iota
	managedPolicy
	documentPolicy
	templatePolicy
)

// entries returns a function's Policies as a list.
func entries(r *resource) []any {
	p := r.get("Policies")
	if !truthy(p) {
		return nil
	}
	if l, ok := p.([]any); ok {
		return l
	}
	return []any{p}
}

// kindOf says what an entry of Policies is. templates are those that may be among them; nil once they are expanded.
func kindOf(p any, templates map[string]policyTemplate) (policyKind, error) {
	if isString(p) {
		return managedPolicy, nil
	}
	if items, is := branches(p); is {
		if items == nil {
			return 0, invalidTemplate("Fn::If requires 3 arguments")
		}
		return kindOfBranches(items, templates)
	}
	if isIntrinsic(p) {
		return managedPolicy, nil
	}
	m, _ := p.(map[string]any)
	if _, ok := m["Statement"]; ok {
		return documentPolicy, nil
	}
	if len(m) == 1 {
		for name := range m {
			if _, ok := templates[name]; ok {
				return templatePolicy, nil
			}
		}
	}
	return unknownPolicy, nil
}

func kindOfBranches(items []any, templates map[string]policyTemplate) (policyKind, error) {
	yes, err := kindOf(items[1], templates)
	if err != nil {
		return 0, err
	}
	no, err := kindOf(items[2], templates)
	switch {
	case err != nil:
		return 0, err
	case yes == no || isNoValue(items[2]):
		return yes, nil
	case isNoValue(items[1]):
		return no, nil
	}
	return 0, invalidTemplate("Different policy types within the same Fn::If statement is unsupported. " +
		"Separate different policy types into different Fn::If statements")
}

// expandPolicyTemplates replaces the policy templates in a function's Policies by the documents that they stand for.
func (t *translation) expandPolicyTemplates(r *resource) error {
	list := entries(r)
	if len(list) == 0 {
		return nil
	}
	templates, err := t.policyTemplates()
	if err != nil {
		return err
	}
	expanded := make([]any, len(list))
	for i, p := range list {
		kind, err := kindOf(p, templates)
		if err != nil {
			return err
		}
		expanded[i] = p
		if kind != templatePolicy {
			continue
		}
		var failed error
		expanded[i] = eachBranch(p, func(v any) any {
			document, err := expandPolicyTemplate(r.id, v, templates)
			if err != nil && failed == nil {
				failed = err
			}
			return document
		})
		if failed != nil {
			return failed
		}
	}
	r.properties["Policies"] = expanded
	return nil
}

// policyTemplate is one of SAM's.
type policyTemplate struct {
	Parameters map[string]any
	Definition map[string]any
}

// expandPolicyTemplate makes the document of a policy template written as {NAME: {PARAMETER: VALUE, …}}.
func expandPolicyTemplate(id string, written any, templates map[string]policyTemplate) (any, error) {
	m, _ := written.(map[string]any)
	for name, values := range m {
		template, ok := templates[name]
		if !ok {
			return nil, invalidTemplate("Fn::If in an Fn::If of policy templates is unsupported.")
		}
		given, ok := values.(map[string]any)
		if !ok {
			return nil, invalidResource(id, fmt.Sprintf("Must specify valid parameter values for policy template '%s'", name))
		}
		var missing []string
		for _, p := range slices.Sorted(maps.Keys(template.Parameters)) {
			if _, ok := given[p]; !ok {
				missing = append(missing, p)
			}
		}
		if len(missing) > 0 {
			return nil, invalidResource(id, fmt.Sprintf("Following required parameters of template '%s' don't have values: %s",
				name, quoted(missing)))
		}
		return fill(template.Definition, template.Parameters, given), nil
	}
	return written, nil
}

// fill copies a policy template with the values of its parameters in the place of references to them. The values are not
// looked into: what they refer to belongs to the stack.
func fill(v any, parameters, values map[string]any) any {
	switch v := v.(type) {
	case map[string]any:
		if name, argument := call(v); name == "Ref" {
			if p, ok := argument.(string); ok && parameters[p] != nil {
				if s, _ := values[p].(string); !strings.HasPrefix(s, "{{IntrinsicFunction:") {
					return clone(values[p])
				}
			}
		}
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = fill(e, parameters, values)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = fill(e, parameters, values)
		}
		return l
	}
	return v
}

// policyTemplates reads the list at the first function that has policies.
func (t *translation) policyTemplates() (map[string]policyTemplate, error) {
	if t.templates == nil {
		var file struct{ Templates map[string]policyTemplate }
		if err := json.Unmarshal(policyTemplates, &file); err != nil {
			return nil, fmt.Errorf("sam: policy templates: %w", err)
		}
		t.templates = file.Templates
	}
	return t.templates, nil
}
