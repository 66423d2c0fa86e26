package sam

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// resource is a serverless resource as it is written, its properties checked.
type resource struct {
	id, kind   string
	dependsOn  any
	attributes map[string]any // Condition, DeletionPolicy, UpdateReplacePolicy, UpdatePolicy, Metadata: those written
	properties map[string]any // those written, without those that are null
}

// property says what a property may be.
type property struct {
	name     string
	required bool
	literal  bool // an intrinsic function counts as what it is: a map
	valid    func(any) bool
	expected string // for the text; "" where SAM says only that the type is wrong
}

func passed(name string) property { return property{name: name, literal: true} }
func mapOf(name string) property {
	return property{name: name, valid: isMap, expected: "map"}
}
func text(name string) property {
	return property{name: name, valid: isString, expected: "string"}
}
func textOrMap(name string) property {
	return property{name: name, valid: isStringOrMap}
}
func flag(name string) property { return property{name: name, valid: isBool} }
func listOf(name string) property {
	return property{name: name, valid: isListOfStringsOrMaps}
}

func isStringOrMap(v any) bool { return isString(v) || isMap(v) }

func isListOfStringsOrMaps(v any) bool {
	l, ok := v.([]any)
	return ok && !slices.ContainsFunc(l, func(e any) bool { return !isStringOrMap(e) })
}

func isMapOfMaps(v any) bool {
	m, ok := v.(map[string]any)
	for _, e := range m {
		ok = ok && isMap(e)
	}
	return ok
}

// readResource reads a resource of a serverless type. expand, which may be nil, changes its properties before their check.
func readResource(id, kind string, written map[string]any, table []property, expand func(*resource) error) (*resource, error) {
	if !regexp.MustCompile(`^[A-Za-z0-9]+$`).MatchString(id) {
		return nil, invalidResource(id, "Logical ids must be alphanumeric.")
	}
	r := &resource{id: id, kind: kind, dependsOn: written["DependsOn"], attributes: make(map[string]any), properties: make(map[string]any)}
	for _, a := range []string{"DeletionPolicy", "UpdatePolicy", "Condition", "UpdateReplacePolicy", "Metadata"} {
		if v, ok := written[a]; ok {
			r.attributes[a] = v
		}
	}
	properties, _ := written["Properties"].(map[string]any)
	for name, v := range properties {
		if v != nil {
			r.properties[name] = v
		}
	}
	if expand != nil {
		if err := expand(r); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if !slices.ContainsFunc(table, func(p property) bool { return p.name == name }) {
			return nil, invalidResource(id, "property "+name+" not defined for resource of type "+kind)
		}
	}
	for _, p := range table {
		if err := r.check(p); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *resource) check(p property) error {
	v, written := r.properties[p.name]
	if !written {
		if p.required {
			return invalidResource(r.id, "Missing required property '"+p.name+"'.")
		}
		return nil
	}
	// A map of one entry may be an intrinsic function: the stack finds out.
	if m, ok := v.(map[string]any); ok && len(m) == 1 && !p.literal {
		return nil
	}
	if p.valid == nil || p.valid(v) {
		return nil
	}
	if p.expected == "" {
		return invalidResource(r.id, "Type of property '"+p.name+"' is invalid.")
	}
	return invalidResource(r.id, fmt.Sprintf("Property '%s' should be a %s.", p.name, p.expected))
}

// get returns a property as written, nil if it is not.
func (r *resource) get(name string) any { return r.properties[name] }

// has says whether a property is written and not empty.
func (r *resource) has(name string) bool { return truthy(r.properties[name]) }

// inherited returns the attributes that every resource generated for this one has as well.
func (r *resource) inherited() map[string]any {
	attributes := make(map[string]any)
	for _, a := range []string{"Condition", "DeletionPolicy", "UpdateReplacePolicy"} {
		if v, ok := r.attributes[a]; ok {
			attributes[a] = v
		}
	}
	return attributes
}

// generated is a resource of the expanded template.
type generated struct {
	id, kind   string
	dependsOn  any
	attributes map[string]any
	properties map[string]any
}

func newGenerated(id, kind string, attributes map[string]any) *generated {
	return &generated{id: id, kind: kind, attributes: attributes, properties: make(map[string]any)}
}

// set sets a property; nil sets none.
func (g *generated) set(name string, v any) {
	if v != nil {
		g.properties[name] = v
	}
}

// tree is the resource as a template has it.
func (g *generated) tree() map[string]any {
	m := map[string]any{"Type": g.kind, "Properties": g.properties}
	if truthy(g.dependsOn) {
		m["DependsOn"] = g.dependsOn
	}
	maps.Copy(m, g.attributes)
	return m
}
