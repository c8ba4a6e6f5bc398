import type { TransactionAction } from "@azure/data-tables";
import { isDue } from "../../platform/due.ts";
import { RowChangedError } from "../../platform/errors.ts";
import { isNotFound, type Table, unlessAbsent } from "../../platform/tables-azure.ts";
import { toCheckpoint, toColumns } from "./checkpoint.ts";
import {
  type LeasedLedger,
  LeaseLostError,
  mayBePurged,
  type NewEntry,
  type Purged,
  type UnacknowledgedEntry,
} from "./ledger.ts";
import {
  ACKNOWLEDGE,
  type AcknowledgeRow,
  BACKLOG,
  fingerprintRow,
  firstKeys,
  indexRow,
  isOld,
  keyOf,
  listRows,
  MESSAGE,
  type MessageRow,
  newRows,
  PENDING,
  pendingRow,
  purgedIn,
  QUARANTINED,
  reached,
  STATE_ROW,
  type StateRow,
  toEntry,
  writeByEtag,
  writeMessage,
} from "./ledger-rows-table.ts";
import { compare, deliveredAs, lookUp, reinstate } from "./lookup-table.ts";

/** A run renews its lease at half of this; a crashed one blocks its mailbox this long at most. */
export const MAILBOX_LEASE_MS = 3 * 60_000;
/** A mail that comes again under another id is not of today; one that came only now is delivered, whatever it resembles. */
const COPY_AFTER_MS = 60 * 60_000;
/** Two rows each, and the state row: a transaction holds 100. */
const MESSAGES_PER_TRANSACTION = 49;

interface LeaseHeld {
  readonly client: Table;
  readonly mailboxId: string;
  readonly state: StateRow;
  readonly etag: string;
  readonly purged: Purged | undefined;
  readonly now: () => Date;
}

/** The ledger under a lease. Every write goes through the state row's ETag or the message row's own. */
export function leasedLedger({ client, mailboxId, state, etag, now, ...held }: LeaseHeld): LeasedLedger {
  let stateEtag = etag;
  let leaseUntil = new Date(state.leaseUntil);
  let renewal: Promise<void> | undefined;
  let checkpoint = toCheckpoint(state);
  /** What the stored checkpoint lacks. */
  let unsaved: Partial<StateRow> | undefined;
  let { purged } = held;
  let hasBacklog = state.backlog === "yes";

  const stateRow = (changes: Partial<StateRow>) => ({ partitionKey: mailboxId, rowKey: STATE_ROW, ...changes });
  const isLeaseHalfOver = () => leaseUntil.getTime() - now().getTime() < MAILBOX_LEASE_MS / 2;
  const prolonged = () => new Date(now().getTime() + MAILBOX_LEASE_MS);

  /** Writes rows together with the state row: all or nothing, and only while the lease is ours. */
  async function writeUnderLease(rows: TransactionAction[], changes: Partial<StateRow>): Promise<void> {
    const until = prolonged();
    const row = { ...stateRow({ leaseUntil: until.toISOString(), ...unsaved, ...changes }), etag: stateEtag };
    stateEtag = await writeByEtag(client, row, rows, (cause) => new LeaseLostError(mailboxId, { cause }));
    leaseUntil = until;
    unsaved = undefined;
  }

  async function renew(): Promise<void> {
    if (!isLeaseHalfOver()) return;
    // Deliveries side by side ask for it at the same moment; two writes by one ETag would look like a lost lease.
    renewal ??= writeUnderLease([], {}).finally(() => {
      renewal = undefined;
    });
    await renewal;
  }

  const unknown = async (messageIds: readonly string[]) => (await lookUp(client, mailboxId, messageIds)).unknown;

  /** Those that the desk has under another id, with the key under which it got them. */
  async function copiesAmong(messages: readonly NewEntry[]): Promise<ReadonlyMap<NewEntry, string>> {
    const older = messages.filter(
      ({ receivedAt }) => Math.abs(now().getTime() - receivedAt.getTime()) >= COPY_AFTER_MS,
    );
    const fingerprints = older.flatMap(({ fingerprint }) => fingerprint ?? []);
    const keys = await deliveredAs(client, mailboxId, fingerprints);
    return new Map(
      older.flatMap((message) => {
        const key = keys.get(message.fingerprint ?? "");
        return key === undefined ? [] : [[message, key] as const];
      }),
    );
  }

  return {
    get checkpoint() {
      return checkpoint;
    },
    get purged() {
      return purged;
    },
    unknown,

    compare: (messageIds) => compare(client, mailboxId, messageIds, renew),
    reinstate: (messageId, at) => reinstate(client, mailboxId, messageId, at),

    async record(messages, moved) {
      const absent = await unknown([...new Set(messages.map((message) => message.messageId))]);
      // Known when this run began, some may have been purged since; the mark is written before the rows go.
      if (absent.size > 0) purged = await purgedIn(client, mailboxId);
      const fresh = new Map(
        messages
          .filter(({ messageId, receivedAt }) => absent.has(messageId) && !mayBePurged(purged, receivedAt))
          .map((message) => [message.messageId, message]),
      );
      const rows = [...fresh.values()];
      const known = await copiesAmong(rows);
      // A page that brings nothing is not worth a write of its own: the checkpoint moves with the next one, at the latest with
      // the release. Should the run die before, one page is read again.
      if (rows.length === 0 && unsaved === undefined && !isLeaseHalfOver()) {
        unsaved = toColumns(moved);
        checkpoint = { ...checkpoint, ...moved };
        return 0;
      }
      // Law 1: the checkpoint moves in the last transaction, together with the last messages.
      for (let start = 0; start === 0 || start < rows.length; start += MESSAGES_PER_TRANSACTION) {
        const some = rows.slice(start, start + MESSAGES_PER_TRANSACTION);
        const last = start + MESSAGES_PER_TRANSACTION >= rows.length;
        const at = now();
        hasBacklog ||= some.some((message) => isOld(message, at));
        await writeUnderLease(
          some.flatMap((message) => newRows(mailboxId, message, at, known.get(message))),
          { ...(last ? toColumns(moved) : {}), ...(hasBacklog ? { backlog: "yes" } : {}) },
        );
      }
      checkpoint = { ...checkpoint, ...moved };
      return rows.length - known.size;
    },

    async due(at, limit) {
      const indexed = await firstKeys(client, mailboxId, PENDING, at, limit);
      const rest = limit - indexed.length;
      if (rest > 0 && hasBacklog) {
        const backlog = await firstKeys(client, mailboxId, BACKLOG, at, rest);
        indexed.push(...backlog);
        hasBacklog = backlog.length > 0;
        if (!hasBacklog) unsaved = { ...unsaved, backlog: "" };
      }
      const found = await Promise.all(
        indexed.map((row) => unlessAbsent(client.getEntity<MessageRow>(mailboxId, MESSAGE + keyOf(row)))),
      );
      return found
        .filter((row) => row !== undefined)
        .map(toEntry)
        .filter(({ claimedUntil }) => isDue(claimedUntil, at));
    },

    async claim(entry, claimedUntil) {
      const attempts = entry.attempts + 1;
      // A claim that nobody took back is an attempt whose end nobody knows.
      const uncertain = entry.uncertain || entry.claimedUntil !== undefined;
      const runsEnded = entry.claimedUntil === undefined ? 0 : entry.runsEnded + 1;
      // Law 2: the write below carries the row's ETag; whoever reads an older row gets no claim.
      const claimed = { ...entry, attempts, runsEnded, uncertain, claimedUntil, dueAt: claimedUntil, isBacklog: false };
      const ends = claimedUntil.toISOString();
      const changes = { attempts, runsEnded, uncertain, claimedUntil: ends, dueAt: ends, queue: "" };
      try {
        // Should this run die, the message comes back when the claim ends, behind those that were due before.
        const etag = await writeMessage(client, mailboxId, entry, changes, [
          ["delete", pendingRow(mailboxId, entry)],
          ["create", indexRow(mailboxId, PENDING, claimedUntil, entry.key, entry.messageId)],
        ]);
        return { ...claimed, etag };
      } catch (error) {
        if (error instanceof RowChangedError) return undefined;
        throw error;
      }
    },

    async settle(claimed, { state: settledState, answer, acknowledge }, at) {
      const changes = {
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
      if (settledState === "delivered" && claimed.fingerprint !== "") {
        const { key, fingerprint, receivedAt } = claimed;
        const delivered = { key, receivedAt: receivedAt.toISOString(), settledAt: changes.settledAt };
        rows.push(["upsert", fingerprintRow(mailboxId, fingerprint, delivered), "Replace"]);
      }
      await writeMessage(client, mailboxId, claimed, changes, rows);
    },

    async postpone(claimed, { dueAt, answer, firstFailedAt, lastFailedAt, uncertain, counts }) {
      const changes = {
        answer,
        uncertain,
        dueAt: dueAt.toISOString(),
        claimedUntil: "",
        firstFailedAt: firstFailedAt?.toISOString() ?? "",
        lastFailedAt: lastFailedAt?.toISOString() ?? "",
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
      await writeMessage(client, mailboxId, claimed, changes, moved);
    },

    async toAcknowledge(at, limit) {
      const found: UnacknowledgedEntry[] = [];
      for await (const row of listRows<AcknowledgeRow>(client, mailboxId, ACKNOWLEDGE, reached(ACKNOWLEDGE, at))) {
        const rowKey = String(row.rowKey);
        found.push({ key: keyOf(rowKey), messageId: row.messageId, tries: row.tries ?? 0, row: rowKey });
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
        ["create", { ...indexRow(mailboxId, ACKNOWLEDGE, later, entry.key, entry.messageId), tries: entry.tries + 1 }],
      ]);
    },

    async abandonAcknowledge(entry, reason) {
      const message = { partitionKey: mailboxId, rowKey: MESSAGE + entry.key, notAcknowledged: reason };
      const index = { partitionKey: mailboxId, rowKey: entry.row };
      try {
        await client.submitTransaction([
          ["delete", index],
          ["update", message, "Merge"],
        ]);
      } catch (error) {
        // The message was purged meanwhile: nobody is left to be told.
        if (!isNotFound(error)) throw error;
        await unlessAbsent(client.deleteEntity(mailboxId, entry.row));
      }
    },

    renew,

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
