import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import type { Desk, DeskAnswer } from "../../../shared/desks/desk.ts";
import { createExclusiveDesk, type ExclusiveDeskOptions } from "../../../shared/desks/exclusive-desk-table.ts";
import { createUvdesk } from "../../../shared/desks/uvdesk.ts";
import { type Azurite, startAzurite } from "../../simulator/azurite.ts";
import { startUvdesk, type Uvdesk } from "../../simulator/desks/uvdesk.ts";
import { MAILBOX, mailWith } from "../../simulator/mails/example-mail.ts";
import { azuriteTables } from "../azurite-tables.ts";
import { deliveryOf } from "./delivery-of.ts";

let azurite: Azurite;
let uvdesk: Uvdesk;

before(async () => {
  azurite = await startAzurite({ tablePort: 0, queuePort: 0 });
});
beforeEach(async () => {
  uvdesk = await startUvdesk({ port: 0, mailboxes: [MAILBOX] });
});
afterEach(async () => {
  await uvdesk.stop();
});
after(() => azurite.stop());

const now = () => new Date();
const taken: DeskAnswer = { kind: "accepted", words: "taken", reference: undefined };
const mail = () => deliveryOf(mailWith());

/** The desk as one instance of the app sees it. */
function instanceOf(desk: Desk, changes: Partial<ExclusiveDeskOptions> = {}): Desk {
  const tables = azuriteTables(azurite);
  const sleep = async (ms: number) => void (await setTimeout(ms / 5));
  return createExclusiveDesk({ desk, url: uvdesk.origin, tables, now, random: Math.random, sleep, ...changes });
}

describe("UVdesk with one message at a time", () => {
  it("makes one ticket of one mail, delivered by several instances at once", async () => {
    const delivery = mail();
    const instances = Array.from({ length: 3 }, () => instanceOf(createUvdesk({ url: uvdesk.origin, now })));
    const answers = await Promise.all(instances.map((desk) => desk.deliver(delivery)));
    assert.equal(uvdesk.tickets.length, 1);
    assert.deepEqual(answers.map(({ kind }) => kind).sort(), ["accepted", "duplicate", "duplicate"]);
  });

  it("is for each desk of its own: another desk is not waited for", async () => {
    const { promise: blocked, resolve: unblock } = Promise.withResolvers<DeskAnswer>();
    const slow = instanceOf({ concurrency: 1, deliver: () => blocked });
    const delivering = slow.deliver(mail());
    const other = instanceOf({ concurrency: 1, deliver: async () => taken }, { url: `${uvdesk.origin}/other` });
    assert.equal(await other.deliver(mail()), taken);
    unblock(taken);
    assert.equal(await delivering, taken);
  });
});
