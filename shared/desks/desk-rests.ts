import { odata } from "@azure/data-tables";
import { isReached } from "../reached.ts";
import { etagOf, isLostRace, type Tables, unlessAbsent } from "../tables.ts";
import type { Log } from "../telemetry/log.ts";
import type { DeskCode } from "./desk.ts";

const PARTITION = "desk-rest";
/** After a failure a desk is left alone for so long, each time twice as long; just less than so many ticks. */
const FIRST_REST_MS = 50_000;
const LONGEST_REST_MS = 290_000;
/** Longer than the longest wait for a desk: a run that ended while it tried the desk is forgotten after this. */
const PROBE_MS = 150_000;

/** What is wrong with a desk as a whole. */
export interface DeskIllness {
  readonly code: DeskCode;
  readonly words: string;
  readonly retryAfterMs: number | undefined;
}

/** What a run found out about the desk; `unknown` where it did not come to ask it. */
export type DeskState = { readonly kind: "well" | "unknown" } | { readonly kind: "ill"; readonly illness: DeskIllness };

export type DeskPermission =
  | { readonly kind: "resting"; readonly illness: DeskIllness }
  | {
      readonly kind: "open";
      /** True where the desk was ill the last time: one message first, and nobody else tries it meanwhile. */
      readonly probing: boolean;
      /** When it took something after it had been ill; `undefined` where it never was. */
      readonly recoveredAt: Date | undefined;
      /** Says afterwards how the desk was. */
      report(state: DeskState): Promise<void>;
    };

/** A desk that is left alone. */
export interface RestingDesk {
  readonly desk: string;
  readonly code: DeskCode;
  readonly since: Date;
  readonly until: Date;
}

export interface DeskRests {
  /** Asks whether mail may be offered to the desk. */
  ask(desk: string): Promise<DeskPermission>;
  /** Lets the next run try the desk at once. */
  wake(desk: string): Promise<void>;
  /** Those that are ill, in one query; `until` may be over where nobody has tried them since. */
  list(): Promise<RestingDesk[]>;
}

interface RestRow {
  until: string;
  since: string;
  failures: number;
  code: string;
  words: string;
  recoveredAt: string;
}

export interface DeskRestsOptions {
  readonly tables: Tables;
  readonly log: Log;
  readonly now: () => Date;
}

/**
 * A desk that is ill is left alone by all mailboxes and instances, for a while that grows: the row of the desk in the
 * table Mailboxes says until when. Then one run tries it, for all of them.
 */
export function createDeskRests({ tables, log, now }: DeskRestsOptions): DeskRests {
  const table = () => tables("Mailboxes");
  const inFuture = (ms: number) => new Date(now().getTime() + ms).toISOString();

  /** Writes the row as it was read; the new ETag, or `undefined` where somebody else was faster. */
  async function write(desk: string, changes: Partial<RestRow>, etag: string | undefined): Promise<string | undefined> {
    const client = await table();
    const row = { partitionKey: PARTITION, rowKey: desk, ...changes };
    try {
      if (etag === undefined) return etagOf(await client.createEntity({ ...NEVER_ILL, ...row }));
      return etagOf(await client.updateEntity(row, "Merge", { etag }));
    } catch (error) {
      if (isLostRace(error)) return undefined;
      throw error;
    }
  }

  async function record(desk: string, state: DeskState, before: RestRow, etag: string | undefined): Promise<void> {
    const wasIll = before.failures > 0;
    switch (state.kind) {
      case "unknown":
        if (wasIll) await write(desk, { until: now().toISOString() }, etag);
        return;
      case "well":
        if (!wasIll) return;
        await write(desk, { ...NEVER_ILL, recoveredAt: now().toISOString() }, etag);
        log.info("desk takes mail again", { desk, since: before.since });
        return;
      case "ill": {
        const { code, words, retryAfterMs } = state.illness;
        const failures = before.failures + 1;
        const since = wasIll ? before.since : now().toISOString();
        const until = inFuture(restMs(failures, retryAfterMs));
        const written = await write(desk, { until, since, failures, code, words }, etag);
        // Somebody else has said so already.
        if (written === undefined) return;
        if (wasIll) log.warn("desk still down", { desk, code, since, until });
        else log.error("desk down", { desk, code, until });
      }
    }
  }

  return {
    async ask(desk) {
      const client = await table();
      const row = await unlessAbsent(client.getEntity<RestRow>(PARTITION, desk));
      const before: RestRow = row ?? NEVER_ILL;
      const recoveredAt = before.recoveredAt === "" ? undefined : new Date(before.recoveredAt);
      const probing = before.failures > 0;
      let etag = row && etagOf(row);
      if (probing) {
        const turn = isReached(before.until, now())
          ? await write(desk, { until: inFuture(PROBE_MS) }, etag)
          : undefined;
        if (turn === undefined) {
          const retryAfterMs = Math.max(0, new Date(before.until).getTime() - now().getTime());
          return { kind: "resting", illness: { code: before.code as DeskCode, words: before.words, retryAfterMs } };
        }
        etag = turn;
      }
      return { kind: "open", probing, recoveredAt, report: (state) => record(desk, state, before, etag) };
    },

    async wake(desk) {
      const client = await table();
      const row = await unlessAbsent(client.getEntity<RestRow>(PARTITION, desk));
      if (row !== undefined && row.failures > 0) await write(desk, { until: now().toISOString() }, etagOf(row));
    },

    async list() {
      const client = await table();
      const found: RestingDesk[] = [];
      const filter = odata`PartitionKey eq ${PARTITION} and failures gt 0`;
      for await (const row of client.listEntities<RestRow>({ queryOptions: { filter } })) {
        const { rowKey, code, since, until } = row;
        found.push({ desk: String(rowKey), code: code as DeskCode, since: new Date(since), until: new Date(until) });
      }
      return found;
    },
  };
}

const NEVER_ILL: RestRow = { until: "", since: "", failures: 0, code: "", words: "", recoveredAt: "" };

/** How long to leave a desk alone after so many failures in a row; what it asks for itself counts if it is longer. */
export function restMs(failures: number, retryAfterMs: number | undefined): number {
  const growing = FIRST_REST_MS * 2 ** Math.min(10, failures - 1);
  return Math.max(Math.min(growing, LONGEST_REST_MS), retryAfterMs ?? 0);
}
