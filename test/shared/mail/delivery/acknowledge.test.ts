import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { json, type SeenRequest } from "../../../simulator/stand-in.ts";
import { at, deskThat, FAULT_OF_DESK, REFUSED } from "../fake-desk.ts";
import { ADDRESS, type ConnectedMailbox, DAY_MS, MINUTE_MS, NOON, useMailHarness } from "../mail-harness.ts";

const harness = useMailHarness();

const REFUSAL = json(403, { error: { code: "ErrorAccessDenied", message: "Access is denied." } });

function marks({ method }: SeenRequest): boolean {
  return method === "PATCH";
}

function readFlags(mailbox: ConnectedMailbox): Record<string, boolean> {
  return Object.fromEntries(mailbox.graph.messages().map(({ name, isRead }) => [name ?? "", isRead]));
}

describe("after its delivery", () => {
  it("a message is left as it is, unless somebody asked for more", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one");
    await harness.run(mailbox);
    assert.deepEqual(readFlags(mailbox), { one: false });
    assert.ok(harness.graph.server.requests.every(({ method }) => method === "GET"));
  });

  it("a message is marked as read, once", async () => {
    const mailbox = await harness.connect({ acknowledge: { kind: "mark-read" } });
    mailbox.receive("one", "two");
    await harness.runs(mailbox, 3);
    assert.deepEqual(readFlags(mailbox), { one: true, two: true });
    assert.equal(harness.graph.server.requests.filter(marks).length, 2);
    assert.deepEqual(harness.taken().toSorted(), ["one", "two"]);
  });

  it("a message is moved, and being moved does not bring it back", async () => {
    const mailbox = await harness.connect({ acknowledge: { kind: "move", folder: "archive" } });
    const [id] = mailbox.receive("one");
    await harness.runs(mailbox, 3);
    assert.deepEqual(
      mailbox.graph.messages("archive").map(({ immutableId }) => immutableId),
      [id],
    );
    assert.deepEqual(harness.taken(), ["one"]);
  });

  it("a message that somebody read before is delivered all the same", async () => {
    const mailbox = await harness.connect({ acknowledge: { kind: "mark-read" } });
    const [id = ""] = mailbox.receive("one");
    mailbox.graph.setRead(id, true);
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["one"]);
  });

  it("only what the desk took is marked", async () => {
    const mailbox = await harness.connect({ acknowledge: { kind: "mark-read" } });
    mailbox.receive("refused");
    await harness.run(mailbox, at(deskThat(() => REFUSED)));
    mailbox.receive("waiting");
    await harness.run(mailbox, at(deskThat(() => FAULT_OF_DESK)));
    assert.deepEqual(readFlags(mailbox), { refused: false, waiting: false });
  });

  it("a message that is gone needs no mark", async () => {
    const mailbox = await harness.connect({ acknowledge: { kind: "mark-read" } });
    const [id = ""] = mailbox.receive("one", "two");
    harness.graph.server.plan(({ path }) => path.endsWith("/$batch"), { kind: "cut-before" });
    await harness.run(mailbox);
    mailbox.graph.remove(id);
    assert.equal((await harness.run(mailbox)).kind, "fetched");
    assert.deepEqual(readFlags(mailbox), { two: true });
  });
});

describe("many messages", () => {
  it("are marked twenty in a request, and never more than four at once", async () => {
    const mailbox = await harness.connect({ acknowledge: { kind: "mark-read" } });
    mailbox.receive(...Array.from({ length: 45 }, (_, index) => `mail-${index}`));
    harness.graph.controls.latencyMs = 2;
    await harness.run(mailbox);
    assert.equal(Object.values(readFlags(mailbox)).filter(Boolean).length, 45);
    assert.equal(harness.graph.server.requests.filter(({ path }) => path.endsWith("/$batch")).length, 3);
    assert.equal(harness.graph.peakConcurrency(ADDRESS), 4);
    const { graphRequests } = await mailbox.stored();
    const counted = graphRequests.reduce((sum, { requests }) => sum + requests, 0);
    assert.equal(counted, harness.graph.requestCount - 3, "the parts count, the batches around them do not");
  });
});

describe("a mark that fails", () => {
  it("because the batch gets no answer is made by the next run, and brings no delivery back", async () => {
    const mailbox = await harness.connect({ acknowledge: { kind: "mark-read" } });
    mailbox.receive("one");
    harness.graph.server.plan(({ path }) => path.endsWith("/$batch"), { kind: "cut-before" });
    assert.deepEqual(await harness.run(mailbox), { kind: "failed", code: "GRAPH_UNAVAILABLE" });
    assert.equal((await mailbox.stored()).delivered, 1);
    await harness.run(mailbox);
    assert.deepEqual(readFlags(mailbox), { one: true });
    assert.deepEqual(harness.taken(), ["one"]);
  });

  for (const lost of [/\/\$batch$/, /\/move$/]) {
    it(`because its answer was lost, is made again without harm (${lost.source})`, async () => {
      const mailbox = await harness.connect({ acknowledge: { kind: "move", folder: "archive" } });
      mailbox.receive("one");
      harness.graph.server.plan(({ path }) => lost.test(path), { kind: "cut-after" });
      await harness.runs(mailbox, 3);
      assert.equal(mailbox.graph.messages("archive").length, 1);
      assert.deepEqual(harness.taken(), ["one"]);
      assert.deepEqual(await (await harness.lease(mailbox)).toAcknowledge(new Date(Date.now() + DAY_MS), 10), []);
    });
  }

  it("because Graph throttles one part, leaves the mailbox alone, and keeps what came through", async () => {
    const mailbox = await harness.connect({ acknowledge: { kind: "mark-read" } });
    mailbox.receive("one", "two", "three");
    const throttled = { status: 429, headers: { "retry-after": "300" } };
    harness.graph.server.plan(marks, { kind: "answer", answer: throttled });
    assert.deepEqual(await harness.run(mailbox), { kind: "failed", code: "GRAPH_THROTTLED" });
    const { throttledUntil } = await mailbox.stored();
    assert.ok((throttledUntil?.getTime() ?? 0) >= NOON.getTime() + 5 * MINUTE_MS);
    harness.graph.server.requests.length = 0;
    harness.clock.advance(6 * MINUTE_MS);
    await harness.run(mailbox);
    assert.deepEqual(readFlags(mailbox), { one: true, two: true, three: true });
    assert.equal(harness.graph.server.requests.filter(marks).length, 1);
  });

  it("because the batch is refused as a whole, is put off; the mailbox is not at fault", async () => {
    const mailbox = await harness.connect({ acknowledge: { kind: "mark-read" } });
    mailbox.receive("one", "two");
    harness.graph.server.plan(({ path }) => path.endsWith("/$batch"), { kind: "answer", answer: { status: 503 } });
    assert.equal((await harness.run(mailbox)).kind, "fetched");
    harness.clock.advance(MINUTE_MS + 1_000);
    await harness.run(mailbox);
    assert.deepEqual(readFlags(mailbox), { one: true, two: true });
  });

  it("because Graph refuses it, waits; deliveries go on, and the mailbox is not at fault", async () => {
    const mailbox = await harness.connect({ acknowledge: { kind: "mark-read" } });
    mailbox.receive("one");
    harness.graph.server.plan(marks, { kind: "answer", answer: REFUSAL });
    assert.equal((await harness.run(mailbox)).kind, "fetched");
    assert.equal((await mailbox.stored()).lastError, undefined);
    assert.ok(harness.events.some(({ event }) => event === "acknowledge failed"));
    harness.clock.advance(MINUTE_MS / 2);
    mailbox.receive("two");
    await harness.run(mailbox);
    assert.deepEqual(readFlags(mailbox), { one: false, two: true });
    harness.clock.advance(MINUTE_MS);
    await harness.run(mailbox);
    assert.deepEqual(readFlags(mailbox), { one: true, two: true });
  });

  it("time and again is tried with growing waits, at last no more, and is told twice", async () => {
    const mailbox = await harness.connect({ acknowledge: { kind: "mark-read" } });
    const [id = ""] = mailbox.receive("broken");
    harness.graph.server.plan(marks, { kind: "answer", answer: REFUSAL }, 1_000);
    const isTried = async () => {
      harness.graph.server.requests.length = 0;
      await harness.run(mailbox);
      return harness.graph.server.requests.some(marks);
    };
    assert.equal(await isTried(), true);
    for (const minutes of [1, 4, 16, 64, 256, 1_024, 1_440]) {
      harness.clock.advance(minutes * MINUTE_MS - 10_000);
      assert.equal(await isTried(), false, `${minutes} minutes are not over`);
      harness.clock.advance(11_000);
      assert.equal(await isTried(), true, `${minutes} minutes are over`);
    }
    harness.clock.advance(10 * DAY_MS);
    assert.equal(await isTried(), false);
    assert.match((await harness.entry(mailbox, id)).notAcknowledged, /Graph refused \(PATCH .*403 ErrorAccessDenied\)/);
    const told = harness.events.filter(({ event }) => String(event).startsWith("acknowledge"));
    assert.deepEqual(
      told.map(({ level, event }) => `${level}: ${event}`),
      ["warn: acknowledge failed", "error: acknowledge abandoned"],
    );
  });

  it("each time for one message, does not keep the others from being marked", async () => {
    const mailbox = await harness.connect({ acknowledge: { kind: "mark-read" } });
    const [broken = ""] = mailbox.receive("broken", "two", "three");
    const corrupt = json(500, { error: { code: "ErrorItemCorrupt", message: "The item is corrupt." } });
    const marksBroken = (request: SeenRequest) => marks(request) && request.path.endsWith(encodeURIComponent(broken));
    harness.graph.server.plan(marksBroken, { kind: "answer", answer: corrupt }, 100);
    for (let minute = 0; minute < 5; minute += 1) {
      mailbox.receive(`later-${minute}`);
      await harness.run(mailbox);
      harness.clock.advance(MINUTE_MS);
    }
    const unread = Object.entries(readFlags(mailbox)).filter(([, isRead]) => !isRead);
    assert.deepEqual(unread, [["broken", false]]);
    assert.equal(harness.taken().length, 8);
  });
});
