import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LEDGER_MEMORY_MS } from "../../../../shared/mail/ledger/ledger.ts";

import type { ResetShape } from "../../../simulator/graph/graph-controls.ts";
import { json } from "../../../simulator/stand-in.ts";
import { asksForChanges, type ConnectedMailbox, DAY_MS, HOUR_MS, MINUTE_MS, mail, NOON } from "../mail-harness.ts";
import { useDiscovery } from "./discovery-harness.ts";

const { bed, discoverIn } = useDiscovery();

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
      const mailbox = await bed.connect();
      mailbox.receive("one", "two");
      await bed.run(mailbox);
      bed.graph.controls.resetShape = shape;
      mailbox.graph.expireSyncState();
      mailbox.receive("during the outage");
      bed.clock.advance(MINUTE_MS);
      assert.equal((await bed.run(mailbox)).kind, "fetched");
      assert.deepEqual(bed.taken().sort(), ["during the outage", "one", "two"]);
      assert.ok(bed.events.some(({ event }) => event === "resync started"));
      mailbox.receive("afterwards");
      await bed.run(mailbox);
      assert.equal(bed.taken().filter((name) => name === "afterwards").length, 1);
    });
  }

  it("nothing is delivered that is older than the ledger's memory", async () => {
    const mailbox = await bed.connect();
    mailbox.receive("forgotten");
    await bed.run(mailbox);
    bed.clock.advance(2 * DAY_MS);
    mailbox.receive("remembered");
    await bed.run(mailbox);
    bed.clock.advance(LEDGER_MEMORY_MS - DAY_MS);
    assert.equal(await bed.ledger.purge(mailbox.id, new Date(Date.now() - LEDGER_MEMORY_MS)), 1);
    mailbox.graph.expireSyncState();
    await bed.run(mailbox);
    assert.deepEqual(bed.taken(), ["forgotten", "remembered"]);
  });

  it("a walk that takes several runs keeps to the ledger's memory to its end", async () => {
    const mailbox = await bed.connect();
    mailbox.receive(...Array.from({ length: 510 }, (_, index) => `mail-${index}`));
    await discoverIn(mailbox);
    await settleAll(mailbox);
    bed.clock.advance(LEDGER_MEMORY_MS + DAY_MS);
    await bed.ledger.purge(mailbox.id, new Date(Date.now() - LEDGER_MEMORY_MS));
    mailbox.graph.expireSyncState();

    const first = await discoverIn(mailbox, { deadline: new Date() });
    assert.partialDeepStrictEqual(first, { discovered: 0, pages: 1, more: true });
    // The second page of the walk, and one of the sweep that is due by now.
    assert.partialDeepStrictEqual(await discoverIn(mailbox), { discovered: 0, pages: 2, more: false });
  });

  it("a message that waits to be delivered stays, however old it is", async () => {
    const mailbox = await bed.connect();
    const [id = ""] = mailbox.receive("waiting");
    await discoverIn(mailbox);
    bed.clock.advance(LEDGER_MEMORY_MS + DAY_MS);
    mailbox.graph.expireSyncState();
    await discoverIn(mailbox);
    assert.equal((await bed.entry(mailbox, id)).state, "pending");
  });

  it("after that walk, mail with an old date counts again", async () => {
    const mailbox = await bed.connect();
    await discoverIn(mailbox);
    mailbox.graph.expireSyncState();
    await discoverIn(mailbox);
    mailbox.graph.deliver(mail("late"), { receivedAt: NOON });
    bed.clock.advance(HOUR_MS);
    assert.equal((await discoverIn(mailbox)).discovered, 1);
  });
});

describe("when Graph forgets where we were again and again", () => {
  /** Each request for changes finds that the position has just been lost; so does each start, where it is told to. */
  function loseAlways(mailbox: ConnectedMailbox): void {
    const run = () => mailbox.graph.expireSyncState();
    bed.graph.server.plan(asksForChanges, { kind: "before", run }, 1_000);
  }

  it("in the middle of the walk, too, the folder is listed, and mail comes through", async () => {
    const mailbox = await bed.connect();
    mailbox.receive("one");
    await bed.run(mailbox);
    bed.clock.advance(MINUTE_MS);
    bed.graph.controls.emptyPages = 1_000;
    loseAlways(mailbox);
    mailbox.receive("two");
    assert.equal((await bed.run(mailbox)).kind, "fetched");
    assert.deepEqual(bed.taken(), ["one", "two"]);
  });

  it("and at the start itself, mail comes through as well", async () => {
    const mailbox = await bed.connect();
    mailbox.receive("one");
    const lost = json(410, { error: { code: "resyncRequired", message: "Resync required." } });
    bed.graph.server.plan(asksForChanges, { kind: "answer", answer: lost }, 1_000);
    assert.equal((await bed.run(mailbox)).kind, "fetched");
    assert.deepEqual(bed.taken(), ["one"]);
  });

  it("changes are read again an hour after it has ceased", async () => {
    const mailbox = await bed.connect();
    await bed.run(mailbox);
    bed.clock.advance(MINUTE_MS);
    bed.graph.controls.emptyPages = 1;
    bed.graph.server.plan(asksForChanges, { kind: "before", run: () => mailbox.graph.expireSyncState() }, 3);
    await bed.run(mailbox);
    bed.clock.advance(HOUR_MS);
    mailbox.receive("one");
    await bed.run(mailbox);
    assert.deepEqual(bed.taken(), ["one"]);
    assert.ok(bed.events.some(({ event }) => event === "changes read again"));
  });
});

describe("when the stored position is lost", () => {
  it("the folder is walked again and nothing is delivered twice", async () => {
    const mailbox = await bed.connect();
    mailbox.receive("one", "two");
    await bed.run(mailbox);
    await bed.ledger.forgetCheckpoint(mailbox.id);
    mailbox.receive("three");
    await bed.run(mailbox);
    assert.deepEqual(bed.taken().sort(), ["one", "three", "two"]);
  });

  it("nothing is delivered that the ledger has settled and forgotten", async () => {
    const mailbox = await bed.connect();
    mailbox.receive("forgotten");
    await bed.run(mailbox);
    bed.clock.advance(LEDGER_MEMORY_MS + DAY_MS);
    await bed.ledger.purge(mailbox.id, new Date(Date.now() - LEDGER_MEMORY_MS));
    await bed.ledger.forgetCheckpoint(mailbox.id);
    await bed.run(mailbox);
    assert.deepEqual(bed.taken(), ["forgotten"]);
  });
});

/** Settles what is pending, as if a desk had taken it. */
async function settleAll(mailbox: ConnectedMailbox): Promise<void> {
  const ledger = await bed.lease(mailbox);
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
