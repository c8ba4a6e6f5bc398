import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { DeskAnswer } from "../../../../shared/desks/desk.ts";
import { CLAIM_MS } from "../../../../shared/mail/delivery/deliver.ts";
import type { Ledger } from "../../../../shared/mail/ledger/ledger.ts";
import type { FetchMailboxDeps } from "../../../../shared/mail/run/fetch-mailbox.ts";
import { ACCEPTED, at, DUPLICATE, deskThat } from "../fake-desk.ts";
import { type ConnectedMailbox, HOUR_MS, MINUTE_MS, readsContent, useMailHarness } from "../mail-harness.ts";

const harness = useMailHarness();

const BUSY: DeskAnswer = {
  kind: "try-again",
  because: "desk",
  code: "BUSY",
  words: "other runs deliver all the time",
  retryAfterMs: undefined,
  uncertain: false,
};

describe("a message that never gets its turn at a desk that takes one at a time", () => {
  it("was never offered, and is blamed for nothing, however often the desk took others", async () => {
    const mailbox = await harness.connect();
    const [late = ""] = mailbox.receive("late");
    const desk = deskThat((name) => (name === "late" ? BUSY : ACCEPTED));
    const another = await harness.connect({ address: "second@example.com" });
    for (let hour = 0; hour < 20; hour += 1) {
      await harness.run(mailbox, at(desk));
      harness.clock.advance(HOUR_MS);
      // The desk is well: it takes the mail of others, and even younger mail of this mailbox.
      another.receive(`other-${hour}`);
      await harness.run(another, at(desk));
      await harness.registry.update(await mailbox.stored(), { lastMailAt: new Date() });
    }
    const { state, attempts, firstFailedAt, uncertain } = await harness.entry(mailbox, late);
    assert.deepEqual(
      { state, attempts, firstFailedAt, uncertain },
      { state: "pending", attempts: 0, firstFailedAt: undefined, uncertain: false },
    );
  });
});

describe("a message over which Graph asks to wait each time", () => {
  it("ends in quarantine, while new mail arrives", async () => {
    const mailbox = await harness.connect({ desk: "uvdesk" });
    const [id = ""] = mailbox.receive("poison");
    askToWaitOver(id, 504);
    const asked = () => harness.graph.server.requests.filter(readsContent(id)).length;
    for (let hour = 0; hour < 12; hour += 1) {
      mailbox.receive(`fine-${hour}`);
      for (let run = 0; run < 3; run += 1) {
        const before = asked();
        const { kind } = await harness.run(mailbox);
        assert.equal(kind, asked() > before ? "failed" : "fetched", "Graph is left in peace whenever it asks for it");
        harness.clock.advance(20 * MINUTE_MS);
      }
    }
    const { state, answer } = await harness.entry(mailbox, id);
    assert.equal(state, "quarantined", answer);
    assert.match(answer, /\$value: 504/);
    assert.equal(harness.uvdesk.tickets.length, 12);
    assert.equal((await mailbox.stored()).lastError, undefined);
  });

  it("keeps no message waiting whose run died", async () => {
    const mailbox = await harness.connect({ desk: "uvdesk" });
    const [id = "", abandoned = ""] = mailbox.receive("poison", "abandoned");
    askToWaitOver(id, 503);
    await claimAndDie(mailbox, abandoned);
    for (let minute = 0; minute < 10; minute += 1) {
      if (minute % 3 === 0) mailbox.receive(`fine-${minute}`);
      await harness.runs(mailbox, 1);
    }
    assert.equal((await harness.entry(mailbox, abandoned)).state, "delivered");
  });

  it("is not to blame where Graph asks so over every message: the mailbox says so, and leaves Graph in peace", async () => {
    const mailbox = await harness.connect({ desk: "uvdesk" });
    const [id = ""] = mailbox.receive("one");
    askToWaitOver("", 503);
    for (let hour = 0; hour < 12; hour += 1) {
      assert.deepEqual(await harness.run(mailbox), { kind: "failed", code: "GRAPH_THROTTLED" });
      assert.ok((await mailbox.stored()).throttledUntil);
      harness.clock.advance(HOUR_MS);
    }
    const { state, attempts } = await harness.entry(mailbox, id);
    assert.deepEqual({ state, attempts }, { state: "pending", attempts: 0 });
  });

  it("with 429 is not to blame: that is about the mailbox", async () => {
    const mailbox = await harness.connect({ desk: "uvdesk" });
    const [id = ""] = mailbox.receive("one");
    askToWaitOver(id, 429);
    await hoursWithNewMail(mailbox, 12);
    const { state, attempts } = await harness.entry(mailbox, id);
    assert.deepEqual({ state, attempts }, { state: "pending", attempts: 0 });
  });

  function askToWaitOver(messageId: string, status: number): void {
    const answer = { status, headers: { "retry-after": "30" } };
    harness.graph.server.plan(readsContent(messageId), { kind: "answer", answer }, 10_000);
  }
});

describe("a message for which the temporary folder has no room", () => {
  it("ends in quarantine, and the log and the message say why; the others go on", async () => {
    const mailbox = await harness.connect();
    const [id = ""] = mailbox.receive("large");
    const deps = withoutRoomFor(id);
    for (let hour = 0; hour < 12; hour += 1) {
      mailbox.receive(`fine-${hour}`);
      await harness.run(mailbox, { deps });
      assert.equal(harness.taken().length, hour + 1);
      assert.equal((await mailbox.stored()).lastError, undefined);
      harness.clock.advance(HOUR_MS);
    }
    const { state, answer } = await harness.entry(mailbox, id);
    assert.equal(state, "quarantined");
    assert.match(answer, /temporary folder \(ENOSPC\).*replay it/);
    assert.equal(harness.events.find(({ event }) => event === "message quarantined")?.code, "ENOSPC");
  });

  it("is a fault that the mailbox shows where it hits three and nothing comes through", async () => {
    const mailbox = await harness.connect();
    const ids = mailbox.receive("one", "two", "three");
    assert.deepEqual(await harness.run(mailbox, { deps: withoutRoomFor(...ids) }), { kind: "failed", code: "ENOSPC" });
  });

  function withoutRoomFor(...ids: string[]): Partial<FetchMailboxDeps> {
    const { sourceOf } = harness.deps();
    return {
      sourceOf(mailbox, budget) {
        const source = sourceOf(mailbox, budget);
        return {
          ...source,
          async content(messageId) {
            if (!ids.includes(messageId)) return source.content(messageId);
            throw Object.assign(new Error("ENOSPC: no space left on device, write"), {
              code: "ENOSPC",
              errno: -28,
              syscall: "write",
            });
          },
        };
      },
    };
  }
});

describe("a message that the desk says it had before it was ever offered", () => {
  it("is delivered, and somebody is told to look: its sender may use one Message-ID for several mails", async () => {
    const mailbox = await harness.connect();
    const [id = ""] = mailbox.receive("one");
    await harness.run(mailbox, at(deskThat(() => ({ ...DUPLICATE, reference: "7" }))));
    const { state, answer } = await harness.entry(mailbox, id);
    assert.equal(state, "delivered");
    assert.match(answer, /^ticket 7; .*same Message-ID.*look/);
    assert.ok(harness.events.some(({ event, kind }) => event === "message delivered" && kind === "duplicate"));
  });
});

describe("a storage that fails between two batches", () => {
  it("ends the run, and what was delivered until then counts all the same", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one", "two");
    const { ledger } = harness.deps();
    let looks = 0;
    const failing: Ledger = {
      ...ledger,
      async lease(id) {
        const leased = (await ledger.lease(id)) ?? assert.fail("leased");
        const due: typeof leased.due = (...asked) => {
          looks += 1;
          return looks === 2 ? Promise.reject(new Error("storage is away")) : leased.due(...asked);
        };
        return Object.assign(Object.create(leased), { due });
      },
    };
    assert.equal((await harness.run(mailbox, { deps: { ledger: failing } })).kind, "failed");
    const { delivered, lastMailAt } = await mailbox.stored();
    assert.deepEqual([delivered, lastMailAt === undefined], [2, false]);
    const [event] = (await harness.activity.list(mailbox.id, 10)).filter(({ kind }) => kind === "delivered");
    assert.ok(event, "nobody is told of the two");
  });
});

async function hoursWithNewMail(mailbox: ConnectedMailbox, hours: number): Promise<void> {
  for (let hour = 0; hour < hours; hour += 1) {
    mailbox.receive(`fine-${hour}`);
    for (let run = 0; run < 3; run += 1) {
      await harness.run(mailbox);
      harness.clock.advance(20 * MINUTE_MS);
    }
  }
}

async function claimAndDie(mailbox: ConnectedMailbox, messageId: string): Promise<void> {
  await harness.run(mailbox, at(deskThat(() => BUSY)));
  const dead = await harness.lease(mailbox);
  const entry = (await dead.due(new Date(), 10)).find((due) => due.messageId === messageId);
  await dead.claim(entry ?? assert.fail("it is not due"), new Date(Date.now() + CLAIM_MS));
  await dead.release();
  harness.clock.advance(CLAIM_MS + MINUTE_MS);
}
