import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import type { TableClient } from "@azure/data-tables";
import {
  type ClaimedEntry,
  LEDGER_MEMORY_MS,
  type LeasedLedger,
  type Ledger,
  mayBePurged,
  type NewEntry,
  type StoredEntry,
} from "../../../../shared/mail/ledger/ledger.ts";
import { createLedger } from "../../../../shared/mail/ledger/ledger-table.ts";
import type { Tables } from "../../../../shared/platform/tables-azure.ts";
import { type Azurite, startAzurite } from "../../../simulator/azurite.ts";
import { type Clock, installClock } from "../../../simulator/clock.ts";
import { azuriteTables } from "../../azurite-tables.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, NOON, now, SECOND_MS } from "../mail-harness.ts";

/** A run has the mailbox for so long, unless it renews. */
const LEASE_MS = 3 * MINUTE_MS;
const DELIVERED = { state: "delivered", answer: "ticket 1", acknowledge: false } as const;

let azurite: Azurite;
let clock: Clock;
let tables: Tables;
let ledger: Ledger;
let mailboxes = 0;
let mailboxId: string;

// One Azurite for the file, a mailbox of its own for each test.
before(async () => {
  azurite = await startAzurite({ tablePort: 0, queuePort: 0 });
  tables = azuriteTables(azurite);
});
after(() => azurite.stop());
beforeEach(() => {
  clock = installClock(NOON);
  mailboxes += 1;
  mailboxId = `mailbox-${mailboxes}`;
  ledger = createLedger({ tables, now });
});
afterEach(() => clock.uninstall());

async function lease(): Promise<LeasedLedger> {
  return (await ledger.lease(mailboxId)) ?? assert.fail("another run holds the lease");
}

/** So many messages, received a second after one another. */
function messages(count: number, prefix = "message"): NewEntry[] {
  return Array.from({ length: count }, (_, index) => ({
    messageId: `${prefix}-${index}`,
    receivedAt: new Date(NOON.getTime() - HOUR_MS + index * SECOND_MS),
  }));
}

async function claim(run: LeasedLedger, messageId?: string): Promise<ClaimedEntry> {
  const due = await run.due(now(), 100);
  const entry = due.find((candidate) => messageId === undefined || candidate.messageId === messageId);
  const claimed = await run.claim(entry ?? assert.fail("not due"), new Date(Date.now() + 10 * MINUTE_MS));
  return claimed ?? assert.fail("not claimed");
}

async function idsDue(run: LeasedLedger, limit = 100): Promise<string[]> {
  return (await run.due(now(), limit)).map(({ messageId }) => messageId);
}

const entryOf = async (messageId: string) =>
  (await ledger.entries(mailboxId)).find((entry) => entry.messageId === messageId) ?? assert.fail(`no ${messageId}`);

/** The tables, with one of the requests to the ledger failing before it has any effect. */
function tablesFailingAt(method: "submitTransaction", atCall: number): Tables {
  let calls = 0;
  return async (name) =>
    new Proxy(await tables(name), {
      get(client: TableClient, property) {
        if (property !== method) {
          const member: unknown = Reflect.get(client, property);
          return typeof member === "function" ? member.bind(client) : member;
        }
        return async (...args: Parameters<TableClient["submitTransaction"]>) => {
          calls += 1;
          if (calls === atCall) throw new Error("Table Storage is down");
          return await client.submitTransaction(...args);
        };
      },
    });
}

describe("the lease of a mailbox", () => {
  it("has one winner of twenty", async () => {
    for (const _ of ["new mailbox", "known mailbox"]) {
      const leases = await Promise.all(Array.from({ length: 20 }, () => ledger.lease(mailboxId)));
      const won = leases.filter((leased) => leased !== undefined);
      assert.equal(won.length, 1);
      await won[0]?.release();
    }
  });

  it("is free again once it is given back", async () => {
    await (await lease()).release();
    await lease();
  });

  it("is another's after its time, and not before", async () => {
    await lease();
    clock.advance(LEASE_MS - SECOND_MS);
    assert.equal(await ledger.lease(mailboxId), undefined);
    clock.advance(2 * SECOND_MS);
    await lease();
  });

  it("lasts as long as its run renews it, also by writing", async () => {
    const run = await lease();
    for (let minute = 0; minute < 6; minute += 1) {
      clock.advance(2 * MINUTE_MS);
      await run.renew();
      assert.equal(await ledger.lease(mailboxId), undefined);
    }
    clock.advance(2 * MINUTE_MS);
    await run.record(messages(1), { link: "next" });
    clock.advance(2 * MINUTE_MS);
    assert.equal(await ledger.lease(mailboxId), undefined);
  });

  it("is renewed by deliveries side by side without being lost", async () => {
    const run = await lease();
    clock.advance(2 * MINUTE_MS);
    await Promise.all(Array.from({ length: 5 }, () => run.renew()));
    await run.record(messages(1), { link: "next" });
  });

  it("that was taken over stops the first run: it writes nothing more", async () => {
    const first = await lease();
    clock.advance(LEASE_MS + SECOND_MS);
    const second = await lease();
    await second.record(messages(1, "second"), { link: "second" });
    await assert.rejects(first.record(messages(3, "first"), { link: "first" }), { code: "LEASE_LOST" });
    await assert.rejects(first.renew(), { code: "LEASE_LOST" });
    await first.release();
    assert.equal(await ledger.lease(mailboxId), undefined);
    await second.release();
    assert.equal((await lease()).checkpoint.link, "second");
    assert.deepEqual(
      (await ledger.entries(mailboxId)).map(({ messageId }) => messageId),
      ["second-0"],
    );
  });

  it("is kept while a large ledger is read on a slow storage", async () => {
    const first = await lease();
    await first.record(messages(300), { link: "1" });
    await first.release();
    let rows = 0;
    const slow: Tables = async (name) =>
      new Proxy(await tables(name), {
        get(client: TableClient, property) {
          const member: unknown = Reflect.get(client, property);
          if (property !== "listEntities") return typeof member === "function" ? member.bind(client) : member;
          return async function* (...args: Parameters<TableClient["listEntities"]>) {
            for await (const row of client.listEntities(...args)) {
              rows += 1;
              clock.advance(SECOND_MS);
              if (rows % 100 === 0) assert.equal(await ledger.lease(mailboxId), undefined);
              yield row;
            }
          };
        },
      });
    const run = (await createLedger({ tables: slow, now }).lease(mailboxId)) ?? assert.fail("not leased");
    await run.compare(messages(201).map(({ messageId }) => messageId));
    assert.ok(rows >= 300);
    assert.equal(await run.record(messages(1, "new"), { link: "2" }), 1);
  });

  it("of one mailbox says nothing about another", async () => {
    await lease();
    assert.ok(await ledger.lease(`${mailboxId}-other`));
  });
});

describe("recording a page", () => {
  it("keeps the messages and the checkpoint for the next run", async () => {
    const run = await lease();
    assert.equal(run.checkpoint.link, undefined);
    assert.equal(await run.record(messages(2), { link: "page 2" }), 2);
    assert.equal(run.checkpoint.link, "page 2");
    await run.release();
    const next = await lease();
    assert.equal(next.checkpoint.link, "page 2");
    assert.deepEqual(await idsDue(next), ["message-0", "message-1"]);
  });

  it("moves the checkpoint of an empty page too", async () => {
    const run = await lease();
    assert.equal(await run.record([], { link: "page 2" }), 0);
    assert.equal(run.checkpoint.link, "page 2");
    await run.release();
    assert.equal((await lease()).checkpoint.link, "page 2");
  });

  it("never leaves more than one page without its checkpoint", async () => {
    const run = await lease();
    await run.record([], { link: "page 2" });
    await run.record([], { link: "page 3" });
    await run.record([], { link: "page 4" });
    clock.advance(LEASE_MS + SECOND_MS);
    assert.equal((await lease()).checkpoint.link, "page 3");
  });

  it("keeps the lease over pages that bring nothing", async () => {
    const run = await lease();
    clock.advance(LEASE_MS - SECOND_MS);
    await run.record([], { link: "page 2" });
    clock.advance(2 * SECOND_MS);
    assert.equal(await ledger.lease(mailboxId), undefined);
  });

  for (const count of [49, 50, 98, 120]) {
    it(`takes ${count} messages`, async () => {
      const run = await lease();
      assert.equal(await run.record(messages(count), { link: "next" }), count);
      assert.equal((await ledger.entries(mailboxId)).length, count);
      assert.deepEqual(await ledger.waiting(mailboxId), { pending: count, quarantined: 0 });
    });
  }

  it("that breaks off between two transactions leaves the checkpoint behind, and nothing is lost or doubled", async () => {
    const broken = createLedger({ tables: tablesFailingAt("submitTransaction", 2), now });
    const run = (await broken.lease(mailboxId)) ?? assert.fail("not leased");
    await assert.rejects(run.record(messages(120), { link: "next" }), /Table Storage is down/);
    assert.equal(run.checkpoint.link, undefined);
    assert.equal((await ledger.entries(mailboxId)).length, 49);

    clock.advance(LEASE_MS + SECOND_MS);
    const next = await lease();
    assert.equal(next.checkpoint.link, undefined);
    assert.equal(await next.record(messages(120), { link: "next" }), 71);
    assert.deepEqual(await ledger.waiting(mailboxId), { pending: 120, quarantined: 0 });
  });

  it("takes what it knows for known, whatever became of it", async () => {
    const run = await lease();
    await run.record(messages(2), { link: "1" });
    await run.settle(await claim(run, "message-0"), DELIVERED, now());
    assert.equal(await run.record(messages(3), { link: "2" }), 1);
    assert.equal((await entryOf("message-0")).state, "delivered");
    assert.deepEqual(await idsDue(run), ["message-1", "message-2"]);
  });

  it("takes a message that stands on the page twice once", async () => {
    const run = await lease();
    assert.equal(await run.record([...messages(2), ...messages(2)], { link: "1" }), 2);
  });

  it("tells ids apart that differ in their case only, and takes any letters", async () => {
    const run = await lease();
    const ids = ["AAkA-x_=", "AAkA-X_=", "a/b\\c#d?e", "ä'\u0001%25"];
    await run.record(
      ids.map((messageId) => ({ messageId, receivedAt: NOON })),
      { link: "1" },
    );
    assert.deepEqual((await idsDue(run)).sort(), ids.toSorted());
    assert.deepEqual(await run.unknown([...ids, "aaka-x_="]), new Set(["aaka-x_="]));
  });

  it("can be dropped without what was delivered", async () => {
    const run = await lease();
    await run.record(messages(1), { link: "1" });
    await run.settle(await claim(run), DELIVERED, now());
    await ledger.forgetCheckpoint(mailboxId);
    assert.equal(await run.record([], { link: "2" }), 0);
    await assert.rejects(run.record(messages(2), { link: "3" }), { code: "LEASE_LOST" });
    await run.release();
    const next = await lease();
    assert.equal(next.checkpoint.link, undefined);
    assert.equal(await next.record(messages(1), { link: "1" }), 0);
    await ledger.forgetCheckpoint(`${mailboxId}-that-never-was`);
  });

  it("can be dropped while old mail waits, which is delivered all the same", async () => {
    const run = await lease();
    await run.record([{ messageId: "imported", receivedAt: new Date(NOON.getTime() - 30 * DAY_MS) }], { link: "1" });
    await ledger.forgetCheckpoint(mailboxId);
    assert.deepEqual(await idsDue(await lease()), ["imported"]);
  });
});

describe("a pending message", () => {
  it("comes in the order of its time, and no more than asked for", async () => {
    const run = await lease();
    await run.record(messages(3).toReversed(), { link: "1" });
    assert.deepEqual(await idsDue(run), ["message-0", "message-1", "message-2"]);
    assert.deepEqual(await idsDue(run, 2), ["message-0", "message-1"]);
    assert.deepEqual(await run.due(new Date(NOON.getTime() - 2 * HOUR_MS), 9), []);
  });

  it("is listed, and what was old when it was found behind what is new", async () => {
    const run = await lease();
    const longAgo = new Date(NOON.getTime() - 30 * DAY_MS);
    await run.record([{ messageId: "old", receivedAt: longAgo }, ...messages(2)], { link: "one" });
    const listed = async (limit: number) =>
      (await ledger.messages(mailboxId, "pending", limit)).map(({ messageId }) => messageId);
    assert.deepEqual(await listed(10), ["message-0", "message-1", "old"]);
    assert.deepEqual(await listed(2), ["message-0", "message-1"]);
  });

  it("can be claimed by one of two instances", async () => {
    const first = await lease();
    await first.record(messages(1), { link: "1" });
    const [entry = assert.fail("not due")] = await first.due(now(), 1);
    clock.advance(LEASE_MS + SECOND_MS);
    const second = await lease();
    const until = new Date(Date.now() + 10 * MINUTE_MS);
    const claims = await Promise.all([first, second].map((run) => run.claim(entry, until)));
    assert.equal(claims.filter((claimed) => claimed !== undefined).length, 1);
    assert.deepEqual(await idsDue(second), []);
  });

  it("is nobody's while its claim lasts, and then comes back as uncertain, with its attempts counted", async () => {
    const run = await lease();
    await run.record(messages(1), { link: "1" });
    const first = await claim(run);
    assert.deepEqual([first.attempts, first.uncertain], [1, false]);
    clock.advance(9 * MINUTE_MS);
    assert.deepEqual(await idsDue(run), []);
    clock.advance(MINUTE_MS + SECOND_MS);
    const second = await claim(run);
    assert.deepEqual([second.attempts, second.uncertain], [2, true]);
  });

  it("whose claim another took over is the other's: the first settles and postpones nothing", async () => {
    const run = await lease();
    await run.record(messages(1), { link: "1" });
    const first = await claim(run);
    clock.advance(10 * MINUTE_MS + SECOND_MS);
    const second = await claim(run);
    const later = {
      dueAt: now(),
      answer: "",
      firstFailedAt: undefined,
      lastFailedAt: undefined,
      uncertain: false,
      counts: true,
    };
    await assert.rejects(run.settle(first, { ...DELIVERED, state: "refused" }, now()), { code: "ROW_CHANGED" });
    await assert.rejects(run.postpone(first, later), { code: "ROW_CHANGED" });
    await run.settle(second, DELIVERED, now());
    await assert.rejects(run.settle(second, { ...DELIVERED, state: "refused" }, now()), { code: "ROW_CHANGED" });
    assert.equal((await entryOf("message-0")).state, "delivered");
  });

  it("that is postponed waits for its time, and remembers why", async () => {
    const run = await lease();
    await run.record(messages(2), { link: "1" });
    const dueAt = new Date(Date.now() + 5 * MINUTE_MS);
    const firstFailedAt = now();
    const lastFailedAt = firstFailedAt;
    const postponement = { dueAt, answer: "a fault", firstFailedAt, lastFailedAt, uncertain: true, counts: true };
    await run.postpone(await claim(run, "message-0"), postponement);
    assert.deepEqual(await idsDue(run), ["message-1"]);
    const { etag: _, key: __, receivedAt: ___, ...entry } = await entryOf("message-0");
    assert.deepEqual(entry, {
      messageId: "message-0",
      state: "pending",
      attempts: 1,
      runsEnded: 0,
      firstFailedAt,
      lastFailedAt,
      uncertain: true,
      dueAt,
      claimedUntil: undefined,
      settledAt: undefined,
      isBacklog: false,
      answer: "a fault",
      notAcknowledged: "",
      fingerprint: "",
    });
    clock.advance(5 * MINUTE_MS);
    assert.deepEqual(await idsDue(run), ["message-1", "message-0"]);
    assert.deepEqual(await ledger.waiting(mailboxId), { pending: 2, quarantined: 0 });
  });

  it("that is put back where it was, or for nothing of its own, is as it was", async () => {
    const run = await lease();
    await run.record(messages(1), { link: "1" });
    const { dueAt } = await entryOf("message-0");
    const claimed = await claim(run);
    await run.postpone(claimed, {
      dueAt,
      answer: "",
      firstFailedAt: undefined,
      lastFailedAt: undefined,
      uncertain: false,
      counts: false,
    });
    assert.deepEqual(await idsDue(run), ["message-0"]);
    assert.equal((await entryOf("message-0")).attempts, 0);
    assert.deepEqual(await ledger.waiting(mailboxId), { pending: 1, quarantined: 0 });
  });

  it("that is settled is not pending any more, and counts under its state", async () => {
    const run = await lease();
    await run.record(messages(5), { link: "1" });
    for (const state of ["delivered", "refused", "quarantined", "gone"] as const) {
      await run.settle(await claim(run), { state, answer: `it is ${state}`, acknowledge: false }, now());
    }
    assert.deepEqual(await idsDue(run), ["message-4"]);
    assert.deepEqual(await ledger.counts(mailboxId), {
      pending: 1,
      delivered: 1,
      refused: 1,
      quarantined: 1,
      discarded: 0,
      gone: 1,
    });
    assert.deepEqual(await ledger.waiting(mailboxId), { pending: 1, quarantined: 1 });
    assert.equal((await entryOf("message-1")).answer, "it is refused");
  });
});

describe("what is still to be acknowledged", () => {
  it("waits in the ledger until it is done, in the order of its settling", async () => {
    const run = await lease();
    await run.record(messages(3), { link: "1" });
    for (const acknowledge of [true, false, true]) {
      clock.advance(SECOND_MS);
      await run.settle(await claim(run), { ...DELIVERED, acknowledge }, now());
    }
    const waiting = await run.toAcknowledge(now(), 10);
    assert.deepEqual(
      waiting.map(({ messageId }) => messageId),
      ["message-0", "message-2"],
    );
    assert.equal((await run.toAcknowledge(now(), 1)).length, 1);
    const [first = assert.fail("nothing waits")] = waiting;
    await run.acknowledged(first);
    await run.acknowledged(first);
    assert.equal((await run.toAcknowledge(now(), 10)).length, 1);
  });

  it("can be put off", async () => {
    const run = await lease();
    await run.record(messages(1), { link: "1" });
    await run.settle(await claim(run), { ...DELIVERED, acknowledge: true }, now());
    const [entry = assert.fail("nothing waits")] = await run.toAcknowledge(now(), 10);
    await run.postponeAcknowledge(entry, new Date(Date.now() + HOUR_MS));
    assert.deepEqual(await run.toAcknowledge(now(), 10), []);
    clock.advance(HOUR_MS);
    const [again] = await run.toAcknowledge(now(), 10);
    assert.deepEqual([again?.messageId, again?.tries], ["message-0", 1]);
  });

  it("can be given up, and the message says why", async () => {
    const run = await lease();
    await run.record(messages(1), { link: "1" });
    await run.settle(await claim(run), { ...DELIVERED, acknowledge: true }, now());
    const [entry = assert.fail("nothing waits")] = await run.toAcknowledge(now(), 10);
    await run.abandonAcknowledge(entry, "Graph refused");
    assert.deepEqual(await run.toAcknowledge(now(), 10), []);
    const { state, notAcknowledged } = await entryOf("message-0");
    assert.deepEqual([state, notAcknowledged], ["delivered", "Graph refused"]);
  });

  it("can be given up although the message was purged meanwhile", async () => {
    const run = await lease();
    await run.record(messages(1), { link: "1" });
    await run.settle(await claim(run), { ...DELIVERED, acknowledge: true }, now());
    const [entry = assert.fail("nothing waits")] = await run.toAcknowledge(now(), 10);
    clock.advance(LEDGER_MEMORY_MS + DAY_MS);
    await ledger.purge(mailboxId, new Date(Date.now() - LEDGER_MEMORY_MS));
    await run.abandonAcknowledge(entry, "Graph refused");
    assert.deepEqual(await run.toAcknowledge(now(), 10), []);
  });
});

describe("purging", () => {
  const longAgo = () => new Date(Date.now() - LEDGER_MEMORY_MS);

  it("removes what was settled long ago, and keeps what waits, what is quarantined and what is younger", async () => {
    const run = await lease();
    await run.record(messages(4), { link: "1" });
    await run.settle(await claim(run, "message-0"), DELIVERED, now());
    await run.settle(await claim(run, "message-1"), { ...DELIVERED, state: "quarantined" }, now());
    clock.advance(2 * DAY_MS);
    const later = (await ledger.lease(mailboxId)) ?? assert.fail("not leased");
    await later.settle(await claim(later, "message-2"), DELIVERED, now());
    clock.advance(LEDGER_MEMORY_MS - DAY_MS);
    assert.equal(await ledger.purge(mailboxId, longAgo()), 1);
    assert.deepEqual((await ledger.entries(mailboxId)).map(({ messageId }) => messageId).sort(), [
      "message-1",
      "message-2",
      "message-3",
    ]);
    assert.equal(await ledger.purge(mailboxId, longAgo()), 0);
  });

  it("remembers between which times messages were purged, and the range only grows", async () => {
    const run = await lease();
    const [early, middle, late] = messages(3);
    assert.ok(early !== undefined && middle !== undefined && late !== undefined);
    assert.equal(run.purged, undefined);
    const purged = async () => {
      const range = await ledger.purged(mailboxId);
      assert.deepEqual((await lease()).purged, range);
      return [early, middle, late].map(({ receivedAt }) => mayBePurged(range, receivedAt));
    };
    await run.record([middle], { link: "1" });
    await run.settle(await claim(run), DELIVERED, now());
    clock.advance(LEDGER_MEMORY_MS + DAY_MS);
    await ledger.purge(mailboxId, longAgo());
    // What came before the first that was purged was never delivered: it can still be imported.
    assert.deepEqual(await purged(), [false, true, false]);

    clock.advance(HOUR_MS);
    const second = await lease();
    await second.record([early], { link: "2" });
    await second.settle(await claim(second), DELIVERED, now());
    clock.advance(LEDGER_MEMORY_MS + DAY_MS);
    assert.equal(await ledger.purge(mailboxId, longAgo()), 1);
    assert.deepEqual(await purged(), [true, true, false]);
  });

  it("leaves what a person has replayed since it was found to be old", async () => {
    const run = await lease();
    await run.record(messages(2), { link: "1" });
    await run.settle(await claim(run, "message-0"), { ...DELIVERED, state: "refused" }, now());
    await run.settle(await claim(run, "message-1"), { ...DELIVERED, state: "refused" }, now());
    clock.advance(LEDGER_MEMORY_MS + DAY_MS);
    const replayed = await entryOf("message-0");
    let isReplayed = false;
    const replaying: Tables = async (name) =>
      new Proxy(await tables(name), {
        get(client: TableClient, property) {
          const member: unknown = Reflect.get(client, property);
          if (property !== "createEntity") return typeof member === "function" ? member.bind(client) : member;
          return async (...args: Parameters<TableClient["createEntity"]>) => {
            // The mark comes between finding what is old and removing it.
            if (!isReplayed) await ledger.replay(mailboxId, replayed, now());
            isReplayed = true;
            return client.createEntity(...args);
          };
        },
      });
    assert.equal(await createLedger({ tables: replaying, now }).purge(mailboxId, longAgo()), 1);
    assert.deepEqual(await idsDue(await lease()), ["message-0"]);
  });

  it("that finds nothing forgets nothing", async () => {
    await (await lease()).record(messages(1), { link: "1" });
    clock.advance(2 * LEDGER_MEMORY_MS);
    assert.equal(await ledger.purge(mailboxId, longAgo()), 0);
    assert.equal((await lease()).purged, undefined);
  });

  it("of more than a transaction holds that breaks off has noted what it may have purged", async () => {
    const run = await lease();
    const old = messages(120);
    await run.record(old, { link: "1" });
    for (const entry of await run.due(now(), 200)) {
      const claimed = (await run.claim(entry, now())) ?? assert.fail("not claimed");
      await run.settle(claimed, DELIVERED, now());
    }
    clock.advance(LEDGER_MEMORY_MS + DAY_MS);
    const broken = createLedger({ tables: tablesFailingAt("submitTransaction", 2), now });
    await assert.rejects(broken.purge(mailboxId, longAgo()), /Table Storage is down/);
    assert.equal((await ledger.entries(mailboxId)).length, 20);
    const { purged } = await lease();
    assert.ok(old.every(({ receivedAt }) => mayBePurged(purged, receivedAt)));
    assert.equal(await ledger.purge(mailboxId, longAgo()), 20);
  });
});

describe("what a person decides", () => {
  /** A message in this state. */
  async function settled(state: "quarantined" | "refused" | "gone"): Promise<StoredEntry> {
    const run = await lease();
    await run.record(messages(1), { link: "1" });
    await run.settle(await claim(run), { state, answer: "too large", acknowledge: false }, now());
    await run.release();
    return entryOf("message-0");
  }

  it("the quarantine is listed, the longest first", async () => {
    const run = await lease();
    await run.record(messages(3), { link: "1" });
    for (const id of ["message-2", "message-0", "message-1"]) {
      clock.advance(SECOND_MS);
      await run.settle(await claim(run, id), { ...DELIVERED, state: "quarantined" }, now());
    }
    const ids = async (limit: number) => (await ledger.quarantined(mailboxId, limit)).map(({ messageId }) => messageId);
    assert.deepEqual(await ids(10), ["message-2", "message-0", "message-1"]);
    assert.deepEqual(await ids(1), ["message-2"]);
  });

  for (const state of ["quarantined", "refused", "gone"] as const) {
    it(`a ${state} message is replayed: it is due at once, with all its attempts before it`, async () => {
      const entry = await settled(state);
      clock.advance(HOUR_MS);
      await ledger.replay(mailboxId, entry, now());
      assert.deepEqual(await ledger.waiting(mailboxId), { pending: 1, quarantined: 0 });
      const run = await lease();
      const claimed = await claim(run, "message-0");
      assert.deepEqual(
        { attempts: claimed.attempts, settledAt: claimed.settledAt, firstFailedAt: claimed.firstFailedAt },
        { attempts: 1, settledAt: undefined, firstFailedAt: undefined },
      );
      await run.settle(claimed, DELIVERED, now());
      assert.deepEqual(await ledger.waiting(mailboxId), { pending: 0, quarantined: 0 });
    });
  }

  it("a discarded message leaves the quarantine with the reason, and is purged in its time", async () => {
    await ledger.discard(mailboxId, await settled("quarantined"), "spam, says Ada", now());
    assert.deepEqual(await ledger.waiting(mailboxId), { pending: 0, quarantined: 0 });
    const { state, answer } = await entryOf("message-0");
    assert.deepEqual({ state, answer }, { state: "discarded", answer: "spam, says Ada" });
    clock.advance(LEDGER_MEMORY_MS + DAY_MS);
    assert.equal(await ledger.purge(mailboxId, new Date(Date.now() - LEDGER_MEMORY_MS)), 1);
  });

  it("of two who decide at once, one is told that the other was faster", async () => {
    const entry = await settled("quarantined");
    await ledger.replay(mailboxId, entry, now());
    await assert.rejects(ledger.discard(mailboxId, entry, "spam", now()), { code: "ROW_CHANGED" });
    await assert.rejects(ledger.replay(mailboxId, entry, now()), { code: "ROW_CHANGED" });
    assert.deepEqual(await ledger.waiting(mailboxId), { pending: 1, quarantined: 0 });
  });
});

describe("an answer of storage that is lost", () => {
  /** Each write is made, and made again by the SDK, which meets the first one. */
  const repeating: Tables = async (name) =>
    new Proxy(await tables(name), {
      get(client, property) {
        const member: unknown = Reflect.get(client, property);
        if (typeof member !== "function") return member;
        const call = member.bind(client) as (...args: unknown[]) => Promise<unknown>;
        if (!["submitTransaction", "createEntity", "updateEntity"].includes(String(property))) return call;
        return async (...args: unknown[]) => {
          await call(...args);
          return await call(...args);
        };
      },
    });

  it("takes no mailbox and no message from the run that wrote", async () => {
    ledger = createLedger({ tables: repeating, now });
    const first = await lease();
    await first.record(messages(3), { link: "1" });
    await first.settle(await claim(first, "message-0"), DELIVERED, now());
    const postponed = {
      dueAt: now(),
      answer: "busy",
      firstFailedAt: now(),
      lastFailedAt: undefined,
      uncertain: false,
      counts: true,
    };
    await first.postpone(await claim(first, "message-1"), postponed);
    clock.advance(2 * MINUTE_MS);
    await first.renew();
    await first.release();
    const second = await lease();
    assert.equal(second.checkpoint.link, "1");
    assert.deepEqual((await idsDue(second)).toSorted(), ["message-1", "message-2"]);
    assert.equal(await ledger.lease(mailboxId), undefined);
  });
});
