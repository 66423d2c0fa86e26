package payload

import (
	"crypto/tls"
	"net/http"
	"slices"
	"strings"
)

// headerEntry is one member of the event's headers: the client's values, then what the server adds.
type headerEntry struct {
	name   string // any case
	values []string
	tail   string
}

// appendHeaders appends the event's headers object: what the client sent without hop-by-hop headers, and what the server
// knows, by lower-case name.
func appendHeaders(dst []byte, r *http.Request, m *Meta) []byte {
	var buf [40]headerEntry
	entries := appendServerEntries(buf[:0], r, m)
	var named map[string]bool
	if m.Identity == nil {
		named = connectionOptions(r.Header["Connection"])
	} // else an unsigned Connection could take a signed header away
	for name, values := range r.Header {
		if len(values) == 0 || !passesOn(name, m.Identity != nil) {
			continue
		}
		if named != nil && named[strings.ToLower(name)] {
			continue
		}
		entries = append(entries, headerEntry{name: name, values: values})
	}
	// Sorting positions instead of entries saves moving 56 bytes at a time, a third of the whole event's cost.
	var orderBuf [40]int32
	order := orderBuf[:0]
	for i := range entries {
		order = append(order, int32(i))
	}
	slices.SortFunc(order, func(a, b int32) int { return compareFold(entries[a].name, entries[b].name) })

	sep := byte('{')
	for _, i := range order {
		dst = append(dst, sep)
		dst = appendEntry(dst, &entries[i])
		sep = ','
	}
	return append(dst, '}') // there is at least x-forwarded-proto
}

// appendServerEntries appends the headers that the server makes itself.
func appendServerEntries(entries []headerEntry, r *http.Request, m *Meta) []headerEntry {
	if r.Host != "" {
		entries = append(entries, headerEntry{name: "host", tail: r.Host})
	}
	if m.TLS != nil {
		entries = append(entries,
			headerEntry{name: "x-amzn-tls-cipher-suite", tail: cipherSuite(m.TLS.CipherSuite)},
			headerEntry{name: "x-amzn-tls-version", tail: tlsVersion(m.TLS.Version)})
	}
	if m.TraceID != "" {
		entries = append(entries, headerEntry{name: "x-amzn-trace-id", tail: m.TraceID})
	}
	sent := r.Header["X-Forwarded-For"]
	if len(sent) == 1 && sent[0] == "" {
		sent = nil
	}
	if m.SourceIP != "" || len(sent) > 0 {
		entries = append(entries, headerEntry{name: "x-forwarded-for", values: sent, tail: m.SourceIP})
	}
	if m.Port != "" {
		entries = append(entries, headerEntry{name: "x-forwarded-port", tail: m.Port})
	}
	proto := m.Proto
	switch {
	case proto != "":
	case m.TLS != nil:
		proto = "https"
	default:
		proto = "http"
	}
	return append(entries, headerEntry{name: "x-forwarded-proto", tail: proto})
}

// appendEntry appends one member. Repeated headers are joined with a comma and no space; the parts of a Cookie header are
// no comma-separated list, they need their own separator.
func appendEntry(dst []byte, e *headerEntry) []byte {
	dst = appendLower(dst, e.name)
	dst = append(dst, `:"`...)
	join := ","
	if e.name == "Cookie" {
		join = "; "
	}
	for i, v := range e.values {
		if i > 0 {
			dst = append(dst, join...)
		}
		dst = appendEscaped(dst, v)
	}
	if e.tail != "" {
		if len(e.values) > 0 {
			dst = append(dst, ", "...)
		}
		dst = appendEscaped(dst, e.tail)
	}
	return append(dst, '"')
}

// passesOn says whether a client's header (canonical name) is copied to the event. Not copied are hop-by-hop headers,
// headers the server makes itself, and the signature of a call that IAM has authorized.
func passesOn(name string, signed bool) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return false
	case "Host", "X-Amzn-Tls-Cipher-Suite", "X-Amzn-Tls-Version", "X-Amzn-Trace-Id",
		"X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto":
		return false
	case "Authorization":
		return !signed
	}
	return true
}

// connectionOptions returns the header names, lower-case, that the Connection headers declare hop-by-hop; nil in the usual
// case that there are none.
func connectionOptions(values []string) map[string]bool {
	var named map[string]bool
	for _, rest := range values {
		for rest != "" {
			var option string
			option, rest, _ = strings.Cut(rest, ",")
			option = strings.Trim(option, " \t")
			if option == "" || strings.EqualFold(option, "keep-alive") || strings.EqualFold(option, "close") {
				continue
			}
			if named == nil {
				named = make(map[string]bool)
			}
			named[strings.ToLower(option)] = true
		}
	}
	return named
}

// compareFold orders header names by their lower-case form.
func compareFold(a, b string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] == b[i] {
			continue
		}
		if x, y := lower(a[i]), lower(b[i]); x != y {
			return int(x) - int(y)
		}
	}
	return len(a) - len(b)
}

// lower is the lower-case form of an ASCII letter, anything else itself.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

// appendLower appends a header name in lower case as a JSON string.
func appendLower(dst []byte, name string) []byte {
	dst = append(dst, '"')
	start := len(dst)
	dst = appendEscaped(dst, name)
	for i := start; i < len(dst); i++ {
		dst[i] = lower(dst[i])
	}
	return append(dst, '"')
}

// tlsVersion names a TLS version as AWS's front end does.
func tlsVersion(v uint16) string {
	switch v {
	case tls.VersionTLS10:
		return "TLSv1"
	case tls.VersionTLS11:
		return "TLSv1.1"
	case tls.VersionTLS12:
		return "TLSv1.2"
	case tls.VersionTLS13:
		return "TLSv1.3"
	}
	return tls.VersionName(v)
}

// cipherSuite names a cipher suite as AWS's front end does: by OpenSSL's name, which for TLS 1.3 is the IANA name.
func cipherSuite(id uint16) string {
	switch id {
	case tls.TLS_AES_128_GCM_SHA256:
		return "TLS_AES_128_GCM_SHA256"
	case tls.TLS_AES_256_GCM_SHA384:
		return "TLS_AES_256_GCM_SHA384"
	case tls.TLS_CHACHA20_POLY1305_SHA256:
		return "TLS_CHACHA20_POLY1305_SHA256"
	case tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:
		return "ECDHE-RSA-AES128-GCM-SHA256"
	case tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384:
		return "ECDHE-RSA-AES256-GCM-SHA384"
	case tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256:
		return "ECDHE-RSA-CHACHA20-POLY1305"
	case tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA:
		return "ECDHE-RSA-AES128-SHA"
	case tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA:
		return "ECDHE-RSA-AES256-SHA"
	case tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256:
		return "ECDHE-ECDSA-AES128-GCM-SHA256"
	case tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384:
		return "ECDHE-ECDSA-AES256-GCM-SHA384"
	case tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256:
		return "ECDHE-ECDSA-CHACHA20-POLY1305"
	case tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA:
		return "ECDHE-ECDSA-AES128-SHA"
	case tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA:
		return "ECDHE-ECDSA-AES256-SHA"
	}
	return tls.CipherSuiteName(id)
}
