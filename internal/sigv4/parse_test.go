package sigv4_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"furl/internal/sigv4"
)

const goodHeader = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260803/us-east-1/lambda/aws4_request, " +
	"SignedHeaders=host;x-amz-date, Signature=00ff"

func serverRequest(target string, headers ...string) *http.Request {
	r := &http.Request{Method: "GET", RequestURI: target, Host: "example.com", Header: http.Header{}}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func TestParseHeader(t *testing.T) {
	r := serverRequest("/", "Authorization", goodHeader, "X-Amz-Date", "20260803T120000Z", "X-Amz-Security-Token", "tok")
	a, err := sigv4.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	want := sigv4.Auth{
		AccessKeyID: "AKIDEXAMPLE", Date: "20260803", Region: "us-east-1", Service: "lambda", Terminator: "aws4_request",
		SignedHeaders: []string{"host", "x-amz-date"}, Signature: "00ff", SessionToken: "tok", Time: noon,
	}
	if !equalAuth(*a, want) {
		t.Errorf("got %+v, want %+v", *a, want)
	}
}

func equalAuth(a, b sigv4.Auth) bool {
	return a.AccessKeyID == b.AccessKeyID && a.Date == b.Date && a.Region == b.Region && a.Service == b.Service &&
		a.Terminator == b.Terminator && slices.Equal(a.SignedHeaders, b.SignedHeaders) && a.Signature == b.Signature &&
		a.SessionToken == b.SessionToken && a.Time.Equal(b.Time) && a.Presigned == b.Presigned && a.Expires == b.Expires
}

func TestParseHeaderSpellings(t *testing.T) {
	const c, h, s = "Credential=AKIDEXAMPLE/20260803/us-east-1/lambda/aws4_request", "SignedHeaders=host;x-amz-date", "Signature=00ff"
	for _, value := range []string{
		"AWS4-HMAC-SHA256 " + c + "," + h + "," + s,
		"AWS4-HMAC-SHA256   " + s + " ,  " + c + ",\t" + h,
		"AWS4-HMAC-SHA256 " + c + ", " + h + ", " + s + ", Unknown=1,",
		"AWS4-HMAC-SHA256 Signature=no, " + c + ", " + h + ", " + s, // the last counts
		"AWS4-HMAC-SHA256 " + c + ", SignedHeaders=X-Amz-Date;Host;host, " + s,
	} {
		a, err := sigv4.Parse(serverRequest("/", "Authorization", value, "X-Amz-Date", "20260803T120000Z"))
		if err != nil {
			t.Errorf("%s: %v", value, err)
			continue
		}
		if a.AccessKeyID != keyID || a.Signature != "00ff" || !slices.Equal(a.SignedHeaders, []string{"host", "x-amz-date"}) {
			t.Errorf("%s: %+v", value, *a)
		}
	}
}

func TestParseQuery(t *testing.T) {
	const q = "/p?x=1&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260803%2Fus-east-1%2Flambda%2Faws4_request" +
		"&X-Amz-Date=20260803T120000Z&X-Amz-SignedHeaders=host%3Bx-a&X-Amz-Signature=00ff&X-Amz-Security-Token=a%2Fb%2B" +
		"&X-Amz-Signature=second&X-Amz-Date=second"
	for _, tt := range []struct {
		expires string
		want    time.Duration
	}{
		{"", 0}, {"&X-Amz-Expires=300", 300 * time.Second}, {"&X-Amz-Expires=1", time.Second}, {"&X-Amz-Expires=604800", sigv4.MaxExpires},
		{"&X-Amz-Expires=0", -1}, {"&X-Amz-Expires=-1", -1}, {"&X-Amz-Expires=604801", -1}, {"&X-Amz-Expires=", -1},
		{"&X-Amz-Expires=5m", -1}, {"&X-Amz-Expires=99999999999999999999", -1}, {"&X-Amz-Expires=60&X-Amz-Expires=x", time.Minute},
	} {
		a, err := sigv4.Parse(serverRequest(q + tt.expires))
		if err != nil {
			t.Fatal(err)
		}
		want := sigv4.Auth{
			AccessKeyID: "AKIDEXAMPLE", Date: "20260803", Region: "us-east-1", Service: "lambda", Terminator: "aws4_request",
			SignedHeaders: []string{"host", "x-a"}, Signature: "00ff", SessionToken: "a/b+", Time: noon, Presigned: true, Expires: tt.want,
		}
		if !equalAuth(*a, want) {
			t.Errorf("%s: got %+v, want %+v", tt.expires, *a, want)
		}
	}
}

func TestParseTime(t *testing.T) {
	for _, tt := range []struct{ name, value string }{
		{"X-Amz-Date", "20260803T120000Z"},
		{"X-Amz-Date", "2026-08-03T12:00:00Z"},
		{"X-Amz-Date", "2026-08-03T14:00:00+02:00"},
		{"Date", "20260803T120000Z"},
		{"Date", "Mon, 03 Aug 2026 12:00:00 GMT"},
		{"Date", "Mon, 03 Aug 2026 12:00:00 -0000"},
	} {
		a, err := sigv4.Parse(serverRequest("/", "Authorization", goodHeader, tt.name, tt.value))
		if err != nil || !a.Time.Equal(noon) || a.Time.Location() != time.UTC {
			t.Errorf("%s: %s gives %v, %v", tt.name, tt.value, a, err)
		}
	}
	both := serverRequest("/", "Authorization", goodHeader, "Date", "Mon, 03 Aug 2026 11:00:00 GMT", "X-Amz-Date", "20260803T120000Z",
		"X-Amz-Date", "20200101T000000Z")
	if a, err := sigv4.Parse(both); err != nil || !a.Time.Equal(noon) {
		t.Errorf("the first X-Amz-Date should win: %v, %v", a, err)
	}
}

func TestParseRefuses(t *testing.T) {
	const d, date = "X-Amz-Date", "20260803T120000Z"
	const c, h, s = "Credential=AKIDEXAMPLE/20260803/us-east-1/lambda/aws4_request", "SignedHeaders=host;x-amz-date", "Signature=00ff"
	hash := func(value string) string {
		return "(Hashed with SHA-256 and encoded with Base64) Authorization=" + hashOf(value)
	}
	tests := []struct {
		name, authorization, date string
		reason                    sigv4.Reason
		text                      string
	}{
		{"none", "", date, sigv4.MissingToken, "Request is missing Authentication Token"},
		{"scheme", "Basic dTpw", date, sigv4.Incomplete, "Unsupported AWS 'algorithm': 'Basic'."},
		{"sigv4a", "AWS4-ECDSA-P256-SHA256 " + c, date, sigv4.Incomplete, "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'."},
		{"case", strings.ToLower(goodHeader), date, sigv4.Incomplete, "Unsupported AWS 'algorithm': 'aws4-hmac-sha256'."},
		{"equal sign", "AWS4-HMAC-SHA256 x", date, sigv4.Incomplete, "Invalid key=value pair (missing equal-sign) in Authorization " +
			"header (hashed with SHA-256 and encoded with Base64): '" + hashOf("AWS4-HMAC-SHA256 x") + "'."},
		{"nothing but the algorithm", "AWS4-HMAC-SHA256", "", sigv4.Incomplete,
			"Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. " +
				"Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either a " +
				"'X-Amz-Date' or a 'Date' header. " + hash("AWS4-HMAC-SHA256")},
		{"no credential", "AWS4-HMAC-SHA256 " + h + ", " + s, date, sigv4.Incomplete,
			"Authorization header requires 'Credential' parameter. " + hash("AWS4-HMAC-SHA256 "+h+", "+s)},
		{"no signature", "AWS4-HMAC-SHA256 " + c + ", " + h, date, sigv4.Incomplete,
			"Authorization header requires 'Signature' parameter. " + hash("AWS4-HMAC-SHA256 "+c+", "+h)},
		{"no signed headers", "AWS4-HMAC-SHA256 " + c + ", " + s, date, sigv4.Incomplete,
			"Authorization header requires 'SignedHeaders' parameter. " + hash("AWS4-HMAC-SHA256 "+c+", "+s)},
		{"no date", goodHeader, "", sigv4.Incomplete,
			"Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. " + hash(goodHeader)},
		{"host", "AWS4-HMAC-SHA256 " + c + ", SignedHeaders=x-amz-date, " + s, date, sigv4.Mismatch,
			"'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
		{"date", goodHeader, "yesterday", sigv4.Incomplete,
			"Date must be in ISO-8601 'basic format'. Got 'yesterday'. See http://en.wikipedia.org/wiki/ISO_8601"},
		{"short credential", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260803/us-east-1/lambda, " + h + ", " + s, date, sigv4.Incomplete,
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, " +
				"got 'AKIDEXAMPLE/20260803/us-east-1/lambda'"},
		{"long credential", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e/f, " + h + ", " + s, date, sigv4.Incomplete,
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'a/b/c/d/e/f'"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := serverRequest("/")
			if tt.authorization != "" {
				r.Header.Set("Authorization", tt.authorization)
			}
			if tt.date != "" {
				r.Header.Set(d, tt.date)
			}
			a, err := sigv4.Parse(r)
			if a != nil || err == nil {
				t.Fatalf("got %v, %v", a, err)
			}
			if reason(t, err) != tt.reason || err.Error() != tt.text {
				t.Errorf("got %v %q\nwant %v %q", reason(t, err), err, tt.reason, tt.text)
			}
			if errors.Is(err, sigv4.ErrNone) != (tt.name == "none") {
				t.Errorf("errors.Is(%v, ErrNone) is wrong", err)
			}
		})
	}
}

func TestParseQueryRefuses(t *testing.T) {
	full := url.Values{
		"X-Amz-Algorithm":     {"AWS4-HMAC-SHA256"},
		"X-Amz-Credential":    {"AKIDEXAMPLE/20260803/us-east-1/lambda/aws4_request"},
		"X-Amz-Date":          {"20260803T120000Z"},
		"X-Amz-SignedHeaders": {"host"},
		"X-Amz-Signature":     {"00ff"},
	}
	const must, again = "AWS query-string parameters must include ", "Re-examine the query-string parameters."
	tests := []struct {
		name   string
		change func(url.Values)
		reason sigv4.Reason
		text   string
	}{
		{"no algorithm", func(q url.Values) { q.Del("X-Amz-Algorithm") }, sigv4.MissingToken, "Request is missing Authentication Token"},
		{"algorithm", func(q url.Values) { q.Set("X-Amz-Algorithm", "AWS4-ECDSA-P256-SHA256") }, sigv4.MissingToken, "Missing Authentication Token"},
		{"no credential", func(q url.Values) { q.Del("X-Amz-Credential") }, sigv4.Incomplete, must + "'X-Amz-Credential'. " + again},
		{"no signature", func(q url.Values) { q.Del("X-Amz-Signature") }, sigv4.Incomplete, must + "'X-Amz-Signature'. " + again},
		{"no signed headers", func(q url.Values) { q.Del("X-Amz-SignedHeaders") }, sigv4.Incomplete, must + "'X-Amz-SignedHeaders'. " + again},
		{"no date", func(q url.Values) { q.Del("X-Amz-Date") }, sigv4.Incomplete, must + "'X-Amz-Date'. " + again},
		{"nothing", func(q url.Values) {
			clear(q)
			q.Set("X-Amz-Algorithm", "AWS4-HMAC-SHA256")
		}, sigv4.Incomplete, must + "'X-Amz-Credential'. " + must + "'X-Amz-Signature'. " + must + "'X-Amz-SignedHeaders'. " + must + "'X-Amz-Date'. " + again},
		{"case of names", func(q url.Values) {
			q.Del("X-Amz-Date")
			q.Set("x-amz-date", "20260803T120000Z")
		}, sigv4.Incomplete, must + "'X-Amz-Date'. " + again},
		{"host", func(q url.Values) { q.Set("X-Amz-SignedHeaders", "x-a;x-b") }, sigv4.Mismatch,
			"'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
		{"date", func(q url.Values) { q.Set("X-Amz-Date", "") }, sigv4.Incomplete,
			"Date must be in ISO-8601 'basic format'. Got ''. See http://en.wikipedia.org/wiki/ISO_8601"},
		{"credential", func(q url.Values) { q.Set("X-Amz-Credential", "a/b") }, sigv4.Incomplete,
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'a/b'"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := url.Values{}
			for k, v := range full {
				q[k] = v
			}
			tt.change(q)
			_, err := sigv4.Parse(serverRequest("/?" + q.Encode()))
			if reason(t, err) != tt.reason || err.Error() != tt.text {
				t.Errorf("got %v %q\nwant %v %q", reason(t, err), err, tt.reason, tt.text)
			}
		})
	}
}

func TestParseURL(t *testing.T) {
	tests := []struct {
		target string
		reason sigv4.Reason
		text   string
	}{
		{"/a/../..", sigv4.MalformedURL, ""},
		{"/..", sigv4.MalformedURL, ""},
		{"/a/b/../../../c", sigv4.MalformedURL, ""},
		{"/%", sigv4.MalformedURL, ""},
		{"/%zz", sigv4.MalformedURL, ""},
		{"/a%2", sigv4.MalformedURL, ""},
		{"*", sigv4.MalformedURL, ""},
		{"", sigv4.MalformedURL, ""},
		{"/?a=%", sigv4.MalformedQuery, "Incomplete trailing escape % sequence"},
		{"/?a=%2", sigv4.MalformedQuery, "Incomplete trailing escape % sequence"},
		{"/?%4=1", sigv4.MalformedQuery, "Incomplete trailing escape % sequence"},
		{"/?a=%2&b=1", sigv4.MalformedQuery, "Incomplete trailing escape % sequence"},
		{"/?a=%2G", sigv4.MalformedQuery, "Illegal hex character in escape % pattern: %2G"},
		{"/?ok=%20&%xyz", sigv4.MalformedQuery, "Illegal hex character in escape % pattern: %xy"},
		{"/a/../b/%2e%2E/..?a=%25&b=%2f", sigv4.MissingToken, "Request is missing Authentication Token"},
		{"http://example.com", sigv4.MissingToken, "Request is missing Authentication Token"},
		{"http://example.com?a=%", sigv4.MalformedQuery, "Incomplete trailing escape % sequence"},
		{"http://example.com/..", sigv4.MalformedURL, ""},
	}
	for _, tt := range tests {
		_, err := sigv4.Parse(serverRequest(tt.target))
		var e *sigv4.Error
		if !errors.As(err, &e) || e.Reason != tt.reason || e.Message != tt.text {
			t.Errorf("%s: got %v %v, want %v %q", tt.target, reason(t, err), err, tt.reason, tt.text)
		}
	}
}

// TestOrderOfChecks begins with a request in which everything is wrong and mends one fault at a time: each time the
// next fault in AWS's order must come to light.
func TestOrderOfChecks(t *testing.T) {
	credential, signedHeaders := "no-slashes", "x-other"
	r := serverRequest("/..?a=%zz&X-Amz-Algorithm=AWS4-HMAC-SHA256", "Authorization", "Bearer token")
	authorize := func(parts string) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 "+parts) }
	sign := func() { authorize("Credential=" + credential + ", SignedHeaders=" + signedHeaders + ", Signature=00") }
	v := sigv4.NewVerifier(clock(noon))

	steps := []struct {
		mend   func()
		reason sigv4.Reason
		text   string
	}{
		{func() {}, sigv4.MalformedURL, "malformed-url"},
		{func() { r.RequestURI = "/?a=%zz&X-Amz-Algorithm=AWS4-HMAC-SHA256" }, sigv4.MalformedQuery, "Illegal hex"},
		{func() { r.RequestURI = "/?a=1&X-Amz-Algorithm=AWS4-HMAC-SHA256" }, sigv4.Mismatch, "mismatch"},
		{func() { r.RequestURI = "/?a=1" }, sigv4.Incomplete, "Unsupported AWS"},
		{func() { authorize("oops") }, sigv4.Incomplete, "Invalid key=value pair"},
		{func() { authorize("oops=1") }, sigv4.Incomplete, "Authorization header requires 'Credential'"},
		{func() { authorize("Credential=x") }, sigv4.Incomplete, "Authorization header requires 'Signature'"},
		{sign, sigv4.Incomplete, "Authorization header requires existence of"},
		{func() { r.Header.Set("Date", "never") }, sigv4.Mismatch, "'Host' or ':authority'"},
		{func() { signedHeaders = "host;x-amz-date"; sign() }, sigv4.Incomplete, "Date must be in"},
		{func() { r.Header.Set("X-Amz-Date", "20260803T110000Z") }, sigv4.Incomplete, "Credential must have exactly 5"},
		{func() { credential = "AKIDEXAMPLE/20260802/eu-west-9/s3/aws5_request"; sign() }, sigv4.Expired, "Signature expired"},
		{func() { r.Header.Set("X-Amz-Date", "20260803T120000Z") }, sigv4.BadScope, "Credential should be scoped to a valid region"},
		{func() { credential = "AKIDOTHER/20260803/us-east-1/lambda/aws4_request"; sign() }, sigv4.InvalidToken, "The security token"},
		{func() { credential = "AKIDEXAMPLE/20260803/us-east-1/lambda/aws4_request"; sign() }, sigv4.Mismatch, "The request signature we"},
		{func() {
			r.Header.Del("Date")
			sigv4.Sign(r, credentials, region, service, noon, nil)
		}, 0, ""},
	}
	for i, step := range steps {
		step.mend()
		err := check(v, r, nil, scope)
		if reason(t, err) != step.reason || err != nil && !strings.HasPrefix(err.Error(), step.text) {
			t.Fatalf("step %d: got %v %v, want %v %q", i, reason(t, err), err, step.reason, step.text)
		}
	}
}
