import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createFetchMailbox } from "../../../shared/mail/run/fetch-mailbox.ts";
import { createFetchDueMailboxes } from "../../../shared/scheduling/fetch-due-mailboxes.ts";
import { runLargeTick } from "../../bench/large-tick.ts";
import { startSlowStorage } from "../../bench/slow-storage.ts";
import { MINUTE_MS, mail, now, SECOND_MS, useMailHarness } from "../mail/mail-harness.ts";

describe("ten thousand mailboxes that are due in one tick", () => {
  it("are on the queue within ten seconds of a storage that takes 10 ms for each request", async () => {
    const storage = await startSlowStorage({ mailboxes: 10_000, latencyMs: 10, pace: "rounds" });
    const { fetched } = await runLargeTick(storage);
    await storage.stop();
    assert.equal(fetched, 80);
    assert.equal(storage.messages, 10_000 - fetched);
    // Ten pages, a hundred transactions, and a few for the table and the tick; nothing is read row by row.
    assert.ok(storage.requests < storage.messages + 130, `${storage.requests} requests`);
    assert.ok(storage.simulatedMs < 10_000, `${storage.simulatedMs} ms`);
  });
});

describe("a mailbox with a backlog of 100,000 mails", () => {
  const harness = useMailHarness();

  it("does not delay the mail of the others, tick after tick, nor holds up a tick that has one place", async () => {
    const crowded = await harness.connect({ nextFetchAt: new Date(Date.now() - MINUTE_MS) });
    const backlog = mail("backlog");
    for (let index = 0; index < 100_000; index += 1) crowded.graph.deliver(backlog);
    const others = await Promise.all([1, 2, 3].map((n) => harness.connect({ address: `history-${n}@example.com` })));

    let found = 0;
    for (let minute = 0; minute < 3; minute += 1) {
      for (const [n, other] of others.entries()) other.receive(`mail-${n}-${minute}`);
      const queued: string[] = [];
      const run = createFetchMailbox(harness.deps());
      const budgetMs = 9 * SECOND_MS;
      await createFetchDueMailboxes({
        registry: harness.registry,
        fetchMailbox: async (wanted) => {
          const outcome = await run(wanted);
          return { more: outcome.kind === "fetched" && outcome.more };
        },
        queueFetches: async (ids) => queued.push(...ids),
        queueFetch: async (id) => queued.push(id) > 0,
        budgetMs,
        concurrency: 1,
        log: harness.log,
        now,
      })();
      assert.deepEqual(queued, [crowded.id]);
      for (const [n] of others.entries()) assert.ok(harness.taken().includes(`mail-${n}-${minute}`));

      // What the queue's function does with it, on whatever instance: at least a page each time.
      await run({ mailboxId: crowded.id, deadline: new Date(Date.now() + SECOND_MS) });
      const { pending } = await harness.ledger.waiting(crowded.id);
      const foundNow = pending + (await crowded.stored()).delivered;
      assert.ok(foundNow > found, `minute ${minute}: the backlog stays at ${found}`);
      found = foundNow;
      harness.clock.advance(MINUTE_MS);
    }
  });
});
