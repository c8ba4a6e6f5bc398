import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { idempotencyKey, messageKey } from "../../../../shared/mail/message.ts";
import { ConfigurationError } from "../../../../shared/platform/config.ts";
import { ACCEPTED, at, deskThat, FAULT_OF_DESK, FAULT_OF_MESSAGE } from "../fake-desk.ts";
import { type ConnectedMailbox, DAY_MS, HOUR_MS, MINUTE_MS, NOON, useMailHarness } from "../mail-harness.ts";

const harness = useMailHarness();

/** A mailbox with one mail delivered, one pending, one quarantined. */
async function mailboxWithHistory(): Promise<ConnectedMailbox> {
  const mailbox = await harness.connect();
  mailbox.receive("delivered", "pending", "quarantined");
  const desk = deskThat((name) => {
    if (name === "delivered") return ACCEPTED;
    return name === "pending" ? FAULT_OF_MESSAGE : { kind: "impossible", code: "TOO_LARGE", words: "too large" };
  });
  await harness.run(mailbox, at(desk));
  harness.clock.advance(DAY_MS);
  return mailbox;
}

async function removeAsPeopleDo({ id }: ConnectedMailbox): Promise<void> {
  await harness.ledger.forgetCheckpoint(id);
  await harness.registry.remove(id);
}

describe("a mailbox that is removed and added again", () => {
  it("gets what came meanwhile where it is asked for, and nothing twice; what waited still does", async () => {
    const before = await mailboxWithHistory();
    await removeAsPeopleDo(before);
    before.receive("meanwhile");
    harness.clock.advance(HOUR_MS);
    const again = await harness.connect({ deliverFrom: NOON });
    assert.equal(again.id, before.id);
    const desk = deskThat(() => ACCEPTED);
    await harness.runs(again, 2, at(desk));
    assert.deepEqual(desk.offered.toSorted(), ["meanwhile", "pending"]);
    assert.deepEqual(await harness.ledger.waiting(again.id), { pending: 0, quarantined: 1 });
  });

  it("while a run is under way: that run ends, and the next one offers nothing of it twice", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one", "two", "three");
    const desk = deskThat(() => ACCEPTED);
    let removed = false;
    const removing = {
      ...desk,
      async deliver(...given: Parameters<typeof desk.deliver>) {
        if (!removed) {
          removed = true;
          await removeAsPeopleDo(mailbox);
          harness.clock.advance(2 * MINUTE_MS);
        }
        return desk.deliver(...given);
      },
    };
    await harness.run(mailbox, at(removing));
    const again = await harness.connect();
    harness.clock.advance(DAY_MS);
    await harness.runs(again, 3, at(desk));
    assert.deepEqual(desk.offered.toSorted(), ["one", "three", "two"]);
    assert.equal((await harness.ledger.counts(again.id)).delivered, 3);
  });
});

describe("another desk for a mailbox", () => {
  it("gets what is pending and what is replayed, and nothing that the first one has", async () => {
    const mailbox = await mailboxWithHistory();
    await harness.registry.update(await mailbox.stored(), { desk: "uvdesk" });
    const [entry] = await harness.ledger.quarantined(mailbox.id, 1);
    await harness.ledger.replay(mailbox.id, entry ?? assert.fail("nothing is quarantined"), new Date());
    await harness.runs(mailbox, 2);
    assert.deepEqual(harness.uvdesk.tickets.map(({ subject }) => subject).toSorted(), ["pending", "quarantined"]);
  });

  it("gets it under the same key, should the name lead to another place in the middle of an attempt", async () => {
    const mailbox = await harness.connect();
    const [id = ""] = mailbox.receive("one");
    const old = deskThat(() => ({ ...FAULT_OF_DESK, uncertain: true }));
    await harness.run(mailbox, at(old));
    harness.clock.advance(MINUTE_MS);
    await harness.run(mailbox);
    assert.equal(harness.webhook.timesSeen(idempotencyKey(mailbox.id, messageKey(id))), 1);
  });
});

describe("a desk that the settings do not name any more", () => {
  it("is told, keeps the mail waiting, and gets all of it when it is back", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one");
    const deskOf = () => {
      throw new ConfigurationError([{ setting: "DESKS", fault: "names no desk" }]);
    };
    assert.deepEqual(await harness.run(mailbox, { deps: { deskOf } }), {
      kind: "failed",
      code: "CONFIGURATION_INVALID",
    });
    assert.match((await mailbox.stored()).lastError?.message ?? "", /names no desk/);
    mailbox.receive("two");
    harness.clock.advance(100 * DAY_MS);
    await harness.run(mailbox);
    assert.deepEqual(harness.taken().toSorted(), ["one", "two"]);
  });
});
