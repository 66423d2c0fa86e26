package payload

import (
	"unicode/utf16"
	"unicode/utf8"
)

// A hand-written scanner over JSON text. It validates (RFC 8259) and gives out positions, never copies; it exists because
// every response passes through it and reflection costs more than all the rest.

// maxDepth is the deepest nesting taken for JSON, the same as encoding/json's.
const maxDepth = 10000

// span is a stretch of the scanned text.
type span struct{ start, end int }

func (s span) of(b []byte) []byte { return b[s.start:s.end] }

// skipSpace returns the index of the first byte from i on that is no JSON white space.
func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// scanValue returns the index after the JSON value that starts at b[i]; ok is false if there is no valid value. depth is the
// number of objects and arrays around it.
func scanValue(b []byte, i, depth int) (end int, ok bool) {
	if i >= len(b) {
		return 0, false
	}
	switch c := b[i]; c {
	case '"':
		return scanString(b, i)
	case '{':
		if depth == maxDepth {
			return 0, false
		}
		m := members{b: b, at: i + 1, depth: depth + 1}
		for m.next() {
		}
		return m.at, !m.bad
	case '[':
		if depth == maxDepth {
			return 0, false
		}
		e := elements{b: b, at: i + 1, depth: depth + 1}
		for e.next() {
		}
		return e.at, !e.bad
	case 't':
		return scanWord(b, i, "true")
	case 'f':
		return scanWord(b, i, "false")
	case 'n':
		return scanWord(b, i, "null")
	}
	return scanNumber(b, i)
}

// members iterates over the members of a JSON object. at starts behind the opening brace and ends behind the closing one;
// depth is the number of objects and arrays around the members.
type members struct {
	b          []byte
	at, depth  int
	key, value span // the current member; key is the text between the quotes, still escaped
	begun, bad bool
}

// next goes to the next member. It returns false at the end of the object or, with bad set, at an error.
func (m *members) next() bool {
	i, more := nextItem(m.b, m.at, '}', m.begun)
	m.begun = true
	if !more {
		m.at = i
		m.bad = i == 0
		return false
	}
	end, ok := 0, false
	if i < len(m.b) && m.b[i] == '"' {
		end, ok = scanString(m.b, i)
	}
	if !ok {
		m.bad = true
		return false
	}
	m.key = span{i + 1, end - 1}
	i = skipSpace(m.b, end)
	if i == len(m.b) || m.b[i] != ':' {
		m.bad = true
		return false
	}
	m.value.start = skipSpace(m.b, i+1)
	m.value.end, ok = scanValue(m.b, m.value.start, m.depth)
	m.at = m.value.end
	m.bad = !ok
	return ok
}

// elements iterates over the elements of a JSON array. at starts behind the opening bracket and ends behind the closing one.
type elements struct {
	b          []byte
	at, depth  int
	value      span // the current element
	begun, bad bool
}

// next goes to the next element. It returns false at the end of the array or, with bad set, at an error.
func (e *elements) next() bool {
	i, more := nextItem(e.b, e.at, ']', e.begun)
	e.begun = true
	if !more {
		e.at = i
		e.bad = i == 0
		return false
	}
	end, ok := scanValue(e.b, i, e.depth)
	e.value = span{i, end}
	e.at = end
	e.bad = !ok
	return ok
}

// nextItem steps to the next item of an object or array: over the comma, if there was an item before. If there are no more
// items it returns the index after the closing byte, 0 if that is missing.
func nextItem(b []byte, i int, closing byte, begun bool) (at int, more bool) {
	i = skipSpace(b, i)
	switch {
	case i == len(b):
		return 0, false
	case b[i] == closing:
		return i + 1, false
	case !begun:
		return i, true
	case b[i] != ',':
		return 0, false
	}
	i = skipSpace(b, i+1)
	return i, true // a closing byte after a comma is no valid item: the caller's scan fails
}

// scanString returns the index after the string whose opening quote is b[i].
func scanString(b []byte, i int) (end int, ok bool) {
	i++
	for {
		i = indexSpecial(b, i)
		if i == len(b) || b[i] < ' ' {
			return 0, false
		}
		if b[i] == '"' {
			return i + 1, true
		}
		if i+1 == len(b) {
			return 0, false
		}
		switch b[i+1] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			i += 2
		case 'u':
			if _, ok := hex4(b, i+2); !ok {
				return 0, false
			}
			i += 6
		default:
			return 0, false
		}
	}
}

// hex4 reads the four hexadecimal digits at b[i:].
func hex4(b []byte, i int) (r rune, ok bool) {
	if i+4 > len(b) {
		return 0, false
	}
	for _, c := range b[i : i+4] {
		digit, ok := unhex(c)
		if !ok {
			return 0, false
		}
		r = r<<4 | rune(digit)
	}
	return r, true
}

// scanWord returns the index after word, which should stand at b[i:].
func scanWord(b []byte, i int, word string) (end int, ok bool) {
	end = i + len(word)
	return end, end <= len(b) && string(b[i:end]) == word
}

// scanNumber returns the index after the number at b[i:].
func scanNumber(b []byte, i int) (end int, ok bool) {
	if i < len(b) && b[i] == '-' {
		i++
	}
	switch {
	case i < len(b) && b[i] == '0':
		i++
	default:
		if i, ok = scanDigits(b, i); !ok {
			return 0, false
		}
	}
	if i < len(b) && b[i] == '.' {
		if i, ok = scanDigits(b, i+1); !ok {
			return 0, false
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if i, ok = scanDigits(b, i); !ok {
			return 0, false
		}
	}
	return i, true
}

// scanDigits returns the index after the digits at b[i:], of which there must be one at least.
func scanDigits(b []byte, i int) (end int, ok bool) {
	end = i
	for end < len(b) && '0' <= b[end] && b[end] <= '9' {
		end++
	}
	return end, end > i
}

// unescape returns the text of a valid JSON string's inside: raw itself if there is nothing to unescape.
func unescape(raw []byte) []byte {
	i := indexSpecial(raw, 0)
	if i == len(raw) {
		return raw
	}
	out := make([]byte, 0, len(raw))
	start := 0
	for {
		out = append(out, raw[start:i]...)
		if i == len(raw) {
			return out
		}
		out, start = appendUnescapedAt(out, raw, i)
		i = indexSpecial(raw, start)
	}
}

// appendUnescapedAt appends what the escape sequence at raw[i:] stands for and returns the index after it.
func appendUnescapedAt(out, raw []byte, i int) ([]byte, int) {
	switch c := raw[i+1]; c {
	case 'b':
		return append(out, '\b'), i + 2
	case 'f':
		return append(out, '\f'), i + 2
	case 'n':
		return append(out, '\n'), i + 2
	case 'r':
		return append(out, '\r'), i + 2
	case 't':
		return append(out, '\t'), i + 2
	case 'u':
		r, _ := hex4(raw, i+2)
		i += 6
		if utf16.IsSurrogate(r) {
			pair := rune(utf8.RuneError)
			if i+1 < len(raw) && raw[i] == '\\' && raw[i+1] == 'u' {
				second, _ := hex4(raw, i+2)
				pair = utf16.DecodeRune(r, second)
			}
			if pair != utf8.RuneError {
				i += 6
			}
			r = pair
		}
		return utf8.AppendRune(out, r), i
	default:
		return append(out, c), i + 2
	}
}

// compact returns valid JSON text without the white space between its tokens: b itself if there is none.
func compact(b []byte) []byte {
	var out []byte
	start := 0
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case c == '"':
			i, _ = scanString(b, i)
		case isSpace(c):
			if out == nil {
				out = make([]byte, 0, len(b))
			}
			out = append(out, b[start:i]...)
			i = skipSpace(b, i)
			start = i
		default:
			i++
		}
	}
	if out == nil {
		return b
	}
	return append(out, b[start:]...)
}
