package sigv4_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"furl/internal/sigv4"
)

// vector is one case of the files in testdata; the README there says where they come from.
type vector struct {
	ID               string      `json:"id"`
	Form             string      `json:"form"`
	Method           string      `json:"method"`
	Target           string      `json:"target"`
	Headers          [][2]string `json:"headers"`
	Body             string      `json:"body"`
	AccessKeyID      string      `json:"access_key_id"`
	Secret           string      `json:"secret"`
	Token            *string     `json:"token"`
	Region           string      `json:"region"`
	Service          string      `json:"service"`
	Clock            time.Time   `json:"clock"`
	NormalizePath    bool        `json:"normalize_path"`
	CanonicalRequest string      `json:"canonical_request"`
	StringToSign     string      `json:"string_to_sign"`
	Signature        string      `json:"signature"`
}

func readVectors(t *testing.T, file string, atLeast int) []vector {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Cases []vector `json:"cases"`
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors.Cases) < atLeast {
		t.Fatalf("%s has only %d cases", file, len(vectors.Cases))
	}
	return vectors.Cases
}

// request builds the request without parsing it, since some targets are not what net/http would let in.
func (c vector) request() *http.Request {
	r := &http.Request{Method: c.Method, RequestURI: c.Target, Header: http.Header{}, ContentLength: int64(len(c.Body))}
	for _, h := range c.Headers {
		if strings.EqualFold(h[0], "host") {
			r.Host = h[1]
			continue
		}
		r.Header.Add(h[0], h[1])
	}
	return r
}

func TestVectors(t *testing.T) {
	for _, file := range []struct {
		name    string
		atLeast int
	}{{"aws-signing-test-suite.json", 76}, {"double-encoding.json", 40}} {
		for _, c := range readVectors(t, file.name, file.atLeast) {
			t.Run(c.ID, func(t *testing.T) { checkVector(t, c) })
		}
	}
}

func checkVector(t *testing.T, c vector) {
	r := c.request()
	a, err := sigv4.Parse(r)
	if err != nil {
		t.Fatal("Parse:", err)
	}
	if presigned := c.Form == "query"; a.Presigned != presigned {
		t.Errorf("Presigned = %v", a.Presigned)
	}
	if c.Token != nil && a.SessionToken != *c.Token {
		t.Errorf("SessionToken = %q, want %q", a.SessionToken, *c.Token)
	}
	sum := sha256.Sum256([]byte(c.Body))
	forms := sigv4.Forms(r, a, hex.EncodeToString(sum[:]))
	if !slices.Contains(forms, c.CanonicalRequest) {
		t.Errorf("none of the canonical requests\n%s\nis\n%s", strings.Join(forms, "\n--\n"), c.CanonicalRequest)
	}
	if c.NormalizePath && a.SessionToken == "" && forms[0] != c.CanonicalRequest {
		t.Errorf("the first canonical request is\n%s\nnot\n%s", forms[0], c.CanonicalRequest)
	}
	if got := sigv4.StringToSign(a, c.CanonicalRequest); got != c.StringToSign {
		t.Errorf("string to sign:\n%s\nwant\n%s", got, c.StringToSign)
	}
	if a.Signature != c.Signature {
		t.Errorf("Signature = %q, want %q", a.Signature, c.Signature)
	}
	v := sigv4.NewVerifier(clock(c.Clock))
	s := sigv4.Scope{Service: c.Service, Regions: []string{c.Region}, Skew: 5 * time.Minute, HonourExpires: true}
	if err := v.CheckScope(a, s); err != nil {
		t.Error("CheckScope:", err)
	}
	if err := v.Verify(r, a, s, c.Secret, sum); err != nil {
		t.Error("Verify:", err)
	}
	if err := v.Verify(r, a, s, c.Secret+"x", sum); err == nil {
		t.Error("Verify takes another secret")
	}
	checkVectorOnTheWire(t, c, r.Header, v, s)
}

// checkVectorOnTheWire verifies the vector once more, as net/http reads it.
func checkVectorOnTheWire(t *testing.T, c vector, signed http.Header, v *sigv4.Verifier, s sigv4.Scope) {
	if strings.Contains(c.Target, " ") {
		return // not a request line
	}
	m := message{c.Method, c.Target, slices.Clone(c.Headers), []byte(c.Body)}
	if c.Body != "" && signed.Get("Content-Length") == "" {
		m.headers = append(m.headers, [2]string{"Content-Length", strconv.Itoa(len(c.Body))})
	}
	r, body, err := receive(m.raw())
	if err != nil {
		t.Fatal(err)
	}
	a, err := sigv4.Parse(r)
	if err != nil {
		t.Fatal("Parse off the wire:", err)
	}
	if err := v.Verify(r, a, s, c.Secret, sha256.Sum256(body)); err != nil {
		t.Error("Verify off the wire:", err)
	}
}
