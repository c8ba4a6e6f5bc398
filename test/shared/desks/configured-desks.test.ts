import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { createConfiguredDesks } from "../../../shared/desks/configured-desks.ts";
import { unwatched } from "../../../shared/telemetry/outgoing.ts";
import { type Azurite, startAzurite } from "../../simulator/azurite.ts";
import { startUvdesk, type Uvdesk } from "../../simulator/desks/uvdesk.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../../simulator/desks/webhook-receiver.ts";
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

  describe("sign for a webhook with the secret of Key Vault", () => {
    const base64 = Buffer.from("the real key of 24 bytes").toString("base64");
    const good = `whsec_${base64}`;
    let receiver: WebhookReceiver;

    before(async () => {
      receiver = await startWebhookReceiver({ port: 0, secret: good });
    });
    after(() => receiver.stop());

    function deliverWith(secret: string) {
      const deskOf = createConfiguredDesks({
        settings: { hook: { kind: "webhook", url: receiver.url, secretName: "signing" } },
        readSecret: async () => secret,
        tables: azuriteTables(azurite),
        outgoing: unwatched,
        now: () => new Date(),
        random: Math.random,
        sleep: async () => {},
      });
      return deskOf({ desk: "hook", address: MAILBOX }).deliver(deliveryOf(mailWith()));
    }

    for (const secret of [good, ` ${good}`, `${good}\r\n`, `\ufeff${good}`]) {
      it(`as it is meant: ${JSON.stringify(secret)}`, async () => {
        assert.equal((await deliverWith(secret)).kind, "accepted");
      });
    }

    for (const secret of [
      "whsec_",
      "whsec_!!!!",
      "",
      `v1,${good}`,
      base64,
      `Whsec_${base64}`,
      `whsec_ ${base64}`,
      `whsec_${base64}=`,
      `whsec_${base64.slice(0, 16)}\n${base64.slice(16)}`,
      `whsec_${Buffer.alloc(23, 1).toString("base64")}`,
      `whsec_${Buffer.alloc(65, 1).toString("base64")}`,
      `whsec_${Buffer.alloc(25, 1).toString("base64").replace(/=+$/, "")}`,
      `whsec_${Buffer.alloc(24, 0xff).toString("base64url")}`,
      `${good} ${good}`,
    ]) {
      it(`or not at all, naming it: ${JSON.stringify(secret)}`, async () => {
        const before = receiver.received.length;
        await assert.rejects(deliverWith(secret), {
          code: "CONFIGURATION_INVALID",
          message: /^The Key Vault secret "signing" is no signing secret of a webhook: store whsec_ and the base64 of/,
        });
        assert.equal(receiver.received.length, before);
      });
    }
  });
});
