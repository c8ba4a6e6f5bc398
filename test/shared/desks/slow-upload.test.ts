import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { after, afterEach, before, beforeEach, describe, it, mock } from "node:test";
import type { Delivery, Desk, DeskAnswer } from "../../../shared/desks/desk.ts";
import { createExclusiveDesk } from "../../../shared/desks/exclusive-desk-table.ts";
import { createUvdesk } from "../../../shared/desks/uvdesk.ts";
import { createWebhook } from "../../../shared/desks/webhook.ts";
import { createMemoryTables } from "../../simulator/storage/memory-tables.ts";
import { deliveryOf } from "./delivery-of.ts";

const SECOND_MS = 1_000;
/** More than fits between two sockets of this machine. */
const LARGE = Buffer.alloc(40_000_000, "a line of text\r\n");
const SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

/** A desk that reads a piece of a message each time it is told to. */
let server: http.Server;
let url: string;
let incoming: http.IncomingMessage;
let response: http.ServerResponse;
let arrived: Promise<unknown>;
let now: number;
/** That have gone out. */
let pieces: number;

before(async () => {
  server = http.createServer((request, answer) => {
    incoming = request.pause();
    response = answer.setHeader("connection", "close");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => server.close());
beforeEach(() => {
  now = Date.parse("2026-03-02T12:00:00Z");
  mock.timers.enable({ apis: ["setTimeout"] });
  arrived = once(server, "request");
  pieces = 0;
});
afterEach(() => {
  mock.timers.reset();
  server.closeAllConnections();
});

const clock = () => new Date(now);
const webhook = () => counting(createWebhook({ url, secret: async () => SECRET, now: clock }));

/** Counts the pieces of what is sent. */
function counting(desk: Desk): Desk {
  return {
    ...desk,
    deliver: ({ onProgress, ...rest }) =>
      desk.deliver({
        ...rest,
        async onProgress() {
          await onProgress?.();
          pieces += 1;
        },
      }),
  };
}

const delivery = (changes: Partial<Delivery> = {}) =>
  deliveryOf(LARGE, { offerUntil: new Date(now + 7 * 60 * SECOND_MS), ...changes });

function pass(seconds: number): void {
  now += seconds * SECOND_MS;
  mock.timers.tick(seconds * SECOND_MS);
}

/** Reads about so many bytes, and waits for what they make room for to go out. */
async function read(bytes: number): Promise<void> {
  const before = pieces;
  const { promise, resolve } = Promise.withResolvers<void>();
  let left = bytes;
  const take = (chunk: Buffer) => {
    left -= chunk.length;
    if (left > 0) return;
    incoming.off("data", take).pause();
    resolve();
  };
  incoming.on("data", take).resume();
  await promise;
  while (pieces === before) await new Promise((next) => setImmediate(next));
}

async function readAll(): Promise<void> {
  const ended = once(incoming, "end");
  incoming.resume();
  await ended;
}

const codeOf = (answer: DeskAnswer) => ("code" in answer ? answer.code : answer.kind);
const wordsOf = (answer: DeskAnswer) => answer.words;

describe("a large message on a slow line", () => {
  it("may take longer than two minutes as a whole, as long as it goes on", async () => {
    const answered = webhook().deliver(delivery());
    await arrived;
    for (let step = 0; step < 4; step += 1) {
      await read(8_000_000);
      pass(100);
    }
    await readAll();
    pass(100);
    response.end("ok");
    assert.equal((await answered).kind, "accepted");
  });

  it("is given up where nothing goes on for two minutes", async () => {
    const answered = webhook().deliver(delivery());
    await arrived;
    await read(8_000_000);
    pass(119);
    await read(8_000_000);
    pass(121);
    const answer = await answered;
    assert.equal(codeOf(answer), "NO_ANSWER");
    assert.match(wordsOf(answer), /nothing went on for 120 s/);
    assert.equal(answer.kind === "try-again" && answer.uncertain, true);
  });

  it("is given up where the desk has all of it, and does not answer for two minutes", async () => {
    const answered = webhook().deliver(delivery());
    await arrived;
    await readAll();
    pass(121);
    assert.match(wordsOf(await answered), /nothing went on for 120 s/);
  });

  it("is given up two minutes after it must not be offered any more: then another run may have it", async () => {
    const answered = webhook().deliver(delivery({ offerUntil: new Date(now + 60 * SECOND_MS) }));
    await arrived;
    await read(8_000_000);
    pass(100);
    await read(8_000_000);
    pass(81);
    assert.match(wordsOf(await answered), /it took longer than a message may/);
  });
});

describe("a message that was given up while a piece waited for its turn", () => {
  it("leaves no limit behind that would keep the process from ending", async () => {
    const { setTimeout: start, clearTimeout: stop } = globalThis;
    const running = new Set<unknown>();
    const spies = [
      mock.method(globalThis, "setTimeout", (work: () => void, ms: number) => {
        const timer = start(work, ms);
        running.add(timer);
        return timer;
      }),
      mock.method(globalThis, "clearTimeout", (timer: NodeJS.Timeout) => {
        running.delete(timer);
        stop(timer);
      }),
    ];
    const gate = Promise.withResolvers<void>();
    let asked = 0;
    const onProgress = () => {
      asked += 1;
      return asked === 1 ? Promise.resolve() : gate.promise;
    };
    const answered = webhook().deliver(delivery({ onProgress }));
    await arrived;
    while (asked < 2) await new Promise((next) => setImmediate(next));
    pass(121);
    assert.equal(codeOf(await answered), "NO_ANSWER");
    gate.resolve();
    await new Promise((next) => setImmediate(next));
    for (const spy of spies) spy.mock.restore();
    assert.equal(running.size, 0);
  });
});

describe("the lock on a desk that takes one message at a time", () => {
  const tables = createMemoryTables().open();

  function instance() {
    const desk = counting(createUvdesk({ url, now: clock }));
    const sleep = () => new Promise<void>((resolve) => setImmediate(resolve));
    return createExclusiveDesk({ desk, url, tables, now: clock, random: () => 0.5, sleep });
  }

  it("lasts as long as the message goes on", async () => {
    const first = instance().deliver(delivery());
    await arrived;
    for (let step = 0; step < 4; step += 1) {
      await read(8_000_000);
      pass(100);
      const other = await instance().deliver(
        deliveryOf(Buffer.from("Subject: x\r\n\r\nx"), { offerUntil: clockIn(60) }),
      );
      assert.equal(codeOf(other), "BUSY", `after ${(step + 1) * 100} s`);
    }
    await readAll();
    response.end("Message has been successfully processed");
    await first;
  });

  it("ends the attempt where it is lost: the rest of the message does not go out", async () => {
    const first = instance().deliver(delivery());
    await arrived;
    const client = await tables("Mailboxes");
    for await (const { partitionKey = "", rowKey = "" } of client.listEntities()) {
      await client.updateEntity({ partitionKey, rowKey, heldUntil: clockIn(60).toISOString() }, "Replace", {
        etag: "*",
      });
    }
    pass(20);
    const cut = new Promise((resolve) => incoming.once("close", resolve));
    incoming.on("error", () => {}).resume();
    await cut;
    const answer = await first;
    assert.match(wordsOf(answer), /its lock on the desk could not be prolonged in time/);
    assert.equal(answer.kind === "try-again" && answer.uncertain, true);
    assert.equal(incoming.complete, false);
  });
});

const clockIn = (seconds: number) => new Date(now + seconds * SECOND_MS);
