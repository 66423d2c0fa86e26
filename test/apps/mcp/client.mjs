// What the SDK's own client sees of a server, as JSON. usage: client.mjs URL ADDRESS
import dns from "node:dns";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [url, address] = process.argv.slice(2);
dns.lookup = (host, options, done) => // names below localhost are not known to every resolver
  options.all ? done(null, [{ address, family: 4 }]) : done(null, address, 4);

const seen = [];
const client = new Client({ name: "test", version: "1" });
await client.connect(new StreamableHTTPClientTransport(new URL(url)));
seen.push(client.getServerVersion(), client.getServerCapabilities());
seen.push(await client.listTools(), await client.listResources());
seen.push(await client.callTool({ name: "add", arguments: { a: 2, b: 40 } }));
seen.push(await client.callTool({ name: "count", arguments: { to: 3 } }, undefined, { onprogress: (p) => seen.push(p) }));
seen.push(await client.readResource({ uri: "greeting://world" }));
seen.push(await client.callTool({ name: "add", arguments: { a: "x" } }));
await client.close();
console.log(JSON.stringify(seen, null, 1));
