#!/usr/bin/env bash
# @microsoft/microsoft-graph-client 3.0.7, default middleware.
#
# Expected: after 429 with "Retry-After: 400" the client asks again after 400 seconds, or gives the 429 to its caller.
# Seen: it asks again after 180 seconds, its own maximum, while the service still wants to be left alone; nothing tells
# the caller that the wait was cut.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes > /dev/null
npm install --silent --no-audit --no-fund --save-exact @microsoft/microsoft-graph-client@3.0.7
cat > show.mjs <<'CODE'
import { once } from "node:events";
import http from "node:http";
import graph from "@microsoft/microsoft-graph-client";

// Waits of a second or more are noted and skipped.
const waits = [];
const wait = globalThis.setTimeout;
globalThis.setTimeout = (then, ms, ...rest) => {
  if (ms >= 1_000) waits.push(ms / 1_000);
  return wait(then, ms >= 1_000 ? 0 : ms, ...rest);
};

let asked = 0;
const server = http.createServer((_request, response) => {
  asked += 1;
  if (asked === 1) response.writeHead(429, { "retry-after": "400" }).end();
  else response.writeHead(200, { "content-type": "application/json" }).end("{}");
});
server.listen(0, "127.0.0.1");
await once(server, "listening");

const client = graph.Client.init({
  authProvider: (done) => done(null, "a token"),
  baseUrl: `http://127.0.0.1:${server.address().port}/`,
});
await client.api("/me/messages").get();
const longest = Math.max(...waits);
console.log(`Retry-After: 400 seconds; the client asked again after ${Math.floor(longest)} (requests: ${asked})`);
server.close();
process.exit(asked === 2 && Math.floor(longest) === 180 ? 0 : 1);
CODE
if node show.mjs; then
  echo 'As seen before: Retry-After is cut to 180 seconds.'
else
  echo 'Not as seen before.' >&2
  exit 1
fi
