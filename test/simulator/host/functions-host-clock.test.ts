import assert from "node:assert/strict";
import path from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { QueueServiceClient } from "@azure/storage-queue";
import { type Azurite, startAzurite } from "../azurite.ts";
import { type Clock, installClock } from "../clock.ts";
import { type FunctionsHost, startFunctionsHost } from "./functions-host.ts";

const HOUR_MS = 3_600_000;

let clock: Clock;
let azurite: Azurite;
let host: FunctionsHost;
let events: unknown[];

before(async () => {
  clock = installClock(new Date("2030-03-01T12:00:01Z"));
  azurite = await startAzurite({ tablePort: 0, queuePort: 0 });
  host = await startFunctionsHost({
    appFolder: path.join(import.meta.dirname, "fixtures/functions-app"),
    port: 0,
    settings: {
      AzureWebJobsStorage: azurite.connectionString,
      WORK_QUEUE: "work-items",
      TICK_SCHEDULE: "0 0 * * * *",
    },
    log: () => undefined,
    runTimers: true,
    runQueues: true,
  });
  ({ events } = await import("./fixtures/functions-app/functions.ts"));
});

after(async () => {
  await host.stop();
  await azurite.stop();
  clock.uninstall();
});

beforeEach(async () => {
  await host.drainQueues();
  events.length = 0;
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await setTimeout(10);
}

const ticks = () => events.filter((event) => typeof event === "object" && event !== null && "tick" in event);
const works = () => events.filter((event) => typeof event === "object" && event !== null && "work" in event);

describe("Functions host: on a clock that jumps", () => {
  it("runs a timer when its time comes, and its queue messages after it", { timeout: 20_000 }, async () => {
    clock.advanceTo(new Date("2030-03-01T13:00:00Z"));
    await until(() => works().length === 3);
    assert.partialDeepStrictEqual(ticks(), [{ tick: { isPastDue: false } }]);
  });

  it("makes one late run of all that a long jump has missed", { timeout: 20_000 }, async () => {
    clock.advance(90 * 24 * HOUR_MS);
    await until(() => works().length === 3);
    await setTimeout(300);
    assert.equal(ticks().length, 1);
    assert.partialDeepStrictEqual(ticks(), [{ tick: { isPastDue: true } }]);
  });

  it("does not run a message a second time when the clock jumps while it is in work", { timeout: 20_000 }, async () => {
    const queue = QueueServiceClient.fromConnectionString(azurite.connectionString).getQueueClient("work-items");
    await queue.sendMessage(Buffer.from(JSON.stringify({ holdMs: 1_000 })).toString("base64"));
    await until(() => events.includes("holding"));
    clock.advance(HOUR_MS / 2);
    await until(() => works().length > 0);
    await host.drainQueues();
    assert.equal(works().length, 1);
    assert.equal((await queue.getProperties()).approximateMessagesCount, 0);
  });

  it("asks for no key when none was given", async () => {
    assert.equal((await fetch(`${host.url}/api/guarded`)).status, 200);
  });
});
