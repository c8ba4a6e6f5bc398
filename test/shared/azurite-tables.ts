import assert from "node:assert/strict";
import { createTables, type Tables } from "../../shared/platform/tables-azure.ts";
import type { Azurite } from "../simulator/azurite.ts";

/** The tables as a process of Deskpost has them that has just started. */
export function azuriteTables({ connectionString }: Azurite): Tables {
  const credential = { getToken: async () => assert.fail("Azurite is reached with its key") };
  return createTables({ storage: { connectionString }, credential });
}
