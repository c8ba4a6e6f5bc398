import assert from "node:assert/strict";
import path from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { QueueServiceClient } from "@azure/storage-queue";
import { type Azurite, startAzurite } from "../azurite.ts";
import { type Clock, installClock } from "../clock.ts";
import { type FunctionsHost, type FunctionsHostOptions, startFunctionsHost } from "./functions-host.ts";
import type { LogLine } from "./host-invocations.ts";

const FUNCTION_KEY = "the-key-of-the-app";

let clock: Clock;
let azurite: Azurite;
let host: FunctionsHost;
let options: FunctionsHostOptions;
let events: unknown[];
const lines: LogLine[] = [];

before(async () => {
  clock = installClock(new Date("2030-03-01T12:00:00Z"));
  azurite = await startAzurite({ tablePort: 0, queuePort: 0 });
  options = {
    appFolder: path.join(import.meta.dirname, "fixtures/functions-app"),
    port: 0,
    settings: {
      AzureWebJobsStorage: azurite.connectionString,
      WORK_QUEUE: "work-items",
      TICK_SCHEDULE: "30 */5 * * * *",
      "AzureWebJobs.switched-off.Disabled": "true",
      SEEN_BY_THE_APP: "yes",
    },
    log: (line) => lines.push(line),
    functionKey: FUNCTION_KEY,
    runTimers: false,
    runQueues: false,
  };
  host = await startFunctionsHost(options);
  ({ events } = await import("./fixtures/functions-app/functions.ts"));
});

after(async () => {
  await host.stop();
  assert.deepEqual(events.at(-1), "appTerminate");
  await azurite.stop();
  clock.uninstall();
});

beforeEach(() => {
  events.length = 0;
  lines.length = 0;
});

const get = (route: string, init?: RequestInit) => fetch(`${host.url}/api/${route}`, init);

describe("Functions host: start", () => {
  it("makes a function with an unusable setting unavailable and runs the others", () => {
    const messages = Object.fromEntries(host.faults.map(({ functionName, message }) => [functionName, message]));
    assert.deepEqual(Object.keys(messages), ["unresolved", "last-of-month", "weekday-seven", "unconnected"]);
    assert.match(messages.unresolved ?? "", /Functions\.unresolved'\. '%NOWHERE%' does not resolve to a value\.$/);
    assert.match(messages["last-of-month"] ?? "", /'0 0 0 L \* \*' was not recognized as a valid cron expression/);
    assert.match(messages.unconnected ?? "", /connection string 'OtherStorage' does not exist/);
    assert.ok(host.functionNames.includes("tick"));
    assert.ok(!host.functionNames.includes("unresolved"));
  });

  it("leaves out a function that a setting disables", () => {
    assert.ok(!host.functionNames.includes("switched-off"));
  });

  it("puts the settings into the environment before the app is loaded", async () => {
    assert.equal(await (await get("environment")).text(), "yes");
  });

  it("refuses a second start in this process and says why", async () => {
    await assert.rejects(startFunctionsHost(options), /binds to the first one for good/);
  });
});

describe("Functions host: HTTP", () => {
  it("hands over URL, headers, parameters, query and the body's bytes", async () => {
    const body = Buffer.from([0x00, 0xff, 0xe9, 0x0a]);
    const answer = await get("echo/mail?a=1&a=2&b=x%20y", { method: "POST", body, headers: { "x-echo": "heard" } });
    assert.equal(answer.headers.get("x-echo"), "heard");
    assert.deepEqual(await answer.json(), {
      url: `${host.url}/api/echo/mail?a=1&a=2&b=x+y`,
      params: { kind: "mail" },
      // The host joins a parameter that comes twice.
      query: { a: "1,2", b: "x y" },
      body: body.toString("latin1"),
    });
  });

  it("takes scheme from X-Forwarded-Proto, and no host name from X-Forwarded-Host", async () => {
    const headers = { "x-forwarded-proto": "https", "x-forwarded-host": "evil.test" };
    const { url } = (await (await get("echo", { headers })).json()) as { url: string };
    assert.equal(url, `${host.url.replace("http:", "https:")}/api/echo`);
  });

  it("takes the first function by name whose route fits, and knows optional, typed and open-ended parameters", async () => {
    const echo = (await (await get("echo/literal")).json()) as { params: object };
    assert.deepEqual(echo.params, { kind: "literal" }, "though another function has the very address");
    assert.equal(await (await get("echo/literal", { method: "PUT" })).text(), "the literal route");
    assert.deepEqual(await (await get("items/12")).json(), { id: "12" });
    assert.equal((await get("items/twelve")).status, 404);
    assert.deepEqual(await (await get("files/a/b%20c")).json(), { rest: "a/b c" });
    assert.deepEqual(await (await get("files")).json(), {});
  });

  it("answers 404 for an unknown route, for a method that the route does not take, and outside the prefix", async () => {
    assert.equal((await get("nowhere")).status, 404);
    assert.equal((await get("items/12", { method: "DELETE" })).status, 404);
    assert.equal((await get("items/12", { method: "HEAD" })).status, 404);
    assert.equal((await fetch(`${host.url}/echo`)).status, 404);
  });

  it("asks for the key in header or query, but not of anonymous functions", async () => {
    assert.equal((await get("guarded")).status, 401);
    assert.equal((await get("guarded", { headers: { "x-functions-key": "wrong" } })).status, 401);
    assert.equal((await get("guarded", { headers: { "x-functions-key": FUNCTION_KEY } })).status, 200);
    assert.equal((await get(`guarded?code=${FUNCTION_KEY}`)).status, 200);
    assert.equal((await get("echo")).status, 200);
  });

  it("answers 204 when a function returns nothing, and 500 without a word when it throws", async () => {
    assert.equal((await get("silent", { method: "POST" })).status, 204);
    assert.equal((await get("nothing", { method: "POST" })).status, 202);
    const broken = await get("broken");
    assert.equal(broken.status, 500);
    assert.equal(await broken.text(), "");
    assert.match(
      lines.at(-1)?.message ?? "",
      /^Executed 'Functions\.broken' \(Failed, Id=.*Exception: a secret reason/s,
    );
  });

  it("sends what a function streams", async () => {
    assert.equal(await (await get("stream")).text(), "first, second");
  });

  it("writes cookies with all their attributes", async () => {
    assert.deepEqual((await get("cookies")).headers.getSetCookie(), [
      "session=a%20b; max-age=60; path=/api; secure; samesite=none; httponly",
      "plain=1; expires=Thu, 02 Jan 2031 03:04:05 GMT; domain=example.test; path=/; samesite=lax",
      "bare=2; max-age=0; path=/",
    ]);
  });

  it("lets hooks replace an error by a result", async () => {
    assert.equal(await (await get("rescued")).text(), "rescued by the hook");
  });
});

describe("Functions host: timers", () => {
  it("runs one by hand and logs in the words of the host", async () => {
    await host.runTimer("tick", { isPastDue: true });
    const [event] = events as { tick: { isPastDue: boolean; scheduleStatus: { next: string } } }[];
    assert.equal(event?.tick.isPastDue, true);
    assert.match(event?.tick.scheduleStatus.next ?? "", /^2030-03-01T12:0\d:30\.000Z$/);
    assert.deepEqual(
      lines.map(({ category }) => category),
      ["Function.tick", "Function.tick.User", "Function.tick"],
    );
    assert.match(
      lines[0]?.message ?? "",
      /^Executing 'Functions\.tick' \(Reason='Timer fired at 2030-.*Z', Id=[0-9a-f-]{36}\)$/,
    );
    assert.match(lines[2]?.message ?? "", /^Executed 'Functions\.tick' \(Succeeded, Id=.*, Duration=\d+ms\)$/);
    await host.drainQueues();
  });

  it("rejects with the function's error and records the run", async () => {
    await assert.rejects(host.runTimer("failing-timer"), { message: "no luck at three" });
    const run = host.invocations.at(-1);
    assert.deepEqual([run?.name, run?.ok], ["failing-timer", false]);
  });

  it("tells the next run, in UTC, of a setting and of a literal schedule", () => {
    const friday = new Date("2030-03-01T12:01:00Z");
    assert.equal(host.nextTimerRun("tick", friday).toISOString(), "2030-03-01T12:05:30.000Z");
    assert.equal(host.nextTimerRun("failing-timer", friday).toISOString(), "2030-03-04T03:00:00.000Z");
    assert.throws(() => host.nextTimerRun("unresolved", friday), /No timer function 'unresolved'/);
  });
});

describe("Functions host: queues", () => {
  const queueNamed = (name: string) =>
    QueueServiceClient.fromConnectionString(azurite.connectionString).getQueueClient(name);
  const textsIn = async (name: string) => {
    await queueNamed(name).createIfNotExists();
    const { receivedMessageItems } = await queueNamed(name).receiveMessages({ numberOfMessages: 32 });
    return receivedMessageItems.map(({ messageText }) => Buffer.from(messageText, "base64").toString());
  };
  const send = (text: string) => queueNamed("work-items").sendMessage(Buffer.from(text).toString("base64"));

  it("brings each entry of an output array to the trigger, JSON parsed, and writes the trigger's own output", async () => {
    await queueNamed("done-items").deleteIfExists();
    await host.runTimer("tick");
    await host.drainQueues();
    const items = events.slice(1).map((event) => (event as { work: unknown }).work);
    assert.deepEqual(items, [{ number: 1 }, { number: 2 }, "text, with ünïcode"]);
    const done = (await textsIn("done-items")).map((text) => JSON.parse(text).item);
    assert.deepEqual(done, items);
  });

  it("retries a failed message after the visibility timeout, then moves it to the poison queue", async () => {
    await send("always fails");
    await host.drainQueues();
    await host.drainQueues();
    assert.deepEqual(events, [{ work: "always fails", dequeueCount: 1 }], "invisible for a minute");
    clock.advance(61_000);
    await host.drainQueues();
    assert.equal((await textsIn("work-items-poison")).length, 0);
    clock.advance(61_000);
    await host.drainQueues();
    assert.deepEqual(events.at(-1), { work: "always fails", dequeueCount: 3 });
    clock.advance(61_000);
    await host.drainQueues();
    assert.equal(events.length, 3);
    assert.deepEqual(await textsIn("work-items-poison"), ["always fails"]);
  });

  it("moves a message that is not base64 to the poison queue without a run", async () => {
    await queueNamed("work-items-poison").clearMessages();
    await queueNamed("work-items").sendMessage("not base64!");
    await host.drainQueues();
    assert.deepEqual(events, []);
    const { receivedMessageItems } = await queueNamed("work-items-poison").receiveMessages();
    assert.equal(receivedMessageItems[0]?.messageText, "not base64!");
  });

  it("runs no more messages at once than host.json allows", async () => {
    for (let number = 0; number < 12; number += 1) await send(JSON.stringify({ holdMs: 20 }));
    await host.drainQueues();
    const most = Math.max(...events.map((event) => (event as { atOnce: number }).atOnce ?? 0));
    assert.ok(most > 1 && most <= 5, `${most} at once`);
  });
});
