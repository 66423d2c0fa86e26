package furl_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"furl"
)

// accessLog collects records as text, one line each.
type accessLog struct {
	mu    sync.Mutex
	lines []string
}

func (*accessLog) Enabled(context.Context, slog.Level) bool { return true }
func (l *accessLog) WithAttrs([]slog.Attr) slog.Handler     { return l }
func (l *accessLog) WithGroup(string) slog.Handler          { return l }

func (l *accessLog) Handle(_ context.Context, r slog.Record) error {
	attrs := map[string]string{}
	r.Attrs(func(a slog.Attr) bool {
		attrs[a.Key] = a.Value.String()
		return true
	})
	line := r.Message
	for _, key := range slices.Sorted(maps.Keys(attrs)) {
		if key != "remote" && key != "duration" {
			line += " " + key + "=" + attrs[key]
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	return nil
}

// of returns the records of a request.
func (l *accessLog) of(id string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for _, line := range l.lines {
		if strings.Contains(line, "request_id="+id) {
			found = append(found, line)
		}
	}
	return found
}

// urlName is the host of a function URL that does not exist.
const urlName = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.lambda-url.us-east-1.localhost"

// What arrives at the port, byte by byte, before anything knows what it is for.
func TestFrontRefuses(t *testing.T) {
	const (
		jsonHead = "Content-Type: application/json"
		unknown  = `{"Message":null}`
	)
	log := &accessLog{}
	s := serve(t, furl.Config{Access: slog.New(log)})
	for _, c := range []struct {
		name, request string
		status        int
		body          string // "*": any
		closed        bool
		record        string // without the request's id; "" for none
	}{
		{"100 KB of headers", "GET / HTTP/1.1\r\nHost: " + urlName + "\r\n" + strings.Repeat("X-Filler: "+strings.Repeat("x", 90)+"\r\n", 1024) + "\r\n",
			431, `{"message":"Request Header Fields Too Large"}`, true, "http host=" + urlName + " method=GET reason=the header fields are over 16384 bytes status=431"},
		{"one header of 100 KB, to the API", "GET /2015-03-31/functions HTTP/1.1\r\nHost: localhost\r\nX-Long: " + strings.Repeat("x", 100<<10) + "\r\n\r\n",
			431, `{"message":"Request Header Fields Too Large"}`, true, "http host=localhost method=GET reason=the header fields are over 16384 bytes status=431"},
		{"1 MB of headers", "GET / HTTP/1.1\r\nHost: " + urlName + "\r\nX-Long: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", 431, "*", true, ""},
		{"path of 20 KB", "GET /" + strings.Repeat("x", 20<<10) + " HTTP/1.1\r\nHost: " + urlName + "\r\n\r\n",
			414, `{"message":"Request URI Too Long"}`, true, "http host= method=GET reason=the path and query are over 16384 bytes status=414"},
		{"method of 20 KB", strings.Repeat("M", 20<<10) + " / HTTP/1.1\r\nHost: " + urlName + "\r\n\r\n",
			400, `{"message":"Bad Request"}`, true, "http host= method=" + strings.Repeat("M", 256) + " reason=the method is over 256 bytes status=400"},
		{"HEAD with 100 KB of headers", "HEAD / HTTP/1.1\r\nHost: " + urlName + "\r\nX-Long: " + strings.Repeat("x", 100<<10) + "\r\n\r\n",
			431, ``, true, "http host=" + urlName + " method=HEAD reason=the header fields are over 16384 bytes status=431"},

		{"NUL in a header", "GET / HTTP/1.1\r\nHost: " + urlName + "\r\nX-A: b\x00c\r\n\r\n", 400, "*", true, ""},
		{"CR in a header", "GET / HTTP/1.1\r\nHost: " + urlName + "\r\nX-A: b\rc\r\n\r\n", 400, "*", true, ""},
		{"blank in a header's name", "GET / HTTP/1.1\r\nHost: " + urlName + "\r\nX A: b\r\n\r\n", 400, "*", true, ""},
		{"no Host", "GET / HTTP/1.1\r\n\r\n", 400, "*", true, ""},
		{"two Hosts", "GET / HTTP/1.1\r\nHost: " + urlName + "\r\nHost: www.example.com\r\n\r\n", 400, "*", true, ""},
		{"malformed Host", "GET / HTTP/1.1\r\nHost: a b/c\r\n\r\n", 400, "*", true, ""},
		{"blank in the path", "GET /a b HTTP/1.1\r\nHost: " + urlName + "\r\n\r\n", 400, "*", true, ""},
		{"two lengths", "POST / HTTP/1.1\r\nHost: " + urlName + "\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400, "*", true, ""},
		{"negative length", "POST / HTTP/1.1\r\nHost: " + urlName + "\r\nContent-Length: -5\r\n\r\n", 400, "*", true, ""},
		{"two codings", "POST / HTTP/1.1\r\nHost: " + urlName + "\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501, "*", true, ""},
		{"unknown expectation", "GET / HTTP/1.1\r\nHost: " + urlName + "\r\nExpect: the-unexpected\r\n\r\n", 417, "*", true, ""},
		{"garbage", "\x01\x02\x03\x04 nothing that speaks HTTP\r\n\r\n", 400, "*", true, ""},

		{"unknown URL", "GET / HTTP/1.1\r\nHost: " + urlName + "\r\n\r\n", 403, unknown, false, "url method=GET path=/ reason=no function URL has this id status=403"},
		{"unknown URL, OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: " + urlName + "\r\n\r\n", 403, unknown, false, "url method=OPTIONS path=* reason=no function URL has this id status=403"},
		{"unknown URL, absolute form", "GET http://" + urlName + "/x HTTP/1.1\r\nHost: " + urlName + "\r\n\r\n", 403, unknown, false, "url method=GET path=/x reason=no function URL has this id status=403"},
		{"URL of another region", "GET / HTTP/1.1\r\nHost: " + strings.Replace(urlName, "us-east-1", "eu-west-1", 1) + "\r\n\r\n", 403, unknown, false,
			"url method=GET path=/ reason=not a function URL of this server: " + strings.Replace(urlName, "us-east-1", "eu-west-1", 1) + " status=403"},
		{"foreign host", "GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n", 403, unknown, false, "url method=GET path=/ reason=not a function URL of this server: www.example.com status=403"},
		{"no Host, HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", 403, unknown, true, "url method=GET path=/ reason=not a function URL of this server:  status=403"},
		{"CONNECT to somewhere", "CONNECT www.example.com:443 HTTP/1.1\r\nHost: www.example.com:443\r\n\r\n", 403, unknown, false,
			"url method=CONNECT path= reason=not a function URL of this server: www.example.com:443 status=403"},
		{"API, not signed", "GET /2015-03-31/functions HTTP/1.1\r\nHost: localhost\r\n\r\n", 403, `{"message":"Missing Authentication Token"}`, false,
			"api err=MissingAuthenticationTokenException: Missing Authentication Token operation=lambda:ListFunctions status=403"},
		{"API by address", "GET /2015-03-31/functions HTTP/1.1\r\nHost: [::1]:4566\r\n\r\n", 403, `{"message":"Missing Authentication Token"}`, false,
			"api err=MissingAuthenticationTokenException: Missing Authentication Token operation=lambda:ListFunctions status=403"},
		{"API by a foreign name, signed badly", "GET /2015-03-31/functions HTTP/1.1\r\nHost: aws.example.com\r\nAuthorization: hunter2\r\n\r\n", 403,
			`{"message":"Unsupported AWS 'algorithm': 'hunter2'."}`, false, "api err=IncompleteSignatureException operation=lambda:ListFunctions status=403"},
		{"API by a foreign name, not signed", "GET /2015-03-31/functions HTTP/1.1\r\nHost: aws.example.com\r\n\r\n", 403, unknown, false,
			"url method=GET path=/2015-03-31/functions reason=not a function URL of this server: aws.example.com status=403"},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, body, closed := s.raw(t, c.request)
			if res.StatusCode != c.status || c.body != "*" && body != c.body || closed != c.closed {
				t.Errorf("answered %d %s, closed %v; want %d %s, %v", res.StatusCode, body, closed, c.status, c.body, c.closed)
			}
			id := res.Header.Get("X-Amzn-Requestid")
			if c.record == "" {
				return
			}
			if got := res.Header.Get("Content-Type"); "Content-Type: "+got != jsonHead {
				t.Errorf("Content-Type %q", got)
			}
			got := strings.ReplaceAll(strings.Join(log.of(id), "\n"), " request_id="+id, "")
			if id == "" || got != c.record {
				t.Errorf("recorded %s\nwant     %s", got, c.record)
			}
		})
	}
}

// raw sends bytes and reads the answer; closed is whether the server closed the
// connection after it.
func (s *inProcess) raw(t *testing.T, request string) (res *http.Response, body string, closed bool) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.info.Endpoint, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		io.WriteString(conn, request) // the server may refuse to read it all
	}()
	in := bufio.NewReader(conn)
	method, _, _ := strings.Cut(request, " ")
	if res, err = http.ReadResponse(in, &http.Request{Method: method}); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	<-wrote
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+urlName+"\r\n\r\n"); err != nil {
		return res, string(b), true
	}
	_, err = http.ReadResponse(in, nil)
	return res, string(b), err != nil
}

// One port speaks plain HTTP and TLS; clients that trust the authority verify
// the names of function URLs and of the API.
func TestTLS(t *testing.T) {
	s := serve(t, furl.Config{Domain: "on.aws", TLS: true})
	pem, err := os.ReadFile(s.info.CACert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatal("no certificate in the authority's file")
	}
	address := strings.TrimPrefix(s.info.Endpoint, "http://")
	name := strings.Replace(urlName, "localhost", "on.aws", 1)
	for host, trusted := range map[string]bool{
		name: true, "localhost": true, "127.0.0.1": true, "api.on.aws": true, "www.on.aws": false, "example.com": false,
	} {
		conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, ServerName: host})
		if (err == nil) != trusted {
			t.Errorf("%s: %v, want trusted %v", host, err, trusted)
		}
		if err == nil {
			conn.Close()
		}
	}
	if conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, ServerName: name, MaxVersion: tls.VersionTLS11}); err == nil {
		conn.Close()
		t.Error("TLS 1.1 is spoken")
	}
	for _, h2 := range []bool{true, false} {
		transport := &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: h2,
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, address)
			},
		}
		defer transport.CloseIdleConnections()
		res, err := (&http.Client{Transport: transport}).Get("https://" + name + "/")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != 403 || string(body) != `{"Message":null}` || (res.ProtoMajor == 2) != h2 {
			t.Errorf("%s %d %s %v", res.Proto, res.StatusCode, body, err)
		}
	}
}

// The function sees the scheme and the port that its caller used.
func TestForwardedOverTLS(t *testing.T) {
	s := serve(t, furl.Config{})
	url := s.deploy(t, "seen", "import json\ndef lambda_handler(event, context):\n    return event['headers']\n")
	name, _, _ := strings.Cut(strings.TrimPrefix(url, "http://"), ":")
	pem, err := os.ReadFile(s.info.CACert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	conn, err := tls.Dial("tcp", strings.TrimPrefix(s.info.Endpoint, "http://"), &tls.Config{RootCAs: roots, ServerName: name})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", name)
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{`"x-forwarded-proto":"https"`, `"x-forwarded-port":"443"`, `"x-amzn-tls-version":"TLSv1.3"`, `"x-forwarded-for":"127.0.0.1"`} {
		if !strings.Contains(string(answer), text) {
			t.Errorf("the event lacks %s: %s", text, answer)
		}
	}
}

// A port that is taken is said to be, with what to do.
func TestPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := t.TempDir()
	_, err = furl.New(t.Context(), furl.Config{DataDir: dir, Listen: []string{"127.0.0.1:0", l.Addr().String()}})
	if err == nil || !strings.Contains(err.Error(), l.Addr().String()) || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("error %v, want one that names the address and the setting", err)
	}
	serve(t, furl.Config{DataDir: dir}) // nothing of the first one holds the directory
}
