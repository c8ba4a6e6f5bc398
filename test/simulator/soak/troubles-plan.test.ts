import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom } from "./seeded-random.ts";
import { LEAST_HOURS_WITH_TROUBLES, OUTAGE_SERVICES, planTroubles, type Trouble } from "./troubles-plan.ts";

const HOUR_MS = 3_600_000;

const plan = (hours: number, seed: number) =>
  planTroubles({ begin: 0, hours, mailboxes: 5, random: createSeededRandom(seed) });
const endOf = (trouble: Trouble) => ("until" in trouble ? trouble.until : trouble.from);

describe("the plan of troubles", () => {
  it("has an outage of each service in each month of a year", () => {
    const outages = plan(8_760, 1).filter(({ kind }) => kind === "outage");
    assert.equal(outages.length, 12 * OUTAGE_SERVICES.length);
  });

  it("is the same for the same seed only", () => {
    assert.deepEqual(plan(8_760, 1), plan(8_760, 1));
    assert.notDeepEqual(plan(8_760, 1), plan(8_760, 2));
  });

  for (const hours of [LEAST_HOURS_WITH_TROUBLES, 1_000, 8_760]) {
    it(`leaves the end of ${hours} hours quiet, whatever the seed`, () => {
      for (let seed = 0; seed < 50; seed += 1) {
        for (const trouble of plan(hours, seed)) {
          assert.ok(trouble.from >= 0 && endOf(trouble) <= (hours - 12) * HOUR_MS, JSON.stringify(trouble));
        }
      }
    });

    it(`has each trouble that people must put right once in ${hours} hours, one after the other`, () => {
      for (let seed = 0; seed < 50; seed += 1) {
        const once = plan(hours, seed)
          .filter(({ kind }) => ["secret-expiry", "tenant-block", "password-reset"].includes(kind))
          .sort((a, b) => a.from - b.from);
        assert.equal(new Set(once.map(({ kind }) => kind)).size, 3);
        assert.equal(once.length, 3);
        for (const [index, trouble] of once.entries()) {
          const next = once[index + 1];
          assert.ok(next === undefined || endOf(trouble) < next.from, JSON.stringify(once));
        }
      }
    });
  }
});
