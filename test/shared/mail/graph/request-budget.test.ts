import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { createRequestBudget, type RequestKind } from "../../../../shared/mail/graph/request-budget.ts";
import { GraphError } from "../../../../shared/mail/message-source.ts";
import { createFetchMailbox } from "../../../../shared/mail/run/fetch-mailbox.ts";
import { REQUEST_LIMIT, type RequestCount } from "../../../../shared/mailboxes/request-count.ts";
import { ACCEPTED, at, deskThat } from "../fake-desk.ts";
import { ADDRESS, MINUTE_MS, NOON, now, readsContent, SECOND_MS, useMailHarness } from "../mail-harness.ts";

const harness = useMailHarness();
const NAMES = Array.from({ length: 24 }, (_, index) => `mail-${index}`);
/** A desk that would take more at once than Graph gives. */
const WIDE_DESK = () => ({ ...deskThat(() => ACCEPTED), concurrency: 12 });

/** Which of the requests are let in, those before them not being over. */
async function letIn(...kinds: RequestKind[]): Promise<number[]> {
  const budget = createRequestBudget({ now });
  const entered: number[] = [];
  for (const [index, kind] of kinds.entries()) {
    void budget.enter(kind, 1).then(() => entered.push(index));
    await setTimeout(0);
  }
  return entered;
}

describe("the requests of one run", () => {
  it("are four at once at most, three of them messages that are read", async () => {
    assert.deepEqual(await letIn("other", "other", "other", "other", "other"), [0, 1, 2, 3]);
    assert.deepEqual(await letIn("stream", "stream", "stream", "stream", "other"), [0, 1, 2, 4]);
  });

  it("leave a batch alone, of which Graph works on four parts at once", async () => {
    assert.deepEqual(await letIn("batch", "other", "stream", "batch"), [0]);
    assert.deepEqual(await letIn("other", "batch", "batch"), [0]);
  });

  it("go on as those before them end, and none is forgotten", async () => {
    const budget = createRequestBudget({ now });
    const kinds: RequestKind[] = ["batch", "stream", "other", "stream", "batch", "stream", "stream", "other", "batch"];
    const ends = kinds.map(async (kind) => (await budget.enter(kind, 1))());
    await Promise.all(ends);
    assert.equal(budget.sent[0]?.requests, kinds.length);
  });

  it("keep to it with a desk that takes twelve at once, until each body has ended", async () => {
    const mailbox = await harness.connect();
    mailbox.receive(...NAMES);
    harness.graph.controls.latencyMs = 20;
    await harness.run(mailbox, at(WIDE_DESK()));
    assert.equal((await mailbox.stored()).delivered, NAMES.length);
    assert.equal(harness.graph.peakConcurrency(ADDRESS), 3);
  });

  it("count a message as long as its body lasts", async () => {
    const mailbox = await harness.connect();
    mailbox.receive(...NAMES);
    const bodies = { open: 0, most: 0 };
    async function* slowly() {
      bodies.open += 1;
      bodies.most = Math.max(bodies.most, bodies.open);
      yield Buffer.from("Subject: slow\r\n\r\n");
      await setTimeout(20);
      bodies.open -= 1;
      yield Buffer.from("the end");
    }
    for (const _ of NAMES)
      harness.graph.server.plan(readsContent(), { kind: "answer", answer: { status: 200, body: slowly() } });
    await harness.run(mailbox, at(WIDE_DESK()));
    assert.deepEqual(bodies, { open: 0, most: 3 });
  });
});

describe("a throttle in the middle of a run", () => {
  for (const status of [429, 503, 504]) {
    it(`stops the other requests of that run at once (${status})`, async () => {
      const mailbox = await harness.connect();
      mailbox.receive(...NAMES);
      const answer = { status, headers: { "retry-after": "90" } };
      harness.graph.server.plan(readsContent(), { kind: "answer", answer });
      assert.deepEqual(await harness.run(mailbox, at(WIDE_DESK())), { kind: "failed", code: "GRAPH_THROTTLED" });
      // Those that were under way with it, and not one more.
      assert.ok(harness.graph.server.requests.filter(readsContent()).length <= 3);
      const { throttledUntil } = await mailbox.stored();
      assert.ok((throttledUntil?.getTime() ?? 0) >= NOON.getTime() + 90 * SECOND_MS);
      harness.clock.advance(91 * SECOND_MS);
      await harness.runs(mailbox, 2, at(WIDE_DESK()));
      assert.equal((await mailbox.stored()).delivered, NAMES.length);
    });
  }

  it("is what each later request of the run is told", async () => {
    const budget = createRequestBudget({ now });
    const answer = { status: 503, graphCode: undefined, requestId: undefined, retryAfterMs: 5_000 };
    const stop = new GraphError("GRAPH_THROTTLED", "Graph asks to wait", answer);
    const waiting = [1, 2, 3, 4, 5].map(() => budget.enter("other", 1));
    const [first] = await Promise.all(waiting.slice(0, 4));
    budget.stop(stop);
    first?.();
    // Whose request it was not, must not be blamed for the status.
    const told = { code: "GRAPH_THROTTLED", message: stop.message, answer: { ...answer, status: undefined } };
    await assert.rejects(waiting[4] ?? assert.fail(), told);
    await assert.rejects(budget.enter("other", 1), told);
  });
});

describe("the own limit in ten minutes", () => {
  const nearly: RequestCount = [{ minute: new Date(NOON.getTime() - MINUTE_MS), requests: REQUEST_LIMIT - 2 }];

  it("gives the run back with a time to come again, before Graph is asked", async () => {
    const mailbox = await harness.connect({ graphRequests: nearly });
    mailbox.receive(...NAMES);
    assert.deepEqual(await harness.run(mailbox), { kind: "failed", code: "GRAPH_THROTTLED" });
    assert.equal(harness.graph.requestCount, 2);
    const { throttledUntil, lastError } = await mailbox.stored();
    const waitsMs = (throttledUntil?.getTime() ?? 0) - NOON.getTime();
    assert.ok(waitsMs >= 10 * MINUTE_MS && waitsMs < 10 * MINUTE_MS + 5 * SECOND_MS, `waits ${waitsMs} ms`);
    assert.match(lastError?.message ?? "", /9600 requests/);
    assert.partialDeepStrictEqual(
      harness.events.find(({ event }) => event === "budget nearly used"),
      { service: "graph", mailboxId: mailbox.id, share: 0.96 },
    );
    harness.clock.advanceTo(throttledUntil ?? NOON);
    await harness.run(mailbox);
    assert.equal((await mailbox.stored()).delivered, NAMES.length);
  });

  it("counts over all runs, whatever instance made them", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one");
    await harness.runs(mailbox, 3);
    const { graphRequests } = await mailbox.stored();
    assert.equal(
      graphRequests.reduce((sum, { requests }) => sum + requests, 0),
      harness.graph.requestCount,
    );
    assert.ok(graphRequests.length >= 3);
  });

  it("counts what was sent again after a token was refused", async () => {
    const mailbox = await harness.connect();
    harness.tokens.accepted.clear();
    await createFetchMailbox(harness.deps())({ mailboxId: mailbox.id, deadline: new Date(NOON.getTime() + MINUTE_MS) });
    assert.equal((await mailbox.stored()).graphRequests[0]?.requests, 2);
  });
});
