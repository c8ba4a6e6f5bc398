import type { StoredMailbox } from "../mailboxes/mailbox.ts";
import type { ConsentSubject } from "../tokens/consent.ts";

/** What a consent for this mailbox is to cover. */
export function consentSubject({ id, address, access, acknowledge }: StoredMailbox): ConsentSubject {
  return { mailboxId: id, address, kind: access, writes: acknowledge.kind !== "nothing" };
}
