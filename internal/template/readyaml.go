package template

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// yamlReader turns YAML's nodes into a tree. Nodes and not values, since CloudFormation reads scalars as YAML 1.1 does, but
// keeps dates and what begins with a 0 as texts, and since only nodes know their tags and lines.
type yamlReader struct{}

func readYAML(body []byte) (any, error) {
	var root yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(&root); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, formatError("unsupported structure.")
		}
		return nil, yamlError(err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		if err != nil {
			return nil, yamlError(err)
		}
		return nil, formatError("unsupported structure.") // more than one document
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) != 1 {
		return nil, formatError("unsupported structure.")
	}
	return yamlReader{}.value(root.Content[0], 0)
}

// yamlError words an error of the parser, which tells the line in its text alone.
func yamlError(err error) error {
	if m := regexp.MustCompile(`line (\d+)`).FindStringSubmatch(err.Error()); m != nil {
		return formatError("YAML not well-formed. (line %s, column 1)", m[1])
	}
	return formatError("YAML not well-formed.")
}

// misplaced is an error at a node.
func misplaced(n *yaml.Node) error {
	return formatError("YAML not well-formed. (line %d, column %d)", n.Line, n.Column)
}

func (r yamlReader) value(n *yaml.Node, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errDepth()
	}
	plain, err := r.untagged(n, depth)
	if err != nil || !custom(n) {
		return plain, err
	}
	return function(n, plain)
}

// custom reports whether a node has a tag of CloudFormation's, not of YAML's own.
func custom(n *yaml.Node) bool {
	return strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") && n.Tag != "!"
}

// untagged is the value of a node without its function.
func (r yamlReader) untagged(n *yaml.Node, depth int) (any, error) {
	switch n.Kind {
	case yaml.MappingNode:
		return r.mapping(n, depth)
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, one := range n.Content {
			v, err := r.value(one, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.ScalarNode:
		if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 || custom(n) {
			return n.Value, nil
		}
		return scalar(n)
	}
	return nil, formatError("YAML aliases are not allowed in CloudFormation templates")
}

func (r yamlReader) mapping(n *yaml.Node, depth int) (any, error) {
	m := make(map[string]any, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind == yaml.AliasNode {
			return nil, formatError("YAML aliases are not allowed in CloudFormation templates")
		}
		if key.Kind != yaml.ScalarNode {
			return nil, formatError("map keys must be strings; received a %s instead (line %d, column %d)", kindName(key), key.Line, key.Column)
		}
		if _, twice := m[key.Value]; twice || key.Tag == "!!merge" {
			return nil, misplaced(key)
		}
		v, err := r.value(n.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		m[key.Value] = v
	}
	return m, nil
}

func kindName(n *yaml.Node) string {
	if n.Kind == yaml.SequenceNode {
		return "list"
	}
	return "map"
}

// function is the long form of a tagged node.
func function(n *yaml.Node, argument any) (any, error) {
	name := strings.TrimPrefix(n.Tag, "!")
	switch {
	case name == "Ref" || name == "Condition":
		return map[string]any{name: argument}, nil
	case slices.Contains(shortForms(), name):
		return map[string]any{"Fn::" + name: argument}, nil // Read parts the argument of Fn::GetAtt
	}
	return nil, misplaced(n)
}

// scalar is the value of a plain scalar under YAML 1.1's rules, or under the tag that it has.
func scalar(n *yaml.Node) (any, error) {
	text := n.Value
	if n.Style&yaml.TaggedStyle != 0 {
		switch n.Tag {
		case "!!str", "!":
			return text, nil
		case "!!binary", "!!omap", "!!pairs", "!!set", "!!timestamp":
			return nil, misplaced(n)
		}
	}
	switch text {
	case "", "~", "null", "Null", "NULL":
		return nil, nil
	case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON":
		return true, nil
	case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF":
		return false, nil
	}
	digits := strings.TrimLeft(text, "+-")
	if len(text)-len(digits) > 1 || digits == "" || len(digits) > 1 && digits[0] == '0' && digits[1] != '.' {
		return text, nil // account numbers with a zero in front are no octal numbers
	}
	if strings.Trim(digits, "0123456789_.eE+-") != "" || strings.Trim(digits, "eE_+-.") == "" || strings.ContainsAny(digits[:1], "eE_") {
		return text, nil
	}
	plain := strings.ReplaceAll(text, "_", "")
	if _, err := strconv.ParseFloat(plain, 64); err != nil {
		return text, nil
	}
	return number(plain), nil
}
