import { randomUUID } from "node:crypto";
import { odata, type TableClient, type TransactionAction } from "@azure/data-tables";
import { etagOf, isConflict, isNotFound, isPreconditionFailed, type Tables, unlessAbsent } from "../tables.ts";
import { leasedLedger, MAILBOX_LEASE_MS } from "./leased-ledger.ts";
import type { LeasedLedger, Ledger, MessageState, StateCounts, StoredEntry } from "./ledger.ts";
import {
  FORGOTTEN_ROW,
  type ForgottenRow,
  listRows,
  MESSAGE,
  type MessageRow,
  PENDING,
  QUARANTINED,
  STATE_ROW,
  type StateRow,
  toEntry,
} from "./ledger-rows.ts";

/** https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions */
const ROWS_PER_TRANSACTION = 100;

export interface LedgerOptions {
  readonly tables: Tables;
  readonly now: () => Date;
}

/** Keeps the ledger in Table Storage, one partition per mailbox. */
export function createLedger({ tables, now }: LedgerOptions): Ledger {
  const table = () => tables("Ledger");

  async function lease(mailboxId: string): Promise<LeasedLedger | undefined> {
    const client = await table();
    const leaseOwner = randomUUID();
    const leaseUntil = new Date(now().getTime() + MAILBOX_LEASE_MS).toISOString();
    const key = { partitionKey: mailboxId, rowKey: STATE_ROW };
    const [row, forgotten] = await Promise.all([
      unlessAbsent(client.getEntity<StateRow>(mailboxId, STATE_ROW)),
      unlessAbsent(client.getEntity<ForgottenRow>(mailboxId, FORGOTTEN_ROW)),
    ]);
    const forgottenUntil = forgotten && new Date(forgotten.receivedUntil);
    const held = (state: StateRow, etag: string) =>
      leasedLedger({ client, mailboxId, state, etag, forgottenUntil, now });
    try {
      if (row === undefined) {
        const fresh = { ...key, leaseOwner, leaseUntil, link: "" };
        const { etag } = await client.createEntity<StateRow>(fresh);
        return held(fresh, etagOf({ etag }));
      }
      if (row.leaseUntil !== "" && now() < new Date(row.leaseUntil)) return undefined;
      const taken = { ...key, leaseOwner, leaseUntil };
      const { etag } = await client.updateEntity(taken, "Merge", { etag: etagOf(row) });
      return held({ ...row, ...taken }, etagOf({ etag }));
    } catch (error) {
      if (isConflict(error) || isPreconditionFailed(error) || isNotFound(error)) return undefined;
      throw error;
    }
  }

  async function count(client: TableClient, mailboxId: string, prefix: string): Promise<number> {
    let found = 0;
    for await (const _ of listRows(client, mailboxId, prefix, undefined, ["rowKey"])) found += 1;
    return found;
  }

  async function entries(mailboxId: string): Promise<StoredEntry[]> {
    const found: StoredEntry[] = [];
    for await (const row of listRows<MessageRow>(await table(), mailboxId, MESSAGE)) found.push(toEntry(row));
    return found;
  }

  return {
    lease,
    entries,

    async waiting(mailboxId) {
      const client = await table();
      return {
        pending: await count(client, mailboxId, PENDING),
        quarantined: await count(client, mailboxId, QUARANTINED),
      };
    },

    async counts(mailboxId) {
      const counts: Record<MessageState, number> = { pending: 0, delivered: 0, refused: 0, quarantined: 0, gone: 0 };
      for (const { state } of await entries(mailboxId)) counts[state] += 1;
      return counts satisfies StateCounts;
    },

    async forgetCheckpoint(mailboxId) {
      const client = await table();
      await unlessAbsent(client.deleteEntity(mailboxId, STATE_ROW));
    },

    async sweep(mailboxId, settledBefore) {
      const client = await table();
      const settled = odata`settledAt gt ${""} and settledAt lt ${settledBefore.toISOString()} and state ne ${"quarantined"}`;
      const old: MessageRow[] = [];
      const columns = ["partitionKey", "rowKey", "receivedAt"];
      for await (const row of listRows<MessageRow>(client, mailboxId, MESSAGE, settled, columns)) old.push(row);
      const latest = old
        .map((row) => row.receivedAt)
        .sort()
        .at(-1);
      if (latest === undefined) return 0;

      // First the mark, then the rows: a crash in between forgets nothing.
      const mark = await unlessAbsent(client.getEntity<ForgottenRow>(mailboxId, FORGOTTEN_ROW));
      const receivedUntil = mark !== undefined && mark.receivedUntil > latest ? mark.receivedUntil : latest;
      await client.upsertEntity({ partitionKey: mailboxId, rowKey: FORGOTTEN_ROW, receivedUntil }, "Replace");
      const deletions = old.map(({ rowKey }): TransactionAction => ["delete", { partitionKey: mailboxId, rowKey }]);
      for (let start = 0; start < deletions.length; start += ROWS_PER_TRANSACTION) {
        await client.submitTransaction(deletions.slice(start, start + ROWS_PER_TRANSACTION));
      }
      return old.length;
    },
  };
}
