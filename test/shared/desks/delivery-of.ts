import { randomUUID } from "node:crypto";
import type { Delivery } from "../../../shared/desks/desk.ts";
import { MAILBOX } from "../../simulator/mails/example-mail.ts";

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
