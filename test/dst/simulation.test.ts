import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { simulate } from "./simulation.ts";

/** `simulation.system.test.ts` plays more of them. */
const SEEDS = 20;
const SEEDS_PLAYED_TWICE = 5;

describe("a simulated history", () => {
  it("goes well, and is the same each time, for the same seed", async () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const first = await simulate(seed);
      if (seed <= SEEDS_PLAYED_TWICE) assert.deepEqual(await simulate(seed), first, `seed ${seed}`);
      assert.deepEqual(first.faults, [], `seed ${seed}: npm run simulate -- --seed ${seed} --trace`);
    }
  });

  it("gives the process back as it was", async () => {
    const before = [globalThis.fetch, globalThis.setTimeout, globalThis.Date, Math.random, AbortSignal.timeout];
    await simulate(1);
    assert.deepEqual(
      [globalThis.fetch, globalThis.setTimeout, globalThis.Date, Math.random, AbortSignal.timeout],
      before,
    );
  });
});
