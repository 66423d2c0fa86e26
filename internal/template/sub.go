package template

import "strings"

// piece is a part of the text of an Fn::Sub: a name to be replaced, or text.
type piece struct {
	text string
	name bool
}

// pieces parts the text of an Fn::Sub. ${!Name} stands for ${Name} itself; what is opened and never closed is text.
func pieces(text string) ([]piece, error) {
	var list []piece
	for {
		before, after, found := strings.Cut(text, "${")
		name, rest, closed := strings.Cut(after, "}")
		if !found || !closed {
			return append(list, piece{text: text}), nil
		}
		if before != "" {
			list = append(list, piece{text: before})
		}
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			list = append(list, piece{text: "${" + literal + "}"})
		} else {
			name = strings.TrimSpace(name)
			if !variable(name) {
				return nil, templateError("variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons")
			}
			list = append(list, piece{text: name, name: true})
		}
		text = rest
	}
}

func variable(name string) bool {
	return alphanumeric(strings.NewReplacer("_", "", ".", "", ":", "").Replace(name))
}

func errSub() error {
	return templateError("One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, " +
		"and an optional second argument to specify a mapping of values to replace in the string")
}

// subArguments parts the argument of an Fn::Sub: the text, and the variables of its own.
func subArguments(argument any) (text string, own map[string]any, err error) {
	switch v := argument.(type) {
	case string:
		return v, nil, nil
	case []any:
		if len(v) != 2 {
			return "", nil, errSub()
		}
		text, ok := v[0].(string)
		own, isMap := v[1].(map[string]any)
		if !ok || !isMap {
			return "", nil, errSub()
		}
		return text, own, nil
	}
	return "", nil, errSub()
}

func (e *evaluator) sub(argument any) (any, error) {
	text, own, err := subArguments(argument)
	if err != nil {
		return nil, err
	}
	list, err := pieces(text)
	if err != nil {
		return nil, err
	}
	if own != nil {
		evaluated, err := e.members(own)
		if err != nil {
			return nil, err
		}
		own = evaluated.(map[string]any)
	}
	var out strings.Builder
	for _, p := range list {
		if !p.name {
			out.WriteString(p.text)
			continue
		}
		v, err := e.variable(p.text, own)
		if err != nil {
			return nil, err
		}
		if _, ok := v.(deferred); ok { // the whole call waits
			if own == nil {
				return deferred{map[string]any{"Fn::Sub": text}}, nil
			}
			return deferred{map[string]any{"Fn::Sub": []any{text, own}}}, nil
		}
		s, ok := scalarText(v)
		if !ok {
			return nil, templateError("variable %s in Fn::Sub expression does not resolve to a string", p.text)
		}
		out.WriteString(s)
	}
	return e.dynamic(out.String())
}

// variable is the value of a name in the text of an Fn::Sub.
func (e *evaluator) variable(name string, own map[string]any) (any, error) {
	if v, ok := own[name]; ok {
		return v, nil
	}
	if v, ok := e.pseudo(name); ok {
		if _, nothing := v.(none); nothing {
			return nil, templateError("variable %s in Fn::Sub expression does not resolve to a string", name)
		}
		return v, nil
	}
	id, path, dotted := strings.Cut(name, ".")
	if !dotted {
		return e.ref(name)
	}
	if e.partial {
		return deferred{}, nil
	}
	if _, _, err := e.resource(id); err != nil {
		return nil, templateError("instance of Fn::Sub references invalid resource attribute %s", name)
	}
	return e.attribute(id, path, "Fn::Sub")
}
