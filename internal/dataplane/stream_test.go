package dataplane_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"furl/internal/dataplane"
	"furl/internal/environment"
	"furl/internal/payload"
	"furl/internal/state"
)

const nul = "\x00\x00\x00\x00\x00\x00\x00\x00"

// streams is a function that streams parts, of which "!" waits for the gate, and ends
// with the given result. It returns how a Write failed.
type streams struct {
	contentType string
	parts       []string
	result      environment.Result
	gate        chan struct{}
	wrote       chan error
}

func (f *streams) invoke(_ context.Context, _ *state.Target, inv *environment.Invocation) (environment.Result, error) {
	res := f.result
	if res.FunctionError != "" && f.parts == nil {
		return res, nil
	}
	res.Streamed = true
	err := inv.Stream.Begin(f.contentType)
	for _, part := range f.parts {
		if part == "!" {
			<-f.gate
		} else if err == nil {
			_, err = inv.Stream.Write([]byte(part))
		}
	}
	if f.wrote != nil {
		f.wrote <- err
	}
	return res, nil
}

func newStreamSite(t *testing.T, f *streams) *site {
	return newSite(t, setting{url: state.URLConfig{InvokeMode: state.InvokeResponseStream}, policy: public, function: f.invoke})
}

func TestStreamAnswers(t *testing.T) {
	failing := environment.Result{FunctionError: "Unhandled", ErrorType: "Runtime.ExitError", Payload: []byte(`{"errorMessage":"it left"}`)}
	const prelude = `{"statusCode":201,"headers":{"content-type":"text/html"},"cookies":["a=1","b=2"]}` + nul
	const failed = "502 Content-Type=application/json Content-Length=21 Internal Server Error"
	for _, c := range []struct {
		name, method  string
		f             streams
		want, cookies string
		streamed      any // of the record
		reason        string
	}{
		{"plain", "GET", streams{parts: []string{"a", "", "bc"}}, "200 Content-Type=application/octet-stream abc", "", int64(3), ""},
		{"prelude", "GET", streams{contentType: payload.PreludeType, parts: []string{prelude + "a", "bc"}}, "201 Content-Type=text/html abc", "a=1 b=2", int64(3), ""},
		{"prelude in pieces", "GET", streams{contentType: payload.PreludeType, parts: append(strings.Split(prelude, ""), "a", "bc")}, "201 Content-Type=text/html abc", "a=1 b=2", int64(3), ""},
		{"prelude alone", "GET", streams{contentType: payload.PreludeType, parts: []string{prelude}}, "201 Content-Type=text/html ", "a=1 b=2", int64(0), ""},
		{"defaults", "GET", streams{contentType: payload.PreludeType, parts: []string{"{}" + nul + "x"}}, "200 Content-Type=application/octet-stream x", "", int64(1), ""},
		{"HEAD", "HEAD", streams{contentType: payload.PreludeType, parts: []string{prelude + "a", "bc"}}, "201 Content-Type=text/html ", "a=1 b=2", int64(0), ""},
		{"204", "GET", streams{contentType: payload.PreludeType, parts: []string{`{"statusCode":204}` + nul, "no body"}}, "204 Content-Type=application/octet-stream ", "", int64(0), ""},
		{"304", "GET", streams{contentType: payload.PreludeType, parts: []string{`{"statusCode":304}` + nul + "no", "body"}}, "304 ", "", int64(0), ""},
		{"length of its own", "GET", streams{contentType: payload.PreludeType, parts: []string{`{"headers":{"Content-Length":"1","Transfer-Encoding":"gzip"}}` + nul, "more"}},
			"200 Content-Type=application/octet-stream more", "", int64(4), ""},
		{"error before the first byte", "GET", streams{result: failing}, failed, "", nil, "the function failed: Runtime.ExitError: it left"},
		{"error with half a prelude", "GET", streams{contentType: payload.PreludeType, parts: []string{`{"statusCode"`}, result: failing}, failed, "", nil, "the function failed: Runtime.ExitError: it left"},
		{"error afterwards", "GET", streams{parts: []string{"part"}, result: failing}, "200 Content-Type=application/octet-stream part", "", int64(4), "the function failed: Runtime.ExitError: it left"},
		{"half a prelude", "GET", streams{contentType: payload.PreludeType, parts: []string{`{"statusCode"`}}, failed, "", nil, "the streamed response ended within its prelude"},
		{"no prelude", "GET", streams{contentType: payload.PreludeType, parts: []string{"page", "more"}}, failed, "", nil, "payload: stream begins with 'p', not with a JSON object"},
		{"bad prelude", "HEAD", streams{contentType: payload.PreludeType, parts: []string{`{"statusCode":99}` + nul, "more"}}, "502 Content-Type=application/json Content-Length=21 ", "", nil,
			"payload: statusCode is 99, not a whole number from 200 to 599"},
		{"nothing", "GET", streams{parts: []string{""}}, "200 Content-Type=application/octet-stream Content-Length=0 ", "", int64(0), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStreamSite(t, &c.f)
			a := s.do(s.request(c.method, "/", "")) // fails if the body does not end cleanly
			if got := a.show(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if got := strings.Join(a.Header["Set-Cookie"], " "); got != c.cookies {
				t.Errorf("cookies %q, want %q", got, c.cookies)
			}
			if reason, _ := a.record["reason"].(string); a.record["streamed"] != c.streamed || reason != c.reason || a.record["status"] != int64(a.StatusCode) {
				t.Errorf("record %v", a.record)
			}
		})
	}
}

// The status and what was streamed are there before the function goes on: over
// HTTP/1.1 and HTTP/2.
func TestStreamFlushes(t *testing.T) {
	for _, first := range []string{"", "one"} {
		for _, h2 := range []bool{false, true} {
			f := &streams{contentType: payload.PreludeType, parts: []string{`{"statusCode":202}` + nul + first, "!", "two"}, gate: make(chan struct{})}
			s := newStreamSite(t, f)
			transport := &http.Transport{}
			if h2 {
				transport = clearHTTP2(t, s)
			}
			res, err := transport.RoundTrip(s.request("GET", "/", ""))
			must(t, err)
			got := make([]byte, len(first))
			if _, err := io.ReadFull(res.Body, got); err != nil || string(got) != first || res.StatusCode != 202 {
				t.Errorf("h2 %v: %d %q, %v", h2, res.StatusCode, got, err)
			}
			close(f.gate)
			rest, err := io.ReadAll(res.Body)
			if string(rest) != "two" || err != nil || (res.ProtoMajor == 2) != h2 {
				t.Errorf("h2 %v: %q over %s, %v", h2, rest, res.Proto, err)
			}
			transport.CloseIdleConnections()
		}
	}
}

// clearHTTP2 serves the site over HTTP/2 without TLS, too.
func clearHTTP2(t *testing.T, s *site) *http.Transport {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var p http.Protocols
	p.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: s.server, Protocols: &p}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	s.address = l.Addr().String()
	return &http.Transport{Protocols: &p}
}

// A client that leaves is noticed with the next bytes, and the record says so.
func TestStreamClientLeaves(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		for _, first := range []string{"one", ""} {
			f := &streams{parts: []string{first, "!", "two"}, gate: make(chan struct{}), wrote: make(chan error, 1)}
			left := make(chan struct{})
			s := newSite(t, setting{url: state.URLConfig{InvokeMode: state.InvokeResponseStream}, policy: public,
				function: func(ctx context.Context, target *state.Target, inv *environment.Invocation) (environment.Result, error) {
					go func() { <-ctx.Done(); close(f.gate) }()
					if first == "" {
						close(left)
					}
					return f.invoke(ctx, target, inv)
				}})
			transport := &http.Transport{}
			if h2 {
				transport = clearHTTP2(t, s)
			}
			ctx, leave := context.WithCancel(t.Context())
			if first == "" {
				go func() { <-left; leave() }()
				if _, err := transport.RoundTrip(s.request("GET", "/", "").WithContext(ctx)); err == nil {
					t.Error("an answer without a byte")
				}
			} else {
				res, err := transport.RoundTrip(s.request("GET", "/", "").WithContext(ctx))
				must(t, err)
				if _, err := io.ReadFull(res.Body, make([]byte, 3)); err != nil {
					t.Error(err)
				}
				leave()
				res.Body.Close()
			}
			if err := <-f.wrote; err == nil {
				t.Errorf("h2 %v: writes succeed after the client left", h2)
			}
			record := s.records.wait(t, func(map[string]any) bool { return true })
			want, status := "the client went away after 3 bytes", int64(200)
			if first == "" {
				want, status = "the client went away before the function answered", 499
			}
			if record["reason"] != want || record["status"] != status {
				t.Errorf("h2 %v, %q: record %v", h2, first, record)
			}
			leave()
			transport.CloseIdleConnections()
		}
	}
}

// A client that left before the function said anything: not the function is at fault
// that its prelude is never seen.
func TestStreamClientLeavesFirst(t *testing.T) {
	arrived := make(chan struct{})
	s := newSite(t, setting{url: state.URLConfig{InvokeMode: state.InvokeResponseStream}, policy: public,
		function: func(ctx context.Context, _ *state.Target, inv *environment.Invocation) (environment.Result, error) {
			close(arrived)
			<-ctx.Done()
			if err := inv.Stream.Begin(payload.PreludeType); err == nil {
				t.Error("the stream begins")
			}
			return environment.Result{Streamed: true, ContentType: payload.PreludeType}, nil
		}})
	ctx, leave := context.WithCancel(t.Context())
	go func() { <-arrived; leave() }()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	if _, err := transport.RoundTrip(s.request("GET", "/", "").WithContext(ctx)); err == nil {
		t.Error("an answer")
	}
	record := s.records.wait(t, func(map[string]any) bool { return true })
	if record["reason"] != "the client went away before the function answered" || record["status"] != int64(499) {
		t.Errorf("record %v", record)
	}
}

// A client that takes nothing holds up the function, and nobody else, until it is
// given up.
func TestStreamStalls(t *testing.T) {
	endless := make([]string, 4000)
	for i := range endless {
		endless[i] = strings.Repeat("x", 64<<10)
	}
	f := &streams{parts: endless, wrote: make(chan error, 1)}
	s := newStreamSite(t, f)
	dataplane.SetStallTime(s.server, 50_000_000)
	transport := clearHTTP2(t, s)
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(s.request("GET", "/", ""))
	must(t, err)
	defer res.Body.Close()
	if err := <-f.wrote; err == nil {
		t.Error("a client that reads nothing got 250 MB")
	}
	if _, err := io.Copy(io.Discard, res.Body); err == nil {
		t.Error("the answer that was given up looks whole")
	}
}

// HTTP/1.0 has no chunks: the stream ends with the connection.
func TestStreamHTTP10(t *testing.T) {
	s := newStreamSite(t, &streams{parts: []string{"one ", "two"}})
	conn, err := net.Dial("tcp", s.address)
	must(t, err)
	defer conn.Close()
	fmt.Fprintf(conn, "GET / HTTP/1.0\r\nHost: %s\r\n\r\n", host)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	body, err := io.ReadAll(res.Body)
	if string(body) != "one two" || err != nil || len(res.TransferEncoding) > 0 {
		t.Errorf("%q %v, %v", body, res.TransferEncoding, err)
	}
}

// A node that fails in the midst must not leave what looks like a whole answer.
func TestStreamNodeFails(t *testing.T) {
	s := newSite(t, setting{url: state.URLConfig{InvokeMode: state.InvokeResponseStream}, policy: public,
		function: func(_ context.Context, _ *state.Target, inv *environment.Invocation) (environment.Result, error) {
			must(t, inv.Stream.Begin("text/plain"))
			_, err := inv.Stream.Write([]byte("part"))
			must(t, err)
			return environment.Result{}, errors.New("of the node")
		}})
	res, err := http.DefaultTransport.RoundTrip(s.request("GET", "/", ""))
	must(t, err)
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); string(body) != "part" || err == nil {
		t.Errorf("%q, %v", body, err)
	}
}
