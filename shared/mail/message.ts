import { createHash } from "node:crypto";

/** A message as discovery sees it in a page of changes. */
export interface DiscoveredMessage {
  /** Immutable id; case matters. https://learn.microsoft.com/graph/outlook-immutable-id */
  readonly id: string;
  /** `undefined` in a partial entry, such as one that only tells of a change of the read flag. */
  readonly receivedAt: Date | undefined;
  /** Moved out or deleted. Never cancels a delivery: that the message is gone is proved by asking for it. */
  readonly removed: boolean;
}

/** The key of a message in the ledger: its immutable id may hold letters that a table key must not. */
export function messageKey(id: string): string {
  return createHash("sha256").update(id).digest("base64url");
}

/** The same for every attempt at a message, and for no other message: desks that deduplicate do it by this. */
export function idempotencyKey(mailboxId: string, key: string): string {
  return `${mailboxId}-${key}`;
}
