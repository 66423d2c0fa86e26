package payload_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"furl/internal/payload"
)

var update = flag.Bool("update", false, "rewrite the golden events; read them against the reference afterwards")

// post makes a raw request with a body.
func post(method, target, contentType, body string) string {
	head := method + " " + target + " HTTP/1.1\r\n" + host
	if contentType != "" {
		head += "Content-Type: " + contentType + "\r\n"
	}
	return head + "Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

// get makes a raw GET request with further header lines.
func get(target string, lines ...string) string {
	return "GET " + target + " HTTP/1.1\r\n" + host + strings.Join(append(lines, ""), "\r\n") + "\r\n"
}

var (
	signedPost = "POST /hello?hello=world&foo=bar HTTP/1.1\r\n" + host + strings.Join([]string{
		"Authorization: AWS4-HMAC-SHA256 Credential=ASIAIOSFODNN7EXAMPLE/20230418/us-east-1/lambda/aws4_request, " +
			"SignedHeaders=host;x-amz-date, Signature=5f8f",
		"Content-Length: 18",
		"Content-Type: application/json",
		"Cookie: foo=bar; hello=hello",
		"Header2: h1",
		"Header2: h2",
		"X-Amz-Content-Sha256: 5f8f04f6a3a892aaabbddb6cf273894493773960d4a325b105fee46eef4304f1",
		"X-Amz-Date: 20230418T170146Z",
		"X-Amz-Security-Token: IQoJb3JpZ2luX2VjEXAMPLE",
		"", "",
	}, "\r\n") + `{"hello": "world"}`

	spoofed = get("/", "Authorization: Bearer abc", "Connection: Upgrade, X-Hop, keep-alive", "Keep-Alive: timeout=5",
		"Proxy-Authorization: Basic eA==", "Proxy-Connection: keep-alive", "TE: trailers", "Upgrade: h2c", "X-Hop: one",
		"Date: Tue, 15 Nov 1994 08:12:31 GMT", "X-Amzn-Trace-Id: Root=1-forged", "X-Amzn-Tls-Version: SSLv3",
		"X-Amzn-Tls-Cipher-Suite: NULL", "X-Forwarded-For: 198.51.100.1, 198.51.100.2", "X-Forwarded-For: 198.51.100.3",
		"X-Forwarded-Port: 80", "X-Forwarded-Proto: gopher", "X-Real-Ip: 198.51.100.9")

	form = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b--\r\n"
)

// plainMeta is meta on plain HTTP at furl's own port.
func plainMeta() *payload.Meta {
	m := meta()
	m.TLS, m.Port = nil, "4566"
	return m
}

// iamMeta is meta with a caller.
func iamMeta(orgID string) *payload.Meta {
	m := meta()
	m.Identity = identity()
	m.Identity.PrincipalOrgID = orgID
	return m
}

// tls12Meta is meta over TLS 1.2.
func tls12Meta() *payload.Meta {
	m := meta()
	m.TLS = &tls.ConnectionState{Version: tls.VersionTLS12, CipherSuite: tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	return m
}

// TestAppendEvent compares events with the goldens under testdata/event: the shapes of the reference's examples.
func TestAppendEvent(t *testing.T) {
	cases := []struct {
		name string
		raw  string
		meta *payload.Meta
	}{
		{"get-none", plainGet, meta()},
		{"post-json-iam", signedPost, iamMeta("o-abc1234567")},
		{"get-iam-no-organization", plainGet, iamMeta("")},
		{"head", strings.Replace(plainGet, "GET", "HEAD", 1), meta()},
		{"put-binary", post("PUT", "/blob", "application/octet-stream", "\x00\x01\xfe\xff"), meta()},
		{"post-form", post("POST", "/contact", "application/x-www-form-urlencoded", "name=Ann&mail=a%40b.c"), meta()},
		{"post-multipart", post("POST", "/", "multipart/form-data; boundary=b", form), meta()},
		{"post-unknown-type", post("POST", "/", "idk", "text"), meta()},
		{"post-no-type", post("POST", "/", "", "text"), meta()},
		{"post-latin1-text", post("POST", "/", "text/plain; charset=iso-8859-1", "caf\xe9"), meta()},
		{"post-control-characters", post("POST", "/", "text/plain", "\x00\b\t\n\f\r\x1f\"\\/<>&\x7f\u2028é😀"), meta()},
		{"repeated", get("/?a=1&b=x&a=2&a=&c&=v&a=%31%2C", "X-A: 1", "X-A: 2,3", "X-A:", "X-B:", "Cookie: a=1;b=2 ;; c", "Cookie: d=4"), meta()},
		{"path-encoded", get("/capture/space%20value/%2F/%25F/caf%C3%A9/a+b?p=%2Fa+b%2B&n%20m=%C3%A9"), meta()},
		{"path-dots-and-slashes", get("//a//b/../c/./%2e%2e/"), meta()},
		{"path-utf8", get("/año?ñ=ñ", "X-Name: Zoë", "User-Agent: ünï"), meta()},
		{"bad-escapes", get("/?a=%zz&b=100%&c=%4&d=%%20&%=%&e=%C3"), meta()},
		{"invalid-utf8", get("/\xff/%FF?q=\xfe&q\xff=1&q\xfe=2&%ff=3", "X-Name: Zo\xeb", "Cookie: a=\xff"), meta()},
		{"empty-query", get("/path/?"), meta()},
		{"only-separators-query", get("/?&&"), meta()},
		{"absolute-form", get("http://example.com/a?b=c"), meta()},
		{"spoofed-and-hop-by-hop", spoofed, meta()},
		{"plain-http", "GET / HTTP/1.1\r\nHost: 2cxn22.localhost:4566\r\n\r\n", plainMeta()},
		{"tls12", plainGet, tls12Meta()},
	}
	seen := map[string]bool{}
	for _, c := range cases {
		seen[c.name+".json"] = true
		t.Run(c.name, func(t *testing.T) {
			r, body := request(t, c.raw)
			checkGolden(t, c.name, payload.AppendEvent(nil, r, body, c.meta))
		})
	}
	files, err := os.ReadDir("testdata/event")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !seen[f.Name()] {
			t.Errorf("testdata/event/%s belongs to no test", f.Name())
		}
	}
}

// checkGolden compares an event with its indented golden: byte for byte, and as parsed JSON.
func checkGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", "event", name+".json")
	if *update {
		var indented bytes.Buffer
		if err := json.Indent(&indented, got, "", "  "); err != nil {
			t.Fatalf("event is not JSON: %v\n%s", err, got)
		}
		indented.WriteByte('\n')
		if err := os.WriteFile(file, indented.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := json.Compact(&want, golden); err != nil {
		t.Fatalf("golden is not JSON: %v", err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("event differs\n got %s\nwant %s", got, want.Bytes())
	}
	if g, w := decode(t, got), decode(t, golden); !reflect.DeepEqual(g, w) {
		t.Errorf("parsed event differs\n got %v\nwant %v", g, w)
	}
}

// decode parses an event strictly: valid UTF-8, one value, no member twice.
func decode(tb testing.TB, event []byte) map[string]any {
	tb.Helper()
	d := json.NewDecoder(bytes.NewReader(event))
	d.UseNumber()
	value := decodeValue(tb, d)
	if d.More() || !json.Valid(event) || strings.ToValidUTF8(string(event), "") != string(event) {
		tb.Fatalf("not one valid JSON value: %q", event)
	}
	object, ok := value.(map[string]any)
	if !ok {
		tb.Fatalf("event is no object: %q", event)
	}
	return object
}

func decodeValue(tb testing.TB, d *json.Decoder) any {
	tb.Helper()
	token, err := d.Token()
	if err != nil {
		tb.Fatalf("event: %v", err)
	}
	switch token {
	case json.Delim('{'):
		object := map[string]any{}
		for d.More() {
			key := decodeValue(tb, d).(string)
			if _, twice := object[key]; twice {
				tb.Fatalf("event has the member %q twice", key)
			}
			object[key] = decodeValue(tb, d)
		}
		_, _ = d.Token()
		return object
	case json.Delim('['):
		array := []any{}
		for d.More() {
			array = append(array, decodeValue(tb, d))
		}
		_, _ = d.Token()
		return array
	}
	return token
}

func TestAppendEventAppends(t *testing.T) {
	r, _ := request(t, plainGet)
	got := payload.AppendEvent([]byte("before"), r, nil, meta())
	want := append([]byte("before"), payload.AppendEvent(nil, r, []byte{}, meta())...)
	if !bytes.Equal(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAppendEventAllocates(t *testing.T) {
	r, _ := request(t, plainGet)
	m, buf := meta(), make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { payload.AppendEvent(buf, r, nil, m) }); n != 0 {
		t.Errorf("a plain GET costs %v allocations, want 0", n)
	}
}

// TestTargets covers request targets that http.ReadRequest refuses or that other forms of requests have.
func TestTargets(t *testing.T) {
	cases := []struct{ target, rawPath, rawQuery, path string }{
		{"/a%zz%4", "", "", "/a%zz%4"},
		{"*", "/", "", "/"},
		{"example.com:443", "/", "", "/"},
		{"http://h", "/", "", "/"},
		{"http://h?x=/y", "/", "x=/y", "/"},
		{"http://h/%41?", "/%41", "", "/A"},
		{"", "/", "", "/"},
		{"/?a?b", "/", "a?b", "/"},
		{"/a#b", "/a#b", "", "/a#b"},
		{"/%00", "/%00", "", "/\x00"},
	}
	for _, c := range cases {
		if c.rawPath == "" {
			c.rawPath = c.target
		}
		r := &http.Request{Method: "GET", RequestURI: c.target, Header: http.Header{}}
		event := decode(t, payload.AppendEvent(nil, r, nil, meta()))
		path := event["requestContext"].(map[string]any)["http"].(map[string]any)["path"]
		if event["rawPath"] != c.rawPath || event["rawQueryString"] != c.rawQuery || path != c.path {
			t.Errorf("%q: got %q, %q, %q, want %q, %q, %q", c.target,
				event["rawPath"], event["rawQueryString"], path, c.rawPath, c.rawQuery, c.path)
		}
	}
}

func TestBodyEncoding(t *testing.T) {
	cases := []struct {
		contentType, coding string
		base64              bool
	}{
		{"text/plain", "", false},
		{"TEXT/HTML; charset=utf-8", "", false},
		{"application/json", "", false},
		{" application/json ;charset=utf-8", "", false},
		{"Application/XML", "", false},
		{"application/javascript", "", false},
		{"application/vnd.api+json", "", false}, // row E10 of the package's table
		{"image/svg+XML", "", false},
		{"application/json", "identity", false},
		{"application/json", "br", true}, // E12
		{"application/graphql", "", true},
		{"application/x-javascript", "", true},
		{"application/jsonp", "", true},
		{"application/octet-stream", "", true},
		{"application/x-www-form-urlencoded", "", true},
		{"multipart/form-data; boundary=x", "", true},
		{"image/png", "", true},
		{"idk", "", true},
		{"text", "", true},
		{"", "", true},
	}
	for _, c := range cases {
		r := &http.Request{Method: "POST", RequestURI: "/", Header: http.Header{}}
		if c.contentType != "" {
			r.Header.Set("Content-Type", c.contentType)
		}
		if c.coding != "" {
			r.Header.Set("Content-Encoding", c.coding)
		}
		event := decode(t, payload.AppendEvent(nil, r, []byte("body"), meta()))
		want := map[bool]string{false: "body", true: "Ym9keQ=="}[c.base64]
		if event["isBase64Encoded"] != c.base64 || event["body"] != want {
			t.Errorf("%q %q: got %v, %v, want base64 %v", c.contentType, c.coding, event["isBase64Encoded"], event["body"], c.base64)
		}
	}
}

// TestManyParameters covers the way of long queries: the same result, in time that does not grow with the square.
func TestManyParameters(t *testing.T) {
	var query strings.Builder
	want := map[string]any{}
	for i := range 3000 {
		name, value := "k"+strconv.Itoa(i%100), strconv.Itoa(i)
		query.WriteString("&" + name + "=" + value)
		if before, ok := want[name]; ok {
			value = before.(string) + "," + value
		}
		want[name] = value
	}
	r := &http.Request{Method: "GET", RequestURI: "/?" + query.String(), Header: http.Header{}}
	event := decode(t, payload.AppendEvent(nil, r, nil, meta()))
	if !reflect.DeepEqual(event["queryStringParameters"], want) {
		t.Errorf("got %v", event["queryStringParameters"])
	}
}

func TestServerHeaders(t *testing.T) {
	cases := []struct {
		name string
		set  func(m *payload.Meta)
		want map[string]any
	}{
		{"nothing known", func(m *payload.Meta) { *m = payload.Meta{} }, map[string]any{"x-forwarded-proto": "http"}},
		{"TLS ended by a proxy", func(m *payload.Meta) { *m = payload.Meta{Proto: "https", Port: "443", SourceIP: "2001:db8::1"} },
			map[string]any{"x-forwarded-proto": "https", "x-forwarded-port": "443", "x-forwarded-for": "2001:db8::1"}},
	}
	for _, c := range cases {
		m := meta()
		c.set(m)
		r := &http.Request{Method: "GET", RequestURI: "/", Header: http.Header{"X-Forwarded-For": {""}, "X-None": nil}}
		event := decode(t, payload.AppendEvent(nil, r, nil, m))
		if !reflect.DeepEqual(event["headers"], c.want) {
			t.Errorf("%s: got %v, want %v", c.name, event["headers"], c.want)
		}
	}
}

func TestTLSNames(t *testing.T) {
	cases := []struct {
		version, suite         uint16
		wantVersion, wantSuite string
	}{
		{tls.VersionTLS13, tls.TLS_CHACHA20_POLY1305_SHA256, "TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256"},
		{tls.VersionTLS13, tls.TLS_AES_256_GCM_SHA384, "TLSv1.3", "TLS_AES_256_GCM_SHA384"},
		{tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384"},
		{tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "TLSv1.2", "ECDHE-ECDSA-CHACHA20-POLY1305"},
		{tls.VersionTLS11, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, "TLSv1.1", "ECDHE-RSA-AES128-SHA"},
		{tls.VersionTLS10, tls.TLS_RSA_WITH_AES_128_CBC_SHA, "TLSv1", "TLS_RSA_WITH_AES_128_CBC_SHA"},
		{0x0305, 0x1399, "0x0305", "0x1399"},
	}
	for _, c := range cases {
		m := meta()
		m.TLS = &tls.ConnectionState{Version: c.version, CipherSuite: c.suite}
		r := &http.Request{Method: "GET", RequestURI: "/", Header: http.Header{}}
		headers := decode(t, payload.AppendEvent(nil, r, nil, m))["headers"].(map[string]any)
		if headers["x-amzn-tls-version"] != c.wantVersion || headers["x-amzn-tls-cipher-suite"] != c.wantSuite {
			t.Errorf("got %v, want %s %s", headers, c.wantVersion, c.wantSuite)
		}
	}
}
