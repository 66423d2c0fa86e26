package apps_test

import (
	"regexp"
	"strings"
	"testing"
)

// TestHTTPBin calls every endpoint of httpbin. Where an application sends a header twice, apig-wsgi keeps the last; it joins
// cookies by ";" alone and reads headers as UTF-8. What httpbin echoes it echoes alike, its own URL and the client's address
// among them.
func TestHTTPBin(t *testing.T) {
	t.Parallel()
	f, n := pythonApp(t, "httpbin", "waitress", "--listen=127.0.0.1:PORT", "--no-clear-untrusted-proxy-headers", "app:app")
	p := newPair(t, deploy(t, f), n)
	t.Run("methods", func(t *testing.T) { t.Parallel(); p.compare(t, httpbinMethods()) })
	t.Run("auth", func(t *testing.T) { t.Parallel(); p.compare(t, httpbinAuth()) })
	t.Run("status", func(t *testing.T) { t.Parallel(); p.compare(t, httpbinStatus()) })
	t.Run("request", func(t *testing.T) { t.Parallel(); p.compare(t, httpbinRequest()) })
	t.Run("response", func(t *testing.T) { t.Parallel(); p.compare(t, httpbinResponse()) })
	t.Run("dynamic", func(t *testing.T) { t.Parallel(); p.compare(t, httpbinDynamic()) })
	t.Run("redirects", func(t *testing.T) { t.Parallel(); p.compare(t, httpbinRedirects()) })
	t.Run("images", func(t *testing.T) { t.Parallel(); p.compare(t, httpbinImages()) })
}

func httpbinMethods() []exchange {
	list := []exchange{
		{path: "/get"}, {path: "/get?a=1&a=2&b=%C3%BC+x&empty=&bare&slash=%2F"}, {method: "HEAD", path: "/get"},
		{path: "/anything/a%20b/%2Fc?x=y"}, {method: "TRACE", path: "/anything", body: ""},
		{method: "OPTIONS", path: "/get"}, {method: "POST", path: "/get", status: 405},
	}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		for _, path := range []string{"/" + strings.ToLower(method), "/anything"} {
			list = append(list,
				exchange{method: method, path: path + "?q=1", header: typed("application/json"), body: `{"ü": [1, 2.0, "€"]}`},
				exchange{method: method, path: path, header: typed("application/x-www-form-urlencoded"), body: "a=1&a=2&b=%C3%BC+x&c="},
				exchange{method: method, path: path, header: typed(multipartType), body: multipartBody(
					part{field: "field", content: "für"}, part{"file", "b.bin", "application/octet-stream", everyByte}, part{"text", "t.txt", "text/plain", "a\r\nb"})},
				exchange{method: method, path: path, header: typed("application/octet-stream"), body: everyByte},
				exchange{method: method, path: path, header: typed("text/plain; charset=utf-8"), body: "schöner Text\x00"})
		}
	}
	return list
}

func httpbinAuth() []exchange {
	basic := headers("Authorization", "Basic dXNlcjpwYXNz") // user:pass
	nonce := regexp.MustCompile(`nonce="[0-9a-f]+"|opaque="[0-9a-f]+"|stale_after=[^;]+|(last_nonce|fake)=[^;]*`)
	const renamed = "X-Amzn-Remapped-Www-Authenticate" // three of them in any order of parameters
	return []exchange{
		{path: "/basic-auth/user/pass", status: 401}, {path: "/basic-auth/user/pass", header: basic},
		{path: "/basic-auth/user/other", header: basic, status: 401},
		{path: "/hidden-basic-auth/user/pass", status: 404}, {path: "/hidden-basic-auth/user/pass", header: basic},
		{path: "/bearer", status: 401}, {path: "/bearer", header: headers("Authorization", "Bearer t0k=n")},
		{path: "/digest-auth/auth/user/pass", status: 401, mask: nonce, differ: []string{renamed}},
		{path: "/digest-auth/auth/user/pass/SHA-256", status: 401, mask: nonce, differ: []string{renamed}},
		{path: "/digest-auth/auth/user/pass/MD5/never", status: 401, mask: nonce, differ: []string{renamed}},
	}
}

// httpbinStatus leaves out 407, whose header no WSGI server sends, and 1xx, which are no final answers.
func httpbinStatus() []exchange {
	var list []exchange
	for _, status := range []struct {
		text string
		code int
	}{{"200", 200}, {"201", 201}, {"204", 204}, {"301", 301}, {"302", 302}, {"303", 303}, {"304", 304}, {"307", 307}, {"308", 308}, {"400", 400},
		{"401", 401}, {"402", 402}, {"403", 403}, {"404", 404}, {"406", 406}, {"410", 410}, {"418", 418}, {"429", 429},
		{"500", 500}, {"502", 502}, {"503", 503}, {"504", 504}, {"599", 599}, {"no", 400}} {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			list = append(list, exchange{method: method, path: "/status/" + status.text, status: status.code})
		}
	}
	return list
}

func httpbinRequest() []exchange {
	return []exchange{
		{path: "/headers", header: headers("X-Two", "1", "X-Two", "2", "Accept-Language", "de-DE,de;q=0.9")},
		{path: "/headers?show_env=1", header: headers("X-Forwarded-For", "198.51.100.7")},
		{path: "/ip"}, {path: "/ip", header: headers("X-Forwarded-For", "198.51.100.7")},
		{path: "/user-agent", header: headers("User-Agent", "furl test/1 (x; y)")},
		{path: "/cache", differ: []string{"Etag"}}, {path: "/cache", header: headers("If-None-Match", "x"), status: 304},
		{path: "/cache", header: headers("If-Modified-Since", "Mon, 01 Jan 2024 00:00:00 GMT"), status: 304},
		{path: "/cache/60"},
		{path: "/etag/abc"}, {path: "/etag/abc", header: headers("If-None-Match", `"abc"`), status: 304},
		{path: "/etag/abc", header: headers("If-Match", `"x"`), status: 412}, {path: "/etag/abc", header: headers("If-Match", "*")},
		{path: "/cookies"}, {path: "/cookies", header: headers("Cookie", `a=1; b="two words"; c=`)},
		{path: "/cookies/set?k1=v1&k2=v%202", status: 302}, {path: "/cookies/set/name/value%3D", status: 302},
		{path: "/cookies/delete?k1&k2=", status: 302},
	}
}

func httpbinResponse() []exchange {
	return []exchange{
		{path: "/"}, {path: "/html"}, {path: "/xml"}, {path: "/json"}, {path: "/robots.txt"}, {path: "/deny"},
		{path: "/encoding/utf8"}, {path: "/forms/post"}, {path: "/gzip"}, {path: "/deflate"}, {path: "/brotli"},
		{path: "/response-headers?X-Own=1&freeform=&Link=%3C/a%3E"},
		{method: "POST", path: "/response-headers?a=b"},
		{path: "/static/favicon.ico", differ: []string{"Etag", "Last-Modified"}}, {path: "/nowhere", status: 404},
	}
}

func httpbinDynamic() []exchange {
	uuid := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)
	return []exchange{
		{path: "/uuid", mask: uuid}, {path: "/base64/ZsO8cg=="}, {path: "/base64/bad", status: 200},
		{path: "/bytes/0"}, {path: "/bytes/1024?seed=7"}, {path: "/bytes/200000?seed=7"},
		{path: "/stream-bytes/5000?seed=3&chunk_size=100"}, {path: "/stream/5"}, {path: "/stream/0"},
		{path: "/range/1024"}, {path: "/range/1024", header: headers("Range", "bytes=10-20"), status: 206},
		{path: "/range/1024", header: headers("Range", "bytes=1000-"), status: 206}, {path: "/range/10", header: headers("Range", "bytes=20-"), status: 416},
		{path: "/range/0", status: 404}, {path: "/drip?duration=0.1&numbytes=5&code=200&delay=0"}, {path: "/drip?duration=0&numbytes=0", status: 400},
		{path: "/drip?duration=0.1&numbytes=5&code=500", status: 500},
		{path: "/delay/0"}, {method: "POST", path: "/delay/0.1", header: typed("text/plain"), body: "x"},
		{path: "/links/5/2"}, {path: "/links/5", status: 302},
	}
}

func httpbinRedirects() []exchange {
	return []exchange{
		{path: "/redirect/3", status: 302}, {path: "/redirect/3?absolute=true", status: 302}, {path: "/relative-redirect/2", status: 302},
		{path: "/absolute-redirect/2", status: 302}, {path: "/redirect-to?url=http%3A%2F%2Fexample.com%2F%C3%BC%3Fa%3Db", status: 302},
		{method: "POST", path: "/redirect-to?url=/get&status_code=307", status: 307},
		{method: "PUT", path: "/redirect-to", header: typed("application/x-www-form-urlencoded"), body: "url=/x&status_code=308", status: 302},
	}
}

func httpbinImages() []exchange {
	list := []exchange{{path: "/image", header: headers("Accept", "image/webp")}, {path: "/image", header: headers("Accept", "text/plain"), status: 406}}
	for _, kind := range []string{"png", "jpeg", "webp", "svg"} {
		list = append(list, exchange{path: "/image/" + kind}, exchange{method: "HEAD", path: "/image/" + kind})
	}
	return list
}
