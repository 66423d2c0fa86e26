package http_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"furl"
)

func TestHTTP1(t *testing.T) {
	s := serve(t, furl.Config{})
	t.Run("smuggling", s.testSmuggling)
	t.Run("targets", s.testTargets)
	t.Run("manners", s.testManners)
	t.Run("limits", s.testLimits)
}

// hidden is the request that is smuggled: no table entry may reach it.
const hidden = "GET /hidden HTTP/1.1\r\nHost: HOST\r\n\r\n"

// Streams that two readers could read in two ways get one refusal, in AWS's
// form, and the connection ends: what is hidden in them is never run.
func (s *site) testSmuggling(t *testing.T) {
	const post = "POST / HTTP/1.1\r\nHost: HOST\r\n"
	chunked := func(body string) string { return post + "Transfer-Encoding: chunked\r\n\r\n" + body }
	for _, c := range []struct {
		name, sent string
		status     int
	}{
		{"CL.TE", post + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX" + hidden, 400},
		{"TE.CL", post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n26\r\n" + hidden + "\r\n0\r\n\r\n", 400},
		{"TE.TE, another coding", post + "Transfer-Encoding: xchunked\r\nContent-Length: 3\r\n\r\nabc" + hidden, 400},
		{"TE, another coding", post + "Transfer-Encoding: xchunked\r\n\r\n" + hidden, 501},
		{"TE, identity", post + "Transfer-Encoding: identity\r\n\r\n" + hidden, 501},
		{"TE, a list", post + "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n" + hidden, 501},
		{"TE, two fields", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n" + hidden, 400},
		{"TE, vertical tab", post + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + hidden, 400},
		{"TE, blank before the colon", post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + hidden, 400},
		{"TE, folded", post + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + hidden, 400},
		{"TE, behind a bare CR", post + "X: y\rTransfer-Encoding: chunked\r\n\r\n" + hidden, 400},
		{"TE, behind a bare LF", post + "X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden, 400},
		{"TE, HTTP/1.0", "POST / HTTP/1.0\r\nHost: HOST\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" + hidden, 400},
		{"CL, two", post + "Content-Length: 5\r\nContent-Length: 0\r\n\r\nhello" + hidden, 400},
		{"CL, twice the same", post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello" + hidden, 400},
		{"CL, a list", post + "Content-Length: 5, 5\r\n\r\nhello" + hidden, 400},
		{"CL, plus", post + "Content-Length: +5\r\n\r\nhello" + hidden, 400},
		{"CL, minus", post + "Content-Length: -1\r\n\r\n" + hidden, 400},
		{"CL, hexadecimal", post + "Content-Length: 0x5\r\n\r\nhello" + hidden, 400},
		{"CL, underscore", post + "Content-Length: 1_0\r\n\r\nhello" + hidden, 400},
		{"CL, blank before the colon", post + "Content-Length : 5\r\n\r\nhello" + hidden, 400},
		{"CL, NUL", post + "Content-Length: 5\x00\r\n\r\nhello" + hidden, 400},
		{"bare LF throughout", "GET / HTTP/1.1\nHost: HOST\n\n" + hidden, 400},
		{"bare LF ends the head", "GET / HTTP/1.1\r\nHost: HOST\r\n\n" + hidden, 400},
		{"folded field", "GET / HTTP/1.1\r\nHost: HOST\r\nX: a\r\n b\r\n\r\n" + hidden, 400},
		{"two Hosts", "GET / HTTP/1.1\r\nHost: HOST\r\nHost: localhost\r\n\r\n" + hidden, 400},
		{"target of another host", "GET http://localhost/ HTTP/1.1\r\nHost: HOST\r\n\r\n" + hidden, 400},
		{"NUL in a name", "GET / HTTP/1.1\r\nHost: HOST\r\nX\x00: a\r\n\r\n" + hidden, 400},
		{"name without a colon", "GET / HTTP/1.1\r\nHost: HOST\r\nX\r\n\r\n" + hidden, 400},
		{"HTTP/0.9", "GET /\r\n" + hidden, 400},
		{"HTTP/1.2", "GET / HTTP/1.2\r\nHost: HOST\r\n\r\n" + hidden, 505},
		{"HTTP/2 after HTTP/1", "GET /x HTTP/2.0\r\nHost: HOST\r\n\r\n" + hidden, 505},
		{"PROXY line from nobody", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + hidden, 400},
		{"chunk size with a blank", chunked("5 \r\nhello\r\n0\r\n\r\n" + hidden), 400},
		{"chunk size with a prefix", chunked("0x5\r\nhello\r\n0\r\n\r\n" + hidden), 400},
		{"chunk size beyond 64 bits", chunked("10000000000000000\r\n0\r\n\r\n" + hidden), 400},
		{"chunk longer than its size", chunked("5\r\nhello!\r\n0\r\n\r\n" + hidden), 400},
		{"bare LF after a chunk's size", chunked("5\nhello\r\n0\r\n\r\n" + hidden), 400},
		{"bare LF in an extension", chunked("5;a\nxx\r\nhello\r\n0\r\n\r\n" + hidden), 400},
		{"bare LF in the trailer", chunked("0\r\nX: y\n\n" + hidden), 400},
		{"request in the trailer", chunked("0\r\n" + hidden), 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := s.get(t, "/count").body
			got := s.raw(t, strings.ReplaceAll(c.sent, "HOST", s.host))
			if len(got) != 1 || got[0].status != c.status || !strings.HasPrefix(got[0].body, `{"message":"`) || got[0].header.Get("X-Amzn-Requestid") == "" {
				t.Fatalf("%d answers: %+v", len(got), got)
			}
			if after := s.get(t, "/count").body; count(after) != count(before)+1 {
				t.Errorf("%s requests before, %s after: something reached the function", before, after)
			}
		})
	}
}

func count(s string) (n int) {
	fmt.Sscan(s, &n)
	return n
}

// The function sees paths and queries byte for byte.
func (s *site) testTargets(t *testing.T) {
	for _, target := range []string{
		"/", "//", "///a//b/", "/a/../b", "/..", "/.", "/a/./b", "/%2F", "/%2f%2E%2e/", "/a%20b+c", "/a;b=c", "/%", "/%zz/%4", "/%25zz", "/ä", "/\xff", "/a#b",
		"/a:b@c", "/?", "/?a", "/?a=", "/?=a", "/?&&", "/?a=1&a=2&b=+&c=%2B", "/?%zz=%", "/?a=ä&b=\xfe", "/?a?b/c", "/\"<>\\^`{|}",
	} {
		path, query, _ := strings.Cut(target, "?")
		e := s.get(t, target).event(t)
		if want := strings.ToValidUTF8(path, "%FF"); e.RawPath != want {
			t.Errorf("%q: rawPath %q, want %q", target, e.RawPath, want)
		}
		if want := strings.ToValidUTF8(query, "%FE"); e.RawQueryString != want {
			t.Errorf("%q: rawQueryString %q, want %q", target, e.RawQueryString, want)
		}
	}
	if e := s.get(t, "/?a=1&a=2&b=+&c=%2B&d=&%zz=%").event(t); fmt.Sprint(e.QueryStringParameters) != "map[%zz:% a:1,2 b:  c:+ d:]" {
		t.Errorf("parameters %q", e.QueryStringParameters)
	}
	if e := s.raw(t, "GET http://"+s.host+"/abs?x HTTP/1.1\r\nHost: "+s.host+"\r\n\r\n", "GET")[0].event(t); e.RawPath != "/abs" || e.RawQueryString != "x" {
		t.Errorf("absolute form: %+v", e)
	}
}

func (s *site) testManners(t *testing.T) {
	host := "Host: " + s.host + "\r\n"
	// keep-alive and pipelining, in order, bodies and trailers between
	got := s.raw(t, "GET /1 HTTP/1.1\r\n"+host+"\r\n"+
		"\r\nPOST /2 HTTP/1.1\r\n"+host+"Content-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello"+
		"POST /3 HTTP/1.1\r\n"+host+"Transfer-Encoding: chunked\r\nTrailer: X-T\r\nContent-Type: text/plain\r\n\r\n5;ext=1\r\nhello\r\n1\r\n!\r\n0\r\nX-T: secret\r\n\r\n"+
		"HEAD /4 HTTP/1.1\r\n"+host+"\r\nOPTIONS /5 HTTP/1.1\r\n"+host+"\r\nGET /%zz HTTP/1.1\r\n"+host+"\r\nGET /7 HTTP/1.1\r\n"+host+"Connection: close\r\n\r\n",
		"GET", "POST", "POST", "HEAD", "OPTIONS", "GET", "GET")
	for i, want := range []string{"GET /1", "POST /2", "POST /3", "", "OPTIONS /5", "GET /%zz", "GET /7"} {
		if want == "" {
			if got[i].status != 200 || got[i].body != "" || got[i].header.Get("Content-Length") == "" {
				t.Errorf("HEAD: %+v", got[i])
			}
			continue
		}
		e := got[i].event(t)
		if e.RequestContext.HTTP.Method+" "+e.RawPath != want {
			t.Errorf("answer %d is for %s %s, not %s", i, e.RequestContext.HTTP.Method, e.RawPath, want)
		}
		if body := map[int]string{1: "hello", 2: "hello!"}[i]; e.Body != body {
			t.Errorf("%s: body %q, want %q", want, e.Body, body)
		}
		for name := range e.Headers {
			if name == "x-t" || name == "trailer" || name == "transfer-encoding" {
				t.Errorf("%s: the event has %s", want, name)
			}
		}
	}
	// HTTP/1.0
	if got := s.raw(t, "GET /old HTTP/1.0\r\n"+host+"\r\n"); len(got) != 1 || got[0].event(t).RawPath != "/old" {
		t.Errorf("HTTP/1.0: %+v", got)
	}
	// Expect: 100-continue is answered before the body is sent
	conn := s.dial(t)
	io.WriteString(conn, "PUT / HTTP/1.1\r\n"+host+"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
	line := make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))
	if _, err := io.ReadFull(conn, line); err != nil || string(line) != "HTTP/1.1 100 Continue\r\n\r\n" {
		t.Errorf("%q, %v", line, err)
	}
	// an Upgrade that is not offered is not taken
	if got := s.get(t, "/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"); got.status != 200 {
		t.Errorf("Upgrade: %+v", got)
	}
	// what clients say of proxies is text
	e := s.get(t, "/", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "X-Forwarded-Port: 1", "Forwarded: for=1.2.3.4").event(t)
	if e.RequestContext.HTTP.SourceIP != "127.0.0.1" || e.Headers["x-forwarded-for"] != "1.2.3.4, 127.0.0.1" || e.Headers["x-forwarded-proto"] != "http" || e.Headers["x-forwarded-port"] == "1" {
		t.Errorf("forged: %+v", e)
	}
}

func (s *site) testLimits(t *testing.T) {
	host := "Host: " + s.host + "\r\n"
	for _, c := range []struct {
		name, sent string
		status     int
		message    string
	}{
		{"target of 16 KB", "GET /" + strings.Repeat("x", 16<<10-1) + " HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n", 200, ""},
		{"target beyond", "GET /" + strings.Repeat("x", 16<<10) + " HTTP/1.1\r\n" + host + "\r\n", 414, "Request URI Too Long"},
		{"endless target", "GET /" + strings.Repeat("x", 1<<20), 414, "Request URI Too Long"},
		{"header beyond 16 KB", "GET / HTTP/1.1\r\n" + host + "X: " + strings.Repeat("x", 16<<10) + "\r\n\r\n", 431, "Request Header Fields Too Large"},
		{"endless header", "GET / HTTP/1.1\r\n" + host + strings.Repeat("X: y\r\n", 1<<18), 431, "Request Header Fields Too Large"},
		{"body of 4 MB", "POST / HTTP/1.1\r\n" + host + "Content-Type: text/plain\r\nConnection: close\r\nContent-Length: 4194304\r\n\r\n" + strings.Repeat("x", 4<<20), 200, ""},
		{"body beyond 6 MB", "POST / HTTP/1.1\r\n" + host + "Connection: close\r\nContent-Length: 6291457\r\n\r\n" + strings.Repeat("x", 6<<20+1), 413, "Request Entity Too Large"},
		{"chunks beyond 6 MB", "POST / HTTP/1.1\r\n" + host + "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("100000\r\n"+strings.Repeat("x", 1<<20)+"\r\n", 7) + "0\r\n\r\n", 413, "Request Entity Too Large"},
		{"binary that base64 takes beyond 6 MB", "POST / HTTP/1.1\r\n" + host + "Connection: close\r\nContent-Length: 5242880\r\n\r\n" + strings.Repeat("x", 5<<20), 413, "Request Entity Too Large"},
		{"unknown expectation", "GET / HTTP/1.1\r\n" + host + "Expect: more\r\n\r\n", 417, http.StatusText(http.StatusExpectationFailed)},
	} {
		got := s.raw(t, c.sent)
		if len(got) != 1 || got[0].status != c.status || c.message != "" && got[0].body != `{"message":"`+c.message+`"}` {
			t.Errorf("%s: %d answers, %.300v", c.name, len(got), got)
		}
	}
}
