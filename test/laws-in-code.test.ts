import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { describe, it } from "node:test";

const SHARED = path.join(import.meta.dirname, "..", "shared");

/** As "2 mail/message.ts": which law is held where. */
async function heldByCode(): Promise<Set<string>> {
  const files = (await readdir(SHARED, { recursive: true })).filter((file) => file.endsWith(".ts"));
  const found = new Set<string>();
  for (const file of files) {
    const text = await readFile(path.join(SHARED, file), "utf8");
    for (const [comment] of text.matchAll(/(?:\/\/|\*) Laws? \d+(?: and \d+)*: /g)) {
      for (const [law] of comment.matchAll(/\d+/g)) found.add(`${law} ${file.replaceAll(path.sep, "/")}`);
    }
  }
  return found;
}

async function heldByList(): Promise<Set<string>> {
  const readme = await readFile(path.join(SHARED, "README.md"), "utf8");
  const found = new Set<string>();
  for (const [, law, files = ""] of readme.matchAll(/^\| (\d+) +\|.*\|([^|]*)\|$/gm)) {
    for (const [, file] of files.matchAll(/`([^`]+)`/g)) found.add(`${law} ${file}`);
  }
  return found;
}

describe("the laws of shared/README.md", () => {
  it("are held where the list says, and the list names each guard", async () => {
    assert.deepEqual([...(await heldByList())].sort(), [...(await heldByCode())].sort());
  });

  it("have a guard each", async () => {
    const laws = new Set([...(await heldByCode())].map((guard) => Number.parseInt(guard, 10)));
    assert.deepEqual(
      [...laws].sort((a, b) => a - b),
      Array.from({ length: 10 }, (_, index) => index + 1),
    );
  });
});
