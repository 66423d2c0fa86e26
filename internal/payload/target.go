package payload

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// appendRaw appends a part of the request target as a JSON string, percent encoding kept. A byte that no JSON string can
// hold, being no UTF-8, is percent-encoded: that loses nothing.
func appendRaw(dst []byte, s string) []byte {
	if utf8.ValidString(s) {
		dst = append(dst, '"')
		dst = appendValidEscaped(dst, s)
		return append(dst, '"')
	}
	encoded := make([]byte, 0, len(s)+16)
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && size == 1 {
			encoded = append(encoded, '%', upperHex[s[0]>>4], upperHex[s[0]&15])
		} else {
			encoded = append(encoded, s[:size]...)
		}
		s = s[size:]
	}
	return appendString(dst, encoded)
}

// appendDecodedPath appends the percent-decoded path as a JSON string.
func appendDecodedPath(dst []byte, path string) []byte {
	if strings.IndexByte(path, '%') < 0 {
		return appendString(dst, path)
	}
	var buf [256]byte
	return appendString(dst, appendUnescaped(buf[:0], path, false))
}

// appendCookies appends the member "cookies", or nothing if the request has none.
func appendCookies(dst []byte, headers []string) []byte {
	sep := `,"cookies":[`
	for _, rest := range headers {
		for rest != "" {
			var cookie string
			cookie, rest, _ = strings.Cut(rest, ";")
			cookie = strings.Trim(cookie, " \t")
			if cookie == "" {
				continue
			}
			dst = append(dst, sep...)
			dst = appendString(dst, cookie)
			sep = ","
		}
	}
	if sep == "," {
		dst = append(dst, ']')
	}
	return dst
}

// param is a query parameter inside a buffer of decoded text.
type param struct {
	key, value, end int // the name is text[key:value], the value text[value:end]
	next            int // index of the next parameter of the same name, 0 if there is none
	repeated        bool
}

// quadratic is up to how many parameters a linear search for an earlier one of the same name is cheaper than a map.
const quadratic = 16

// appendQuery appends the member "queryStringParameters", or nothing if the query holds no parameter: names and values
// decoded, in the order of their first appearance, values of one name joined with commas.
func appendQuery(dst []byte, query string) []byte {
	if query == "" {
		return dst
	}
	var textBuf [512]byte
	var paramBuf [quadratic]param
	text, params := parseQuery(textBuf[:0], paramBuf[:0], query)
	if len(params) == 0 {
		return dst
	}
	linkRepeated(text, params)
	sep := `,"queryStringParameters":{`
	for i := range params {
		p := &params[i]
		if p.repeated {
			continue
		}
		dst = append(dst, sep...)
		sep = ","
		dst = appendString(dst, text[p.key:p.value])
		dst = append(dst, `:"`...)
		dst = appendEscaped(dst, text[p.value:p.end])
		for p.next != 0 {
			p = &params[p.next]
			dst = append(dst, ',')
			dst = appendEscaped(dst, text[p.value:p.end])
		}
		dst = append(dst, '"')
	}
	return append(dst, '}')
}

// parseQuery decodes the query's parameters into text. Names are made valid UTF-8, so that names that are equal in the
// event are equal here.
func parseQuery(text []byte, params []param, query string) ([]byte, []param) {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		p := param{key: len(text)}
		text = appendUnescaped(text, name, true)
		if !utf8.Valid(text[p.key:]) {
			text = append(text[:p.key], string([]rune(string(text[p.key:])))...) // one U+FFFD for each bad byte
		}
		p.value = len(text)
		text = appendUnescaped(text, value, true)
		p.end = len(text)
		params = append(params, p)
	}
	return text, params
}

// linkRepeated chains parameters of the same name.
func linkRepeated(text []byte, params []param) {
	if len(params) > quadratic {
		last := make(map[string]int, len(params))
		for i := range params {
			name := string(text[params[i].key:params[i].value])
			if earlier, ok := last[name]; ok {
				params[earlier].next = i
				params[i].repeated = true
			}
			last[name] = i
		}
		return
	}
	for i := range params {
		name := text[params[i].key:params[i].value]
		for j := i - 1; j >= 0; j-- {
			if bytes.Equal(name, text[params[j].key:params[j].value]) {
				params[j].next = i
				params[i].repeated = true
				break
			}
		}
	}
}

// appendUnescaped appends s with percent escapes decoded, and "+" as a space if plus is set. What is not an escape
// ("%", "%4", "%zz") is appended as it is.
func appendUnescaped(dst []byte, s string, plus bool) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '+' && plus:
			c = ' '
		case c == '%' && i+2 < len(s):
			hi, okHi := unhex(s[i+1])
			lo, okLo := unhex(s[i+2])
			if okHi && okLo {
				c = hi<<4 | lo
				i += 2
			}
		}
		dst = append(dst, c)
	}
	return dst
}

const (
	lowerHex = "0123456789abcdef"
	upperHex = "0123456789ABCDEF"
)

// unhex is the value of a hexadecimal digit.
func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
