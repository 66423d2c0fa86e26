package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Credentials are what a request is signed with. SessionToken is empty for an access key of a user. Printed or logged
// they show the access key's id alone.
type Credentials struct {
	AccessKeyID, SecretAccessKey, SessionToken string
}

// String is the access key's id.
func (c Credentials) String() string { return "{" + c.AccessKeyID + " [redacted]}" }

// GoString is String, so that %#v gives nothing more away.
func (c Credentials) GoString() string { return c.String() }

// LogValue is String as a slog value.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Sign signs a request that is about to be sent, in the header form, for the moment t. It sets X-Amz-Date,
// X-Amz-Content-Sha256, X-Amz-Security-Token and Authorization, and covers them, the host and every header present but
// those that net/http writes itself and those that proxies may change. Host, URL and the other headers must be final, and
// body must be what r.Body yields. The path is signed in its normalised form.
func Sign(r *http.Request, c Credentials, region, service string, t time.Time, body []byte) {
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	a := newAuth(c, region, service, t)
	payload := hashHex(body)
	r.Header.Del("Authorization")
	r.Header.Set(headerDate, a.Time.Format(basicFormat))
	r.Header.Set(headerPayload, payload)
	r.Header.Del(headerToken)
	if c.SessionToken != "" {
		r.Header.Set(headerToken, c.SessionToken)
	}
	a.SignedHeaders = headersToSign(r.Header)
	r.Header.Set("Authorization", algorithm+" Credential="+a.credential()+
		", SignedHeaders="+strings.Join(a.SignedHeaders, ";")+
		", Signature="+a.sign(r, c.SecretAccessKey, payload))
}

// Presign signs a request in the query form: it adds the X-Amz-… parameters to r.URL, in place of those that it may have,
// so that anybody who has the URL can send the request for the given time from t on. The signature covers the host and no
// other header. expires is cut to whole seconds; AWS takes 1 second to MaxExpires. body is mostly empty, since who
// follows a URL sends none.
func Presign(r *http.Request, c Credentials, region, service string, t time.Time, expires time.Duration, body []byte) {
	a := newAuth(c, region, service, t)
	a.Presigned = true
	a.SignedHeaders = []string{"host"}

	_, raw := target(r)
	query := withoutAuth(raw)
	add := func(name, value string) {
		if len(query) > 0 {
			query = append(query, '&')
		}
		query = append(query, name...)
		query = append(query, '=')
		for i := range len(value) {
			query = appendEncoded(query, value[i])
		}
	}
	add(queryAlgorithm, algorithm)
	add(queryCredential, a.credential())
	add(queryDate, a.Time.Format(basicFormat))
	add(queryExpires, strconv.FormatInt(int64(expires/time.Second), 10))
	add(querySignedHeaders, "host")
	if c.SessionToken != "" {
		add(queryToken, c.SessionToken)
	}
	setQuery(r, string(query))
	add(querySignature, a.sign(r, c.SecretAccessKey, hashHex(body)))
	setQuery(r, string(query))
}

func newAuth(c Credentials, region, service string, t time.Time) *Auth {
	t = t.UTC().Truncate(time.Second)
	return &Auth{
		AccessKeyID: c.AccessKeyID,
		Date:        t.Format(dateFormat),
		Region:      region,
		Service:     service,
		Terminator:  terminator,
		Time:        t,
	}
}

// credential is the access key's id and the credential scope.
func (a *Auth) credential() string {
	return strings.Join([]string{a.AccessKeyID, a.Date, a.Region, a.Service, a.Terminator}, "/")
}

// sign is the signature of the likeliest canonical form.
func (a *Auth) sign(r *http.Request, secret, payload string) string {
	c := newCanonical(r, a.SignedHeaders, payload)
	request := c.append(nil, c.paths()[0], c.queries(a.Presigned)[0])
	sum := deriveKey(secret, a.Date, a.Region, a.Service).sign(appendStringToSign(nil, a, request))
	return hex.EncodeToString(sum[:])
}

// headersToSign gives the lower-case names of all headers that reach the server as they are now. net/http sends header
// keys that are not in canonical form as they stand and a server folds them together; they are not signed.
func headersToSign(h http.Header) []string {
	names := []string{"host"}
	for key := range h {
		if key != http.CanonicalHeaderKey(key) {
			continue
		}
		switch name := strings.ToLower(key); name {
		case "host", "content-length", "trailer", "transfer-encoding", "user-agent": // written by net/http
		case "connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "upgrade",
			"baggage", "traceparent", "tracestate", "x-amzn-trace-id": // changed on the way
		default:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// withoutAuth is a raw query without the parameters that Presign sets.
func withoutAuth(raw string) []byte {
	var kept []byte
	var fields queryFields
	for piece := range strings.SplitSeq(raw, "&") {
		name, _, _ := strings.Cut(piece, "=")
		if fields.field(decode(name)) != nil {
			continue
		}
		if len(kept) > 0 {
			kept = append(kept, '&')
		}
		kept = append(kept, piece...)
	}
	return kept
}

// setQuery replaces the raw query, also in the request line of a request that has one.
func setQuery(r *http.Request, raw string) {
	if r.URL != nil {
		r.URL.RawQuery = raw
	}
	if r.RequestURI != "" {
		path, _, _ := strings.Cut(r.RequestURI, "?")
		r.RequestURI = path + "?" + raw
	}
}

func hashHex(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
