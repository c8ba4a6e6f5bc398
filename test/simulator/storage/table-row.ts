export type Property = string | number | boolean | bigint | Date | Uint8Array;

export interface Row {
  readonly partitionKey: string;
  readonly rowKey: string;
  /** Nothing in it is ever changed; a write replaces the row. */
  readonly properties: ReadonlyMap<string, Property>;
  readonly timestamp: string;
  readonly etag: string;
}
