import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { detectCycle } from "../../../../shared/mail/discovery/cycle-detection.ts";

/** After how many of these pages a cycle is seen; `undefined` where it is not. Each page has a link of its own. */
function seenAfter(pages: Iterable<readonly string[]>): number | undefined {
  let memory: string | undefined;
  let count = 0;
  for (const ids of pages) {
    const messages = ids.map((id) => ({ id, receivedAt: undefined, removed: false }));
    const page = { messages, link: `link ${count + 1}`, complete: false };
    const looked = detectCycle(memory, page, `link ${count}`);
    count += 1;
    if (looked.isCycle) return count;
    memory = looked.memory;
  }
  return undefined;
}

function* around(length: number, before = 0): Generator<string[]> {
  for (let page = 0; page < before; page += 1) yield [`before ${page}`];
  for (let page = 0; ; page += 1) yield [`page ${page % length}`];
}

describe("pages in a cycle", () => {
  for (const length of [1, 2, 3, 7, 50, 201]) {
    it(`are noticed within nine rounds, wherever the cycle begins (${length} long)`, () => {
      for (const before of [0, 1, 5, 100]) {
        const seen = seenAfter(around(length, before)) ?? assert.fail("not noticed");
        assert.ok(seen <= Math.max(9 * length, 4 * before) + 8, `only after ${seen}`);
      }
    });
  }

  it("are not seen in a long round whose pages differ", () => {
    assert.equal(seenAfter(Array.from({ length: 10_000 }, (_, page) => [`${page}`])), undefined);
  });

  it("are not seen where one page comes three times in a row", () => {
    assert.equal(seenAfter([["a"], ["b"], ["b"], ["b"], ["c"]]), undefined);
  });

  it("are not seen where single messages come again and again among others", () => {
    assert.equal(seenAfter(Array.from({ length: 5_000 }, (_, page) => ["always", `${page}`])), undefined);
  });

  it("are seen where a page of messages leads to itself", () => {
    const page = { messages: [], link: "link", complete: false };
    assert.equal(detectCycle(undefined, page, "link").isCycle, true);
  });

  it("are seen where there are more pages than any folder has", () => {
    assert.equal(seenAfter(Array.from({ length: 30_000 }, (_, page) => [`${page}`])), 20_000);
  });
});
