package sigv4_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"furl/internal/sigv4"
)

// clientCase is a request for testdata/sign.py.
type clientCase struct {
	Signer      string            `json:"signer"`
	Method      string            `json:"method"`
	URL         string            `json:"url"`
	Headers     map[string]string `json:"headers"`
	Body        string            `json:"body"`
	AccessKeyID string            `json:"access_key_id"`
	Secret      string            `json:"secret"`
	Token       *string           `json:"token"`
	Region      string            `json:"region"`
	Service     string            `json:"service"`
	Time        string            `json:"time"`
	Expires     int               `json:"expires"`
}

// clientPython finds the Python that has the clients: FURL_CLIENT_PYTHON, or what the Makefile installs.
func clientPython(t *testing.T) string {
	t.Helper()
	if python := os.Getenv("FURL_CLIENT_PYTHON"); python != "" {
		return python
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	python := filepath.Join(dir, ".venv", "clients", "bin", "python")
	if _, err := os.Stat(python); err != nil {
		const text = "no Python with the AWS clients: FURL_CLIENT_PYTHON is not set and there is no"
		if os.Getenv("CI") == "true" {
			t.Fatal(text, python)
		}
		t.Skip("SKIPPED, signatures of botocore and awscurl are NOT tested:", text, python)
	}
	return python
}

// TestClients lets botocore and awscurl send requests over the wire and verifies what arrives.
func TestClients(t *testing.T) {
	python := clientPython(t)
	v := sigv4.NewVerifier(clock(noon))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = check(v, r, body, scope)
		}
		if err != nil {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, "%s %s %v: %v", r.Method, r.RequestURI, r.Header, err)
			return
		}
		fmt.Fprintf(w, "%x", body)
	}))
	defer server.Close()

	cases := clientCases(newRandom(5), server.URL)
	input, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, filepath.Join("testdata", "sign.py"), "send")
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &stdout, &stderr
	cmd.Env = append(os.Environ(), "NO_PROXY=*", "PYTHONWARNINGS=ignore")
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}
	var answers [][2]any
	if err := json.Unmarshal(stdout.Bytes(), &answers); err != nil || len(answers) != len(cases) {
		t.Fatalf("%d answers to %d requests, %v: %s", len(answers), len(cases), err, stderr.Bytes())
	}
	for i, c := range cases {
		want := fmt.Sprintf("%x", c.Body)
		if c.Secret != secret {
			if answers[i][0] != float64(http.StatusForbidden) {
				t.Errorf("%s with a wrong secret: %v", c.Signer, answers[i])
			}
			continue
		}
		if answers[i][0] != float64(http.StatusOK) || answers[i][1] != want {
			t.Errorf("%s %s %s %q %v: got %v", c.Signer, c.Method, c.URL, c.Body, c.Headers, answers[i])
		}
	}
}

func clientCases(rng random, base string) []clientCase {
	token := "FwoGZXIvYXdzE/+="
	var cases []clientCase
	for i := range 300 {
		c := clientCase{
			Signer:      []string{"botocore", "botocore-query", "awscurl"}[i%3],
			Method:      rng.pick("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"),
			Headers:     map[string]string{},
			AccessKeyID: keyID, Secret: secret, Region: region, Service: service,
			Time: noon.Format("2006-01-02T15:04:05Z"), Expires: 300,
		}
		if i%20 == 7 {
			c.Secret = "wrong"
		}
		if rng.IntN(3) == 0 {
			c.Token = &token
		}
		if c.Signer != "botocore-query" {
			c.Body = rng.pick("", `{"a": 1}`, "a=1&b=2", "é\x00", strings.Repeat("long ", 5000))
			c.Headers["X-Amz-Meta-A"] = rng.pick("a", "two  blanks", "a,b", `"q  q"`)
			c.Headers["Content-Type"] = rng.pick("application/json", "text/plain; charset=utf-8")
		}
		if c.Signer == "awscurl" {
			c.URL = base + rng.path(false) + rng.typedQuery()
			c.Headers["X-Amz-Meta-A"] = strings.ReplaceAll(c.Headers["X-Amz-Meta-A"], "  ", " ") // signs them as they are
		} else {
			// botocore signs what follows a semicolon in the last segment, and then does not send it.
			c.URL = base + strings.ReplaceAll(rng.path(true), ";", "") + rng.encodedQuery()
			c.Headers["X-Custom"] = rng.pick("x", "1   2")
		}
		cases = append(cases, c)
	}
	return cases
}

// encodedQuery is a query as botocore wants it: it sorts, but does not encode.
func (rng random) encodedQuery() string {
	var params []string
	for i := range rng.IntN(4) {
		name := rng.pick("k", "a-b", "Z", "%20n", "%C3%A9") + fmt.Sprint(i)
		value := strings.ReplaceAll(url.QueryEscape(rng.text(4, "a", "/", " ", "=", "&", "%", "é", "~", "+")), "+", "%20")
		params = append(params, name+"="+value)
	}
	if params == nil {
		return ""
	}
	return "?" + strings.Join(params, "&")
}

// typedQuery is a query as one types it for awscurl, which encodes it: blanks, plus signs and slashes as they are, but
// no percent sign and no second equal sign, which it gets wrong.
func (rng random) typedQuery() string {
	var params []string
	for i := range rng.IntN(4) {
		name := rng.pick("k", "a", "Z") + fmt.Sprint(i)
		params = append(params, name+rng.pick("", "=", "=v"+rng.text(4, "a", "/", "b c", "+", "é", "~", ":", "https://x/y")+"v"))
	}
	if params == nil {
		return ""
	}
	return "?" + strings.Join(params, "&")
}
