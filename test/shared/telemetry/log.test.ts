import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AppError } from "../../../shared/platform/errors.ts";
import { currentLog, withLog } from "../../../shared/telemetry/current-log.ts";
import { createLog, errorFields, type LogLevel } from "../../../shared/telemetry/log.ts";

function collected() {
  const lines: [LogLevel, string][] = [];
  return { lines, log: createLog((level, line) => lines.push([level, line])) };
}

describe("a log", () => {
  it("writes each event as one line of JSON, at its level", () => {
    const { lines, log } = collected();
    const at = new Date("2026-11-23T12:00:00Z");
    log.info("tick started", { due: 3, at });
    log.warn("desk failed", { mailboxId: "9f2c", uncertain: true, code: undefined });
    log.error("app misconfigured");
    assert.deepEqual(lines, [
      ["info", '{"event":"tick started","due":3,"at":"2026-11-23T12:00:00.000Z"}'],
      ["warn", '{"event":"desk failed","mailboxId":"9f2c","uncertain":true}'],
      ["error", '{"event":"app misconfigured"}'],
    ]);
  });

  it("stays one line whatever a text holds", () => {
    const { lines, log } = collected();
    log.warn("request failed", { message: 'first\r\n{"event":"forged"}\u2028' });
    assert.equal(lines[0]?.[1].split(/\r|\n/).length, 1);
  });

  it("masks what looks like a secret in any text", () => {
    const { lines, log } = collected();
    log.error("request failed", { message: "GET /api/mailboxes?code=topsecret failed" });
    assert.ok(!lines[0]?.[1].includes("topsecret"));
  });
});

describe("what went wrong", () => {
  it("is told by code and message, with the reasons that lie underneath", () => {
    const cause = new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED 127.0.0.1:1") });
    const error = new AppError("GRAPH_UNAVAILABLE", "Graph does not answer", { cause });
    assert.deepEqual(errorFields(error), {
      code: "GRAPH_UNAVAILABLE",
      message: "Graph does not answer (fetch failed (connect ECONNREFUSED 127.0.0.1:1))",
    });
  });

  it("is told by an error's own code or name where it is none of ours", () => {
    assert.equal(errorFields(Object.assign(new Error("reset"), { code: "ECONNRESET" })).code, "ECONNRESET");
    assert.equal(errorFields(new RangeError("x")).code, "RangeError");
    assert.deepEqual(errorFields("just a text"), { code: "UNKNOWN", message: "just a text" });
    assert.equal(errorFields(undefined).code, "UNKNOWN");
  });
});

describe("the current log", () => {
  it("is that of the invocation under way, also behind an await and beside another invocation", async () => {
    const [first, second] = [collected(), collected()];
    const work = async (due: number) => {
      await new Promise((resolve) => setImmediate(resolve));
      currentLog.info("tick started", { due });
    };
    await Promise.all([withLog(first.log, () => work(1)), withLog(second.log, () => work(2))]);
    assert.deepEqual(first.lines, [["info", '{"event":"tick started","due":1}']]);
    assert.deepEqual(second.lines, [["info", '{"event":"tick started","due":2}']]);
  });

  it("outside of any invocation is silent", () => {
    currentLog.error("request failed");
  });
});
