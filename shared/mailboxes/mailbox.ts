import { createHash } from "node:crypto";
import { AppError } from "../platform/errors.ts";
import type { RequestCount } from "./request-count.ts";

/**
 * new: not connected yet; connected: fetched; needs-owner: its owner must consent again; needs-admin: its organisation
 * blocks the sign-in; paused: an administrator stopped it here.
 */
export type MailboxStatus = "new" | "connected" | "needs-owner" | "needs-admin" | "paused";

/** What is done to a message in the mailbox after the desk took it. */
export type Acknowledge =
  | { readonly kind: "nothing" }
  | { readonly kind: "mark-read" }
  | { readonly kind: "move"; readonly folder: string };

export type MailboxAccess = "owner" | "application";

/** The last thing that went wrong, until a run succeeds. */
export interface MailboxError {
  readonly code: string;
  /** What happened and who must do what; shown on the page. */
  readonly message: string;
  readonly at: Date;
}

export interface Mailbox {
  readonly id: string;
  /** Lower case. */
  readonly address: string;
  /** Well-known name, id, or name of the folder. https://learn.microsoft.com/graph/api/resources/mailfolder */
  readonly folder: string;
  /** Name of a desk of the configuration. */
  readonly desk: string;
  readonly acknowledge: Acknowledge;
  /** Who gives access: an account that signs in, or an administrator to the application itself. */
  readonly access: MailboxAccess;
  /** Messages received before this moment are left alone; `undefined` until the first connection sets it. */
  readonly deliverFrom: Date | undefined;
  readonly status: MailboxStatus;
  /** What the status was before somebody paused it, and will be again. */
  readonly statusBeforePause: MailboxStatus | undefined;
  readonly nextFetchAt: Date;
  /** Graph asked to be left alone until then. */
  readonly throttledUntil: Date | undefined;
  /** A message on the queue asks for its fetch; no other is sent before this moment. */
  readonly queuedUntil: Date | undefined;
  readonly lastFetchAt: Date | undefined;
  readonly lastSuccessAt: Date | undefined;
  readonly lastError: MailboxError | undefined;
  /** Fetches that failed in a row. */
  readonly failures: number;
  readonly lastMailAt: Date | undefined;
  /** The run that reported last. */
  readonly lastRun: string;
  /** Requests to Graph of the last ten minutes: it limits them for each mailbox. */
  readonly graphRequests: RequestCount;
  readonly delivered: number;
  readonly refused: number;
}

export interface StoredMailbox extends Mailbox {
  readonly etag: string;
}

export type MailboxChanges = Partial<Omit<Mailbox, "id" | "address" | "folder">>;

/** How a mailbox is, as far as a look at all of them needs it. */
export type MailboxSummary = Pick<Mailbox, "id" | "desk" | "status" | "deliverFrom" | "lastSuccessAt" | "lastError">;

/** A fault of our own app registration: it concerns every mailbox and is none's fault. */
export interface AppAlarm {
  readonly code: string;
  readonly message: string;
  readonly since: Date;
}

/** A tenant in which Entra refused the application by a number that nobody knows. */
interface Suspicion {
  readonly tenantId: string;
  readonly at: Date;
}

/** Keeps the mailboxes. Writes to a mailbox depend on the ETag that was read and throw `RowChangedError` otherwise. */
export interface MailboxRegistry {
  /** @throws {AppError} MAILBOX_EXISTS */
  add(mailbox: Mailbox): Promise<StoredMailbox>;
  get(id: string): Promise<StoredMailbox | undefined>;
  /** All of them, by address. */
  list(): Promise<StoredMailbox[]>;
  /** All of them, in no order: a fifth of the work of `list`, for what every tick asks. */
  summaries(): Promise<MailboxSummary[]>;
  /** Ids of the connected ones whose next fetch has come and is not on the queue, the longest waiting first. */
  due(now: Date): Promise<string[]>;
  update(mailbox: StoredMailbox, changes: MailboxChanges): Promise<StoredMailbox>;
  /**
   * Notes that the mailboxes are on the queue, or, with `undefined`, that they are not; a blind write, which nothing
   * depends on. Gives the ids of those that are still in the list.
   */
  markQueued(ids: readonly string[], until: Date | undefined): Promise<readonly string[]>;
  remove(id: string): Promise<void>;
  /** When `fetch-mail` last ran; `undefined` before the first time. */
  lastTick(): Promise<Date | undefined>;
  recordTick(at: Date): Promise<void>;
  alarm(): Promise<AppAlarm | undefined>;
  /**
   * Asks for the right to try again while the alarm stands. True for one caller in each interval, over all instances.
   * @param before the last try must lie before this moment
   */
  takeProbe(before: Date, at: Date): Promise<boolean>;
  /** Raises the one alarm of the app, or gives it a newer message. True for the one caller who raised it. */
  raiseAlarm(alarm: AppAlarm): Promise<boolean>;
  clearAlarm(): Promise<void>;
  /** Notes which tenant's refusal may be our own fault; gives what was noted before. */
  suspect(suspicion: Suspicion): Promise<Suspicion | undefined>;
}

/**
 * The id of a mailbox: the same address and folder always give the same one. Adding a mailbox twice is thereby refused
 * by the table itself, and one that is removed and added again meets its own ledger: nothing is delivered twice.
 */
export function mailboxId(address: string, folder: string): string {
  return createHash("sha256").update(`${address.toLowerCase()}\n${folder.toLowerCase()}`).digest("hex").slice(0, 16);
}

/** @throws {MailboxNotFoundError} */
export async function existingMailbox(registry: Pick<MailboxRegistry, "get">, id: string): Promise<StoredMailbox> {
  const mailbox = await registry.get(id);
  if (mailbox === undefined) throw new MailboxNotFoundError(id);
  return mailbox;
}

export class MailboxNotFoundError extends AppError {
  override readonly name = "MailboxNotFoundError";
  constructor(id: string) {
    super("MAILBOX_NOT_FOUND", `There is no mailbox ${id}: it was removed, or the link is mistyped`);
  }
}
