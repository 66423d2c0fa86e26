package payload

import (
	"crypto/tls"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Meta is what the server knows of a request beside the request itself.
type Meta struct {
	// URLID is the function URL's id: apiId and domainPrefix.
	URLID string
	// DomainName is the URL's own host name without a port, whatever the client wrote in its Host header.
	DomainName string
	// RequestID is the invocation's id, a UUID; the same as x-amzn-RequestId of the response.
	RequestID string
	// TraceID is the value of x-amzn-trace-id handed to the function, "Root=1-…"; empty: no header.
	TraceID string
	// Time is when the request arrived.
	Time time.Time
	// SourceIP is the peer's address without a port. x-forwarded-for is what the client sent in it, then this.
	SourceIP string
	// TLS is the connection's state, nil on plain HTTP: without it there are no x-amzn-tls-* headers.
	TLS *tls.ConnectionState
	// PathPrefix is what a path begins with that is not the function's to see: "/_url/{url-id}", or nothing.
	PathPrefix string
	// Proto is x-forwarded-proto; empty: "https" if TLS is set, else "http". A server behind a proxy that ends TLS sets it.
	Proto string
	// Port is x-forwarded-port, the port the client used ("443"); empty: no header.
	Port string
	// Identity is the caller of a URL with AuthType AWS_IAM; nil for AuthType NONE.
	Identity *Identity
}

// Identity is the authenticated caller as requestContext.authorizer.iam shows it.
type Identity struct {
	AccessKey string // "AKIA…", or "ASIA…" of a session
	AccountID string // 12 digits
	CallerID  string // "AIDA…" of a user, "AROA…:session" of an assumed role
	UserARN   string
	UserID    string // as CallerID
	// PrincipalOrgID is the caller's organization ("o-…"); empty: null in the event.
	PrincipalOrgID string
}

// AppendEvent appends the event for r to dst and returns the extended buffer.
//
// r must come from net/http's server (or http.ReadRequest): header names are in canonical form, and RequestURI is the
// request target, of which path and query are taken byte for byte. r.Body is not read: body is the whole request body,
// empty if there is none. The result is one valid JSON object whatever the request holds.
func AppendEvent(dst []byte, r *http.Request, body []byte, m *Meta) []byte {
	path, query := splitTarget(r.RequestURI)
	if path = strings.TrimPrefix(path, m.PathPrefix); path == "" {
		path = "/"
	}
	dst = append(dst, `{"version":"2.0","routeKey":"$default","rawPath":`...)
	dst = appendRaw(dst, path)
	dst = append(dst, `,"rawQueryString":`...)
	dst = appendRaw(dst, query)
	dst = appendCookies(dst, r.Header["Cookie"])
	dst = append(dst, `,"headers":`...)
	dst = appendHeaders(dst, r, m)
	dst = appendQuery(dst, query)
	dst = append(dst, `,"requestContext":`...)
	dst = appendContext(dst, r, path, m)
	return appendBody(dst, r.Header, body)
}

// splitTarget cuts a request target into its path and its query. Besides the usual "/path?query" there is the absolute form
// ("http://host/path?query") and forms without a path ("*", CONNECT's authority), which get the path "/".
func splitTarget(target string) (path, query string) {
	path, query, _ = strings.Cut(target, "?")
	if strings.HasPrefix(path, "/") {
		return path, query
	}
	if _, rest, ok := strings.Cut(path, "://"); ok {
		if slash := strings.IndexByte(rest, '/'); slash >= 0 {
			return rest[slash:], query
		}
	}
	return "/", query
}

// appendContext appends requestContext.
func appendContext(dst []byte, r *http.Request, path string, m *Meta) []byte {
	dst = append(dst, `{"accountId":`...)
	if m.Identity == nil {
		dst = append(dst, `"anonymous"`...)
	} else {
		dst = appendString(dst, m.Identity.AccountID)
	}
	dst = append(dst, `,"apiId":`...)
	dst = appendString(dst, m.URLID)
	if m.Identity != nil {
		dst = appendIdentity(dst, m.Identity)
	}
	dst = append(dst, `,"domainName":`...)
	dst = appendString(dst, m.DomainName)
	dst = append(dst, `,"domainPrefix":`...)
	dst = appendString(dst, m.URLID)
	dst = append(dst, `,"http":{"method":`...)
	dst = appendString(dst, r.Method)
	dst = append(dst, `,"path":`...)
	dst = appendDecodedPath(dst, path)
	dst = append(dst, `,"protocol":"HTTP/1.1","sourceIp":`...) // also for HTTP/2 clients
	dst = appendString(dst, m.SourceIP)
	if agent := r.Header["User-Agent"]; len(agent) > 0 {
		dst = append(dst, `,"userAgent":`...)
		dst = appendString(dst, agent[0])
	}
	dst = append(dst, `},"requestId":`...)
	dst = appendString(dst, m.RequestID)
	dst = append(dst, `,"routeKey":"$default","stage":"$default","time":"`...)
	dst = m.Time.UTC().AppendFormat(dst, "02/Jan/2006:15:04:05 -0700")
	dst = append(dst, `","timeEpoch":`...)
	dst = strconv.AppendInt(dst, m.Time.UnixMilli(), 10)
	return append(dst, '}')
}

// appendIdentity appends requestContext.authorizer.
func appendIdentity(dst []byte, id *Identity) []byte {
	dst = append(dst, `,"authorizer":{"iam":{"accessKey":`...)
	dst = appendString(dst, id.AccessKey)
	dst = append(dst, `,"accountId":`...)
	dst = appendString(dst, id.AccountID)
	dst = append(dst, `,"callerId":`...)
	dst = appendString(dst, id.CallerID)
	dst = append(dst, `,"cognitoIdentity":null,"principalOrgId":`...)
	if id.PrincipalOrgID == "" {
		dst = append(dst, `null`...)
	} else {
		dst = appendString(dst, id.PrincipalOrgID)
	}
	dst = append(dst, `,"userArn":`...)
	dst = appendString(dst, id.UserARN)
	dst = append(dst, `,"userId":`...)
	dst = appendString(dst, id.UserID)
	return append(dst, `}}`...)
}

// appendBody appends body and isBase64Encoded and closes the event.
func appendBody(dst []byte, h http.Header, body []byte) []byte {
	switch {
	case len(body) == 0:
		return append(dst, `,"isBase64Encoded":false}`...)
	case isText(h) && utf8.Valid(body):
		dst = slices.Grow(dst, len(body)+len(body)/8+64)
		dst = append(dst, `,"body":"`...)
		dst = appendValidEscaped(dst, body)
		return append(dst, `","isBase64Encoded":false}`...)
	default:
		dst = slices.Grow(dst, base64.StdEncoding.EncodedLen(len(body))+64)
		dst = append(dst, `,"body":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, body)
		return append(dst, `","isBase64Encoded":true}`...)
	}
}

// isText says whether a body of these headers is handed over as text (if it is valid UTF-8) rather than as base64.
func isText(h http.Header) bool {
	for _, coding := range h["Content-Encoding"] {
		if coding != "" && !strings.EqualFold(coding, "identity") {
			return false
		}
	}
	values := h["Content-Type"]
	if len(values) == 0 {
		return false
	}
	media, _, _ := strings.Cut(values[0], ";")
	media = strings.Trim(media, " \t")
	kind, subtype, ok := strings.Cut(media, "/")
	switch {
	case !ok:
		return false
	case strings.EqualFold(kind, "text"), hasSuffixFold(subtype, "+json"), hasSuffixFold(subtype, "+xml"):
		return true
	case !strings.EqualFold(kind, "application"):
		return false
	}
	return strings.EqualFold(subtype, "json") || strings.EqualFold(subtype, "xml") || strings.EqualFold(subtype, "javascript")
}

// hasSuffixFold is strings.HasSuffix for ASCII without regard to case.
func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}
