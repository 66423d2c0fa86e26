package apps_test

import (
	"strings"
	"testing"
)

const jsonType, formType = "application/json", "application/x-www-form-urlencoded"

func TestHonoBuffered(t *testing.T) {
	t.Parallel()
	f, n := nodeApp(t, "hono", "index.buffered")
	p := newPair(t, deploy(t, f), n)
	p.compare(t, honoExchanges())
}

func TestHonoStreaming(t *testing.T) {
	t.Parallel()
	f, n := nodeApp(t, "hono", "index.streaming")
	f.name, f.stream = "hono-streaming", true
	p := newPair(t, deploy(t, f), n)
	p.compare(t, append(honoExchanges(), exchange{path: "/big"}))
}

func honoExchanges() []exchange {
	return []exchange{
		{path: "/"},
		{path: "/items/7?q=a+b&tag=x&tag=%C3%BC&tag="},
		{path: "/items/a%20b%2Fc"},
		{method: "POST", path: "/items", header: typed(jsonType), body: `{"name": "Tür"}`, status: 201},
		{method: "POST", path: "/items", header: typed(jsonType), body: `{`, status: 500},
		{method: "POST", path: "/form", header: typed(formType), body: "name=J%C3%BCrgen+M&a=1&a=2"},
		{method: "POST", path: "/upload", header: typed(multipartType), body: multipartBody(part{"file", "größe.bin", "image/png", strings.Repeat(everyByte, 1024)})},
		{path: "/login"},
		{path: "/whoami", header: headers("Cookie", "session=s3cret%3D; theme=dark")},
		{path: "/bytes"},
		{path: "/moved", status: 308},
		{method: "DELETE", path: "/items/7", status: 204},
		{path: "/text"},
		{path: "/events", header: headers("Accept", "text/event-stream")},
		{path: "/nowhere", status: 404},
		{method: "HEAD", path: "/items/7"},
	}
}

func TestExpress(t *testing.T) {
	t.Parallel()
	f, n := nodeApp(t, "express", "index.handler")
	p := newPair(t, deploy(t, f), n)
	p.compare(t, []exchange{
		{path: "/"},
		{path: "/items/7?q=a+b&tag=x&tag=%C3%BC&deep[a]=1"},
		{path: "/items/a%20b%2Fc"},
		{method: "POST", path: "/items", header: typed(jsonType), body: `{"name": "Tür"}`, status: 201},
		{method: "POST", path: "/form", header: typed(formType), body: "name=J%C3%BCrgen+M&a[b]=1&a[c]=%26"},
		{method: "POST", path: "/text", header: typed("text/plain; charset=utf-8"), body: "für 3 €"},
		{method: "POST", path: "/upload", header: typed(multipartType), body: multipartBody(
			part{"files", "a.bin", "application/octet-stream", everyByte}, part{"files", "b.png", "image/png", strings.Repeat(everyByte, 1024)})},
		{path: "/login"},
		{path: "/whoami", header: headers("Cookie", "session=s%3As3cret.forged; theme=dark%3B%20or%20not")},
		{path: "/bytes"},
		{path: "/bytes", header: headers("If-None-Match", "*"), status: 304},
		{path: "/moved", status: 302},
		{method: "DELETE", path: "/items/7", status: 204},
		{path: "/pieces"},
		{path: "/broken", status: 418},
		{path: "/nowhere", status: 404},
		{method: "HEAD", path: "/items/7"},
		{method: "OPTIONS", path: "/items"},
	})
}
