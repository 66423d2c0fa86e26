package dataplane_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"furl/internal/dataplane"
	"furl/internal/environment"
	"furl/internal/payload"
	"furl/internal/state"
)

// FuzzHTTP gives the server whatever net/http takes for a request, and answers
// of functions: whatever they hold, there is one answer of valid HTTP and one
// record, and what is not the function's never becomes a header or a 2xx.
func FuzzHTTP(f *testing.F) {
	for _, request := range []string{
		"GET /?name=John HTTP/1.1\r\nHost: HOST\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\n\r\nhello",
		"POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: HOST\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: GET\r\n\r\n",
		"CONNECT HOST:443 HTTP/1.1\r\nHost: HOST:443\r\n\r\n",
		"GET http://a:b@HOST/x HTTP/1.0\r\n\r\n",
		"HEAD / HTTP/1.1\r\nHost: HOST\r\nAuthorization: AWS4-HMAC-SHA256 Credential=a/b/c/lambda/aws4_request\r\n\r\n",
		"GET /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=%zz HTTP/1.1\r\nHost: HOST\r\nCookie: a=b; ;\r\nX-Amzn-Trace-Id: Root=1-\r\n\r\n",
	} {
		f.Add([]byte(request), []byte(`{"statusCode":200,"headers":{"X-A":"b"},"cookies":["a=b"],"body":"hello"}`), byte(0))
		f.Add([]byte(request), []byte("{\"statusCode\":201}\x00\x00\x00\x00\x00\x00\x00\x00body"), byte(7))
	}
	s := newSite(f, setting{policy: public, url: state.URLConfig{CORS: &state.CORS{AllowOrigins: []string{"*"}}}})
	signed := newSite(f, setting{url: state.URLConfig{AuthType: state.AuthIAM}})
	f.Fuzz(func(t *testing.T, request, result []byte, how byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(bytes.ReplaceAll(request, []byte("HOST"), []byte(host)))))
		if err != nil {
			return
		}
		r.RemoteAddr = "192.0.2.1:1234"
		site := s
		if how&8 != 0 {
			site = signed
		}
		records := &records{}
		server := dataplane.New(dataplane.Options{
			Snapshot: site.State.Snapshot, Authz: site.Judge, Region: "us-east-1", Domain: domain,
			Access: slog.New(records), Logger: slog.New(slog.DiscardHandler), Now: site.Clock.Now,
			Invoke: func(context.Context, *state.Target, *environment.Invocation) (environment.Result, error) {
				res := environment.Result{Payload: bytes.Clone(result), Streamed: how&1 != 0}
				if how&2 != 0 {
					res.ContentType = payload.PreludeType
				}
				if how&4 != 0 {
					res.FunctionError, res.ErrorType = "Unhandled", "Runtime.ExitError"
				}
				return res, nil
			},
		})
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		check(t, r, w.Result(), records)
	})
}

func check(t *testing.T, r *http.Request, res *http.Response, records *records) {
	t.Helper()
	if records.count() != 1 || records.all[0]["status"] != int64(res.StatusCode) {
		t.Fatalf("answered %d, recorded %v", res.StatusCode, records.all)
	}
	if res.StatusCode == http.StatusInternalServerError && records.all[0]["reason"] != nil {
		t.Fatalf("recorded %v", records.all)
	}
	var wire bytes.Buffer
	res.Request = r
	if err := res.Write(&wire); err != nil {
		t.Fatalf("the answer cannot be sent: %v", err)
	}
	read, err := http.ReadResponse(bufio.NewReader(&wire), r)
	if err != nil {
		t.Fatalf("the answer is not HTTP: %v", err)
	}
	if _, err := io.ReadAll(read.Body); err != nil {
		t.Fatalf("the body is not that of the header: %v", err)
	}
	if read.StatusCode != res.StatusCode || strings.ContainsAny(read.Header.Get("X-Amzn-Requestid"), "\r\n") {
		t.Fatalf("read as %d", read.StatusCode)
	}
	want := 0
	for range res.Header {
		want++
	}
	if got := len(read.Header); got > want+2 { // Content-Length, Connection
		t.Fatalf("%d headers became %d", want, got)
	}
}
