import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { createFetchMailbox } from "../../../shared/mail/run/fetch-mailbox.ts";
import { createFetchDueMailboxes, type FetchDueDeps } from "../../../shared/scheduling/fetch-due-mailboxes.ts";
import { json } from "../../simulator/stand-in.ts";
import { type ConnectedMailbox, MINUTE_MS, NOON, now, SECOND_MS, useMailHarness } from "../mail/mail-harness.ts";

const harness = useMailHarness();
const ADDRESSES = ["help@example.com", "second@example.com", "third@example.com"];

/** Three mailboxes, the last one waiting longest. */
async function connectThree(): Promise<ConnectedMailbox[]> {
  const mailboxes: ConnectedMailbox[] = [];
  for (const [index, address] of ADDRESSES.entries()) {
    mailboxes.push(await harness.connect({ address, nextFetchAt: new Date(NOON.getTime() - index * MINUTE_MS) }));
  }
  return mailboxes;
}

/** Gives the ids that were left to the queue. */
async function tick(fetchMailbox: FetchDueDeps["fetchMailbox"], changes: Partial<FetchDueDeps> = {}) {
  const queued: string[] = [];
  const queueFetches = async (ids: readonly string[]) => queued.push(...ids);
  const queueFetch = async (id: string) => queued.push(id) > 0;
  const deps = { registry: harness.registry, fetchMailbox, queueFetches, queueFetch, log: harness.log, now };
  await createFetchDueMailboxes({ ...deps, budgetMs: 20 * SECOND_MS, concurrency: 1, ...changes })();
  return queued;
}

describe("a tick", () => {
  it("fetches the mailboxes that are due, the longest waiting first, and is recorded", async () => {
    const ids = (await connectThree()).map(({ id }) => id);
    const paused = await harness.connect({ address: "paused@example.com", status: "paused" });
    const fetched: string[] = [];
    const left = await tick(async ({ mailboxId, deadline }) => {
      fetched.push(mailboxId);
      assert.ok(deadline.getTime() >= NOON.getTime() + 6 * SECOND_MS);
      return { more: false };
    });
    assert.deepEqual(fetched, ids.toReversed());
    assert.ok(!fetched.includes(paused.id));
    assert.deepEqual(left, []);
    const at = (await harness.registry.lastTick()) ?? assert.fail("not recorded");
    assert.ok(at >= NOON);
  });

  it("is recorded also where nothing is due", async () => {
    assert.deepEqual(await tick(async () => assert.fail("nothing is due")), []);
    assert.notEqual(await harness.registry.lastTick(), undefined);
  });

  it("leaves to the queue what its budget does not reach, and what is not finished", async () => {
    const [first, second, third] = await connectThree();
    const left = await tick(async ({ mailboxId }) => {
      harness.clock.advance(11 * SECOND_MS);
      return { more: mailboxId === third?.id };
    });
    assert.deepEqual([...left].sort(), [first?.id, third?.id].sort());
    assert.ok(!left.includes(second?.id ?? ""));
  });

  it("gives one mailbox a third of its budget at most, so that a backlog does not take it all", async () => {
    await connectThree();
    const shares: number[] = [];
    await tick(async ({ deadline }) => {
      shares.push(Math.round((deadline.getTime() - Date.now()) / SECOND_MS));
      harness.clock.advance(7 * SECOND_MS);
      return { more: true };
    });
    assert.deepEqual(shares, [7, 7, 6]);
  });

  it("hands what is too much for it to the queue at once, not at its end", async () => {
    const ids = Array.from({ length: 50 }, (_, index) => `mailbox-${index}`);
    const registry = { recordTick: async () => {}, due: async () => ids };
    let fetched = 0;
    const firstQueued: { ids: readonly string[]; fetchedBefore: number }[] = [];
    const queueFetches = async (some: readonly string[]) => {
      firstQueued.push({ ids: some, fetchedBefore: fetched });
      return some.length;
    };
    const fetchMailbox = async () => {
      fetched += 1;
      return { more: false };
    };
    await tick(fetchMailbox, { registry, queueFetches, concurrency: 2 });
    assert.equal(fetched, 40);
    assert.deepEqual(firstQueued[0], { ids: ids.slice(40), fetchedBefore: 0 });
  });

  it("fetches a few side by side, and no more than it may", async () => {
    await connectThree();
    let running = 0;
    let most = 0;
    const fetchMailbox = async () => {
      running += 1;
      most = Math.max(most, running);
      await setTimeout(5);
      running -= 1;
      return { more: false };
    };
    await tick(fetchMailbox, { concurrency: 2 });
    assert.equal(most, 2);
  });

  it("goes on with the others where one run throws, and says which", async () => {
    const [, second] = await connectThree();
    const fetched: string[] = [];
    const left = await tick(async ({ mailboxId }) => {
      fetched.push(mailboxId);
      if (mailboxId === second?.id) throw new Error("Table Storage is down");
      return { more: false };
    });
    assert.equal(fetched.length, 3);
    assert.deepEqual(left, []);
    const logged = harness.events.filter(({ level }) => level === "error").map(({ mailboxId }) => mailboxId);
    assert.deepEqual(logged, [second?.id]);
  });

  it("delivers the mail of the others where one mailbox is broken", async () => {
    const mailboxes = await connectThree();
    for (const [index, mailbox] of mailboxes.entries()) mailbox.receive(`mail-${index}`);
    const refused = json(403, { error: { code: "ErrorAccessDenied" } });
    harness.graph.server.plan(({ path }) => path.includes("second"), { kind: "answer", answer: refused }, 10);
    const fetchMailbox = createFetchMailbox(harness.deps());
    await tick(async (run) => {
      const outcome = await fetchMailbox(run);
      return { more: outcome.kind === "fetched" && outcome.more };
    });
    assert.deepEqual(harness.taken().sort(), ["mail-0", "mail-2"]);
    const codes = await Promise.all(mailboxes.map(async (mailbox) => (await mailbox.stored()).lastError?.code));
    assert.deepEqual(codes, [undefined, "GRAPH_REFUSED", undefined]);
  });
});
