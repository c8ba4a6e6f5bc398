import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { json, type SeenRequest } from "../../simulator/stand-in.ts";
import { at, deskThat, FAULT_OF_DESK, REFUSED } from "./fake-desk.ts";
import { type ConnectedMailbox, HOUR_MS, MINUTE_MS, useMailBed } from "./mail-bed.ts";

const bed = useMailBed();

const REFUSAL = json(403, { error: { code: "ErrorAccessDenied", message: "Access is denied." } });

function marks({ method }: SeenRequest): boolean {
  return method === "PATCH";
}

function readFlags(mailbox: ConnectedMailbox): Record<string, boolean> {
  return Object.fromEntries(mailbox.graph.messages().map(({ name, isRead }) => [name ?? "", isRead]));
}

describe("after its delivery", () => {
  it("a message is left as it is, unless somebody asked for more", async () => {
    const mailbox = await bed.connect();
    mailbox.receive("one");
    await bed.run(mailbox);
    assert.deepEqual(readFlags(mailbox), { one: false });
    assert.ok(bed.graph.server.requests.every(({ method }) => method === "GET"));
  });

  it("a message is marked as read, once", async () => {
    const mailbox = await bed.connect({ acknowledge: { kind: "mark-read" } });
    mailbox.receive("one", "two");
    await bed.runs(mailbox, 3);
    assert.deepEqual(readFlags(mailbox), { one: true, two: true });
    assert.equal(bed.graph.server.requests.filter(marks).length, 2);
    assert.deepEqual(bed.taken().toSorted(), ["one", "two"]);
  });

  it("a message is moved, and being moved does not bring it back", async () => {
    const mailbox = await bed.connect({ acknowledge: { kind: "move", folder: "archive" } });
    const [id] = mailbox.receive("one");
    await bed.runs(mailbox, 3);
    assert.deepEqual(
      mailbox.graph.messages("archive").map(({ immutableId }) => immutableId),
      [id],
    );
    assert.deepEqual(bed.taken(), ["one"]);
  });

  it("a message that somebody read before is delivered all the same", async () => {
    const mailbox = await bed.connect({ acknowledge: { kind: "mark-read" } });
    const [id = ""] = mailbox.receive("one");
    mailbox.graph.setRead(id, true);
    await bed.run(mailbox);
    assert.deepEqual(bed.taken(), ["one"]);
  });

  it("only what the desk took is marked", async () => {
    const mailbox = await bed.connect({ acknowledge: { kind: "mark-read" } });
    mailbox.receive("refused");
    await bed.run(mailbox, at(deskThat(() => REFUSED)));
    mailbox.receive("waiting");
    await bed.run(mailbox, at(deskThat(() => FAULT_OF_DESK)));
    assert.deepEqual(readFlags(mailbox), { refused: false, waiting: false });
  });

  it("a message that is gone needs no mark", async () => {
    const mailbox = await bed.connect({ acknowledge: { kind: "mark-read" } });
    const [id = ""] = mailbox.receive("one", "two");
    bed.graph.server.plan(marks, { kind: "cut-before" });
    await bed.run(mailbox);
    mailbox.graph.remove(id);
    assert.equal((await bed.run(mailbox)).kind, "fetched");
    assert.deepEqual(readFlags(mailbox), { two: true });
  });
});

describe("a mark that fails", () => {
  it("is made by the next run, and brings no delivery back", async () => {
    const mailbox = await bed.connect({ acknowledge: { kind: "mark-read" } });
    mailbox.receive("one");
    bed.graph.server.plan(marks, { kind: "cut-before" });
    assert.deepEqual(await bed.run(mailbox), { kind: "failed", code: "GRAPH_UNAVAILABLE" });
    assert.equal((await mailbox.stored()).delivered, 1);
    await bed.run(mailbox);
    assert.deepEqual(readFlags(mailbox), { one: true });
    assert.deepEqual(bed.taken(), ["one"]);
  });

  it("because its answer was lost, is made again without harm", async () => {
    const mailbox = await bed.connect({ acknowledge: { kind: "move", folder: "archive" } });
    mailbox.receive("one");
    bed.graph.server.plan(({ path }) => path.endsWith("/move"), { kind: "cut-after" });
    await bed.runs(mailbox, 3);
    assert.equal(mailbox.graph.messages("archive").length, 1);
    assert.deepEqual(bed.taken(), ["one"]);
  });

  it("because Graph refuses it, waits for an hour; deliveries go on, and the mailbox is not at fault", async () => {
    const mailbox = await bed.connect({ acknowledge: { kind: "mark-read" } });
    mailbox.receive("one");
    bed.graph.server.plan(marks, { kind: "answer", answer: REFUSAL });
    assert.equal((await bed.run(mailbox)).kind, "fetched");
    assert.equal((await mailbox.stored()).lastError, undefined);
    assert.ok(bed.events.some(({ event }) => event === "acknowledge failed"));
    bed.clock.advance(30 * MINUTE_MS);
    mailbox.receive("two");
    await bed.run(mailbox);
    assert.deepEqual(readFlags(mailbox), { one: false, two: true });
    bed.clock.advance(HOUR_MS);
    await bed.run(mailbox);
    assert.deepEqual(readFlags(mailbox), { one: true, two: true });
  });

  it("each time for one message, does not keep the others from being marked", async () => {
    const mailbox = await bed.connect({ acknowledge: { kind: "mark-read" } });
    const [broken = ""] = mailbox.receive("broken", "two", "three");
    const corrupt = json(500, { error: { code: "ErrorItemCorrupt", message: "The item is corrupt." } });
    const marksBroken = (request: SeenRequest) => marks(request) && request.path.endsWith(encodeURIComponent(broken));
    bed.graph.server.plan(marksBroken, { kind: "answer", answer: corrupt }, 100);
    for (let minute = 0; minute < 5; minute += 1) {
      mailbox.receive(`later-${minute}`);
      await bed.run(mailbox);
      bed.clock.advance(MINUTE_MS);
    }
    const unread = Object.entries(readFlags(mailbox)).filter(([, isRead]) => !isRead);
    assert.deepEqual(unread, [["broken", false]]);
    assert.equal(bed.taken().length, 8);
  });
});
