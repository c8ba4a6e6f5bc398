import { TABLE_REFUSALS, type TableRefusal } from "./table-errors.ts";
import type { TableFilter } from "./table-filter.ts";
import type { Property, Row } from "./table-row.ts";

export interface Write {
  readonly kind: "create" | "update" | "upsert" | "delete";
  readonly partitionKey: string;
  readonly rowKey: string;
  readonly properties: ReadonlyMap<string, Property>;
  readonly mode: "Merge" | "Replace";
  /** "*": whatever is there. */
  readonly etag: string;
}

/** The rows of one table, in the order of their keys. */
export interface TableRows {
  get(partitionKey: string, rowKey: string): Row | undefined;
  /** Why the table service would not do this; it judges each write by what was there before. */
  refusalOf(write: Write): TableRefusal | undefined;
  /** Gives the row as it is now; `undefined` once it is deleted. */
  apply(write: Write): Row | undefined;
  /** Up to so many rows that match, beginning at a place where an earlier search stopped. */
  find(filter: TableFilter, limit: number, from?: RowPlace): { readonly rows: Row[]; readonly next?: RowPlace };
}

export interface RowPlace {
  readonly partitionKey: string;
  readonly rowKey: string;
}

/** https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model */
const LONGEST_TEXT = 32 * 1_024;
const LARGEST_BINARY_BYTES = 64 * 1_024;
const LARGEST_ENTITY_BYTES = 1_024 * 1_024;
const MOST_PROPERTIES = 252;
const LONGEST_KEY = 512;
const FORBIDDEN_IN_KEYS = /[/\\#?\p{Cc}]/u;

/** @param stamp gives the next timestamp, later than all before */
export function createTableRows(stamp: () => string): TableRows {
  const partitions = new Map<string, Partition>();
  const partitionKeys: string[] = [];

  function get(partitionKey: string, rowKey: string): Row | undefined {
    return partitions.get(partitionKey)?.rows.get(rowKey);
  }

  function propertiesAfter(write: Write): ReadonlyMap<string, Property> {
    const before = get(write.partitionKey, write.rowKey);
    return write.mode === "Merge" && before !== undefined
      ? new Map([...before.properties, ...write.properties])
      : write.properties;
  }

  function put(row: Row): void {
    const { partitionKey, rowKey } = row;
    let partition = partitions.get(partitionKey);
    if (partition === undefined) {
      partition = { rows: new Map(), keys: [] };
      partitions.set(partitionKey, partition);
      insert(partitionKeys, partitionKey);
    }
    if (!partition.rows.has(rowKey)) insert(partition.keys, rowKey);
    partition.rows.set(rowKey, row);
  }

  function remove(partitionKey: string, rowKey: string): void {
    const partition = partitions.get(partitionKey);
    if (partition === undefined) return;
    partition.rows.delete(rowKey);
    partition.keys.splice(placeOf(partition.keys, rowKey), 1);
    if (partition.keys.length > 0) return;
    partitions.delete(partitionKey);
    partitionKeys.splice(placeOf(partitionKeys, partitionKey), 1);
  }

  return {
    get,

    refusalOf(write) {
      const { kind, partitionKey, rowKey, etag } = write;
      if (!isKey(partitionKey) || !isKey(rowKey)) return TABLE_REFUSALS.badKey;
      const row = get(partitionKey, rowKey);
      if (kind === "create" && row !== undefined) return TABLE_REFUSALS.exists;
      if ((kind === "update" || kind === "delete") && row === undefined) return TABLE_REFUSALS.notFound;
      if (etag !== "*" && row?.etag !== etag) return TABLE_REFUSALS.changed;
      return kind === "delete" ? undefined : refusalOfSize(write, propertiesAfter(write));
    },

    apply(write) {
      const { kind, partitionKey, rowKey } = write;
      if (kind === "delete") {
        remove(partitionKey, rowKey);
        return undefined;
      }
      const timestamp = stamp();
      const etag = `W/"datetime'${encodeURIComponent(timestamp)}'"`;
      const row = { partitionKey, rowKey, properties: propertiesAfter(write), timestamp, etag };
      put(row);
      return row;
    },

    find(filter, limit, from) {
      const rows: Row[] = [];
      const searched = filter.partitionKey === undefined ? partitionKeys : [filter.partitionKey];
      const begin = from === undefined ? 0 : placeOf(searched, from.partitionKey);
      for (const partitionKey of searched.slice(begin)) {
        const keys = partitions.get(partitionKey)?.keys ?? [];
        const resumed = from?.partitionKey === partitionKey ? from.rowKey : "";
        const begins = [resumed, filter.firstRowKey].map((key) => placeOf(keys, key));
        for (let place = Math.max(...begins); place < keys.length; place += 1) {
          const row = get(partitionKey, keys[place] ?? "");
          if (row === undefined || (filter.lastRowKey !== undefined && row.rowKey > filter.lastRowKey)) break;
          if (!filter.matches(row)) continue;
          if (rows.length === limit) return { rows, next: { partitionKey, rowKey: row.rowKey } };
          rows.push(row);
        }
      }
      return { rows };
    },
  };
}

interface Partition {
  readonly rows: Map<string, Row>;
  /** In their order. */
  readonly keys: string[];
}

/** Of the first key that is not before this one. */
function placeOf(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? "") < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function insert(keys: string[], key: string): void {
  keys.splice(placeOf(keys, key), 0, key);
}

function isKey(key: string): boolean {
  return key.length <= LONGEST_KEY && !FORBIDDEN_IN_KEYS.test(key);
}

function refusalOfSize(
  { partitionKey, rowKey }: Write,
  properties: ReadonlyMap<string, Property>,
): TableRefusal | undefined {
  if (properties.size > MOST_PROPERTIES) return TABLE_REFUSALS.tooManyProperties;
  let bytes = 4 + 2 * (partitionKey.length + rowKey.length);
  for (const [name, value] of properties) {
    if (typeof value === "string" && value.length > LONGEST_TEXT) return TABLE_REFUSALS.propertyTooLarge;
    if (value instanceof Uint8Array && value.byteLength > LARGEST_BINARY_BYTES) return TABLE_REFUSALS.propertyTooLarge;
    bytes += 8 + 2 * name.length + sizeOf(value);
  }
  return bytes > LARGEST_ENTITY_BYTES ? TABLE_REFUSALS.entityTooLarge : undefined;
}

function sizeOf(value: Property): number {
  if (typeof value === "string") return 4 + 2 * value.length;
  if (value instanceof Uint8Array) return 4 + value.byteLength;
  return 8;
}
