// An MCP server without sessions: every request makes its own, as functions need it.
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import { Hono } from "hono";
import { z } from "zod";

function server() {
  const s = new McpServer({ name: "counter", version: "1.0.0" }, { capabilities: { logging: {} } });
  s.registerTool("add", { description: "Adds two numbers", inputSchema: { a: z.number(), b: z.number() } },
    async ({ a, b }) => ({ content: [{ type: "text", text: String(a + b) }] }));
  s.registerTool("count", { description: "Counts aloud", inputSchema: { to: z.number().int() } }, async ({ to }, extra) => {
    for (let i = 1; i <= to; i++) {
      await extra.sendNotification({
        method: "notifications/progress",
        params: { progressToken: extra._meta?.progressToken ?? 0, progress: i, total: to, message: `at ${i} – zählt` },
      });
    }
    return { content: [{ type: "text", text: `counted to ${to}` }] };
  });
  s.registerResource("greeting", "greeting://world", { mimeType: "text/plain" },
    async (uri) => ({ contents: [{ uri: uri.href, text: "Grüße" }] }));
  return s;
}

export const app = new Hono();
app.all("/mcp", async (c) => {
  const transport = new WebStandardStreamableHTTPServerTransport({ sessionIdGenerator: undefined });
  await server().connect(transport);
  return transport.handleRequest(c.req.raw);
});
