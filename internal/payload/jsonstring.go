package payload

import (
	"math/bits"
	"unicode/utf8"
)

// appendString appends s as a JSON string: quotation marks, backslashes and control characters escaped, each byte that is no
// UTF-8 replaced by U+FFFD, everything else as it is.
func appendString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	dst = appendEscaped(dst, s)
	return append(dst, '"')
}

// appendEscaped appends s as the inside of a JSON string.
func appendEscaped[T string | []byte](dst []byte, s T) []byte {
	if !isASCII(s) {
		return appendUnicode(dst, s)
	}
	return appendValidEscaped(dst, s)
}

// isASCII says whether s holds no byte beyond ASCII.
func isASCII[T string | []byte](s T) bool {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		if load8(s, i)&highs != 0 {
			return false
		}
	}
	for ; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// appendUnicode is appendEscaped for text beyond ASCII.
func appendUnicode[T string | []byte](dst []byte, s T) []byte {
	text := string(s)
	if !utf8.ValidString(text) {
		text = string([]rune(text)) // each bad byte becomes one U+FFFD
	}
	return appendValidEscaped(dst, text)
}

// appendValidEscaped is appendEscaped for text known to be valid UTF-8.
func appendValidEscaped[T string | []byte](dst []byte, s T) []byte {
	start := 0
	for {
		i := indexSpecial(s, start)
		dst = append(dst, s[start:i]...)
		if i == len(s) {
			return dst
		}
		dst = appendEscape(dst, s[i])
		start = i + 1
	}
}

// appendEscape appends the escape sequence of one special byte.
func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return append(dst, '\\', 'u', '0', '0', lowerHex[c>>4], lowerHex[c&15])
}

// Eight bytes that are all 1, and all 0x80.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// indexSpecial returns the index, from start on, of the first byte of s that cannot stand for itself in a JSON string: a
// quotation mark, a backslash or a control character; len(s) if there is none. It looks at eight bytes at a time.
func indexSpecial[T string | []byte](s T, start int) int {
	i := start
	for ; i+8 <= len(s); i += 8 {
		w := load8(s, i)
		quote, slash := w^('"'*ones), w^('\\'*ones)
		// In each term the lowest marked byte is exact; borrows disturb only bytes above it.
		marks := ((w-' '*ones)&^w | (quote-ones)&^quote | (slash-ones)&^slash) & highs
		if marks != 0 {
			return i + bits.TrailingZeros64(marks)/8
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			return i
		}
	}
	return len(s)
}

// load8 reads eight bytes of s, the first as the lowest.
func load8[T string | []byte](s T, i int) uint64 {
	_ = s[i+7]
	return uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
		uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
}
