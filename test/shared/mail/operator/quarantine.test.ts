import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Ledger } from "../../../../shared/mail/ledger/ledger.ts";
import { createLedger } from "../../../../shared/mail/ledger/ledger-table.ts";
import { createQuarantine } from "../../../../shared/mail/operator/quarantine.ts";
import type { Tables } from "../../../../shared/platform/tables-azure.ts";
import { ACCEPTED, at, deskThat } from "../fake-desk.ts";
import { type ConnectedMailbox, now, useMailHarness } from "../mail-harness.ts";

const harness = useMailHarness();
const IMPOSSIBLE = { kind: "impossible", code: "TOO_LARGE", words: "too large" } as const;

function quarantine(fetched: string[] = [], ledger: Ledger = harness.ledger) {
  const fetchNow = async (mailboxId: string) => void fetched.push(mailboxId);
  return createQuarantine({ ledger, fetchNow, activity: harness.activity, log: harness.log, now });
}

/** The ledger, where something happens once between the reading of an index and of its first message. */
function ledgerWhere(happens: () => Promise<unknown>): Ledger {
  let isOver = false;
  const tables: Tables = async (name) => {
    const table = await harness.tables(name);
    const { createEntity, deleteEntity, listEntities, submitTransaction, updateEntity, upsertEntity } = table;
    const methods = { createEntity, deleteEntity, listEntities, submitTransaction, updateEntity, upsertEntity };
    const bound = Object.entries(methods).map(([method, call]) => [method, call.bind(table)]);
    return {
      ...(Object.fromEntries(bound) as typeof methods),
      getEntity: async (...asked) => {
        if (!isOver) {
          isOver = true;
          await happens();
        }
        return await table.getEntity(...asked);
      },
    };
  };
  return createLedger({ tables, now });
}

/** A mailbox with so many mails in quarantine; their keys. */
async function quarantined(...names: string[]): Promise<{ mailbox: ConnectedMailbox; keys: string[] }> {
  const mailbox = await harness.connect();
  mailbox.receive(...names);
  await harness.run(mailbox, at(deskThat(() => IMPOSSIBLE)));
  const entries = await quarantine().list(mailbox.id, 100);
  return { mailbox, keys: entries.map(({ key }) => key) };
}

describe("replaying", () => {
  it("one message offers it again at the next run, which comes at once", async () => {
    const { mailbox, keys } = await quarantined("one", "two");
    const fetched: string[] = [];
    await quarantine(fetched).replay(mailbox.id, keys[0] ?? "");
    assert.deepEqual(fetched, [mailbox.id]);
    const desk = deskThat(() => ACCEPTED);
    await harness.run(mailbox, at(desk));
    assert.equal(desk.offered.length, 1);
    assert.deepEqual(await harness.ledger.waiting(mailbox.id), { pending: 0, quarantined: 1 });
  });

  it("all of them tells how many", async () => {
    const { mailbox } = await quarantined("one", "two", "three");
    assert.equal(await quarantine().replayAll(mailbox.id), 3);
    assert.equal(await quarantine().replayAll(mailbox.id), 0);
    await harness.run(mailbox);
    assert.deepEqual(harness.taken().toSorted(), ["one", "three", "two"]);
  });

  it("twice at the same moment delivers once", async () => {
    const { mailbox } = await quarantined("one", "two");
    const counts = await Promise.all([quarantine().replayAll(mailbox.id), quarantine().replayAll(mailbox.id)]);
    assert.equal(counts[0] + counts[1], 2);
    await harness.run(mailbox);
    assert.equal(harness.taken().length, 2);
  });

  it("all of them leaves alone what somebody else has replayed and the desk has taken meanwhile", async () => {
    const { mailbox } = await quarantined("one");
    const ledger = ledgerWhere(async () => {
      await quarantine().replayAll(mailbox.id);
      await harness.run(mailbox);
    });
    assert.equal(await quarantine([], ledger).replayAll(mailbox.id), 0);
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["one"]);
    assert.deepEqual(await harness.ledger.waiting(mailbox.id), { pending: 0, quarantined: 0 });
  });

  it("what the desk has, or what is unknown, is refused", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one");
    await harness.run(mailbox);
    const [entry] = await harness.ledger.entries(mailbox.id);
    await assert.rejects(quarantine().replay(mailbox.id, entry?.key ?? ""), { code: "INPUT_INVALID" });
    await assert.rejects(quarantine().replay(mailbox.id, "nothing"), { code: "MESSAGE_NOT_FOUND" });
    assert.equal(harness.taken().length, 1);
  });
});

describe("discarding", () => {
  it("takes a message out of quarantine, with the reason; it can still be replayed", async () => {
    const { mailbox, keys } = await quarantined("one");
    const [key = ""] = keys;
    await quarantine().discard(mailbox.id, key, "  spam,\n says Ada ");
    assert.deepEqual(await quarantine().list(mailbox.id, 10), []);
    const [entry] = await harness.ledger.entries(mailbox.id);
    assert.deepEqual([entry?.state, entry?.answer], ["discarded", "spam, says Ada"]);
    await assert.rejects(quarantine().discard(mailbox.id, key, "again"), { code: "INPUT_INVALID" });
    await quarantine().replay(mailbox.id, key);
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["one"]);
  });

  it("needs a reason", async () => {
    const { mailbox, keys } = await quarantined("one");
    await assert.rejects(quarantine().discard(mailbox.id, keys[0] ?? "", " \n"), { code: "INPUT_INVALID" });
    assert.equal((await quarantine().list(mailbox.id, 10)).length, 1);
  });
});
