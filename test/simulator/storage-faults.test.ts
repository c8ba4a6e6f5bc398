import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { TableClient } from "@azure/data-tables";
import { QueueClient } from "@azure/storage-queue";
import { type Azurite, startAzurite } from "./azurite.ts";

describe("storage with faults", () => {
  let azurite: Azurite;
  let table: TableClient;
  let queue: QueueClient;

  before(async () => {
    azurite = await startAzurite({ tablePort: 0, queuePort: 0 });
    const { connectionString } = azurite;
    // Without retries, which take seconds.
    table = TableClient.fromConnectionString(connectionString, "rows", {
      allowInsecureConnection: true,
      retryOptions: { maxRetries: 0 },
    });
    queue = new QueueClient(connectionString, "messages", { retryOptions: { maxTries: 1 } });
    await table.createTable();
    await queue.create();
  });
  afterEach(() => azurite.faults.clear());
  after(() => azurite.stop());

  const add = (rowKey: string) => table.createEntity({ partitionKey: "p", rowKey });
  const isThere = (rowKey: string) =>
    table.getEntity("p", rowKey).then(
      () => true,
      () => false,
    );

  it("serves as ever where there is no fault", async () => {
    await add("ordinary");
    assert.equal(await isThere("ordinary"), true);
  });

  it("is silent in an outage, tables and queues alike, until it is over", async () => {
    await azurite.faults.setOutage({ kind: "cut-before" });
    await assert.rejects(add("silent"));
    await assert.rejects(queue.sendMessage("silent"));
    await azurite.faults.setOutage(undefined);
    assert.equal(await isThere("silent"), false);
    assert.equal((await queue.receiveMessages()).receivedMessageItems.length, 0);
  });

  it("says that it is busy in the words of each service", async () => {
    await azurite.faults.setOutage({ kind: "refuse", refusal: "server-busy" });
    await assert.rejects(add("busy"), { statusCode: 503, message: /"code":"ServerBusy"/ });
    await assert.rejects(queue.sendMessage("busy"), { statusCode: 503, code: "ServerBusy" });
    await azurite.faults.clear();
    assert.equal(await isThere("busy"), false);
  });

  it("refuses one write as if somebody else had been faster", async () => {
    const row = { partitionKey: "p", rowKey: "contested" };
    const { etag = "" } = await table.createEntity(row);
    await azurite.faults.plan({ kind: "refuse", refusal: "condition-not-met" }, { method: "PUT" });
    const replace = () => table.updateEntity(row, "Replace", { etag });
    await assert.rejects(replace(), { statusCode: 412, message: /"code":"UpdateConditionNotSatisfied"/ });
    await replace();
  });

  it("does what it is asked and loses its answer", async () => {
    await azurite.faults.plan({ kind: "cut-after" }, { service: "table", method: "POST" });
    await assert.rejects(add("unanswered"));
    assert.equal(await isThere("unanswered"), true);
  });

  it("can be slow", async () => {
    await azurite.faults.plan({ kind: "slow", ms: 50 });
    const startedAt = performance.now();
    await add("slow");
    assert.ok(performance.now() - startedAt >= 49);
    assert.equal(await isThere("slow"), true);
  });
});
