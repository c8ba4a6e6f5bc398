import { odata } from "@azure/data-tables";
import {
  deleteRows,
  etagOf,
  isPreconditionFailed,
  orRowChanged,
  type Table,
  unlessAbsent,
} from "../../platform/tables-azure.ts";
import { FINGERPRINT, listRows, MESSAGE, type MessageRow, PURGED_ROW, type PurgedRow } from "./ledger-rows-table.ts";

type OldRow = Pick<MessageRow, "rowKey" | "receivedAt" | "state">;
const COLUMNS: (keyof OldRow)[] = ["rowKey", "receivedAt", "state"];

/**
 * Removes what was settled before this moment, and notes between which times of arrival messages were purged.
 * @throws {RowChangedError} where another purge was at it at the same moment
 */
export async function purgeLedger(client: Table, mailboxId: string, settledBefore: Date): Promise<number> {
  const old = await settledRows(client, mailboxId, settledBefore);
  // First the mark, then the rows: a crash in between forgets nothing.
  if (old.length > 0) await notePurged(client, mailboxId, old);
  const isFinal = ({ state }: OldRow) => state === "delivered";
  const final = old.filter(isFinal).map(({ rowKey }) => rowKey);
  await deleteRows(client, mailboxId, final);
  let removed = final.length;
  for (const row of old) if (!isFinal(row) && (await removeUnlessChanged(client, mailboxId, row))) removed += 1;
  await purgeFingerprints(client, mailboxId, settledBefore);
  return removed;
}

/** What has a date of the future stays: forgetting it would mean forgetting everything that comes until then. */
function isOver(settledBefore: Date): string {
  const before = settledBefore.toISOString();
  return odata`settledAt gt ${""} and settledAt lt ${before} and receivedAt lt ${before}`;
}

async function settledRows(client: Table, mailboxId: string, settledBefore: Date): Promise<OldRow[]> {
  const settled = `${isOver(settledBefore)} and ${odata`state ne ${"quarantined"}`}`;
  const old: OldRow[] = [];
  for await (const row of listRows<MessageRow>(client, mailboxId, MESSAGE, settled, COLUMNS)) old.push(row);
  return old;
}

async function purgeFingerprints(client: Table, mailboxId: string, settledBefore: Date): Promise<void> {
  const old: string[] = [];
  for await (const { rowKey } of listRows(client, mailboxId, FINGERPRINT, isOver(settledBefore), ["rowKey"])) {
    old.push(String(rowKey));
  }
  await deleteRows(client, mailboxId, old);
}

async function notePurged(client: Table, mailboxId: string, old: readonly OldRow[]): Promise<void> {
  const mark = await unlessAbsent(client.getEntity<PurgedRow>(mailboxId, PURGED_ROW));
  const times = [
    ...old.map(({ receivedAt }) => receivedAt),
    ...(mark === undefined ? [] : [mark.receivedFrom, mark.receivedUntil]),
  ].sort();
  const [first = ""] = times;
  const range = { receivedFrom: first, receivedUntil: times.at(-1) ?? first };
  const row = { partitionKey: mailboxId, rowKey: PURGED_ROW, ...range };
  await orRowChanged(
    `What was purged of mailbox ${mailboxId}`,
    mark === undefined ? client.createEntity(row) : client.updateEntity(row, "Replace", { etag: etagOf(mark) }),
  );
}

/** Whatever the desk does not have may be offered again at any moment, by a person or because it is in the folder again. */
async function removeUnlessChanged(client: Table, mailboxId: string, { rowKey, state }: OldRow): Promise<boolean> {
  const row = await unlessAbsent(client.getEntity<MessageRow>(mailboxId, rowKey));
  if (row?.state !== state) return false;
  try {
    await client.deleteEntity(mailboxId, rowKey, { etag: etagOf(row) });
    return true;
  } catch (error) {
    if (isPreconditionFailed(error)) return false;
    throw error;
  }
}
