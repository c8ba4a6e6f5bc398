import assert from "node:assert/strict";
import { memoryUsage } from "node:process";
import { describe, it } from "node:test";
import { DownloadResponse } from "../functions/download-response.ts";

const MB = 1024 * 1024;
/** Exchange takes no larger ones. */
const LARGEST_MAIL_BYTES = 150 * MB;
const CHUNK_BYTES = 64 * 1024;

describe("a download", () => {
  it("of 150 MB is in memory once", async (test) => {
    const before = memoryUsage().arrayBuffers;
    let peak = 0;
    const sample = () => {
      peak = Math.max(peak, memoryUsage().arrayBuffers - before);
    };
    async function* chunks() {
      for (let sent = 0; sent < LARGEST_MAIL_BYTES; sent += CHUNK_BYTES) {
        sample();
        yield new Uint8Array(CHUNK_BYTES).fill(sent / CHUNK_BYTES);
      }
    }
    const body = { size: LARGEST_MAIL_BYTES, stream: ReadableStream.from(chunks()) };
    const bytes = new Uint8Array(await new DownloadResponse({ status: 200 }, body).arrayBuffer());
    sample();
    assert.equal(bytes.byteLength, LARGEST_MAIL_BYTES);
    for (let first = 0; first < LARGEST_MAIL_BYTES; first += CHUNK_BYTES) {
      const sent = (first / CHUNK_BYTES) % 256;
      assert.deepEqual([bytes[first], bytes[first + CHUNK_BYTES - 1]], [sent, sent]);
    }
    test.diagnostic(`${(peak / MB).toFixed(1)} MB`);
    assert.ok(peak < LARGEST_MAIL_BYTES + 40 * MB, `${(peak / MB).toFixed(1)} MB`);
  });
});
