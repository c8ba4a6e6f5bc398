import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isForQuarantine, waitBeforeNextAttemptMs } from "../../../../shared/mail/delivery/delivery-policy.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const NOON = new Date("2026-11-23T12:00:00Z");
const ago = (ms: number) => new Date(NOON.getTime() - ms);

describe("the wait after a failed attempt", () => {
  for (const [attempts, minutes] of [
    [0, 1],
    [1, 1],
    [2, 2],
    [3, 4],
    [6, 32],
    [7, 60],
    [8, 60],
    [5_000, 60],
  ] as const) {
    it(`is ${minutes} minutes after attempt ${attempts}`, () => {
      assert.equal(waitBeforeNextAttemptMs(attempts, undefined), minutes * MINUTE_MS);
    });
  }

  it("is what was asked for, where that is longer", () => {
    assert.equal(waitBeforeNextAttemptMs(1, 5 * MINUTE_MS), 5 * MINUTE_MS);
    assert.equal(waitBeforeNextAttemptMs(1, 3 * HOUR_MS), 3 * HOUR_MS);
    assert.equal(waitBeforeNextAttemptMs(5, MINUTE_MS), 16 * MINUTE_MS);
  });
});

describe("a message that keeps failing", () => {
  const failing = {
    attempts: 8,
    firstFailedAt: ago(4 * HOUR_MS),
    lastFailedAt: ago(2 * HOUR_MS),
    deskLastTookAt: ago(HOUR_MS),
  };

  it("goes into quarantine after eight attempts, where the desk took another since the one before", () => {
    assert.equal(isForQuarantine(failing, NOON), true);
  });

  for (const [words, changes] of [
    ["fewer attempts were made", { attempts: 7 }],
    ["the desk took its last one before, and may have broken down since", { deskLastTookAt: ago(3 * HOUR_MS) }],
    ["the desk took its last one at the same moment", { deskLastTookAt: ago(2 * HOUR_MS) }],
    ["the desk never took one", { deskLastTookAt: undefined }],
    ["it failed for the first time", { lastFailedAt: undefined }],
    ["few attempts were made in a long time", { attempts: 7, firstFailedAt: ago(100 * HOUR_MS) }],
  ] as const) {
    it(`waits where ${words}`, () => {
      assert.equal(isForQuarantine({ ...failing, ...changes }, NOON), false);
    });
  }

  it("goes into quarantine after three days, whatever became of others", () => {
    const alone = { ...failing, deskLastTookAt: undefined };
    assert.equal(isForQuarantine({ ...alone, firstFailedAt: ago(72 * HOUR_MS - 1) }, NOON), false);
    assert.equal(isForQuarantine({ ...alone, firstFailedAt: ago(72 * HOUR_MS) }, NOON), true);
  });
});
