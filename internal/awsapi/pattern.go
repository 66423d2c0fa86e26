package awsapi

import (
	"fmt"
	"regexp"
	"strings"
)

// pattern matches whole strings.
type pattern interface {
	MatchString(s string) bool
}

// CheckPattern reports whether a model's pattern can be matched: Go's regexp takes it, or this package has a matcher for
// it by hand. The generator asks for every pattern it meets.
func CheckPattern(text string) error {
	_, err := compilePattern(text)
	return err
}

// compilePattern makes the matcher of a model's pattern. The models use the syntax of java.util.regex and mean the
// whole string.
func compilePattern(text string) (pattern, error) {
	if p := lookaround(text); p != nil {
		return p, nil
	}
	p, err := regexp.Compile(`\A(?:` + goPattern(text) + `)\z`)
	if err != nil {
		return nil, fmt.Errorf("awsapi: pattern %q needs a matcher by hand: %w", text, err)
	}
	return p, nil
}

// goPattern spells Java's four-digit escapes the Go way.
func goPattern(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] != '\\' || i+1 == len(text):
			b.WriteByte(text[i])
		case text[i+1] == 'u' && i+6 <= len(text):
			b.WriteString(`\x{` + text[i+2:i+6] + `}`)
			i += 5
		default:
			b.WriteString(text[i : i+2])
			i++
		}
	}
	return b.String()
}

// without matches what a regular expression matches unless the text of its last group is excluded: the place of a
// look-around, which Go's regexp lacks.
type without struct {
	in, not *regexp.Regexp
}

// MatchString reports whether the whole of s matches and escapes the exclusion.
func (w without) MatchString(s string) bool {
	m := w.in.FindStringSubmatch(s)
	return m != nil && !w.not.MatchString(m[len(m)-1])
}

// The patterns of the models with look-around.
const (
	// functionURLName ends in a qualifier that is not a version number.
	functionURLName       = `(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]{1,64})`
	functionURLNameEnd    = `(:((?!\d+$)[0-9a-zA-Z-_]+))?`
	functionURLQualifier  = `((?!^\d+$)^[0-9a-zA-Z-_]+$)`
	aliasName             = `(?!^[0-9]+$)([a-zA-Z0-9-_]+)`
	bucketNotEndingInADot = `[0-9A-Za-z\.\-_]*(?<!\.)`
	accountAlias          = `^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`
)

// lookaround returns the matcher of a pattern with look-around, or nil.
func lookaround(text string) pattern {
	var in, not string
	switch text {
	case functionURLName + functionURLNameEnd:
		in, not = functionURLName+`(?::([0-9a-zA-Z-_]+))?`, `\d+`
	case functionURLQualifier, aliasName:
		in, not = `([0-9a-zA-Z-_]+)`, `\d+`
	case bucketNotEndingInADot:
		in, not = `([0-9A-Za-z\.\-_]*)`, `.*\.`
	case accountAlias:
		in, not = `([a-z0-9][a-z0-9-]{1,61}[a-z0-9])`, `.*--.*`
	default:
		return nil
	}
	return without{regexp.MustCompile(`\A(?:` + in + `)\z`), regexp.MustCompile(`\A(?:` + not + `)\z`)}
}
