import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { receiveContent } from "../../../../shared/mail/graph/mail-content.ts";
import { createMailFileCleanup } from "../../../../shared/mail/graph/mail-files.ts";
import type { Log } from "../../../../shared/telemetry/log.ts";

const NOON = new Date("2026-11-23T12:00:00.000Z");
const MEMORY_LIMIT_BYTES = 1024 * 1024;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "mail-content-"));
});
afterEach(() => rm(folder, { recursive: true }));

function bytes(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, index) => (index * 31) % 256));
}

const SILENT: Log = { info: () => {}, warn: () => {}, error: () => {} };

/** As a process that has just started. */
function cleanUpAt(now: Date): Promise<void> {
  return createMailFileCleanup({ folder, log: SILENT, now: () => now })();
}

async function* inChunks(content: Buffer, size: number, fault?: Error): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < content.byteLength; start += size) yield content.subarray(start, start + size);
  if (fault !== undefined) throw fault;
}

describe("a message that is received", () => {
  for (const [words, length, files] of [
    ["an empty one", 0, 0],
    ["a small one", 5_000, 0],
    ["the largest that is held in memory", MEMORY_LIMIT_BYTES, 0],
    ["the smallest that is not", MEMORY_LIMIT_BYTES + 1, 1],
    ["a large one", 3 * MEMORY_LIMIT_BYTES, 1],
  ] as const) {
    it(`has its length and every byte, more than once: ${words}`, async () => {
      const sent = bytes(length);
      const { blob, dispose } = await receiveContent(inChunks(sent, 60_000), NOON, folder);
      assert.equal(blob.size, length);
      for (let read = 0; read < 2; read += 1) assert.ok(Buffer.from(await blob.arrayBuffer()).equals(sent));
      assert.equal((await readdir(folder)).length, files);
      await dispose();
      assert.deepEqual(await readdir(folder), []);
      await dispose();
    });
  }

  it("arrives whole in one chunk too", async () => {
    const sent = bytes(2 * MEMORY_LIMIT_BYTES);
    const { blob, dispose } = await receiveContent(inChunks(sent, sent.byteLength), NOON, folder);
    assert.ok(Buffer.from(await blob.arrayBuffer()).equals(sent));
    await dispose();
  });

  it("lies where nobody else may read it", async () => {
    const { dispose } = await receiveContent(inChunks(bytes(2 * MEMORY_LIMIT_BYTES), 60_000), NOON, folder);
    const [name = ""] = await readdir(folder);
    assert.equal((await stat(path.join(folder, name))).mode & 0o777, 0o600);
    await dispose();
  });

  for (const length of [10, 2 * MEMORY_LIMIT_BYTES]) {
    it(`and breaks off after ${length} bytes is none, and leaves no file`, async () => {
      const fault = new Error("the connection broke off");
      await assert.rejects(receiveContent(inChunks(bytes(length), 60_000, fault), NOON, folder), fault);
      assert.deepEqual(await readdir(folder), []);
    });
  }

  it("and whose process then dies is removed an hour later, and nothing else is", async () => {
    const kept = ["notes.eml", "deskpost-x.eml", `deskpost-${NOON.getTime()}-other.txt`];
    for (const name of kept) await writeFile(path.join(folder, name), "");
    await receiveContent(inChunks(bytes(2 * MEMORY_LIMIT_BYTES), 60_000), NOON, folder);
    const later = (minutes: number) => new Date(NOON.getTime() + minutes * 60_000);
    await receiveContent(inChunks(bytes(2 * MEMORY_LIMIT_BYTES), 60_000), later(30), folder);
    await cleanUpAt(later(59));
    assert.equal((await readdir(folder)).length, 5);
    await cleanUpAt(later(61));
    const left = await readdir(folder);
    assert.equal(left.length, 4);
    assert.ok(kept.every((name) => left.includes(name)));
    await cleanUpAt(later(91));
    assert.deepEqual((await readdir(folder)).toSorted(), kept.toSorted());
  });

  it("keeps no other from being removed when it cannot be removed itself", async () => {
    const [stuck, other] = [1, 2].map((count) => `deskpost-${NOON.getTime()}-${count}.eml`) as [string, string];
    await mkdir(path.join(folder, stuck));
    await writeFile(path.join(folder, other), "");
    await cleanUpAt(new Date(NOON.getTime() + 61 * 60_000));
    assert.deepEqual(await readdir(folder), [stuck]);
  });

  it("that cannot be removed after its delivery is no fault of the delivery", async () => {
    const { dispose } = await receiveContent(inChunks(bytes(2 * MEMORY_LIMIT_BYTES), 60_000), NOON, folder);
    const [name = ""] = await readdir(folder);
    await rm(path.join(folder, name));
    // A folder of its name: nobody can remove that as a file.
    await mkdir(path.join(folder, name));
    await dispose();
    assert.deepEqual(await readdir(folder), [name]);
  });

  it("is looked for once an hour, and a folder that cannot be read stops nothing", async () => {
    let looked = 0;
    let at = NOON;
    const warn = () => {
      looked += 1;
    };
    const log = { ...SILENT, warn };
    const cleanUp = createMailFileCleanup({ folder: path.join(folder, "missing"), log, now: () => at });
    await cleanUp();
    await cleanUp();
    assert.equal(looked, 1);
    at = new Date(NOON.getTime() + 60 * 60_000);
    await cleanUp();
    assert.equal(looked, 2);
  });

  it("too large for a disk that is missing is a fault", async () => {
    const missing = path.join(folder, "missing");
    await assert.rejects(receiveContent(inChunks(bytes(2 * MEMORY_LIMIT_BYTES), 60_000), NOON, missing), {
      code: "ENOENT",
    });
  });
});
