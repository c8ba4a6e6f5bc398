import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { discover } from "../../../../shared/mail/discovery/discover.ts";
import type { LeasedLedger } from "../../../../shared/mail/ledger/ledger.ts";
import { LEDGER_MEMORY_MS } from "../../../../shared/mail/ledger/ledger.ts";
import { json, startStandIn } from "../../../simulator/stand-in.ts";
import { asksForChanges, DAY_MS, HOUR_MS, MINUTE_MS, mail, NOON, now, SECOND_MS } from "../mail-harness.ts";
import { useDiscovery } from "./discovery-harness.ts";

/** Before every mailbox was connected. */
const LONG_AGO = new Date(NOON.getTime() - DAY_MS);

const { harness, discoverIn, known, checkpointOf, planPage } = useDiscovery();

describe("the first round", () => {
  it("leaves alone what was received before the mailbox was connected", async () => {
    const mailbox = await harness.connect();
    mailbox.graph.deliver(mail("old"), { receivedAt: new Date(NOON.getTime() - SECOND_MS) });
    const [fresh] = mailbox.receive("fresh");
    assert.partialDeepStrictEqual(await discoverIn(mailbox), { discovered: 1, pages: 1, more: false });
    assert.deepEqual(await known(mailbox), [fresh]);
  });

  it("takes what was received since the date that somebody asked for, however long ago", async () => {
    const mailbox = await harness.connect();
    const deliverFrom = new Date(NOON.getTime() - 400 * DAY_MS);
    mailbox.graph.deliver(mail("too-old"), { receivedAt: new Date(deliverFrom.getTime() - SECOND_MS) });
    const first = mailbox.graph.deliver(mail("first"), { receivedAt: deliverFrom });
    assert.equal((await discoverIn(mailbox, { deliverFrom })).discovered, 1);
    assert.deepEqual(await known(mailbox), [first.immutableId]);
  });

  it("reads every page of a folder, and asks for large ones each time", async () => {
    const mailbox = await harness.connect();
    const ids = mailbox.receive(...Array.from({ length: 600 }, (_, index) => `mail-${index}`));
    assert.partialDeepStrictEqual(await discoverIn(mailbox), { discovered: 600, pages: 2, more: false });
    assert.deepEqual(await known(mailbox), ids.sort());
  });

  it("goes on behind pages that are empty", async () => {
    const mailbox = await harness.connect();
    const ids = mailbox.receive("one", "two");
    harness.graph.controls.emptyPages = 3;
    assert.partialDeepStrictEqual(await discoverIn(mailbox), { discovered: 2, pages: 4, more: false });
    assert.deepEqual(await known(mailbox), ids.sort());
  });

  it("tells messages apart whose ids differ in their case only", async () => {
    const mailbox = await harness.connect();
    // The stand-in counts in base 64, so the 1st and the 27th differ in the case of one letter.
    const ids = mailbox.receive(...Array.from({ length: 27 }, (_, index) => `mail-${index}`));
    assert.equal(ids[0]?.toLowerCase(), ids[26]?.toLowerCase());
    assert.equal((await discoverIn(mailbox)).discovered, 27);
  });

  it("tells messages of the same second apart", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one", "two", "three");
    assert.equal((await discoverIn(mailbox)).discovered, 3);
  });
});

describe("later rounds", () => {
  it("bring what is new, once", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one");
    await discoverIn(mailbox);
    mailbox.receive("two");
    assert.equal((await discoverIn(mailbox)).discovered, 1);
    assert.partialDeepStrictEqual(await discoverIn(mailbox), { discovered: 0, pages: 1, more: false });
  });

  it("take a message that Graph repeats for known", async () => {
    const mailbox = await harness.connect();
    const [id = ""] = mailbox.receive("one");
    await discoverIn(mailbox);
    mailbox.graph.replay(id);
    assert.equal((await discoverIn(mailbox)).discovered, 0);
    assert.equal((await known(mailbox)).length, 1);
  });

  it("take a message that was moved in, which Graph reports twice, once", async () => {
    const mailbox = await harness.connect();
    await discoverIn(mailbox);
    const { immutableId } = mailbox.graph.deliver(mail("elsewhere"), { folder: "archive" });
    mailbox.graph.move(immutableId, "inbox");
    assert.equal((await discoverIn(mailbox)).discovered, 1);
    assert.deepEqual(await known(mailbox), [immutableId]);
  });

  it("take a message that shows up late, with its old date", async () => {
    const mailbox = await harness.connect();
    const { immutableId } = mailbox.graph.deliver(mail("late"));
    mailbox.graph.setHiddenUntil(immutableId, new Date(NOON.getTime() + HOUR_MS));
    harness.clock.advance(10 * MINUTE_MS);
    mailbox.receive("punctual");
    assert.equal((await discoverIn(mailbox)).discovered, 1);
    harness.clock.advance(HOUR_MS);
    assert.equal((await discoverIn(mailbox)).discovered, 1);
    assert.ok((await known(mailbox)).includes(immutableId));
  });

  it("never cancel a message because it was removed from the folder", async () => {
    const mailbox = await harness.connect();
    const [id = ""] = mailbox.receive("one");
    await discoverIn(mailbox);
    mailbox.graph.move(id, "archive");
    assert.equal((await discoverIn(mailbox)).discovered, 0);
    assert.equal((await harness.entry(mailbox, id)).state, "pending");
  });

  it("deliver nothing again that the ledger has settled and purged, when somebody files it anew", async () => {
    const mailbox = await harness.connect();
    const [id = ""] = mailbox.receive("old");
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["old"]);

    harness.clock.advance(LEDGER_MEMORY_MS + DAY_MS);
    await harness.run(mailbox);
    assert.equal(await harness.ledger.purge(mailbox.id, new Date(Date.now() - LEDGER_MEMORY_MS)), 1);
    mailbox.graph.move(id, "archive");
    await harness.run(mailbox);
    mailbox.graph.move(id, "inbox");
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["old"]);
  });

  it("deliver nothing again that the ledger has purged, when Graph merely repeats it", async () => {
    const mailbox = await harness.connect();
    const [id = ""] = mailbox.receive("old");
    await harness.run(mailbox);
    harness.clock.advance(LEDGER_MEMORY_MS + DAY_MS);
    await harness.run(mailbox);
    await harness.ledger.purge(mailbox.id, new Date(Date.now() - LEDGER_MEMORY_MS));
    mailbox.graph.replay(id);
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["old"]);
  });
});

describe("entries without a date, such as a change of the read flag alone", () => {
  const partial = (id: string) => ({ id, isRead: true });

  it("of a known message cost no request", async () => {
    const mailbox = await harness.connect();
    const [id = ""] = mailbox.receive("one");
    await discoverIn(mailbox);
    planPage([partial(id)], await checkpointOf(mailbox));
    harness.graph.server.requests.length = 0;
    assert.equal((await discoverIn(mailbox)).discovered, 0);
    assert.equal(harness.graph.server.requests.length, 1);
  });

  it("of an unknown message are asked for, so that its mail is not lost", async () => {
    const mailbox = await harness.connect();
    await discoverIn(mailbox);
    const [id = ""] = mailbox.receive("one");
    planPage([partial(id)], await checkpointOf(mailbox));
    assert.equal((await discoverIn(mailbox)).discovered, 1);
    assert.deepEqual((await harness.entry(mailbox, id)).receivedAt, NOON);
  });

  it("of hundreds of unknown messages, as when somebody marks all as read, are left to one look at the folder", async () => {
    const mailbox = await harness.connect();
    await discoverIn(mailbox);
    const old = Array.from({ length: 400 }, (_, index) =>
      mailbox.graph.deliver(mail(`old-${index}`), { receivedAt: LONG_AGO }),
    );
    const [id = ""] = mailbox.receive("missed");
    mailbox.graph.overlook(id);
    harness.clock.advance(11 * MINUTE_MS);
    const ids = [...old.map(({ immutableId }) => immutableId), id];
    planPage(ids.map(partial), await checkpointOf(mailbox));
    harness.graph.server.requests.length = 0;
    assert.equal((await discoverIn(mailbox)).discovered, 1);
    assert.deepEqual(await known(mailbox), [id]);
    assert.ok(harness.graph.server.requests.length < 10, `${harness.graph.server.requests.length} requests`);
  });

  it("of some unknown messages do not cost the mailbox where Graph is slow", async () => {
    const mailbox = await harness.connect();
    await discoverIn(mailbox);
    const ids = mailbox.receive(...Array.from({ length: 20 }, (_, index) => `mail-${index}`));
    planPage(ids.map(partial), await checkpointOf(mailbox));
    let isTaken = false;
    const run = async () => {
      harness.clock.advance(20 * SECOND_MS);
      isTaken ||= (await harness.ledger.lease(mailbox.id)) !== undefined;
    };
    harness.graph.server.plan(
      ({ query }) => query.get("$select")?.includes("createdDateTime") ?? false,
      { kind: "before", run },
      20,
    );
    assert.equal((await discoverIn(mailbox)).discovered, 20);
    assert.equal(isTaken, false);
  });

  it("of an old message bring nothing", async () => {
    const mailbox = await harness.connect();
    const old = mailbox.graph.deliver(mail("old"), { receivedAt: new Date(NOON.getTime() - DAY_MS) });
    await discoverIn(mailbox);
    planPage([partial(old.immutableId)], await checkpointOf(mailbox));
    assert.equal((await discoverIn(mailbox)).discovered, 0);
  });

  it("of a message that is gone bring nothing and stop nothing", async () => {
    const mailbox = await harness.connect();
    const [id = ""] = mailbox.receive("gone");
    await discoverIn(mailbox, { deliverFrom: new Date(NOON.getTime() + DAY_MS) });
    mailbox.graph.remove(id);
    planPage([partial(id)], await checkpointOf(mailbox));
    assert.equal((await discoverIn(mailbox)).discovered, 0);
  });

  it("of a message that Graph cannot open do not keep the others from being found", async () => {
    const mailbox = await harness.connect();
    await discoverIn(mailbox);
    const [broken = "", fine = ""] = mailbox.receive("broken", "fine");
    const link = await checkpointOf(mailbox);
    const page = [partial(broken), { id: fine, receivedDateTime: NOON.toISOString() }];
    for (let times = 0; times < 2; times += 1) planPage(page, link);
    harness.graph.server.plan(
      ({ path, method }) => method === "GET" && path.endsWith(encodeURIComponent(broken)),
      { kind: "answer", answer: json(500, { error: { code: "ErrorItemCorrupt", message: "The item is corrupt." } }) },
      100,
    );
    await discoverIn(mailbox).catch(() => undefined);
    assert.ok((await known(mailbox)).includes(fine));
  });
});

describe("more pages than one run can read", () => {
  it("stop at the deadline, and the next run goes on from there", async () => {
    const mailbox = await harness.connect();
    for (let old = 0; old < 6_000; old += 1) mailbox.graph.deliver(mail("old"), { receivedAt: LONG_AGO });
    const [id] = mailbox.receive("one");
    harness.graph.server.plan(asksForChanges, { kind: "before", run: () => harness.clock.advance(MINUTE_MS) }, 10);
    const { more, pages } = await discoverIn(mailbox);
    assert.equal(more, true);
    assert.equal(pages, 10);
    const link = await checkpointOf(mailbox);

    harness.graph.server.requests.length = 0;
    assert.equal((await discoverIn(mailbox)).more, false);
    assert.deepEqual(await known(mailbox), [id]);
    const { path, query } = harness.graph.server.requests[0] ?? assert.fail("nothing was asked");
    assert.equal(link, `${harness.graph.origin}${path}?$skiptoken=${query.get("$skiptoken")}`);
  });
});

describe("the checkpoint", () => {
  it("never moves past messages that are not in the ledger", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one", "two");
    const ledger = await harness.lease(mailbox);
    const failing: LeasedLedger = {
      ...ledger,
      get checkpoint() {
        return ledger.checkpoint;
      },
      record: async () => {
        throw new Error("the table is not reached");
      },
    };
    const deadline = new Date(Date.now() + MINUTE_MS);
    const common = {
      mailboxId: mailbox.id,
      source: harness.source(),
      deliverFrom: NOON,
      deadline,
      now,
      log: harness.log,
    };
    await assert.rejects(discover({ ...common, ledger: failing }), /the table is not reached/);
    assert.equal(ledger.checkpoint.link, undefined);
    await ledger.release();
    assert.equal((await discoverIn(mailbox)).discovered, 2);
  });

  it("stays behind a page whose undated entry could not be asked for", async () => {
    const mailbox = await harness.connect();
    await discoverIn(mailbox);
    const [id = ""] = mailbox.receive("one");
    const before = await checkpointOf(mailbox);
    planPage([{ id, isRead: true }], before);
    harness.graph.server.plan(({ path }) => path.endsWith(encodeURIComponent(id)), { kind: "cut-before" });
    await assert.rejects(discoverIn(mailbox), { code: "GRAPH_UNAVAILABLE" });
    assert.equal(await checkpointOf(mailbox), before);
    assert.equal((await discoverIn(mailbox)).discovered, 1);
  });

  it("is not followed to another host: no token leaves, and the folder is walked again", async () => {
    const stranger = await startStandIn({ name: "Stranger", port: 0, handle: () => json(200, { value: [] }) });
    try {
      const mailbox = await harness.connect();
      mailbox.receive("one");
      const ledger = await harness.lease(mailbox);
      const path = "/v1.0/users/help%40example.com/mailFolders/inbox/messages/delta?$deltatoken=x";
      await ledger.record([], { link: `${stranger.origin}${path}` });
      await ledger.release();
      assert.equal((await discoverIn(mailbox)).discovered, 1);
      assert.deepEqual(stranger.requests, []);
    } finally {
      await stranger.stop();
    }
  });

  it("is not moved by an answer that is no page of changes", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one");
    const answers = [json(200, {}), json(200, { value: [] }), json(200, { value: [{}], "@odata.deltaLink": "x" })];
    for (const answer of [...answers, { status: 200, body: "<html>" }]) {
      harness.graph.server.plan(asksForChanges, { kind: "answer", answer });
      await assert.rejects(discoverIn(mailbox), { code: "GRAPH_UNAVAILABLE" });
    }
    assert.equal((await discoverIn(mailbox)).discovered, 1);
  });
});
