import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { TableClient } from "@azure/data-tables";
import type { Azurite } from "./azurite.ts";
import { type Clock, installClock } from "./clock.ts";
import { startThreadedAzurite } from "./threaded-azurite.ts";

const DAY_MS = 24 * 3_600_000;

describe("Azurite in a thread of its own", () => {
  let clock: Clock;
  let azurite: Azurite;
  let table: TableClient;

  before(async () => {
    clock = installClock(new Date("2030-03-01T12:00:00Z"));
    azurite = await startThreadedAzurite({ tablePort: 0, queuePort: 0 }, clock.lead);
    table = TableClient.fromConnectionString(azurite.connectionString, "rows", {
      allowInsecureConnection: true,
      retryOptions: { maxRetries: 0 },
    });
    await table.createTable();
  });
  after(async () => {
    await azurite.stop();
    clock.uninstall();
  });

  const add = (rowKey: string) => table.createEntity({ partitionKey: "p", rowKey });

  it("lives by the clock of the main thread, over its jumps", async () => {
    clock.advance(90 * DAY_MS);
    await add("late");
    const { timestamp = "" } = await table.getEntity("p", "late");
    assert.ok(Math.abs(Date.parse(timestamp) - clock.now()) < 60_000, timestamp);
  });

  it("takes faults, and ends them", async () => {
    await azurite.faults.setOutage({ kind: "refuse", refusal: "server-busy" });
    await assert.rejects(add("busy"), { statusCode: 503 });
    await azurite.faults.clear();
    await azurite.faults.plan({ kind: "cut-after" }, { method: "POST" });
    await assert.rejects(add("unanswered"));
    assert.equal((await table.getEntity("p", "unanswered")).rowKey, "unanswered");
  });

  it("counts its requests", async () => {
    const countBefore = azurite.requestCount;
    await add("counted");
    assert.equal(azurite.requestCount, countBefore + 1);
  });

  it("says which port is in use", async () => {
    const tablePort = Number(new URL(azurite.tableUrl).port);
    const wanted = { tablePort, queuePort: 0 };
    await assert.rejects(startThreadedAzurite(wanted, clock.lead), {
      message: /needed for Azurite's tables, is in use/,
    });
  });
});
