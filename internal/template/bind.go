package template

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Lookup resolves a name of Parameter Store: its value, or an error. "name" and "name:version" are asked for.
type Lookup func(name string) (value string, err error)

// Bound are parameters with their values.
type Bound struct {
	// Texts are the values as given or defaulted: for SSM parameters the name. They are what DescribeStacks shows.
	Texts map[string]string
	// Resolved are the values that SSM parameters were found to have.
	Resolved map[string]string
	// Values are what functions see, for Scope.Parameters: a string, or []any of strings.
	Values map[string]any
}

// Bind gives parameters the values of a request, or their defaults, and checks them. lookup resolves parameters of the type
// AWS::SSM::Parameter::Value<…>; nil: these are refused. The error is an *Error, or what lookup returned.
func Bind(parameters map[string]*Parameter, given map[string]string, lookup Lookup) (*Bound, error) {
	var unknown []string
	for _, name := range sortedKeys(given) {
		if parameters[name] == nil {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		return nil, fault("Parameters: [%s] do not exist in the template", strings.Join(unknown, ", "))
	}
	b := &Bound{Texts: map[string]string{}, Resolved: map[string]string{}, Values: map[string]any{}}
	var missing []string
	for _, name := range sortedKeys(parameters) {
		p := parameters[name]
		text, ok := given[name]
		if !ok && p.Default != nil {
			text, ok = *p.Default, true
		}
		if !ok {
			missing = append(missing, name)
			continue
		}
		b.Texts[name] = text
	}
	if len(missing) > 0 {
		return nil, fault("Parameters: [%s] must have values", strings.Join(missing, ", "))
	}
	for _, name := range sortedKeys(parameters) {
		if err := b.bind(parameters[name], lookup); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *Bound) bind(p *Parameter, lookup Lookup) error {
	text := b.Texts[p.Name]
	if err := p.check(text); err != nil {
		return err
	}
	if _, ok := p.SSM(); ok {
		if lookup == nil {
			return fault("Parameter %s: there is no Parameter Store to take its value from", p.Name)
		}
		found, err := lookup(text)
		if err != nil {
			return err
		}
		text = found
		b.Resolved[p.Name] = found
	}
	if !p.List() {
		b.Values[p.Name] = text
		return nil
	}
	list := []any{}
	for _, one := range splitList(text) {
		list = append(list, one)
	}
	b.Values[p.Name] = list
	return nil
}

// splitList parts a list in a text. Blanks around its members do not count. As with CloudFormation, an empty text is a
// list of one empty member: templates look at the first one to see whether there are any.
func splitList(text string) []string {
	parts := strings.Split(text, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// check refuses a value that the parameter cannot have. For SSM parameters the text is the name, which the constraints are about.
func (p *Parameter) check(text string) error {
	if len(text) > maxValue {
		return fault("Parameter '%s' value is longer than %d bytes", p.Name, maxValue)
	}
	values := []string{text}
	if _, ssm := p.SSM(); p.List() && !ssm {
		values = splitList(text)
	}
	for _, one := range values {
		if p.Type == "Number" || p.Type == "List<Number>" {
			if _, err := strconv.ParseFloat(one, 64); err != nil {
				return p.refuse("Parameter '%s' must be a number.", p.Name)
			}
		}
		if len(p.AllowedValues) > 0 && !slices.Contains(p.AllowedValues, one) {
			return p.refuse("Parameter '%s' must be one of AllowedValues", p.Name)
		}
		if err := p.checkText(one); err != nil {
			return err
		}
		if err := p.checkNumber(one); err != nil {
			return err
		}
	}
	return nil
}

func (p *Parameter) checkText(text string) error {
	n := int64(utf8.RuneCountInString(text))
	switch {
	case p.pattern != nil && !p.pattern.MatchString(text):
		return p.refuse("Parameter '%s' must match pattern %s", p.Name, p.AllowedPattern)
	case p.MinLength != nil && n < *p.MinLength:
		return p.refuse("Parameter '%s' must contain at least %d characters", p.Name, *p.MinLength)
	case p.MaxLength != nil && n > *p.MaxLength:
		return p.refuse("Parameter '%s' must contain at most %d characters", p.Name, *p.MaxLength)
	}
	return nil
}

func (p *Parameter) checkNumber(text string) error {
	if p.MinValue == nil && p.MaxValue == nil {
		return nil
	}
	n, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil:
		return p.refuse("Parameter '%s' must be a number.", p.Name)
	case p.MinValue != nil && n < *p.MinValue:
		return p.refuse("Parameter '%s' must be a number not less than %s", p.Name, strconv.FormatFloat(*p.MinValue, 'f', -1, 64))
	case p.MaxValue != nil && n > *p.MaxValue:
		return p.refuse("Parameter '%s' must be a number not greater than %s", p.Name, strconv.FormatFloat(*p.MaxValue, 'f', -1, 64))
	}
	return nil
}

// refuse words why a value is not taken: the template's own description of the constraint is preferred, as AWS does.
func (p *Parameter) refuse(format string, args ...any) error {
	if p.ConstraintDescription != "" {
		return fault("Parameter %s failed to satisfy constraint: %s", p.Name, p.ConstraintDescription)
	}
	return fault("%s", fmt.Sprintf(format, args...))
}
