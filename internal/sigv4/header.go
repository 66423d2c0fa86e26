package sigv4

import (
	"net/http"
	"strconv"
	"strings"
)

// appendHeaders appends the canonical headers, "name:values" and a newline each, for names in lower case.
func appendHeaders(dst []byte, r *http.Request, names []string) []byte {
	for _, name := range names {
		dst = append(dst, name...)
		dst = append(dst, ':')
		dst = appendHeaderValue(dst, r, name)
		dst = append(dst, '\n')
	}
	return dst
}

// appendHeaderValue looks in r.Header, and where net/http keeps the headers that it takes out of it. A header that is
// nowhere counts as empty: then the signature does not match, which is the right answer.
func appendHeaderValue(dst []byte, r *http.Request, name string) []byte {
	if name == "host" || name == ":authority" {
		if r.Host == "" && r.URL != nil {
			return appendTrimmed(dst, r.URL.Host)
		}
		return appendTrimmed(dst, r.Host)
	}
	if values := r.Header[headerKey(name)]; len(values) > 0 {
		return appendValues(dst, values)
	}
	switch name {
	case "content-length":
		if r.ContentLength >= 0 {
			dst = strconv.AppendInt(dst, r.ContentLength, 10)
		}
	case "transfer-encoding":
		dst = appendValues(dst, r.TransferEncoding)
	}
	return dst
}

// headerKey is the key of a lower-case name. net/http has to build the keys of X-Amz-… anew each time; these are at hand.
func headerKey(name string) string {
	switch name {
	case "x-amz-date":
		return headerDate
	case "x-amz-content-sha256":
		return headerPayload
	case "x-amz-security-token":
		return headerToken
	default:
		return http.CanonicalHeaderKey(name)
	}
}

func appendValues(dst []byte, values []string) []byte {
	for i, value := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendTrimmed(dst, value)
	}
	return dst
}

// appendTrimmed drops white space at both ends and makes one blank of inner runs of blanks. The line breaks of a folded
// header are blanks; a tab is not.
func appendTrimmed(dst []byte, value string) []byte {
	blank := false
	for i, value := 0, strings.Trim(value, " \t\r\n"); i < len(value); i++ {
		switch c := value[i]; c {
		case ' ', '\r', '\n':
			blank = true
		default:
			if blank {
				dst = append(dst, ' ')
				blank = false
			}
			dst = append(dst, c)
		}
	}
	return dst
}

// signedHeader is the value of a header that the signature covers, "" for one that it does not.
func signedHeader(r *http.Request, names []string, name string) string {
	for _, n := range names {
		if n == name {
			return strings.TrimSpace(strings.Join(r.Header[headerKey(name)], ","))
		}
	}
	return ""
}
