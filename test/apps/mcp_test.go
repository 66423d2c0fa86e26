package apps_test

import (
	"os/exec"
	"testing"
)

// TestMCP has the SDK's own client talk to an MCP server over its streamable HTTP transport: tools, progress as
// server-sent events, resources. It sees the same in both places.
func TestMCP(t *testing.T) {
	t.Parallel()
	f, n := nodeApp(t, "mcp", "index.handler")
	f.stream = true
	p := newPair(t, deploy(t, f), n)
	const accept = "application/json, text/event-stream"
	initialize := `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`
	p.compare(t, []exchange{
		{method: "POST", path: "/mcp", header: typed(jsonType, "Accept", accept), body: initialize},
		{method: "POST", path: "/mcp", header: typed(jsonType, "Accept", accept), body: `{"jsonrpc":"2.0","method":"notifications/initialized"}`, status: 202},
		{method: "POST", path: "/mcp", header: typed(jsonType, "Accept", accept), body: `{"jsonrpc":"2.0","id":2,"method":"tools/list"}`},
		{method: "POST", path: "/mcp", header: typed(jsonType, "Accept", accept),
			body: `{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"count","arguments":{"to":3},"_meta":{"progressToken":"p"}}}`},
		{method: "POST", path: "/mcp", header: typed(jsonType), body: initialize, status: 406},
		{method: "POST", path: "/mcp", header: typed(jsonType, "Accept", accept), body: `{`, status: 400},
	})
	seen := map[string]string{
		"function URL": client(t, p.url.String()+"mcp"),
		"native":       client(t, "http://"+n.address+"/mcp"),
	}
	if seen["function URL"] != seen["native"] {
		t.Errorf("the SDK's client sees %s\nnatively %s", seen["function URL"], seen["native"])
	}
}

// client runs the SDK's client and returns what it saw.
func client(t *testing.T, url string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", "--preserve-symlinks", "--preserve-symlinks-main", "client.mjs", url, "127.0.0.1")
	cmd.Dir = modules(t, "mcp")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the SDK's client: %v\n%s", err, out)
	}
	return string(out)
}
