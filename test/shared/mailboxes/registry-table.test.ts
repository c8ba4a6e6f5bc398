import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { type Mailbox, type MailboxRegistry, mailboxId } from "../../../shared/mailboxes/mailbox.ts";
import { createMailboxRegistry } from "../../../shared/mailboxes/registry-table.ts";
import type { Tables } from "../../../shared/platform/tables-azure.ts";
import { type Azurite, startAzurite } from "../../simulator/azurite.ts";
import { azuriteTables } from "../azurite-tables.ts";
import { validMailbox } from "./valid-mailbox.ts";

const NOON = new Date("2026-11-23T12:00:00.123Z");
const minutesLater = (minutes: number) => new Date(NOON.getTime() + minutes * 60_000);

let azurite: Azurite;
let tables: Tables;
let registry: MailboxRegistry;

before(async () => {
  azurite = await startAzurite({ tablePort: 0, queuePort: 0 });
});
after(() => azurite.stop());
beforeEach(async () => {
  tables = azuriteTables(azurite);
  registry = createMailboxRegistry(tables);
  for (const { id } of await registry.list()) await registry.remove(id);
});

const mailbox = (changes: Partial<Mailbox> = {}) => validMailbox({ nextFetchAt: NOON, ...changes });

const FULL = mailbox({
  acknowledge: { kind: "move", folder: "AAMk/\\#?ä=" },
  deliverFrom: NOON,
  status: "paused",
  statusBeforePause: "needs-owner",
  throttledUntil: minutesLater(1),
  queuedUntil: minutesLater(6),
  lastFetchAt: minutesLater(2),
  lastSuccessAt: minutesLater(3),
  lastError: { code: "GRAPH_REFUSED", message: `it said "no", and 'never'`, at: minutesLater(4) },
  lastMailAt: minutesLater(5),
  lastRun: "run-7",
  graphRequests: [{ minute: minutesLater(7), requests: 8 }],
  delivered: 12,
  refused: 3,
});

async function stored(id: string): Promise<Mailbox> {
  const { etag: _, ...found } = (await registry.get(id)) ?? assert.fail("not in the list");
  return found;
}

describe("a mailbox in the table", () => {
  for (const [words, written] of [
    ["with everything set", FULL],
    ["with nothing set", mailbox()],
  ] as const) {
    it(`comes back as it was written, ${words}`, async () => {
      await registry.add(written);
      assert.deepEqual(await stored(written.id), written);
    });
  }

  it("is undefined where there is none", async () => {
    assert.equal(await registry.get("0000000000000000"), undefined);
  });

  it("cannot be added twice, however its address is written; another folder of it can", async () => {
    await registry.add(mailbox());
    assert.equal(mailboxId("Help@Example.COM", "Inbox"), mailbox().id);
    await assert.rejects(registry.add(mailbox({ delivered: 99 })), { code: "MAILBOX_EXISTS" });
    assert.equal((await stored(mailbox().id)).delivered, 0);
    await registry.add(mailbox({ folder: "archive" }));
    assert.equal((await registry.list()).length, 2);
  });

  it("has no id of another address and folder that read the same when put together", () => {
    assert.notEqual(mailboxId("a@example.com", "inbox"), mailboxId("a@example.cominbox", ""));
  });

  it("is gone once it is removed; removing it again is fine", async () => {
    await registry.add(mailbox());
    await registry.remove(mailbox().id);
    await registry.remove(mailbox().id);
    assert.equal(await registry.get(mailbox().id), undefined);
  });
});

describe("a change of a mailbox", () => {
  it("changes what it names, and leaves the rest", async () => {
    await registry.add(FULL);
    const read = (await registry.get(FULL.id)) ?? assert.fail("not in the list");
    const changes = { lastError: undefined, throttledUntil: undefined, delivered: 13 };
    await registry.update(read, changes);
    assert.deepEqual(await stored(FULL.id), { ...FULL, ...changes });
  });

  it("can follow upon a change without reading in between", async () => {
    const added = await registry.add(mailbox());
    const changed = await registry.update(added, { delivered: 1 });
    await registry.update(changed, { refused: 1 });
    const { delivered, refused } = await stored(added.id);
    assert.deepEqual([delivered, refused], [1, 1]);
  });

  it("that is based on what somebody changed since is refused, and writes nothing", async () => {
    const added = await registry.add(mailbox());
    await registry.update(added, { status: "paused" });
    await assert.rejects(registry.update(added, { status: "connected" }), { code: "ROW_CHANGED" });
    assert.equal((await stored(added.id)).status, "paused");
  });

  it("of a mailbox that was removed is refused, and does not bring it back", async () => {
    const added = await registry.add(mailbox());
    await registry.remove(added.id);
    await assert.rejects(registry.update(added, { delivered: 1 }), { code: "ROW_CHANGED" });
    assert.equal(await registry.get(added.id), undefined);
  });
});

describe("the list", () => {
  it("is in the order of addresses, and holds mailboxes alone", async () => {
    for (const address of ["c@example.com", "a@example.com", "b@example.com"]) await registry.add(mailbox({ address }));
    await registry.add(mailbox({ address: "a@example.com", folder: "archive" }));
    await registry.recordTick(NOON);
    await registry.raiseAlarm({ code: "APP_MISCONFIGURED", message: "the secret has expired", since: NOON });
    const client = await tables("Mailboxes");
    await client.upsertEntity({ partitionKey: "desk", rowKey: "uvdesk", heldUntil: "" });
    assert.deepEqual(
      (await registry.list()).map(({ address, folder }) => `${address} ${folder}`),
      ["a@example.com archive", "a@example.com inbox", "b@example.com inbox", "c@example.com inbox"],
    );
  });

  it("of summaries says how each mailbox is, and holds mailboxes alone", async () => {
    const lastError = { code: "GRAPH_UNAVAILABLE", message: "no answer", at: NOON };
    const { etag: _, ...troubled } = await registry.add(
      mailbox({ status: "needs-owner", deliverFrom: NOON, lastSuccessAt: minutesLater(-9), lastError }),
    );
    await registry.add(mailbox({ address: "other@example.com" }));
    await registry.recordTick(NOON);
    const summaries = await registry.summaries();
    const { id, desk, status, deliverFrom, lastSuccessAt } = troubled;
    assert.equal(summaries.length, 2);
    assert.deepEqual(
      summaries.find((summary) => summary.id === id),
      { id, desk, status, deliverFrom, lastSuccessAt, lastError },
    );
  });

  it("of those that are due holds connected ones whose time has come, the longest waiting first", async () => {
    const { id: soon } = await registry.add(mailbox({ address: "now@example.com" }));
    const { id: long } = await registry.add(mailbox({ address: "long@example.com", nextFetchAt: minutesLater(-9) }));
    await registry.add(mailbox({ address: "later@example.com", nextFetchAt: minutesLater(1) }));
    for (const status of ["new", "needs-owner", "needs-admin", "paused"] as const) {
      await registry.add(mailbox({ address: `${status}@example.com`, status }));
    }
    assert.deepEqual(await registry.due(NOON), [long, soon]);
  });

  it("of those that are due leaves out what is on the queue, until its message is over", async () => {
    const { id } = await registry.add(mailbox());
    const { id: other } = await registry.add(mailbox({ address: "other@example.com" }));
    assert.deepEqual(await registry.markQueued([id], minutesLater(1)), [id]);
    assert.deepEqual(await registry.due(NOON), [other]);
    assert.deepEqual((await registry.due(minutesLater(1))).toSorted(), [id, other].toSorted());
    await registry.markQueued([id, other], undefined);
    assert.equal((await registry.due(NOON)).length, 2);
    assert.equal((await registry.get(id))?.queuedUntil, undefined);
  });

  it("marks the others where one was removed meanwhile", async () => {
    const ids: string[] = [];
    for (let index = 0; index < 7; index += 1)
      ids.push((await registry.add(mailbox({ address: `${index}@example.com` }))).id);
    await registry.remove(ids[3] ?? "");
    const present = ids.filter((_, index) => index !== 3);
    assert.deepEqual(await registry.markQueued(ids, minutesLater(1)), present);
    assert.deepEqual(await registry.due(NOON), []);
    assert.deepEqual(await registry.markQueued([], NOON), []);
  });

  it("takes rows of an older version, which lack what came later", async () => {
    const { id } = await registry.add(mailbox());
    const client = await tables("Mailboxes");
    const { etag: _, queuedUntil: __, graphRequests: ___, ...row } = await client.getEntity("mailbox", id);
    await client.updateEntity({ ...row, partitionKey: "mailbox", rowKey: id }, "Replace");
    assert.deepEqual(await registry.due(NOON), [id]);
    assert.deepEqual((await registry.get(id))?.graphRequests, []);
  });
});

describe("what concerns the whole app", () => {
  it("is the last tick", async () => {
    const fresh = createMailboxRegistry(tables);
    await fresh.recordTick(NOON);
    await fresh.recordTick(minutesLater(1));
    assert.deepEqual(await fresh.lastTick(), minutesLater(1));
  });

  it("is one alarm, which can be raised, changed and cleared", async () => {
    await registry.clearAlarm();
    assert.equal(await registry.alarm(), undefined);
    const alarm = { code: "APP_MISCONFIGURED", message: "the secret has expired", since: NOON };
    assert.equal(await registry.raiseAlarm(alarm), true);
    assert.deepEqual(await registry.alarm(), alarm);
    assert.equal(
      await registry.raiseAlarm({ ...alarm, message: "another" }),
      false,
      "it is raised once, by one caller",
    );
    assert.equal((await registry.alarm())?.message, "another");
    await registry.clearAlarm();
    assert.equal(await registry.alarm(), undefined);
  });
});
