import type { Mailbox } from "../../../shared/mailboxes/mailbox.ts";
import { mailboxId } from "../../../shared/mailboxes/mailbox.ts";

const NOON = new Date("2026-11-23T12:00:00.000Z");

/** A mailbox as it is right after it was connected, due at noon, but for these changes. */
export function validMailbox(changes: Partial<Mailbox> = {}): Mailbox {
  const { address = "help@example.com", folder = "inbox" } = changes;
  return {
    id: mailboxId(address, folder),
    address,
    folder,
    desk: "uvdesk",
    acknowledge: { kind: "nothing" },
    access: "owner",
    deliverFrom: undefined,
    status: "connected",
    statusBeforePause: undefined,
    nextFetchAt: NOON,
    throttledUntil: undefined,
    queuedUntil: undefined,
    lastFetchAt: undefined,
    lastSuccessAt: undefined,
    lastError: undefined,
    failures: 0,
    lastMailAt: undefined,
    lastRun: "",
    graphRequests: [],
    delivered: 0,
    refused: 0,
    ...changes,
  };
}
