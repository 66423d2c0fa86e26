package apps_test

import (
	"testing"
)

// TestPowertools serves the routes by Powertools' resolver for function URLs and natively by its own local one. CORS is the
// application's here, so the URL has none of its own.
func TestPowertools(t *testing.T) {
	t.Parallel()
	f, n := pythonApp(t, "powertools", "uvicorn", "native:app", "--port", "PORT", "--log-level", "error")
	p := newPair(t, deploy(t, f), n)
	origin := headers("Origin", "https://admin.example")
	p.compare(t, []exchange{
		{path: "/todos"},
		{path: "/todos?done=ja%20doch", header: headers("Origin", "https://shop.example")},
		{path: "/todos", header: origin},
		{path: "/todos", header: headers("Origin", "https://evil.example")},
		{path: "/todos/7-a", header: origin},
		{method: "POST", path: "/todos", header: typed("application/json"), body: `{"title": "Käse"}`, status: 201},
		{method: "POST", path: "/todos", header: typed("application/json", "Origin", "https://shop.example"), body: `{}`, status: 400},
		{method: "OPTIONS", path: "/todos", header: headers("Origin", "https://shop.example", "Access-Control-Request-Method", "POST"), status: 204},
		{path: "/picture"},
		{path: "/page"},
		{path: "/page", header: headers("Accept-Encoding", "gzip")},
		{path: "/nowhere", status: 404},
		{method: "DELETE", path: "/todos", status: 404},
	})
}
