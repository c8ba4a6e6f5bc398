import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createExportErrors } from "../../../shared/telemetry/export-errors.ts";

const MINUTE_MS = 60_000;

describe("troubles with telemetry", () => {
  it("are told once in ten minutes, with how often they came", () => {
    let at = 0;
    const troubles = createExportErrors({ now: () => new Date(at) });
    assert.equal(troubles.take(), undefined);
    troubles.add("first");
    assert.deepEqual(troubles.take(), { message: "first", times: 1 });
    for (let times = 0; times < 5; times += 1) troubles.add("refused");
    assert.equal(troubles.take(), undefined);
    at += 10 * MINUTE_MS;
    assert.deepEqual(troubles.take(), { message: "refused", times: 5 });
    at += 10 * MINUTE_MS;
    assert.equal(troubles.take(), undefined, "what is over is not told again");
  });

  it("are cut to a length that a log can bear", () => {
    const troubles = createExportErrors({ now: () => new Date(0) });
    troubles.add("x".repeat(10_000));
    assert.equal(troubles.take()?.message.length, 300);
  });
});
