import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { azuriteTables } from "../shared/azurite-tables.ts";
import { type Azurite, startAzurite } from "../simulator/azurite.ts";
import { shortenWaits } from "../simulator/soak/short-waits.ts";
import { createMemoryFaults } from "../simulator/storage/memory-faults.ts";
import { createMemoryTables } from "../simulator/storage/memory-tables.ts";
import { tableContract } from "./table-contract.ts";
import { tableSearchContract } from "./table-search-contract.ts";

describe("the contract", () => {
  let azurite: Azurite;
  let giveWaitsBack: () => void;
  before(async () => {
    azurite = await startAzurite({ tablePort: 0, queuePort: 0 });
    giveWaitsBack = shortenWaits(() => true);
  });
  after(async () => {
    giveWaitsBack();
    await azurite.stop();
  });

  const real = { table: async () => await azuriteTables(azurite)("Ledger"), faults: () => azurite.faults };
  tableContract("the real client on Azurite", real);
  tableSearchContract("the real client on Azurite", real.table);

  const faults = createMemoryFaults();
  const rows = createMemoryTables();
  const memory = { table: async () => await rows.open(faults.hooks)("Ledger"), faults: () => faults };
  tableContract("in memory", memory);
  tableSearchContract("in memory", memory.table);
});

/** What the service does, but Azurite does not. */
describe("tables in memory", () => {
  it("hold a mebibyte a row, and 252 properties", async () => {
    const table = await createMemoryTables().open()("Ledger");
    const key = { partitionKey: "partition", rowKey: "row" };
    const properties = (count: number, text: string) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`text${index}`, text]));
    const longest = "x".repeat(32 * 1024);
    await table.createEntity({ ...key, ...properties(15, longest) });
    await assert.rejects(table.updateEntity({ ...key, more: longest }, "Merge"), { statusCode: 400 });
    await table.updateEntity({ ...key, ...properties(252, "x") }, "Replace");
    await assert.rejects(table.updateEntity({ ...key, more: "x" }, "Merge"), { statusCode: 400 });
  });

  it("refuse a filter that the service would not understand", async () => {
    const table = await createMemoryTables().open()("Ledger");
    for (const filter of [
      "nonsense",
      "text eq",
      "(text eq 'a'",
      "text eq 'a' text eq 'b'",
      "text eq 'a",
      "1 eq text",
    ]) {
      await assert.rejects(table.listEntities({ queryOptions: { filter } }).next(), { statusCode: 400 }, filter);
    }
  });

  it("find nothing by comparing one type with another", async () => {
    const table = await createMemoryTables().open()("Ledger");
    await table.createEntity({ partitionKey: "partition", rowKey: "row", number: 1, text: "1" });
    for (const filter of ["number ne '2'", "number gt '0'", "text lt 2", "text ne 2L", "number ne true"]) {
      assert.equal((await table.listEntities({ queryOptions: { filter } }).next()).done, true, filter);
    }
  });

  it("take their times from the clock, each later than the one before", async () => {
    const noon = new Date("2026-01-05T12:00:00Z");
    const table = await createMemoryTables({ now: () => noon }).open()("Ledger");
    const timestamps: unknown[] = [];
    for (let count = 0; count < 3; count += 1) {
      await table.upsertEntity({ partitionKey: "partition", rowKey: "row" });
      timestamps.push((await table.getEntity("partition", "row")).timestamp);
    }
    assert.equal(new Set(timestamps).size, 3);
    assert.deepEqual(timestamps, timestamps.toSorted());
    assert.match(String(timestamps[0]), /^2026-01-05T12:00:00\.000/);
  });

  it("are the same for each who opens them, but for the hooks", async () => {
    const memory = createMemoryTables();
    const requests: string[] = [];
    const watched = memory.open({ before: ({ operation, method }) => void requests.push(`${operation} ${method}`) });
    await (await watched("Ledger")).createEntity({ partitionKey: "partition", rowKey: "row" });
    await (await memory.open()("Ledger")).deleteEntity("partition", "row");
    await assert.rejects((await watched("Ledger")).getEntity("partition", "row"), { statusCode: 404 });
    await assert.rejects((await watched("Grants")).getEntity("partition", "row"), { statusCode: 404 });
    assert.deepEqual(requests, ["createEntity POST", "getEntity GET", "getEntity GET"]);
    assert.equal(memory.requestCount, 4);
  });
});
