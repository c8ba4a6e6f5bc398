import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { REGRESSIONS } from "./regressions.ts";
import { simulate } from "./simulation.ts";

/** Enough for every kind of trouble to come. */
const SEEDS = 50;

describe("a simulated history", () => {
  it("is the same each time, for the same seed", async () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const first = await simulate(seed);
      const second = await simulate(seed);
      assert.deepEqual(second, first, `seed ${seed}`);
      assert.deepEqual(first.faults, [], `seed ${seed}: npm run simulate -- --seed ${seed} --trace`);
    }
  });
});

describe("a history that once went wrong", () => {
  for (const { seed, was } of REGRESSIONS) {
    it(`goes well: seed ${seed}, where ${was}`, async () => {
      assert.deepEqual((await simulate(seed)).faults, []);
    });
  }
});
