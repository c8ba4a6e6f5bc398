import { randomUUID } from "node:crypto";
import { odata, type TableClient, type TransactionAction } from "@azure/data-tables";
import {
  etagOf,
  isConflict,
  isNotFound,
  isPreconditionFailed,
  RowChangedError,
  type Tables,
  unlessAbsent,
} from "../tables.ts";
import {
  type Checkpoint,
  type LeasedLedger,
  LeaseLostError,
  type Ledger,
  type MessageState,
  type NewEntry,
  type StateCounts,
  type StoredEntry,
  type UnacknowledgedEntry,
} from "./ledger.ts";
import { messageKey } from "./message.ts";

/** A run renews its lease at half of this; a crashed one blocks its mailbox this long at most. */
export const MAILBOX_LEASE_MS = 3 * 60_000;
/** https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions */
const ROWS_PER_TRANSACTION = 100;
/** Two rows each, and the state row. */
const MESSAGES_PER_TRANSACTION = 49;
/** Rows read side by side. */
const READS_AT_ONCE = 16;

/**
 * Rows of a mailbox's partition, by the first letters of their key:
 *   state             lease and checkpoint
 *   state-forgotten   up to when settled messages may have been swept
 *   m_<key>           a message
 *   p_<due>_<key>     index of the pending ones, by the time when they are due
 *   a_<due>_<key>     index of the delivered ones that are still to be acknowledged
 *   q_<time>_<key>    index of the quarantined ones
 * One transaction thereby covers what belongs together, and what waits is found without reading history.
 */
const STATE_ROW = "state";
const FORGOTTEN_ROW = "state-forgotten";
const MESSAGE = "m_";
const PENDING = "p_";
const ACKNOWLEDGE = "a_";
const QUARANTINED = "q_";

/** ISO 8601 times in UTC, "" for none. */
interface StateRow {
  partitionKey: string;
  rowKey: string;
  leaseOwner: string;
  leaseUntil: string;
  link: string;
}

interface ForgottenRow {
  partitionKey: string;
  rowKey: string;
  receivedUntil: string;
}

interface MessageRow {
  partitionKey: string;
  rowKey: string;
  messageId: string;
  receivedAt: string;
  state: string;
  attempts: number;
  firstFailedAt: string;
  uncertain: boolean;
  dueAt: string;
  claimedUntil: string;
  settledAt: string;
  answer: string;
}

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
    const held = (state: StateRow, etag: string) => leased({ client, mailboxId, state, etag, forgottenUntil, now });
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

interface LeaseHeld {
  readonly client: TableClient;
  readonly mailboxId: string;
  readonly state: StateRow;
  readonly etag: string;
  readonly forgottenUntil: Date | undefined;
  readonly now: () => Date;
}

/** The ledger under a lease. Every write goes through the state row's ETag or the message row's own. */
function leased({ client, mailboxId, state, etag, forgottenUntil, now }: LeaseHeld): LeasedLedger {
  let stateEtag = etag;
  let leaseUntil = new Date(state.leaseUntil);
  let renewal: Promise<void> | undefined;
  let checkpoint: Checkpoint = { link: state.link || undefined };

  const stateRow = (changes: Partial<StateRow>) => ({ partitionKey: mailboxId, rowKey: STATE_ROW, ...changes });
  const prolonged = () => new Date(now().getTime() + MAILBOX_LEASE_MS);

  /** Writes rows together with the state row: all or nothing, and only while the lease is ours. */
  async function writeUnderLease(rows: TransactionAction[], changes: Partial<StateRow>): Promise<void> {
    const until = prolonged();
    const own: TransactionAction = [
      "update",
      stateRow({ leaseUntil: until.toISOString(), ...changes }),
      "Merge",
      { etag: stateEtag },
    ];
    try {
      const { subResponses } = await client.submitTransaction([own, ...rows]);
      stateEtag = etagOf(subResponses[0] ?? {});
      leaseUntil = until;
    } catch (error) {
      if (isPreconditionFailed(error) || isNotFound(error)) throw new LeaseLostError(mailboxId, { cause: error });
      throw error;
    }
  }

  async function isUnknown(messageId: string): Promise<boolean> {
    const row = await unlessAbsent(
      client.getEntity<MessageRow>(mailboxId, MESSAGE + messageKey(messageId), {
        queryOptions: { select: ["rowKey"] },
      }),
    );
    return row === undefined;
  }

  async function unknown(messageIds: readonly string[]): Promise<ReadonlySet<string>> {
    const found = new Set<string>();
    for (let start = 0; start < messageIds.length; start += READS_AT_ONCE) {
      const some = messageIds.slice(start, start + READS_AT_ONCE);
      const answers = await Promise.all(some.map(isUnknown));
      some.forEach((id, index) => {
        if (answers[index]) found.add(id);
      });
    }
    return found;
  }

  return {
    get checkpoint() {
      return checkpoint;
    },
    forgottenUntil,
    unknown,

    async record(messages, next) {
      const absent = await unknown([...new Set(messages.map((message) => message.messageId))]);
      const fresh = new Map(
        messages.filter(({ messageId }) => absent.has(messageId)).map((message) => [message.messageId, message]),
      );
      const rows = [...fresh.values()];
      const moved = { link: next.link ?? "" };
      // The checkpoint moves in the last transaction, together with the last messages.
      for (let start = 0; start === 0 || start < rows.length; start += MESSAGES_PER_TRANSACTION) {
        const some = rows.slice(start, start + MESSAGES_PER_TRANSACTION);
        const last = start + MESSAGES_PER_TRANSACTION >= rows.length;
        await writeUnderLease(
          some.flatMap((message) => newRows(mailboxId, message)),
          last ? moved : {},
        );
      }
      checkpoint = next;
      return rows.length;
    },

    async due(at, limit) {
      const indexed = await firstKeys(client, mailboxId, PENDING, at, limit);
      const found = await Promise.all(
        indexed.map((row) => unlessAbsent(client.getEntity<MessageRow>(mailboxId, MESSAGE + keyOf(row)))),
      );
      return found
        .filter((row) => row !== undefined)
        .map(toEntry)
        .filter(({ claimedUntil }) => claimedUntil === undefined || claimedUntil <= at);
    },

    async claim(entry, until) {
      const attempts = entry.attempts + 1;
      // A claim that nobody took back is an attempt whose end nobody knows.
      const uncertain = entry.uncertain || entry.claimedUntil !== undefined;
      const row = { ...messageRow(mailboxId, entry), attempts, uncertain, claimedUntil: until.toISOString() };
      try {
        const { etag: claimed } = await client.updateEntity(row, "Merge", { etag: entry.etag });
        return { ...entry, attempts, uncertain, claimedUntil: until, etag: etagOf({ etag: claimed }) };
      } catch (error) {
        if (isPreconditionFailed(error) || isNotFound(error)) return undefined;
        throw error;
      }
    },

    async settle(claimed, { state: settledState, answer, acknowledge }, at) {
      const row = {
        ...messageRow(mailboxId, claimed),
        state: settledState,
        answer,
        claimedUntil: "",
        settledAt: at.toISOString(),
      };
      const rows: TransactionAction[] = [["delete", pendingRow(mailboxId, claimed)]];
      if (acknowledge) rows.push(["create", indexRow(mailboxId, ACKNOWLEDGE, at, claimed.key, claimed.messageId)]);
      if (settledState === "quarantined") {
        rows.push(["create", indexRow(mailboxId, QUARANTINED, at, claimed.key, claimed.messageId)]);
      }
      await writeMessage(client, mailboxId, claimed, row, rows);
    },

    async postpone(claimed, { dueAt, answer, firstFailedAt, uncertain, counts }) {
      const row = {
        ...messageRow(mailboxId, claimed),
        answer,
        uncertain,
        dueAt: dueAt.toISOString(),
        claimedUntil: "",
        firstFailedAt: firstFailedAt?.toISOString() ?? "",
        attempts: counts ? claimed.attempts : claimed.attempts - 1,
      };
      const next = indexRow(mailboxId, PENDING, dueAt, claimed.key, claimed.messageId);
      const before = pendingRow(mailboxId, claimed);
      // The same row twice in one transaction is refused: https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
      const moved: TransactionAction[] =
        next.rowKey === before.rowKey
          ? []
          : [
              ["delete", before],
              ["create", next],
            ];
      await writeMessage(client, mailboxId, claimed, row, moved);
    },

    async toAcknowledge(at, limit) {
      const found: UnacknowledgedEntry[] = [];
      for await (const row of listRows<{ messageId: string }>(client, mailboxId, ACKNOWLEDGE, until(ACKNOWLEDGE, at))) {
        const rowKey = String(row.rowKey);
        found.push({ key: keyOf(rowKey), messageId: row.messageId, row: rowKey });
        if (found.length === limit) break;
      }
      return found;
    },

    async acknowledged(entry) {
      await unlessAbsent(client.deleteEntity(mailboxId, entry.row));
    },

    async postponeAcknowledge(entry, later) {
      await client.submitTransaction([
        ["delete", { partitionKey: mailboxId, rowKey: entry.row }],
        ["create", indexRow(mailboxId, ACKNOWLEDGE, later, entry.key, entry.messageId)],
      ]);
    },

    async renew() {
      if (leaseUntil.getTime() - now().getTime() >= MAILBOX_LEASE_MS / 2) return;
      // Deliveries side by side ask for it at the same moment; two writes by one ETag would look like a lost lease.
      renewal ??= writeUnderLease([], {}).finally(() => {
        renewal = undefined;
      });
      await renewal;
    },

    async release() {
      try {
        await writeUnderLease([], { leaseOwner: "", leaseUntil: "" });
      } catch (error) {
        // Whoever took over has the mailbox already.
        if (!(error instanceof LeaseLostError)) throw error;
      }
    },
  };
}

/** Writes a message row by the ETag of its claim, together with its index rows. */
async function writeMessage(
  client: TableClient,
  mailboxId: string,
  claimed: StoredEntry,
  row: Partial<MessageRow> & { partitionKey: string; rowKey: string },
  indexRows: TransactionAction[],
): Promise<void> {
  try {
    await client.submitTransaction([["update", row, "Merge", { etag: claimed.etag }], ...indexRows]);
  } catch (error) {
    if (isPreconditionFailed(error) || isNotFound(error) || isConflict(error)) {
      throw new RowChangedError(`Message ${claimed.key} of mailbox ${mailboxId}`, { cause: error });
    }
    throw error;
  }
}

function newRows(mailboxId: string, { messageId, receivedAt }: NewEntry): TransactionAction[] {
  const key = messageKey(messageId);
  const message: MessageRow = {
    partitionKey: mailboxId,
    rowKey: MESSAGE + key,
    messageId,
    receivedAt: receivedAt.toISOString(),
    state: "pending",
    attempts: 0,
    firstFailedAt: "",
    uncertain: false,
    dueAt: receivedAt.toISOString(),
    claimedUntil: "",
    settledAt: "",
    answer: "",
  };
  return [
    ["create", { ...message }],
    ["create", indexRow(mailboxId, PENDING, receivedAt, key, messageId)],
  ];
}

function messageRow(mailboxId: string, entry: StoredEntry) {
  return { partitionKey: mailboxId, rowKey: MESSAGE + entry.key };
}

function indexRow(mailboxId: string, prefix: string, at: Date, key: string, messageId: string) {
  return { partitionKey: mailboxId, rowKey: `${prefix}${at.toISOString()}_${key}`, messageId };
}

function pendingRow(mailboxId: string, { dueAt, key }: StoredEntry) {
  return { partitionKey: mailboxId, rowKey: `${PENDING}${dueAt.toISOString()}_${key}` };
}

/** The message's key within an index row's key: what follows the letter and the time, which has a fixed length. */
function keyOf(indexRowKey: string): string {
  return indexRowKey.slice("p_2026-01-01T00:00:00.000Z_".length);
}

/** A filter for the index rows up to this moment. "~" sorts behind every character of a key. */
function until(prefix: string, at: Date): string {
  return odata`RowKey le ${`${prefix}${at.toISOString()}~`}`;
}

async function firstKeys(
  client: TableClient,
  mailboxId: string,
  prefix: string,
  at: Date,
  limit: number,
): Promise<string[]> {
  const keys: string[] = [];
  for await (const row of listRows(client, mailboxId, prefix, until(prefix, at), ["rowKey"])) {
    keys.push(String(row.rowKey));
    if (keys.length === limit) break;
  }
  return keys;
}

function listRows<T extends object>(
  client: TableClient,
  mailboxId: string,
  prefix: string,
  condition?: string,
  select?: string[],
) {
  const range = odata`PartitionKey eq ${mailboxId} and RowKey ge ${prefix} and RowKey lt ${`${prefix}~`}`;
  const filter = condition === undefined ? range : `${range} and ${condition}`;
  return client.listEntities<T>({ queryOptions: { filter, ...(select === undefined ? {} : { select }) } });
}

function toEntry(row: MessageRow & { etag?: string }): StoredEntry {
  const time = (text: string) => (text === "" ? undefined : new Date(text));
  return {
    key: row.rowKey.slice(MESSAGE.length),
    messageId: row.messageId,
    receivedAt: new Date(row.receivedAt),
    state: row.state as MessageState,
    attempts: row.attempts,
    firstFailedAt: time(row.firstFailedAt),
    uncertain: row.uncertain,
    dueAt: new Date(row.dueAt),
    claimedUntil: time(row.claimedUntil),
    answer: row.answer,
    etag: etagOf(row),
  };
}
