import { randomUUID } from "node:crypto";
import type { Delivery } from "./desk.ts";

/** A desk must have answered by then; the check that sends it has given up before. */
const OFFER_MS = 20_000;

/**
 * A message that shows whether the desk takes mail: says what it is, and has a key that no mail has. Its sender is of a
 * domain that nobody can have (https://www.rfc-editor.org/rfc/rfc2606), and its headers ask for no automatic answer.
 */
export function testDelivery(mailboxId: string, mailboxAddress: string, now: Date): Delivery {
  const id = randomUUID();
  const lines = [
    "From: Deskpost test <test@deskpost.invalid>",
    `To: ${mailboxAddress}`,
    "Subject: Test message of Deskpost, please delete",
    `Date: ${now.toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: <${id}@deskpost.invalid>`,
    "Auto-Submitted: auto-generated",
    "X-Auto-Response-Suppress: All",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "",
    `Somebody tested whether mail of ${mailboxAddress} arrives here. It does. This ticket can be deleted.`,
    "",
  ];
  return {
    mailboxAddress,
    idempotencyKey: `test-${mailboxId}-${id}`,
    mail: new Blob([lines.join("\r\n")]),
    offerUntil: new Date(now.getTime() + OFFER_MS),
  };
}
