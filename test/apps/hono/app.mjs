// A Hono application: JSON, forms, cookies, bytes, and answers that come in pieces.
import { Hono } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { stream, streamSSE, streamText } from "hono/streaming";

export const app = new Hono();

app.get("/", (c) => c.html("<!doctype html><title>Hono</title><p>für 3 €"));
app.get("/items/:id", (c) => c.json({ id: c.req.param("id"), q: c.req.query("q"), tags: c.req.queries("tag") ?? [] }));
app.post("/items", async (c) => c.json({ got: await c.req.json() }, 201));
app.post("/form", async (c) => c.json(await c.req.parseBody({ all: true })));
app.post("/upload", async (c) => {
  const { file } = await c.req.parseBody();
  const digest = Buffer.from(await crypto.subtle.digest("SHA-256", await file.arrayBuffer())).toString("hex");
  return c.json({ name: file.name, type: file.type, size: file.size, digest });
});
app.get("/login", (c) => {
  setCookie(c, "session", "s3cret=", { httpOnly: true, maxAge: 60, path: "/" });
  setCookie(c, "theme", "dark");
  return c.text("welcome");
});
app.get("/whoami", (c) => c.json(getCookie(c)));
app.get("/bytes", (c) => c.body(Uint8Array.from({ length: 256 }, (_, i) => i), 200, { "Content-Type": "application/octet-stream" }));
app.get("/moved", (c) => c.redirect("/items/1", 308));
app.delete("/items/:id", (c) => c.body(null, 204));
app.get("/text", (c) =>
  streamText(c, async (s) => {
    for (let i = 0; i < 5; i++) {
      await s.writeln(`line ${i}`);
    }
  }));
app.get("/events", (c) =>
  streamSSE(c, async (s) => {
    for (let i = 0; i < 3; i++) {
      await s.writeSSE({ id: String(i), event: "tick", data: JSON.stringify({ i }) });
    }
  }));
app.get("/big", (c) =>
  stream(c, async (s) => {
    c.header("Content-Type", "application/octet-stream");
    for (let i = 0; i < 64; i++) {
      await s.write(new Uint8Array(128 * 1024).fill(i));
    }
  }));
