import { randomUUID } from "node:crypto";
import type { Delivery } from "../../../shared/desks/desk.ts";

export const MAILBOX = "help@contoso.test";

let mails = 0;

/** A mail from a customer, but for the headers given here; `undefined` leaves one out. */
export function mailWith(headers: Readonly<Record<string, string | undefined>> = {}, body = "Hello"): Buffer {
  mails += 1;
  const all = {
    From: "Ada <ada@customer.test>",
    To: MAILBOX,
    Subject: `Question ${mails}`,
    "Message-ID": `<mail-${mails}@customer.test>`,
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}\r\n`]));
  return Buffer.from(`${lines.join("")}\r\n${body}`, "latin1");
}

/** A delivery of these bytes, the first attempt at a message of its own unless told otherwise. */
export function deliveryOf(bytes: Buffer, changes: Partial<Delivery> = {}): Delivery {
  return {
    mailboxAddress: MAILBOX,
    idempotencyKey: `key-${randomUUID()}`,
    mail: new Blob([new Uint8Array(bytes)]),
    offerUntil: new Date(Date.now() + 10 * 60_000),
    ...changes,
  };
}
