import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isoDay, isoMoment } from "../../../shared/platform/moment.ts";

describe("a moment that somebody wrote", () => {
  for (const [text, moment] of [
    ["2026-01-31", "2026-01-31T00:00:00.000Z"],
    ["2028-02-29", "2028-02-29T00:00:00.000Z"],
    ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000Z"],
    ["2026-01-31T12:00:00.123456Z", "2026-01-31T12:00:00.123Z"],
    ["2026-01-31T12:00:00+02:00", "2026-01-31T10:00:00.000Z"],
  ] as const) {
    it(`is read where it is ISO 8601: ${text}`, () => {
      assert.equal(isoMoment.parse(text).toISOString(), moment);
    });
  }

  for (const text of [
    ..."5 2026 01/02/03 31.01.2026 2026-1-31 20260131 today now 1769817600 1769817600000 -1".split(" "),
    "2026-02-30",
    "2027-02-29",
    "2026-13-01",
    "2026-00-10",
    "Jan 31 2026",
    "2026-01-31 12:00",
    "2026-01-31T12:00:00",
    "2026-01-31T12:00Z",
    "2026-01-31T24:00:00Z",
    "2026-01-31T12:60:00Z",
    "2026-01-31T12:00:00+0200",
    "2026-01-31T12:00:00+99:00",
    "2026-W05",
    "2026-01",
    "+002026-01-31",
    "０２０２６-01-31",
    "Sat, 31 Jan 2026 12:00:00 GMT",
    "0001-01-01",
    "9999-12-31",
    "",
    " ",
  ]) {
    it(`is refused where it is anything else: "${text}"`, () => {
      assert.equal(isoMoment.safeParse(text).success, false);
      assert.equal(isoDay.safeParse(text).success, false);
    });
  }

  it("is refused where it is no text", () => {
    for (const value of [5, null, {}, true]) assert.equal(isoMoment.safeParse(value).success, false);
  });

  it("is a day alone in a form", () => {
    assert.deepEqual(isoDay.parse("2026-01-31"), new Date("2026-01-31"));
    assert.equal(isoDay.safeParse("2026-01-31T12:00:00Z").success, false);
  });
});
