package payload_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"furl/internal/payload"
)

// request parses a raw HTTP/1.1 request as a server does, and reads its body.
func request(tb testing.TB, raw string) (*http.Request, []byte) {
	tb.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		tb.Fatalf("read request: %v", err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		tb.Fatalf("read request body: %v", err)
	}
	return r, body
}

// meta is what the server of the reference's examples knows.
func meta() *payload.Meta {
	const id = "2cxn22odiwguak4feg4jtt7cwm0ziblr"
	return &payload.Meta{
		URLID:      id,
		DomainName: id + ".lambda-url.us-east-1.on.aws",
		RequestID:  "1a2b3c4d-0000-4000-8000-000000000000",
		TraceID:    "Root=1-62ecd163-5f302e550dcde3b12402207d",
		Time:       time.UnixMilli(1659687279885),
		SourceIP:   "203.0.113.7",
		TLS:        &tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256},
		Port:       "443",
	}
}

func identity() *payload.Identity {
	return &payload.Identity{
		AccessKey:      "ASIAIOSFODNN7EXAMPLE",
		AccountID:      "111122223333",
		CallerID:       "AROACKCEVSQ6C2EXAMPLE:sess",
		UserARN:        "arn:aws:sts::111122223333:assumed-role/r/sess",
		UserID:         "AROACKCEVSQ6C2EXAMPLE:sess",
		PrincipalOrgID: "o-abc1234567",
	}
}

const (
	host     = "Host: 2cxn22odiwguak4feg4jtt7cwm0ziblr.lambda-url.us-east-1.on.aws\r\n"
	plainGet = "GET / HTTP/1.1\r\n" + host + "User-Agent: curl/8.7.1\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n\r\n"
)

func BenchmarkAppendEvent(b *testing.B) {
	long := strings.Repeat(`{"name": "value", "text": "some more text"}, `, 200)
	cases := []struct{ name, raw string }{
		{"get", plainGet},
		{"browser", "GET /a/b%20c?q=some+text&lang=en&lang=de HTTP/1.1\r\n" + host +
			"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" +
			"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n" +
			"Accept-Encoding: gzip, deflate, br, zstd\r\nDnt: 1\r\nConnection: keep-alive\r\nCookie: session=abcdef; theme=dark\r\n" +
			"Upgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: none\r\n" +
			"Sec-Fetch-User: ?1\r\nPriority: u=0, i\r\nCache-Control: max-age=0\r\n\r\n"},
		{"post-json-9k", post("POST", "/", "application/json", long)},
		{"post-binary-9k", post("POST", "/", "application/octet-stream", long)},
	}
	for _, c := range cases {
		b.Run(c.name, func(b *testing.B) {
			r, body := request(b, c.raw)
			m := meta()
			var buf []byte
			b.ReportAllocs()
			for b.Loop() {
				buf = payload.AppendEvent(buf[:0], r, body, m)
			}
		})
	}
}

func BenchmarkParseResponse(b *testing.B) {
	long := strings.Repeat(`{\"name\": \"value\", \"text\": \"some more text\"}, `, 200)
	cases := []struct{ name, result string }{
		{"full", `{"statusCode": 200, "headers": {"content-type": "text/plain", "x-a": "b"}, "body": "hello world"}`},
		{"dict-body", `{"statusCode": 400, "body": {"message": "name and email are required"}}`},
		{"json-in-string", `{"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": "{\"message\": \"hi\"}"}`},
		{"implicit", `{"hello": "world", "list": [1, 2, 3]}`},
		{"json-in-string-11k", `{"statusCode": 200, "body": "` + long + `"}`},
	}
	for _, c := range cases {
		b.Run(c.name, func(b *testing.B) {
			result := []byte(c.result)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := payload.ParseResponse(result); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
