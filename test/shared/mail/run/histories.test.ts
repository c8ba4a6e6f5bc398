import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Mailbox as GraphMailbox } from "../../../simulator/graph/graph-mailbox.ts";
import type { Fault } from "../../../simulator/stand-in.ts";
import { asksForChanges, type ConnectedMailbox, MINUTE_MS, readsContent, useMailHarness } from "../mail-harness.ts";
import { createInterruptedProcess } from "./interrupted-process.ts";

const harness = useMailHarness();

type DeskName = "uvdesk" | "webhook";

/** One thing that happens to a mailbox, between runs or to the next one. */
type Event =
  | { readonly kind: "mail"; readonly count: number }
  | { readonly kind: "read" | "archive" | "bring back" | "delete" | "replay"; readonly which: number }
  | { readonly kind: "sync state lost" | "token ends" | "throttled" }
  | { readonly kind: "desk fault" | "changes fault" | "content fault" | "mark fault"; readonly fault: Fault }
  | { readonly kind: "time passes"; readonly minutes: number };

/** What happens, and then a run, which may die at one of its calls. */
interface Tick {
  readonly events: readonly Event[];
  readonly dies: { readonly atCall: number; readonly when: "before" | "after" } | undefined;
  /** Another instance makes a run at the same time. */
  readonly another: boolean;
}

interface History {
  readonly desk: DeskName;
  readonly ticks: readonly Tick[];
}

const answer = (status: number, headers: Record<string, string> = {}): Fault => ({
  kind: "answer",
  answer: { status, headers },
});
const cuts: readonly Fault[] = [{ kind: "cut-before" }, { kind: "cut-after" }];
const which = fc.nat(50);
const faults = (...more: readonly Fault[]) => fc.constantFrom(...cuts, answer(500), answer(503), ...more);

const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("mail"), count: fc.integer({ min: 1, max: 4 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom("read", "archive", "bring back", "delete", "replay"), which }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("sync state lost", "token ends", "throttled") }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("desk fault"), fault: faults(answer(502)) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("changes fault"), fault: faults() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("content fault"),
      fault: faults({ kind: "cut-body", afterBytes: 60 }, answer(504), answer(429, { "retry-after": "90" })),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("mark fault"), fault: faults(answer(403)) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("time passes"), minutes: fc.integer({ min: 1, max: 90 }) }) },
);

const history: fc.Arbitrary<History> = fc.record({
  desk: fc.constantFrom<DeskName>("uvdesk", "webhook"),
  ticks: fc.array(
    fc.record({
      events: fc.array(event, { minLength: 1, maxLength: 4 }),
      dies: fc.option(
        fc.record({ atCall: fc.integer({ min: 1, max: 40 }), when: fc.constantFrom("before", "after") }),
        {
          nil: undefined,
        },
      ),
      another: fc.boolean(),
    }),
    { minLength: 2, maxLength: 7 },
  ),
});

/** The mailbox of one history, and every mail that it ever got. */
interface Told {
  readonly mailbox: ConnectedMailbox;
  readonly desk: DeskName;
  readonly mails: { readonly id: string; readonly name: string }[];
  /** How many mails the webhook may have once too often, all together. */
  mayBeDoubled: number;
}

/** Does to the stand-ins what the history says. */
function happen(told: Told, event: Event): void {
  const { mailbox, desk, mails } = told;
  switch (event.kind) {
    case "mail":
      for (let count = 0; count < event.count; count += 1) {
        const name = `${mailbox.graph.address}-${mails.length}`;
        const [id = ""] = mailbox.receive(name);
        mails.push({ id, name });
      }
      break;
    case "time passes":
      harness.clock.advance(event.minutes * MINUTE_MS);
      break;
    case "sync state lost":
      mailbox.graph.expireSyncState();
      break;
    case "token ends":
      harness.tokens.accepted.clear();
      break;
    case "throttled":
      harness.graph.throttle({ times: 1, retryAfter: "45" });
      break;
    case "desk fault":
      if (event.fault.kind === "cut-after") told.mayBeDoubled += 1;
      harness[desk].standIn.plan(() => true, event.fault);
      break;
    case "changes fault":
      harness.graph.server.plan(asksForChanges, event.fault);
      break;
    case "content fault":
      harness.graph.server.plan(readsContent(), event.fault);
      break;
    case "mark fault":
      harness.graph.server.plan(({ method }) => method === "PATCH", event.fault);
      break;
    default:
      happenToMessage(mailbox.graph, event);
      break;
  }
}

function happenToMessage(mailbox: GraphMailbox, { kind, which }: Extract<Event, { which: number }>): void {
  const messages = mailbox.messages();
  const message = messages[which % Math.max(1, messages.length)];
  if (message === undefined) return;
  const { immutableId, isRead } = message;
  switch (kind) {
    case "read":
      mailbox.setRead(immutableId, !isRead);
      break;
    case "archive":
      mailbox.move(immutableId, "archive");
      break;
    case "bring back":
      mailbox.move(immutableId, "inbox");
      break;
    case "delete":
      mailbox.remove(immutableId);
      break;
    case "replay":
      mailbox.replay(immutableId);
      break;
  }
}

/** Two runs at most at the same time; one of them may die. */
async function tick(told: Told, { events, dies, another }: Tick): Promise<void> {
  for (const event of events) happen(told, event);
  const interruption = dies && { ...dies, what: "death" as const };
  const run = createInterruptedProcess(harness.deps(), interruption).run(
    told.mailbox.id,
    new Date(Date.now() + MINUTE_MS),
  );
  const [{ interrupted, inFlight }] = await Promise.all([run, another ? harness.run(told.mailbox) : undefined]);
  if (interrupted) told.mayBeDoubled += inFlight.size;
  harness.clock.advance(MINUTE_MS);
}

/** The faults are over, and there is time for every lease, claim and wait to end. */
async function comeToRest({ mailbox }: Told): Promise<void> {
  harness.uvdesk.standIn.clearFaults();
  harness.webhook.standIn.clearFaults();
  harness.graph.server.clearFaults();
  for (let runs = 0; runs < 3; runs += 1) {
    harness.clock.advance(LONGER_THAN_ANY_WAIT_MS);
    await harness.run(mailbox);
  }
}

async function assertWhole({ mailbox, desk, mails, mayBeDoubled }: Told): Promise<void> {
  const entries = await harness.ledger.entries(mailbox.id);
  const inbox = new Set(mailbox.graph.messages("inbox").map(({ immutableId }) => immutableId));
  const everywhere = new Set(mailbox.graph.messages().map(({ immutableId }) => immutableId));
  const atDesk = desk === "uvdesk" ? harness.uvdesk.tickets.map(({ subject }) => subject) : harness.taken();
  let doubled = 0;
  for (const { id, name } of mails) {
    const state = entries.find(({ messageId }) => messageId === id)?.state;
    const times = atDesk.filter((found) => found === name).length;
    if (inbox.has(id)) assert.equal(state, "delivered", `${name} is in the folder`);
    else if (everywhere.has(id)) assert.ok(state === undefined || state === "delivered", `${name} is ${state}`);
    else assert.ok(state !== "pending" && state !== "quarantined", `${name} was deleted, and is ${state}`);
    if (state === "delivered") assert.ok(times > 0, `${name} is called delivered, and is not at the desk`);
    if (state === undefined) assert.equal(times, 0, `${name} is at the desk, and the ledger does not know it`);
    doubled += Math.max(0, times - 1);
  }
  const allowed = desk === "uvdesk" ? 0 : mayBeDoubled;
  assert.ok(doubled <= allowed, `${doubled} mails are at the desk once too often; ${allowed} may be`);
  const ledger = await harness.lease(mailbox);
  assert.deepEqual(await ledger.toAcknowledge(new Date(), 100), [], "marks are missing");
  await ledger.release();
}

const SEED = 20_261_123;
const HISTORIES = 50;
/** Waits double from one minute; no history is long enough for more than a few failures in a row. */
const LONGER_THAN_ANY_WAIT_MS = 65 * MINUTE_MS;

describe("whatever happens to a mailbox", () => {
  it("nothing is lost, and nothing is doubled but what was in flight", async () => {
    let told = 0;
    await fc.assert(
      fc.asyncProperty(history, async ({ desk, ticks }) => {
        const address = `history-${told}@example.com`;
        told += 1;
        const mailbox = await harness.connect({ address, desk, acknowledge: { kind: "mark-read" } });
        const about: Told = { mailbox, desk, mails: [], mayBeDoubled: 0 };
        for (const event of ticks) await tick(about, event);
        await comeToRest(about);
        await assertWhole(about);
      }),
      { seed: SEED, numRuns: HISTORIES, endOnFailure: false },
    );
  });
});
