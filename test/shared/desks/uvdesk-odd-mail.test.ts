import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Desk } from "../../../shared/desks/desk.ts";
import { createUvdesk } from "../../../shared/desks/uvdesk.ts";
import { startUvdesk, type Uvdesk } from "../../simulator/desks/uvdesk.ts";
import { MAILBOX } from "../../simulator/mails/example-mail.ts";
import { deliveryOf } from "./delivery-of.ts";

let uvdesk: Uvdesk;
let desk: Desk;

before(async () => {
  uvdesk = await startUvdesk({ port: 0, mailboxes: [MAILBOX] });
  desk = createUvdesk({ url: uvdesk.origin, now: () => new Date() });
  // UVdesk's own answers leave threads without a Message-ID: a mail without one would meet them.
  await desk.deliver(
    deliveryOf(Buffer.from("From: ada@customer.test\r\nMessage-ID: <first@customer.test>\r\n\r\nHello")),
  );
  uvdesk.addAgentReply(1, undefined);
});
after(() => uvdesk.stop());

const FROM = "From: ada@customer.test\r\n";
const mails: readonly (readonly [string, string])[] = [
  ["its Message-ID on a line of its own", `${FROM}Message-ID:\r\n <folded@customer.test>\r\n\r\nx`],
  ["two Message-IDs", `${FROM}Message-ID: <a@two.test>\r\nMessage-ID: <b@two.test>\r\n\r\nx`],
  ["an empty Message-ID and another", `${FROM}Message-ID:\r\nMessage-ID: <b@empty.test>\r\n\r\nx`],
  ["an empty Message-ID alone", `${FROM}Message-ID:  \r\n\r\nx`],
  ["none", `${FROM}Subject: none\r\n\r\nx`],
  ["a comment for a Message-ID", `${FROM}Message-ID: (none)\r\n\r\nx`],
  ["a Message-ID in small letters", `${FROM}message-id: <small@customer.test>\r\n\r\nx`],
  ["a Message-ID of 8-bit letters", `${FROM}Message-ID: <gr\xfc\xdfe@customer.test>\r\n\r\nx`],
  ["a Message-ID of 5,000 letters", `${FROM}Message-ID: <${"x".repeat(5_000)}@customer.test>\r\n\r\nx`],
  ["a Message-ID behind 300 KB of header", `${FROM}X: ${"y ".repeat(150_000)}\r\nMessage-ID: <far@x.test>\r\n\r\nx`],
  ["a blank before the colon", `${FROM}Message-ID : <blank@customer.test>\r\n\r\nx`],
  ["its Message-ID in the body alone", `${FROM}Subject: body\r\n\r\nMessage-ID: <body@customer.test>\r\n`],
  ["line feeds alone", `${FROM}Message-ID: <lf@customer.test>\r\n\r\nx`.replaceAll("\r\n", "\n")],
  ["mixed line ends", `${FROM}Subject: mixed\nMessage-ID: <mixed@customer.test>\r\n\nx`],
  ["no body and no empty line", `${FROM}Message-ID: <open@customer.test>`],
  ["References to nobody", `${FROM}Message-ID: <ref@customer.test>\r\nReferences: <unknown@customer.test>\r\n\r\nx`],
];

describe("a mail that comes twice makes one ticket, with", () => {
  for (const [what, text] of mails) {
    it(what, async () => {
      const delivery = deliveryOf(Buffer.from(text, "latin1"));
      const before = uvdesk.tickets.length;
      const kinds = [(await desk.deliver(delivery)).kind, (await desk.deliver(delivery)).kind];
      assert.deepEqual([kinds, uvdesk.tickets.length - before], [["accepted", "duplicate"], 1]);
    });
  }
});
