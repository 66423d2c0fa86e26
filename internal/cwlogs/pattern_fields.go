package cwlogs

import (
	"strconv"
	"strings"
)

// fieldPattern is the pattern of messages that are fields between spaces: [ip, user, ..., status=4* && status!=404, size].
type fieldPattern struct {
	// head are the fields before the three dots, tail those after; without dots all are in head.
	head, tail []fieldCondition
	dots       bool
}

// fieldCondition is a field with its name and what is asked of it, nil for nothing.
type fieldCondition struct {
	name      string
	condition either[comparison]
}

func parseFieldPattern(s *scanner) (*fieldPattern, error) {
	p := new(fieldPattern)
	s.at++ // [
	for {
		s.space()
		if s.take("...") {
			if p.dots {
				return nil, s.errorf("... stands for fields once")
			}
			p.dots = true
		} else {
			f, err := parseField(s)
			if err != nil {
				return nil, err
			}
			if p.dots {
				p.tail = append(p.tail, f)
			} else {
				p.head = append(p.head, f)
			}
		}
		s.space()
		if s.take(",") {
			continue
		}
		if !s.take("]") {
			return nil, s.errorf("want , or ]")
		}
		if s.space(); s.at < len(s.text) {
			return nil, s.errorf("want nothing after the closing bracket")
		}
		return p, nil
	}
}

// parseField reads a name, and conditions that may repeat it: w1=ERROR || w1=%WARN%. A name may be left out.
func parseField(s *scanner) (fieldCondition, error) {
	var f fieldCondition
	f.name = strings.TrimSpace(s.until("=!<>,]&|"))
	for i := range len(f.name) {
		if c := f.name[i]; !isWord(c) && c != '-' && c != '.' {
			return f, s.errorf("%q is no name of a field", f.name)
		}
	}
	if c := s.peek(); c == ',' || c == ']' || c == 0 {
		return f, nil
	}
	first := true
	var err error
	f.condition, err = parseConditions(s, func() (comparison, error) {
		if !first {
			if again := strings.TrimSpace(s.until("=!<>,]&|")); again != f.name && again != "" {
				return comparison{}, s.errorf("%q stands where only %q can", again, f.name)
			}
		}
		first = false
		return parseComparison(s, ",]")
	})
	return f, err
}

func (p *fieldPattern) match(message string) bool {
	fields := splitFields(strings.TrimSpace(message), p.most())
	head, tail, ok := p.align(fields)
	if !ok {
		return false
	}
	for i, f := range head {
		if !p.head[i].holds(f) {
			return false
		}
	}
	for i, f := range tail {
		if !p.tail[i].holds(f) {
			return false
		}
	}
	return true
}

// most is how many fields a message is split into: the last takes all that follows. Zero is no bound.
func (p *fieldPattern) most() int {
	if p.dots {
		return 0
	}
	return len(p.head)
}

// align finds the fields of a message that the pattern's fields are about.
func (p *fieldPattern) align(fields []string) (head, tail []string, ok bool) {
	if len(fields) < len(p.head)+len(p.tail) {
		return nil, nil, false
	}
	return fields[:len(p.head)], fields[len(fields)-len(p.tail):], true
}

func (f *fieldCondition) holds(text string) bool {
	return f.condition == nil || f.condition.hold(func(c comparison) bool { return c.holds(text) })
}

// splitFields splits a message at spaces. What stands in brackets or double quotation marks is one field, without them.
// If most is not zero, that many fields are made at most.
func splitFields(message string, most int) []string {
	var out []string
	for at := 0; at < len(message); {
		if isSpace(message[at]) {
			at++
			continue
		}
		if most > 0 && len(out) == most-1 {
			return append(out, lastField(message[at:]))
		}
		if text, after, ok := enclosed(message, at); ok {
			out, at = append(out, text), after
			continue
		}
		end := at
		for end < len(message) && !isSpace(message[end]) {
			end++
		}
		out, at = append(out, message[at:end]), end
	}
	return out
}

// lastField is the rest of a message as one field.
func lastField(rest string) string {
	if text, after, ok := enclosed(rest, 0); ok && after == len(rest) {
		return text
	}
	return rest
}

// enclosed returns the field in brackets or quotation marks that begins at a place, and where it ends.
func enclosed(message string, at int) (text string, after int, ok bool) {
	closing := byte(']')
	switch message[at] {
	case '"':
		closing = '"'
	case '[':
	default:
		return "", 0, false
	}
	i := strings.IndexByte(message[at+1:], closing)
	if i < 0 {
		return "", 0, false
	}
	after = at + 1 + i + 1
	if after < len(message) && !isSpace(message[after]) {
		return "", 0, false
	}
	return message[at+1 : at+1+i], after, true
}

func (p *fieldPattern) extract(message string) map[string]string {
	out := map[string]string{}
	head, tail, ok := p.align(splitFields(strings.TrimSpace(message), p.most()))
	if !ok {
		return out
	}
	name := func(f *fieldCondition, number int, text string) {
		if f.name == "" {
			out["$"+strconv.Itoa(number)] = text
		} else {
			out["$"+f.name] = text
		}
	}
	for i, text := range head {
		name(&p.head[i], i+1, text)
	}
	for i, text := range tail {
		name(&p.tail[i], len(p.head)+2+i, text)
	}
	return out
}
