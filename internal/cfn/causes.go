package cfn

import (
	"regexp"
	"strings"
)

// cause is why the value of a property may change: what the template refers to there.
type cause struct {
	source  ChangeSource
	entity  string // empty for a change of the template itself
	dynamic bool   // whether it will change, shows only when it is carried out
}

// causes finds what a property's value depends on that changes.
type causes struct {
	conditions map[string]bool
	parameters map[string]bool // those that have another value than before
	fates      map[string]fate // of resources
	found      []cause
}

// walk looks through a value of a template, functions and all.
func (c *causes) walk(v any) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			c.walk(one)
		}
	case map[string]any:
		if len(v) == 1 {
			for name, argument := range v {
				if c.function(name, argument) {
					return
				}
			}
		}
		for _, one := range v {
			c.walk(one)
		}
	}
}

// function looks at what may be an intrinsic function; it reports whether there is nothing else to be seen.
func (c *causes) function(name string, argument any) bool {
	switch name {
	case "Ref":
		if id, ok := argument.(string); ok {
			c.ref(id)
			return true
		}
	case "Fn::GetAtt":
		if parts, ok := argument.([]any); ok && len(parts) > 0 {
			if id, ok := parts[0].(string); ok {
				c.attribute(id, attributeName(parts[1:]))
			}
			return true
		}
	case "Fn::If":
		if parts, ok := argument.([]any); ok && len(parts) == 3 {
			if condition, ok := parts[0].(string); ok && c.conditions[condition] {
				c.walk(parts[1])
			} else {
				c.walk(parts[2])
			}
			return true
		}
	case "Fn::Sub":
		c.substitution(argument)
		return true
	}
	return false
}

func attributeName(parts []any) string {
	var names []string
	for _, one := range parts {
		if s, ok := one.(string); ok {
			names = append(names, s)
		}
	}
	return strings.Join(names, ".")
}

// substituted finds the names in the text of an Fn::Sub.
var substituted = regexp.MustCompile(`\$\{\s*([^!}\s][^}\s]*)\s*\}`)

func (c *causes) substitution(argument any) {
	var own map[string]any
	text, ok := argument.(string)
	if list, isList := argument.([]any); isList && len(list) == 2 {
		text, ok = list[0].(string)
		own, _ = list[1].(map[string]any)
	}
	if !ok {
		return
	}
	for _, m := range substituted.FindAllStringSubmatch(text, -1) {
		if _, local := own[m[1]]; local {
			continue
		}
		if id, attribute, dotted := strings.Cut(m[1], "."); dotted {
			c.attribute(id, attribute)
		} else {
			c.ref(m[1])
		}
	}
	for _, v := range own {
		c.walk(v)
	}
}

func (c *causes) ref(id string) {
	if c.parameters[id] {
		c.add(cause{source: ChangeSourceParameterReference, entity: id})
		return
	}
	switch c.fates[id] {
	case added, replaced:
		c.add(cause{source: ChangeSourceResourceReference, entity: id})
	case maybeReplaced:
		c.add(cause{source: ChangeSourceResourceReference, entity: id, dynamic: true})
	}
}

func (c *causes) attribute(id, name string) {
	if c.fates[id] != kept {
		c.add(cause{source: ChangeSourceResourceAttribute, entity: id + "." + name, dynamic: true})
	}
}

func (c *causes) add(one cause) {
	for _, known := range c.found {
		if known == one {
			return
		}
	}
	c.found = append(c.found, one)
}

// of is why a property has another value than before; raw and before are its values in the templates.
func (c *causes) of(raw, before any) []cause {
	c.found = nil
	c.walk(raw)
	if !equal(raw, before) {
		c.add(cause{source: ChangeSourceDirectModification})
	}
	return c.found
}
