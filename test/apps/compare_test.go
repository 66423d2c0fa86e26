package apps_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// exchange is one request and how its two answers may differ.
type exchange struct {
	method, path string // method: GET if empty; path with the query, as it is on the wire
	header       http.Header
	body         string
	// status is what both must answer; 0: 200.
	status int
	// differ are response headers that need not be equal.
	differ []string
	// mask are parts of bodies and headers that need not be equal: random values, times.
	mask *regexp.Regexp
}

func (e exchange) String() string { return e.method + " " + e.path }

// answer is what came back, the body whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// pair is an application in both places.
type pair struct {
	url    *url.URL
	native *native
	client *http.Transport
}

func newPair(t *testing.T, u *url.URL, n *native) *pair {
	p := &pair{url: u, native: n, client: &http.Transport{DisableCompression: true}}
	t.Cleanup(p.client.CloseIdleConnections)
	return p
}

// compare sends every request to both and reports each difference.
func (p *pair) compare(t *testing.T, exchanges []exchange) {
	t.Helper()
	for _, e := range exchanges {
		if e.method == "" {
			e.method = http.MethodGet
		}
		t.Run(e.String(), func(t *testing.T) { p.one(t, e) })
	}
}

// one sends a request to both places and returns the answers.
func (p *pair) one(t *testing.T, e exchange) (behind, native answer) {
	t.Helper()
	behind, err := p.viaURL(e)
	if err != nil {
		t.Fatal("function URL:", err)
	}
	native, err = p.direct(e, behind)
	if err != nil {
		t.Fatal("native server:", err)
	}
	if e.status == 0 {
		e.status = http.StatusOK
	}
	for _, d := range differences(e, behind, native) {
		t.Error(d)
	}
	return behind, native
}

// viaURL sends the request to the function URL.
func (p *pair) viaURL(e exchange) (answer, error) {
	return p.send(p.url.Host, node.address(), e, e.header)
}

// direct sends it to the native server with the headers that the platform hands to the function.
func (p *pair) direct(e exchange, behind answer) (answer, error) {
	h := e.header.Clone()
	if h == nil {
		h = http.Header{}
	}
	for name, values := range h { // repeated headers are one in the event
		h[name] = []string{strings.Join(values, ",")}
	}
	h.Set("X-Forwarded-For", strings.TrimPrefix(e.header.Get("X-Forwarded-For")+", 127.0.0.1", ", "))
	h.Set("X-Forwarded-Port", p.url.Port())
	h.Set("X-Forwarded-Proto", "http")
	root, _, _ := strings.Cut(behind.header.Get("X-Amzn-Trace-Id"), ";")
	h.Set("X-Amzn-Trace-Id", root)
	return p.send(p.url.Host, p.native.address, e, h)
}

// address is where furl listens.
func (s *server) address() string { return strings.TrimPrefix(s.info.Endpoint, "http://") }

// send makes one request. The path, which must not begin with //, goes over the wire as it is; the Host is the function URL's in both places.
func (p *pair) send(host, address string, e exchange, header http.Header) (answer, error) {
	path, query, asked := strings.Cut(e.path, "?")
	r := &http.Request{Method: e.method, Host: host, Header: header.Clone(),
		URL: &url.URL{Scheme: "http", Host: address, Opaque: path, RawQuery: query, ForceQuery: asked}}
	if r.Header == nil {
		r.Header = http.Header{}
	}
	if e.body != "" {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(e.body)), int64(len(e.body))
	}
	resp, err := p.client.RoundTrip(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, body}, err
}

// platform are the headers that belong to whoever answers, with what function URLs make of an application's own.
var platform = []string{"Connection", "Date", "Keep-Alive", "Server", "X-Amzn-Requestid", "X-Amzn-Trace-Id",
	"X-Amzn-Remapped-Connection", "X-Amzn-Remapped-Content-Length", "X-Amzn-Remapped-Date", "X-Amzn-Remapped-Server"}

// renamed are headers of applications that function URLs send under another name.
var renamed = []string{"Www-Authenticate", "Authorization", "Content-Md5", "Max-Forwards", "User-Agent"}

// differences are what may not be.
func differences(e exchange, behind, native answer) []error {
	var found []error
	if behind.status != e.status || native.status != e.status {
		found = append(found, fmt.Errorf("status %d, natively %d, want %d", behind.status, native.status, e.status))
	}
	if id := behind.header.Get("X-Amzn-Requestid"); id == "" {
		found = append(found, errors.New("the answer has no request id"))
	}
	if !bytes.Equal(e.masked(behind.body), e.masked(native.body)) {
		at := firstDifference(behind.body, native.body)
		found = append(found, fmt.Errorf("the body differs at byte %d of %d, natively %d: %s; natively %s",
			at, len(behind.body), len(native.body), around(behind.body, at), around(native.body, at)))
	}
	for _, name := range renamed {
		if values := native.header[name]; len(values) > 0 {
			delete(native.header, name)
			native.header["X-Amzn-Remapped-"+http.CanonicalHeaderKey(name)] = []string{strings.Join(values, ", ")}
		}
	}
	if e.method == http.MethodHead && behind.header.Get("Content-Length") == "0" {
		native.header.Del("Content-Length") // what the adapter returned had no body any more
	}
	if length := native.header.Get("Content-Length"); length == "" || behind.header.Get("Content-Length") == "" {
		// One of them is sent in chunks. What comes with a length has the right one.
		if l := behind.header.Get("Content-Length"); l != "" && e.method != http.MethodHead && l != strconv.Itoa(len(behind.body)) {
			found = append(found, fmt.Errorf("Content-Length %s of %d bytes", l, len(behind.body)))
		}
		delete(native.header, "Content-Length")
		delete(behind.header, "Content-Length")
	}
	if native.header.Get("Content-Type") == "" { // the platform always has one
		delete(behind.header, "Content-Type")
	}
	names := map[string]bool{}
	for name := range maps.Keys(native.header) {
		names[name] = true
	}
	for name := range maps.Keys(behind.header) {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if slices.Contains(platform, name) || slices.Contains(e.differ, name) {
			continue
		}
		got, want := behind.header[name], native.header[name]
		switch name {
		case "Allow": // a set
			got, want = sorted(got), sorted(want)
		case "Set-Cookie":
		default: // several lines and one list are the same
			got, want = []string{strings.Join(got, ", ")}, []string{strings.Join(want, ", ")}
		}
		if string(e.masked([]byte(strings.Join(got, "\n")))) != string(e.masked([]byte(strings.Join(want, "\n")))) {
			found = append(found, fmt.Errorf("%s is %q, natively %q", name, got, want))
		}
	}
	return found
}

// sorted are the members of comma-separated lists, in order.
func sorted(lists []string) []string {
	members := strings.Split(strings.Join(lists, ","), ",")
	for i := range members {
		members[i] = strings.TrimSpace(members[i])
	}
	slices.Sort(members)
	return members
}

func (e exchange) masked(b []byte) []byte {
	if e.mask == nil {
		return b
	}
	return e.mask.ReplaceAll(b, []byte("~"))
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// around is what a difference in a body looks like.
func around(b []byte, at int) string {
	return fmt.Sprintf("…%q…", b[max(0, at-60):min(len(b), at+60)])
}

// typed is a header with a Content-Type and more: name, value, name, value.
func typed(contentType string, more ...string) http.Header {
	h := http.Header{"Content-Type": {contentType}}
	for i := 0; i+1 < len(more); i += 2 {
		h.Add(more[i], more[i+1])
	}
	return h
}

// headers makes a header of name, value, name, value.
func headers(more ...string) http.Header {
	h := http.Header{}
	for i := 0; i+1 < len(more); i += 2 {
		h.Add(more[i], more[i+1])
	}
	return h
}

// part is a file of a multipart form; without a filename a field.
type part struct{ field, filename, contentType, content string }

const boundary = "----furl7MA4YWxkTrZu0gW"

// multipartBody is a form as browsers send it.
func multipartBody(parts ...part) string {
	var b strings.Builder
	for _, p := range parts {
		fmt.Fprintf(&b, "--%s\r\nContent-Disposition: form-data; name=\"%s\"", boundary, p.field)
		if p.filename != "" {
			fmt.Fprintf(&b, "; filename=\"%s\"\r\nContent-Type: %s", p.filename, p.contentType)
		}
		fmt.Fprintf(&b, "\r\n\r\n%s\r\n", p.content)
	}
	fmt.Fprintf(&b, "--%s--\r\n", boundary)
	return b.String()
}

const multipartType = "multipart/form-data; boundary=" + boundary

// everyByte has each byte once, and so is no valid UTF-8.
var everyByte = func() string {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return string(b)
}()
