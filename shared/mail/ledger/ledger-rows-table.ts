import { randomUUID } from "node:crypto";
import { odata, type TransactionAction } from "@azure/data-tables";
import { beyondAnyWait } from "../../platform/due.ts";
import { RowChangedError } from "../../platform/errors.ts";
import { etagOf, isLostRace, type Table, unlessAbsent } from "../../platform/tables-azure.ts";
import { messageKey } from "../message.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { MessageState, NewEntry, Purged, StoredEntry } from "./ledger.ts";

/**
 * Rows of a mailbox's partition, by the first letters of their key:
 *   state             lease and checkpoint
 *   state-forgotten   between which times of arrival settled messages may have been purged
 *   m_<key>           a message
 *   p_<due>_<key>     index of the pending ones, by the time when they are due
 *   r_<due>_<key>     the same of old mail that was never tried: it comes after all others
 *   a_<due>_<key>     index of the delivered ones that are still to be acknowledged
 *   q_<time>_<key>    index of the quarantined ones
 *   f_<fingerprint>   a mail that the desk has, under whatever id it was delivered
 * One transaction thereby covers what belongs together, and what waits is found without reading history.
 */
export const STATE_ROW = "state";
export const PURGED_ROW = "state-forgotten";
export const MESSAGE = "m_";
export const PENDING = "p_";
export const BACKLOG = "r_";
export const ACKNOWLEDGE = "a_";
export const QUARANTINED = "q_";
export const FINGERPRINT = "f_";

/** Mail that is older than this when it is found, as after an import, waits until all younger mail is delivered. */
const BACKLOG_AFTER_MS = 7 * 24 * 3_600_000;

/** ISO 8601 times in UTC, "" for none. */
export interface StateRow extends Partial<Record<keyof Checkpoint, string>> {
  partitionKey: string;
  rowKey: string;
  leaseOwner: string;
  leaseUntil: string;
  /** "yes" where there may be backlog rows; "" or absent where there are none. */
  backlog?: string;
  /** Names the last write, so that whoever lost its answer knows it again. */
  writeId?: string;
}

export interface PurgedRow {
  partitionKey: string;
  rowKey: string;
  receivedFrom: string;
  receivedUntil: string;
}

export async function purgedIn(client: Table, mailboxId: string): Promise<Purged | undefined> {
  const row = await unlessAbsent(client.getEntity<PurgedRow>(mailboxId, PURGED_ROW));
  return row && toPurged(row);
}

export function toPurged({ receivedFrom, receivedUntil }: PurgedRow): Purged {
  return { from: new Date(receivedFrom), until: new Date(receivedUntil) };
}

export interface MessageRow {
  partitionKey: string;
  rowKey: string;
  messageId: string;
  receivedAt: string;
  state: string;
  attempts: number;
  runsEnded?: number;
  firstFailedAt: string;
  /** Missing in rows of version 0.1. */
  lastFailedAt?: string;
  uncertain: boolean;
  dueAt: string;
  claimedUntil: string;
  settledAt: string;
  answer: string;
  /** "backlog" where its first index row is a backlog row; "" otherwise. */
  queue: string;
  /** Absent from most. */
  notAcknowledged?: string;
  fingerprint?: string;
}

/** A mail that the desk has. */
export interface FingerprintRow {
  /** Of the message under which the desk got it. */
  key: string;
  receivedAt: string;
  settledAt: string;
}

export function fingerprintRow(mailboxId: string, fingerprint: string, row: FingerprintRow) {
  return { partitionKey: mailboxId, rowKey: FINGERPRINT + fingerprint, ...row };
}

/** An index row of what is to be acknowledged. */
export interface AcknowledgeRow {
  messageId: string;
  /** Absent before the first one failed. */
  tries?: number;
}

export function isOld({ receivedAt }: NewEntry, now: Date): boolean {
  return now.getTime() - receivedAt.getTime() > BACKLOG_AFTER_MS;
}

/** @param knownAs key of the message under which the desk has this very mail */
export function newRows(mailboxId: string, entry: NewEntry, now: Date, knownAs?: string): TransactionAction[] {
  const { messageId, receivedAt, fingerprint = "" } = entry;
  const isBacklog = isOld(entry, now);
  const key = messageKey(messageId);
  // Due in the order of arrival, and at once: a date may lie in the future, by seconds or by years.
  const dueAt = receivedAt < now ? receivedAt : now;
  const message: MessageRow = {
    partitionKey: mailboxId,
    rowKey: MESSAGE + key,
    messageId,
    receivedAt: receivedAt.toISOString(),
    state: "pending",
    attempts: 0,
    firstFailedAt: "",
    lastFailedAt: "",
    uncertain: false,
    dueAt: dueAt.toISOString(),
    claimedUntil: "",
    settledAt: "",
    answer: "",
    queue: isBacklog ? "backlog" : "",
    fingerprint,
  };
  if (knownAs !== undefined) {
    const answer = `the desk has it as message ${knownAs}: the same mail, under another id at Graph`;
    return [["create", { ...message, state: "delivered", settledAt: now.toISOString(), queue: "", answer }]];
  }
  return [
    ["create", { ...message }],
    ["create", indexRow(mailboxId, isBacklog ? BACKLOG : PENDING, dueAt, key, messageId)],
  ];
}

export function indexRow(mailboxId: string, prefix: string, at: Date, key: string, messageId: string) {
  return { partitionKey: mailboxId, rowKey: `${prefix}${at.toISOString()}_${key}`, messageId };
}

export function pendingRow(mailboxId: string, { dueAt, key, isBacklog }: StoredEntry) {
  return { partitionKey: mailboxId, rowKey: `${isBacklog ? BACKLOG : PENDING}${dueAt.toISOString()}_${key}` };
}

/** The message's key within an index row's key: what follows the letter and the time, which has a fixed length. */
export function keyOf(indexRowKey: string): string {
  return indexRowKey.slice("p_2026-01-01T00:00:00.000Z_".length);
}

/** A filter for the index rows whose moment has come. "~" sorts behind every character of a key. */
export function reached(prefix: string, now: Date): string {
  const [last, beyond] = [now, beyondAnyWait(now)].map((moment) => `${prefix}${moment.toISOString()}~`);
  return `(${odata`RowKey le ${last}`} or ${odata`RowKey gt ${beyond}`})`;
}

export async function firstKeys(
  client: Table,
  mailboxId: string,
  prefix: string,
  at: Date,
  limit: number,
): Promise<string[]> {
  const keys: string[] = [];
  for await (const row of listRows(client, mailboxId, prefix, reached(prefix, at), ["rowKey"])) {
    keys.push(String(row.rowKey));
    if (keys.length === limit) break;
  }
  return keys;
}

export function listRows<T extends object>(
  client: Table,
  mailboxId: string,
  prefix: string,
  condition?: string,
  select?: string[],
) {
  const range = odata`PartitionKey eq ${mailboxId} and RowKey ge ${prefix} and RowKey lt ${`${prefix}~`}`;
  const filter = condition === undefined ? range : `${range} and ${condition}`;
  return client.listEntities<T>({ queryOptions: { filter, ...(select === undefined ? {} : { select }) } });
}

export function toEntry(row: MessageRow & { etag?: string }): StoredEntry {
  const time = (text: string) => (text === "" ? undefined : new Date(text));
  return {
    key: row.rowKey.slice(MESSAGE.length),
    messageId: row.messageId,
    receivedAt: new Date(row.receivedAt),
    state: row.state as MessageState,
    attempts: row.attempts,
    runsEnded: row.runsEnded ?? 0,
    firstFailedAt: time(row.firstFailedAt),
    lastFailedAt: time(row.lastFailedAt ?? row.firstFailedAt),
    uncertain: row.uncertain,
    dueAt: new Date(row.dueAt),
    claimedUntil: time(row.claimedUntil),
    settledAt: time(row.settledAt),
    answer: row.answer,
    isBacklog: row.queue === "backlog",
    notAcknowledged: row.notAcknowledged ?? "",
    fingerprint: row.fingerprint ?? "",
    etag: etagOf(row),
  };
}

/**
 * Writes a row by its ETag, and others together with it: all or nothing. Gives its new ETag. Where the answer is lost, the
 * SDK writes again and meets its own first write: the row's write id tells.
 * @param lost makes the error for the case that somebody else was faster
 */
export async function writeByEtag(
  client: Table,
  { etag, ...row }: { readonly partitionKey: string; readonly rowKey: string; readonly etag: string },
  others: readonly TransactionAction[],
  lost: (cause: unknown) => Error,
): Promise<string> {
  const writeId = randomUUID();
  try {
    const own: TransactionAction = ["update", { ...row, writeId }, "Merge", { etag }];
    const { subResponses } = await client.submitTransaction([own, ...others]);
    return etagOf(subResponses[0] ?? {});
  } catch (error) {
    if (!isLostRace(error)) throw error;
    const latest = await unlessAbsent(client.getEntity<{ writeId?: string }>(row.partitionKey, row.rowKey));
    if (latest?.writeId === writeId) return etagOf(latest);
    throw lost(error);
  }
}

/**
 * Writes a message row together with its index rows, and gives its new ETag.
 * @throws {RowChangedError} somebody else was faster
 */
export function writeMessage(
  client: Table,
  mailboxId: string,
  entry: StoredEntry,
  changes: Partial<MessageRow>,
  indexRows: TransactionAction[],
): Promise<string> {
  // Law 2: a message is one row, and changes only as whoever changes it has read it.
  const row = { ...changes, partitionKey: mailboxId, rowKey: MESSAGE + entry.key, etag: entry.etag };
  return writeByEtag(
    client,
    row,
    indexRows,
    (cause) => new RowChangedError(`Message ${entry.key} of mailbox ${mailboxId}`, { cause }),
  );
}

/** The index row of a quarantined message, to be deleted. */
export function removalFromQuarantine(mailboxId: string, { key, settledAt }: StoredEntry): TransactionAction {
  if (settledAt === undefined) throw new Error(`Message ${key} is in quarantine without a time`);
  return ["delete", { partitionKey: mailboxId, rowKey: `${QUARANTINED}${settledAt.toISOString()}_${key}` }];
}
