import { odata } from "@azure/data-tables";
import { type Backoff, backoffMs } from "../platform/backoff.ts";
import { isDue } from "../platform/due.ts";
import { etagOf, isLostRace, type Tables, unlessAbsent } from "../platform/tables-azure.ts";
import type { Log } from "../telemetry/log.ts";
import type { CircuitBreaker, DeskCondition, OpenCircuit } from "./circuit-breaker.ts";
import type { DeskCode } from "./desk.ts";

const PARTITION = "desk-rest";
/** After a failure a desk is left alone for so long, each time twice as long; just less than so many ticks. */
const OPEN: Backoff = { firstMs: 50_000, longestMs: 290_000 };
/** Longer than the longest wait for a desk: a run that ended while it tried the desk no longer counts after this. */
const PROBE_MS = 150_000;

interface CircuitRow {
  until: string;
  since: string;
  failures: number;
  code: string;
  words: string;
  recoveredAt: string;
}

export interface CircuitBreakerOptions {
  readonly tables: Tables;
  readonly log: Log;
  readonly now: () => Date;
}

/**
 * A desk that fails is left alone by all mailboxes and instances, for a while that grows: the row of the desk in the
 * table Mailboxes says until when. Then the circuit is half open: one run tries the desk, for all of them.
 */
export function createCircuitBreaker({ tables, log, now }: CircuitBreakerOptions): CircuitBreaker {
  const table = () => tables("Mailboxes");
  const inFuture = (ms: number) => new Date(now().getTime() + ms).toISOString();

  /** Writes the row as it was read; the new ETag, or `undefined` where somebody else was faster. */
  async function write(
    desk: string,
    changes: Partial<CircuitRow>,
    etag: string | undefined,
  ): Promise<string | undefined> {
    const client = await table();
    const row = { partitionKey: PARTITION, rowKey: desk, ...changes };
    try {
      if (etag === undefined) return etagOf(await client.createEntity({ ...NEVER_FAILED, ...row }));
      return etagOf(await client.updateEntity(row, "Merge", { etag }));
    } catch (error) {
      if (isLostRace(error)) return undefined;
      throw error;
    }
  }

  async function record(
    desk: string,
    condition: DeskCondition,
    before: CircuitRow,
    etag: string | undefined,
  ): Promise<void> {
    const wasOpen = before.failures > 0;
    switch (condition.kind) {
      case "unknown":
        if (wasOpen) await write(desk, { until: now().toISOString() }, etag);
        return;
      case "well":
        if (!wasOpen) return;
        await write(desk, { ...NEVER_FAILED, recoveredAt: now().toISOString() }, etag);
        log.info("desk takes mail again", { desk, since: before.since });
        return;
      case "failing": {
        const { code, words, retryAfterMs } = condition.failure;
        const failures = before.failures + 1;
        const since = wasOpen ? before.since : now().toISOString();
        const until = inFuture(backoffMs(failures, OPEN, retryAfterMs));
        const written = await write(desk, { until, since, failures, code, words }, etag);
        // Somebody else has said so already.
        if (written === undefined) return;
        if (wasOpen) log.warn("desk still down", { desk, code, since, until });
        else log.error("desk down", { desk, code, until });
      }
    }
  }

  return {
    async ask(desk) {
      const client = await table();
      const row = await unlessAbsent(client.getEntity<CircuitRow>(PARTITION, desk));
      const before: CircuitRow = row ?? NEVER_FAILED;
      const recoveredAt = before.recoveredAt === "" ? undefined : new Date(before.recoveredAt);
      const wasOpen = before.failures > 0;
      let etag = row && etagOf(row);
      if (wasOpen) {
        const probe = isDue(before.until, now()) ? await write(desk, { until: inFuture(PROBE_MS) }, etag) : undefined;
        if (probe === undefined) {
          const retryAfterMs = Math.max(0, new Date(before.until).getTime() - now().getTime());
          return { kind: "open", failure: { code: before.code as DeskCode, words: before.words, retryAfterMs } };
        }
        etag = probe;
      }
      const kind = wasOpen ? "half-open" : "closed";
      return { kind, recoveredAt, report: (condition) => record(desk, condition, before, etag) };
    },

    async halfOpen(desk) {
      const client = await table();
      const row = await unlessAbsent(client.getEntity<CircuitRow>(PARTITION, desk));
      if (row !== undefined && row.failures > 0) await write(desk, { until: now().toISOString() }, etagOf(row));
    },

    async list() {
      const client = await table();
      const found: OpenCircuit[] = [];
      const filter = odata`PartitionKey eq ${PARTITION} and failures gt 0`;
      for await (const row of client.listEntities<CircuitRow>({ queryOptions: { filter } })) {
        const { rowKey, code, since, until } = row;
        found.push({ desk: String(rowKey), code: code as DeskCode, since: new Date(since), until: new Date(until) });
      }
      return found;
    },
  };
}

const NEVER_FAILED: CircuitRow = { until: "", since: "", failures: 0, code: "", words: "", recoveredAt: "" };
