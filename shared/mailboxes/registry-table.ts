import { odata, type TransactionAction } from "@azure/data-tables";
import { beyondAnyWait, isDue } from "../platform/due.ts";
import { AppError } from "../platform/errors.ts";
import {
  canBeKey,
  etagOf,
  isConflict,
  isNotFound,
  isPreconditionFailed,
  orRowChanged,
  type Tables,
  unlessAbsent,
} from "../platform/tables-azure.ts";
import type {
  Acknowledge,
  Mailbox,
  MailboxAccess,
  MailboxChanges,
  MailboxRegistry,
  MailboxStatus,
  MailboxSummary,
  StoredMailbox,
} from "./mailbox.ts";
import type { RequestCount } from "./request-count.ts";

const MAILBOXES = "mailbox";
const SYSTEM = "system";
const TICK = "fetch-mail";
const ALARM = "alarm";
const SUSPICION = "suspicion";

/** A row of the table Mailboxes. Times are ISO 8601 in UTC, so that they compare as text; "" stands for no value. */
interface MailboxRow {
  partitionKey: string;
  rowKey: string;
  address: string;
  folder: string;
  desk: string;
  acknowledge: string;
  access: string;
  deliverFrom: string;
  status: string;
  statusBeforePause: string;
  nextFetchAt: string;
  throttledUntil: string;
  /** Absent from rows that an older version wrote. */
  queuedUntil?: string;
  lastFetchAt: string;
  lastSuccessAt: string;
  lastError: string;
  /** Absent from rows that an older version wrote. */
  failures?: number;
  lastMailAt: string;
  lastRun: string;
  /** Absent from rows that an older version wrote. */
  graphRequests?: string;
  delivered: number;
  refused: number;
}

type Columns = Omit<MailboxRow, "partitionKey" | "rowKey">;

const SUMMARY_COLUMNS = ["rowKey", "desk", "status", "deliverFrom", "lastSuccessAt", "lastError"] as const;
type SummaryRow = Pick<MailboxRow, (typeof SUMMARY_COLUMNS)[number]>;

/** Keeps mailboxes in Table Storage. */
export function createMailboxRegistry(tables: Tables): MailboxRegistry {
  const table = () => tables("Mailboxes");

  async function query(filter: string): Promise<StoredMailbox[]> {
    const client = await table();
    const found: StoredMailbox[] = [];
    for await (const row of client.listEntities<MailboxRow>({ queryOptions: { filter } })) found.push(fromRow(row));
    return found;
  }

  async function markQueued(ids: readonly string[], until: Date | undefined): Promise<readonly string[]> {
    if (ids.length === 0) return [];
    const client = await table();
    const marks = ids.map((id): TransactionAction => {
      const row = { partitionKey: MAILBOXES, rowKey: id, ...toColumns({ queuedUntil: until }) };
      return ["update", row, "Merge"];
    });
    try {
      await client.submitTransaction(marks);
      return ids;
    } catch (error) {
      if (!isNotFound(error)) throw error;
      // One was removed meanwhile, which undoes the whole transaction: the others are marked without it.
      if (ids.length === 1) return [];
      const half = Math.ceil(ids.length / 2);
      return [...(await markQueued(ids.slice(0, half), until)), ...(await markQueued(ids.slice(half), until))];
    }
  }

  return {
    async add(mailbox) {
      const client = await table();
      const { id, ...columns } = mailbox;
      try {
        const { etag } = await client.createEntity({ partitionKey: MAILBOXES, rowKey: id, ...toColumns(columns) });
        return { ...mailbox, etag: etagOf({ etag }) };
      } catch (error) {
        if (!isConflict(error)) throw error;
        throw new AppError(
          "MAILBOX_EXISTS",
          `The folder ${mailbox.folder} of ${mailbox.address} is in the list already`,
          {
            cause: error,
          },
        );
      }
    },

    async get(id) {
      if (!canBeKey(id)) return undefined;
      const client = await table();
      const row = await unlessAbsent(client.getEntity<MailboxRow>(MAILBOXES, id));
      return row && fromRow(row);
    },

    async list() {
      const found = await query(odata`PartitionKey eq ${MAILBOXES}`);
      return found.sort((a, b) => a.address.localeCompare(b.address) || a.folder.localeCompare(b.folder));
    },

    async summaries() {
      const client = await table();
      const queryOptions = { filter: odata`PartitionKey eq ${MAILBOXES}`, select: [...SUMMARY_COLUMNS] };
      const found: MailboxSummary[] = [];
      for await (const row of client.listEntities<SummaryRow>({ queryOptions })) found.push(summaryIn(row));
      return found;
    },

    async due(now) {
      const client = await table();
      const reached = odata`nextFetchAt le ${now.toISOString()} or nextFetchAt gt ${beyondAnyWait(now).toISOString()}`;
      const filter = `${odata`PartitionKey eq ${MAILBOXES} and status eq ${"connected"}`} and (${reached})`;
      const queryOptions = { filter, select: ["rowKey", "nextFetchAt", "queuedUntil"] };
      const found: Pick<MailboxRow, "rowKey" | "nextFetchAt" | "queuedUntil">[] = [];
      for await (const row of client.listEntities<MailboxRow>({ queryOptions })) {
        // A comparison at the server would leave out rows without the column.
        if (isDue(row.queuedUntil, now)) found.push(row);
      }
      return found.sort((a, b) => compare(a.nextFetchAt, b.nextFetchAt)).map(({ rowKey }) => rowKey);
    },

    markQueued,

    async update(mailbox, changes) {
      const client = await table();
      const row = { partitionKey: MAILBOXES, rowKey: mailbox.id, ...toColumns(changes) };
      const { etag } = await orRowChanged(
        `Mailbox ${mailbox.address}`,
        client.updateEntity(row, "Merge", { etag: mailbox.etag }),
      );
      return { ...mailbox, ...changes, etag: etagOf({ etag }) };
    },

    async remove(id) {
      const client = await table();
      await unlessAbsent(client.deleteEntity(MAILBOXES, id));
    },

    async lastTick() {
      const client = await table();
      const row = await unlessAbsent(client.getEntity<{ at: string }>(SYSTEM, TICK));
      return row && new Date(row.at);
    },

    async recordTick(at) {
      const client = await table();
      await client.upsertEntity({ partitionKey: SYSTEM, rowKey: TICK, at: at.toISOString() }, "Replace");
    },

    async alarm() {
      const client = await table();
      const row = await unlessAbsent(client.getEntity<{ code: string; message: string; since: string }>(SYSTEM, ALARM));
      return row && { code: row.code, message: row.message, since: new Date(row.since) };
    },

    async takeProbe(before, at) {
      const client = await table();
      const row = await unlessAbsent(client.getEntity<{ probedAt?: string }>(SYSTEM, ALARM));
      if (row === undefined) return true;
      if (row.probedAt !== undefined && row.probedAt > before.toISOString()) return false;
      try {
        const probe = { partitionKey: SYSTEM, rowKey: ALARM, probedAt: at.toISOString() };
        await client.updateEntity(probe, "Merge", { etag: etagOf(row) });
        return true;
      } catch (error) {
        if (isPreconditionFailed(error) || isNotFound(error)) return false;
        throw error;
      }
    },

    async raiseAlarm({ code, message, since }) {
      const client = await table();
      const row = { partitionKey: SYSTEM, rowKey: ALARM, code, message };
      try {
        await client.createEntity({ ...row, since: since.toISOString() });
        return true;
      } catch (error) {
        if (!isConflict(error)) throw error;
        await unlessAbsent(client.updateEntity(row, "Merge"));
        return false;
      }
    },

    async suspect({ tenantId, at }) {
      const client = await table();
      const row = await unlessAbsent(client.getEntity<{ tenantId: string; at: string }>(SYSTEM, SUSPICION));
      const suspicion = { partitionKey: SYSTEM, rowKey: SUSPICION, tenantId, at: at.toISOString() };
      await client.upsertEntity(suspicion, "Replace");
      return row && { tenantId: row.tenantId, at: new Date(row.at) };
    },

    async clearAlarm() {
      const client = await table();
      await unlessAbsent(client.deleteEntity(SYSTEM, ALARM));
    },
  };
}

function toColumns(mailbox: Omit<Mailbox, "id">): Columns;
function toColumns(changes: MailboxChanges): Partial<Columns>;
function toColumns(changes: MailboxChanges): Partial<Columns> {
  const columns: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) columns[name] = "";
    else if (value instanceof Date) columns[name] = value.toISOString();
    else if (typeof value === "object") columns[name] = JSON.stringify(value);
    else columns[name] = value;
  }
  return columns as Partial<Columns>;
}

function time(text: string): Date | undefined {
  return text === "" ? undefined : new Date(text);
}

function summaryIn(row: SummaryRow): MailboxSummary {
  const error =
    row.lastError === "" ? undefined : (JSON.parse(row.lastError) as { code: string; message: string; at: string });
  return {
    id: row.rowKey,
    desk: row.desk,
    status: row.status as MailboxStatus,
    deliverFrom: time(row.deliverFrom),
    lastSuccessAt: time(row.lastSuccessAt),
    lastError: error && { ...error, at: new Date(error.at) },
  };
}

function fromRow(row: MailboxRow & { etag?: string }): StoredMailbox {
  return {
    ...summaryIn(row),
    address: row.address,
    folder: row.folder,
    acknowledge: JSON.parse(row.acknowledge) as Acknowledge,
    access: row.access as MailboxAccess,
    statusBeforePause: row.statusBeforePause === "" ? undefined : (row.statusBeforePause as MailboxStatus),
    nextFetchAt: new Date(row.nextFetchAt),
    throttledUntil: time(row.throttledUntil),
    queuedUntil: time(row.queuedUntil ?? ""),
    lastFetchAt: time(row.lastFetchAt),
    failures: row.failures ?? 0,
    lastMailAt: time(row.lastMailAt),
    lastRun: row.lastRun,
    graphRequests: toRequestCount(row.graphRequests),
    delivered: row.delivered,
    refused: row.refused,
    etag: etagOf(row),
  };
}

function toRequestCount(text = "[]"): RequestCount {
  const stored = JSON.parse(text) as { minute: string; requests: number }[];
  return stored.map(({ minute, requests }) => ({ minute: new Date(minute), requests }));
}

/** Times in ISO 8601 compare as text. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
