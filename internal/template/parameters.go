package template

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Parameter is one of the Parameters section.
type Parameter struct {
	Name, Type, Description, ConstraintDescription string
	// Default is the text of the default; nil: a value must be given.
	Default       *string
	NoEcho        bool
	AllowedValues []string
	// AllowedPattern is the whole value's regular expression, as written; empty: none.
	AllowedPattern       string
	MinLength, MaxLength *int64
	MinValue, MaxValue   *float64

	pattern *regexp.Regexp
}

// List reports whether the parameter's value is a list. SSM parameters are lists where the type within is one.
func (p *Parameter) List() bool {
	t := p.Type
	if inner, ok := p.SSM(); ok {
		t = inner
	}
	return t == "CommaDelimitedList" || strings.HasPrefix(t, "List<")
}

// SSM reports whether the parameter names one of Parameter Store, whose value it takes, and of which type that value is.
func (p *Parameter) SSM() (inner string, ok bool) {
	inner, ok = strings.CutPrefix(p.Type, "AWS::SSM::Parameter::Value<")
	return strings.TrimSuffix(inner, ">"), ok
}

// ReadParameters reads the Parameters section of a tree, which transforms leave as it is: Bind can be used before them.
func ReadParameters(doc map[string]any) (map[string]*Parameter, error) {
	m, err := section(doc, "Parameters", maxParameters)
	if err != nil {
		return nil, err
	}
	all := make(map[string]*Parameter, len(m))
	for _, name := range sortedKeys(m) {
		p, err := readParameter(name, m[name])
		if err != nil {
			return nil, err
		}
		all[name] = p
	}
	return all, nil
}

func readParameter(name string, v any) (*Parameter, error) {
	m, ok := v.(map[string]any)
	switch {
	case name == "Fn::Transform":
		return nil, refuseInclude()
	case !ok:
		return nil, formatError("[/Parameters/%s] Every Parameters member must be a map.", name)
	case !alphanumeric(name):
		return nil, formatError("Parameter name %s is non alphanumeric.", name)
	case len(name) > maxName:
		return nil, formatError("Parameter name %s is longer than %d characters.", name, maxName)
	}
	known := []string{
		"Type", "Default", "NoEcho", "AllowedValues", "AllowedPattern", "MaxLength", "MinLength", "MaxValue", "MinValue",
		"Description", "ConstraintDescription",
	}
	if unknown := others(m, known); len(unknown) > 0 {
		return nil, fault("Invalid template parameter property '%s'", unknown[0])
	}
	p := &Parameter{Name: name}
	if p.Type, ok = m["Type"].(string); !ok {
		return nil, formatError("Every Parameters object must contain a Type member.")
	}
	if !knownType(p.Type) {
		return nil, formatError("Unrecognized parameter type: %s", p.Type)
	}
	if err := p.texts(m); err != nil {
		return nil, err
	}
	return p, p.constraints(m)
}

// knownType reports whether parameters can have a type. The types that name things of other services are many; their
// values are taken as texts.
func knownType(t string) bool {
	if inner, ok := strings.CutPrefix(t, "AWS::SSM::Parameter::Value<"); ok {
		inner, ok = strings.CutSuffix(inner, ">")
		return ok && (inner == "String" || inner == "CommaDelimitedList" || inner == "List<String>" || specific(inner))
	}
	switch t {
	case "String", "Number", "List<Number>", "CommaDelimitedList", "List<String>", "AWS::SSM::Parameter::Name":
		return true
	}
	return specific(t)
}

// specific reports whether t is of the form of an AWS-specific parameter type, or a list of one.
func specific(t string) bool {
	if inner, ok := strings.CutPrefix(t, "List<"); ok {
		t, ok = strings.CutSuffix(inner, ">")
		if !ok {
			return false
		}
	}
	parts := strings.Split(t, "::")
	return len(parts) == 4 && parts[0] == "AWS" && !slices.ContainsFunc(parts, func(s string) bool { return !alphanumeric(s) })
}

// texts reads the members of a parameter that are texts.
func (p *Parameter) texts(m map[string]any) error {
	at := "/Parameters/" + p.Name
	for _, member := range []struct {
		name string
		to   *string
	}{{"Description", &p.Description}, {"ConstraintDescription", &p.ConstraintDescription}, {"AllowedPattern", &p.AllowedPattern}} {
		var err error
		if *member.to, err = optional(m, member.name, at); err != nil {
			return err
		}
	}
	if v, ok := m["Default"]; ok {
		text, ok := scalarText(v)
		if !ok {
			return formatError("Every Default member must be a string.")
		}
		p.Default = &text
	}
	if v, ok := m["NoEcho"]; ok {
		text, _ := scalarText(v)
		if text != "true" && text != "false" {
			return formatError("[%s/NoEcho] NoEcho must be true or false.", at)
		}
		p.NoEcho = text == "true"
	}
	if v, ok := m["AllowedValues"]; ok {
		list, ok := v.([]any)
		if !ok {
			return formatError("[%s/AllowedValues] AllowedValues must be a list.", at)
		}
		for _, one := range list {
			text, ok := scalarText(one)
			if !ok {
				return formatError("Every AllowedValues member must be a string.")
			}
			p.AllowedValues = append(p.AllowedValues, text)
		}
	}
	return nil
}

// constraints reads the members of a parameter that limit its value.
func (p *Parameter) constraints(m map[string]any) error {
	for _, member := range []struct {
		name string
		to   **int64
	}{{"MinLength", &p.MinLength}, {"MaxLength", &p.MaxLength}} {
		if v, ok := m[member.name]; ok {
			n, ok := integer(v)
			if !ok || n < 0 {
				return formatError("[/Parameters/%s/%s] %s must be a non-negative integer.", p.Name, member.name, member.name)
			}
			*member.to = &n
		}
	}
	for _, member := range []struct {
		name string
		to   **float64
	}{{"MinValue", &p.MinValue}, {"MaxValue", &p.MaxValue}} {
		if v, ok := m[member.name]; ok {
			text, _ := scalarText(v)
			n, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return formatError("[/Parameters/%s/%s] %s must be a number.", p.Name, member.name, member.name)
			}
			*member.to = &n
		}
	}
	if p.AllowedPattern != "" {
		var err error
		// The whole value must match.
		if p.pattern, err = regexp.Compile(`^(?:` + p.AllowedPattern + `)$`); err != nil {
			return formatError("Parameter '%s' AllowedPattern is not a regular expression that can be used here: %s", p.Name, p.AllowedPattern)
		}
	}
	return nil
}

// scalarText is the text of a scalar, as CloudFormation writes numbers and truth values where it wants texts.
func scalarText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case int:
		return strconv.Itoa(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	return "", false
}
