package awsapi

import (
	"encoding/base64"
	"math"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"
)

// appendJSON appends the JSON form of a value.
func appendJSON(b []byte, p *plan, v reflect.Value) []byte {
	switch p.kind {
	case stringKind:
		return appendJSONString(b, v.String())
	case floatKind:
		if f := v.Float(); math.IsInf(f, 0) || math.IsNaN(f) {
			return append(b, "null"...)
		}
		return append(b, text(p, v)...)
	case blobKind:
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, v.Bytes())
		return append(b, '"')
	case timeKind:
		return appendJSONTime(b, v.Interface().(time.Time))
	case listKind:
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, p.elem, v.Index(i))
		}
		return append(b, ']')
	case mapKind:
		b = append(b, '{')
		for i, key := range sortedKeys(v) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendJSONString(b, key.String()), ':')
			b = appendJSON(b, p.elem, v.MapIndex(key))
		}
		return append(b, '}')
	case structKind:
		return appendJSONObject(b, p, v)
	}
	return append(b, text(p, v)...)
}

// appendJSONObject appends the body fields of a structure that are present.
func appendJSONObject(b []byte, p *plan, v reflect.Value) []byte {
	b = append(b, '{')
	first := true
	for i := range p.fields {
		f := &p.fields[i]
		value, ok := f.get(v)
		if !ok || f.place != inBody {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(appendJSONString(b, f.name), ':')
		b = appendJSON(b, f.plan, value)
	}
	return append(b, '}')
}

// appendJSONTime appends a time as seconds since 1970, with milliseconds if it has them.
func appendJSONTime(b []byte, t time.Time) []byte {
	ms := t.UnixMilli()
	if ms%1000 == 0 {
		return strconv.AppendInt(b, ms/1000, 10)
	}
	return strconv.AppendFloat(b, float64(ms)/1000, 'f', 3, 64)
}

// appendJSONString appends a quoted string. It escapes what JSON requires and nothing more, as AWS does: markup stays
// readable. Bytes that are not UTF-8 become U+FFFD.
func appendJSONString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			b = append(b, s[from:i]...)
			b = appendEscape(b, c)
			i++
			from = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			b = append(append(b, s[from:i]...), "\uFFFD"...)
			from = i + 1
		}
		i += size
	}
	return append(append(b, s[from:]...), '"')
}

// appendEscape appends the escape of a control character, a quotation mark or a backslash.
func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	const hex = "0123456789abcdef"
	return append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}
