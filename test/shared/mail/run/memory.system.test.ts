import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import http from "node:http";
import path from "node:path";
import { execPath } from "node:process";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { listen } from "../../../simulator/stand-in.ts";
import { mail, readsContent, useMailHarness } from "../mail-harness.ts";
import type { MemoryProcessOptions, MemoryProcessReport } from "./memory-process.ts";

const MB = 1024 * 1024;
/** Exchange takes no larger ones: https://learn.microsoft.com/office365/servicedescriptions/exchange-online-service-description/exchange-online-limits */
const LARGEST_MAIL_BYTES = 150 * MB;
const SMALL_MAIL_BYTES = 64 * 1024;
/** Promised are 64 MB; the garbage of one of the streams alone, left lying, would still pass that in some runs. */
const EXTRA_MEMORY_BYTES = 40 * MB;
const IN_FLIGHT = 3;

/** Each of so many runs counts: none is let off as unlucky. */
const RUNS = 2;

const SCRIPT = path.join(import.meta.dirname, "memory-process.ts");
const ANSWER = JSON.stringify({ success: true, message: "Inbound email processed successfully. [tickets/1/#1]" });

/** A desk that holds nothing, and answers nobody before it has all that are in flight. */
function createThriftyDesk() {
  let waiting: http.ServerResponse[] = [];
  let bytes = 0;
  const server = http.createServer((incoming, outgoing) => {
    incoming.on("data", (chunk: Buffer) => {
      bytes += chunk.byteLength;
    });
    incoming.on("end", () => {
      waiting.push(outgoing);
      if (waiting.length < IN_FLIGHT) return;
      for (const response of waiting) response.writeHead(200, { "content-type": "application/json" }).end(ANSWER);
      waiting = [];
    });
  });
  return {
    server,
    takeBytes() {
      const taken = bytes;
      bytes = 0;
      return taken;
    },
  };
}

describe("three messages of 150 MB in flight", () => {
  const harness = useMailHarness({ storage: "azurite" });
  const desk = createThriftyDesk();
  let url: string;
  let mailboxes = 0;

  before(async () => {
    url = `http://127.0.0.1:${await listen(desk.server, "the desk", 0)}`;
  });
  after(() => desk.server.close());

  async function* body(size: number): AsyncGenerator<Uint8Array> {
    const head = mail("large");
    yield head;
    const chunk = Buffer.alloc(64 * 1024, `${"x".repeat(76)}\r\n`);
    for (let left = size - head.byteLength; left > 0; left -= chunk.byteLength) yield chunk.subarray(0, left);
  }

  /** The most memory that the product's own process takes for three messages of that size. */
  async function peakFor(kind: MemoryProcessOptions["desk"]["kind"], size: number): Promise<number> {
    mailboxes += 1;
    const mailbox = await harness.connect({ address: `mailbox-${mailboxes}@example.com` });
    mailbox.receive("one", "two", "three");
    for (let count = 0; count < IN_FLIGHT; count += 1)
      harness.graph.server.plan(readsContent(), { kind: "answer", answer: { status: 200, body: body(size) } });
    const options: MemoryProcessOptions = {
      mailboxId: mailbox.id,
      connectionString: harness.storage.azurite.connectionString,
      graphUrl: harness.graph.origin,
      certificate: harness.certificate.cert,
      accessToken: harness.tokens.current,
      desk: { kind, url },
      concurrency: IN_FLIGHT,
    };
    const { stdout } = await promisify(execFile)(execPath, [SCRIPT, JSON.stringify(options)]);
    const { delivered, peakBytes } = JSON.parse(stdout) as MemoryProcessReport;
    assert.equal(delivered, IN_FLIGHT);
    assert.ok(desk.takeBytes() >= IN_FLIGHT * size);
    return peakBytes;
  }

  for (const kind of ["webhook", "uvdesk"] as const) {
    it(`cost far less than 64 MB more than three small ones (${kind})`, async (test) => {
      const small = await peakFor(kind, SMALL_MAIL_BYTES);
      for (let run = 0; run < RUNS; run += 1) {
        const extra = (await peakFor(kind, LARGEST_MAIL_BYTES)) - small;
        test.diagnostic(`${(extra / MB).toFixed(1)} MB more`);
        assert.ok(extra < EXTRA_MEMORY_BYTES, `${(extra / MB).toFixed(1)} MB more`);
      }
    });
  }
});
