package furl_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"furl/internal/sigv4"
)

// The tampering matrix: a signed request to a live server is accepted, and the same request with any one byte of what it
// says about itself changed is refused.

// signedURL is a server with a function at a signed URL, and a key that may call it.
type signedURL struct {
	server *server
	url    string
	other  string // another function's signed URL of the same server
	key    sigv4.Credentials
	client *http.Client
}

const tamperedFunction = `
def lambda_handler(event, context):
    return {"statusCode": 200, "body": event["requestContext"]["http"]["method"] + " " + event["rawPath"] + "?" + event["rawQueryString"]}
`

func newSignedURL(t *testing.T) *signedURL {
	t.Helper()
	binary, err := furlBinary()
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	s := &server{
		binary: binary, listen: "127.0.0.1:0", dataDir: filepath.Join(work, "data"),
		stdout: filepath.Join(work, "out"), stderr: filepath.Join(work, "err"),
		env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + work, "TMPDIR=" + work, "FURL_DATA_DIR=" + filepath.Join(work, "data")},
	}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.terminate(); err != nil {
			t.Error(err)
		}
		checkNoTrace(t, work)
		if t.Failed() {
			t.Logf("the server's log:\n%s", tail(s.stderr, 0))
		}
	})
	code := filepath.Join(work, "lambda_function.py")
	if err := os.WriteFile(code, []byte(tamperedFunction), 0o600); err != nil {
		t.Fatal(err)
	}
	up := func(name string) string {
		cmd := exec.Command(binary, "up", code, "--name", name, "--auth-type", "AWS_IAM")
		cmd.Env, cmd.Stderr = s.env, os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("furl up: %v", err)
		}
		return strings.TrimSpace(string(out))
	}
	var key struct {
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string
	}
	data, err := os.ReadFile(filepath.Join(s.dataDir, "root-access-key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &key); err != nil {
		t.Fatal(err)
	}
	u := &signedURL{
		server: s, url: up("tampered"), other: up("other"), client: hostClient(s.address()),
		key: sigv4.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey},
	}
	t.Cleanup(u.client.CloseIdleConnections)
	return u
}

const tamperedBody = `{"amount": 100, "to": "alice"}`

// request is the request of the matrix, not signed yet: a method, a path, a query, headers and a body worth tampering with.
func (u *signedURL) request(t *testing.T) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, u.url+"pay/now?amount=100&to=alice", strings.NewReader(tamperedBody))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Purpose", "rent")
	r.Header.Set("User-Agent", "tamper/1")
	return r
}

func (u *signedURL) signed(t *testing.T, at time.Time) *http.Request {
	t.Helper()
	r := u.request(t)
	sigv4.Sign(r, u.key, "us-east-1", "lambda", at, []byte(tamperedBody))
	return r
}

func (u *signedURL) presigned(t *testing.T, at time.Time, expires time.Duration) *http.Request {
	t.Helper()
	r := u.request(t)
	sigv4.Presign(r, u.key, "us-east-1", "lambda", at, expires, []byte(tamperedBody))
	return r
}

// send returns the status and the body of the answer.
func (u *signedURL) send(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	resp, err := u.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// accepted checks that the function was called.
func (u *signedURL) accepted(t *testing.T, r *http.Request) {
	t.Helper()
	if status, body := u.send(t, r); status != http.StatusOK || !strings.HasPrefix(body, "POST /pay/now?amount=100&to=alice") {
		t.Errorf("%d %s, want the function's answer", status, body)
	}
}

// refused checks that the function was not called and that the answer is AWS's JSON with the given text.
func (u *signedURL) refused(t *testing.T, r *http.Request, text string) {
	t.Helper()
	status, body := u.send(t, r)
	var answer map[string]string
	if status != http.StatusForbidden && status != http.StatusBadRequest || json.Unmarshal([]byte(body), &answer) != nil {
		t.Errorf("%d %s, want a refusal in JSON", status, body)
		return
	}
	if !strings.Contains(answer["message"]+answer["Message"], text) {
		t.Errorf("%d %s, want %q in it", status, body, text)
	}
}

const mismatch = "The request signature we calculated does not match the signature you provided."

func TestTamperedRequestIsRefused(t *testing.T) {
	t.Parallel()
	u := newSignedURL(t)
	now := time.Now
	u.accepted(t, u.signed(t, now()))
	u.accepted(t, u.presigned(t, now(), time.Minute))

	t.Run("every byte", func(t *testing.T) {
		for _, part := range tamperParts {
			for i := range len(part.get(u.signed(t, now()))) {
				r := u.signed(t, now())
				changed, ok := otherByte(part.get(r), i)
				if !ok {
					continue
				}
				part.set(r, changed)
				t.Run(fmt.Sprintf("%s/%d", part.name, i), func(t *testing.T) { u.refused(t, r, "") })
			}
		}
	})
	t.Run("every byte of a presigned URL", func(t *testing.T) {
		for i := range len(u.presigned(t, now(), time.Minute).URL.RawQuery) {
			r := u.presigned(t, now(), time.Minute)
			changed, ok := otherByte(r.URL.RawQuery, i)
			if !ok {
				continue
			}
			r.URL.RawQuery = changed
			t.Run(fmt.Sprint(i), func(t *testing.T) { u.refused(t, r, "") })
		}
	})
}

// tamperPart is a piece of a signed request whose bytes are changed one at a time.
type tamperPart struct {
	name string
	get  func(r *http.Request) string
	set  func(r *http.Request, changed string)
}

var tamperParts = []tamperPart{
	{"method", func(r *http.Request) string { return r.Method }, func(r *http.Request, s string) { r.Method = s }},
	{"path", func(r *http.Request) string { return r.URL.Path }, func(r *http.Request, s string) { r.URL.Path = s }},
	{"query", func(r *http.Request) string { return r.URL.RawQuery }, func(r *http.Request, s string) { r.URL.RawQuery = s }},
	{"body", func(*http.Request) string { return tamperedBody }, setBody},
	headerPart("Content-Type"), headerPart("X-Purpose"), headerPart("X-Amz-Date"), headerPart("X-Amz-Content-Sha256"),
	authorizationPart("key id", "Credential=", "/"),
	authorizationPart("scope", "/", ","),
	authorizationPart("signed headers", "SignedHeaders=", ","),
	authorizationPart("signature", "Signature=", ""),
}

func headerPart(name string) tamperPart {
	return tamperPart{
		name,
		func(r *http.Request) string { return r.Header.Get(name) },
		func(r *http.Request, s string) { r.Header.Set(name, s) },
	}
}

// authorizationPart is what stands between two marks in the Authorization header, an empty mark being its end.
func authorizationPart(name, from, to string) tamperPart {
	find := func(r *http.Request) (before, piece, after string) {
		before, rest, _ := strings.Cut(r.Header.Get("Authorization"), from)
		before += from
		if to == "" {
			return before, rest, ""
		}
		piece, after, _ = strings.Cut(rest, to)
		return before, piece, to + after
	}
	return tamperPart{
		name,
		func(r *http.Request) string { _, piece, _ := find(r); return piece },
		func(r *http.Request, s string) {
			before, _, after := find(r)
			r.Header.Set("Authorization", before+s+after)
		},
	}
}

// otherByte changes the letter or digit at i into another of its kind, hexadecimal digits into others. Other bytes are
// left to the named cases: a changed slash or ampersand is another request in more ways than one.
func otherByte(s string, i int) (string, bool) {
	b := []byte(s)
	switch c := b[i]; {
	case c >= '0' && c <= '9':
		b[i] = '0' + (c-'0'+1)%10
	case c >= 'a' && c <= 'f':
		b[i] = 'a' + (c-'a'+1)%6
	case c >= 'A' && c <= 'F':
		b[i] = 'A' + (c-'A'+1)%6
	case c >= 'g' && c <= 'z':
		b[i] = 'g' + (c-'g'+1)%20
	case c >= 'G' && c <= 'Z':
		b[i] = 'G' + (c-'G'+1)%20
	default:
		return s, false
	}
	return string(b), true
}

func setBody(r *http.Request, body string) {
	r.Body = io.NopCloser(bytes.NewReader([]byte(body)))
	r.ContentLength = int64(len(body))
	r.GetBody = nil
}

func TestReassembledRequestIsRefused(t *testing.T) {
	t.Parallel()
	u := newSignedURL(t)
	edit := func(old, new string) func(r *http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, new, 1))
		}
	}
	tests := []struct {
		name   string
		change func(r *http.Request)
		text   string
	}{
		{"signed header removed", func(r *http.Request) { r.Header.Del("X-Purpose") }, mismatch},
		{"signed header doubled", func(r *http.Request) { r.Header.Add("X-Purpose", "bribe") }, mismatch},
		{"header taken off the list", edit(";x-purpose", ""), mismatch},
		{"host taken off the list", edit("host;", ""), "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
		{"query reordered keeps its meaning", func(r *http.Request) { r.URL.RawQuery = "to=alice&amount=100&amount=1" }, mismatch},
		{"parameter added", func(r *http.Request) { r.URL.RawQuery += "&admin=1" }, mismatch},
		{"path climbed", func(r *http.Request) { r.URL.Path = "/pay/now/../later" }, mismatch},
		{"path encoded", func(r *http.Request) { r.URL.RawPath = "/pay%2Fnow" }, mismatch},
		{"body emptied", func(r *http.Request) { setBody(r, "") }, mismatch},
		{"body with its new hash", func(r *http.Request) {
			setBody(r, "{}")
			r.Header.Set("X-Amz-Content-Sha256", "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")
		}, mismatch},
		{"payload declared unsigned", func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") }, mismatch},
		{"hash removed", func(r *http.Request) { r.Header.Del("X-Amz-Content-Sha256") }, mismatch},
		{"token added", func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "token") }, "The security token included in the request is invalid"},
		{"key nobody has", edit(u.key.AccessKeyID, "AKIAIOSFODNN7EXAMPLE"), "The security token included in the request is invalid."},
		{"another service", edit("/lambda/", "/execute-api/"), "Credential should be scoped to correct service: 'lambda'."},
		{"another region", edit("/us-east-1/", "/eu-west-1/"), "Credential should be scoped to a valid region"},
		{"another terminator", edit("/aws4_request", "/aws5_request"), "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'."},
		{"no signature", edit("Signature=", "Sign="), "Authorization header requires 'Signature' parameter."},
		{"no credential", edit("Credential=", "Cred="), "Authorization header requires 'Credential' parameter."},
		{"another algorithm", edit("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512"), ""},
		{"signature in capitals", func(r *http.Request) {
			h := r.Header.Get("Authorization")
			at := strings.Index(h, "Signature=") + len("Signature=")
			r.Header.Set("Authorization", h[:at]+strings.ToUpper(h[at:]))
		}, mismatch},
		{"no date", func(r *http.Request) { r.Header.Del("X-Amz-Date") }, ""},
		{"no authorization", func(r *http.Request) { r.Header.Del("Authorization") }, "Forbidden"},
		{"replayed at another URL", func(r *http.Request) {
			r.Host = strings.TrimSuffix(strings.TrimPrefix(u.other, "http://"), "/")
		}, mismatch},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := u.signed(t, time.Now())
			tt.change(r)
			u.refused(t, r, tt.text)
		})
	}
	// What the signature does not cover may change: that is what makes the refusals above mean something.
	t.Run("unsigned header", func(t *testing.T) {
		r := u.signed(t, time.Now())
		r.Header.Set("User-Agent", "another/2")
		u.accepted(t, r)
	})
}

func TestSignatureHasItsTime(t *testing.T) {
	t.Parallel()
	u := newSignedURL(t)
	tests := []struct {
		name string
		skew time.Duration
		text string // "" for accepted
	}{
		{"5 minutes old", -5*time.Minute + 20*time.Second, ""},
		{"more than 5 minutes old", -5*time.Minute - 5*time.Second, "Signature expired: "},
		{"a day old", -24 * time.Hour, "Signature expired: "},
		{"5 minutes early", 5*time.Minute - 20*time.Second, ""},
		{"more than 5 minutes early", 5*time.Minute + 20*time.Second, "Signature not yet current: "},
		{"a year early", 365 * 24 * time.Hour, "Signature not yet current: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := u.signed(t, time.Now().Add(tt.skew))
			if tt.text == "" {
				u.accepted(t, r)
			} else {
				u.refused(t, r, tt.text)
			}
		})
	}
	t.Run("presigned for longer than 5 minutes", func(t *testing.T) {
		u.accepted(t, u.presigned(t, time.Now().Add(-10*time.Minute), time.Hour))
	})
	t.Run("presigned and expired", func(t *testing.T) {
		u.refused(t, u.presigned(t, time.Now().Add(-10*time.Minute), 9*time.Minute), "Signature expired: ")
	})
	t.Run("presigned for longer than a week", func(t *testing.T) {
		u.refused(t, u.presigned(t, time.Now(), 8*24*time.Hour), "")
	})
	t.Run("presigned for the future", func(t *testing.T) {
		u.refused(t, u.presigned(t, time.Now().Add(10*time.Minute), time.Hour), "Signature not yet current: ")
	})
}
