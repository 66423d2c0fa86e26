package logs

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A line of a segment is a JSON object whose members are always in this order and without spaces, so that times can be
// read without decoding the rest:
//
//	{"t":1763942935123456789,"i":1763942935123,"s":"stream","r":"request id","m":"message"}
//
// t is the event's time in nanoseconds since 1970, i the time of its arrival in milliseconds; r may be missing.
const (
	beforeTime     = `{"t":`
	beforeIngested = `,"i":`
	beforeStream   = `,"s":`
	beforeRequest  = `,"r":`
	beforeMessage  = `,"m":`
	afterMessage   = `}`
)

// line is a decoded line.
type line struct {
	time     int64 // ns
	ingested int64 // ms
	stream   string
	request  string
	message  string
}

func (l *line) entry() Entry {
	return Entry{
		Event:    Event{Time: time.Unix(0, l.time).UTC(), Message: l.message, RequestID: l.request},
		Stream:   l.stream,
		Ingested: time.UnixMilli(l.ingested).UTC(),
	}
}

// appendLine appends the encoded line, with its newline.
func appendLine(b []byte, l *line) []byte {
	b = strconv.AppendInt(append(b, beforeTime...), l.time, 10)
	b = strconv.AppendInt(append(b, beforeIngested...), l.ingested, 10)
	b = appendString(append(b, beforeStream...), l.stream)
	if l.request != "" {
		b = appendString(append(b, beforeRequest...), l.request)
	}
	b = appendString(append(b, beforeMessage...), l.message)
	return append(b, afterMessage+"\n"...)
}

// appendString appends s as a JSON string; bytes that are no UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[from:i]...), "\ufffd"...)
				from = i + 1
			}
			i += size
			continue
		}
		if c < ' ' || c == '"' || c == '\\' {
			b = append(b, s[from:i]...)
			switch c {
			case '\n':
				b = append(b, `\n`...)
			case '\t':
				b = append(b, `\t`...)
			case '"', '\\':
				b = append(b, '\\', c)
			default:
				b = append(b, `\u00`...)
				b = append(b, hex[c>>4], hex[c&15])
			}
			from = i + 1
		}
		i++
	}
	return append(append(b, s[from:]...), '"')
}

// nanoseconds returns t in nanoseconds since 1970, or the nearest that can be said so: the years 1678 to 2262.
func nanoseconds(t time.Time) int64 {
	switch seconds := t.Unix(); {
	case seconds <= math.MinInt64/int64(time.Second):
		return math.MinInt64 + 1
	case seconds >= math.MaxInt64/int64(time.Second):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// lineTime reads only the time of a line, of which it takes no newline. It answers false if there is none.
func lineTime(b []byte) (int64, bool) {
	t, _, ok := takeInt(b, beforeTime)
	return t, ok
}

// parseLine decodes a line without its newline. Anything that appendLine does not write is refused.
func parseLine(b []byte) (line, bool) {
	var l line
	var ok bool
	if l.time, b, ok = takeInt(b, beforeTime); !ok {
		return line{}, false
	}
	if l.ingested, b, ok = takeInt(b, beforeIngested); !ok {
		return line{}, false
	}
	if l.stream, b, ok = takeString(b, beforeStream); !ok {
		return line{}, false
	}
	if bytes.HasPrefix(b, []byte(beforeRequest)) {
		if l.request, b, ok = takeString(b, beforeRequest); !ok {
			return line{}, false
		}
	}
	if l.message, b, ok = takeString(b, beforeMessage); !ok {
		return line{}, false
	}
	return l, string(b) == afterMessage
}

// takeInt reads a number after a prefix and returns what follows.
func takeInt(b []byte, prefix string) (n int64, rest []byte, ok bool) {
	if !bytes.HasPrefix(b, []byte(prefix)) {
		return 0, nil, false
	}
	b = b[len(prefix):]
	end := 0
	for end < len(b) && (b[end] >= '0' && b[end] <= '9' || end == 0 && b[end] == '-') {
		end++
	}
	n, err := strconv.ParseInt(string(b[:end]), 10, 64)
	return n, b[end:], err == nil
}

// takeString reads a string after a prefix and returns what follows.
func takeString(b []byte, prefix string) (s string, rest []byte, ok bool) {
	if !bytes.HasPrefix(b, []byte(prefix)) {
		return "", nil, false
	}
	b = b[len(prefix):]
	if len(b) == 0 || b[0] != '"' {
		return "", nil, false
	}
	b = b[1:]
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return string(b[:i]), b[i+1:], utf8.Valid(b[:i])
		case c == '\\':
			return takeEscaped(b, i)
		case c < ' ':
			return "", nil, false
		}
	}
	return "", nil, false
}

// takeEscaped is takeString from the first escape on, which is at b[i]. It knows the escapes that appendString makes.
func takeEscaped(b []byte, i int) (s string, rest []byte, ok bool) {
	out := append(make([]byte, 0, len(b)), b[:i]...)
	for i < len(b) {
		c := b[i]
		switch {
		case c == '"':
			return string(out), b[i+1:], utf8.Valid(out)
		case c < ' ' || c == '\\' && i+1 == len(b):
			return "", nil, false
		case c != '\\':
			out = append(out, c)
			i++
			continue
		}
		switch c = b[i+1]; c {
		case '"', '\\':
			out = append(out, c)
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'u':
			code, ok := controlCode(b[i+2:])
			if !ok {
				return "", nil, false
			}
			out = append(out, code)
			i += 4
		default:
			return "", nil, false
		}
		i += 2
	}
	return "", nil, false
}

// controlCode reads the four hexadecimal digits of a control character.
func controlCode(b []byte) (byte, bool) {
	if len(b) < 4 {
		return 0, false
	}
	code, err := strconv.ParseUint(string(b[:4]), 16, 16)
	return byte(code), err == nil && code < ' '
}

// cut shortens a message to MaxMessage, between two characters.
func cut(message string) string {
	if len(message) <= MaxMessage {
		return message
	}
	return strings.ToValidUTF8(message[:MaxMessage], "")
}
