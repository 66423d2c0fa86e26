package policy

import (
	"strings"
	"unicode/utf8"
)

// Compiled patterns mark wildcards with bytes that valid UTF-8 never holds, so that a literal asterisk (from an
// escape or a substituted variable) cannot become a wildcard.
const (
	anyRun  = 0xFF // "*": any characters, also none
	anyChar = 0xFE // "?": one character
)

// pattern is a value of a policy that request values are compared with.
type pattern struct {
	// raw is the value as written, for explanations.
	raw string
	// text is what to compare with, wildcards marked; unused when there are variables.
	text string
	// wild reports that text holds wildcards.
	wild bool
	// pieces alternate text and variables; nil without variables.
	pieces []piece
}

// piece is literal text with wildcards marked or, with a key, a variable.
type piece struct {
	text string
	// key is the condition key in lower case, name as written.
	key, name  string
	fallback   string
	hasDefault bool
}

// compilePattern reads a value in which wildcards and, in version 2012-10-17, variables may count.
func compilePattern(s string, wildcards, variables bool) pattern {
	p := pattern{raw: s}
	var text strings.Builder
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case wildcards && c == '*':
			text.WriteByte(anyRun)
			p.wild = true
		case wildcards && c == '?':
			text.WriteByte(anyChar)
			p.wild = true
		case variables && strings.HasPrefix(s[i:], "${"):
			v, length := parseVariable(s[i:])
			if v.key != "" {
				p.pieces = append(p.pieces, piece{text: text.String()}, v)
				text.Reset()
			} else {
				text.WriteString(v.text)
			}
			i += length
			continue
		default:
			text.WriteByte(c)
		}
		i++
	}
	if p.pieces == nil {
		p.text = text.String()
		return p
	}
	p.pieces = append(p.pieces, piece{text: text.String()})
	return p
}

// parseVariable reads what starts with "${" and says how long it is: an escape (${*}, ${?}, ${$}), a variable
// ${key}, or one with a default ${key, 'value'}. Anything else is literal text.
func parseVariable(s string) (piece, int) {
	end := strings.IndexByte(s, '}')
	if end < 0 {
		return piece{text: s[:2]}, 2
	}
	body := s[2:end]
	switch body {
	case "*", "?", "$":
		return piece{text: body}, end + 1
	}
	v := piece{}
	if name, rest, found := strings.Cut(body, ","); found {
		quoted := strings.TrimLeft(rest, " ")
		from := end - len(quoted) + 1
		closing := strings.Index(s[min(from, len(s)):], "'}")
		if !strings.HasPrefix(quoted, "'") || closing < 0 {
			return piece{text: s[:2]}, 2
		}
		body, v.hasDefault, v.fallback, end = name, true, s[from:from+closing], from+closing+1
	}
	v.name = strings.TrimSpace(body)
	v.key = strings.ToLower(v.name)
	if v.key == "" {
		return piece{text: s[:2]}, 2
	}
	return v, end + 1
}

// resolve fills in variables. It fails when one has neither a value nor a default; then nothing equals the
// pattern. Substituted text is literal.
func (p *pattern) resolve(ctx Context) (string, bool) {
	if p.pieces == nil {
		return p.text, true
	}
	var text []byte
	for i := range p.pieces {
		v := &p.pieces[i]
		if v.key == "" {
			text = append(text, v.text...)
			continue
		}
		value, ok := substitute(ctx, v.key)
		switch {
		case ok:
			text = append(text, value...)
		case v.hasDefault:
			text = append(text, v.fallback...)
		default:
			return "", false
		}
	}
	return string(text), true
}

// substitute is the value of a variable. Keys with several values are no variables, and a value that is not UTF-8
// could smuggle in a wildcard mark.
func substitute(ctx Context, key string) (string, bool) {
	v, ok := lookup(ctx, key)
	if !ok || v.multi || v.Len() == 0 || !utf8.ValidString(v.At(0)) {
		return "", false
	}
	return v.At(0), true
}

// match reports whether the whole of s fits.
func (p *pattern) match(s string, ctx Context) bool {
	if p.pieces == nil && !p.wild {
		return p.text == s
	}
	text, ok := p.resolve(ctx)
	return ok && glob(text, s, false)
}

// matchARN compares an ARN field by field: a wildcard in one of the first five fields stays inside of it. What has
// fewer than six fields does not match.
func (p *pattern) matchARN(s string, ctx Context) bool {
	text, ok := p.resolve(ctx)
	for range 5 {
		field, restOfText, found := strings.Cut(text, ":")
		value, rest, isARN := strings.Cut(s, ":")
		if !ok || !found || !isARN || !glob(field, value, false) {
			return false
		}
		text, s = restOfText, rest
	}
	return ok && glob(text, s, false)
}

// keys lists the names of the variables.
func (p *pattern) keys() []string {
	var names []string
	for i := range p.pieces {
		if p.pieces[i].key != "" {
			names = append(names, p.pieces[i].name)
		}
	}
	return names
}

// glob matches s against text with marked wildcards. It goes back to the last "*" only, which is enough, so its
// time is bounded by the product of the lengths. With fold, ASCII letters of s match in any case; text must be in
// lower case then.
func glob(text, s string, fold bool) bool {
	i, j := 0, 0
	star, resume := -1, 0
	for j < len(s) {
		if i < len(text) {
			switch c := text[i]; {
			case c == anyRun:
				star, resume = i, j
				i++
				continue
			case c == anyChar:
				i++
				j += runeLen(s[j:])
				continue
			case c == s[j], fold && c == lower(s[j]):
				i++
				j++
				continue
			}
		}
		if star < 0 {
			return false
		}
		resume += runeLen(s[resume:])
		i, j = star+1, resume
	}
	for i < len(text) && text[i] == anyRun {
		i++
	}
	return i == len(text)
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

func runeLen(s string) int {
	if s[0] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(s)
	return n
}
