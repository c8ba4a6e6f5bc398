import { registerHooks } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import * as dataTables from "@azure/data-tables";
import type { Azurite } from "../azurite.ts";
import { createMemoryFaults } from "../storage/memory-faults.ts";
import { createMemoryTables, type TableName } from "../storage/memory-tables.ts";
import type { StorageFaults } from "../storage-faults.ts";

export type SoakStorage = Pick<Azurite, "faults" | "requestCount">;

const PACKAGE = "@azure/data-tables";
const PRODUCT_URL = pathToFileURL(path.join(import.meta.dirname, "..", "..", "..", "shared", "/")).href;

/**
 * From now on whatever is loaded of the product has its tables in memory: a request to Azurite costs a hundred times as
 * much. Queues stay in Azurite, and fail together with the tables.
 */
export function tablesInMemory(azurite: Azurite): SoakStorage {
  const memory = createMemoryTables();
  const { hooks, ...faults } = createMemoryFaults();
  replaceInProduct({
    ...dataTables,
    TableClient: {
      fromConnectionString: (_connectionString: string, name: TableName) => ({
        ...memory.table(name, hooks),
        createTable: async () => undefined,
      }),
    },
  });
  return {
    faults: together(faults, azurite.faults),
    get requestCount() {
      return memory.requestCount + azurite.requestCount;
    },
  };
}

/** An outage concerns both; a single fault meets the tables. */
function together(tables: StorageFaults, queues: StorageFaults): StorageFaults {
  return {
    setOutage: async (fault) => {
      await Promise.all([tables.setOutage(fault), queues.setOutage(fault)]);
    },
    plan: tables.plan,
    clear: async () => {
      await Promise.all([tables.clear(), queues.clear()]);
    },
  };
}

/** Gives the product this in place of the package; everybody else imports the package itself. */
function replaceInProduct(exported: object): void {
  const url = "memory-storage:data-tables";
  const key = Symbol.for(url);
  Object.assign(globalThis, { [key]: exported });
  const names = Object.keys(exported).filter((name) => name !== "default");
  const source = `export const { ${names.join(", ")} } = globalThis[Symbol.for(${JSON.stringify(url)})];`;
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === PACKAGE && context.parentURL?.startsWith(PRODUCT_URL)
        ? { url, format: "module", shortCircuit: true }
        : next(specifier, context),
    load: (loading, context, next) =>
      loading === url ? { format: "module", shortCircuit: true, source } : next(loading, context),
  });
}
