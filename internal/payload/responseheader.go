package payload

import (
	"fmt"
	"net/http"
	"strings"
)

// HeaderField is one header of a response, its name as the function spelled it.
type HeaderField struct{ Name, Value string }

// maxFields bounds the headers of one response: looking for repeated ones takes quadratic time.
const maxFields = 1000

// remapPrefix stands before the names of headers that a function may not set itself.
const remapPrefix = "x-amzn-Remapped-"

// parseHeader reads the headers object of a response (nil if missing) and adds a Content-Type if it has none.
func parseHeader(raw []byte, contentType string) ([]HeaderField, error) {
	if raw == nil || string(raw) == "null" {
		return []HeaderField{{"Content-Type", contentType}}, nil
	}
	if raw[0] != '{' {
		return nil, fmt.Errorf("payload: headers is %s, not an object", excerpt(raw))
	}
	text := string(raw) // one copy; names and values are parts of it
	fields := make([]HeaderField, 0, 8)
	typed := false
	m := members{b: raw, at: 1, depth: 1}
	for m.next() {
		if raw[m.value.start] == 'n' { // null
			continue
		}
		field, err := parseField(raw, text, m.key, m.value)
		if err != nil {
			return nil, err
		}
		var keep bool
		if field.Name, keep = sentName(field.Name); !keep {
			continue
		}
		typed = typed || field.Name == "Content-Type"
		fields = setField(fields, field)
		if len(fields) > maxFields {
			return nil, fmt.Errorf("payload: headers has more than %d members", maxFields)
		}
	}
	if !typed {
		fields = append(fields, HeaderField{"Content-Type", contentType})
	}
	return fields, nil
}

// parseField reads one member of the headers object. raw and text are the same.
func parseField(raw []byte, text string, key, value span) (HeaderField, error) {
	name := unescapeString(raw, text, key)
	if !validName(name) {
		return HeaderField{}, fmt.Errorf("payload: %q is not a valid header name", cut(name))
	}
	var content string
	switch raw[value.start] {
	case '"':
		content = unescapeString(raw, text, span{value.start + 1, value.end - 1})
	case '{', '[':
		return HeaderField{}, fmt.Errorf("payload: header %s is %s, not a string", cut(name), excerpt(value.of(raw)))
	default: // a number or bool: its JSON text
		content = text[value.start:value.end]
	}
	content = strings.Trim(content, " \t")
	if !validValue(content) {
		return HeaderField{}, fmt.Errorf("payload: header %s has a value with control characters: %q", cut(name), cut(content))
	}
	return HeaderField{name, content}, nil
}

// setField adds a field, or replaces the one of the same name that came before.
func setField(fields []HeaderField, f HeaderField) []HeaderField {
	for i := range fields {
		if fields[i].Name == f.Name {
			fields[i].Value = f.Value
			return fields
		}
	}
	return append(fields, f)
}

// parseCookies reads the cookies array of a response (nil if missing).
func parseCookies(raw []byte) ([]string, error) {
	if raw == nil || string(raw) == "null" {
		return nil, nil
	}
	if raw[0] != '[' {
		return nil, fmt.Errorf("payload: cookies is %s, not an array", excerpt(raw))
	}
	var cookies []string
	e := elements{b: raw, at: 1, depth: 1}
	for e.next() {
		item := e.value.of(raw)
		if item[0] != '"' {
			return nil, fmt.Errorf("payload: cookies contains %s, not a string", excerpt(item))
		}
		cookie := strings.Trim(string(unescape(item[1:len(item)-1])), " \t")
		if !validValue(cookie) {
			return nil, fmt.Errorf("payload: cookies contains a value with control characters: %q", cut(cookie))
		}
		if cookie != "" {
			cookies = append(cookies, cookie)
		}
	}
	return cookies, nil
}

// unescapeString is the string whose inside stands at s; a part of text where nothing is escaped.
func unescapeString(raw []byte, text string, s span) string {
	if strings.IndexByte(text[s.start:s.end], '\\') < 0 {
		return text[s.start:s.end]
	}
	return string(unescape(s.of(raw)))
}

// sentName is the name under which a function's header is sent; keep is false if it is not sent at all.
func sentName(name string) (sent string, keep bool) {
	var buf [32]byte
	if len(name) > len(buf) {
		return name, true
	}
	low := buf[:len(name)]
	for i := range low {
		low[i] = lower(name[i])
	}
	switch string(low) {
	case "content-type":
		return "Content-Type", true
	case "authorization", "connection", "content-length", "content-md5", "date", "max-forwards", "server", "user-agent",
		"www-authenticate", "x-amzn-requestid":
		return remapPrefix + string(low), true
	case "expect", "host", "keep-alive", "proxy-authenticate", "proxy-connection", "te", "trailer", "transfer-encoding",
		"upgrade", "via":
		return "", false
	}
	return name, true
}

// validName says whether s is a header name: a token of RFC 9110.
func validName(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

// validValue says whether s can be a header value: no control characters except tabs.
func validValue(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// cut bounds a string in a message.
func cut(s string) string {
	const limit = 80
	if len(s) > limit {
		return s[:limit] + "…"
	}
	return s
}

// addFields adds a response's headers to h under the names as they are spelled.
func addFields(h http.Header, fields []HeaderField, cookies []string) {
	values := make([]string, len(fields)) // one allocation for all
	for i, f := range fields {
		values[i] = f.Value
		if f.Name == "Content-Type" || len(h[f.Name]) == 0 {
			h[f.Name] = values[i : i+1 : i+1]
		} else {
			h[f.Name] = append(h[f.Name], f.Value)
		}
	}
	if len(cookies) > 0 {
		h["Set-Cookie"] = append(h["Set-Cookie"], cookies...)
	}
}
