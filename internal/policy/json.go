package policy

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// A reader of our own rather than encoding/json because AWS refuses duplicate keys and reports where statements
// start and end, and because a document from outside must not nest without bound.

// maxDepth bounds the nesting of a document. The grammar needs six levels.
const maxDepth = 32

type nodeKind uint8

const (
	nodeNull nodeKind = iota
	nodeBool
	nodeNumber
	nodeString
	nodeArray
	nodeObject
)

// node is a JSON value with its place: the bytes start to end of the document.
type node struct {
	kind       nodeKind
	start, end int
	// text is the decoded string, or the literal text of a number or boolean.
	text    string
	items   []node
	members []member
}

type member struct {
	key   string
	start int
	value node
}

type jsonError struct {
	offset int
	detail string
}

type jsonReader struct {
	doc []byte
	at  int
}

// readJSON reads one strict JSON value (RFC 8259, UTF-8, no duplicate keys) with nothing after it.
func readJSON(doc []byte) (node, *jsonError) {
	if !utf8.Valid(doc) {
		return node{}, &jsonError{0, "not UTF-8"}
	}
	if utf8.RuneCount(doc) > MaxDocumentSize {
		return node{}, &jsonError{0, fmt.Sprintf("longer than %d characters", MaxDocumentSize)}
	}
	r := &jsonReader{doc: doc}
	root, err := r.value(0)
	if err != nil {
		return node{}, err
	}
	if r.space(); r.at < len(doc) {
		return node{}, r.fail("text after the document")
	}
	return root, nil
}

func (r *jsonReader) fail(detail string) *jsonError { return &jsonError{r.at, detail} }

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// space skips white space.
func (r *jsonReader) space() {
	for r.at < len(r.doc) && isSpace(r.doc[r.at]) {
		r.at++
	}
}

// peek is the next byte, 0 at the end.
func (r *jsonReader) peek() byte {
	if r.at < len(r.doc) {
		return r.doc[r.at]
	}
	return 0
}

func (r *jsonReader) value(depth int) (node, *jsonError) {
	r.space()
	if depth > maxDepth {
		return node{}, r.fail("nested too deeply")
	}
	n := node{start: r.at}
	var err *jsonError
	switch c := r.peek(); {
	case c == '{':
		n.kind = nodeObject
		n.members, err = r.object(depth)
	case c == '[':
		n.kind = nodeArray
		n.items, err = r.array(depth)
	case c == '"':
		n.kind = nodeString
		n.text, err = r.str()
	default:
		n.kind, n.text, err = r.scalar()
	}
	n.end = r.at
	return n, err
}

func (r *jsonReader) object(depth int) ([]member, *jsonError) {
	r.at++
	var members []member
	seen := map[string]bool{}
	for {
		r.space()
		if r.peek() == '}' && len(members) == 0 {
			break
		}
		if r.peek() != '"' {
			return nil, r.fail("expected the name of an element")
		}
		m := member{start: r.at}
		var err *jsonError
		if m.key, err = r.str(); err != nil {
			return nil, err
		}
		if seen[m.key] {
			return nil, &jsonError{m.start, fmt.Sprintf("duplicate element %q", m.key)}
		}
		seen[m.key] = true
		if r.space(); r.peek() != ':' {
			return nil, r.fail("expected ':'")
		}
		r.at++
		if m.value, err = r.value(depth + 1); err != nil {
			return nil, err
		}
		members = append(members, m)
		if r.space(); r.peek() != ',' {
			break
		}
		r.at++
	}
	if r.peek() != '}' {
		return nil, r.fail("expected ',' or '}'")
	}
	r.at++
	return members, nil
}

func (r *jsonReader) array(depth int) ([]node, *jsonError) {
	r.at++
	var items []node
	if r.space(); r.peek() == ']' {
		r.at++
		return items, nil
	}
	for {
		item, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
		if r.space(); r.peek() != ',' {
			break
		}
		r.at++
	}
	if r.peek() != ']' {
		return nil, r.fail("expected ',' or ']'")
	}
	r.at++
	return items, nil
}

// str reads a string. Escapes are rare in policies; they are left to encoding/json.
func (r *jsonReader) str() (string, *jsonError) {
	start, escaped := r.at, false
	for r.at++; r.at < len(r.doc); r.at++ {
		switch c := r.doc[r.at]; {
		case c == '"':
			r.at++
			if !escaped {
				return string(r.doc[start+1 : r.at-1]), nil
			}
			var text string
			if err := json.Unmarshal(r.doc[start:r.at], &text); err != nil {
				return "", &jsonError{start, "invalid escape in a string"}
			}
			return text, nil
		case c == '\\':
			escaped = true
			r.at++
		case c < ' ':
			return "", r.fail("control character in a string")
		}
	}
	return "", &jsonError{start, "string without end"}
}

// scalar reads a number, true, false or null.
func (r *jsonReader) scalar() (nodeKind, string, *jsonError) {
	start := r.at
	for r.at < len(r.doc) && !isSpace(r.doc[r.at]) && !isPunctuation(r.doc[r.at]) {
		r.at++
	}
	literal := r.doc[start:r.at]
	text := string(literal)
	switch {
	case text == "":
		return nodeNull, "", r.fail("expected a value")
	case !json.Valid(literal):
		return nodeNull, "", &jsonError{start, fmt.Sprintf("%.40q is not a value", text)}
	case text == "null":
		return nodeNull, text, nil
	case text == "true", text == "false":
		return nodeBool, text, nil
	}
	return nodeNumber, text, nil
}

func isPunctuation(c byte) bool {
	switch c {
	case '{', '}', '[', ']', ':', ',', '"':
		return true
	}
	return false
}
