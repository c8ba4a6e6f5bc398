import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LEDGER_MEMORY_MS } from "../../../../shared/mail/ledger/ledger.ts";

import type { ResetShape } from "../../../simulator/graph/graph-controls.ts";
import { json } from "../../../simulator/stand-in.ts";
import { asksForChanges, type ConnectedMailbox, DAY_MS, HOUR_MS, MINUTE_MS, mail, NOON } from "../mail-harness.ts";
import { useDiscovery } from "./discovery-harness.ts";

const { harness, discoverIn } = useDiscovery();

describe("when Graph forgets where we were", () => {
  const shapes: readonly ResetShape[] = [
    "sync-state-not-found",
    "root-folder-not-found",
    "location",
    "resync-required",
    "sync-state-invalid",
  ];
  for (const shape of shapes) {
    it(`the folder is walked again: nothing is delivered twice, nothing new is missed (${shape})`, async () => {
      const mailbox = await harness.connect();
      mailbox.receive("one", "two");
      await harness.run(mailbox);
      harness.graph.controls.resetShape = shape;
      mailbox.graph.expireSyncState();
      mailbox.receive("during the outage");
      harness.clock.advance(MINUTE_MS);
      assert.equal((await harness.run(mailbox)).kind, "fetched");
      assert.deepEqual(harness.taken().sort(), ["during the outage", "one", "two"]);
      assert.ok(harness.events.some(({ event }) => event === "resync started"));
      mailbox.receive("afterwards");
      await harness.run(mailbox);
      assert.equal(harness.taken().filter((name) => name === "afterwards").length, 1);
    });
  }

  it("nothing is delivered that is older than the ledger's memory", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("forgotten");
    await harness.run(mailbox);
    harness.clock.advance(2 * DAY_MS);
    mailbox.receive("remembered");
    await harness.run(mailbox);
    harness.clock.advance(LEDGER_MEMORY_MS - DAY_MS);
    assert.equal(await harness.ledger.purge(mailbox.id, new Date(Date.now() - LEDGER_MEMORY_MS)), 1);
    mailbox.graph.expireSyncState();
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["forgotten", "remembered"]);
  });

  it("a walk that takes several runs keeps to the ledger's memory to its end", async () => {
    const mailbox = await harness.connect();
    mailbox.receive(...Array.from({ length: 510 }, (_, index) => `mail-${index}`));
    await discoverIn(mailbox);
    await settleAll(mailbox);
    harness.clock.advance(LEDGER_MEMORY_MS + DAY_MS);
    await harness.ledger.purge(mailbox.id, new Date(Date.now() - LEDGER_MEMORY_MS));
    mailbox.graph.expireSyncState();

    const first = await discoverIn(mailbox, { deadline: new Date() });
    assert.partialDeepStrictEqual(first, { discovered: 0, pages: 1, more: true });
    // The second page of the walk, and one of the sweep that is due by now.
    assert.partialDeepStrictEqual(await discoverIn(mailbox), { discovered: 0, pages: 2, more: false });
  });

  it("a message that waits to be delivered stays, however old it is", async () => {
    const mailbox = await harness.connect();
    const [id = ""] = mailbox.receive("waiting");
    await discoverIn(mailbox);
    harness.clock.advance(LEDGER_MEMORY_MS + DAY_MS);
    mailbox.graph.expireSyncState();
    await discoverIn(mailbox);
    assert.equal((await harness.entry(mailbox, id)).state, "pending");
  });

  it("after that walk, mail with an old date counts again", async () => {
    const mailbox = await harness.connect();
    await discoverIn(mailbox);
    mailbox.graph.expireSyncState();
    await discoverIn(mailbox);
    mailbox.graph.deliver(mail("late"), { receivedAt: NOON });
    harness.clock.advance(HOUR_MS);
    assert.equal((await discoverIn(mailbox)).discovered, 1);
  });
});

describe("when Graph forgets where we were again and again", () => {
  /** Each request for changes finds that the position has just been lost; so does each start, where it is told to. */
  function loseAlways(mailbox: ConnectedMailbox): void {
    const run = () => mailbox.graph.expireSyncState();
    harness.graph.server.plan(asksForChanges, { kind: "before", run }, 1_000);
  }

  it("in the middle of the walk, too, the folder is listed, and mail comes through", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one");
    await harness.run(mailbox);
    harness.clock.advance(MINUTE_MS);
    harness.graph.controls.emptyPages = 1_000;
    loseAlways(mailbox);
    mailbox.receive("two");
    assert.equal((await harness.run(mailbox)).kind, "fetched");
    assert.deepEqual(harness.taken(), ["one", "two"]);
  });

  it("and at the start itself, mail comes through as well", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one");
    const lost = json(410, { error: { code: "resyncRequired", message: "Resync required." } });
    harness.graph.server.plan(asksForChanges, { kind: "answer", answer: lost }, 1_000);
    assert.equal((await harness.run(mailbox)).kind, "fetched");
    assert.deepEqual(harness.taken(), ["one"]);
  });

  it("changes are read again an hour after it has ceased", async () => {
    const mailbox = await harness.connect();
    await harness.run(mailbox);
    harness.clock.advance(MINUTE_MS);
    harness.graph.controls.emptyPages = 1;
    harness.graph.server.plan(asksForChanges, { kind: "before", run: () => mailbox.graph.expireSyncState() }, 3);
    await harness.run(mailbox);
    harness.clock.advance(HOUR_MS);
    mailbox.receive("one");
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["one"]);
    assert.ok(harness.events.some(({ event }) => event === "changes read again"));
  });
});

describe("when the stored position is lost", () => {
  it("the folder is walked again and nothing is delivered twice", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one", "two");
    await harness.run(mailbox);
    await harness.ledger.forgetCheckpoint(mailbox.id);
    mailbox.receive("three");
    await harness.run(mailbox);
    assert.deepEqual(harness.taken().sort(), ["one", "three", "two"]);
  });

  it("nothing is delivered that the ledger has settled and purged", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("forgotten");
    await harness.run(mailbox);
    harness.clock.advance(LEDGER_MEMORY_MS + DAY_MS);
    await harness.ledger.purge(mailbox.id, new Date(Date.now() - LEDGER_MEMORY_MS));
    await harness.ledger.forgetCheckpoint(mailbox.id);
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["forgotten"]);
  });
});

/** Settles what is pending, as if a desk had taken it. */
async function settleAll(mailbox: ConnectedMailbox): Promise<void> {
  const ledger = await harness.lease(mailbox);
  for (;;) {
    const due = await ledger.due(new Date(), 100);
    if (due.length === 0) break;
    await Promise.all(
      due.map(async (entry) => {
        const claimed = (await ledger.claim(entry, new Date())) ?? assert.fail("not claimed");
        await ledger.settle(claimed, { state: "delivered", answer: "", acknowledge: false }, new Date());
      }),
    );
  }
  await ledger.release();
}
