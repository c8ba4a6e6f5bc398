import type { Tables } from "../../shared/platform/tables-azure.ts";
import { createMemoryTables, type TableRequest } from "../simulator/storage/memory-tables.ts";
import { connectionError, TABLE_REFUSALS, tableError } from "../simulator/storage/table-errors.ts";
import type { Scheduler } from "./scheduler.ts";

export type StoredRow = Readonly<Record<string, unknown>>;

/** A row before and after a request; `undefined` where there is none. */
export interface RowChange {
  readonly table: string;
  readonly partitionKey: string;
  readonly rowKey: string;
  readonly before: StoredRow | undefined;
  readonly after: StoredRow | undefined;
}

export interface StorageHooks {
  /** Nothing happens; or it does, and the answer is lost. */
  isRefused(request: TableRequest): boolean;
  isAnswerLost(request: TableRequest): boolean;
  /** Everything that one request changed, at once. */
  changed(changes: readonly RowChange[]): void | Promise<void>;
}

export interface Storage {
  /** As the instances have it: every attempt at a request is an operation of the scheduler. */
  readonly tables: Tables;
  /** For those who look on: at once, and without a fault. */
  readonly unseen: Tables;
}

/** Table storage that all instances share. */
export function createStorage(scheduler: Scheduler, hooks: StorageHooks): Storage {
  const memory = createMemoryTables();
  const unseen = memory.open();
  const lastSeen = new Map<string, StoredRow>();

  async function changesOf({ table, partitionKey = "", rowKeys }: TableRequest): Promise<RowChange[]> {
    const client = await unseen(table as Parameters<Tables>[0]);
    const changes: RowChange[] = [];
    for (const rowKey of rowKeys) {
      const place = `${table} ${partitionKey} ${rowKey}`;
      const before = lastSeen.get(place);
      const after = await client.getEntity<StoredRow>(partitionKey, rowKey).catch(() => undefined);
      if (after === undefined) lastSeen.delete(place);
      else lastSeen.set(place, after);
      changes.push({ table, partitionKey, rowKey, before, after });
    }
    return changes;
  }

  const tables = memory.open({
    before: async (request) => {
      await scheduler.pass("request", nameOf(request));
      if (hooks.isRefused(request)) throw tableError(TABLE_REFUSALS.serverBusy);
    },
    after: async (request) => {
      if (request.method !== "GET") await hooks.changed(await changesOf(request));
      await scheduler.pass("answer", nameOf(request));
      if (hooks.isAnswerLost(request)) throw connectionError();
    },
  });

  return { tables, unseen };
}

function nameOf({ table, operation, partitionKey = "", rowKeys, attempt }: TableRequest): string {
  const again = attempt > 1 ? ` (attempt ${attempt})` : "";
  return `${table} ${operation} ${partitionKey} ${rowKeys.join(" ")}${again}`.trimEnd();
}
