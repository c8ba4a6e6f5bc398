import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { retryAfterMs } from "../../../shared/platform/retry-after.ts";

const NOON = new Date("2026-11-23T12:00:00Z");

describe("Retry-After", () => {
  for (const [header, ms] of [
    ["120", 120_000],
    ["0", 0],
    ["0.5", 500],
    ["1.0004", 1_001],
    ["-5", 0],
    ["Mon, 23 Nov 2026 12:01:30 GMT", 90_000],
    ["Mon, 23 Nov 2026 11:00:00 GMT", 0],
    ["soon", undefined],
    ["Infinity", undefined],
    ["", undefined],
    [null, undefined],
    [undefined, undefined],
  ] as const) {
    it(`of ${JSON.stringify(header)} is ${ms === undefined ? "as if there were none" : `${ms} ms`}`, () => {
      assert.equal(retryAfterMs(header, NOON), ms);
    });
  }
});
