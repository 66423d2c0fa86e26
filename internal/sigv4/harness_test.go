package sigv4_test

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"furl/internal/sigv4"
)

const (
	keyID     = "AKIDEXAMPLE"
	secret    = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	region    = "us-east-1"
	service   = "lambda"
	emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

var (
	noon        = time.Date(2026, 8, 3, 12, 0, 0, 0, time.UTC)
	credentials = sigv4.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}
	scope       = sigv4.Scope{Service: service, Regions: []string{region}, Skew: 5 * time.Minute, HonourExpires: true}
)

func clock(t time.Time) func() time.Time { return func() time.Time { return t } }

// check does what a server does: everything that stands between a request and the word that it is genuine.
func check(v *sigv4.Verifier, r *http.Request, body []byte, s sigv4.Scope) error {
	a, err := sigv4.Parse(r)
	if err != nil {
		return err
	}
	if err := v.CheckScope(a, s); err != nil {
		return err
	}
	if a.AccessKeyID != keyID {
		return sigv4.UnknownKey()
	}
	return v.Verify(r, a, s, secret, sha256.Sum256(body))
}

// receive reads a request off the wire as a server does, and its body.
func receive(raw []byte) (*http.Request, []byte, error) {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(r.Body)
	return r, body, err
}

// send writes a client's request as net/http puts it on the wire.
func send(t *testing.T, r *http.Request) []byte {
	t.Helper()
	var raw bytes.Buffer
	if err := r.Write(&raw); err != nil {
		t.Fatal(err)
	}
	return raw.Bytes()
}

// message is a request in parts that a test can change before it becomes text.
type message struct {
	method, target string
	headers        [][2]string
	body           []byte
}

func (m message) raw() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", m.method, m.target)
	for _, h := range m.headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("\r\n")
	b.Write(m.body)
	return b.Bytes()
}

// header points at the value of the header with this name.
func (m message) header(t *testing.T, name string) *string {
	t.Helper()
	for i := range m.headers {
		if strings.EqualFold(m.headers[i][0], name) {
			return &m.headers[i][1]
		}
	}
	t.Fatalf("no header %s in %v", name, m.headers)
	return nil
}

// split takes text apart again.
func split(t *testing.T, raw []byte) message {
	t.Helper()
	head, body, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	lines := strings.Split(string(head), "\r\n")
	method, rest, ok2 := strings.Cut(lines[0], " ")
	target, proto, ok3 := strings.Cut(rest, " ")
	if !ok || !ok2 || !ok3 || proto != "HTTP/1.1" {
		t.Fatalf("not a request: %q", raw)
	}
	m := message{method: method, target: target, body: body}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		m.headers = append(m.headers, [2]string{name, value})
	}
	return m
}

// reason is the reason of a *sigv4.Error, 0 for nil.
func reason(t *testing.T, err error) sigv4.Reason {
	t.Helper()
	if err == nil {
		return 0
	}
	var e *sigv4.Error
	if !errors.As(err, &e) {
		t.Fatalf("%T is not a *sigv4.Error: %v", err, err)
	}
	return e.Reason
}

// signCanonical puts an Authorization header on r that is right for this canonical request, whatever r looks like.
func signCanonical(r *http.Request, canonicalRequest string) {
	lines := strings.Split(canonicalRequest, "\n")
	at := r.Header.Get("X-Amz-Date")
	toSign := fmt.Sprintf("AWS4-HMAC-SHA256\n%s\n%s/%s/%s/aws4_request\n%x", at, at[:8], region, service, sha256.Sum256([]byte(canonicalRequest)))
	key := []byte("AWS4" + secret)
	for _, text := range []string{at[:8], region, service, "aws4_request", toSign} {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		key = h.Sum(nil)
	}
	r.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s/%s/%s/aws4_request, SignedHeaders=%s, Signature=%x",
		keyID, at[:8], region, service, lines[len(lines)-2], key))
}

// signByHand signs these headers of a request for "/", with payload as the last line of the canonical request.
func signByHand(r *http.Request, names []string, payload string) {
	text := r.Method + "\n/\n\n"
	for _, name := range names {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		text += name + ":" + value + "\n"
	}
	signCanonical(r, text+"\n"+strings.Join(names, ";")+"\n"+payload)
}
