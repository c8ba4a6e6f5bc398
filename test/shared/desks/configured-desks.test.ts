import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { createConfiguredDesks } from "../../../shared/desks/configured-desks.ts";
import { unwatched } from "../../../shared/telemetry/outgoing.ts";
import { type Azurite, startAzurite } from "../../simulator/azurite.ts";
import { startUvdesk, type Uvdesk } from "../../simulator/desks/uvdesk.ts";
import { MAILBOX, mailWith } from "../../simulator/mails/example-mail.ts";
import { azuriteTables } from "../azurite-tables.ts";
import { deliveryOf } from "./delivery-of.ts";

describe("the desks of the configuration", () => {
  let azurite: Azurite;
  let uvdesk: Uvdesk;

  before(async () => {
    azurite = await startAzurite({ tablePort: 0, queuePort: 0 });
    uvdesk = await startUvdesk({ port: 0, mailboxes: [MAILBOX, "sales@contoso.test"] });
  });
  after(() => Promise.all([azurite.stop(), uvdesk.stop()]));

  it("share a lock where two names lead to one UVdesk: a mail that came to two mailboxes makes one ticket", async () => {
    const deskOf = createConfiguredDesks({
      settings: { support: { kind: "uvdesk", url: uvdesk.origin }, sales: { kind: "uvdesk", url: uvdesk.origin } },
      readSecret: async () => undefined,
      tables: azuriteTables(azurite),
      outgoing: unwatched,
      now: () => new Date(),
      random: Math.random,
      sleep: async (ms) => void (await setTimeout(ms / 5)),
    });
    uvdesk.insertsAfterMs = 50;
    const mail = mailWith({ "Message-ID": "<to-both@customer.test>" });
    const answers = await Promise.all([
      deskOf({ desk: "support", address: MAILBOX }).deliver(deliveryOf(mail)),
      deskOf({ desk: "sales", address: "sales@contoso.test" }).deliver(
        deliveryOf(mail, { mailboxAddress: "sales@contoso.test" }),
      ),
    ]);
    assert.deepEqual(answers.map(({ kind }) => kind).sort(), ["accepted", "duplicate"]);
    assert.equal(uvdesk.tickets.length, 1);
  });
});
