package http_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"

	"furl"
	"furl/internal/lambda"
)

// What a trusted proxy says of its client is taken for the client's own.
func TestTrustedProxy(t *testing.T) {
	s := serve(t, furl.Config{TrustedProxies: []string{"127.0.0.1", "10.0.0.0/8"}})
	for _, c := range []struct {
		fields                 string
		ip, chain, proto, port string
	}{
		{"", "127.0.0.1", "127.0.0.1", "http", ""},
		{"X-Forwarded-For: 203.0.113.7|X-Forwarded-Proto: https", "203.0.113.7", "203.0.113.7", "https", ""},
		{"X-Forwarded-For: 9.9.9.9, 203.0.113.7, 10.1.2.3|X-Forwarded-Proto: https|X-Forwarded-Port: 8443", "203.0.113.7", "9.9.9.9, 203.0.113.7", "https", "8443"},
		{"X-Forwarded-For: unknown", "127.0.0.1", "unknown, 127.0.0.1", "http", ""},
		{"Forwarded: for=1.2.3.4;proto=https", "127.0.0.1", "127.0.0.1", "http", ""},
	} {
		e := s.get(t, "/", strings.Split(c.fields, "|")[:min(1, len(c.fields))*(1+strings.Count(c.fields, "|"))]...).event(t)
		if e.RequestContext.HTTP.SourceIP != c.ip || e.Headers["x-forwarded-for"] != c.chain || e.Headers["x-forwarded-proto"] != c.proto || c.port != "" && e.Headers["x-forwarded-port"] != c.port {
			t.Errorf("%s: sourceIp %s, %v", c.fields, e.RequestContext.HTTP.SourceIP, e.Headers)
		}
	}
	// conditions see the client too
	ctx := t.Context()
	deny := func(key, operator, value string) {
		t.Helper()
		policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"p","Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunctionUrl","Resource":"arn:aws:lambda:us-east-1:000000000000:function:echo","Condition":{"%s":{"%s":"%s"}}}]}`, operator, key, value)
		if _, err := s.lambda.PutResourcePolicy(ctx, &lambda.PutResourcePolicyRequest{ResourceArn: "arn:aws:lambda:us-east-1:000000000000:function:echo", Policy: policy}); err != nil {
			t.Fatal(err)
		}
	}
	deny("aws:SourceIp", "IpAddress", "203.0.113.0/24")
	if a, b := s.get(t, "/", "X-Forwarded-For: 203.0.113.7"), s.get(t, "/"); a.status != 200 || b.status != 403 {
		t.Errorf("aws:SourceIp: %d and %d", a.status, b.status)
	}
	deny("aws:SecureTransport", "Bool", "true")
	if a, b := s.get(t, "/", "X-Forwarded-Proto: https"), s.get(t, "/"); a.status != 200 || b.status != 403 {
		t.Errorf("aws:SecureTransport: %d and %d", a.status, b.status)
	}
}

// The header of the PROXY protocol tells of the client; only proxies' is read.
func TestProxyProtocol(t *testing.T) {
	s := serve(t, furl.Config{TrustedProxies: []string{"127.0.0.1"}, ProxyProtocol: true})
	v2 := func(command byte, tlvs string) string {
		addrs := "\xcb\x00\x71\x07\x0a\x00\x00\x01\x30\x39\x01\xbb" // 203.0.113.7:12345 to 10.0.0.1:443
		size := binary.BigEndian.AppendUint16(nil, uint16(len(addrs)+len(tlvs)))
		return "\r\n\r\n\x00\r\nQUIT\n" + string([]byte{0x20 | command, 0x11}) + string(size) + addrs + tlvs
	}
	const tls = "\x20\x00\x0f\x01\x00\x00\x00\x00\x21\x00\x07TLSv1.3"
	for name, c := range map[string]struct{ header, ip, port, proto string }{
		"version 1":      {"PROXY TCP4 203.0.113.7 10.0.0.1 12345 8080\r\n", "203.0.113.7", "8080", "http"},
		"version 1, v6":  {"PROXY TCP6 2001:db8::7 2001:db8::1 12345 80\r\n", "2001:db8::7", "80", "http"},
		"version 2":      {v2(1, ""), "203.0.113.7", "443", "http"},
		"version 2, TLS": {v2(1, tls), "203.0.113.7", "443", "https"},
		"itself":         {v2(0, ""), "127.0.0.1", "", "http"},
		"unknown":        {"PROXY UNKNOWN\r\n", "127.0.0.1", "", "http"},
		"none":           {"", "127.0.0.1", "", "http"},
	} {
		got := s.raw(t, c.header+"GET / HTTP/1.1\r\nHost: "+s.host+"\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n", "GET")[0].event(t)
		wantIP, chain := c.ip, "6.6.6.6, "+c.ip
		if c.ip == "127.0.0.1" { // a trusted proxy by itself, whose X-Forwarded-For counts
			wantIP, chain = "6.6.6.6", "6.6.6.6"
		}
		if got.RequestContext.HTTP.SourceIP != wantIP || got.Headers["x-forwarded-for"] != chain || got.Headers["x-forwarded-proto"] != c.proto || c.port != "" && got.Headers["x-forwarded-port"] != c.port {
			t.Errorf("%s: sourceIp %s, %v", name, got.RequestContext.HTTP.SourceIP, got.Headers)
		}
	}
	for name, header := range map[string]string{
		"twice": "PROXY TCP4 203.0.113.7 10.0.0.1 1 2\r\nPROXY TCP4 1.1.1.1 10.0.0.1 1 2\r\n", "malformed": "PROXY TCP4 nobody\r\n",
	} {
		for _, a := range s.raw(t, header+"GET / HTTP/1.1\r\nHost: "+s.host+"\r\n\r\n") {
			if a.status != 400 {
				t.Errorf("%s: %+v", name, a)
			}
		}
	}
}

// The path form is this machine's own, and the same function URL otherwise.
func TestPathForm(t *testing.T) {
	s := serve(t, furl.Config{})
	port := s.address[strings.LastIndexByte(s.address, ':'):]
	ask := func(target, host string, fields ...string) answer {
		return s.raw(t, "GET "+target+" HTTP/1.1\r\nHost: "+host+"\r\n"+strings.Join(append(fields, ""), "\r\n")+"\r\n", "GET")[0]
	}
	for target, path := range map[string]string{
		"/_url/echo": "/", "/_url/echo/": "/", "/_url/echo?a=b": "/", "/_url/echo//": "//", "/_url/echo/../x": "/../x", "/_url/echo/%2F/%zz": "/%2F/%zz",
		"/_url/echo/_url/echo/": "/_url/echo/",
	} {
		for _, host := range []string{"localhost" + port, "127.0.0.1" + port, "[::1]" + port, "LOCALHOST"} {
			e := ask(target, host).event(t)
			if e.RawPath != path || e.RequestContext.DomainName != "echo.lambda-url.us-east-1.localhost" || e.Headers["host"] != host {
				t.Errorf("%s at %s: %+v", target, host, e)
			}
		}
	}
	for name, a := range map[string]answer{
		"unknown":         ask("/_url/other/", "localhost"),
		"malformed":       ask("/_url/ECHO/", "localhost"),
		"nothing":         ask("/_url/", "localhost"),
		"rebound name":    ask("/_url/echo/", "evil.example"+port),
		"name below":      ask("/_url/echo/", "localhost.evil.example"),
		"other address":   ask("/_url/echo/", "10.0.0.1"),
		"through a proxy": ask("/_url/echo/", "localhost", "X-Forwarded-For: 127.0.0.1"),
		"Via":             ask("/_url/echo/", "localhost", "Via: 1.1 proxy"),
		"Forwarded":       ask("/_url/echo/", "localhost", "Forwarded: for=127.0.0.1"),
	} {
		if a.status == 200 {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if e := s.get(t, "/_url/echo/x").event(t); e.RawPath != "/_url/echo/x" {
		t.Errorf("in the host form the path is the function's: %+v", e)
	}
	off := serve(t, furl.Config{NoPathURLs: true})
	conn := off.dial(t)
	io.WriteString(conn, "GET /_url/echo/ HTTP/1.0\r\nHost: localhost\r\n\r\n")
	if b, _ := io.ReadAll(conn); strings.Contains(string(b), " 200 ") {
		t.Errorf("switched off: %s", b)
	}
}
