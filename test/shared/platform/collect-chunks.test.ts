import assert from "node:assert/strict";
import { syncBuiltinESMExports } from "node:module";
import { memoryUsage } from "node:process";
import { describe, it } from "node:test";
import vm from "node:vm";

const MB = 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;
const READ_BYTES = 300 * MB;

/** The module as in a process that has just started. */
async function fresh(name: string): Promise<typeof import("../../../shared/platform/collect-chunks.ts")> {
  return await import(new URL(`../../../shared/platform/collect-chunks.ts?${name}`, import.meta.url).href);
}

/** Reads a lot, and gives the most memory that buffers took meanwhile. */
function peakOfReading(used: (chunk: Uint8Array) => void): number {
  const before = memoryUsage().arrayBuffers;
  let peak = 0;
  for (let read = 0; read < READ_BYTES; read += CHUNK_BYTES) {
    used(new Uint8Array(CHUNK_BYTES));
    peak = Math.max(peak, memoryUsage().arrayBuffers - before);
  }
  return peak;
}

describe("chunks that nobody needs any more", () => {
  it("do not pile up", async (test) => {
    const { chunkIsGarbage } = await fresh("collected");
    const peak = peakOfReading(chunkIsGarbage);
    test.diagnostic(`${(peak / MB).toFixed(1)} MB`);
    assert.ok(peak < 16 * MB, `${(peak / MB).toFixed(1)} MB`);
  });

  it("are left to V8 where it gives no collector", async (test) => {
    test.mock.method(vm, "runInNewContext", () => undefined);
    // What others import by name follows. https://nodejs.org/api/module.html#modulesyncbuiltinesmexports
    syncBuiltinESMExports();
    const { chunkIsGarbage } = await fresh("left");
    const peak = peakOfReading(chunkIsGarbage);
    test.mock.restoreAll();
    syncBuiltinESMExports();
    test.diagnostic(`${(peak / MB).toFixed(1)} MB`);
    assert.ok(peak > 16 * MB, `${(peak / MB).toFixed(1)} MB`);
  });
});
