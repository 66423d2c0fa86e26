package cwlogs

import (
	"fmt"
	"regexp"
	"strings"
)

// terms are the pattern of unstructured messages: all of some terms, or one of some, and none of others. Terms are found
// wherever they stand in a message, in the same case.
type terms struct {
	all, any, none []term
}

// term is a text or, if it is not nil, a regular expression.
type term struct {
	text       string
	expression *regexp.Regexp
}

func (t term) in(message string) bool {
	if t.expression != nil {
		return t.expression.MatchString(message)
	}
	return strings.Contains(message, t.text)
}

// parseTerms reads terms: word, "phrase" or %expression%, each behind a minus sign to exclude it, or behind a question
// mark to want one of those so marked.
func parseTerms(s *scanner) (*terms, error) {
	p := new(terms)
	for s.space(); s.at < len(s.text); s.space() {
		list := &p.all
		switch s.peek() {
		case '-':
			list = &p.none
			s.at++
		case '?':
			list = &p.any
			s.at++
		}
		t, err := parseTerm(s)
		if err != nil {
			return nil, err
		}
		*list = append(*list, t)
	}
	if len(p.all) > 0 || len(p.none) > 0 {
		p.any = nil // documented: beside other terms those with a question mark are ignored
	}
	return p, nil
}

func parseTerm(s *scanner) (term, error) {
	switch s.peek() {
	case '"':
		text, err := s.quoted()
		return term{text: text}, err
	case '%':
		re, err := s.expression()
		return term{expression: re}, err
	}
	from := s.at
	for s.at < len(s.text) && !isSpace(s.text[s.at]) {
		s.at++
	}
	text := s.text[from:s.at]
	for i := range len(text) {
		if !isWord(text[i]) {
			return term{}, fmt.Errorf("%w: invalid character(s) in term '%s': put it in double quotation marks", ErrPattern, text)
		}
	}
	if text == "" {
		return term{}, s.errorf("a term is missing")
	}
	return term{text: text}, nil
}

func (p *terms) match(message string) bool {
	for _, t := range p.none {
		if t.in(message) {
			return false
		}
	}
	for _, t := range p.all {
		if !t.in(message) {
			return false
		}
	}
	for _, t := range p.any {
		if t.in(message) {
			return true
		}
	}
	return len(p.any) == 0
}

func (p *terms) extract(string) map[string]string { return map[string]string{} }
