import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  EACH_TICK,
  type FetchBounds,
  type FetchHistory,
  failureClassOf,
  waitBeforeNextFetchMs,
} from "../../../shared/mailboxes/next-fetch.ts";

const MINUTE_MS = 60_000;
const NOON = new Date("2026-11-23T12:00:00.000Z");
const ADAPTIVE: FetchBounds = { ...EACH_TICK, longestQuietMs: 30 * MINUTE_MS };

const well: FetchHistory = { at: NOON, lastMailAt: NOON, failure: undefined, askedWaitMs: undefined, more: false };
const minutesAgo = (minutes: number) => new Date(NOON.getTime() - minutes * MINUTE_MS);
const minutes = (history: Partial<FetchHistory>, bounds: FetchBounds) =>
  waitBeforeNextFetchMs({ ...well, ...history }, bounds) / MINUTE_MS;

describe("a mailbox that is well", () => {
  it("is fetched at each tick, unless a setting says otherwise", () => {
    for (const lastMailAt of [NOON, minutesAgo(10_000), undefined]) assert.equal(minutes({ lastMailAt }, EACH_TICK), 0);
  });

  it("waits for a tenth of the time that it was quiet for, up to the bound", () => {
    const waits = [0, 10, 100, 300, 10_000].map((ago) => minutes({ lastMailAt: minutesAgo(ago) }, ADAPTIVE));
    assert.deepEqual(waits, [0, 1, 10, 30, 30]);
    assert.equal(minutes({ lastMailAt: undefined }, ADAPTIVE), 30);
  });

  it("with work left does not wait, however quiet it was", () => {
    assert.equal(minutes({ lastMailAt: minutesAgo(10_000), more: true }, ADAPTIVE), 0);
  });
});

describe("a mailbox whose fetch fails", () => {
  const after = (failure: NonNullable<FetchHistory["failure"]>) => minutes({ failure }, EACH_TICK);

  it("is tried at the next tick, then with growing waits up to the bound", () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 1_000].map((inARow) => after({ class: "lasting", inARow }));
    assert.deepEqual(waits, [0, 1, 2, 4, 8, 15, 15, 15]);
  });

  it("for a reason that passes by itself waits five minutes at most", () => {
    const waits = [1, 2, 3, 4, 5, 50].map((inARow) => after({ class: "passing", inARow }));
    assert.deepEqual(waits, [0, 1, 2, 4, 5, 5]);
  });

  it("through no fault of its own does not wait", () => {
    assert.equal(after({ class: "ours", inARow: 50 }), 0);
  });

  it("never comes before Graph asked for it", () => {
    const throttled = { failure: { class: "passing", inARow: 9 }, askedWaitMs: 9 * MINUTE_MS } as const;
    assert.equal(minutes(throttled, EACH_TICK), 9);
  });
});

describe("what a failure says", () => {
  for (const [code, expected] of [
    ["GRAPH_REFUSED", "lasting"],
    ["GRAPH_UNAVAILABLE", "passing"],
    ["TOKEN_UNAVAILABLE", "passing"],
    ["APP_MISCONFIGURED", "ours"],
    ["CONFIGURATION_INVALID", "ours"],
    ["DESK_UNAVAILABLE", "ours"],
    ["GRAPH_THROTTLED", "ours"],
    ["TypeError", "ours"],
  ] as const) {
    it(`of ${code} is: ${expected}`, () => assert.equal(failureClassOf(code), expected));
  }
});
