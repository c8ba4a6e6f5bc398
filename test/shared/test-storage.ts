import assert from "node:assert/strict";
import { env } from "node:process";
import { setImmediate } from "node:timers/promises";
import type { Tables } from "../../shared/platform/tables-azure.ts";
import type { Azurite } from "../simulator/azurite.ts";
import { createMemoryTables } from "../simulator/storage/memory-tables.ts";

/** What the tests of parts keep their rows in. */
export interface TestStorage {
  /** The tables as a process of Deskpost has them that has just started. */
  openTables(): Tables;
  /** Requests since the start. */
  readonly requestCount: number;
  /** Throws where the tables are in memory. */
  readonly azurite: Azurite;
  stop(): Promise<void>;
}

/** Memory for tests that need no more than tables; Azurite for those that need its queues, or another process. */
export type StorageKind = "memory" | "azurite";

/** `npm run test:system` sets it, and takes Azurite for the tests that `npm test` runs in memory. */
const IS_ALL_AZURITE = env.DESKPOST_TEST_STORAGE === "azurite";

/** Tables in memory behave as Azurite's with the real client: `contracts/table.test.ts` holds both to it. */
export async function startTestStorage(kind: StorageKind): Promise<TestStorage> {
  return kind === "azurite" || IS_ALL_AZURITE ? await startInAzurite() : startInMemory();
}

function startInMemory(): TestStorage {
  const tables = createMemoryTables();
  return {
    // As over HTTP, whatever else is on its way goes on while a request waits.
    openTables: () => tables.open({ before: () => setImmediate() }),
    get requestCount() {
      return tables.requestCount;
    },
    get azurite() {
      return assert.fail('the tables are in memory: ask the harness for { storage: "azurite" }');
    },
    stop: async () => {},
  };
}

async function startInAzurite(): Promise<TestStorage> {
  // Half a second of processor time, which tests in memory do without.
  const { startAzurite } = await import("../simulator/azurite.ts");
  const { azuriteTables } = await import("./azurite-tables.ts");
  const azurite = await startAzurite({ tablePort: 0, queuePort: 0 });
  return {
    openTables: () => azuriteTables(azurite),
    get requestCount() {
      return azurite.requestCount;
    },
    azurite,
    stop: () => azurite.stop(),
  };
}
