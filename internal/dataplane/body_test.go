package dataplane_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"furl/internal/environment"
	"furl/internal/state"
)

// What HTTP allows a client to send, byte by byte: what the function sees, what
// is answered, and whether the connection can be used again.
func TestWire(t *testing.T) {
	for _, c := range []struct {
		name, request string
		status        int
		event         []string // texts in the event
		closed        bool
	}{
		{"simple", "GET / HTTP/1.1\r\nHost: HOST\r\n\r\n", 200, []string{`"rawPath":"/"`, `"isBase64Encoded":false}`}, false},
		{"HTTP/1.0", "GET / HTTP/1.0\r\nHost: HOST\r\n\r\n", 200, []string{`"protocol":"HTTP/1.1"`}, true},
		{"HTTP/1.0, kept", "GET / HTTP/1.0\r\nHost: HOST\r\nConnection: keep-alive\r\n\r\n", 200, nil, false},
		{"Connection: close", "GET / HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n", 200, nil, true},
		{"body", "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello", 200, []string{`"body":"hello"`, `"content-length":"5"`}, false},
		{"chunked body", "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n5;x=1\r\nworld\r\n0\r\n\r\n",
			200, []string{`"body":"hello world"`}, false},
		{"chunked body with a trailer", "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
			200, []string{`"body":"hello"`}, false},
		{"empty chunked body", "POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, []string{`,"isBase64Encoded":false}`}, false},
		{"broken chunks", "POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n", 400, nil, true},
		{"body of a GET", "GET / HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", 200, []string{`"body":"{}"`}, false},
		{"absolute form", "GET http://HOST/abs?q=1 HTTP/1.1\r\nHost: www.example.com\r\n\r\n", 200, []string{`"rawPath":"/abs"`, `"rawQueryString":"q=1"`, `"host":"` + host + `"`}, false},
		{"absolute form with a user", "GET http://me:secret@HOST/abs HTTP/1.1\r\nHost: HOST\r\n\r\n", 200, []string{`"rawPath":"/abs"`}, false},
		{"absolute form without a path", "GET http://HOST HTTP/1.1\r\nHost: HOST\r\n\r\n", 200, []string{`"rawPath":"/"`}, false},
		{"double slashes and dots", "GET //a/../b/./c%2Fd HTTP/1.1\r\nHost: HOST\r\n\r\n", 200, []string{`"rawPath":"//a/../b/./c%2Fd"`}, false},
		{"unusual method", "BREW / HTTP/1.1\r\nHost: HOST\r\n\r\n", 200, []string{`"method":"BREW"`}, false},
		{"header in pieces", "GET / HTTP/1.1\r\nHost: HOST\r\nX-A: 1\r\nX-A: 2\r\n\r\n", 200, []string{`"x-a":"1,2"`}, false},
		{"small body of a refused request", "POST / HTTP/1.1\r\nHost: other.HOST\r\nContent-Length: 5\r\n\r\nhello", 403, nil, false},
		{"large body of a refused request", "POST / HTTP/1.1\r\nHost: other.HOST\r\nContent-Length: 1000000\r\n\r\n" + strings.Repeat("x", 1_000_000), 403, nil, false},
		{"body over the limit", "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 7000000\r\n\r\n" + strings.Repeat("x", 7_000_000), 413, nil, false},
		{"body far over the limit", "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 9000000\r\n\r\n" + strings.Repeat("x", 9_000_000), 413, nil, true},
		{"expected body", "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello", 100, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, setting{policy: public})
			a, closed := s.raw(c.request)
			if a.StatusCode != c.status || closed != c.closed {
				t.Errorf("answered %d, closed %v; want %d, %v: %s", a.StatusCode, closed, c.status, c.closed, a.body)
			}
			for _, text := range c.event {
				if !strings.Contains(a.body, text) {
					t.Errorf("the event lacks %s: %s", text, a.body)
				}
			}
			if strings.Contains(fmt.Sprint(a.record), "secret") {
				t.Errorf("recorded %v", a.record)
			}
		})
	}
}

// A client that stops in the middle of its body is answered, should it still
// read, and recorded.
func TestTruncatedBody(t *testing.T) {
	s := newSite(t, setting{policy: public})
	conn, err := net.Dial("tcp", s.address)
	must(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: "+host+"\r\nContent-Length: 100\r\n\r\nhello")
	must(t, err)
	must(t, conn.(*net.TCPConn).CloseWrite())
	answer, err := io.ReadAll(conn)
	must(t, err)
	if !strings.HasPrefix(string(answer), "HTTP/1.1 400 Bad Request\r\n") {
		t.Errorf("answered %q", answer)
	}
	record := s.records.wait(t, func(map[string]any) bool { return true })
	if record["status"] != int64(400) || record["reason"] != "the body cannot be read: unexpected EOF" {
		t.Errorf("recorded %v", record)
	}
}

// A body that does not come before the connection's deadline is refused.
func TestSlowBody(t *testing.T) {
	s := newSite(t, setting{policy: public})
	client, conn := net.Pipe()
	defer client.Close()
	hurried := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
			t.Error(err)
		}
		s.server.ServeHTTP(w, r)
	})
	web := &http.Server{Handler: hurried}
	defer web.Close()
	go web.Serve(&oneConn{conns: make(chan net.Conn, 1), conn: conn})
	_, err := io.WriteString(client, "POST / HTTP/1.1\r\nHost: "+host+"\r\nContent-Length: 100\r\n\r\nhello")
	must(t, err)
	answer, err := io.ReadAll(client)
	must(t, err)
	if !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") || !strings.HasSuffix(string(answer), `{"message":"Request Timeout"}`) {
		t.Errorf("answered %q", answer)
	}
}

// oneConn is a listener of one connection.
type oneConn struct {
	once  sync.Once
	conns chan net.Conn
	conn  net.Conn
}

func (l *oneConn) Accept() (net.Conn, error) {
	l.once.Do(func() { l.conns <- l.conn })
	if c, ok := <-l.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error   { close(l.conns); return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// Answers of all shapes: what HTTP forbids in them is left out.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name, method, result string
		want                 string
	}{
		{"object", "GET", `{"a": 1}`, `200 Content-Type=application/json Content-Length=7 {"a":1}`},
		{"full", "GET", `{"statusCode":201,"headers":{"Content-Type":"text/plain"},"body":"made"}`, `201 Content-Type=text/plain Content-Length=4 made`},
		{"dict as body", "GET", `{"statusCode":400,"body":{"error": "no name"}}`, `400 Content-Type=application/json Content-Length=19 {"error":"no name"}`},
		{"no JSON", "GET", `hello`, `200 Content-Type=application/json Content-Length=5 hello`},
		{"HEAD", "HEAD", `{"statusCode":200,"body":"hello"}`, `200 Content-Type=application/json Content-Length=5 `},
		{"204", "GET", `{"statusCode":204,"body":"hello"}`, `204 Content-Type=application/json `},
		{"304", "GET", `{"statusCode":304,"body":"hello"}`, `304 `},
		{"HEAD of 204", "HEAD", `{"statusCode":204}`, `204 Content-Type=application/json `},
		{"length of its own", "GET", `{"statusCode":200,"headers":{"Content-Length":"1000"},"body":"hello"}`, `200 Content-Type=application/json Content-Length=5 hello`},
		{"coding of its own", "GET", `{"statusCode":200,"headers":{"Transfer-Encoding":"chunked"},"body":"hello"}`, `200 Content-Type=application/json Content-Length=5 hello`},
		{"empty", "GET", `{"statusCode":200}`, `200 Content-Type=application/json Content-Length=0 `},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, setting{policy: public, function: returns(c.result)})
			a := s.do(s.request(c.method, "/", ""))
			if got := a.show(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if a.Header.Get("X-Amzn-Requestid") == "" || !strings.HasPrefix(a.Header.Get("X-Amzn-Trace-Id"), "Root=1-") || a.Header.Get("Date") == "" {
				t.Errorf("headers %v", a.Header)
			}
			if a.record["reason"] != nil || a.record["status"] != int64(a.StatusCode) {
				t.Errorf("recorded %v", a.record)
			}
		})
	}
}

// The id of a request is the same wherever it shows.
func TestRequestID(t *testing.T) {
	var seen *environment.Invocation
	s := newSite(t, setting{policy: public, function: func(ctx context.Context, target *state.Target, inv *environment.Invocation) (environment.Result, error) {
		seen = inv
		return echo(ctx, target, inv)
	}})
	a := s.do(s.request("GET", "/", "", "X-Amzn-Requestid", "of the client's own"))
	rc, _ := a.event(t)["requestContext"].(map[string]any)
	id := a.Header.Get("X-Amzn-Requestid")
	if len(id) != 36 || seen.RequestID != id || rc["requestId"] != id || a.record["request_id"] != id {
		t.Errorf("answer %s, invocation %s, event %v, record %v", id, seen.RequestID, rc["requestId"], a.record["request_id"])
	}
	if seen.InvokedARN != ticket {
		t.Errorf("invoked %s", seen.InvokedARN)
	}
}

// A client may continue its trace; what is not a trace begins a new one.
func TestTrace(t *testing.T) {
	const root = "Root=1-5759e988-bd862e3fe1be46a994272793"
	s := newSite(t, setting{policy: public})
	for sent, kept := range map[string]bool{
		root: true,
		"Self=1-67891234-12456789abcdef012345678; " + root + ";Parent=53995c3f42cd8ad8;Sampled=1": true,
		"":                true,
		"Root=1-5759e988": false,
		"Root=1-5759e988-bd862e3fe1be46a99427279x":         false,
		"Root=2-5759e988-bd862e3fe1be46a994272793":         false,
		"Root=1-5759e988_bd862e3fe1be46a994272793":         false,
		"Root=1-5759e988-bd862e3fe1be46a994272793\x80\x80": false,
	} {
		r := s.request("GET", "/", "")
		want := ""
		if sent != "" {
			r.Header.Set("X-Amzn-Trace-Id", sent)
			want = root
		}
		a := s.do(r)
		answered := a.Header.Get("X-Amzn-Trace-Id")
		got, sampled, _ := strings.Cut(answered, ";")
		if sampled != "Sampled=0" || len(got) != len(root) || sent != "" && (got == want) != kept {
			t.Errorf("sent %q, answered %q", sent, answered)
		}
		headers, _ := a.event(t)["headers"].(map[string]any)
		if headers["x-amzn-trace-id"] != got {
			t.Errorf("event %v, answer %s", headers["x-amzn-trace-id"], got)
		}
	}
}

// The port in the event is the one that the client used, as far as it says.
func TestPort(t *testing.T) {
	s := newSite(t, setting{policy: public})
	for name, want := range map[string]string{
		host:                           "80",
		host + ":4566":                 "4566",
		host + ".:443":                 "443",
		host + ":":                     "80",
		host + ":x":                    "80",
		host + ":0x50":                 "80",
		host + ":99999999999999999999": "80",
	} {
		a, _ := s.raw("GET / HTTP/1.1\r\nHost: " + name + "\r\n\r\n")
		headers, _ := a.event(t)["headers"].(map[string]any)
		if headers["x-forwarded-port"] != want {
			t.Errorf("Host %s: port %v, want %s", name, headers["x-forwarded-port"], want)
		}
	}
}

// Requests at the same time share buffers one after the other, never at once.
func TestBuffersAreNotShared(t *testing.T) {
	s := newSite(t, setting{policy: public})
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 50 {
				text := strings.Repeat(fmt.Sprintf("%d.%d,", i, j), 1+j*7)
				res, err := http.DefaultTransport.RoundTrip(s.request("POST", "/", text, "Content-Type", "text/plain"))
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(res.Body)
				res.Body.Close()
				if err != nil || !strings.Contains(string(body), `"body":"`+text+`"`) {
					t.Errorf("%v: the answer is not that of this request", err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// The buffers of an invocation that did not end well are not used again: its
// runtime may still read the one and write the other.
func TestBuffersOfFailuresAreLeftAlone(t *testing.T) {
	var mu sync.Mutex
	var kept []*environment.Invocation
	var events []string
	s := newSite(t, setting{policy: public, function: func(ctx context.Context, target *state.Target, inv *environment.Invocation) (environment.Result, error) {
		mu.Lock()
		defer mu.Unlock()
		if len(kept) < 8 {
			kept, events = append(kept, inv), append(events, string(inv.Event))
			return environment.Result{FunctionError: "Unhandled", ErrorType: "Sandbox.Timedout"}, nil
		}
		for i, old := range kept {
			if string(old.Event) != events[i] {
				t.Error("the event of a failed invocation was overwritten")
			}
			_ = append(old.Buffer, "late answer of a runtime that ran out of time"...)
		}
		return echo(ctx, target, inv)
	}})
	for i := range 50 {
		a := s.do(s.request("POST", "/", fmt.Sprint("request ", i), "Content-Type", "text/plain"))
		if i >= 8 && !strings.Contains(a.body, fmt.Sprintf(`"body":"request %d"`, i)) {
			t.Fatalf("answered %s", a.body)
		}
	}
}
