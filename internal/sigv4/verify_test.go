package sigv4_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"furl/internal/sigv4"
)

const mismatchText = "The request signature we calculated does not match the signature you provided. Check your AWS Secret " +
	"Access Key and signing method. Consult the service documentation for details."

// signed is a request that Sign has signed at noon.
func signed(target string, body []byte, headers ...string) *http.Request {
	r := serverRequest(target, headers...)
	sigv4.Sign(r, credentials, region, service, noon, body)
	return r
}

// TestSkewTexts holds texts that AWS is known to have sent.
func TestSkewTexts(t *testing.T) {
	tests := []struct {
		signed, now string
		skew        time.Duration
		text        string
	}{
		{"20171026T165425Z", "20171026T170054Z", 5 * time.Minute,
			"Signature expired: 20171026T165425Z is now earlier than 20171026T165554Z (20171026T170054Z - 5 min.)"},
		{"20160316T092850Z", "20160316T091736Z", 5 * time.Minute,
			"Signature not yet current: 20160316T092850Z is still later than 20160316T092236Z (20160316T091736Z + 5 min.)"},
		{"20171026T160000Z", "20171026T170054Z", 15 * time.Minute,
			"Signature expired: 20171026T160000Z is now earlier than 20171026T164554Z (20171026T170054Z - 15 min.)"},
	}
	for _, tt := range tests {
		at, now := parseBasic(t, tt.signed), parseBasic(t, tt.now)
		a := &sigv4.Auth{Time: at, Date: tt.signed[:8], Region: region, Service: service, Terminator: "aws4_request"}
		err := sigv4.NewVerifier(clock(now)).CheckScope(a, sigv4.Scope{Service: service, Skew: tt.skew})
		if err == nil || err.Error() != tt.text {
			t.Errorf("got %v, want %q", err, tt.text)
		}
	}
}

func parseBasic(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse("20060102T150405Z", s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestSkewWindow(t *testing.T) {
	for _, skew := range []time.Duration{5 * time.Minute, 15 * time.Minute} {
		s := sigv4.Scope{Service: service, Regions: []string{region}, Skew: skew}
		for _, tt := range []struct {
			late time.Duration // the server's clock minus the time of signing
			want sigv4.Reason
		}{
			{0, 0}, {skew, 0}, {skew + 999*time.Millisecond, 0}, {skew + time.Second, sigv4.Expired}, {24 * time.Hour, sigv4.Expired},
			{-skew, 0}, {-skew - time.Millisecond, sigv4.NotYetCurrent}, {-skew - time.Second, sigv4.NotYetCurrent},
		} {
			v := sigv4.NewVerifier(clock(noon.Add(tt.late)))
			if got := reason(t, check(v, signed("/", nil), nil, s)); got != tt.want {
				t.Errorf("%v late in a window of %v: %v, want %v", tt.late, skew, got, tt.want)
			}
		}
	}
}

func TestPresignedLifetime(t *testing.T) {
	const lifetime = 90 * time.Second
	url := serverRequest("/p?x=1")
	sigv4.Presign(url, credentials, region, service, noon, lifetime, nil)
	fixed := scope
	fixed.HonourExpires = false
	for _, tt := range []struct {
		scope sigv4.Scope
		late  time.Duration
		want  string
	}{
		{scope, 0, ""},
		{scope, lifetime, ""},
		{scope, lifetime + time.Second, "Signature expired: 20260803T120000Z is now earlier than 20260803T120001Z (20260803T120131Z - 90 sec.)"},
		{scope, -5 * time.Minute, ""},
		{scope, -5*time.Minute - time.Second,
			"Signature not yet current: 20260803T120000Z is still later than 20260803T115959Z (20260803T115459Z + 5 min.)"},
		{fixed, lifetime + time.Second, ""},
		{fixed, 5 * time.Minute, ""},
		{fixed, 301 * time.Second, "Signature expired: 20260803T120000Z is now earlier than 20260803T120001Z (20260803T120501Z - 5 min.)"},
	} {
		err := check(sigv4.NewVerifier(clock(noon.Add(tt.late))), url, nil, tt.scope)
		if got := fmt.Sprint(err); got != tt.want && !(err == nil && tt.want == "") {
			t.Errorf("honoured %v, %v late: %v, want %q", tt.scope.HonourExpires, tt.late, err, tt.want)
		}
	}
	week := serverRequest("/")
	sigv4.Presign(week, credentials, region, service, noon, sigv4.MaxExpires, nil)
	if err := check(sigv4.NewVerifier(clock(noon.Add(sigv4.MaxExpires))), week, nil, scope); err != nil {
		t.Error("after a week:", err)
	}
}

func TestPresignedWithoutLifetime(t *testing.T) {
	for _, tt := range []struct {
		expires time.Duration
		text    string
	}{
		{0, "AWS query-string parameters must include 'X-Amz-Expires'. Re-examine the query-string parameters."},
		{-1, "X-Amz-Expires must be an integer from 1 to 604800 seconds."},
	} {
		a := &sigv4.Auth{
			Presigned: true, Expires: tt.expires, Time: noon, Date: "20260803", Region: region, Service: service, Terminator: "aws4_request",
		}
		v := sigv4.NewVerifier(clock(noon))
		if err := v.CheckScope(a, scope); reason(t, err) != sigv4.Incomplete || err.Error() != tt.text {
			t.Errorf("%v: %v, want %q", tt.expires, err, tt.text)
		}
		ignored := scope
		ignored.HonourExpires = false
		if err := v.CheckScope(a, ignored); err != nil {
			t.Errorf("%v, not honoured: %v", tt.expires, err)
		}
	}
}

func TestCredentialScope(t *testing.T) {
	good := sigv4.Auth{Time: noon, Date: "20260803", Region: region, Service: service, Terminator: "aws4_request"}
	tests := []struct {
		name   string
		change func(*sigv4.Auth)
		text   string
	}{
		{"good", func(*sigv4.Auth) {}, ""},
		{"region", func(a *sigv4.Auth) { a.Region = "eu-west-9" }, "Credential should be scoped to a valid region. "},
		{"service", func(a *sigv4.Auth) { a.Service = "batch" }, "Credential should be scoped to correct service: 'lambda'. "},
		{"terminator", func(a *sigv4.Auth) { a.Terminator = "x" },
			"Credential should be scoped with a valid terminator: 'aws4_request', not 'x'. "},
		{"date", func(a *sigv4.Auth) { a.Date = "20260802" }, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version " +
			"of date from HTTP: '20260802' != '20260803', from '20260803T120000Z'. "},
		{"all", func(a *sigv4.Auth) { a.Region, a.Service, a.Terminator, a.Date = "", "", "", "" },
			"Credential should be scoped to a valid region. Credential should be scoped to correct service: 'lambda'. " +
				"Credential should be scoped with a valid terminator: 'aws4_request', not ''. Date in Credential scope does not match " +
				"YYYYMMDD from ISO-8601 version of date from HTTP: '' != '20260803', from '20260803T120000Z'. "},
	}
	for _, tt := range tests {
		a := good
		tt.change(&a)
		err := sigv4.NewVerifier(clock(noon)).CheckScope(&a, scope)
		if tt.text == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if reason(t, err) != sigv4.BadScope || err.Error() != tt.text {
			t.Errorf("%s: %v\nwant %q", tt.name, err, tt.text)
		}
	}
	elsewhere := good
	elsewhere.Region = "mars-north-1"
	if err := sigv4.NewVerifier(clock(noon)).CheckScope(&elsewhere, sigv4.Scope{Service: service, Skew: time.Minute}); err != nil {
		t.Errorf("no list of regions should mean any region: %v", err)
	}
}

// TestPayload tells which combinations of body, x-amz-content-sha256 and signature are believed.
func TestPayload(t *testing.T) {
	body, other := []byte(`{"a":1}`), []byte(`{"a":2}`)
	hash := func(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }
	tests := []struct {
		name         string
		header       string // x-amz-content-sha256, none when empty
		covered      bool   // by the signature
		signedFor    string // last line of the canonical request
		body         []byte // what arrives
		unsigned, ok bool
	}{
		{"no header", "", false, hash(body), body, false, true},
		{"no header, changed body", "", false, hash(body), other, false, false},
		{"signed", hash(body), true, hash(body), body, false, true},
		{"signed in capitals", strings.ToUpper(hash(body)), true, strings.ToUpper(hash(body)), body, false, true},
		{"signed, changed body", hash(body), true, hash(body), other, false, false},
		{"unsigned, true", hash(body), false, hash(body), body, false, true},
		{"unsigned, false", hash(other), false, hash(body), body, false, true},
		{"unsigned, vouches for a changed body", hash(body), false, hash(body), other, false, false},
		{"unsigned, follows a changed body", hash(other), false, hash(body), other, false, false},
		{"unsigned payload refused", "UNSIGNED-PAYLOAD", true, "UNSIGNED-PAYLOAD", body, false, false},
		{"unsigned payload accepted", "UNSIGNED-PAYLOAD", true, "UNSIGNED-PAYLOAD", other, true, true},
		{"unsigned payload must be signed", "UNSIGNED-PAYLOAD", false, "UNSIGNED-PAYLOAD", body, true, false},
		{"streaming", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", true, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", body, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := serverRequest("/", "X-Amz-Date", noon.Format("20060102T150405Z"))
			names := []string{"host"}
			if tt.header != "" {
				r.Header.Set("X-Amz-Content-Sha256", tt.header)
			}
			if tt.covered {
				names = append(names, "x-amz-content-sha256")
			}
			signByHand(r, append(names, "x-amz-date"), tt.signedFor)
			s := scope
			s.UnsignedPayload = tt.unsigned
			err := check(sigv4.NewVerifier(clock(noon)), r, tt.body, s)
			if (err == nil) != tt.ok {
				t.Fatalf("got %v, want success %v", err, tt.ok)
			}
			if err != nil && (reason(t, err) != sigv4.Mismatch || err.Error() != mismatchText) {
				t.Errorf("got %v %q", reason(t, err), err)
			}
		})
	}
}

// TestReadings accepts each form in which some signer signs, and nothing beyond.
func TestReadings(t *testing.T) {
	tests := []struct {
		name, target string // as received
		path, query  string // canonical, as signed
		want         bool
	}{
		{name: "normalised", target: "/a//b/./c/../d", path: "/a/b/d", want: true},
		{name: "as it is", target: "/a//b/./c/../d", path: "/a//b/./c/../d", want: true},
		{name: "half normalised", target: "/a//b/./c/../d", path: "/a/b/c/../d"},
		{name: "encoded once", target: "/a%20b", path: "/a%20b"},
		{name: "decoded first", target: "/a:b%20c", path: "/a%253Ab%2520c"},
		{name: "plus as a blank", target: "/?a=b+c", path: "/", query: "a=b%20c", want: true},
		{name: "plus as itself", target: "/?a=b+c", path: "/", query: "a=b%2Bc", want: true},
		{name: "plus both ways", target: "/?a=b+c+d", path: "/", query: "a=b%2Bc%20d"},
		{name: "plus and path", target: "//?a=b+c", path: "//", query: "a=b%2Bc", want: true},
		{name: "encoded plus is no blank", target: "/?a=b%2Bc", path: "/", query: "a=b%20c"},
		{name: "blank is no plus", target: "/?a=b%20c", path: "/", query: "a=b%2Bc"},
		{name: "joined text sorted", target: "/?a=1&a-b=2", path: "/", query: "a-b=2&a=1"},
	}
	for _, tt := range tests {
		r := serverRequest(tt.target, "X-Amz-Date", noon.Format("20060102T150405Z"))
		signCanonical(r, "GET\n"+tt.path+"\n"+tt.query+"\nhost:example.com\nx-amz-date:20260803T120000Z\n\nhost;x-amz-date\n"+emptyHash)
		if err := check(sigv4.NewVerifier(clock(noon)), r, nil, scope); (err == nil) != tt.want {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestAdditions adds parameters to a presigned request.
func TestAdditions(t *testing.T) {
	r := serverRequest("/?a=1")
	sigv4.Presign(r, credentials, region, service, noon, time.Minute, nil)
	v := sigv4.NewVerifier(clock(noon))
	if err := check(v, r, nil, scope); err != nil {
		t.Fatal(err)
	}
	// A token may be added after signing; it is checked against the key, not by the signature. But only one.
	if err := check(v, serverRequest(r.RequestURI+"&X-Amz-Security-Token=t"), nil, scope); err != nil {
		t.Error("token added after signing:", err)
	}
	for _, extra := range []string{
		"&X-Amz-Security-Token=t&X-Amz-Security-Token=u", "&X-Amz-Signature=00", "&b=2", "&a=1", "&X-Amz-Expires=604800",
	} {
		if err := check(v, serverRequest(r.RequestURI+extra), nil, scope); reason(t, err) != sigv4.Mismatch {
			t.Errorf("%s: %v", extra, err)
		}
	}
}

func TestSignatureIsComparedAsSent(t *testing.T) {
	r := signed("/", nil)
	header := r.Header.Get("Authorization")
	cut := strings.LastIndex(header, "=") + 1
	v := sigv4.NewVerifier(clock(noon))
	for _, signature := range []string{"", strings.ToUpper(header[cut:]), header[cut:] + "0", header[cut : len(header)-1], header[cut:] + " x"} {
		r.Header.Set("Authorization", header[:cut]+signature)
		if err := check(v, r, nil, scope); reason(t, err) != sigv4.Mismatch {
			t.Errorf("signature %q: %v", signature, err)
		}
	}
}

func TestChangedSecret(t *testing.T) {
	v := sigv4.NewVerifier(clock(noon))
	r := signed("/", nil)
	a, err := sigv4.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	verify := func(secret string) error { return v.Verify(r, a, scope, secret, sha256.Sum256(nil)) }
	for _, tt := range []struct {
		secret string
		ok     bool
	}{{secret, true}, {secret, true}, {"another", false}, {secret, true}, {"", false}} {
		if err := verify(tt.secret); (err == nil) != tt.ok {
			t.Errorf("secret %q: %v", tt.secret, err)
		}
	}
	rotated := credentials
	rotated.SecretAccessKey = "another"
	sigv4.Sign(r, rotated, region, service, noon, nil)
	if a, err = sigv4.Parse(r); err != nil {
		t.Fatal(err)
	}
	if err := verify("another"); err != nil {
		t.Error("after rotation:", err)
	}
	if err := verify(secret); err == nil {
		t.Error("the old secret lives on")
	}
}

func TestCacheIsBounded(t *testing.T) {
	v := sigv4.NewVerifier(clock(noon))
	anywhere := scope
	anywhere.Regions = nil
	for i := range 2*sigv4.MaxCachedKeys + 1 {
		r := serverRequest("/")
		sigv4.Sign(r, credentials, fmt.Sprintf("region-%d", i), service, noon, nil)
		if err := check(v, r, nil, anywhere); err != nil {
			t.Fatal(err)
		}
	}
	if n := v.CachedKeys(); n == 0 || n > sigv4.MaxCachedKeys {
		t.Errorf("%d keys cached, want 1 to %d", n, sigv4.MaxCachedKeys)
	}
	before := v.CachedKeys()
	forged := serverRequest("/")
	sigv4.Sign(forged, sigv4.Credentials{AccessKeyID: keyID, SecretAccessKey: "guess"}, "elsewhere", service, noon, nil)
	if err := check(v, forged, nil, anywhere); reason(t, err) != sigv4.Mismatch {
		t.Fatal(err)
	}
	if v.CachedKeys() != before {
		t.Error("a forged request has a place in the cache")
	}
}

func TestConcurrentUse(t *testing.T) {
	v := sigv4.NewVerifier(clock(noon))
	anywhere := scope
	anywhere.Regions = nil
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 300 {
				r := serverRequest("/")
				sigv4.Sign(r, credentials, fmt.Sprintf("region-%d", (worker+i)%7), service, noon, nil)
				if err := check(v, r, nil, anywhere); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
