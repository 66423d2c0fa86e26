package awsapi

import (
	"encoding/json"
	"unicode/utf8"
)

// jsonReader walks a JSON text that json.Valid has accepted, so it checks no syntax. It exists because encoding/json
// matches the names of members without regard to case, which AWS does not, and copies large strings more than once.
type jsonReader struct {
	data []byte
	at   int
}

// peek skips white space and returns the first byte of what follows.
func (r *jsonReader) peek() byte {
	for {
		switch c := r.data[r.at]; c {
		case ' ', '\t', '\r', '\n':
			r.at++
		default:
			return c
		}
	}
}

// enter consumes the opening brace or bracket.
func (r *jsonReader) enter() {
	r.peek()
	r.at++
}

// more reports whether a further member or element follows in the object or array entered, consuming what separates or
// closes.
func (r *jsonReader) more() bool {
	switch r.peek() {
	case '}', ']':
		r.at++
		return false
	case ',':
		r.at++
	}
	return true
}

// name consumes a member's name and the colon.
func (r *jsonReader) name() ([]byte, bool) {
	raw := r.value()
	r.peek()
	r.at++
	return unquote(raw)
}

// value consumes a value and returns its text.
func (r *jsonReader) value() []byte {
	c := r.peek()
	start, depth := r.at, 0
	for {
		switch c {
		case '"':
			r.skipString()
		case '{', '[':
			depth++
			r.at++
		case '}', ']':
			depth--
			r.at++
		case ',', ':':
			r.at++
		default:
			r.skipLiteral()
		}
		if depth == 0 {
			return r.data[start:r.at]
		}
		c = r.peek()
	}
}

// skipString consumes a string.
func (r *jsonReader) skipString() {
	for r.at++; r.data[r.at] != '"'; r.at++ {
		if r.data[r.at] == '\\' {
			r.at++
		}
	}
	r.at++
}

// skipLiteral consumes a number, true, false or null.
func (r *jsonReader) skipLiteral() {
	for ; r.at < len(r.data); r.at++ {
		switch r.data[r.at] {
		case ' ', '\t', '\r', '\n', ',', ':', ']', '}':
			return
		}
	}
}

// unquote returns the text of a JSON string, which shares raw's memory if nothing is escaped, and whether it is UTF-8.
func unquote(raw []byte) ([]byte, bool) {
	inner := raw[1 : len(raw)-1]
	escaped := false
	for _, c := range inner {
		if c == '\\' {
			escaped = true
			break
		}
	}
	if !utf8.Valid(inner) {
		return nil, false
	}
	if !escaped {
		return inner, true
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, false
	}
	return []byte(s), true
}
