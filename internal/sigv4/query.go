package sigv4

import (
	"iter"
	"slices"
	"strings"
)

// param is one name=value of a query string in canonical form.
type param struct{ name, value string }

// params goes through a raw query. Names and values are still percent-encoded; empty pieces are skipped.
func params(raw string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for raw := raw; raw != ""; {
			var piece string
			piece, raw, _ = strings.Cut(raw, "&")
			if piece == "" {
				continue
			}
			name, value, _ := strings.Cut(piece, "=")
			if !yield(name, value) {
				return
			}
		}
	}
}

// checkQuery finds the first bad percent escape of a raw query. An escape must be complete within its name or value.
func checkQuery(raw string) error {
	if strings.IndexByte(raw, '%') < 0 {
		return nil
	}
	for name, value := range params(raw) {
		if err := checkEscapes(name); err != nil {
			return err
		}
		if err := checkEscapes(value); err != nil {
			return err
		}
	}
	return nil
}

func checkEscapes(s string) error {
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			continue
		}
		if i+2 >= len(s) {
			return &Error{MalformedQuery, "Incomplete trailing escape % sequence"}
		}
		if !isHex(s[i+1]) || !isHex(s[i+2]) {
			return &Error{MalformedQuery, "Illegal hex character in escape % pattern: " + s[i:i+3]}
		}
		i += 2
	}
	return nil
}

// decode undoes percent-encoding, and reads + as a blank. Bad escapes stay as they are.
func decode(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			b = append(b, ' ')
		case isEscape(s[i:]):
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			b = append(b, s[i])
		}
	}
	return string(b)
}

// queryReading is one of the ways to read a raw query.
type queryReading struct {
	// literalPlus reads + as itself. Most signers take it for a blank, awscurl does not.
	literalPlus bool
	// signature and token leave the first X-Amz-Signature or X-Amz-Security-Token out. A presigned request never signs
	// its own signature; some signers add the token after they have signed.
	signature, token bool
}

// appendQuery appends the canonical form of a raw query: names and values encoded anew, sorted by name, then value.
func appendQuery(dst []byte, raw string, reading queryReading) []byte {
	var few [16]param
	list := few[:0]
	for name, value := range params(raw) {
		name = canonicalComponent(name, reading.literalPlus)
		switch {
		case reading.signature && name == querySignature:
			reading.signature = false
		case reading.token && name == queryToken:
			reading.token = false
		default:
			list = append(list, param{name, canonicalComponent(value, reading.literalPlus)})
		}
	}
	// The pair is compared, not the text: a=… goes before a-b=… although - goes before =.
	slices.SortFunc(list, func(a, b param) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	for i, p := range list {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(dst, p.name...)
		dst = append(dst, '=')
		dst = append(dst, p.value...)
	}
	return dst
}

// canonicalComponent decodes a name or value and encodes it again. What is canonical already is returned as it is.
func canonicalComponent(s string, literalPlus bool) string {
	if isCanonical(s) {
		return s
	}
	b := make([]byte, 0, len(s)+16)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '+' && !literalPlus:
			c = ' '
		case isEscape(s[i:]):
			c = unhex(s[i+1])<<4 | unhex(s[i+2])
			i += 2
		}
		b = appendEncoded(b, c)
	}
	return string(b)
}

// isCanonical reports whether s is what canonicalComponent would make of it.
func isCanonical(s string) bool {
	for i := 0; i < len(s); i++ {
		if isUnreserved(s[i]) {
			continue
		}
		if !isEscape(s[i:]) || isLowerHex(s[i+1]) || isLowerHex(s[i+2]) || isUnreserved(unhex(s[i+1])<<4|unhex(s[i+2])) {
			return false
		}
		i += 2
	}
	return true
}
