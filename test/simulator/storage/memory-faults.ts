import { setTimeout } from "node:timers/promises";
import { createStorageFaultPlan, type StorageFault, type StorageFaults } from "../storage-faults.ts";
import type { TableHooks, TableRequest } from "./memory-tables.ts";
import { connectionError, TABLE_REFUSALS, tableError } from "./table-errors.ts";

/** The faults that Azurite's gate knows, in front of tables in memory. */
export interface MemoryFaults extends StorageFaults {
  readonly hooks: TableHooks;
}

const REFUSALS = {
  "server-busy": TABLE_REFUSALS.serverBusy,
  "internal-error": TABLE_REFUSALS.internalError,
  "condition-not-met": TABLE_REFUSALS.changed,
  firewall: TABLE_REFUSALS.firewall,
} as const;

export function createMemoryFaults(): MemoryFaults {
  const { faultFor, ...faults } = createStorageFaultPlan();
  const answersToLose = new WeakSet<TableRequest>();

  async function meet(fault: StorageFault | undefined, request: TableRequest): Promise<void> {
    switch (fault?.kind) {
      case undefined:
        return;
      case "cut-before":
        throw connectionError();
      case "cut-after":
        answersToLose.add(request);
        return;
      case "slow":
        await setTimeout(fault.ms);
        return;
      case "refuse":
        throw tableError(REFUSALS[fault.refusal]);
    }
  }

  return {
    ...faults,
    hooks: {
      before: (request) => meet(faultFor("table", request.method), request),
      after: (request) => {
        if (answersToLose.has(request)) throw connectionError();
      },
    },
  };
}
