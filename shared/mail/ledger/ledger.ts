import { AppError } from "../../platform/errors.ts";
import type { Checkpoint } from "./checkpoint.ts";

/**
 * pending: to be delivered; delivered: the desk has it; refused: the desk will not have it; quarantined: it could not be
 * delivered and waits for a person; discarded: a person decided against it; gone: it was deleted from the mailbox before
 * it could be delivered.
 */
export const MESSAGE_STATES = ["pending", "delivered", "refused", "quarantined", "discarded", "gone"] as const;
export type MessageState = (typeof MESSAGE_STATES)[number];

/** How long the ledger remembers what it settled. */
export const LEDGER_MEMORY_MS = 90 * 24 * 3_600_000;
/** Attempts that a message gets at least before it is quarantined. */
export const ATTEMPTS_BEFORE_QUARANTINE = 8;

/** A message in the ledger. */
interface LedgerEntry {
  readonly key: string;
  /** Immutable id at Graph. */
  readonly messageId: string;
  readonly receivedAt: Date;
  readonly state: MessageState;
  /** Attempts that were begun. */
  readonly attempts: number;
  /** Runs in a row that ended in the middle of an attempt, before the one that has it now. */
  readonly runsEnded: number;
  /** When the first attempt that failed was made. */
  readonly firstFailedAt: Date | undefined;
  /** When the last attempt that failed was made. */
  readonly lastFailedAt: Date | undefined;
  /** An attempt ended without an answer: the desk may have the message already. */
  readonly uncertain: boolean;
  /** Not to be tried before this moment. */
  readonly dueAt: Date;
  /** Until then the attempt of one run counts as under way. */
  readonly claimedUntil: Date | undefined;
  /** When it left pending. */
  readonly settledAt: Date | undefined;
  /** The desk's reference or its reason. */
  readonly answer: string;
  /** Old mail that was never tried: it comes after all others. */
  readonly isBacklog: boolean;
  /** Why it was neither marked nor moved in the mailbox after its delivery; empty where nothing is wrong with that. */
  readonly notAcknowledged: string;
  /** Of the mail itself, under whatever id; empty where it is not known. */
  readonly fingerprint: string;
}

export interface StoredEntry extends LedgerEntry {
  readonly etag: string;
}

/** A message that this run may offer to the desk. */
export interface ClaimedEntry extends StoredEntry {
  readonly claimedUntil: Date;
}

/** Between these times of arrival, both included, settled messages were purged. */
export interface Purged {
  readonly from: Date;
  readonly until: Date;
}

/** True where an unknown message received at this moment may be one that was delivered and purged: it is not new. */
export function mayBePurged(purged: Purged | undefined, receivedAt: Date): boolean {
  return purged !== undefined && receivedAt >= purged.from && receivedAt <= purged.until;
}

/** The first moment from this one on at which an unknown message counts as new. */
export function beyondPurged(purged: Purged | undefined, receivedAt: Date): Date {
  return purged !== undefined && mayBePurged(purged, receivedAt) ? purged.until : receivedAt;
}

/** A message that discovery hands over. */
export interface NewEntry {
  readonly messageId: string;
  readonly receivedAt: Date;
  readonly fingerprint?: string | undefined;
}

export interface Comparison {
  readonly unknown: ReadonlySet<string>;
  readonly gone: ReadonlySet<string>;
}

interface Settlement {
  readonly state: Exclude<MessageState, "pending" | "discarded">;
  readonly answer: string;
  /** Whether something remains to be done to the message in the mailbox. */
  readonly acknowledge: boolean;
}

interface Postponement {
  readonly dueAt: Date;
  readonly answer: string;
  readonly firstFailedAt: Date | undefined;
  readonly lastFailedAt: Date | undefined;
  readonly uncertain: boolean;
  /** False where the attempt says nothing about the message, because the desk or Graph failed: it is not counted. */
  readonly counts: boolean;
}

/** From the first moment on, and before the second. */
export interface Period {
  readonly from: Date;
  readonly until: Date;
}

export type StateCounts = Readonly<Record<MessageState, number>>;

/** The mailbox is another run's now; this one must stop. Nothing was written. */
export class LeaseLostError extends AppError {
  override readonly name = "LeaseLostError";
  constructor(mailboxId: string, options?: ErrorOptions) {
    super("LEASE_LOST", `Another run took over mailbox ${mailboxId}; it goes on from what is stored`, options);
  }
}

/**
 * The ledger of one mailbox, in the hands of the one run that leases it.
 * @throws {LeaseLostError} from `record` and `renew`, once another run has taken over; messages are guarded one by one
 */
export interface LeasedLedger {
  readonly checkpoint: Checkpoint;
  /** What was settled long ago has been purged: see `mayBePurged`. `undefined` where nothing was. */
  readonly purged: Purged | undefined;
  /** Gives those of the messages that the ledger does not know. */
  unknown(messageIds: readonly string[]): Promise<ReadonlySet<string>>;
  /**
   * Looks for many messages at once.
   * @returns ids that the ledger does not know, and those of messages that count as gone
   */
  compare(messageIds: readonly string[]): Promise<Comparison>;
  /**
   * Writes the messages, known ones excepted, and only then moves the checkpoint. An older message that the desk has
   * under another id is known, too. Gives how many were new.
   */
  record(messages: readonly NewEntry[], moved: Partial<Checkpoint>): Promise<number>;
  /**
   * A message that counts as gone is in the folder: it is pending again, or after many attempts in quarantine.
   * False where it is something else by now.
   */
  reinstate(messageId: string, at: Date): Promise<boolean>;
  /** Pending messages whose time has come, the longest due first. */
  due(now: Date, limit: number): Promise<StoredEntry[]>;
  /** Marks an attempt as begun. `undefined` where another run was faster. */
  claim(entry: StoredEntry, until: Date): Promise<ClaimedEntry | undefined>;
  /** Takes the message out of pending, for good. */
  settle(claimed: ClaimedEntry, settlement: Settlement, at: Date): Promise<void>;
  /** Puts the message back for later. */
  postpone(claimed: ClaimedEntry, postponement: Postponement): Promise<void>;
  /** Delivered messages that are not acknowledged in the mailbox yet, and may be tried. */
  toAcknowledge(now: Date, limit: number): Promise<UnacknowledgedEntry[]>;
  acknowledged(entry: UnacknowledgedEntry): Promise<void>;
  /** Puts it off after a try that failed. */
  postponeAcknowledge(entry: UnacknowledgedEntry, until: Date): Promise<void>;
  /** It is tried no more; why stands with the message from now on. */
  abandonAcknowledge(entry: UnacknowledgedEntry, reason: string): Promise<void>;
  /** Prolongs the lease where half of it is over. */
  renew(): Promise<void>;
  /** Gives the mailbox back; nothing to do where another run has taken over. */
  release(): Promise<void>;
}

export interface UnacknowledgedEntry {
  readonly key: string;
  readonly messageId: string;
  /** Tries that failed. */
  readonly tries: number;
  /** Key of the index row. */
  readonly row: string;
}

/** Counting ends here: a page of a table has a thousand rows, and nobody needs to know it more exactly. */
export const COUNTED_AT_MOST = 1_000;

export interface Ledger {
  /** Takes the mailbox for one run; `undefined` while another has it. */
  lease(mailboxId: string): Promise<LeasedLedger | undefined>;
  /** Counts what waits and what is quarantined, up to `COUNTED_AT_MOST` of each, without reading history. */
  waiting(mailboxId: string): Promise<{ readonly pending: number; readonly quarantined: number }>;
  /** Counts the messages that the ledger holds, by state; those received in a period, where one is given. */
  counts(mailboxId: string, period?: Period): Promise<StateCounts>;
  /** Looks for many messages at once, without a lease. */
  compare(mailboxId: string, messageIds: readonly string[]): Promise<Comparison>;
  /** Every message that the ledger holds. Reads the whole partition. */
  entries(mailboxId: string): Promise<StoredEntry[]>;
  /**
   * Messages in one state, or all. What is pending or quarantined comes the longest waiting first, without reading
   * history, and what was old when it was found behind the rest; the others come in no order.
   */
  messages(mailboxId: string, state: MessageState | undefined, limit: number): Promise<StoredEntry[]>;
  entry(mailboxId: string, key: string): Promise<StoredEntry | undefined>;
  /** What is quarantined, the longest first, without reading history. */
  quarantined(mailboxId: string, limit: number): Promise<StoredEntry[]>;
  /**
   * Offers a message again that is not with the desk: quarantined, refused, discarded or gone.
   * @throws {RowChangedError} where its state has changed since `entry` was read
   */
  replay(mailboxId: string, entry: StoredEntry, at: Date): Promise<void>;
  /**
   * Takes a message out of quarantine for good, with the reason of the person who decided so.
   * @throws {RowChangedError} where its state has changed since `entry` was read
   */
  discard(mailboxId: string, entry: StoredEntry, note: string, at: Date): Promise<void>;
  /** Where discovery stands; `undefined` before the first run. */
  checkpoint(mailboxId: string): Promise<Checkpoint | undefined>;
  /** Between which times of arrival messages have been purged. */
  purged(mailboxId: string): Promise<Purged | undefined>;
  /** Forgets where discovery stands, not what was delivered: the next run walks the folder again. */
  forgetCheckpoint(mailboxId: string): Promise<void>;
  /** Removes what was settled before this moment, and notes up to when messages are purged. Gives how many. */
  purge(mailboxId: string, settledBefore: Date): Promise<number>;
}

/** @throws {AppError} MESSAGE_NOT_FOUND */
export async function existingMessage(
  ledger: Pick<Ledger, "entry">,
  mailboxId: string,
  key: string,
): Promise<StoredEntry> {
  // What no key of a message looks like is not asked for: a table refuses some characters altogether.
  const found = /^[\w-]{43}$/.test(key) ? await ledger.entry(mailboxId, key) : undefined;
  if (found !== undefined) return found;
  throw new AppError(
    "MESSAGE_NOT_FOUND",
    `The ledger of mailbox ${mailboxId} has no message ${key}: it was purged, or the link is mistyped`,
  );
}
