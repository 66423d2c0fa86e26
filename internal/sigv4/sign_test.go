package sigv4_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"furl/internal/sigv4"
)

func TestSignSetsHeaders(t *testing.T) {
	r, err := http.NewRequest("POST", "https://example.com/p?x=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{
		"Authorization": {"Bearer old"}, "X-Amz-Security-Token": {"old"}, "Content-Type": {"text/plain"}, "X-Mine": {"1"},
		"User-Agent": {"furl"}, "Connection": {"close"}, "Content-Length": {"9"}, "Expect": {"100-continue"}, "x-lower": {"1"},
	}
	sigv4.Sign(r, credentials, region, service, noon.In(time.FixedZone("", 3600)).Add(time.Millisecond), []byte("hello"))
	for name, want := range map[string]string{
		"X-Amz-Date":           "20260803T120000Z",
		"X-Amz-Content-Sha256": hashHex([]byte("hello")),
		"X-Amz-Security-Token": "",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	const want = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260803/us-east-1/lambda/aws4_request, " +
		"SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-mine, Signature="
	if got := r.Header.Get("Authorization"); !strings.HasPrefix(got, want) {
		t.Errorf("Authorization = %s", got)
	}

	temporary := credentials
	temporary.SessionToken = "session"
	sigv4.Sign(r, temporary, region, service, noon, []byte("hello"))
	a, err := sigv4.Parse(r)
	if err != nil || a.SessionToken != "session" || !strings.Contains(strings.Join(a.SignedHeaders, ";"), "x-amz-security-token") {
		t.Errorf("signed with a session: %v, %v", a, err)
	}
}

func TestSignBareRequest(t *testing.T) {
	r := &http.Request{URL: &url.URL{Scheme: "https", Host: "example.com"}}
	sigv4.Sign(r, credentials, region, service, noon, nil)
	genuine(t, sigv4.NewVerifier(clock(noon)), send(t, r))
}

func TestPresignSetsQuery(t *testing.T) {
	r, err := http.NewRequest("GET", "https://example.com/p%2F?b=2&&a=x%20y&X-Amz-Date=old&X-Amz%2DSignature=old", nil)
	if err != nil {
		t.Fatal(err)
	}
	temporary := credentials
	temporary.SessionToken = "a/b+c=="
	sigv4.Presign(r, temporary, region, service, noon, 90*time.Second+time.Millisecond, nil)
	const want = "https://example.com/p%2F?b=2&&a=x%20y&X-Amz-Algorithm=AWS4-HMAC-SHA256" +
		"&X-Amz-Credential=AKIDEXAMPLE%2F20260803%2Fus-east-1%2Flambda%2Faws4_request&X-Amz-Date=20260803T120000Z&X-Amz-Expires=90" +
		"&X-Amz-SignedHeaders=host&X-Amz-Security-Token=a%2Fb%2Bc%3D%3D&X-Amz-Signature="
	if got := r.URL.String(); !strings.HasPrefix(got, want) || len(got) != len(want)+64 {
		t.Errorf("got  %s\nwant %s…", got, want)
	}
	if len(r.Header) != 0 {
		t.Errorf("headers %v", r.Header)
	}
	genuine(t, sigv4.NewVerifier(clock(noon)), send(t, r))
}

func TestSecretsAreNotPrinted(t *testing.T) {
	c := sigv4.Credentials{AccessKeyID: keyID, SecretAccessKey: "very-secret", SessionToken: "session-token"}
	a := sigv4.Auth{AccessKeyID: keyID, Signature: "very-secret", SessionToken: "session-token"}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("x", "credentials", c, "pointer", &c, "auth", a, "auth pointer", &a)
	}
	for _, v := range []any{c, &c, a, &a, []any{c, a}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			fmt.Fprintf(&log, verb+"\n", v)
		}
	}
	for _, leak := range []string{"very-secret", "session-token", fmt.Sprintf("%x", "very-secret")} {
		if strings.Contains(log.String(), leak) {
			t.Errorf("%q is in\n%s", leak, log.String())
		}
	}
	if !strings.Contains(log.String(), keyID) {
		t.Error("the key's id is not printed")
	}
}

func TestReasonNames(t *testing.T) {
	seen := map[string]sigv4.Reason{}
	for r := sigv4.MalformedURL; r <= sigv4.Mismatch; r++ {
		name := r.String()
		if other, ok := seen[name]; ok || strings.HasPrefix(name, "reason-") {
			t.Errorf("reason %d is called %q, like %d", r, name, other)
		}
		seen[name] = r
	}
	if got := (sigv4.Mismatch + 1).String(); !strings.HasPrefix(got, "reason-") {
		t.Errorf("reason beyond the last is called %q", got)
	}
}

func TestTokenErrors(t *testing.T) {
	for _, tt := range []struct {
		err    *sigv4.Error
		reason sigv4.Reason
		text   string
	}{
		{sigv4.UnknownKey(), sigv4.InvalidToken, "The security token included in the request is invalid."},
		{sigv4.BadToken(), sigv4.InvalidToken, "The security token included in the request is invalid"},
		{sigv4.TokenExpired(), sigv4.ExpiredToken, "The security token included in the request is expired"},
	} {
		if tt.err.Reason != tt.reason || tt.err.Error() != tt.text {
			t.Errorf("got %v %q, want %v %q", tt.err.Reason, tt.err, tt.reason, tt.text)
		}
	}
}
