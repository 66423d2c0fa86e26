package strict

import (
	"bytes"
	"strconv"
	"strings"
)

// Fault is a message that is refused. As an error it is what reading the body
// of a request ends with.
type Fault struct {
	Status int
	Reason string
	// Method and Host are the request's, as far as they are known.
	Method, Host string
}

// Error is the reason.
func (f *Fault) Error() string { return f.Reason }

// span is a part of a head.
type span struct{ from, to int }

func (s span) of(b []byte) []byte { return b[s.from:min(s.to, len(b))] }

// head is what matters of the head that is being read.
type head struct {
	begun  bool
	line   int // length of the request line
	method span
	target span
	old    bool // HTTP/1.0
	hosts  int
	host   span
	// lengths and codings count the header fields Content-Length and
	// Transfer-Encoding.
	lengths, codings int
	length           int64
	chunked          bool
	expects          bool // something that is not known
}

// fault refuses the head that b begins with.
func (h *head) fault(b []byte, status int, reason string) *Fault {
	f := &Fault{Status: status, Reason: reason}
	if h.begun {
		f.Method, f.Host = string(h.method.of(b)), string(h.host.of(b))
	}
	return f
}

// roomForMethod is what a request line may hold beside its target.
const roomForMethod = 256

// tooLong refuses a head that is longer than is read, be it whole or not.
func (h *head) tooLong(b []byte, o *Options) *Fault {
	if h.begun {
		if len(b)-h.line <= o.MaxHeader {
			return nil
		}
		return h.fault(b, 431, "the header fields are over "+strconv.Itoa(o.MaxHeader)+" bytes")
	}
	if len(b) <= o.MaxTarget+roomForMethod {
		return nil
	}
	if end := bytes.IndexByte(b[:roomForMethod], ' '); end >= 0 {
		*h = head{begun: true, method: span{0, end}}
		return h.tooLongTarget(b, o)
	}
	*h = head{begun: true, method: span{0, roomForMethod}}
	return h.fault(b, 400, "the method is over "+strconv.Itoa(roomForMethod)+" bytes")
}

func (h *head) tooLongTarget(b []byte, o *Options) *Fault {
	return h.fault(b, 414, "the path and query are over "+strconv.Itoa(o.MaxTarget)+" bytes")
}

// requestLine reads the first line.
func (h *head) requestLine(b []byte, o *Options) *Fault {
	*h = head{begun: true, line: len(b) + len("\r\n")}
	first, last := bytes.IndexByte(b, ' '), bytes.LastIndexByte(b, ' ')
	if first <= 0 || first == last || !validToken(b[:first]) {
		h.method = span{0, min(max(first, 0), roomForMethod)}
		return h.fault(b, 400, "malformed request line")
	}
	h.method, h.target = span{0, first}, span{first + 1, last}
	switch target := h.target.of(b); {
	case len(target) > o.MaxTarget:
		return h.tooLongTarget(b, o)
	case first > roomForMethod:
		return h.fault(b, 400, "the method is over "+strconv.Itoa(roomForMethod)+" bytes")
	case !validTarget(target):
		return h.fault(b, 400, "malformed request target")
	}
	switch version := string(b[last+1:]); {
	case version == "HTTP/1.1":
	case version == "HTTP/1.0":
		h.old = true
	case len(version) == len("HTTP/1.1") && strings.HasPrefix(version, "HTTP/"):
		return h.fault(b, 505, "version "+strconv.Quote(version))
	default:
		return h.fault(b, 400, "malformed request line")
	}
	return nil
}

// field reads the header field between from and end.
func (h *head) field(b []byte, from, end int) *Fault {
	name, value, reason := splitField(b[from:end])
	if reason != "" {
		return h.fault(b, 400, reason)
	}
	switch {
	case equalFold(name, "host"):
		if h.hosts++; h.hosts > 1 {
			return h.fault(b, 400, "two Host header fields")
		}
		to := from + len(bytes.TrimRight(b[from:end], " \t"))
		h.host = span{to - len(value), to}
	case equalFold(name, "content-length"):
		var ok bool
		h.lengths++
		if h.length, ok = contentLength(value); !ok || h.lengths > 1 {
			return h.fault(b, 400, "malformed or repeated Content-Length")
		}
	case equalFold(name, "transfer-encoding"):
		if h.codings++; h.codings > 1 {
			return h.fault(b, 400, "repeated Transfer-Encoding")
		}
		h.chunked = equalFold(value, "chunked")
	case equalFold(name, "expect"):
		h.expects = h.expects || !equalFold(value, "100-continue")
	}
	return nil
}

// finish judges the head as a whole, and begins the next.
func (h *head) finish(b []byte) *Fault {
	host, target := h.host.of(b), h.target.of(b)
	f := ""
	status := 400
	switch {
	case h.hosts == 0 && !h.old:
		f = "no Host header field"
	case !validHost(host):
		f = "malformed Host header field"
	case !rightTarget(h.method.of(b), target, host):
		f = "the request target is of a wrong form, or of another host than the Host header field"
	case h.codings > 0 && h.lengths > 0:
		f = "both Content-Length and Transfer-Encoding"
	case h.codings > 0 && h.old:
		f = "Transfer-Encoding in HTTP/1.0"
	case h.codings > 0 && !h.chunked:
		f, status = "a Transfer-Encoding other than chunked", 501
	case h.expects:
		f, status = "an expectation other than 100-continue", 417
	}
	if f != "" {
		return h.fault(b, status, f)
	}
	h.begun = false // the rest is needed until the next request line
	return nil
}

// rightTarget reports whether a request target is of a form that the method
// can have. One that names a host must name the same as the Host header field.
func rightTarget(method, target, host []byte) bool {
	switch {
	case string(method) == "CONNECT":
		return equalFold(target, string(host))
	case target[0] == '/':
		return true
	case string(target) == "*":
		return string(method) == "OPTIONS"
	}
	for _, scheme := range []string{"http://", "https://"} {
		if len(target) > len(scheme) && equalFold(target[:len(scheme)], scheme) {
			authority := target[len(scheme):]
			if end := bytes.IndexAny(authority, "/?"); end >= 0 {
				authority = authority[:end]
			}
			return len(host) > 0 && bytes.IndexByte(authority, '@') < 0 && equalFold(authority, string(host))
		}
	}
	return false
}

// escaped finds percent signs in the path of the head that b begins with which
// begin no escape: net/http takes no such target. sane is one that means the
// same; nil where there are none.
func (h *head) escaped(b []byte) (target span, sane []byte) {
	path, query, asked := bytes.Cut(h.target.of(b), []byte("?"))
	if bytes.IndexByte(path, '%') < 0 {
		return h.target, nil
	}
	odd := false
	for i, c := range path {
		sane = append(sane, c)
		if c == '%' && (i+2 >= len(path) || hexValue(path[i+1]) < 0 || hexValue(path[i+2]) < 0) {
			sane = append(sane, "25"...)
			odd = true
		}
	}
	if !odd {
		return h.target, nil
	}
	if asked {
		sane = append(append(sane, '?'), query...)
	}
	return h.target, sane
}

// splitField takes a header field apart; reason says what is wrong with it.
func splitField(line []byte) (name, value []byte, reason string) {
	if len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
		return nil, nil, "a folded header field"
	}
	name, value, ok := bytes.Cut(line, []byte(":"))
	switch {
	case !ok || !validToken(name):
		return nil, nil, "malformed name of a header field"
	case !validValue(value):
		return nil, nil, "malformed value of a header field"
	}
	return name, bytes.Trim(value, " \t"), ""
}

// contentLength reads a length: digits and nothing else.
func contentLength(value []byte) (int64, bool) {
	n := int64(0)
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, len(value) > 0 && len(value) <= 18
}

// validToken holds for what can be a method or the name of a header field
// (RFC 9110, section 5.6.2).
func validToken(b []byte) bool {
	for _, c := range b {
		if !alphanumeric(c) && c != '-' && strings.IndexByte("!#$%&'*+.^_`|~", c) < 0 { // the usual one first
			return false
		}
	}
	return len(b) > 0
}

// validHost holds for what a host and a port can be made of (RFC 3986, section
// 3.2.2); net/http takes no others.
func validHost(b []byte) bool {
	for _, c := range b {
		if !alphanumeric(c) && c != '.' && c != '-' && strings.IndexByte("_:[]%!$&'()*+,;=~", c) < 0 {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// validTarget holds for text without blanks and control characters. Bytes
// beyond ASCII are let through, as many clients send them.
func validTarget(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	return len(b) > 0
}

// validValue holds for text without control characters.
func validValue(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// equalFold is bytes.EqualFold for ASCII: other letters that fold to one of
// ASCII's are no part of a protocol.
func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i, c := range b {
		if c != s[i] && lower(c) != lower(s[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}
