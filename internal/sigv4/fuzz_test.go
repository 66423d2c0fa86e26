package sigv4_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"furl/internal/sigv4"
)

func FuzzParseAuthorization(f *testing.F) {
	f.Add(goodHeader, "20260803T120000Z", "/")
	f.Add("AWS4-HMAC-SHA256 Credential=a/b/c/d/e,SignedHeaders=HOST;;host,Signature=", "Mon, 03 Aug 2026 12:00:00 GMT", "/a?b")
	f.Add("AWS4-HMAC-SHA256 =,=", "2026-08-03T12:00:00Z", "//x/../?%41=%zz")
	f.Add("", "", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/b/c/d/e&X-Amz-Date=20260803T120000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=0&X-Amz-Expires=9")
	f.Add("Basic dTpw", "", "http://h/")
	f.Fuzz(func(t *testing.T, authorization, date, target string) {
		r := serverRequest(target, "X-Amz-Date", date, "Authorization", authorization)
		a, err := sigv4.Parse(r)
		if err != nil {
			if a != nil || reason(t, err) == 0 {
				t.Fatalf("Parse gives %v beside %v", a, err)
			}
			return
		}
		if !slices.Contains(a.SignedHeaders, "host") && !slices.Contains(a.SignedHeaders, ":authority") {
			t.Errorf("host is not signed: %q", a.SignedHeaders)
		}
		if !slices.IsSorted(a.SignedHeaders) || len(slices.Compact(slices.Clone(a.SignedHeaders))) != len(a.SignedHeaders) {
			t.Errorf("signed headers are not a sorted set: %q", a.SignedHeaders)
		}
		if a.Time.Location() != time.UTC || a.Time.Nanosecond() != 0 {
			t.Errorf("time %v", a.Time)
		}
		if err := check(sigv4.NewVerifier(clock(a.Time)), r, nil, scope); err == nil {
			t.Errorf("a made-up signature is accepted: %+v", *a)
		}
	})
}

// FuzzCanonicalRequest signs any request and expects it to be accepted, and to be refused with another body or host.
func FuzzCanonicalRequest(f *testing.F) {
	f.Add("GET", "/", "example.com", "X-A", " a  b ", []byte(nil))
	f.Add("POST", "/a//b/./../c%20d?x=y&x=%2f&+=+&a=1&a-b=2", "h:8080", "Content-Type", "text/plain", []byte("body"))
	f.Add("", "/%41:?%41&=&&X-Amz-Date=1&x=%", "[::1]", "X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD", []byte{0})
	f.Add("x", "http://a?+", "", "Host", "\r\n a", []byte("é"))
	f.Fuzz(func(t *testing.T, method, target, host, name, value string, body []byte) {
		if name == "" || strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c) }) {
			return // not the name of a header: no HTTP server lets it in
		}
		v := sigv4.NewVerifier(clock(noon))
		for _, presigned := range []bool{false, true} {
			r := &http.Request{Method: method, RequestURI: target, Host: host, Header: http.Header{}}
			r.Header.Set(name, value)
			if presigned {
				r.Header.Del("Authorization")
				sigv4.Presign(r, credentials, region, service, noon, time.Minute, body)
			} else {
				sigv4.Sign(r, credentials, region, service, noon, body)
			}
			switch err := check(v, r, body, scope); reason(t, err) {
			case 0:
			case sigv4.MalformedURL, sigv4.MalformedQuery:
				continue
			case sigv4.Mismatch:
				if err.Error() == sigv4.Mismatch.String() && strings.Contains(target, "Algorithm") {
					continue // signed in both forms
				}
				t.Fatalf("signed %s %q, then: %v", method, r.RequestURI, err)
			default:
				t.Fatalf("signed %s %q, then: %v", method, r.RequestURI, err)
			}
			if err := check(v, r, append(bytes.Clone(body), '!'), scope); reason(t, err) != sigv4.Mismatch {
				t.Errorf("another body: %v", err)
			}
			r.Host += "!"
			if err := check(v, r, body, scope); reason(t, err) != sigv4.Mismatch {
				t.Errorf("another host: %v", err)
			}
		}
	})
}
