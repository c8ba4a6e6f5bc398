import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createExportErrors } from "../../../shared/telemetry/export-errors.ts";

const MINUTE_MS = 60_000;

describe("troubles with telemetry", () => {
  it("are told once in ten minutes, with how often they came", () => {
    let at = 0;
    const troubles = createExportErrors({ now: () => new Date(at) });
    assert.deepEqual(troubles.take(), []);
    troubles.add("first");
    assert.deepEqual(troubles.take(), [{ message: "first", times: 1 }]);
    for (let times = 0; times < 5; times += 1) troubles.add("refused");
    troubles.add("too late", 3);
    assert.deepEqual(troubles.take(), []);
    at += 10 * MINUTE_MS;
    assert.deepEqual(troubles.take(), [
      { message: "refused", times: 5 },
      { message: "too late", times: 3 },
    ]);
    at += 10 * MINUTE_MS;
    assert.deepEqual(troubles.take(), [], "what is over is not told again");
  });

  it("are cut to a length that a log can bear", () => {
    const troubles = createExportErrors({ now: () => new Date(0) });
    troubles.add("x".repeat(10_000));
    assert.equal(troubles.take()[0]?.message.length, 300);
  });

  it("are counted together where there are too many different ones", () => {
    const troubles = createExportErrors({ now: () => new Date(0) });
    for (let index = 0; index < 25; index += 1) troubles.add(`fault ${index}`);
    const told = troubles.take();
    assert.equal(told.length, 11);
    assert.deepEqual(told.at(-1), { message: "other faults", times: 15 });
  });
});
