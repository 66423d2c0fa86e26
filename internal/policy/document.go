package policy

import "fmt"

// The versions of the language. A document without Version is of 2008-10-17.
const (
	version2008 = "2008-10-17"
	version2012 = "2012-10-17"
)

// Words of the grammar.
const (
	allow    = "Allow"
	deny     = "Deny"
	anything = "*"
)

// The keys of a Principal object.
const (
	principalAWS       = "AWS"
	principalService   = "Service"
	principalFederated = "Federated"
	principalCanonical = "CanonicalUser"
)

// document is a policy as written: the shape is checked, the values are not.
type document struct {
	version    string
	hasVersion bool
	start      int
	statements []rawStatement
}

type rawStatement struct {
	start, end  int
	sid         string
	sidStart    int
	effect      string
	effectStart int
	// Of each of the pairs at most one is set in a valid statement.
	principal, notPrincipal *rawPrincipal
	action, notAction       *rawList
	resource, notResource   *rawList
	conditions              []rawCondition
}

// principals is the value of Principal or of NotPrincipal; nil when the statement has neither.
func (s *rawStatement) principals() *rawPrincipal {
	if s.principal != nil {
		return s.principal
	}
	return s.notPrincipal
}

// actions is the value of Action or of NotAction, empty when the statement has neither.
func (s *rawStatement) actions() *rawList { return either(s.action, s.notAction, s.start) }

// resources is the value of Resource or of NotResource, empty when the statement has neither.
func (s *rawStatement) resources() *rawList { return either(s.resource, s.notResource, s.start) }

func either(list, not *rawList, start int) *rawList {
	switch {
	case list != nil:
		return list
	case not != nil:
		return not
	}
	return &rawList{start: start}
}

// rawList is a string or a list of strings; nil pointers to it mean that the element is absent.
type rawList struct {
	start  int
	values []string
}

// rawPrincipal is the value of Principal or NotPrincipal: a bare string or an object of lists.
type rawPrincipal struct {
	start    int
	isObject bool
	bare     string
	entries  []rawPrincipalEntry
}

// rawPrincipalEntry is one value under AWS, Service, Federated or CanonicalUser.
type rawPrincipalEntry struct {
	start       int
	kind, value string
}

// rawCondition is one operator, key and its values.
type rawCondition struct {
	start         int
	operator, key string
	values        []string
}

// decoder turns JSON into a document. Its faults carry the kind's own text for bad syntax.
type decoder struct{ kind Kind }

func (d decoder) fail(offset int, format string, args ...any) *SyntaxError {
	return &SyntaxError{Message: d.kind.syntaxText(), Detail: fmt.Sprintf(format, args...), Offset: offset}
}

// decodeDocument checks the shape of the top of a document: known elements of the right JSON types.
func decodeDocument(root node, kind Kind) (*document, *SyntaxError) {
	d := decoder{kind}
	if root.kind != nodeObject {
		return nil, d.fail(root.start, "a policy is a JSON object")
	}
	doc := &document{start: root.start}
	for _, m := range root.members {
		var fault *SyntaxError
		switch m.key {
		case "Version":
			doc.hasVersion = true
			doc.version, fault = d.text(m)
		case "Id":
			_, fault = d.text(m)
		case "Statement":
			doc.statements, fault = d.statements(m)
		default:
			fault = d.fail(m.start, "unknown element %q", m.key)
		}
		if fault != nil {
			return nil, fault
		}
	}
	return doc, nil
}

func (d decoder) text(m member) (string, *SyntaxError) {
	if m.value.kind != nodeString {
		return "", d.fail(m.value.start, "%s must be a string", m.key)
	}
	return m.value.text, nil
}

func (d decoder) statements(m member) ([]rawStatement, *SyntaxError) {
	items := m.value.items
	if m.value.kind != nodeArray {
		items = []node{m.value}
	}
	list := make([]rawStatement, 0, len(items))
	for _, item := range items {
		s, fault := d.statement(item)
		if fault != nil {
			return nil, fault
		}
		list = append(list, s)
	}
	return list, nil
}

func (d decoder) statement(n node) (rawStatement, *SyntaxError) {
	s := rawStatement{start: n.start, end: n.end, effectStart: n.start}
	if n.kind != nodeObject {
		return s, d.fail(n.start, "a statement must be a JSON object")
	}
	for _, m := range n.members {
		if fault := d.element(&s, m); fault != nil {
			return s, fault
		}
	}
	return s, nil
}

func (d decoder) element(s *rawStatement, m member) (fault *SyntaxError) {
	switch m.key {
	case "Sid":
		s.sidStart = m.value.start
		s.sid, fault = d.text(m)
	case "Effect":
		s.effectStart = m.value.start
		s.effect, fault = d.text(m)
	case "Principal":
		s.principal, fault = d.principal(m)
	case "NotPrincipal":
		s.notPrincipal, fault = d.principal(m)
	case "Action":
		s.action, fault = d.list(m)
	case "NotAction":
		s.notAction, fault = d.list(m)
	case "Resource":
		s.resource, fault = d.list(m)
	case "NotResource":
		s.notResource, fault = d.list(m)
	case "Condition":
		s.conditions, fault = d.conditions(m)
	default:
		fault = d.fail(m.start, "unknown element %q", m.key)
	}
	return fault
}

// list reads a string or an array of strings.
func (d decoder) list(m member) (*rawList, *SyntaxError) {
	l := &rawList{start: m.value.start}
	items := m.value.items
	if m.value.kind != nodeArray {
		items = []node{m.value}
	}
	for _, item := range items {
		if item.kind != nodeString {
			return nil, d.fail(item.start, "%s must hold strings", m.key)
		}
		l.values = append(l.values, item.text)
	}
	return l, nil
}

func (d decoder) principal(m member) (*rawPrincipal, *SyntaxError) {
	p := &rawPrincipal{start: m.value.start}
	switch m.value.kind {
	case nodeString:
		p.bare = m.value.text
	case nodeObject:
		p.isObject = true
		for _, sub := range m.value.members {
			l, fault := d.list(sub)
			if fault != nil {
				return nil, fault
			}
			for _, value := range l.values {
				p.entries = append(p.entries, rawPrincipalEntry{start: l.start, kind: sub.key, value: value})
			}
		}
	default:
		return nil, d.fail(m.value.start, "%s must be %q or an object", m.key, "*")
	}
	return p, nil
}

// conditions reads {operator: {key: value or values}}. An operator without keys says nothing, and AWS accepts it
// even when it does not know the operator.
func (d decoder) conditions(m member) ([]rawCondition, *SyntaxError) {
	if m.value.kind != nodeObject {
		return nil, d.fail(m.value.start, "Condition must be an object")
	}
	var list []rawCondition
	for _, operator := range m.value.members {
		if operator.value.kind != nodeObject {
			return nil, d.fail(operator.value.start, "%s must be an object of condition keys", operator.key)
		}
		for _, key := range operator.value.members {
			c := rawCondition{start: operator.start, operator: operator.key, key: key.key}
			items := key.value.items
			if key.value.kind != nodeArray {
				items = []node{key.value}
			}
			for _, item := range items {
				switch item.kind {
				case nodeString, nodeNumber, nodeBool:
					c.values = append(c.values, item.text)
				default:
					return nil, d.fail(item.start, "condition values are strings, numbers or booleans")
				}
			}
			list = append(list, c)
		}
	}
	return list, nil
}
