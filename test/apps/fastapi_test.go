package apps_test

import (
	"strings"
	"testing"
)

func TestFastAPI(t *testing.T) {
	t.Parallel()
	f, n := pythonApp(t, "fastapi", "uvicorn", "app:app", "--port", "PORT", "--log-level", "error")
	p := newPair(t, deploy(t, f), n)
	const json = "application/json"
	p.compare(t, []exchange{
		{path: "/"},
		{path: "/items/7?q=a+b&tag=x&tag=%C3%BC&tag="},
		{path: "/items/no", status: 422},
		{method: "POST", path: "/items", header: typed(json), body: `{"name": "Tür", "price": 3.5, "tags": ["a"]}`, status: 201},
		{method: "POST", path: "/items", header: typed(json), body: `{"name": `, status: 422},
		{method: "DELETE", path: "/items/7", status: 204},
		{path: "/echo/a%20b/%2Fc//d/../e?x=1&x=2&y=&z&p=%2B+"},
		{path: "/echo/%C3%A9%FF"},
		{method: "PUT", path: "/echo/put", header: typed("application/octet-stream", "Content-Encoding", "x-own"), body: everyByte},
		{method: "PATCH", path: "/echo/patch", header: typed("text/plain; charset=latin-1"), body: "caf\xe9"},
		{method: "POST", path: "/echo/post", header: typed(json, "X-Two", "1", "X-Two", "2", "Authorization", "Bearer t=1", "Cookie", "a=1; b=\"two words\"; c="), body: `{"ü": 1}`},
		{method: "OPTIONS", path: "/echo/options", header: headers("Origin", "https://a.example", "Access-Control-Request-Method", "PUT")},
		{method: "POST", path: "/form", header: typed("application/x-www-form-urlencoded"), body: "name=J%C3%BCrgen+M&note=a%26b%3D%2B"},
		{method: "POST", path: "/form", header: typed(multipartType), body: multipartBody(part{field: "name", content: "Jürgen"})},
		{method: "POST", path: "/upload", header: typed(multipartType), body: multipartBody(
			part{field: "title", content: "zwei Dateien"}, part{"files", "bytes.bin", "application/octet-stream", everyByte},
			part{"files", "größe.txt", "text/plain; charset=utf-8", "für 3 €\r\n"}, part{"files", "big", "image/png", strings.Repeat(everyByte, 4096)})},
		{path: "/download"},
		{path: "/download?size=3000000"},
		{path: "/large"},
		{path: "/large", header: headers("Accept-Encoding", "gzip")},
		{method: "POST", path: "/login", header: typed(json), body: `{"user": "ann"}`},
		{path: "/whoami", status: 401},
		{path: "/whoami", header: headers("Cookie", `session="s3cret+/="; theme=dark`)},
		{path: "/events?n=5", header: headers("Accept", "text/event-stream")},
		{path: "/old", status: 307},
		{path: "/items/7/", status: 307},
		{path: "/nowhere", status: 404},
		{method: "POST", path: "/old", status: 405},
		{method: "HEAD", path: "/", status: 405},
		{path: "/openapi.json"},
		{path: "/broken", status: 500},
	})
}
