import { createHash } from "node:crypto";

/** A message as discovery sees it in a page of changes. */
export interface DiscoveredMessage {
  /** Immutable id; case matters. https://learn.microsoft.com/graph/outlook-immutable-id */
  readonly id: string;
  /** `undefined` in a partial entry, such as one that only tells of a change of the read flag. */
  readonly receivedAt: Date | undefined;
  /** Moved out or deleted. Never cancels a delivery: that the message is gone is proved by asking for it. */
  readonly removed: boolean;
  /** See `fingerprintOf`. */
  readonly fingerprint?: string | undefined;
}

/** What Graph says of a message that stays the same wherever the message goes. */
export interface MessageMarks {
  readonly internetMessageId?: string | null;
  readonly receivedDateTime?: string | null;
  readonly sentDateTime?: string | null;
  readonly subject?: string | null;
  readonly from?: { readonly emailAddress?: { readonly address?: string | null } | null } | null;
}

/**
 * The same for a message under all its ids: immutable ones change, too, when a mailbox is restored or moved to another
 * organisation, and a copy has its own. `undefined` where Graph does not say enough. Two mails of the same fingerprint
 * Exchange itself takes for one. https://learn.microsoft.com/graph/outlook-immutable-id
 */
export function fingerprintOf(marks: MessageMarks): string | undefined {
  const { internetMessageId, receivedDateTime, sentDateTime, subject, from } = marks;
  if (!internetMessageId || !receivedDateTime) return undefined;
  const text = JSON.stringify([
    internetMessageId,
    receivedDateTime,
    sentDateTime,
    subject,
    from?.emailAddress?.address,
  ]);
  return createHash("sha256").update(text).digest("base64url");
}

/** The key of a message in the ledger: its immutable id may hold letters that a table key must not. */
export function messageKey(id: string): string {
  return createHash("sha256").update(id).digest("base64url");
}

/** Law 2: the same for every attempt at a message, and for no other message; desks that deduplicate do it by this. */
export function idempotencyKey(mailboxId: string, key: string): string {
  return `${mailboxId}-${key}`;
}
