import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { cell, facts, table } from "../../../shared/command-line/table.ts";

describe("a table for people", () => {
  it("is as wide as what is in it, and shows times to the minute", () => {
    const text = table(
      ["key", "at", "note"],
      [
        ["a", "2026-11-23T14:02:11.123Z", "x"],
        ["long", undefined, ""],
      ],
    );
    assert.equal(text, "KEY   AT                    NOTE\na     2026-11-23 14:02 UTC  x\nlong\n");
    assert.equal(facts({ one: 1, none: undefined, longer: true }), "one     1\nlonger  true\n");
  });

  it("does not let what a desk wrote steer the terminal", () => {
    assert.equal(cell("\u001b[2Jgone\r\nforged line\u009b1m"), " [2Jgone forged line 1m");
  });
});
