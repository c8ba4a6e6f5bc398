import type { Refusal } from "../message-source.ts";

/** Where discovery stands: everything before it is in the ledger. Stored in columns of the same names. */
export interface Checkpoint {
  /** The next page of a round of changes, or the start of the next round. `undefined` starts from the beginning. */
  readonly link: string | undefined;
  /** The folder that the link belongs to, as requests name it. */
  readonly folder: string | undefined;
  /** When the round began that is under way. */
  readonly roundBeganAt: Date | undefined;
  /** What is remembered of that round's pages, to detect a cycle. */
  readonly circles: string | undefined;
  /** When the last whole round began: what arrived before is in the ledger. */
  readonly completeUntil: Date | undefined;
  /** Where listing goes on while changes are refused; `undefined` while changes are read. */
  readonly listFrom: Date | undefined;
  readonly listSince: Date | undefined;
  readonly listBecause: Refusal | undefined;
  /** When changes are tried again. */
  readonly changesAt: Date | undefined;
  /** Messages received from this moment on have been looked for, or are by the sweep that is under way. */
  readonly coveredFrom: Date | undefined;
  /** Where the sweep that is under way goes on. */
  readonly sweepFrom: Date | undefined;
  /** When the last sweep came to its end. */
  readonly sweptAt: Date | undefined;
}

type Columns = { [Field in keyof Checkpoint]?: string };

/** "" stands for no value; rows that an earlier version wrote lack most columns. */
export function toCheckpoint(row: Columns): Checkpoint {
  const time = (text: string | undefined) => (text ? new Date(text) : undefined);
  return {
    link: row.link || undefined,
    folder: row.folder || undefined,
    roundBeganAt: time(row.roundBeganAt),
    circles: row.circles || undefined,
    completeUntil: time(row.completeUntil),
    listFrom: time(row.listFrom),
    listSince: time(row.listSince),
    listBecause: (row.listBecause || undefined) as Refusal | undefined,
    changesAt: time(row.changesAt),
    coveredFrom: time(row.coveredFrom),
    sweepFrom: time(row.sweepFrom),
    sweptAt: time(row.sweptAt),
  };
}

export function toColumns(moved: Partial<Checkpoint>): Columns {
  const text = (value: Date | string | undefined) => (value instanceof Date ? value.toISOString() : (value ?? ""));
  return Object.fromEntries(Object.entries(moved).map(([name, value]) => [name, text(value)]));
}
