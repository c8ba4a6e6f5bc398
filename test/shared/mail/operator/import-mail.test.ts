import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LEDGER_MEMORY_MS } from "../../../../shared/mail/ledger/ledger.ts";

import { createImportMail } from "../../../../shared/mail/operator/import-mail.ts";
import { createChangeMailbox } from "../../../../shared/mailboxes/change-mailbox.ts";
import { noActivity } from "../../activity/no-activity.ts";
import { ACCEPTED, at, deskThat } from "../fake-desk.ts";
import { type ConnectedMailbox, DAY_MS, HOUR_MS, MINUTE_MS, mail, NOON, now, useMailHarness } from "../mail-harness.ts";

const harness = useMailHarness();
const daysAgo = (days: number) => new Date(NOON.getTime() - days * DAY_MS);

function importMail() {
  const nothing = async () => {};
  const { deliverFrom } = createChangeMailbox({
    registry: harness.registry,
    deskNames: [],
    tryDeskNow: nothing,
    queueFetch: nothing,
    forgetCheckpoint: nothing,
    removeGrant: nothing,
    activity: noActivity,
    log: harness.log,
    now,
  });
  return createImportMail({ ledger: harness.ledger, sourceOf: harness.source, deliverFrom, now });
}

/** A mailbox that was connected at noon, with mail of each of the last days, and what came since. */
async function mailboxWithPast(days: number): Promise<ConnectedMailbox> {
  const mailbox = await harness.connect();
  for (let day = days; day >= 1; day -= 1) {
    mailbox.graph.deliver(mail(`day-${day}`), { receivedAt: daysAgo(day), name: `day-${day}` });
  }
  mailbox.receive("new");
  await harness.run(mailbox);
  return mailbox;
}

describe("an import", () => {
  it("is counted first, and changes nothing by that", async () => {
    const mailbox = await mailboxWithPast(5);
    const preview = await importMail().preview(await mailbox.stored(), daysAgo(3));
    assert.deepEqual(preview, {
      since: daysAgo(3),
      inFolder: 4,
      known: 1,
      forgotten: 0,
      toDeliver: 3,
      complete: true,
    });
    await harness.runs(mailbox, 3);
    assert.deepEqual(harness.taken(), ["new"]);
  });

  it("delivers what it counted, once, whenever a run sees it", async () => {
    const mailbox = await mailboxWithPast(5);
    await importMail().start(await mailbox.stored(), daysAgo(3));
    await harness.runs(mailbox, 2);
    assert.deepEqual(harness.taken().toSorted(), ["day-1", "day-2", "day-3", "new"]);
    await importMail().start(await mailbox.stored(), daysAgo(5));
    await harness.runs(mailbox, 70);
    assert.deepEqual(harness.taken().toSorted(), ["day-1", "day-2", "day-3", "day-4", "day-5", "new"]);
  });

  it("that begins while a run has the mailbox is not forgotten", async () => {
    const mailbox = await mailboxWithPast(2);
    const start = async () => importMail().start(await mailbox.stored(), daysAgo(2));
    harness.graph.server.plan(({ path }) => path.endsWith("/messages/delta"), { kind: "before", run: start });
    await harness.runs(mailbox, 2);
    assert.deepEqual(harness.taken().toSorted(), ["day-1", "day-2", "new"]);
  });

  it("of old mail comes behind what is new", async () => {
    const mailbox = await mailboxWithPast(40);
    await importMail().start(await mailbox.stored(), daysAgo(40));
    const desk = deskThat(() => ACCEPTED);
    await harness.run(mailbox, { ...at(desk), budgetMs: 0 });
    harness.clock.advance(MINUTE_MS);
    await harness.run(mailbox, { ...at(deskThat(() => assert.fail("not yet"))), budgetMs: 0 });
    mailbox.receive("today");
    harness.clock.advance(HOUR_MS);
    await harness.runs(mailbox, 2, at(desk));
    assert.equal(desk.offered.length, 41);
    const old = (name: string) => Number(/^day-(\d+)$/.exec(name)?.[1] ?? 0) > 7;
    assert.ok(desk.offered.indexOf("today") < desk.offered.findIndex(old), desk.offered.join());
    assert.deepEqual(await harness.ledger.waiting(mailbox.id), { pending: 0, quarantined: 0 });
  });

  it("leaves alone what was delivered so long ago that the ledger has purged it", async () => {
    const mailbox = await mailboxWithPast(5);
    harness.clock.advance(LEDGER_MEMORY_MS + 2 * DAY_MS);
    await harness.ledger.purge(mailbox.id, new Date(Date.now() - LEDGER_MEMORY_MS));
    const preview = await importMail().preview(await mailbox.stored(), daysAgo(5));
    assert.deepEqual([preview.inFolder, preview.known, preview.forgotten, preview.toDeliver], [6, 0, 1, 5]);
    await importMail().start(await mailbox.stored(), daysAgo(5));
    await harness.runs(mailbox, 2);
    assert.equal(harness.taken().length, 6);
  });

  it("is refused where it makes no sense", async () => {
    const mailbox = await mailboxWithPast(1);
    for (const act of ["preview", "start"] as const) {
      const stored = await mailbox.stored();
      await assert.rejects(async () => importMail()[act](stored, now()), { code: "INPUT_INVALID" });
      const fresh = { ...stored, status: "new", deliverFrom: undefined } as const;
      await assert.rejects(async () => importMail()[act](fresh, daysAgo(3)), { code: "INPUT_INVALID" });
    }
  });
});
