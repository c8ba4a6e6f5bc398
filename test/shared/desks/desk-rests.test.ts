import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { createDeskRests, type DeskPermission, type DeskState, restMs } from "../../../shared/desks/desk-rests.ts";
import type { Tables } from "../../../shared/tables.ts";
import { createLog } from "../../../shared/telemetry/log.ts";
import { type Azurite, startAzurite } from "../../simulator/azurite.ts";
import { type Clock, installClock } from "../../simulator/clock.ts";
import { azuriteTables } from "../azurite-tables.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const NOON = new Date("2026-11-23T12:00:00.000Z");
const WELL: DeskState = { kind: "well" };
const ILL: DeskState = { kind: "ill", illness: { code: "HTTP_503", words: "HTTP 503", retryAfterMs: undefined } };

let azurite: Azurite;
let tables: Tables;
let clock: Clock;
let events: string[];
let desk = 0;
let name: string;

before(async () => {
  azurite = await startAzurite({ tablePort: 0, queuePort: 0 });
  tables = azuriteTables(azurite);
});
after(() => azurite.stop());
beforeEach(() => {
  clock = installClock(NOON);
  events = [];
  desk += 1;
  name = `desk-${desk}`;
});
afterEach(() => clock.uninstall());

/** Another instance of the app each time: nothing lives in memory. */
function rests(now = () => new Date()) {
  const log = createLog((_, line) => events.push(JSON.parse(line).event));
  return createDeskRests({ tables, log, now });
}

async function open(): Promise<DeskPermission & { kind: "open" }> {
  const permission = await rests().ask(name);
  return permission.kind === "open" ? permission : assert.fail("the desk rests");
}

async function isResting(): Promise<boolean> {
  return (await rests().ask(name)).kind === "resting";
}

async function fails(state = ILL): Promise<void> {
  await (await open()).report(state);
}

describe("a desk that is well", () => {
  it("is open to everybody, and costs no row", async () => {
    await fails(WELL);
    const [one, other] = await Promise.all([open(), open()]);
    assert.deepEqual([one.probing, other.probing], [false, false]);
    assert.deepEqual(events, []);
  });
});

describe("a desk that is ill", () => {
  it("rests for all mailboxes and instances, and says why", async () => {
    await fails();
    const permission = await rests().ask(name);
    assert.partialDeepStrictEqual(permission, { kind: "resting", illness: { code: "HTTP_503", words: "HTTP 503" } });
    assert.equal((await rests().ask(`${name}-other`)).kind, "open");
    assert.deepEqual(events, ["desk down"]);
  });

  it("is open again before the next tick, to one run alone", async () => {
    await fails();
    clock.advance(MINUTE_MS);
    const permissions = await Promise.all(Array.from({ length: 8 }, () => rests().ask(name)));
    assert.equal(permissions.filter(({ kind }) => kind === "open").length, 1);
    assert.partialDeepStrictEqual(
      permissions.find(({ kind }) => kind === "open"),
      { probing: true },
    );
  });

  it("rests for longer each time, and never longer than five minutes", async () => {
    const waits: number[] = [];
    for (let failure = 0; failure < 6; failure += 1) {
      await fails();
      let seconds = 0;
      for (; await isResting(); seconds += 10) clock.advance(10 * SECOND_MS);
      waits.push(seconds);
      // The look that found it open took the turn to try it.
      clock.advance(10 * MINUTE_MS);
    }
    assert.deepEqual(waits, [50, 100, 200, 290, 290, 290]);
    assert.deepEqual(events, ["desk down", ...Array.from({ length: 5 }, () => "desk still down")]);
  });

  it("rests for as long as it asks, if that is longer", async () => {
    assert.equal(restMs(1, 20 * MINUTE_MS), 20 * MINUTE_MS);
    assert.equal(restMs(1, SECOND_MS), 50 * SECOND_MS);
  });

  it("is open to all once it has answered, and tells when that was", async () => {
    await fails();
    clock.advance(MINUTE_MS);
    const probe = await open();
    await probe.report(WELL);
    const recovered = new Date();
    const [one, other] = await Promise.all([open(), open()]);
    assert.deepEqual([one.probing, other.probing], [false, false]);
    assert.ok(one.recoveredAt !== undefined && Math.abs(one.recoveredAt.getTime() - recovered.getTime()) < SECOND_MS);
    await one.report(ILL);
    assert.deepEqual(events, ["desk down", "desk takes mail again", "desk down"]);
    clock.advance(MINUTE_MS);
    assert.equal((await open()).probing, true);
  });

  it("is tried by the next run where one ended without asking it, or died", async () => {
    await fails();
    clock.advance(MINUTE_MS);
    await (await open()).report({ kind: "unknown" });
    assert.equal((await open()).probing, true);
    assert.equal(await isResting(), true);
    clock.advance(150 * SECOND_MS);
    assert.equal((await open()).probing, true);
  });

  it("rests once, however many say so", async () => {
    const runs = await Promise.all([open(), open(), open()]);
    for (const run of runs) await run.report(ILL);
    assert.deepEqual(events, ["desk down"]);
    clock.advance(50 * SECOND_MS);
    assert.equal((await open()).probing, true);
  });

  it("does not rest until a time that a wrong clock has written", async () => {
    const yearsAhead = rests(() => new Date(NOON.getTime() + 10 * 365 * 24 * 60 * MINUTE_MS));
    const permission = await yearsAhead.ask(name);
    assert.ok(permission.kind === "open");
    await permission.report(ILL);
    assert.equal((await open()).probing, true);
  });

  it("can be woken by a person", async () => {
    await fails();
    await rests().wake(name);
    assert.equal((await open()).probing, true);
    await rests().wake("no-such-desk");
  });
});
