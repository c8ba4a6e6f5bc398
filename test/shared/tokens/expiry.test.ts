import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { isDueForSaving, isUsable, refreshBackoffMs, refreshTime } from "../../../shared/tokens/expiry.ts";

const NOON = new Date("2026-11-23T12:00:00Z");
const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const DAY_MS = 24 * 60 * MINUTE_MS;
const after = (ms: number) => new Date(NOON.getTime() + ms);

describe("the moment to renew an access token", () => {
  it("is a quarter of an hour ahead of its end", () => {
    assert.deepEqual(refreshTime(NOON, 75 * 60, undefined, 0), after(60 * MINUTE_MS));
  });

  it("is half way for one that lives less than half an hour", () => {
    assert.deepEqual(refreshTime(NOON, 10 * 60, undefined, 0), after(5 * MINUTE_MS));
  });

  it("is when Entra says, but never later than without its word", () => {
    assert.deepEqual(refreshTime(NOON, 28 * 3_600, 14 * 3_600, 0), after(14 * 60 * MINUTE_MS));
    assert.deepEqual(refreshTime(NOON, 75 * 60, 74 * 60, 0), after(60 * MINUTE_MS));
  });

  it("differs by up to a minute, so that not all refresh at once", () => {
    assert.deepEqual(refreshTime(NOON, 75 * 60, undefined, 0.5), after(59.5 * MINUTE_MS));
    assert.deepEqual(refreshTime(NOON, 75 * 60, undefined, 1), after(59 * MINUTE_MS));
  });

  it("never lies before the issue nor behind the end, whatever Entra answers", () => {
    const random = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(
        fc.nat(200_000),
        fc.option(fc.nat(200_000), { nil: undefined }),
        random,
        (life, refreshIn, chance) => {
          const at = refreshTime(NOON, life, refreshIn, chance).getTime();
          assert.ok(at >= NOON.getTime() && at <= NOON.getTime() + life * SECOND_MS);
        },
      ),
    );
  });
});

describe("an access token", () => {
  it("is not handed out in its last two minutes", () => {
    assert.equal(isUsable(after(2 * MINUTE_MS + 1), NOON), true);
    assert.equal(isUsable(after(2 * MINUTE_MS), NOON), false);
    assert.equal(isUsable(after(-MINUTE_MS), NOON), false);
  });
});

describe("a stored refresh token", () => {
  it("is replaced once it is a week old", () => {
    assert.equal(isDueForSaving(NOON, after(7 * DAY_MS - 1)), false);
    assert.equal(isDueForSaving(NOON, after(7 * DAY_MS)), true);
  });
});

describe("after failed refreshes", () => {
  it("Entra is left alone for 1, 2, 4, 8 and at most 15 minutes", () => {
    const minutes = [1, 2, 3, 4, 5, 6, 50].map((failures) => refreshBackoffMs(failures, undefined) / MINUTE_MS);
    assert.deepEqual(minutes, [1, 2, 4, 8, 15, 15, 15]);
  });

  it("it is left alone for longer where it asks for that, and never for less", () => {
    assert.equal(refreshBackoffMs(1, 30 * MINUTE_MS), 30 * MINUTE_MS);
    assert.equal(refreshBackoffMs(3, SECOND_MS), 4 * MINUTE_MS);
  });
});
