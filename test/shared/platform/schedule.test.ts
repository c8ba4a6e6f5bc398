import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { readSchedule } from "../../../shared/platform/schedule.ts";
import { readNcrontab } from "../../simulator/host/ncrontab.ts";

/** What the parser of the timer makes of each expression, from 2026-11-27T10:00Z on; see ncrontab/README.md. */
const schedules = JSON.parse(readFileSync(new URL("ncrontab/schedules.json", import.meta.url), "utf8")) as {
  readonly expression: string;
  /** `null` where it refuses. */
  readonly next: readonly string[] | null;
}[];
const FROM = new Date("2026-11-27T10:00:00Z");

/** What the timer takes, and reads otherwise than it says; with the reason that we give. */
const MEANS_SOMETHING_ELSE: readonly (readonly [RegExp, readonly string[]])[] = [
  [
    /runs backwards/,
    [
      ..."SAT-SUN FRI-MON 6-0".split(" ").map((days) => `0 30 8 * * ${days}`),
      "0 50-10 * * * *",
      "0 0 22-6 * * *",
      "0 0 22-6/2 * * *",
      "0 0 0 28-3 * *",
      "0 0 0 1 NOV-FEB *",
      "0 0 0 1 Nov-2/2 *",
      "50-10 * * * *",
    ],
  ],
  [/has "\w+" for the month/, ["0 0 0 * J *", "0 0 0 * Ju *", "0 0 0 * M *"]],
  [/has "\w+" for the day of the week/, ["0 0 0 * * S", "0 0 0 * * T", "0 0 0 * * Th", "0 0 0 * * M-F"]],
  [/has a step of none|for the minute/, ["0 */0 * * * *", "0 5/0 * * * *", "0 */-5 * * * *", "0 */+5 * * * *"]],
  [/would never come/, ["0 0 0 30 2 *", "0 0 0 31 2,4,6,9,11 *", "0 0 0 31 FEB MON", "0 0 30 2 *"]],
  [
    /nor a time span such as/,
    ["5", "60", "24:00:00", "25:00:00", "00:00:00", "-00:05:00", "00:05", "10:00:00:00", "00:00:00.5"],
  ],
];
const reasons = new Map(MEANS_SOMETHING_ELSE.flatMap(([reason, all]) => all.map((expression) => [expression, reason])));
const isTimeSpan = (expression: string) => !expression.includes(" ");

describe("a schedule", () => {
  for (const { expression, next } of schedules) {
    const reason = reasons.get(expression);
    const isTaken = next !== null && reason === undefined;
    it(`is ${isTaken ? "taken as" : "refused where"} the timer ${next === null ? "refuses it" : "takes it"}: ${JSON.stringify(expression)}`, () => {
      const read = readSchedule(expression);
      // What has other white space than single spaces is made right; everything else goes to the timer as it is.
      const clean = expression.trim().split(/\s+/).join(" ");
      if (isTaken || /\s{2}|[^\S ]|^\s|\s$/.test(expression)) assert.deepEqual(read, { expression: clean });
      else assert.match("fault" in read ? read.fault : "taken", reason ?? /put for instance/);
    });
  }

  it("is judged on more than 80 that the timer takes, and on each that it reads otherwise", () => {
    assert.ok(schedules.filter(({ expression, next }) => next !== null && !reasons.has(expression)).length > 80);
    for (const expression of reasons.keys()) {
      const found = schedules.find((schedule) => schedule.expression === expression);
      assert.ok(found !== undefined && found.next !== null, expression);
    }
  });
});

describe("the local host", () => {
  for (const { expression, next } of schedules) {
    if (isTimeSpan(expression) && reasons.has(expression)) continue;
    it(`runs a timer when the real one does: ${JSON.stringify(expression)}`, () => {
      const nextOf = readNcrontab(expression);
      const found: string[] = [];
      for (let at = nextOf?.(FROM); at !== undefined && found.length < 3; at = nextOf?.(at)) {
        found.push(at.toISOString().replace(".000", ""));
      }
      assert.deepEqual(nextOf === undefined ? null : found, next);
    });
  }
});
