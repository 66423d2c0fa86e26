package cwlogs

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// jsonPattern is the pattern of messages that are JSON objects: { $.a.b[0] = "x" && ($.n > 3 || $.c NOT EXISTS) }.
type jsonPattern struct {
	condition either[jsonCondition]
	selectors []selector // all, for extract
}

// jsonCondition is a condition on a property, or conditions in parentheses.
type jsonCondition struct {
	inner    either[jsonCondition] // if not nil, the rest is not used
	selector selector
	is       string // NULL, TRUE, FALSE, MISSING or EXISTS; empty: compare
	compare  comparison
}

// selector is the way to a property.
type selector struct {
	text  string
	steps []step
}

// step is a member's name, an element's position, or any of either.
type step struct {
	name  string
	index int // with element
	kind  stepKind
}

type stepKind int

const (
	memberStep stepKind = iota
	elementStep
	anyMemberStep
	anyElementStep
)

// maxDepth bounds the parentheses in a pattern.
const maxDepth = 64

func parseJSONPattern(s *scanner) (*jsonPattern, error) {
	p := new(jsonPattern)
	s.at++ // {
	var err error
	if p.condition, err = p.parse(s, 0); err != nil {
		return nil, err
	}
	if !s.take("}") {
		return nil, s.errorf("want && or || or }")
	}
	if s.space(); s.at < len(s.text) {
		return nil, s.errorf("want nothing after the closing brace")
	}
	return p, nil
}

func (p *jsonPattern) parse(s *scanner, depth int) (either[jsonCondition], error) {
	if depth > maxDepth {
		return nil, s.errorf("too many parentheses")
	}
	return parseConditions(s, func() (jsonCondition, error) {
		if !s.take("(") {
			return p.parseOne(s)
		}
		inner, err := p.parse(s, depth+1)
		if err == nil && !s.take(")") {
			err = s.errorf("want && or || or )")
		}
		return jsonCondition{inner: inner}, err
	})
}

func (p *jsonPattern) parseOne(s *scanner) (jsonCondition, error) {
	var c jsonCondition
	var err error
	if c.selector, err = parseSelector(s); err != nil {
		return c, err
	}
	p.selectors = append(p.selectors, c.selector)
	s.space()
	switch {
	case s.word("IS"):
		s.space()
		for _, what := range []string{"NULL", "TRUE", "FALSE"} {
			if s.word(what) {
				c.is = what
				return c, nil
			}
		}
		return c, s.errorf("want NULL, TRUE or FALSE")
	case s.word("NOT"):
		if s.space(); !s.word("EXISTS") {
			return c, s.errorf("want EXISTS")
		}
		c.is = "MISSING"
		return c, nil
	case s.word("EXISTS"):
		c.is = "EXISTS"
		return c, nil
	}
	c.compare, err = parseComparison(s, "})")
	return c, err
}

// parseSelector reads $.name, $.list[0].name, $.list[*], $.*, $['name'] and $.['name'].
func parseSelector(s *scanner) (selector, error) {
	from := s.at
	if !s.take("$") {
		return selector{}, s.errorf("want a property, which begins with $")
	}
	var out selector
	for {
		switch {
		case s.take("["):
			st, err := parseBracket(s)
			if err != nil {
				return out, err
			}
			out.steps = append(out.steps, st)
		case s.take("."):
			if s.peek() == '[' {
				continue // $.['name']
			}
			name := s.until(".[ \t\r\n=!<>)}&|(")
			switch name {
			case "":
				return out, s.errorf("a property's name is missing")
			case "*":
				out.steps = append(out.steps, step{kind: anyMemberStep})
			default:
				out.steps = append(out.steps, step{name: name})
			}
		default:
			if out.text = s.text[from:s.at]; len(out.steps) == 0 {
				return out, s.errorf("a property's name is missing")
			}
			return out, nil
		}
	}
}

// parseBracket reads what stands in brackets.
func parseBracket(s *scanner) (step, error) {
	var st step
	switch c := s.peek(); {
	case c == '"' || c == '\'':
		name, err := s.quoted()
		if err != nil {
			return st, err
		}
		st.name = name
	case s.take("*"):
		st.kind = anyElementStep
	default:
		n, err := strconv.ParseUint(s.until("]"), 10, 31)
		if err != nil {
			return st, s.errorf("want an element's position, from 0")
		}
		st.index, st.kind = int(n), elementStep
	}
	if !s.take("]") {
		return st, s.errorf("want ]")
	}
	return st, nil
}

func (p *jsonPattern) match(message string) bool {
	root, ok := parseObject(message)
	return ok && p.condition.hold(func(c jsonCondition) bool { return c.holds(root) })
}

// parseObject reads a message that is a JSON object.
func parseObject(message string) (any, bool) {
	message = strings.TrimSpace(message)
	if !strings.HasPrefix(message, "{") {
		return nil, false
	}
	d := json.NewDecoder(strings.NewReader(message))
	d.UseNumber()
	var root any
	if d.Decode(&root) != nil || d.InputOffset() != int64(len(message)) {
		return nil, false
	}
	return root, true
}

// holds evaluates a condition. One on several values holds if it holds for one of them; one on none does not hold, but
// that there is none.
func (c *jsonCondition) holds(root any) bool {
	if c.inner != nil {
		return c.inner.hold(func(i jsonCondition) bool { return i.holds(root) })
	}
	found, holds := false, false
	c.selector.each(root, 0, func(v any) {
		found = true
		holds = holds || c.holdsFor(v)
	})
	if c.is == "MISSING" {
		return !found
	}
	return holds
}

// holdsFor evaluates a condition on a value that is there.
func (c *jsonCondition) holdsFor(v any) bool {
	switch c.is {
	case "NULL":
		return v == nil
	case "TRUE":
		return v == true
	case "FALSE":
		return v == false
	case "EXISTS":
		return true
	case "MISSING":
		return false
	}
	switch v := v.(type) {
	case string:
		// A number in quotation marks is text: no order, and equal only as text.
		if ordered := c.compare.operator != "=" && c.compare.operator != "!="; ordered {
			return false
		}
		return c.compare.holds(v)
	case json.Number:
		if c.compare.quoted {
			return c.compare.operator == "!="
		}
		return c.compare.holds(v.String())
	}
	return c.compare.operator == "!="
}

// each calls f with every value at the selector.
func (l *selector) each(v any, from int, f func(any)) {
	if from == len(l.steps) {
		f(v)
		return
	}
	object, _ := v.(map[string]any)
	list, _ := v.([]any)
	switch st := l.steps[from]; st.kind {
	case memberStep:
		if inner, ok := object[st.name]; ok {
			l.each(inner, from+1, f)
		}
	case elementStep:
		if st.index < len(list) {
			l.each(list[st.index], from+1, f)
		}
	case anyMemberStep:
		for _, name := range slices.Sorted(maps.Keys(object)) {
			l.each(object[name], from+1, f)
		}
	case anyElementStep:
		for _, inner := range list {
			l.each(inner, from+1, f)
		}
	}
}

func (p *jsonPattern) extract(message string) map[string]string {
	out := map[string]string{}
	root, ok := parseObject(message)
	if !ok {
		return out
	}
	for i := range p.selectors {
		l := &p.selectors[i]
		l.each(root, 0, func(v any) {
			if _, twice := out[l.text]; !twice {
				out[l.text] = plainText(v)
			}
		})
	}
	return out
}

// plainText prints a value: text without quotation marks, anything else as JSON.
func plainText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil { // what was decoded can be encoded
		return ""
	}
	return string(b)
}
