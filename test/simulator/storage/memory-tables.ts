import {
  RestError,
  type TableEntity,
  type TableEntityResult,
  type TableEntityResultPage,
  type TransactionAction,
} from "@azure/data-tables";
import type { Table, Tables } from "../../../shared/platform/tables-azure.ts";
import { TABLE_REFUSALS, tableError, transactionError } from "./table-errors.ts";
import { readTableFilter } from "./table-filter.ts";
import type { Property, Row } from "./table-row.ts";
import { createTableRows, type RowPlace, type TableRows, type Write } from "./table-rows.ts";

export type TableName = Parameters<Tables>[0];

/** One attempt at a request, as a hook sees it. */
export interface TableRequest {
  readonly table: string;
  readonly operation: keyof Table;
  /** As the real client sends it. */
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly partitionKey: string | undefined;
  /** None for a search. */
  readonly rowKeys: readonly string[];
  /** From 1: the real client tries again after what looks like a passing fault. */
  readonly attempt: number;
}

/**
 * Each may wait, and gets the same object for the same attempt. What it throws (see `table-errors.ts`) is met by the
 * caller, unless it is one after which the client tries again.
 */
export interface TableHooks {
  /** Throws: the request has no effect. */
  readonly before?: (request: TableRequest) => void | Promise<void>;
  /** Throws: the request took effect, its answer is lost. */
  readonly after?: (request: TableRequest) => void | Promise<void>;
}

/** Table storage in this process: the rows are there for everyone who opens them, as in a storage account. */
export interface MemoryTables {
  /** As one process sees the tables: requests of each meet hooks of their own. */
  open(hooks?: TableHooks): Tables;
  /** One of these tables. */
  table(name: TableName, hooks?: TableHooks): Table;
  /** Attempts at requests since the start. */
  readonly requestCount: number;
}

/** https://learn.microsoft.com/rest/api/storageservices/query-timeout-and-pagination */
const ROWS_PER_PAGE = 1_000;
const ROWS_PER_TRANSACTION = 100;
/** The real client's: https://github.com/Azure/azure-sdk-for-js/blob/main/sdk/core/core-rest-pipeline/src/policies/defaultRetryPolicy.ts */
const ATTEMPTS = 4;
const CONNECTION_ERRORS = new Set(["ECONNRESET", "ECONNREFUSED", "ETIMEDOUT", "ENOTFOUND"]);

/**
 * Tables that behave as the real client with the real service does, so far as Deskpost can see: `table-contract.ts`
 * holds both to it. Tries again at once where the real client waits first.
 */
export function createMemoryTables({ now = () => new Date() }: { readonly now?: () => Date } = {}): MemoryTables {
  const stamp = createStamp(now);
  const all = new Map<TableName, TableRows>();
  let requestCount = 0;

  function rowsOf(name: TableName): TableRows {
    const rows = all.get(name) ?? createTableRows(stamp);
    all.set(name, rows);
    return rows;
  }

  function table(name: TableName, { before, after }: TableHooks = {}): Table {
    async function send<T>(request: Omit<TableRequest, "attempt">, act: () => T): Promise<T> {
      for (let attempt = 1; ; attempt += 1) {
        requestCount += 1;
        const one = { ...request, attempt };
        try {
          await before?.(one);
          const result = act();
          await after?.(one);
          return result;
        } catch (error) {
          if (attempt === ATTEMPTS || !isPassing(error)) throw error;
        }
      }
    }
    return openTable(name, rowsOf(name), send);
  }

  return {
    table,
    open: (hooks) => async (name) => table(name, hooks),
    get requestCount() {
      return requestCount;
    },
  };
}

type Send = <T>(request: Omit<TableRequest, "attempt">, act: () => T) => Promise<T>;

function openTable(table: string, rows: TableRows, send: Send): Table {
  async function write(operation: keyof Table, method: TableRequest["method"], one: Write) {
    const { partitionKey, rowKey } = one;
    return await send({ table, operation, method, partitionKey, rowKeys: [rowKey] }, () => {
      const refusal = rows.refusalOf(one);
      if (refusal !== undefined) throw tableError(refusal);
      return answerTo(rows.apply(one));
    });
  }

  async function page<T extends object>(
    { filter: text, select }: { filter?: string; select?: string[] },
    limit: number,
    token: string | undefined,
  ): Promise<TableEntityResultPage<T>> {
    const from = token === undefined ? undefined : (JSON.parse(atob(token)) as RowPlace);
    return await send({ table, operation: "listEntities", method: "GET", partitionKey: undefined, rowKeys: [] }, () => {
      const { rows: found, next } = rows.find(readTableFilter(text), limit, from);
      const entities = found.map((row) => entityOf<T>(row, select));
      return Object.assign(entities, next === undefined ? {} : { continuationToken: btoa(JSON.stringify(next)) });
    });
  }

  return {
    createEntity: async (entity) => await write("createEntity", "POST", writeOf("create", entity)),

    updateEntity: async (entity, mode = "Merge", { etag } = {}) =>
      await write("updateEntity", mode === "Merge" ? "PATCH" : "PUT", writeOf("update", entity, mode, etag)),

    upsertEntity: async (entity, mode = "Merge") =>
      await write("upsertEntity", mode === "Merge" ? "PATCH" : "PUT", writeOf("upsert", entity, mode)),

    deleteEntity: async (partitionKey, rowKey, { etag } = {}) => {
      await write("deleteEntity", "DELETE", writeOf("delete", { partitionKey, rowKey }, undefined, etag));
      return {};
    },

    getEntity: <T extends object>(
      partitionKey: string,
      rowKey: string,
      { queryOptions }: { queryOptions?: { select?: string[] } } = {},
    ) =>
      send({ table, operation: "getEntity", method: "GET", partitionKey, rowKeys: [rowKey] }, () => {
        const row = rows.get(partitionKey, rowKey);
        if (row === undefined) throw tableError(TABLE_REFUSALS.notFound);
        return entityOf<T>(row, queryOptions?.select);
      }),

    listEntities: <T extends object>({
      queryOptions = {},
    }: {
      queryOptions?: { filter?: string; select?: string[] };
    } = {}) => {
      async function* pages(limit: number, token?: string) {
        let next = token;
        do {
          const found: TableEntityResultPage<T> = await page<T>(queryOptions, limit, next);
          yield found;
          next = found.continuationToken;
        } while (next !== undefined);
      }
      async function* entities() {
        for await (const found of pages(ROWS_PER_PAGE)) yield* found;
      }
      const iterator = entities();
      return {
        next: () => iterator.next(),
        [Symbol.asyncIterator]() {
          return this;
        },
        byPage: ({ maxPageSize = ROWS_PER_PAGE, continuationToken } = {}) =>
          pages(Math.min(maxPageSize, ROWS_PER_PAGE), continuationToken),
      };
    },

    submitTransaction: async (actions) => {
      const writes = actions.map(writeOfAction);
      const partitionKey = writes[0]?.partitionKey;
      if (partitionKey === undefined) throw new TypeError("A transaction has one action at least");
      if (writes.some((one) => one.partitionKey !== partitionKey)) {
        throw new Error("All operations in a transaction must target the same partitionKey");
      }
      const rowKeys = writes.map(({ rowKey }) => rowKey);
      return await send({ table, operation: "submitTransaction", method: "POST", partitionKey, rowKeys }, () => {
        refuseTransaction(writes, rows);
        const subResponses = writes.map((one) => {
          const answer = answerTo(rows.apply(one));
          return { status: 204, ...(one.kind === "delete" ? {} : { rowKey: one.rowKey }), ...answer };
        });
        return {
          status: 202,
          subResponses,
          getResponseForEntity: (rowKey: string) => subResponses.find((answer) => answer.rowKey === rowKey),
        };
      });
    },
  };
}

/** All or nothing: each action is judged before the first is applied. */
function refuseTransaction(writes: readonly Write[], rows: TableRows): void {
  if (writes.length > ROWS_PER_TRANSACTION) throw transactionError(TABLE_REFUSALS.tooManyActions, 0);
  const rowKeys = new Set<string>();
  for (const [action, one] of writes.entries()) {
    if (rowKeys.has(one.rowKey)) throw transactionError(TABLE_REFUSALS.rowTwice, action);
    rowKeys.add(one.rowKey);
  }
  for (const [action, one] of writes.entries()) {
    const refusal = rows.refusalOf(one);
    if (refusal !== undefined) throw transactionError(refusal, action);
  }
}

function writeOfAction([kind, entity, mode, options]: TransactionAction): Write {
  return writeOf(kind, entity as TableEntity, mode, options?.etag);
}

function writeOf(
  kind: Write["kind"],
  { partitionKey, rowKey, ...rest }: TableEntity<object>,
  mode: Write["mode"] = "Merge",
  etag = "*",
): Write {
  return { kind, partitionKey, rowKey, properties: propertiesOf(rest), mode, etag };
}

/** Of the service's own making; it ignores them in what it is sent. */
const SYSTEM_PROPERTIES = new Set(["etag", "timestamp", "odata.metadata"]);

/** Copies, so that nothing the caller does to the entity afterwards reaches the table. `null` is not stored. */
function propertiesOf(entity: object): ReadonlyMap<string, Property> {
  const properties = new Map<string, Property>();
  for (const [name, value] of Object.entries(entity) as [string, unknown][]) {
    if (value === undefined || value === null || SYSTEM_PROPERTIES.has(name)) continue;
    properties.set(name, copyOf(value));
  }
  return properties;
}

function copyOf(value: unknown): Property {
  if (value instanceof Date) return new Date(value);
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (["string", "number", "boolean", "bigint"].includes(typeof value)) return value as Property;
  throw new Error(`Unknown EDM type ${typeof value}`);
}

function entityOf<T extends object>(row: Row, select: readonly string[] = []): TableEntityResult<T> {
  const { partitionKey, rowKey, timestamp, etag, properties } = row;
  const entity: Record<string, unknown> = { etag, partitionKey, rowKey, timestamp };
  for (const [name, value] of properties) entity[name] = copyOf(value);
  const names = select.filter((name) => name !== "etag");
  if (names.length === 0) return entity as TableEntityResult<T>;
  const selected = Object.entries(entity).filter(([name]) => name === "etag" || names.includes(name));
  return Object.fromEntries(selected) as TableEntityResult<T>;
}

function answerTo(row: Row | undefined): { readonly etag?: string } {
  return row === undefined ? {} : { etag: row.etag };
}

/** What the real client's retry policies try again. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof RestError)) return false;
  const { statusCode, code = "" } = error;
  if (statusCode === undefined) return CONNECTION_ERRORS.has(code);
  return statusCode === 408 || (statusCode >= 500 && statusCode !== 501 && statusCode !== 505);
}

/** Timestamps to the tenth of a microsecond, as the service has them; each is later than the one before. */
function createStamp(now: () => Date): () => string {
  let lastMs = 0;
  let count = 0;
  return () => {
    const ms = now().getTime();
    count = ms > lastMs ? 0 : count + 1;
    lastMs = Math.max(ms, lastMs) + Math.floor(count / 10_000);
    count %= 10_000;
    return `${new Date(lastMs).toISOString().slice(0, -1)}${String(count).padStart(4, "0")}Z`;
  };
}
