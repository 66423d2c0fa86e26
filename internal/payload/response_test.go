package payload_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"furl/internal/payload"
)

// typed is a response's header with nothing but a content type.
func typed(contentType string) []payload.HeaderField {
	return []payload.HeaderField{{Name: "Content-Type", Value: contentType}}
}

var jsonTyped = typed("application/json")

// TestParseResponseValues covers results that are not responses: the body of a 200.
func TestParseResponseValues(t *testing.T) {
	cases := []struct{ name, result, body string }{
		{"object", `{"hello": "world"}`, `{"hello":"world"}`},
		{"object with body and headers", `{"body": "x", "headers": {"a": 1}}`, `{"body":"x","headers":{"a":1}}`},
		{"walkthrough's error", `{"errors": ["name missing"],  "ok" :false}`, `{"errors":["name missing"],"ok":false}`},
		{"array", `["hello", 3, true]`, `["hello",3,true]`},
		{"compact already", `{"a":[1,{"b":null}]}`, `{"a":[1,{"b":null}]}`},
		{"numbers keep their spelling", ` [1.0, 1e3, -0, 1E+2, 100000000000000000000] `, `[1.0,1e3,-0,1E+2,100000000000000000000]`},
		{"strings keep their escapes", `{ "\u00e9\/": "<&>é\u2028\ud800" }`, `{"\u00e9\/":"<&>é\u2028\ud800"}`},
		{"spaces inside strings", `{"a b": "c  d\" e : , "}`, `{"a b":"c  d\" e : , "}`},
		{"key order", `{"z": 1, "a": 2, "m": 3}`, `{"z":1,"a":2,"m":3}`},
		{"float", `3.1`, `3.1`},
		{"bool", "\ttrue\r\n", `true`},
		{"null, row R1", `null`, `null`},
		{"string", `"hello"`, `hello`},
		{"string with escapes", `" \"a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00 "`, " \"a\"\\/\b\f\n\r\té😀 "},
		{"lone surrogates, R16", `"\ud83d\u0041\ude00\ud83d"`, "\uFFFDA\uFFFD\uFFFD"},
		{"empty string", `""`, ``},
		{"empty object", ` { } `, `{}`},
		{"no JSON, R2", `hello`, `hello`},
		{"empty, R2", ``, ``},
		{"white space only, R2", " \n", " \n"},
		{"binary, R2", "\x89PNG\x00", "\x89PNG\x00"},
		{"broken JSON, R2", `{"statusCode": 500,}`, `{"statusCode": 500,}`},
		{"text after JSON, R2", `{"statusCode": 500} x`, `{"statusCode": 500} x`},
		{"string cut off in an escape, R2", `"\`, `"\`},
		{"string cut off in a \\u escape, R2", `"\u00`, `"\u00`},
		{"two values, R2", `1 2`, `1 2`},
		{"HTML, R2", `<p class="a">`, `<p class="a">`},
		{"statusCode inside", `{"a": {"statusCode": 500}}`, `{"a":{"statusCode":500}}`},
		{"statuscode in lower case", `{"statuscode": 500}`, `{"statuscode":500}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := payload.ParseResponse([]byte(c.result))
			if err != nil {
				t.Fatal(err)
			}
			if got.Status != 200 || string(got.Body) != c.body || !reflect.DeepEqual(got.Header, jsonTyped) || got.Cookies != nil {
				t.Errorf("got %d %v %v %q, want body %q", got.Status, got.Header, got.Cookies, got.Body, c.body)
			}
		})
	}
}

// TestParseResponseFull covers objects with a statusCode.
func TestParseResponseFull(t *testing.T) {
	cases := []struct {
		name, result string
		status       int
		header       []payload.HeaderField // nil: only Content-Type: application/json
		cookies      []string
		body         string
	}{
		{"body sent verbatim", `{"statusCode": 201, "body": "{\"hello\": \"world\"}"}`, 201, nil, nil, `{"hello": "world"}`},
		{"body a dict", `{"statusCode": 400, "body": {"message": "name, email",  "n": 1.0}}`, 400, nil, nil, `{"message":"name, email","n":1.0}`},
		{"body an array, R5", `{"statusCode": 200, "body": [1, "\u00e9"]}`, 200, nil, nil, `[1,"\u00e9"]`},
		{"body a number, R6", `{"statusCode": 200, "body": 1.50}`, 200, nil, nil, `1.50`},
		{"body a bool, R6", `{"statusCode": 200, "body": false}`, 200, nil, nil, `false`},
		{"body null, R4", `{"statusCode": 200, "body": null}`, 200, nil, nil, ``},
		{"body missing, R4", `{"statusCode": 204}`, 204, nil, nil, ``},
		{"status a numeric string", `{"statusCode": "418", "body": "tea"}`, 418, nil, nil, `tea`},
		{"status 200.0, R3", `{"statusCode": 200.0}`, 200, nil, nil, ``},
		{"status 2e2, R3", `{"statusCode": 2e2}`, 200, nil, nil, ``},
		{"status 599", `{"statusCode": 599}`, 599, nil, nil, ``},
		{"escaped key", `{"status\u0043ode": 202}`, 202, nil, nil, ``},
		{"the last of two counts, R13", `{"statusCode": 200, "body": "a", "statusCode": 404, "body": "b"}`, 404, nil, nil, `b`},
		{"base64", `{"statusCode": 200, "body": "aGVsbG8A/w==", "isBase64Encoded": true}`, 200, nil, nil, "hello\x00\xff"},
		{"base64 with escaped slash", `{"statusCode": 200, "body": "\/\/8=", "isBase64Encoded": true}`, 200, nil, nil, "\xff\xff"},
		{"base64 flag as string, R7", `{"statusCode": 200, "body": "aGk=", "isBase64Encoded": "true"}`, 200, nil, nil, "hi"},
		{"base64 flag null, R7", `{"statusCode": 200, "body": "aGk=", "isBase64Encoded": null}`, 200, nil, nil, "aGk="},
		{"base64 of nothing", `{"statusCode": 200, "body": null, "isBase64Encoded": true}`, 200, nil, nil, ""},
		{"not base64", `{"statusCode": 200, "body": "aGk=", "isBase64Encoded": false}`, 200, nil, nil, "aGk="},
		{"content type", `{"statusCode": 200, "headers": {"content-type": "text/html"}}`, 200, typed("text/html"), nil, ``},
		{"the last content type, R12", `{"statusCode": 200, "headers": {"Content-Type": "a/b", "X": "1", "content-type": "c/d"}}`, 200,
			[]payload.HeaderField{{Name: "Content-Type", Value: "c/d"}, {Name: "X", Value: "1"}}, nil, ``},
		{"order and spelling", `{"statusCode": 200, "headers": {"X-b": "2", "x-A": " 1\t", "Location": "/\u00e9"}}`, 200,
			[]payload.HeaderField{{Name: "X-b", Value: "2"}, {Name: "x-A", Value: "1"}, {Name: "Location", Value: "/é"},
				{Name: "Content-Type", Value: "application/json"}}, nil, ``},
		{"names differing in case, R12; twice the same, R13",
			`{"statusCode": 200, "headers": {"X-A": "1", "x-a": "2", "X-A": "3", "content-type": "t"}}`, 200,
			[]payload.HeaderField{{Name: "X-A", Value: "3"}, {Name: "x-a", Value: "2"}, {Name: "Content-Type", Value: "t"}}, nil, ``},
		{"values that are no strings, R10", `{"statusCode": 200, "headers": {"A": 1.0, "B": true, "C": null, "D": "", "content-type": null}}`, 200,
			[]payload.HeaderField{{Name: "A", Value: "1.0"}, {Name: "B", Value: "true"}, {Name: "D", Value: ""},
				{Name: "Content-Type", Value: "application/json"}}, nil, ``},
		{"null members, R9", `{"statusCode": 200, "headers": null, "cookies": null}`, 200, nil, nil, ``},
		{"empty members", `{"statusCode": 200, "headers": {}, "cookies": []}`, 200, nil, nil, ``},
		{"cookies", `{"statusCode": 200, "cookies": ["a=1; Path=/", "b=\u0032", " "]}`, 200, nil, []string{"a=1; Path=/", "b=2"}, ``},
		{"multiValueHeaders ignored", `{"statusCode": 200, "multiValueHeaders": {"A": ["b"]}}`, 200, nil, nil, ``},
		{"long header name", `{"statusCode": 200, "headers": {"x-` + strings.Repeat("a", 40) + `": "y", "content-type": "t"}}`, 200,
			[]payload.HeaderField{{Name: "x-" + strings.Repeat("a", 40), Value: "y"}, {Name: "Content-Type", Value: "t"}}, nil, ``},
		{"escaped header name", `{"statusCode": 200, "headers": {"\u0058": "y", "content-type": "t"}}`, 200,
			[]payload.HeaderField{{Name: "X", Value: "y"}, {Name: "Content-Type", Value: "t"}}, nil, ``},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := payload.ParseResponse([]byte(c.result))
			if err != nil {
				t.Fatal(err)
			}
			if c.header == nil {
				c.header = jsonTyped
			}
			want := payload.Response{Status: c.status, Header: c.header, Cookies: c.cookies, Body: []byte(c.body)}
			if got.Body == nil {
				got.Body = []byte{}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("\n got %v\nwant %v", got, want)
			}
		})
	}
}

func TestParseResponseErrors(t *testing.T) {
	many := `{"statusCode": 200, "headers": {"a": "b"`
	for i := range 1000 {
		many += `, "x` + strconv.Itoa(i) + `": ""`
	}
	cases := []struct{ result, message string }{
		{`{"statusCode": null}`, "payload: statusCode is null, not a whole number from 200 to 599"},
		{`{"statusCode": true}`, "statusCode is true"},
		{`{"statusCode": "abc"}`, `statusCode is "abc"`},
		{`{"statusCode": ""}`, `statusCode is ""`},
		{`{"statusCode": "+200"}`, `statusCode is "+200"`},
		{`{"statusCode": "200.0"}`, `statusCode is "200.0"`},
		{`{"statusCode": 199}`, "statusCode is 199"},
		{`{"statusCode": 100}`, "statusCode is 100"},
		{`{"statusCode": 600}`, "statusCode is 600"},
		{`{"statusCode": 0}`, "statusCode is 0"},
		{`{"statusCode": -200}`, "statusCode is -200"},
		{`{"statusCode": 200.5}`, "statusCode is 200.5"},
		{`{"statusCode": 1e999}`, "statusCode is 1e999"},
		{`{"statusCode": "99999999999999999999"}`, "statusCode is"},
		{`{"statusCode": {"a": 1}}`, `statusCode is {"a":1}`},
		{`{"statusCode": [` + strings.Repeat("1, ", 100) + `1]}`, "…, not a whole number"},
		{`{"statusCode": 200, "headers": ["a"]}`, `headers is ["a"], not an object`},
		{`{"statusCode": 200, "headers": "a: b"}`, "headers is"},
		{`{"statusCode": 200, "headers": {"a": ["b"]}}`, `header a is ["b"], not a string`},
		{`{"statusCode": 200, "headers": {"a": {}}}`, "header a is {}, not a string"},
		{`{"statusCode": 200, "headers": {"a": "b\r\nc: d"}}`, `header a has a value with control characters: "b\r\nc: d"`},
		{`{"statusCode": 200, "headers": {"a": "\u0000"}}`, "control characters"},
		{`{"statusCode": 200, "headers": {"a": "\u007f"}}`, "control characters"},
		{`{"statusCode": 200, "headers": {"date": "\u000a"}}`, "control characters"},
		{`{"statusCode": 200, "headers": {"a b": "c"}}`, `"a b" is not a valid header name`},
		{`{"statusCode": 200, "headers": {"": "c"}}`, `"" is not a valid header name`},
		{`{"statusCode": 200, "headers": {"a:": "c"}}`, "not a valid header name"},
		{`{"statusCode": 200, "headers": {"a\n": "c"}}`, "not a valid header name"},
		{`{"statusCode": 200, "headers": {"é": "c"}}`, "not a valid header name"},
		{`{"statusCode": 200, "headers": {"` + strings.Repeat("é", 100) + `": "c"}}`, "…"},
		{many + `}}`, "headers has more than 1000 members"},
		{`{"statusCode": 200, "cookies": "a=b"}`, `cookies is "a=b", not an array`},
		{`{"statusCode": 200, "cookies": {}}`, "cookies is {}, not an array"},
		{`{"statusCode": 200, "cookies": [1]}`, "cookies contains 1, not a string"},
		{`{"statusCode": 200, "cookies": [null]}`, "cookies contains null, not a string"},
		{`{"statusCode": 200, "cookies": ["a=b\nc"]}`, "cookies contains a value with control characters"},
		{`{"statusCode": 200, "body": "%%%", "isBase64Encoded": true}`, "body is not base64: illegal base64 data at input byte 0"},
		{`{"statusCode": 200, "body": "aGk", "isBase64Encoded": true}`, "body is not base64"},
		{`{"statusCode": 200, "body": {"a": 1}, "isBase64Encoded": true}`, `isBase64Encoded is true but body is {"a":1}, not a string`},
		{`{"statusCode": 200, "isBase64Encoded": 1}`, "isBase64Encoded is 1, not true or false"},
		{`{"statusCode": 200, "isBase64Encoded": "yes"}`, `isBase64Encoded is "yes"`},
	}
	for _, c := range cases {
		got, err := payload.ParseResponse([]byte(c.result))
		if err == nil {
			t.Errorf("%.100s: no error, but %v", c.result, got)
			continue
		}
		if !strings.Contains(err.Error(), c.message) || len(err.Error()) > 300 {
			t.Errorf("%.100s: error %q, want %q in it", c.result, err, c.message)
		}
	}
}

// TestRemappedHeaders covers rows R14 and R15.
func TestRemappedHeaders(t *testing.T) {
	remapped := []string{"Authorization", "Connection", "Content-Length", "Content-MD5", "Date", "Max-Forwards", "Server",
		"User-Agent", "WWW-Authenticate", "x-amzn-RequestId"}
	dropped := []string{"Expect", "Host", "Keep-Alive", "Proxy-Authenticate", "Proxy-Connection", "TE", "Trailer",
		"Transfer-Encoding", "Upgrade", "Via"}
	for _, name := range append(remapped, dropped...) {
		got, err := payload.ParseResponse([]byte(`{"statusCode": 200, "headers": {"content-type": "t", "` + name + `": "v"}}`))
		if err != nil {
			t.Fatal(err)
		}
		want := typed("t")
		for _, r := range remapped {
			if r == name {
				want = append(want, payload.HeaderField{Name: "x-amzn-Remapped-" + strings.ToLower(name), Value: "v"})
			}
		}
		if !reflect.DeepEqual(got.Header, want) {
			t.Errorf("%s: got %v, want %v", name, got.Header, want)
		}
	}
}

// exchange sends one request to a server made of handler, and returns its answer as a client reads it and as it was on the
// wire. The connection must be at its end behind the answer.
func exchange(t *testing.T, method string, handler http.HandlerFunc) (answer *http.Response, body []byte, wire string) {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, method+" / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(bytes.NewReader(raw))
	answer, err = http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	if body, err = io.ReadAll(answer.Body); err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	if rest, _ := io.ReadAll(r); len(rest) != 0 {
		t.Fatalf("bytes behind the answer: %q", rest)
	}
	return answer, body, string(raw)
}

func TestWrite(t *testing.T) {
	const result = `{"statusCode": %, "headers": {"x-a": "1", "X-A": "2", "Vary": "Accept", "content-length": "7", "date": "d"},
		"cookies": ["a=1", "b=2"], "body": "hello"}`
	cases := []struct {
		method, status, length, body string
	}{
		{"GET", "200", "5", "hello"},
		{"POST", "404", "5", "hello"},
		{"HEAD", "200", "5", ""},
		{"GET", "204", "", ""},
		{"GET", "304", "", ""},
		{"HEAD", "304", "", ""},
		{"OPTIONS", "599", "5", "hello"},
	}
	for _, c := range cases {
		parsed, err := payload.ParseResponse([]byte(strings.Replace(result, "%", c.status, 1)))
		if err != nil {
			t.Fatal(err)
		}
		answer, body, wire := exchange(t, c.method, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Vary", "Origin") // what the server adds itself stays
			w.Header().Set("Content-Type", "to/replace")
			w.Header().Set("Content-Length", "99")
			if err := parsed.Write(w, r.Method == "HEAD"); err != nil {
				t.Errorf("write: %v", err)
			}
		})
		if strconv.Itoa(answer.StatusCode) != c.status || string(body) != c.body || answer.Header.Get("Content-Length") != c.length {
			t.Errorf("%s %s: got\n%s", c.method, c.status, wire)
		}
		for _, line := range []string{"x-a: 1", "X-A: 2", "Vary: Origin", "Vary: Accept", "Set-Cookie: a=1", "Set-Cookie: b=2",
			"x-amzn-Remapped-content-length: 7", "x-amzn-Remapped-date: d", "Content-Type: application/json"} {
			if c.status == "304" && strings.HasPrefix(line, "Content-Type") {
				continue // net/http leaves it out
			}
			if strings.Count(wire, "\r\n"+line+"\r\n") != 1 {
				t.Errorf("%s %s: no line %q in\n%s", c.method, c.status, line, wire)
			}
		}
	}
}

// TestWriteTwice makes sure that writing does not change a response.
func TestWriteTwice(t *testing.T) {
	parsed, err := payload.ParseResponse([]byte(`{"statusCode": 200, "headers": {"X-A": "1", "X-B": "2"}, "body": "hello"}`))
	if err != nil {
		t.Fatal(err)
	}
	var first http.Header
	for range 2 {
		w := httptest.NewRecorder()
		w.Header().Set("X-A", "0")
		if err := parsed.Write(w, false); err != nil {
			t.Fatal(err)
		}
		w.Header().Add("X-A", "3")
		if first != nil && !reflect.DeepEqual(w.Header(), first) {
			t.Errorf("got %v, then %v", first, w.Header())
		}
		first = w.Header()
	}
	if want := []string{"0", "1", "3"}; !reflect.DeepEqual(first["X-A"], want) || !reflect.DeepEqual(first["X-B"], []string{"2"}) {
		t.Errorf("got %v, want X-A %v", first, want)
	}
}

// brokenWriter is a client that has gone.
type brokenWriter struct{ http.ResponseWriter }

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestWriteError(t *testing.T) {
	r := payload.Response{Status: 200, Body: []byte("x")}
	if err := r.Write(brokenWriter{httptest.NewRecorder()}, false); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v, want the connection's error", err)
	}
}
