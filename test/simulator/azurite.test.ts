import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { TableClient } from "@azure/data-tables";
import { QueueServiceClient } from "@azure/storage-queue";
import { type Azurite, startAzurite } from "./azurite.ts";
import { type Clock, installClock } from "./clock.ts";
import { PortInUseError } from "./stand-in.ts";

const DAY_MS = 24 * 3_600_000;

let clock: Clock;
let azurite: Azurite;

before(async () => {
  clock = installClock(new Date("2030-03-01T12:00:00Z"));
  azurite = await startAzurite({ tablePort: 0, queuePort: 0 });
});

after(async () => {
  await azurite.stop();
  clock.uninstall();
});

async function newTable(name: string): Promise<TableClient> {
  const table = TableClient.fromConnectionString(azurite.connectionString, name, { allowInsecureConnection: true });
  await table.createTable();
  return table;
}

async function newQueue(name: string) {
  const queue = QueueServiceClient.fromConnectionString(azurite.connectionString).getQueueClient(name);
  await queue.create();
  return queue;
}

describe("Azurite in this process: tables", () => {
  it("lets one of two writers with the same ETag win", async () => {
    const table = await newTable("etags");
    const row = { partitionKey: "p", rowKey: "r", value: 1 };
    const { etag = "" } = await table.createEntity(row);
    await table.updateEntity({ ...row, value: 2 }, "Replace", { etag });
    await assert.rejects(table.updateEntity({ ...row, value: 3 }, "Replace", { etag }), { statusCode: 412 });
    assert.equal((await table.getEntity("p", "r")).value, 2);
  });

  it("rolls a whole transaction back when one of its rows exists", async () => {
    const table = await newTable("transactions");
    await table.createEntity({ partitionKey: "p", rowKey: "there" });
    const both = ["new", "there"].map((rowKey) => ["create", { partitionKey: "p", rowKey }] as ["create", never]);
    await assert.rejects(table.submitTransaction(both), { statusCode: 409 });
    await assert.rejects(table.getEntity("p", "new"), { statusCode: 404 });
  });

  it("keeps its rows over a jump of 90 days, and stamps them with the simulated time", async () => {
    const table = await newTable("jumps");
    await table.createEntity({ partitionKey: "p", rowKey: "before" });
    clock.advance(90 * DAY_MS);
    await table.createEntity({ partitionKey: "p", rowKey: "after" });
    assert.equal((await table.getEntity("p", "before")).rowKey, "before");
    const { timestamp } = await table.getEntity("p", "after");
    assert.equal(timestamp?.slice(0, 16), new Date().toISOString().slice(0, 16));
  });
});

describe("Azurite in this process: queues", () => {
  it("shows a hidden message again when the simulated clock has passed its time", async () => {
    const queue = await newQueue("visibility");
    await queue.sendMessage("hello", { visibilityTimeout: 3_600 });
    assert.equal((await queue.receiveMessages()).receivedMessageItems.length, 0);
    clock.advance(3_601_000);
    const [first] = (await queue.receiveMessages({ visibilityTimeout: 600 })).receivedMessageItems;
    assert.equal(first?.messageText, "hello");
    clock.advance(601_000);
    const [second] = (await queue.receiveMessages()).receivedMessageItems;
    assert.equal(second?.dequeueCount, 2);
    await assert.rejects(queue.deleteMessage(first?.messageId ?? "", first?.popReceipt ?? ""), {
      code: "PopReceiptMismatch",
    });
  });

  it("drops a message after its time to live: seven days, unless it was sent with another one", async () => {
    const queue = await newQueue("lifetime");
    await queue.sendMessage("usual");
    await queue.sendMessage("for ever", { messageTimeToLive: -1 });
    clock.advance(8 * DAY_MS);
    const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 32 });
    assert.deepEqual(
      receivedMessageItems.map(({ messageText }) => messageText),
      ["for ever"],
    );
  });
});

describe("Azurite in this process: its life", () => {
  it("counts its requests", async () => {
    const before = azurite.requestCount;
    await newQueue("counted");
    assert.equal(azurite.requestCount, before + 1);
  });

  it("reports a port in use, whichever of the two it is", async () => {
    const taken = Number(new URL(azurite.queueUrl).port);
    await assert.rejects(startAzurite({ tablePort: taken, queuePort: 0 }), PortInUseError);
    await assert.rejects(startAzurite({ tablePort: 0, queuePort: taken }), PortInUseError);
  });
});
