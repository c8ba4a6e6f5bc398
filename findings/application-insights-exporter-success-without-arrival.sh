#!/usr/bin/env bash
# @azure/monitor-opentelemetry-exporter 1.0.0-beta.47 with OpenTelemetry 2.12.1, offline storage off. Needs openssl.
#
# Expected: an export that the receiver refuses ends with ExportResultCode.FAILED, as it does for 400; the SDK then
# reports it to whoever watches its errors.
# Seen: 401, 403 (a missing role), 429 and 439 (a used-up daily cap) end with SUCCESS, although nothing was stored and
# nothing is kept for later.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes > /dev/null
npm install --silent --no-audit --no-fund --save-exact @azure/monitor-opentelemetry-exporter@1.0.0-beta.47 \
  @opentelemetry/api@1.9.1 @opentelemetry/sdk-trace-base@2.12.1
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 \
  -keyout key.pem -out cert.pem 2> /dev/null
cat > show.mjs <<'CODE'
import { once } from "node:events";
import { readFileSync } from "node:fs";
import https from "node:https";
import { AzureMonitorTraceExporter } from "@azure/monitor-opentelemetry-exporter";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";

let answer;
let arrived = 0;
const server = https.createServer({ key: readFileSync("key.pem"), cert: readFileSync("cert.pem") }, (request, response) => {
  if (request.url.endsWith("/track")) arrived += 1;
  request.resume().on("end", () => {
    const { status, body } = answer;
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
});
server.listen(0, "127.0.0.1");
await once(server, "listening");

const memory = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] });
provider.getTracer("finding").startSpan("a span").end();
await provider.forceFlush();

const IngestionEndpoint = `https://127.0.0.1:${server.address().port}/`;
const exporter = new AzureMonitorTraceExporter({
  connectionString: `InstrumentationKey=00000000-0000-0000-0000-000000000001;IngestionEndpoint=${IngestionEndpoint}`,
  disableOfflineStorage: true,
  retryOptions: { maxRetries: 0 },
});
const found = {};
for (const status of [400, 401, 403, 429, 439]) {
  answer = { status, body: {} };
  arrived = 0;
  const { code } = await new Promise((resolve) => exporter.export(memory.getFinishedSpans(), resolve));
  found[status] = code === 0 ? "success" : "failed";
  console.log(`${status}: export says ${found[status]} (requests: ${arrived})`);
}
server.close();
const seen = { 400: "failed", 401: "success", 403: "success", 429: "success", 439: "success" };
process.exit(Object.keys(seen).every((status) => seen[status] === found[status]) ? 0 : 1);
CODE
if NODE_EXTRA_CA_CERTS=cert.pem node show.mjs; then
  echo 'As seen before: a success although nothing was stored.'
else
  echo 'Not as seen before.' >&2
  exit 1
fi
