import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { backoffMs } from "../../../shared/platform/backoff.ts";

const MINUTES = { firstMs: 60_000, longestMs: 10 * 60_000 };

describe("the wait after failures in a row", () => {
  for (const [failures, minutes] of [
    [0, 1],
    [1, 1],
    [2, 2],
    [4, 8],
    [5, 10],
    [5_000, 10],
  ] as const) {
    it(`is ${minutes} minutes after ${failures}, where it begins at one and ends at ten`, () => {
      assert.equal(backoffMs(failures, MINUTES), minutes * 60_000);
    });
  }

  it("grows faster where that is said", () => {
    const minutes = [1, 2, 3].map((failures) => backoffMs(failures, { ...MINUTES, factor: 4 }) / 60_000);
    assert.deepEqual(minutes, [1, 4, 10]);
  });

  it("is what was asked for where that is longer, even than the longest", () => {
    assert.equal(backoffMs(1, MINUTES, 20 * 60_000), 20 * 60_000);
    assert.equal(backoffMs(2, MINUTES, 1_000), 2 * 60_000);
  });
});
