package cwlogs

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// ErrPattern is what every error of ParsePattern wraps.
var ErrPattern = errors.New("invalid filter pattern")

// maxPattern is the greatest length of a pattern in bytes, and maxExpressions how many regular expressions it may hold:
// CloudWatch's bounds.
const (
	maxPattern     = 4 * 1024
	maxExpressions = 2
)

// Pattern is a compiled filter pattern: what CloudWatch's FilterLogEvents, Live Tail and metric filters select messages
// by. There are three kinds: terms (ERROR -"bad gateway"), JSON ({ $.code >= 400 }) and space-delimited fields
// ([ip, ..., status=4*, bytes]). It is safe for concurrent use.
type Pattern struct {
	matcher matcher
}

// matcher is one of the kinds of patterns.
type matcher interface {
	// match tells whether a message is selected.
	match(message string) bool
	// extract returns what the pattern names of a message that it selects.
	extract(message string) map[string]string
}

// ParsePattern compiles a pattern. An empty one selects everything.
func ParsePattern(text string) (*Pattern, error) {
	if len(text) > maxPattern {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrPattern, maxPattern)
	}
	s := &scanner{text: text}
	s.space()
	var m matcher
	var err error
	switch s.peek() {
	case '{':
		m, err = parseJSONPattern(s)
	case '[':
		m, err = parseFieldPattern(s)
	default:
		m, err = parseTerms(s)
	}
	if err != nil {
		return nil, err
	}
	return &Pattern{m}, nil
}

// Match tells whether a message is selected.
func (p *Pattern) Match(message string) bool { return p.matcher.match(message) }

// Extract returns what the pattern names of a message that it selects, as TestMetricFilter shows it: the fields of a
// space-delimited pattern, the properties of a JSON pattern, nothing of terms.
func (p *Pattern) Extract(message string) map[string]string { return p.matcher.extract(message) }

// scanner reads a pattern from its beginning.
type scanner struct {
	text        string
	at          int
	expressions int
}

// errorf makes an error about the place that the scanner has reached.
func (s *scanner) errorf(format string, args ...any) error {
	return fmt.Errorf("%w: at character %d: %s", ErrPattern, s.at+1, fmt.Sprintf(format, args...))
}

// peek returns the next byte, or 0 at the end.
func (s *scanner) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

// space skips white space.
func (s *scanner) space() {
	for s.at < len(s.text) && isSpace(s.text[s.at]) {
		s.at++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// take consumes a literal, if it is next.
func (s *scanner) take(literal string) bool {
	if strings.HasPrefix(s.text[s.at:], literal) {
		s.at += len(literal)
		return true
	}
	return false
}

// word consumes a keyword, if it is next: in any case, and followed by no letter or digit.
func (s *scanner) word(keyword string) bool {
	rest := s.text[s.at:]
	if len(rest) < len(keyword) || !strings.EqualFold(rest[:len(keyword)], keyword) {
		return false
	}
	if len(rest) > len(keyword) && isWord(rest[len(keyword)]) {
		return false
	}
	s.at += len(keyword)
	return true
}

// isWord tells whether a byte may be part of a term or a name without quotation marks; those of other scripts may.
func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// until consumes what comes before the first of the bytes that end it, or everything.
func (s *scanner) until(ends string) string {
	from := s.at
	if i := strings.IndexAny(s.text[from:], ends); i >= 0 {
		s.at = from + i
	} else {
		s.at = len(s.text)
	}
	return s.text[from:s.at]
}

// quoted consumes a text in the quotation marks that are next. A backslash takes the next character as it is.
func (s *scanner) quoted() (string, error) {
	mark := s.peek()
	var b strings.Builder
	for i := s.at + 1; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == mark:
			s.at = i + 1
			return b.String(), nil
		case c == '\\' && i+1 < len(s.text):
			i++
			b.WriteByte(s.text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", s.errorf("a quotation mark is not closed")
}

// expression consumes a regular expression between percent signs.
func (s *scanner) expression() (*regexp.Regexp, error) {
	for i := s.at + 1; i < len(s.text); i++ {
		if s.text[i] == '\\' {
			i++
			continue
		}
		if s.text[i] != '%' {
			continue
		}
		re, err := compileExpression(s.text[s.at+1 : i])
		if err != nil {
			return nil, s.errorf("%v", err)
		}
		if s.expressions++; s.expressions > maxExpressions {
			return nil, s.errorf("more than %d regular expressions", maxExpressions)
		}
		s.at = i + 1
		return re, nil
	}
	return nil, s.errorf("a regular expression is not closed")
}

// compileExpression compiles a regular expression of the documented subset: letters, digits, some symbols, escapes,
// and the operators ^ $ ? [ ] { } | \ * + and the period. There are no groups.
func compileExpression(text string) (*regexp.Regexp, error) {
	if text == "" {
		return nil, errors.New("an empty regular expression")
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '\\' {
			i++
			continue
		}
		if c >= 0x80 || !isWord(c) && !strings.ContainsRune(`:#=@/;,-^$?[]{}|*+. `, rune(c)) {
			return nil, fmt.Errorf("%q has no place in a regular expression", c)
		}
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, errors.New("a regular expression that cannot be read")
	}
	return re, nil
}
