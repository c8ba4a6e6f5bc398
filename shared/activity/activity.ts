import { cutText } from "../platform/cut-text.ts";

/**
 * Something that is worth telling about a mailbox. Counts, tickets and codes: never a sender, a subject or a desk's
 * words, which may quote the mail.
 */
export type ActivityEvent =
  | { readonly kind: "added" | "paused" | "resumed" | "discarded" }
  /** `by`: the account that signed in, where one did. */
  | { readonly kind: "connected"; readonly by?: string | undefined }
  | { readonly kind: "needs-owner" | "needs-admin"; readonly code: string }
  /**
   * `tickets`: such as "812–814, 820"; "" where the desk names none. `named`: of how many mails the desk named the ticket;
   * absent from what an earlier version noted.
   */
  | { readonly kind: "delivered"; readonly count: number; readonly tickets: string; readonly named?: number }
  /** `codes`: why, each once. */
  | { readonly kind: "refused" | "quarantined"; readonly count: number; readonly codes: string }
  | { readonly kind: "gone" | "replayed"; readonly count: number }
  /** A fault begins, or changes; or the one before is over. */
  | { readonly kind: "trouble" | "well"; readonly code: string };

/** An event as it was noted. */
export type NotedActivityEvent = ActivityEvent & { readonly at: Date };

/** Mail that the desks took in each of the last 24 hours, the running one included. */
export interface MailPerHour {
  /** When each hour began, the oldest first. */
  readonly hours: readonly Date[];
  /** Over all mailboxes. */
  readonly total: readonly number[];
  /** By mailbox id; a mailbox without any mail is absent. */
  readonly byMailbox: ReadonlyMap<string, readonly number[]>;
}

/** What happened to each mailbox of late. It is a by-product: no mail waits for it, and none is lost with it. */
export interface Activity {
  /** Notes what happened just now, in this order. Never throws, and never takes long. */
  note(mailboxId: string, ...events: readonly ActivityEvent[]): Promise<void>;
  /** The newest first. */
  list(mailboxId: string, limit: number): Promise<NotedActivityEvent[]>;
  mailPerHour(): Promise<MailPerHour>;
  /** Forgets what is older than 30 days, and of each mailbox all but the newest 500. Gives how many. */
  purge(): Promise<number>;
  /** Forgets a mailbox. */
  forget(mailboxId: string): Promise<void>;
}

/** Tickets shown of one run. */
const TICKETS_LIMIT = 200;

/** Tickets in few words: "812–814, 820". What is not a number stands for itself. */
export function ticketRanges(references: readonly string[]): string {
  const numbers = [...new Set(references.filter(isNumber).map(Number))].sort((one, other) => one - other);
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last !== undefined && number === last[1] + 1) last[1] = number;
    else ranges.push([number, number]);
  }
  const others = [...new Set(references.filter((reference) => !isNumber(reference)))];
  const parts = [...ranges.map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`)), ...others];
  return cutText(parts.join(", "), TICKETS_LIMIT);
}

function isNumber(reference: string): boolean {
  return /^\d{1,15}$/.test(reference);
}
