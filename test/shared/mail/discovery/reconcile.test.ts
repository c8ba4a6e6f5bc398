import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LEDGER_MEMORY_MS } from "../../../../shared/mail/ledger/ledger.ts";

import { json, type SeenRequest } from "../../../simulator/stand-in.ts";
import {
  type ConnectedMailbox,
  DAY_MS,
  HOUR_MS,
  MINUTE_MS,
  mail,
  NOON,
  readsContent,
  SECOND_MS,
} from "../mail-harness.ts";
import { useDiscovery } from "./discovery-harness.ts";

const { harness, discoverIn, known } = useDiscovery();

const lists = ({ path }: SeenRequest) => path.endsWith("/messages");
const found = () => harness.events.filter(({ event }) => event === "reconciled");
const NOT_FOUND = json(404, { error: { code: "ErrorItemNotFound" } });

/** A mailbox whose first round is read, so that the next sweep is an hour away. */
async function connected(): Promise<ConnectedMailbox> {
  const mailbox = await harness.connect();
  await harness.run(mailbox);
  return mailbox;
}

describe("the hourly sweep", () => {
  it("finds a message that the changes never mention", async () => {
    const mailbox = await connected();
    const [id = ""] = mailbox.receive("overlooked");
    mailbox.graph.overlook(id);
    harness.clock.advance(HOUR_MS - SECOND_MS);
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), []);
    harness.clock.advance(SECOND_MS);
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["overlooked"]);
    assert.partialDeepStrictEqual(found(), [{ mailboxId: mailbox.id, found: 1, returned: 0 }]);
    const report = harness.events.findLast(({ event }) => event === "mailbox fetched");
    assert.partialDeepStrictEqual(report, { discovered: 1, reconciled: 1, delivered: 1 });
  });

  it("finds one that was moved out and back between two rounds, and that the ledger does not know", async () => {
    const mailbox = await connected();
    const [id = ""] = mailbox.receive("moved");
    // The page that showed it never came: its answer was lost, and Graph counts it as read.
    await harness.source().changes(undefined);
    mailbox.graph.overlook(id);
    mailbox.graph.move(id, "archive");
    mailbox.graph.move(id, "inbox");
    mailbox.graph.overlook(id);
    harness.clock.advance(HOUR_MS);
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["moved"]);
  });

  it("finds old mail that is moved in while the folder is listed", async () => {
    const mailbox = await connected();
    const { immutableId } = mailbox.graph.deliver(mail("from the junk"), { folder: "junkemail" });
    harness.clock.advance(DAY_MS);
    mailbox.receive("newer");
    mailbox.graph.setFull(true);
    await harness.run(mailbox);
    mailbox.graph.move(immutableId, "inbox");
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["newer"]);
    harness.clock.advance(HOUR_MS);
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["newer", "from the junk"]);
  });

  it("finds one that shows up late and with its old date, which the changes overlook", async () => {
    const mailbox = await connected();
    const { immutableId } = mailbox.graph.deliver(mail("late"));
    mailbox.graph.setHiddenUntil(immutableId, new Date(NOON.getTime() + 3 * HOUR_MS));
    harness.clock.advance(2 * HOUR_MS);
    await harness.run(mailbox);
    harness.clock.advance(HOUR_MS + MINUTE_MS);
    mailbox.graph.messages("inbox");
    mailbox.graph.overlook(immutableId);
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["late"]);
  });

  it("leaves young mail to the changes", async () => {
    const mailbox = await connected();
    harness.clock.advance(HOUR_MS);
    const [id = ""] = mailbox.receive("young");
    mailbox.graph.overlook(id);
    assert.equal((await discoverIn(mailbox)).reconciled, 0);
    harness.clock.advance(HOUR_MS);
    assert.equal((await discoverIn(mailbox)).reconciled, 1);
  });

  it("keeps the mailbox while Graph is slow", async () => {
    const mailbox = await connected();
    for (let second = 0; second < 200; second += 1) {
      mailbox.graph.deliver(mail(`mail-${second}`), { receivedAt: new Date(NOON.getTime() + second * SECOND_MS) });
    }
    await discoverIn(mailbox);
    harness.clock.advance(HOUR_MS);
    harness.graph.controls.heaviestPage = 62;
    let isTaken = false;
    const run = async () => {
      harness.clock.advance(80 * SECOND_MS);
      isTaken ||= (await harness.ledger.lease(mailbox.id)) !== undefined;
    };
    harness.graph.server.plan(lists, { kind: "before", run }, 6);
    await discoverIn(mailbox);
    assert.equal(isTaken, false);
  });

  it("finds nothing where nothing is amiss, delivers nothing twice, and says nothing", async () => {
    const mailbox = await connected();
    mailbox.receive("one", "two");
    await harness.run(mailbox);
    for (let hour = 0; hour < 3; hour += 1) {
      harness.clock.advance(HOUR_MS);
      await harness.run(mailbox);
    }
    assert.deepEqual(harness.taken().sort(), ["one", "two"]);
    assert.deepEqual(found(), []);
  });

  it("finds no mail from before the date that somebody asked for", async () => {
    const mailbox = await connected();
    const old = mailbox.graph.deliver(mail("old"), { receivedAt: new Date(NOON.getTime() - SECOND_MS) });
    mailbox.graph.overlook(old.immutableId);
    harness.clock.advance(HOUR_MS);
    assert.equal((await discoverIn(mailbox)).reconciled, 0);
  });

  it("finds nothing that was settled and purged, not even what is purged while it looks", async () => {
    const mailbox = await connected();
    mailbox.receive("old");
    await harness.run(mailbox);
    harness.clock.advance(DAY_MS);
    mailbox.receive("older than the memory by now");
    await harness.run(mailbox);
    harness.clock.advance(LEDGER_MEMORY_MS - HOUR_MS);
    await harness.ledger.purge(mailbox.id, new Date(Date.now() - LEDGER_MEMORY_MS));
    await harness.run(mailbox);
    harness.clock.advance(2 * HOUR_MS);
    const forget = async () => {
      assert.equal(await harness.ledger.purge(mailbox.id, new Date(Date.now() - LEDGER_MEMORY_MS)), 1);
    };
    harness.graph.server.plan(lists, { kind: "before", run: forget });
    await harness.run(mailbox);
    assert.deepEqual(await known(mailbox), []);
    assert.deepEqual(harness.taken(), ["old", "older than the memory by now"]);
  });

  it("does not list what it would leave alone: the time of which the ledger has purged all", async () => {
    const mailbox = await connected();
    mailbox.graph.deliver(mail("old"), { receivedAt: NOON });
    harness.clock.advance(5 * DAY_MS);
    mailbox.receive("less old");
    await harness.run(mailbox);
    harness.clock.advance(LEDGER_MEMORY_MS + DAY_MS);
    assert.equal(await harness.ledger.purge(mailbox.id, new Date(Date.now() - LEDGER_MEMORY_MS)), 2);
    harness.graph.server.requests.length = 0;
    await harness.run(mailbox);
    const { query } = harness.graph.server.requests.find(lists) ?? assert.fail("nothing was listed");
    assert.match(query.get("$filter") ?? "", /^receivedDateTime ge 2026-11-28T12:00:/);
  });
});

describe("a message that counts as gone", () => {
  /** Graph denies the message until it counts as gone. */
  async function losing(mailbox: ConnectedMailbox): Promise<string> {
    const [id = ""] = mailbox.receive("back");
    harness.graph.server.plan(readsContent(id), { kind: "answer", answer: NOT_FOUND }, 2);
    await harness.run(mailbox);
    harness.clock.advance(11 * MINUTE_MS);
    await harness.run(mailbox);
    assert.equal((await harness.entry(mailbox, id)).state, "gone");
    return id;
  }

  it("is delivered when it is in the folder", async () => {
    const mailbox = await connected();
    await losing(mailbox);
    harness.clock.advance(HOUR_MS);
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["back"]);
    assert.partialDeepStrictEqual(found(), [{ found: 0, returned: 1 }]);
  });

  it("stays gone where it is not", async () => {
    const mailbox = await connected();
    const id = await losing(mailbox);
    mailbox.graph.move(id, "deleteditems");
    harness.clock.advance(HOUR_MS);
    await harness.run(mailbox);
    assert.equal((await harness.entry(mailbox, id)).state, "gone");
  });

  it("ends in quarantine where Graph lists it and never gives it", async () => {
    const mailbox = await connected();
    const [id = ""] = mailbox.receive("ghost");
    harness.graph.server.plan(readsContent(id), { kind: "answer", answer: NOT_FOUND }, 1_000);
    for (let run = 0; run < 20; run += 1) {
      await harness.run(mailbox);
      harness.clock.advance(30 * MINUTE_MS);
    }
    const { state, answer } = await harness.entry(mailbox, id);
    assert.equal(state, "quarantined");
    assert.match(answer, /lists the message/);
    assert.equal((await harness.ledger.waiting(mailbox.id)).quarantined, 1);
  });
});

describe("the cost of a sweep", () => {
  const settled = 2_500;
  /** So many messages that the ledger knows, some hours old. */
  async function withHistory(): Promise<ConnectedMailbox> {
    const mailbox = await harness.connect();
    for (let index = 0; index < settled; index += 1) {
      mailbox.graph.deliver(mail(`mail-${index}`), { receivedAt: new Date(NOON.getTime() + index * SECOND_MS) });
    }
    assert.equal((await discoverIn(mailbox)).discovered, settled);
    harness.clock.advance(2 * HOUR_MS);
    return mailbox;
  }

  it("is one request to Graph for an empty folder", async () => {
    const mailbox = await connected();
    harness.clock.advance(HOUR_MS);
    harness.graph.server.requests.length = 0;
    await discoverIn(mailbox);
    assert.equal(harness.graph.server.requests.length, 2);
  });

  it("is a request to Graph and one to storage for each thousand messages", async () => {
    const mailbox = await withHistory();
    harness.graph.server.requests.length = 0;
    const before = harness.storage.requestCount;
    await discoverIn(mailbox);
    assert.equal(harness.graph.server.requests.filter(lists).length, 3);
    // The ledger's own pages, and the few writes that every run makes.
    assert.ok(
      harness.storage.requestCount - before <= 3 + 8,
      `${harness.storage.requestCount - before} requests to storage`,
    );
  });

  it("is spread over runs, which go on where the last one ended, and counts as made behind the last page", async () => {
    const mailbox = await withHistory();
    harness.graph.controls.heaviestPage = 62;
    const hidden = mailbox.graph.deliver(mail("last"), { receivedAt: new Date(NOON.getTime() + HOUR_MS) });
    mailbox.graph.overlook(hidden.immutableId);
    let runs = 0;
    let reconciled = 0;
    while (reconciled === 0) {
      harness.graph.server.requests.length = 0;
      ({ reconciled } = await discoverIn(mailbox));
      runs += 1;
      // Two answers of 504 each time, until the page is small enough.
      assert.ok(harness.graph.server.requests.filter(lists).length <= 10 + 2);
      assert.ok(runs < 10, "the sweep never came to its end");
    }
    assert.ok(runs > 3);
    harness.graph.server.requests.length = 0;
    await discoverIn(mailbox);
    assert.equal(harness.graph.server.requests.filter(lists).length, 0);
  });
});
