import assert from "node:assert/strict";
import { createMailboxGauges } from "../../shared/health/mailbox-gauges.ts";
import { createMailboxRegistry } from "../../shared/mailboxes/registry-table.ts";
import { createTables } from "../../shared/platform/tables-azure.ts";
import { createFetchDueMailboxes } from "../../shared/scheduling/fetch-due-mailboxes.ts";
import { createFetchQueue } from "../../shared/scheduling/fetch-queue-azure.ts";
import { createQueueFetch, createQueueFetches } from "../../shared/scheduling/queue-fetches.ts";
import type { Log } from "../../shared/telemetry/log.ts";
import type { SlowStorage } from "./slow-storage.ts";

const CONCURRENCY = 4;
const SILENT: Log = { info: () => {}, warn: () => {}, error: () => {} };

interface LargeTick {
  /** Mailboxes that the tick fetched itself, in no time; all others went to the queue. */
  readonly fetched: number;
}

/** One tick, and the look at all mailboxes after it, with the real clients of Azure against that storage. */
export async function runLargeTick(
  { connectionString }: Pick<SlowStorage, "connectionString">,
  log: Log = SILENT,
): Promise<LargeTick> {
  const storage = { connectionString };
  const credential = { getToken: async () => assert.fail("the storage is reached with its key") };
  const now = () => new Date();
  const registry = createMailboxRegistry(createTables({ storage, credential }));
  const queue = createFetchQueue({ storage, credential });
  let fetched = 0;
  await createFetchDueMailboxes({
    registry,
    fetchMailbox: async () => {
      fetched += 1;
      return { more: false };
    },
    queueFetches: createQueueFetches({ registry, queue, log, now }),
    queueFetch: createQueueFetch({ registry, queue, log, now }),
    budgetMs: 45_000,
    concurrency: CONCURRENCY,
    log,
    now,
  })();
  await createMailboxGauges({ registry, log: { ...log, error: assert.fail }, now })();
  return { fetched };
}
