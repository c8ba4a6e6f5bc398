import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LEDGER_MEMORY_MS } from "../../../../shared/mail/ledger/ledger.ts";

import { type ConnectedMailbox, DAY_MS, HOUR_MS, MINUTE_MS, mail, NOON, useMailHarness } from "../mail-harness.ts";

const harness = useMailHarness();

/** One that has delivered two mails, two hours ago. */
async function withHistory(): Promise<{ mailbox: ConnectedMailbox; ids: string[] }> {
  const mailbox = await harness.connect();
  const ids = mailbox.receive("one", "two");
  await harness.run(mailbox);
  harness.clock.advance(2 * HOUR_MS);
  return { mailbox, ids };
}

const answerOf = async (mailbox: ConnectedMailbox, id: string) => (await harness.entry(mailbox, id)).answer;

describe("a mailbox whose messages all have other ids, as after a move to another organisation", () => {
  it("delivers nothing again, and what is new", async () => {
    const { mailbox, ids } = await withHistory();
    const newIds = mailbox.graph.migrate();
    mailbox.receive("three");
    await harness.run(mailbox);
    assert.deepEqual(harness.taken().sort(), ["one", "three", "two"]);
    assert.match(await answerOf(mailbox, newIds.get(ids[0] ?? "") ?? ""), /under another id/);
    assert.equal((await harness.ledger.waiting(mailbox.id)).pending, 0);
  });

  it("delivers what the desk did not have, under the new ids", async () => {
    const mailbox = await harness.connect();
    const [quarantined = ""] = mailbox.receive("quarantined", "pending");
    mailbox.graph.corrupt(quarantined);
    harness.webhook.answerWith(500);
    await harness.run(mailbox);
    harness.clock.advance(2 * HOUR_MS);
    harness.webhook.answerWith(undefined);
    mailbox.graph.migrate();
    for (let run = 0; run < 3; run += 1) {
      await harness.run(mailbox);
      harness.clock.advance(20 * MINUTE_MS);
    }
    assert.deepEqual(harness.taken(), ["pending"]);
  });

  it("is recognised while it is listed and by the sweep as well", async () => {
    const { mailbox } = await withHistory();
    mailbox.graph.migrate();
    mailbox.graph.setFull(true);
    for (let hour = 0; hour < 3; hour += 1) {
      await harness.run(mailbox);
      harness.clock.advance(HOUR_MS);
    }
    assert.deepEqual(harness.taken().sort(), ["one", "two"]);
  });

  it("delivers nothing again after months, when the ledger has purged it", async () => {
    const { mailbox } = await withHistory();
    harness.clock.advance(LEDGER_MEMORY_MS + DAY_MS);
    await harness.ledger.purge(mailbox.id, new Date(Date.now() - LEDGER_MEMORY_MS));
    const rows = (await harness.tables("Ledger")).listEntities<{ rowKey: string }>();
    for await (const { rowKey } of rows) assert.match(rowKey, /^state/);
    mailbox.graph.migrate();
    await harness.run(mailbox);
    assert.deepEqual(harness.taken().sort(), ["one", "two"]);
  });
});

describe("a mail with a date of the future", () => {
  it("is recognised under another id as long as it is not purged", async () => {
    const mailbox = await harness.connect();
    mailbox.graph.deliver(mail("future"), { receivedAt: new Date(NOON.getTime() + 400 * DAY_MS) });
    await harness.run(mailbox);
    harness.clock.advance(LEDGER_MEMORY_MS + DAY_MS);
    await harness.ledger.purge(mailbox.id, new Date(Date.now() - LEDGER_MEMORY_MS));
    mailbox.graph.migrate();
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["future"]);
  });
});

describe("a copy of a message within the folder", () => {
  it("is no second mail", async () => {
    const { mailbox, ids } = await withHistory();
    mailbox.graph.copy(ids[0] ?? "");
    await harness.run(mailbox);
    assert.deepEqual(harness.taken().sort(), ["one", "two"]);
  });

  it("is delivered where the desk refused the original", async () => {
    const mailbox = await harness.connect();
    const [id = ""] = mailbox.receive("one");
    harness.webhook.answerWith(422);
    await harness.run(mailbox);
    assert.equal((await harness.entry(mailbox, id)).state, "refused");
    harness.webhook.answerWith(undefined);
    harness.clock.advance(2 * HOUR_MS);
    mailbox.graph.copy(id);
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["one"]);
  });
});

describe("two mails with the same Message-ID", () => {
  it("that came just now are both delivered, however much alike they are", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one");
    await harness.run(mailbox);
    harness.clock.advance(30 * MINUTE_MS);
    mailbox.graph.deliver(mail("one", "Another text"), { receivedAt: NOON });
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["one", "one"]);
  });

  const head = (subject: string, from: string) =>
    Buffer.from(`From: ${from}\r\nSubject: ${subject}\r\nMessage-ID: <same@example.org>\r\n\r\nHello\r\n`);
  for (const [what, bytes, receivedAt] of [
    ["subject", head("other", "a@example.org"), NOON],
    ["sender", head("one", "b@example.org"), NOON],
    ["second of arrival", head("one", "a@example.org"), new Date(NOON.getTime() + 1_000)],
  ] as const) {
    it(`and another ${what} are both delivered`, async () => {
      const mailbox = await harness.connect();
      mailbox.graph.deliver(head("one", "a@example.org"));
      await harness.run(mailbox);
      harness.clock.advance(2 * HOUR_MS);
      mailbox.graph.deliver(bytes, { receivedAt });
      await harness.run(mailbox);
      assert.equal(harness.taken().length, 2);
    });
  }

  it("or with none are never taken for one", async () => {
    const mailbox = await harness.connect();
    const bytes = Buffer.from("Subject: none\r\n\r\nHello\r\n");
    mailbox.graph.deliver(bytes);
    await harness.run(mailbox);
    harness.clock.advance(2 * HOUR_MS);
    mailbox.graph.deliver(bytes, { receivedAt: NOON });
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["none", "none"]);
  });
});
