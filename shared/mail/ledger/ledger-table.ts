import { randomUUID } from "node:crypto";
import { odata, type TableEntityResult, type TransactionAction } from "@azure/data-tables";
import { isDue } from "../../platform/due.ts";
import { canBeKey, etagOf, isLostRace, type Table, type Tables, unlessAbsent } from "../../platform/tables-azure.ts";
import { toCheckpoint } from "./checkpoint.ts";
import { leasedLedger, MAILBOX_LEASE_MS } from "./leased-ledger-table.ts";
import {
  COUNTED_AT_MOST,
  type LeasedLedger,
  type Ledger,
  MESSAGE_STATES,
  type MessageState,
  type Purged,
  type StateCounts,
  type StoredEntry,
} from "./ledger.ts";
import {
  BACKLOG,
  indexRow,
  keyOf,
  listRows,
  MESSAGE,
  type MessageRow,
  PENDING,
  PURGED_ROW,
  type PurgedRow,
  purgedIn,
  QUARANTINED,
  removalFromQuarantine,
  STATE_ROW,
  type StateRow,
  toEntry,
  toPurged,
  writeMessage,
} from "./ledger-rows-table.ts";
import { compare } from "./lookup-table.ts";
import { purgeLedger } from "./retention-table.ts";

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
    const { row, purged } = await stateRows(client, mailboxId);
    const held = (state: StateRow, etag: string) => leasedLedger({ client, mailboxId, state, etag, purged, now });
    try {
      if (row === undefined) {
        const fresh = { ...key, leaseOwner, leaseUntil, link: "" };
        const { etag } = await client.createEntity<StateRow>(fresh);
        return held(fresh, etagOf({ etag }));
      }
      if (!isDue(row.leaseUntil, now(), 2 * MAILBOX_LEASE_MS)) return undefined;
      const taken = { ...key, leaseOwner, leaseUntil };
      const { etag } = await client.updateEntity(taken, "Merge", { etag: etagOf(row) });
      return held({ ...row, ...taken }, etagOf({ etag }));
    } catch (error) {
      if (!isLostRace(error)) throw error;
      // Where the answer was lost, the SDK wrote again and met its own first write.
      const latest = await unlessAbsent(client.getEntity<StateRow>(mailboxId, STATE_ROW));
      return latest?.leaseOwner === leaseOwner ? held(latest, etagOf(latest)) : undefined;
    }
  }

  /** Both in one request: every run begins with it. */
  async function stateRows(client: Table, mailboxId: string) {
    let row: TableEntityResult<StateRow> | undefined;
    let purged: Purged | undefined;
    for await (const found of listRows<StateRow & PurgedRow>(client, mailboxId, STATE_ROW)) {
      if (found.rowKey === STATE_ROW) row = found;
      if (found.rowKey === PURGED_ROW) purged = toPurged(found);
    }
    return { row, purged };
  }

  /** Changes a settled message and its index rows at once. */
  async function change(
    mailboxId: string,
    entry: StoredEntry,
    changes: Partial<MessageRow>,
    rows: TransactionAction[],
  ) {
    const client = await table();
    await writeMessage(client, mailboxId, entry, changes, [
      ...(entry.state === "quarantined" ? [removalFromQuarantine(mailboxId, entry)] : []),
      ...rows,
    ]);
  }

  async function count(client: Table, mailboxId: string, prefix: string): Promise<number> {
    let found = 0;
    for await (const _ of listRows(client, mailboxId, prefix, undefined, ["rowKey"])) {
      found += 1;
      if (found === COUNTED_AT_MOST) break;
    }
    return found;
  }

  /** The messages of indexes, one after the other, each in its order. */
  async function indexed(mailboxId: string, prefixes: readonly string[], limit: number): Promise<StoredEntry[]> {
    const client = await table();
    const found: StoredEntry[] = [];
    for (const prefix of prefixes) {
      for await (const { rowKey } of listRows(client, mailboxId, prefix, undefined, ["rowKey"])) {
        const row = await unlessAbsent(client.getEntity<MessageRow>(mailboxId, MESSAGE + keyOf(String(rowKey))));
        if (row !== undefined) found.push(toEntry(row));
        if (found.length >= limit) return found;
      }
    }
    return found;
  }

  /** Without those that somebody took out of it since its index was read: replaying one of these would double it. */
  async function quarantined(mailboxId: string, limit: number): Promise<StoredEntry[]> {
    const found = await indexed(mailboxId, [QUARANTINED], limit);
    return found.filter(({ state }) => state === "quarantined");
  }

  async function entries(mailboxId: string): Promise<StoredEntry[]> {
    const found: StoredEntry[] = [];
    for await (const row of listRows<MessageRow>(await table(), mailboxId, MESSAGE)) found.push(toEntry(row));
    return found;
  }

  return {
    lease,
    entries,

    async entry(mailboxId, key) {
      if (!canBeKey(MESSAGE + key)) return undefined;
      const client = await table();
      const row = await unlessAbsent(client.getEntity<MessageRow>(mailboxId, MESSAGE + key));
      return row && toEntry(row);
    },

    quarantined,

    async messages(mailboxId, state, limit) {
      if (state === "pending") return indexed(mailboxId, [PENDING, BACKLOG], limit);
      if (state === "quarantined") return quarantined(mailboxId, limit);
      const found: StoredEntry[] = [];
      const condition = state === undefined ? undefined : odata`state eq ${state}`;
      for await (const row of listRows<MessageRow>(await table(), mailboxId, MESSAGE, condition)) {
        found.push(toEntry(row));
        if (found.length >= limit) break;
      }
      return found;
    },

    async replay(mailboxId, entry, at) {
      const dueAt = at.toISOString();
      const anew = {
        state: "pending",
        attempts: 0,
        firstFailedAt: "",
        lastFailedAt: "",
        settledAt: "",
        dueAt,
        queue: "",
      };
      await change(mailboxId, entry, anew, [["create", indexRow(mailboxId, PENDING, at, entry.key, entry.messageId)]]);
    },

    discard: (mailboxId, entry, note, at) =>
      change(mailboxId, entry, { state: "discarded", answer: note, settledAt: at.toISOString() }, []),

    async checkpoint(mailboxId) {
      const client = await table();
      const row = await unlessAbsent(client.getEntity<StateRow>(mailboxId, STATE_ROW));
      return row && toCheckpoint(row);
    },

    purged: async (mailboxId) => await purgedIn(await table(), mailboxId),

    async waiting(mailboxId) {
      const client = await table();
      return {
        pending: (await count(client, mailboxId, PENDING)) + (await count(client, mailboxId, BACKLOG)),
        quarantined: await count(client, mailboxId, QUARANTINED),
      };
    },

    async counts(mailboxId, period) {
      const counts = Object.fromEntries(MESSAGE_STATES.map((state) => [state, 0])) as Record<MessageState, number>;
      const received =
        period && odata`receivedAt ge ${period.from.toISOString()} and receivedAt lt ${period.until.toISOString()}`;
      for await (const { state } of listRows<MessageRow>(await table(), mailboxId, MESSAGE, received, ["state"])) {
        counts[state as MessageState] += 1;
      }
      return counts satisfies StateCounts;
    },

    compare: async (mailboxId, messageIds) => await compare(await table(), mailboxId, messageIds),

    async forgetCheckpoint(mailboxId) {
      const client = await table();
      // Old mail may wait, and only this row says that it is looked for.
      const empty: StateRow = {
        partitionKey: mailboxId,
        rowKey: STATE_ROW,
        leaseOwner: "",
        leaseUntil: "",
        link: "",
        backlog: "yes",
      };
      await unlessAbsent(client.updateEntity(empty, "Replace"));
    },

    purge: async (mailboxId, settledBefore) => await purgeLedger(await table(), mailboxId, settledBefore),
  };
}
