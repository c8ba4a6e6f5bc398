import { type Table, unlessAbsent } from "../../platform/tables-azure.ts";
import { messageKey } from "../message.ts";

import type { Comparison } from "./ledger.ts";
import { ATTEMPTS_BEFORE_QUARANTINE } from "./ledger.ts";
import {
  FINGERPRINT,
  type FingerprintRow,
  indexRow,
  listRows,
  MESSAGE,
  type MessageRow,
  PENDING,
  QUARANTINED,
  toEntry,
  writeMessage,
} from "./ledger-rows-table.ts";

/** Rows read side by side. */
const READS_AT_ONCE = 16;
/** More than so many messages are not looked up one by one: the whole ledger is read, a thousand rows a request. */
const FEW = 200;
const COLUMNS: (keyof MessageRow)[] = ["rowKey", "state"];

/** Looks the messages up one by one. */
export async function lookUp(client: Table, mailboxId: string, messageIds: readonly string[]) {
  const unknown = new Set<string>();
  const gone = new Set<string>();
  for (let start = 0; start < messageIds.length; start += READS_AT_ONCE) {
    await Promise.all(
      messageIds.slice(start, start + READS_AT_ONCE).map(async (id) => {
        const key = MESSAGE + messageKey(id);
        const read = client.getEntity<MessageRow>(mailboxId, key, { queryOptions: { select: COLUMNS } });
        const row = await unlessAbsent(read);
        if (row === undefined) unknown.add(id);
        else if (row.state === "gone") gone.add(id);
      }),
    );
  }
  return { unknown, gone } satisfies Comparison;
}

/** Gives the keys under which the desk has mails of these fingerprints. */
export async function deliveredAs(client: Table, mailboxId: string, fingerprints: readonly string[]) {
  const keys = new Map<string, string>();
  for (let start = 0; start < fingerprints.length; start += READS_AT_ONCE) {
    await Promise.all(
      fingerprints.slice(start, start + READS_AT_ONCE).map(async (fingerprint) => {
        const row = await unlessAbsent(client.getEntity<FingerprintRow>(mailboxId, FINGERPRINT + fingerprint));
        if (row !== undefined) keys.set(fingerprint, row.key);
      }),
    );
  }
  return keys;
}

/**
 * As `lookUp`, by whatever costs less. Holds the messages that are looked for in memory, never the ledger.
 * @param keepLease called again and again: a ledger of a million rows takes longer to read than a lease lasts
 */
export async function compare(
  client: Table,
  mailboxId: string,
  messageIds: readonly string[],
  keepLease: () => Promise<void> = async () => {},
): Promise<Comparison> {
  if (messageIds.length <= FEW) return await lookUp(client, mailboxId, messageIds);
  const idOf = new Map(messageIds.map((id) => [MESSAGE + messageKey(id), id]));
  const gone = new Set<string>();
  for await (const { rowKey, state } of listRows<MessageRow>(client, mailboxId, MESSAGE, undefined, COLUMNS)) {
    await keepLease();
    const id = idOf.get(rowKey);
    idOf.delete(rowKey);
    if (id !== undefined && state === "gone") gone.add(id);
  }
  return { unknown: new Set(idOf.values()), gone };
}

export async function reinstate(client: Table, mailboxId: string, messageId: string, at: Date): Promise<boolean> {
  const key = messageKey(messageId);
  const row = await unlessAbsent(client.getEntity<MessageRow>(mailboxId, MESSAGE + key));
  if (row?.state !== "gone") return false;
  const entry = toEntry(row);
  const time = at.toISOString();
  // The attempts are kept: a message that Graph lists, yet never gives, must not come back for ever.
  const isHopeless = entry.attempts >= ATTEMPTS_BEFORE_QUARANTINE;
  const changes: Partial<MessageRow> = isHopeless
    ? { state: "quarantined", settledAt: time, answer: "Graph lists the message, yet time and again does not find it" }
    : { state: "pending", settledAt: "", answer: "", firstFailedAt: "", dueAt: time, queue: "" };
  const index = indexRow(mailboxId, isHopeless ? QUARANTINED : PENDING, at, key, messageId);
  await writeMessage(client, mailboxId, entry, changes, [["create", index]]);
  return true;
}
