package apps_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestLambdaURL serves one http.Handler by aws-lambda-go's lambdaurl on provided.al2023, and by net/http.
func TestLambdaURL(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := filepath.Join(dir, "bootstrap")
	if err := build(program, "furl/test/apps/lambdaurl"); err != nil {
		t.Fatal(err)
	}
	n := startNative(t, dir, []string{program})
	p := newPair(t, deploy(t, function{name: "lambdaurl", runtime: "provided.al2023", handler: "bootstrap", dirs: []string{dir}, stream: true}), n)
	p.compare(t, []exchange{
		{path: "/"},
		{path: "/items/7?q=a+b&tag=x&tag=%C3%BC&tag="},
		{path: "/items/a%20b%2Fc", header: headers("User-Agent", "furl test/1")},
		{method: "POST", path: "/form", header: typed(formType), body: "name=J%C3%BCrgen+M&a=1&a=2", status: 201},
		{method: "POST", path: "/upload", header: typed(multipartType), body: multipartBody(part{"file", "a.png", "image/png", strings.Repeat(everyByte, 4096)})},
		{method: "POST", path: "/upload", header: typed(formType), body: "a=1", status: 400},
		{path: "/login"},
		{path: "/whoami", header: headers("Cookie", "session=s3cret=; theme=dark")},
		{path: "/moved", status: 302},
		{method: "DELETE", path: "/items/7", status: 204},
		{method: "PUT", path: "/items/7", status: 405},
		{path: "/nowhere", status: 404},
		{path: "/big"},
	})
}
