import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Delivery } from "../../../../shared/desks/desk.ts";
import { CLAIM_MS } from "../../../../shared/mail/delivery/deliver.ts";
import { idempotencyKey, messageKey } from "../../../../shared/mail/message.ts";
import { type ConnectedMailbox, MINUTE_MS, mail, nameOf, useMailHarness } from "../mail-harness.ts";
import { createInterruptedProcess, type Interruption } from "./interrupted-process.ts";

const harness = useMailHarness();

type DeskName = "uvdesk" | "webhook";

/** A mailbox with a page of mail: two that the desk takes, one that it refuses, one that breaks it. */
async function mailboxWithMail(desk: DeskName, history: number): Promise<ConnectedMailbox> {
  const address = `history-${history}@example.com`;
  const mailbox = await harness.connect({ address, desk, acknowledge: { kind: "mark-read" } });
  mailbox.receive(`one-${history}`, `poison-${history}`);
  const automatic = Buffer.concat([Buffer.from("Auto-Submitted: auto-replied\r\n"), mail(`refused-${history}`)]);
  mailbox.graph.deliver(automatic, { name: `refused-${history}` });
  mailbox.receive(`two-${history}`);
  return mailbox;
}

/** UVdesk refuses automatic mail by itself; the webhook is told to. */
function planAnswers(): void {
  const times = 1_000_000;
  const refused = { kind: "answer", answer: { status: 422 } } as const;
  const broken = { kind: "answer", answer: { status: 500 } } as const;
  harness.webhook.standIn.plan(({ body }) => body.includes("Auto-Submitted"), refused, times);
  harness.webhook.standIn.plan(({ body }) => body.includes("Subject: poison"), broken, times);
  harness.uvdesk.standIn.plan(({ body }) => body.includes("Subject: poison"), broken, times);
}

async function runInterrupted(mailbox: ConnectedMailbox, interruption: Interruption) {
  return createInterruptedProcess(harness.deps(), interruption).run(mailbox.id, new Date(Date.now() + 10 * MINUTE_MS));
}

/** How often the desk has each mail of this mailbox. */
function timesAtDesk(desk: DeskName, name: string): number {
  const names =
    desk === "uvdesk"
      ? harness.uvdesk.tickets.map(({ subject }) => subject)
      : harness.webhook.received.map(({ bytes }) => nameOf(bytes));
  return names.filter((found) => found === name).length;
}

interface Expectation {
  readonly desk: DeskName;
  readonly history: number;
  /** Keys of those that may be at the webhook twice. */
  readonly mayBeDoubled: ReadonlySet<string>;
  readonly about: string;
}

/** Everything arrived, nothing twice that need not be, and ledger and mailbox agree with the desk. */
async function assertWhole(mailbox: ConnectedMailbox, { desk, history, mayBeDoubled, about }: Expectation) {
  const entries = await harness.ledger.entries(mailbox.id);
  assert.equal(entries.length, mailbox.graph.messages().length, about);
  for (const { immutableId, name = "", isRead } of mailbox.graph.messages()) {
    const entry =
      entries.find(({ messageId }) => messageId === immutableId) ?? assert.fail(`${about}: ${name} is lost`);
    const kind = name.replace(`-${history}`, "");
    const expected = kind === "poison" ? "pending" : kind === "refused" ? "refused" : "delivered";
    assert.deepEqual({ name, state: entry.state }, { name, state: expected }, about);
    assert.equal(isRead, expected === "delivered", `${about}: ${name} is ${isRead ? "" : "not "}marked`);
    const most = desk === "webhook" && mayBeDoubled.has(idempotencyKey(mailbox.id, entry.key)) ? 2 : 1;
    const times = timesAtDesk(desk, name);
    const isRight = expected === "delivered" ? times >= 1 && times <= most : times === 0;
    assert.ok(isRight, `${about}: ${name} is at the desk ${times} times`);
  }
}

/** Does this for the first call of a run, the second, and so on, until a run is over before the interruption comes. */
async function forEachCall(tell: (atCall: number) => Promise<boolean>): Promise<void> {
  let atCall = 1;
  while (await tell(atCall)) atCall += 1;
  assert.ok(atCall > 30, `a run that ends after ${atCall - 1} calls has not delivered`);
}

/** Leases last three minutes, claims ten. */
const LEASE_IS_OVER_AFTER_MS = 4 * MINUTE_MS;
const NOTHING: ReadonlySet<string> = new Set();

describe("a process that dies", () => {
  // UVdesk takes mail slowly, and a death after one call leaves the world as a death before the next one does.
  for (const [desk, when] of [
    ["uvdesk", "before"],
    ["webhook", "before"],
    ["webhook", "after"],
  ] as const) {
    it(`${when} any of its calls loses nothing, and doubles what was in flight at most (${desk})`, async () => {
      planAnswers();
      await forEachCall(async (atCall) => {
        const about = `death ${when} call ${atCall}`;
        const mailbox = await mailboxWithMail(desk, atCall);
        const { interrupted, inFlight } = await runInterrupted(mailbox, { atCall, when, what: "death" });
        mailbox.receive(`later-${atCall}`);
        harness.clock.advance(CLAIM_MS + MINUTE_MS);
        const outcome = await harness.run(mailbox);
        assert.equal(outcome.kind, "fetched", about);
        await assertWhole(mailbox, { desk, history: atCall, mayBeDoubled: inFlight, about });
        return interrupted;
      });
    });
  }
});

describe("a message that kills the process each time it is offered", () => {
  it("holds up no other, and ends in quarantine", async () => {
    const mailbox = await harness.connect();
    const [killer = ""] = mailbox.receive("killer", "one", "two", "three");
    const atCall = (call: string, subject: unknown) =>
      call === "desk.deliver" &&
      (subject as Delivery).idempotencyKey === idempotencyKey(mailbox.id, messageKey(killer));
    for (let rounds = 0; rounds < 20; rounds += 1) {
      mailbox.receive(`later-${rounds}`);
      await runInterrupted(mailbox, { atCall, when: "before", what: "death" });
      harness.clock.advance(CLAIM_MS + MINUTE_MS);
    }
    for (const { name = "" } of mailbox.graph.messages().filter(({ immutableId }) => immutableId !== killer)) {
      const times = timesAtDesk("webhook", name);
      assert.ok(times === 1 || times === 2, `${name} is at the desk ${times} times`);
    }
    assert.equal((await harness.entry(mailbox, killer)).state, "quarantined");
  });
});

describe("one process that dies", () => {
  const atDelivery = (call: string) => call === "desk.deliver";

  it("over a message that failed often before puts it into no quarantine", async () => {
    const mailbox = await harness.connect();
    const [id = ""] = mailbox.receive("unlucky");
    harness.webhook.standIn.plan(() => true, { kind: "answer", answer: { status: 500 } }, 10);
    for (let failures = 0; failures < 10; failures += 1) {
      await harness.run(mailbox);
      harness.clock.advance(90 * MINUTE_MS);
    }
    assert.ok((await harness.entry(mailbox, id)).attempts >= 8);
    await runInterrupted(mailbox, { atCall: atDelivery, when: "before", what: "death" });
    harness.clock.advance(CLAIM_MS + MINUTE_MS);
    await harness.run(mailbox);
    assert.equal((await harness.entry(mailbox, id)).state, "delivered");
  });

  it("leaves no message waiting behind others that cannot be read", async () => {
    const mailbox = await harness.connect();
    const [waiting = ""] = mailbox.receive("waiting");
    await runInterrupted(mailbox, { atCall: atDelivery, when: "before", what: "death" });
    for (const corrupt of mailbox.receive("1", "2", "3", "4")) mailbox.graph.corrupt(corrupt);
    harness.clock.advance(CLAIM_MS + MINUTE_MS);
    await harness.run(mailbox);
    assert.equal((await harness.entry(mailbox, waiting)).state, "delivered");
  });
});

describe("a process that stands still while another takes over", () => {
  for (const when of ["before", "after"] as const) {
    it(`${when} any of its calls, and goes on within its claims, doubles nothing at all`, async () => {
      planAnswers();
      await forEachCall(async (atCall) => {
        const mailbox = await mailboxWithMail("webhook", atCall);
        const other = async () => {
          harness.clock.advance(LEASE_IS_OVER_AFTER_MS);
          mailbox.receive(`later-${atCall}`);
          await harness.run(mailbox);
        };
        const { interrupted } = await runInterrupted(mailbox, { atCall, when, what: other });
        harness.clock.advance(CLAIM_MS + MINUTE_MS);
        await harness.run(mailbox);
        const about = `still ${when} call ${atCall}`;
        await assertWhole(mailbox, { desk: "webhook", history: atCall, mayBeDoubled: NOTHING, about });
        return interrupted;
      });
    });
  }

  it("until its claims are over, doubles nothing at a desk that knows its mail", async () => {
    planAnswers();
    await forEachCall(async (atCall) => {
      const mailbox = await mailboxWithMail("uvdesk", atCall);
      const other = async () => {
        harness.clock.advance(CLAIM_MS + MINUTE_MS);
        await harness.run(mailbox);
      };
      const { interrupted } = await runInterrupted(mailbox, { atCall, when: "before", what: other });
      harness.clock.advance(CLAIM_MS + MINUTE_MS);
      await harness.run(mailbox);
      const about = `still before call ${atCall}`;
      await assertWhole(mailbox, { desk: "uvdesk", history: atCall, mayBeDoubled: NOTHING, about });
      return interrupted;
    });
  });
});
