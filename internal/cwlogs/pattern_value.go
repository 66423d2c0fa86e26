package cwlogs

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

// comparison is an operator with the value to compare with: of a property in JSON, or of a field.
type comparison struct {
	operator   string // one of operators
	text       string
	quoted     bool // never a number
	expression *regexp.Regexp
	number     float64
	numeric    bool
}

// operators in the order in which they are looked for.
var operators = [...]string{"!=", "<=", ">=", "=", "<", ">"}

// parseComparison reads an operator and a value that ends before one of the bytes.
func parseComparison(s *scanner, ends string) (comparison, error) {
	var c comparison
	for _, operator := range operators {
		if s.take(operator) {
			c.operator = operator
			break
		}
	}
	if c.operator == "" {
		return c, s.errorf("want one of = != < > <= >=")
	}
	s.space()
	var err error
	switch s.peek() {
	case '"':
		c.text, err = s.quoted()
		c.quoted = true
	case '%':
		c.expression, err = s.expression()
	default:
		c.text = s.until(ends + "&| \t\r\n")
		if c.text == "" {
			return c, s.errorf("a value is missing")
		}
		c.number, c.numeric = parseNumber(c.text)
	}
	if err != nil {
		return c, err
	}
	if ordered := c.operator != "=" && c.operator != "!="; ordered && !c.numeric {
		return c, s.errorf("%s wants a number", c.operator)
	}
	return c, nil
}

// parseNumber reads a decimal number, also with an exponent.
func parseNumber(text string) (float64, bool) {
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && !strings.ContainsRune("+-.eE", rune(c)) {
			return 0, false // ParseFloat reads more: hexadecimals, infinities, underscores
		}
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil && !math.IsInf(n, 0)
}

// holds compares a text, which may be a number.
func (c *comparison) holds(text string) bool {
	switch c.operator {
	case "=":
		return c.equals(text)
	case "!=":
		return !c.equals(text)
	}
	n, ok := parseNumber(text)
	return ok && c.orders(n)
}

func (c *comparison) equals(text string) bool {
	if c.expression != nil {
		return c.expression.MatchString(text)
	}
	if c.numeric {
		if n, ok := parseNumber(text); ok {
			return n == c.number
		}
	}
	return wildcard(c.text, text)
}

func (c *comparison) orders(n float64) bool {
	switch c.operator {
	case "<":
		return n < c.number
	case ">":
		return n > c.number
	case "<=":
		return n <= c.number
	default:
		return n >= c.number
	}
}

// wildcard tells whether a text is what the pattern says, in which an asterisk stands for any characters.
func wildcard(pattern, text string) bool {
	first, rest, found := strings.Cut(pattern, "*")
	if !found {
		return pattern == text
	}
	if !strings.HasPrefix(text, first) {
		return false
	}
	text = text[len(first):]
	for {
		part, more, found := strings.Cut(rest, "*")
		if !found {
			return strings.HasSuffix(text, part)
		}
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text, rest = text[i+len(part):], more
	}
}

// either and both are conditions joined by || and &&.
type (
	either[T any] []both[T]
	both[T any]   []T
)

// parseConditions reads conditions joined by && and ||, of which && binds more closely.
func parseConditions[T any](s *scanner, one func() (T, error)) (either[T], error) {
	var out either[T]
	var group both[T]
	for {
		s.space()
		c, err := one()
		if err != nil {
			return nil, err
		}
		group = append(group, c)
		s.space()
		if s.take("&&") {
			continue
		}
		out = append(out, group)
		group = nil
		if !s.take("||") {
			return out, nil
		}
	}
}

// hold evaluates the conditions.
func (e either[T]) hold(holds func(T) bool) bool {
	for _, group := range e {
		ok := true
		for _, c := range group {
			ok = ok && holds(c)
		}
		if ok {
			return true
		}
	}
	return false
}
