package sigv4

import (
	"bytes"
	"net/http"
	"strings"
)

// target is the path and the raw query of a request, as they stand on the request line. The decoded path is of no use:
// encoding it again gives something else wherever the client had a choice.
func target(r *http.Request) (path, query string) {
	line := r.RequestURI
	if line == "" && r.URL != nil {
		line = r.URL.RequestURI() // a request that is yet to be sent
	}
	path, query, _ = strings.Cut(line, "?")
	if !strings.HasPrefix(path, "/") {
		if _, rest, ok := strings.Cut(path, "://"); ok { // as sent to a proxy
			if slash := strings.IndexByte(rest, '/'); slash >= 0 {
				return rest[slash:], query
			}
			return "/", query
		}
	}
	return path, query
}

// checkPath refuses what AWS's front ends take for no URL at all.
func checkPath(path string) error {
	if !strings.HasPrefix(path, "/") {
		return &Error{Reason: MalformedURL}
	}
	for i := 0; i < len(path); i++ {
		if path[i] == '%' && !isEscape(path[i:]) {
			return &Error{Reason: MalformedURL}
		}
	}
	if _, ok := normalise(path); !ok {
		return &Error{Reason: MalformedURL}
	}
	return nil
}

// normalise drops empty and "." segments and resolves "..". It does not decode, so %2E is no dot. A path that needs no
// change is returned as it is; ok is false when it climbs above the root.
func normalise(path string) (clean string, ok bool) {
	if !strings.Contains(path, "//") && !strings.Contains(path, "/.") {
		return path, true
	}
	out := make([]byte, 0, len(path))
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			last := bytes.LastIndexByte(out, '/')
			if last < 0 {
				return "", false
			}
			out = out[:last]
		default:
			out = append(out, '/')
			out = append(out, segment...)
		}
	}
	if len(out) == 0 || strings.HasSuffix(path, "/") {
		out = append(out, '/')
	}
	return string(out), true
}

// appendPath appends the canonical form of a path from the request line: encoded once more, percent signs included.
func appendPath(dst []byte, path string) []byte {
	if path == "" {
		return append(dst, '/')
	}
	for i := range len(path) {
		if path[i] == '/' {
			dst = append(dst, '/')
			continue
		}
		dst = appendEncoded(dst, path[i])
	}
	return dst
}
