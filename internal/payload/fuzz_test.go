package payload_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"unicode/utf8"

	"furl/internal/payload"
)

// FuzzEvent: whatever the request, the event is valid JSON without repeated members, and its parts mean what was sent.
func FuzzEvent(f *testing.F) {
	f.Add("GET", "/a%20b?c=d&c=%zz", "X-A", "b", "text/plain", []byte("body"), false)
	f.Add("POST", "//..%2F?+=+&&%ff=\xff", "Cookie", "a=b; c", "application/json; charset=utf-8", []byte("{\"a\":\"\x00é\"}"), true)
	f.Add("PUT", "http://h/?a", "Authorization", "AWS4", "image/png", []byte("\xff\xfe"), true)
	f.Add("HEAD", "*", "Connection", "Content-Type, x", "", []byte(nil), false)
	f.Add("\"", "/\x00\xc3?"+strings.Repeat("a=1&b&", 20), "X-Forwarded-For", "\"\\\xff", "text/html", []byte("\xc3"), false)
	f.Fuzz(func(t *testing.T, method, target, name, value, contentType string, body []byte, iam bool) {
		header := http.Header{"Content-Type": {contentType}, "X-Twice": {value, contentType}}
		name = textproto.CanonicalMIMEHeaderKey(name)
		header[name] = []string{value}
		r := &http.Request{Method: method, RequestURI: target, Host: value, Header: header}
		m := meta()
		m.SourceIP, m.TraceID = value, contentType
		if iam {
			m.Identity = identity()
		}
		event := decode(t, payload.AppendEvent(nil, r, body, m))
		checkBody(t, event, body)
		checkTarget(t, event, target)
		checkHeaders(t, event, header, iam)
	})
}

// valid is s as JSON can hold it.
func valid(s string) string { return string([]rune(s)) }

func checkBody(t *testing.T, event map[string]any, body []byte) {
	t.Helper()
	text, present := event["body"].(string)
	encoded := event["isBase64Encoded"].(bool)
	got := []byte(text)
	if encoded {
		var err error
		if got, err = base64.StdEncoding.DecodeString(text); err != nil {
			t.Fatalf("body: %v", err)
		}
	}
	if present != (len(body) > 0) || !bytes.Equal(got, body) || encoded && !present {
		t.Fatalf("body %q became %q, base64 %v", body, text, encoded)
	}
}

var escape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// unescape is percent decoding, written again.
func unescape(s string) string {
	return valid(escape.ReplaceAllStringFunc(s, func(e string) string {
		return string([]byte{fromHex(e[1])<<4 | fromHex(e[2])})
	}))
}

func fromHex(c byte) byte { return byte(strings.IndexByte("0123456789abcdef", c|0x20)) }

func checkTarget(t *testing.T, event map[string]any, target string) {
	t.Helper()
	rawPath, rawQuery := event["rawPath"].(string), event["rawQueryString"].(string)
	path, query, _ := strings.Cut(target, "?")
	if utf8.ValidString(target) && (strings.HasPrefix(path, "/") && rawPath != path || rawQuery != query) {
		t.Fatalf("target %q became %q and %q", target, rawPath, rawQuery)
	}
	if got := event["requestContext"].(map[string]any)["http"].(map[string]any)["path"]; got != unescape(rawPath) {
		t.Fatalf("path %q decoded to %q", rawPath, got)
	}
	want := map[string]any{}
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(strings.ReplaceAll(pair, "+", " "), "=")
		name, value = unescape(name), unescape(value)
		if before, ok := want[name]; ok {
			value = before.(string) + "," + value
		}
		want[name] = value
	}
	got, ok := event["queryStringParameters"].(map[string]any)
	if ok != (len(want) > 0) || ok && !reflect.DeepEqual(got, want) {
		t.Fatalf("query %q became %q, want %q", query, got, want)
	}
}

func checkHeaders(t *testing.T, event map[string]any, sent http.Header, iam bool) {
	t.Helper()
	got := event["headers"].(map[string]any)
	for name := range got {
		if name != valid(strings.Map(func(r rune) rune {
			if 'A' <= r && r <= 'Z' {
				return r + 32
			}
			return r
		}, name)) {
			t.Fatalf("header %q is not in lower case", name)
		}
	}
	for _, name := range []string{"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-authorization"} {
		if got[name] != nil {
			t.Fatalf("hop-by-hop header %s passed on", name)
		}
	}
	if iam && got["authorization"] != nil {
		t.Fatal("authorization passed on")
	}
	if sent["Connection"] == nil && sent["X-Twice"] != nil && len(sent["X-Twice"]) == 2 {
		if want := valid(sent["X-Twice"][0] + "," + sent["X-Twice"][1]); got["x-twice"] != want {
			t.Fatalf("x-twice is %q, want %q", got["x-twice"], want)
		}
	}
}

// wireServer answers every request with the response stored in it, through net/http, on one connection.
type wireServer struct {
	response atomic.Pointer[payload.Response]
	conn     net.Conn
	reader   *bufio.Reader
}

func newWireServer(f *testing.F) *wireServer {
	s := &wireServer{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = s.response.Load().Write(w, r.Method == http.MethodHead) // a failed write shows at the other end
	}))
	f.Cleanup(server.Close)
	var err error
	if s.conn, err = net.Dial("tcp", server.Listener.Addr().String()); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.conn.Close() })
	s.reader = bufio.NewReader(s.conn)
	return s
}

// ask sends a request and reads the answer. Asking again shows whether the answer before ended where it said.
func (s *wireServer) ask(t *testing.T, method string, r *payload.Response) (*http.Response, []byte) {
	t.Helper()
	s.response.Store(r)
	if _, err := io.WriteString(s.conn, method+" / HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(s.reader, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s: broken message: %v", method, err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("%s: broken body: %v", method, err)
	}
	if s.reader.Buffered() != 0 || answer.Close {
		t.Fatalf("%s: bytes behind the body, or the connection was closed", method)
	}
	return answer, body
}

// FuzzResponse: no result panics, and what is not an error is a whole HTTP message that says the same. A result is fuzzed as
// bytes, and as an object with a header and a cookie made of name and value.
func FuzzResponse(f *testing.F) {
	for _, seed := range []string{
		`{"statusCode": 200, "headers": {"Content-Type": "text/html", "x": 1}, "cookies": ["a=b"], "body": "\u00e9\n"}`,
		`{"statusCode": "404", "body": {"a": [1.0, "b"]}}`, `{"statusCode": 204, "body": "aGk=", "isBase64Encoded": true}`,
		`{"statusCode": 304, "headers": {"date": "d", "content-length": 9, "trailer": "x", "Transfer-Encoding": "chunked"}, "body": 1}`,
		`{"statusCode": 599, "headers": {"connection": "close", "upgrade": "h2c", "set-cookie": "\t"}}`,
		`{"hello": "world"}`, `"h\ud83d\ude00"`, `[1, 2]`, `null`, ` {`, `<html>`, `{"statusCode": 200, "headers": {"a\r\nb": "c"}}`,
	} {
		f.Add([]byte(seed), "X-A", "b; c")
	}
	f.Add([]byte("body"), "Content-Length", "1")
	f.Add([]byte("body"), "Trailer:X", "a\r\nb")
	server := newWireServer(f)
	f.Fuzz(func(t *testing.T, result []byte, name, value string) {
		checkResult(t, server, result)
		built, err := json.Marshal(map[string]any{
			"statusCode": 200, "headers": map[string]string{name: value}, "cookies": []string{value}, "body": result,
		})
		if err != nil {
			t.Fatal(err)
		}
		checkResult(t, server, built)
	})
}

// checkResult parses a result, sends the response and compares what arrives.
func checkResult(t *testing.T, server *wireServer, result []byte) {
	t.Helper()
	kept := bytes.Clone(result)
	r, err := payload.ParseResponse(result)
	if !bytes.Equal(result, kept) {
		t.Fatal("the result was changed")
	}
	if err != nil {
		if !json.Valid(result) || !strings.HasPrefix(err.Error(), "payload: ") {
			t.Fatalf("error %q for %q", err, result)
		}
		return
	}
	checkValue(t, result, &r)
	for _, method := range []string{"GET", "HEAD"} {
		answer, body := server.ask(t, method, &r)
		want := r.Body
		if method == "HEAD" || r.Status == 204 || r.Status == 304 {
			want = nil
		}
		if answer.StatusCode != r.Status || !bytes.Equal(body, want) {
			t.Fatalf("%s: %v arrived as %d %q", method, r, answer.StatusCode, body)
		}
		for _, field := range r.Header {
			if field.Name == "Content-Type" && r.Status == 304 {
				continue // net/http leaves it out
			}
			if values := answer.Header.Values(field.Name); !slices.Contains(values, field.Value) {
				t.Fatalf("%s: header %q arrived as %q", method, field, values)
			}
		}
		for _, cookie := range r.Cookies {
			if values := answer.Header.Values("Set-Cookie"); !slices.Contains(values, cookie) {
				t.Fatalf("%s: cookie %q arrived as %q", method, cookie, values)
			}
		}
	}
	pong := &payload.Response{Status: 200, Header: typed("text/plain"), Body: []byte("pong")}
	if _, body := server.ask(t, "GET", pong); string(body) != "pong" {
		t.Fatalf("the next answer is %q", body)
	}
}

// checkValue compares a result that is no response in full with encoding/json's view of it.
func checkValue(t *testing.T, result []byte, r *payload.Response) {
	t.Helper()
	var value any
	if !json.Valid(result) {
		if r.Status != 200 || !bytes.Equal(r.Body, result) {
			t.Fatalf("%q is not JSON but became %d %q", result, r.Status, r.Body)
		}
		return
	}
	d := json.NewDecoder(bytes.NewReader(result))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		t.Fatal(err)
	}
	want := ""
	switch v := value.(type) {
	case map[string]any:
		if _, full := v["statusCode"]; full {
			return
		}
	case string:
		want = v
	}
	if want == "" && value != "" {
		var compact bytes.Buffer
		if err := json.Compact(&compact, result); err != nil {
			t.Fatal(err)
		}
		want = compact.String()
	}
	if got := string(r.Body); r.Status != 200 || got != want && valid(got) != valid(want) {
		t.Fatalf("%q became %d %q, want %q", result, r.Status, got, want)
	}
}

// FuzzPrelude: no stream panics, and a prelude is the same however its bytes arrive.
func FuzzPrelude(f *testing.F) {
	f.Add([]byte(`{"statusCode":200,"headers":{"a":"b"},"cookies":["c=d"]}`+nul8+"body"), 5)
	f.Add([]byte(`{}`+nul8+nul8), 10)
	f.Add([]byte("{\x00\x00"), 2)
	f.Add([]byte("hello"), 1)
	f.Fuzz(func(t *testing.T, data []byte, n int) {
		whole, rest, complete, err := payload.ParsePrelude(data)
		if complete && err != nil {
			t.Fatal("complete and an error")
		}
		if complete && !bytes.Equal(rest, data[len(data)-len(rest):]) {
			t.Fatalf("rest %q is not the end of %q", rest, data)
		}
		if n < 0 || n > len(data) {
			return
		}
		part, partRest, partComplete, partErr := payload.ParsePrelude(data[:n])
		head := len(data) - len(rest)
		switch {
		case complete && n < head:
			if partComplete || partErr != nil {
				t.Fatalf("after %d of %d bytes: %v, %v", n, head, partComplete, partErr)
			}
		case complete:
			if !partComplete || !reflect.DeepEqual(part, whole) || !bytes.Equal(partRest, data[head:n]) {
				t.Fatalf("after %d bytes: %v, then %v", n, part, whole)
			}
		case err == nil && (partComplete || partErr != nil):
			t.Fatalf("after %d bytes: %v, %v; after %d neither", n, partComplete, partErr, len(data))
		}
	})
}
