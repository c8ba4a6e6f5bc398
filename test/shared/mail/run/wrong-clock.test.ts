import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { json, type SeenRequest } from "../../../simulator/stand-in.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, readsContent, useMailBed } from "../mail-harness.ts";

const bed = useMailBed();

const YEARS_MS = 10 * 365 * DAY_MS;
const batches = ({ path }: SeenRequest) => path.endsWith("/$batch");

/** An instance whose clock is wrong does something; then clocks are right again. */
async function tenYearsAhead(act: () => Promise<unknown>): Promise<void> {
  bed.clock.advance(YEARS_MS);
  await act();
  // The clock of the simulator only moves forward; its lead over the real time can be set.
  bed.clock.lead[0] = (bed.clock.lead[0] ?? 0) - YEARS_MS + MINUTE_MS;
}

describe("what a clock that was years ahead has written", () => {
  it("keeps no mailbox from being leased", async () => {
    const mailbox = await bed.connect();
    mailbox.receive("one");
    await tenYearsAhead(() => bed.lease(mailbox));
    await bed.run(mailbox);
    assert.deepEqual(bed.taken(), ["one"]);
  });

  it("keeps no mailbox from being due, whatever it was put off for", async () => {
    const mailbox = await bed.connect();
    await tenYearsAhead(async () => {
      bed.graph.server.plan(() => true, {
        kind: "answer",
        answer: { ...json(429, {}), headers: { "retry-after": "60" } },
      });
      await bed.run(mailbox);
      await bed.registry.markQueued([mailbox.id], new Date(Date.now() + 15 * MINUTE_MS));
    });
    assert.deepEqual(await bed.registry.due(new Date()), [mailbox.id]);
    mailbox.receive("one");
    assert.equal((await bed.run(mailbox)).kind, "fetched");
    assert.deepEqual(bed.taken(), ["one"]);
  });

  it("leaves no message waiting that failed, or whose run died", async () => {
    const mailbox = await bed.connect();
    const [failed = ""] = mailbox.receive("failed", "died");
    await tenYearsAhead(async () => {
      bed.graph.server.plan(readsContent(failed), { kind: "answer", answer: json(500, {}) });
      bed.webhook.answerWith(500);
      await bed.run(mailbox);
      const run = await bed.lease(mailbox);
      for (const entry of await run.due(new Date(Date.now() + HOUR_MS), 10)) {
        await run.claim(entry, new Date(Date.now() + 10 * MINUTE_MS));
      }
    });
    bed.webhook.answerWith(undefined);
    for (let tick = 0; tick < 5; tick += 1) {
      await bed.run(mailbox);
      bed.clock.advance(6 * MINUTE_MS);
    }
    assert.deepEqual(bed.taken().sort(), ["died", "failed"]);
  });

  it("leaves nothing waiting that is to be marked", async () => {
    const mailbox = await bed.connect({ acknowledge: { kind: "mark-read" } });
    mailbox.receive("one");
    await tenYearsAhead(async () => {
      bed.graph.server.plan(batches, { kind: "answer", answer: json(400, {}) });
      await bed.run(mailbox);
    });
    await bed.run(mailbox);
    assert.equal(mailbox.graph.messages("inbox")[0]?.isRead, true);
  });

  it("keeps neither the sweep from being made nor changes from being tried again", async () => {
    const mailbox = await bed.connect();
    await tenYearsAhead(async () => {
      mailbox.graph.setFull(true);
      await bed.run(mailbox);
    });
    mailbox.graph.setFull(false);
    const [id = ""] = mailbox.receive("overlooked");
    mailbox.graph.overlook(id);
    bed.clock.advance(HOUR_MS);
    await bed.run(mailbox);
    assert.deepEqual(bed.taken(), ["overlooked"]);
    assert.ok(bed.events.some(({ event }) => event === "changes read again"));
  });

  it("counts no request that was sent then", async () => {
    const mailbox = await bed.connect();
    mailbox.receive("one");
    const [minute, requests] = [new Date(Date.now() + YEARS_MS), 9_600];
    await bed.registry.update(await mailbox.stored(), { graphRequests: [{ minute, requests }] });
    await bed.run(mailbox);
    assert.deepEqual(bed.taken(), ["one"]);
  });
});
