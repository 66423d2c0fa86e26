package apps_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

func TestFlask(t *testing.T) {
	t.Parallel()
	f, n := pythonApp(t, "flask", "waitress", "--listen=127.0.0.1:PORT", "--no-clear-untrusted-proxy-headers", "app:app")
	p := newPair(t, deploy(t, f), n)
	random := regexp.MustCompile(`value="[0-9a-f]{32}"|session=[^;]+`)
	p.compare(t, []exchange{
		{path: "/", mask: random, differ: []string{"Content-Length"}},
		{path: "/visits"},
		{path: "/visits", header: headers("Cookie", `visits=41; seen="yes; really"`)},
		{path: "/where/a%20b/%C3%BC/c+d;e?x=1&x=2&y=%26&z"},
		{path: "/where/x?q=%E2%82%AC+"},
		{path: "/where", status: 404},
		{method: "POST", path: "/photo", header: typed(multipartType), body: multipartBody(part{"photo", "x.png", "image/png", strings.Repeat(everyByte, 256)})},
		{method: "POST", path: "/photo", header: typed(multipartType), body: multipartBody(part{field: "other", content: "x"}), status: 400},
		{path: "/static.txt"},
		{path: "/static.txt", header: headers("If-None-Match", `"db1cc17c1e9c8b2ec02b3c5a37c8ba44ed2cbcc1"`), differ: []string{"Etag"}},
		{path: "/generated"},
		{method: "HEAD", path: "/generated"},
		{method: "OPTIONS", path: "/visits"},
		{method: "DELETE", path: "/visits", status: 405},
	})
	t.Run("a matching etag", func(t *testing.T) {
		_, native := p.one(t, exchange{method: "GET", path: "/static.txt"})
		p.one(t, exchange{method: "GET", path: "/static.txt", header: headers("If-None-Match", native.header.Get("Etag")), status: 304})
	})
	t.Run("form", func(t *testing.T) { signGuestBook(t, p) })
}

// signGuestBook does what a browser does with the form: fetch it, send it back with its cookie and its token, follow the
// redirect. The session that one side made is good on the other.
func signGuestBook(t *testing.T, p *pair) {
	token := regexp.MustCompile(`name=csrf value="([0-9a-f]{32})"`)
	session := regexp.MustCompile(`session=[^;]+`)
	for _, start := range []string{"function URL", "native"} {
		behind, err := p.viaURL(exchange{method: "GET", path: "/"})
		if start == "native" {
			behind, err = p.direct(exchange{method: "GET", path: "/"}, behind)
		}
		if err != nil {
			t.Fatal(err)
		}
		cookie, found := session.FindString(behind.header.Get("Set-Cookie")), token.FindSubmatch(behind.body)
		if cookie == "" || found == nil {
			t.Fatalf("no cookie or no token: %v\n%s", behind.header, behind.body)
		}
		form := url.Values{"csrf": {string(found[1])}, "name": {"Zoë <b>"}}.Encode()
		const urlencoded = "application/x-www-form-urlencoded"
		p.one(t, exchange{method: "POST", path: "/", header: typed(urlencoded), body: form, status: 400, mask: session})
		p.one(t, exchange{method: "POST", path: "/", header: typed(urlencoded, "Cookie", cookie), body: "csrf=forged&name=x", status: 400, mask: session})
		signed, _ := p.one(t, exchange{method: "POST", path: "/", header: typed(urlencoded, "Cookie", cookie), body: form, status: 303, mask: session})
		cookie = session.FindString(signed.header.Get("Set-Cookie"))
		page, _ := p.one(t, exchange{method: "GET", path: signed.header.Get("Location"), header: headers("Cookie", cookie), mask: session})
		if !strings.Contains(string(page.body), "Hello, Zoë &lt;b&gt;") || !strings.Contains(string(page.body), "Thank you &lt;3") {
			t.Errorf("started at the %s: not signed\n%s", start, page.body)
		}
		if page.status != http.StatusOK || signed.header.Get("Location") == "" {
			t.Errorf("started at the %s: %d, Location %q", start, page.status, signed.header.Get("Location"))
		}
	}
}
