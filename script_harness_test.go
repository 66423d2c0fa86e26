package furl_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The scripts prove nothing if their commands see nothing: these tests make the commands fail.

func TestJSONDiff(t *testing.T) {
	getenv := func(name string) string { return map[string]string{"ID": "abc"}[name] }
	tests := []struct{ name, got, want, diff string }{
		{"equal", `{"a": [1, "x", null, true]}`, `{"a": [1, "x", null, true]}`, ""},
		{"variable", `{"a": "id abc"}`, `{"a": "id ${ID}"}`, ""},
		{"dollar", `{"a": "$LATEST"}`, `{"a": "$LATEST"}`, ""},
		{"pattern", `{"a": "v12"}`, `{"a": "/v\\d+/"}`, ""},
		{"pattern of a number", `{"a": 12}`, `{"a": "/\\d+/"}`, ""},
		{"pattern of it all", `{"a": "v12 "}`, `{"a": "/v\\d+/"}`, `$.a is "v12 ", want a match of /v\d+/`},
		{"slash", `{"a": "/"}`, `{"a": "/"}`, ""},
		{"missing", `{}`, `{"a": 1}`, "$.a is missing"},
		{"extra", `{"a": 1}`, `{}`, "$.a is not expected: 1"},
		{"kind", `{"a": "1"}`, `{"a": 1}`, `$.a is "1", want 1`},
		{"number for a string", `{"a": 1}`, `{"a": "1"}`, `$.a is 1, want "1"`},
		{"length", `[1, 2]`, `[1]`, "$ is [1,2], want 1 elements"},
		{"deep", `{"a": [{"b": 1}]}`, `{"a": [{"b": 2}]}`, "$.a[0].b is 1, want 2"},
		{"object for null", `{"a": {}}`, `{"a": null}`, "$.a is {}, want null"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got, want any
			if err := json.Unmarshal([]byte(tt.got), &got); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(tt.want), &want); err != nil {
				t.Fatal(err)
			}
			if diff := jsonDiff("$", got, want, getenv); diff != tt.diff {
				t.Errorf("%q, want %q", diff, tt.diff)
			}
		})
	}
}

func TestProxy(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s %s", r.Host, r.RequestURI, r.Header.Get("X-Own"))
	})
	plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	defer plain.Close()
	defer secure.Close()
	for _, tt := range []struct {
		name, url, want string
		server          *httptest.Server
	}{
		{"plain", "http://a.example:4566/p/%2F?q=1", "a.example:4566 /p/%2F?q=1 yes", plain},
		{"plain without a path", "http://a.example?q=1", "a.example /?q=1 yes", plain},
		{"tunnel", "https://example.com/p?q=1", "example.com /p?q=1 yes", secure}, // httptest's certificate is for example.com
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := newProxy(func() string { return tt.server.Listener.Addr().String() })
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(p.url())
			if err != nil {
				t.Fatal(err)
			}
			transport := tt.server.Client().Transport.(*http.Transport).Clone()
			transport.DialContext, transport.Proxy = nil, http.ProxyURL(u)
			r, err := http.NewRequest(http.MethodGet, tt.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-Own", "yes")
			resp, err := transport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || string(body) != tt.want {
				t.Errorf("%q, %v; want %q", body, err, tt.want)
			}
			transport.CloseIdleConnections()
			p.close() // returns: no connection is left
		})
	}
}

func TestCopyAnswers(t *testing.T) {
	for _, tt := range []struct{ name, sent, want string }{
		{"answer", "HTTP/1.1 200 OK\r\nB: 2\r\nA: 1\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\nA: 1\nB: 2\nContent-Length: 2\n\nok\n"},
		{"interim", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 100 Continue\n\n\nHTTP/1.1 204 No Content\n\n\n"},
		{"closing", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nno", "HTTP/1.1 400 Bad Request\n\nno\nclosed\n"},
		{"nothing", "", "closed\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			here, there := net.Pipe()
			go func() {
				io.WriteString(there, tt.sent)
				there.Close()
			}()
			var out strings.Builder
			if err := copyAnswers(&out, here); err != nil || out.String() != tt.want {
				t.Errorf("%q, %v; want %q", out.String(), err, tt.want)
			}
		})
	}
}

// TestGone starts a process whose child outlives it, as a server's must not.
func TestGone(t *testing.T) {
	cmd := exec.Command("sh", "-c", "sleep 600 & echo $!; read line")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	child := strings.TrimSpace(line)
	family := descendants(cmd.Process.Pid)
	if len(family) != 1 || strconv.Itoa(family[0].pid) != child {
		t.Fatalf("descendants are %v, want process %s", family, child)
	}
	in.Close()
	cmd.Wait() // how the shell ended is of no interest: reading at the end of input fails
	if err := gone(family, 50*time.Millisecond); err == nil || !strings.Contains(err.Error(), "["+child+"]") {
		t.Errorf("gone said %v of a process that lives", err)
	}
	if err := gone(family, 10*time.Second); err != nil {
		t.Errorf("gone said %v of a process that was killed", err)
	}
}
