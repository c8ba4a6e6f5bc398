import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { json, type SeenRequest } from "../../../simulator/stand-in.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, readsContent, useMailHarness } from "../mail-harness.ts";

const harness = useMailHarness();

const YEARS_MS = 10 * 365 * DAY_MS;
const batches = ({ path }: SeenRequest) => path.endsWith("/$batch");

/** An instance whose clock is wrong does something; then clocks are right again. */
async function tenYearsAhead(act: () => Promise<unknown>): Promise<void> {
  harness.clock.advance(YEARS_MS);
  await act();
  // The clock of the simulator only moves forward; its lead over the real time can be set.
  harness.clock.lead[0] = (harness.clock.lead[0] ?? 0) - YEARS_MS + MINUTE_MS;
}

describe("what a clock that was years ahead has written", () => {
  it("keeps no mailbox from being leased", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one");
    await tenYearsAhead(() => harness.lease(mailbox));
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["one"]);
  });

  it("keeps no mailbox from being due, whatever it was put off for", async () => {
    const mailbox = await harness.connect();
    await tenYearsAhead(async () => {
      harness.graph.server.plan(() => true, {
        kind: "answer",
        answer: { ...json(429, {}), headers: { "retry-after": "60" } },
      });
      await harness.run(mailbox);
      await harness.registry.markQueued([mailbox.id], new Date(Date.now() + 15 * MINUTE_MS));
    });
    assert.deepEqual(await harness.registry.due(new Date()), [mailbox.id]);
    mailbox.receive("one");
    assert.equal((await harness.run(mailbox)).kind, "fetched");
    assert.deepEqual(harness.taken(), ["one"]);
  });

  it("leaves no message waiting that failed, or whose run died", async () => {
    const mailbox = await harness.connect();
    const [failed = ""] = mailbox.receive("failed", "died");
    await tenYearsAhead(async () => {
      harness.graph.server.plan(readsContent(failed), { kind: "answer", answer: json(500, {}) });
      harness.webhook.answerWith(500);
      await harness.run(mailbox);
      const run = await harness.lease(mailbox);
      for (const entry of await run.due(new Date(Date.now() + HOUR_MS), 10)) {
        await run.claim(entry, new Date(Date.now() + 10 * MINUTE_MS));
      }
    });
    harness.webhook.answerWith(undefined);
    for (let tick = 0; tick < 5; tick += 1) {
      await harness.run(mailbox);
      harness.clock.advance(6 * MINUTE_MS);
    }
    assert.deepEqual(harness.taken().sort(), ["died", "failed"]);
  });

  it("leaves nothing waiting that is to be marked", async () => {
    const mailbox = await harness.connect({ acknowledge: { kind: "mark-read" } });
    mailbox.receive("one");
    await tenYearsAhead(async () => {
      harness.graph.server.plan(batches, { kind: "answer", answer: json(400, {}) });
      await harness.run(mailbox);
    });
    await harness.run(mailbox);
    assert.equal(mailbox.graph.messages("inbox")[0]?.isRead, true);
  });

  it("keeps neither the sweep from being made nor changes from being tried again", async () => {
    const mailbox = await harness.connect();
    await tenYearsAhead(async () => {
      mailbox.graph.setFull(true);
      await harness.run(mailbox);
    });
    mailbox.graph.setFull(false);
    const [id = ""] = mailbox.receive("overlooked");
    mailbox.graph.overlook(id);
    harness.clock.advance(HOUR_MS);
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["overlooked"]);
    assert.ok(harness.events.some(({ event }) => event === "changes read again"));
  });

  it("counts no request that was sent then", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one");
    const [minute, requests] = [new Date(Date.now() + YEARS_MS), 9_600];
    await harness.registry.update(await mailbox.stored(), { graphRequests: [{ minute, requests }] });
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["one"]);
  });
});
