package sigv4_test

import (
	"net/http"
	"testing"

	"furl/internal/sigv4"
)

func TestCanonicalPath(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", "/"},
		{"/", "/"},
		{"//", "/"},
		{"/a//b", "/a/b"},
		{"/a/./b/", "/a/b/"},
		{"/a/../b", "/b"},
		{"/a/b/..", "/a"},
		{"/a/b/../", "/a/"},
		{"/a/..", "/"},
		{"/a/.", "/a"},
		{"/..a/.b/c..", "/..a/.b/c.."},
		{"/a%20b", "/a%2520b"},
		{"/a:b", "/a%3Ab"},
		{"/a%3Ab", "/a%253Ab"},
		{"/a%3ab", "/a%253ab"},
		{"/a/%2e%2e/b", "/a/%252e%252e/b"},
		{"/%2F/%2F", "/%252F/%252F"},
		{"/-_.~Az09", "/-_.~Az09"},
		{"/!$&'()*+,;=@", "/%21%24%26%27%28%29%2A%2B%2C%3B%3D%40"},
		{"/\u1234", "/%E1%88%B4"},
	}
	for _, tt := range tests {
		if got := sigv4.CanonicalPath(tt.in); got != tt.want {
			t.Errorf("canonical path of %q = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestCanonicalQuery(t *testing.T) {
	tests := []struct{ in, blank, literal string }{
		{"", "", ""},
		{"&", "", ""},
		{"a", "a=", "a="},
		{"a=", "a=", "a="},
		{"=b", "=b", "=b"},
		{"=", "=", "="},
		{"b=2&a=1", "a=1&b=2", "a=1&b=2"},
		{"&&a=1&&&b=2&", "a=1&b=2", "a=1&b=2"},
		{"a=2&a=1&a=", "a=&a=1&a=2", "a=&a=1&a=2"},
		{"a-b=2&a=1", "a=1&a-b=2", "a=1&a-b=2"},
		{"a=x=y", "a=x%3Dy", "a=x%3Dy"},
		{"a=https://x/y?z", "a=https%3A%2F%2Fx%2Fy%3Fz", "a=https%3A%2F%2Fx%2Fy%3Fz"},
		{"k=a-b&k=a%2fb", "k=a%2Fb&k=a-b", "k=a%2Fb&k=a-b"},
		{"a=%41%7e%2d", "a=A~-", "a=A~-"},
		{"a=b+c%2B%20", "a=b%20c%2B%20", "a=b%2Bc%2B%20"},
		{"a+b=", "a%20b=", "a%2Bb="},
		{"q=\u1234", "q=%E1%88%B4", "q=%E1%88%B4"},
		{"Z=1&a=2&A=3", "A=3&Z=1&a=2", "A=3&Z=1&a=2"},
		{"a=%252F", "a=%252F", "a=%252F"},
	}
	for _, tt := range tests {
		if got := sigv4.CanonicalQuery(tt.in, false); got != tt.blank {
			t.Errorf("canonical query of %q = %q, want %q", tt.in, got, tt.blank)
		}
		if got := sigv4.CanonicalQuery(tt.in, true); got != tt.literal {
			t.Errorf("canonical query of %q with literal + = %q, want %q", tt.in, got, tt.literal)
		}
	}
}

func TestCanonicalHeaders(t *testing.T) {
	r := &http.Request{
		Host: "example.com:8443",
		Header: http.Header{
			"My-Header": {" a   b ", "", "c"},
			"Quoted":    {`"a   b"`},
			"Folded":    {"one\r\n  two\n three"},
			"Tab":       {"\ta\tb \t"},
		},
		ContentLength:    42,
		TransferEncoding: []string{"chunked"},
	}
	tests := []struct{ name, want string }{
		{"host", "host:example.com:8443\n"},
		{":authority", ":authority:example.com:8443\n"},
		{"my-header", "my-header:a b,,c\n"},
		{"quoted", "quoted:\"a b\"\n"},
		{"folded", "folded:one two three\n"},
		{"tab", "tab:a\tb\n"},
		{"content-length", "content-length:42\n"},
		{"transfer-encoding", "transfer-encoding:chunked\n"},
		{"absent", "absent:\n"},
	}
	for _, tt := range tests {
		if got := sigv4.CanonicalHeaders(r, tt.name); got != tt.want {
			t.Errorf("canonical header %s = %q, want %q", tt.name, got, tt.want)
		}
	}
	r.Header.Set("Content-Length", "7")
	if got := sigv4.CanonicalHeaders(r, "content-length"); got != "content-length:7\n" {
		t.Errorf("a Content-Length that net/http left in place is ignored: %q", got)
	}
	r.Header.Del("Content-Length")
	r.ContentLength = -1
	if got := sigv4.CanonicalHeaders(r, "content-length"); got != "content-length:\n" {
		t.Errorf("an unknown length is signed as %q", got)
	}
}
