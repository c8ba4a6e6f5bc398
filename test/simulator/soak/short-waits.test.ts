import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { shortenWaits } from "./short-waits.ts";

describe("short waits", () => {
  const real = globalThis.setTimeout;
  afterEach(() => {
    globalThis.setTimeout = real;
  });

  it("make a wait of seconds one of milliseconds, and leave time limits alone", async () => {
    shortenWaits(() => true);
    let limitReached = false;
    const limit = setTimeout(() => {
      limitReached = true;
    }, 15_000);
    const waited = await new Promise((resolve) => setTimeout(resolve, 4_000, "waited"));
    assert.equal(waited, "waited");
    assert.equal(limitReached, false);
    clearTimeout(limit);
  });

  it("are over when they are given back", () => {
    const giveBack = shortenWaits(() => true);
    assert.notEqual(globalThis.setTimeout, real);
    giveBack();
    assert.equal(globalThis.setTimeout, real);
  });
});
