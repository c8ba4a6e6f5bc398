import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Period } from "../../../../shared/mail/ledger/ledger.ts";
import { createAudit } from "../../../../shared/mail/operator/audit.ts";
import { ACCEPTED, at, deskThat, REFUSED } from "../fake-desk.ts";
import { type ConnectedMailbox, DAY_MS, HOUR_MS, MINUTE_MS, NOON, now, useMailHarness } from "../mail-harness.ts";

const harness = useMailHarness();
const EVER: Period = { from: new Date(0), until: new Date("2100-01-01") };

async function auditOf(mailbox: ConnectedMailbox, period: Period = EVER) {
  const audit = createAudit({ ledger: harness.ledger, sourceOf: harness.source, now });
  return audit(await mailbox.stored(), period);
}

async function numbersOf(mailbox: ConnectedMailbox) {
  const { received, inFolder, difference } = await auditOf(mailbox);
  return { received, inFolder, difference };
}

describe("the audit of a mailbox", () => {
  it("counts what became of each message, and agrees with the folder", async () => {
    const mailbox = await harness.connect();
    const [first = ""] = mailbox.receive("one", "two", "refused", "too-large");
    const desk = deskThat((name) => {
      if (name === "refused") return REFUSED;
      return name === "too-large" ? { kind: "impossible", code: "TOO_LARGE", words: "too large" } : ACCEPTED;
    });
    await harness.run(mailbox, at(desk));
    mailbox.graph.move(first, "archive");
    harness.clock.advance(5 * MINUTE_MS);
    await harness.run(mailbox, at(desk));
    const { received, states, inFolder, difference, complete } = await auditOf(mailbox);
    assert.deepEqual(
      { received, inFolder, difference, complete },
      { received: 4, inFolder: 3, difference: 0, complete: true },
    );
    assert.partialDeepStrictEqual(states, { delivered: 2, refused: 1, quarantined: 1, pending: 0 });
  });

  it("names a difference where the ledger lacks what is in the folder, or believes it gone", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one", "two");
    harness.clock.advance(5 * MINUTE_MS);
    await harness.run(mailbox);
    const table = await harness.tables("Ledger");
    const [one, two] = await harness.ledger.entries(mailbox.id);
    await table.deleteEntity(mailbox.id, `m_${one?.key}`);
    assert.equal((await auditOf(mailbox)).difference, 1);
    await table.updateEntity({ partitionKey: mailbox.id, rowKey: `m_${two?.key}`, state: "gone" }, "Merge");
    assert.equal((await auditOf(mailbox)).difference, 2);
  });

  it("looks at the period alone: not at what came before the mailbox was connected, nor at what no run has seen", async () => {
    const mailbox = await harness.connect();
    mailbox.graph.deliver(Buffer.from("From: a@b.c\r\n\r\nold"), { receivedAt: new Date(NOON.getTime() - DAY_MS) });
    mailbox.receive("noon");
    harness.clock.advance(2 * HOUR_MS);
    mailbox.receive("two o'clock");
    harness.clock.advance(5 * MINUTE_MS);
    await harness.run(mailbox);
    mailbox.receive("not seen yet");
    const whole = await auditOf(mailbox);
    assert.deepEqual([whole.received, whole.inFolder, whole.difference], [2, 2, 0]);
    assert.deepEqual(whole.from, NOON);
    const noon = await auditOf(mailbox, { from: NOON, until: new Date(NOON.getTime() + HOUR_MS) });
    assert.deepEqual([noon.received, noon.inFolder, noon.difference], [1, 1, 0]);
  });

  it("begins and ends at its moments, to the millisecond, though Graph knows seconds alone", async () => {
    const mailbox = await harness.connect({ deliverFrom: new Date(NOON.getTime() + 500) });
    mailbox.receive("half a second too early");
    harness.clock.advance(MINUTE_MS);
    mailbox.receive("one");
    harness.clock.advance(5 * MINUTE_MS);
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["one"]);
    const { received, inFolder, difference } = await auditOf(mailbox);
    assert.deepEqual([received, inFolder, difference], [1, 1, 0]);
  });

  it("reaches no further than discovery has come: not in the middle of the first walk, nor before an import is through", async () => {
    const mailbox = await harness.connect();
    mailbox.receive(...Array.from({ length: 600 }, (_, index) => `mail-${index}`));
    harness.clock.advance(5 * MINUTE_MS);
    const idle = at(deskThat(() => ACCEPTED));
    await harness.run(mailbox, { ...idle, budgetMs: 0 });
    assert.equal((await harness.ledger.waiting(mailbox.id)).pending, 500);
    assert.equal((await auditOf(mailbox)).difference, 0);
    await harness.run(mailbox, { ...idle, budgetMs: 0 });
    assert.deepEqual(await numbersOf(mailbox), { received: 600, inFolder: 600, difference: 0 });

    mailbox.graph.deliver(Buffer.from("From: a@b.c\r\n\r\nold"), { receivedAt: new Date(NOON.getTime() - DAY_MS) });
    await harness.registry.update(await mailbox.stored(), { deliverFrom: new Date(NOON.getTime() - 2 * DAY_MS) });
    assert.equal((await auditOf(mailbox)).difference, 0);
    harness.clock.advance(MINUTE_MS);
    await harness.run(mailbox);
    harness.clock.advance(MINUTE_MS);
    await harness.run(mailbox);
    assert.deepEqual(await numbersOf(mailbox), { received: 601, inFolder: 601, difference: 0 });
  });

  it("ends where a long sweep, or listing, goes on", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one");
    harness.clock.advance(HOUR_MS);
    await harness.run(mailbox);
    const minutes = (count: number) => new Date(NOON.getTime() + count * MINUTE_MS);
    for (const [moved, until] of [
      [{ sweepFrom: minutes(10) }, minutes(10)],
      [{ sweepFrom: undefined, listFrom: minutes(70) }, minutes(70)],
      [{ listFrom: minutes(20), completeUntil: undefined }, minutes(20)],
    ] as const) {
      const leased = await harness.lease(mailbox);
      await leased.record([], moved);
      await leased.release();
      assert.deepEqual((await auditOf(mailbox)).until, until);
    }
  });

  it("does not miss what was delivered so long ago that the ledger has purged it", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one");
    await harness.run(mailbox);
    harness.clock.advance(100 * DAY_MS);
    await harness.ledger.purge(mailbox.id, now());
    await harness.run(mailbox);
    const { received, inFolder, difference } = await auditOf(mailbox);
    assert.deepEqual([received, inFolder, difference], [0, 1, 0]);
  });
});
