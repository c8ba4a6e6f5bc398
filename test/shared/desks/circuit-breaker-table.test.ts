import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import type { ClosedCircuit, DeskCondition } from "../../../shared/desks/circuit-breaker.ts";
import { createCircuitBreaker } from "../../../shared/desks/circuit-breaker-table.ts";
import type { Tables } from "../../../shared/platform/tables-azure.ts";
import { createLog } from "../../../shared/telemetry/log.ts";
import { type Azurite, startAzurite } from "../../simulator/azurite.ts";
import { type Clock, installClock } from "../../simulator/clock.ts";
import { azuriteTables } from "../azurite-tables.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const NOON = new Date("2026-11-23T12:00:00.000Z");
const WELL: DeskCondition = { kind: "well" };
const FAILING: DeskCondition = {
  kind: "failing",
  failure: { code: "HTTP_503", words: "HTTP 503", retryAfterMs: undefined },
};

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
function circuits(now = () => new Date()) {
  const log = createLog((_, line) => events.push(JSON.parse(line).event));
  return createCircuitBreaker({ tables, log, now });
}

async function tried(): Promise<ClosedCircuit> {
  const circuit = await circuits().ask(name);
  return circuit.kind === "open" ? assert.fail("the circuit is open") : circuit;
}

async function isOpen(): Promise<boolean> {
  return (await circuits().ask(name)).kind === "open";
}

async function fails(state = FAILING): Promise<void> {
  await (await tried()).report(state);
}

describe("a desk that takes mail", () => {
  it("is open to everybody, and costs no row", async () => {
    await fails(WELL);
    const [one, other] = await Promise.all([tried(), tried()]);
    assert.deepEqual([one.kind, other.kind], ["closed", "closed"]);
    assert.deepEqual(events, []);
  });
});

describe("a desk that fails", () => {
  it("is left alone by all mailboxes and instances, and says why", async () => {
    await fails();
    const circuit = await circuits().ask(name);
    assert.partialDeepStrictEqual(circuit, { kind: "open", failure: { code: "HTTP_503", words: "HTTP 503" } });
    assert.equal((await circuits().ask(`${name}-other`)).kind, "closed");
    assert.deepEqual(events, ["desk down"]);
  });

  it("is open again before the next tick, to one run alone", async () => {
    await fails();
    clock.advance(MINUTE_MS);
    const answers = await Promise.all(Array.from({ length: 8 }, () => circuits().ask(name)));
    assert.equal(answers.filter(({ kind }) => kind === "half-open").length, 1);
    assert.equal(answers.filter(({ kind }) => kind === "open").length, 7);
  });

  it("is left alone for longer each time, and never longer than five minutes", async () => {
    const waits: number[] = [];
    for (let failure = 0; failure < 6; failure += 1) {
      await fails();
      let seconds = 0;
      for (; await isOpen(); seconds += 10) clock.advance(10 * SECOND_MS);
      waits.push(seconds);
      // The look that found it half open was the one that may try it.
      clock.advance(10 * MINUTE_MS);
    }
    assert.deepEqual(waits, [50, 100, 200, 290, 290, 290]);
    assert.deepEqual(events, ["desk down", ...Array.from({ length: 5 }, () => "desk still down")]);
  });

  it("is left alone for as long as it asks, if that is longer", async () => {
    for (const [askedMs, openMs] of [
      [20 * MINUTE_MS, 20 * MINUTE_MS],
      [SECOND_MS, 50 * SECOND_MS],
    ] as const) {
      name = `asks-${askedMs}`;
      await fails({ kind: "failing", failure: { code: "HTTP_503", words: "HTTP 503", retryAfterMs: askedMs } });
      clock.advance(openMs - SECOND_MS);
      assert.equal(await isOpen(), true);
      clock.advance(SECOND_MS);
      assert.equal(await isOpen(), false);
    }
  });

  it("is open to all once it has answered, and tells when that was", async () => {
    await fails();
    clock.advance(MINUTE_MS);
    const probe = await tried();
    await probe.report(WELL);
    const recovered = new Date();
    const [one, other] = await Promise.all([tried(), tried()]);
    assert.deepEqual([one.kind, other.kind], ["closed", "closed"]);
    assert.ok(one.recoveredAt !== undefined && Math.abs(one.recoveredAt.getTime() - recovered.getTime()) < SECOND_MS);
    await one.report(FAILING);
    assert.deepEqual(events, ["desk down", "desk takes mail again", "desk down"]);
    clock.advance(MINUTE_MS);
    assert.equal((await tried()).kind, "half-open");
  });

  it("is tried by the next run where one ended without asking it, or died", async () => {
    await fails();
    clock.advance(MINUTE_MS);
    await (await tried()).report({ kind: "unknown" });
    assert.equal((await tried()).kind, "half-open");
    assert.equal(await isOpen(), true);
    clock.advance(150 * SECOND_MS);
    assert.equal((await tried()).kind, "half-open");
  });

  it("is left alone once, however many say so", async () => {
    const runs = await Promise.all([tried(), tried(), tried()]);
    for (const run of runs) await run.report(FAILING);
    assert.deepEqual(events, ["desk down"]);
    clock.advance(50 * SECOND_MS);
    assert.equal((await tried()).kind, "half-open");
  });

  it("is not left alone until a time that a wrong clock has written", async () => {
    const yearsAhead = circuits(() => new Date(NOON.getTime() + 10 * 365 * 24 * 60 * MINUTE_MS));
    const circuit = await yearsAhead.ask(name);
    assert.ok(circuit.kind !== "open");
    await circuit.report(FAILING);
    assert.equal((await tried()).kind, "half-open");
  });

  it("is tried at once where a person wants it", async () => {
    await fails();
    await circuits().halfOpen(name);
    assert.equal((await tried()).kind, "half-open");
    await circuits().halfOpen("no-such-desk");
  });
});
