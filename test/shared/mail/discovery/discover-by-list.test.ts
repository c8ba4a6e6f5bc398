import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { EndlessPages } from "../../../simulator/graph/graph-controls.ts";
import { json, type SeenRequest } from "../../../simulator/stand-in.ts";
import { asksForChanges, HOUR_MS, MINUTE_MS, mail, NOON, SECOND_MS } from "../mail-harness.ts";
import { useDiscovery } from "./discovery-harness.ts";

const { harness, discoverIn, known, checkpointOf } = useDiscovery();

/** Before every mailbox was connected. */
const LONG_AGO = new Date(NOON.getTime() - HOUR_MS);
const lists = ({ path }: SeenRequest) => path.endsWith("/messages");
const times = (event: string) => harness.events.filter((line) => line.event === event).length;
const names = (count: number, prefix = "mail") => Array.from({ length: count }, (_, index) => `${prefix}-${index}`);

describe("where Graph refuses changes", () => {
  for (const status of [400, 405, 501] as const) {
    it(`because it has none (${status}), mail comes through by listing, and nothing is complained of`, async () => {
      harness.graph.controls.deltaRefusal = status;
      const mailbox = await harness.connect();
      mailbox.graph.deliver(mail("old"), { receivedAt: new Date(NOON.getTime() - SECOND_MS) });
      mailbox.receive("one", "two");
      assert.deepEqual(await harness.run(mailbox), { kind: "fetched", more: false, delivered: 2 });
      mailbox.receive("three");
      await harness.run(mailbox);
      assert.deepEqual(harness.taken().sort(), ["one", "three", "two"]);
      assert.equal((await mailbox.stored()).lastError, undefined);
      assert.equal(times("changes refused, listing"), 1);
    });
  }

  it("because the mailbox is full, mail comes through, and the mailbox says what will become of it", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("before");
    await harness.run(mailbox);
    mailbox.graph.setFull(true);
    harness.clock.advance(MINUTE_MS);
    mailbox.receive("while full");
    assert.equal((await harness.run(mailbox)).kind, "fetched");
    assert.deepEqual(harness.taken().sort(), ["before", "while full"]);
    const { lastError, lastSuccessAt, lastFetchAt } = await mailbox.stored();
    assert.equal(lastError?.code, "MAILBOX_FULL");
    assert.deepEqual(lastSuccessAt, lastFetchAt);
  });

  it("or names a place that is too long to be stored, mail comes through by listing", async () => {
    const mailbox = await harness.connect();
    await harness.run(mailbox);
    const link = `${harness.graph.origin}/v1.0/users/help%40example.com/messages/delta?$deltatoken=${"x".repeat(33_000)}`;
    const page = json(200, { value: [], "@odata.deltaLink": link });
    harness.graph.server.plan(({ path }) => path.endsWith("/delta"), { kind: "answer", answer: page }, 100);
    mailbox.receive("one");
    assert.equal((await harness.run(mailbox)).kind, "fetched");
    assert.deepEqual(harness.taken(), ["one"]);
  });

  it("to a delegate, for a folder that opens, mail comes through by listing", async () => {
    const mailbox = await harness.connect();
    const answer = json(404, { error: { code: "ErrorItemNotFound" } });
    harness.graph.server.plan(asksForChanges, { kind: "answer", answer }, 10);
    mailbox.receive("one");
    assert.equal((await harness.run(mailbox)).kind, "fetched");
    assert.deepEqual(harness.taken(), ["one"]);
  });

  it("changes are asked for once an hour, and taken up again without a loss or a double", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one");
    await harness.run(mailbox);
    mailbox.graph.setFull(true);
    for (let run = 0; run < 55; run += 5) {
      mailbox.receive(`full-${run}`);
      await harness.run(mailbox);
      harness.clock.advance(5 * MINUTE_MS);
    }
    assert.equal(harness.graph.server.requests.filter(asksForChanges).length, 2);
    // Listing cannot know of it: it was received before the mark.
    const old = mailbox.graph.deliver(mail("moved in"), { folder: "archive", receivedAt: NOON });
    mailbox.graph.move(old.immutableId, "inbox");
    mailbox.graph.setFull(false);
    harness.clock.advance(10 * MINUTE_MS);
    mailbox.receive("last");
    await harness.run(mailbox);
    assert.equal(times("changes read again"), 1);
    assert.equal((await mailbox.stored()).lastError, undefined);
    assert.deepEqual(
      harness.taken().sort(),
      ["one", ...names(11, "full").map((_, at) => `full-${at * 5}`), "moved in", "last"].sort(),
    );

    harness.graph.server.requests.length = 0;
    await harness.run(mailbox);
    assert.equal(harness.graph.server.requests.filter(lists).length, 0);
  });

  it("and refuses them still, the folder goes on being listed, and the log is not filled", async () => {
    harness.graph.controls.deltaRefusal = 405;
    const mailbox = await harness.connect();
    for (let hour = 0; hour < 5; hour += 1) {
      mailbox.receive(`mail-${hour}`);
      await harness.run(mailbox);
      harness.clock.advance(5 * MINUTE_MS);
      await harness.run(mailbox);
      harness.clock.advance(HOUR_MS);
    }
    assert.deepEqual(harness.taken(), names(5));
    assert.equal(harness.graph.server.requests.filter(asksForChanges).length, 5);
    assert.equal(times("changes refused, listing"), 1);
  });

  it("what came since the last whole round is listed, however long the refusal went unnoticed", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one");
    await harness.run(mailbox);
    harness.clock.advance(HOUR_MS / 2);
    mailbox.receive("two");
    harness.clock.advance(10 * HOUR_MS);
    mailbox.graph.setFull(true);
    assert.partialDeepStrictEqual(await discoverIn(mailbox), { discovered: 1, reconciled: 0 });
  });
});

describe("the first time that a folder is listed", () => {
  it("includes what came while the last round of changes was read", async () => {
    const mailbox = await harness.connect();
    for (const name of names(510)) mailbox.graph.deliver(mail(name), { receivedAt: LONG_AGO });
    assert.equal((await discoverIn(mailbox, { deadline: new Date() })).more, true);
    harness.clock.advance(MINUTE_MS);
    const [id = ""] = mailbox.receive("meanwhile");
    harness.clock.advance(HOUR_MS);
    assert.equal((await discoverIn(mailbox)).discovered, 0);
    mailbox.graph.setFull(true);
    await discoverIn(mailbox);
    assert.deepEqual(await known(mailbox), [id]);
  });

  it("includes what came shortly before, by a clock that is behind ours", async () => {
    const mailbox = await harness.connect({ deliverFrom: LONG_AGO });
    await harness.run(mailbox);
    mailbox.graph.deliver(mail("one"), { receivedAt: new Date(NOON.getTime() - MINUTE_MS) });
    mailbox.graph.setFull(true);
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["one"]);
  });
});

describe("listing", () => {
  it("asks for immutable ids, in the order that Graph can filter by, and for nothing else", async () => {
    harness.graph.controls.deltaRefusal = 405;
    await discoverIn(await harness.connect());
    const { query, headers, path } = harness.graph.server.requests.find(lists) ?? assert.fail("nothing was listed");
    assert.equal(path, "/v1.0/users/help%40example.com/mailFolders/inbox/messages");
    assert.equal(headers.prefer, 'IdType="ImmutableId"');
    assert.deepEqual(Object.fromEntries(query), {
      $filter: "receivedDateTime ge 2026-11-23T12:00:00Z",
      $orderby: "receivedDateTime",
      $select: "receivedDateTime,sentDateTime,internetMessageId,subject,from",
      $top: "999",
    });
  });

  it("finds a message that becomes visible after one that came later", async () => {
    harness.graph.controls.deltaRefusal = 405;
    const mailbox = await harness.connect();
    const { immutableId } = mailbox.graph.deliver(mail("large"));
    mailbox.graph.setHiddenUntil(immutableId, new Date(NOON.getTime() + 10 * MINUTE_MS));
    harness.clock.advance(5 * MINUTE_MS);
    mailbox.receive("small");
    assert.equal((await discoverIn(mailbox)).discovered, 1);
    harness.clock.advance(5 * MINUTE_MS);
    assert.equal((await discoverIn(mailbox)).discovered, 1);
    assert.ok((await known(mailbox)).includes(immutableId));
  });

  for (const lost of [0, 2]) {
    it(`misses nothing when messages leave between two pages (${lost} links of Graph lost)`, async () => {
      harness.graph.controls.deltaRefusal = 405;
      harness.graph.controls.heaviestPage = 62;
      const mailbox = await harness.connect();
      const ids = names(200).map((name, index) => {
        const receivedAt = new Date(NOON.getTime() + index * SECOND_MS);
        return mailbox.graph.deliver(mail(name), { receivedAt }).immutableId;
      });
      harness.clock.advance(HOUR_MS);
      harness.graph.controls.lostNextLinks = lost;
      let requests = 0;
      const leave = () => {
        requests += 1;
        // Two are too heavy; what the third listed leaves, as it does when it is moved after its delivery.
        if (requests === 4) for (const id of ids.slice(0, 30)) mailbox.graph.move(id, "archive");
      };
      harness.graph.server.plan(lists, { kind: "before", run: leave }, 100);
      assert.equal((await discoverIn(mailbox)).discovered, 200);
    });
  }

  it("comes through a second with more messages than a page holds", async () => {
    harness.graph.controls.deltaRefusal = 405;
    harness.graph.controls.heaviestPage = 100;
    const mailbox = await harness.connect();
    mailbox.receive(...names(150));
    harness.clock.advance(MINUTE_MS);
    mailbox.receive("afterwards");
    assert.equal((await discoverIn(mailbox)).discovered, 151);
  });

  for (const lost of [1, 2, 1_000]) {
    it(`misses nothing of such a second, and does not get stuck, where ${lost} links are lost`, async () => {
      harness.graph.controls.deltaRefusal = 405;
      harness.graph.controls.heaviestPage = 62;
      const mailbox = await harness.connect();
      mailbox.receive(...names(250));
      harness.clock.advance(MINUTE_MS);
      mailbox.receive("afterwards");
      harness.graph.controls.lostNextLinks = lost;
      await discoverIn(mailbox, { deadline: new Date(Date.now() + 10 * SECOND_MS) });
      assert.equal((await known(mailbox)).length, 251);
    });

    it(`misses nothing of such a second when messages leave it between two pages (${lost} links are lost)`, async () => {
      harness.graph.controls.deltaRefusal = 405;
      harness.graph.controls.heaviestPage = 62;
      const mailbox = await harness.connect();
      const ids = mailbox.receive(...names(250));
      harness.clock.advance(MINUTE_MS);
      mailbox.receive("afterwards");
      harness.graph.controls.lostNextLinks = lost - 1;
      let requests = 0;
      const leave = () => {
        requests += 1;
        if (requests === 4) for (const id of ids.slice(0, 30)) mailbox.graph.move(id, "archive");
      };
      harness.graph.server.plan(lists, { kind: "before", run: leave }, 100);
      await discoverIn(mailbox, { deadline: new Date(Date.now() + 10 * SECOND_MS) });
      assert.equal((await known(mailbox)).length, 251);
    });
  }

  it("leaves such a second behind where Graph knows no places either", async () => {
    harness.graph.controls.deltaRefusal = 405;
    harness.graph.controls.heaviestPage = 100;
    const mailbox = await harness.connect();
    mailbox.receive(...names(150));
    harness.clock.advance(MINUTE_MS);
    const [id = ""] = mailbox.receive("afterwards");
    harness.graph.controls.lostNextLinks = 1_000;
    harness.graph.controls.ignoresSkip = true;
    await discoverIn(mailbox, { deadline: new Date(Date.now() + 10 * SECOND_MS) });
    assert.ok((await known(mailbox)).includes(id));
  });

  it("asks for smaller pages where they are too heavy", async () => {
    harness.graph.controls.deltaRefusal = 405;
    harness.graph.controls.heaviestPage = 62;
    const mailbox = await harness.connect();
    mailbox.receive("one");
    assert.equal((await discoverIn(mailbox)).discovered, 1);
  });

  it("stops at the deadline, with each page in the ledger before the mark moves, and goes on from there", async () => {
    harness.graph.controls.deltaRefusal = 405;
    harness.graph.controls.heaviestPage = 100;
    const mailbox = await harness.connect();
    for (const [index, name] of names(200).entries()) {
      mailbox.graph.deliver(mail(name), { receivedAt: new Date(NOON.getTime() + index * SECOND_MS) });
    }
    harness.clock.advance(HOUR_MS);
    const first = await discoverIn(mailbox, { deadline: new Date() });
    assert.partialDeepStrictEqual(first, { discovered: 62, more: true });
    assert.equal((await known(mailbox)).length, 62);
    harness.graph.server.plan(
      lists,
      { kind: "answer", answer: json(403, { error: { code: "ErrorAccessDenied" } }) },
      1,
    );
    await assert.rejects(discoverIn(mailbox), { code: "GRAPH_REFUSED" });
    assert.partialDeepStrictEqual(await discoverIn(mailbox), { discovered: 138, more: false });
  });

  it("comes to an end, however few pages a run can read and however much came within a short time", async () => {
    harness.graph.controls.deltaRefusal = 405;
    harness.graph.controls.heaviestPage = 62;
    const mailbox = await harness.connect();
    for (const [index, name] of names(200).entries()) {
      mailbox.graph.deliver(mail(name), { receivedAt: new Date(NOON.getTime() + index * SECOND_MS) });
    }
    for (let run = 0; run < 5; run += 1) await discoverIn(mailbox, { deadline: new Date() });
    assert.equal((await known(mailbox)).length, 200);
  });

  it("takes no answer without its list for an empty folder", async () => {
    harness.graph.controls.deltaRefusal = 405;
    const mailbox = await harness.connect();
    mailbox.receive("one");
    for (const body of [{}, { value: [{ id: "a" }] }, { value: [{ receivedDateTime: NOON.toISOString() }] }]) {
      harness.graph.server.plan(lists, { kind: "answer", answer: json(200, body) });
      await assert.rejects(discoverIn(mailbox), { code: "GRAPH_UNAVAILABLE" });
    }
    assert.equal((await discoverIn(mailbox)).discovered, 1);
  });

  it("looks back from today, where a message has a date of the future", async () => {
    harness.graph.controls.deltaRefusal = 405;
    const mailbox = await harness.connect();
    mailbox.graph.deliver(mail("future"), { receivedAt: new Date(NOON.getTime() + 24 * HOUR_MS) });
    await discoverIn(mailbox);
    harness.clock.advance(MINUTE_MS);
    mailbox.receive("today");
    assert.equal((await discoverIn(mailbox)).discovered, 1);
  });
});

describe("changes without an end", () => {
  for (const shape of ["same-page", "cycle", "empty", "own-link"] as const satisfies EndlessPages[]) {
    it(`are noticed over several runs, and the mail comes through (${shape})`, async () => {
      const mailbox = await harness.connect();
      // Enough for a cycle of three pages.
      for (const name of names(1_200))
        mailbox.graph.deliver(mail(name), { receivedAt: new Date(NOON.getTime() - HOUR_MS) });
      mailbox.receive("one");
      harness.graph.controls.endlessPages = shape;
      // Five pages a run, half the time of which is for discovery.
      harness.graph.server.plan(
        asksForChanges,
        { kind: "before", run: () => harness.clock.advance(5 * SECOND_MS) },
        10_000,
      );
      let runs = 0;
      while (times("changes refused, listing") === 0) {
        await harness.run(mailbox, { budgetMs: shape === "empty" ? 10 * MINUTE_MS : 50 * SECOND_MS });
        runs += 1;
        assert.ok(runs < 20, "the cycle was not noticed");
      }
      assert.equal(runs > 1, shape !== "own-link");
      mailbox.receive("two");
      await harness.run(mailbox);
      assert.deepEqual(harness.taken().sort(), ["one", "two"]);
      assert.equal((await mailbox.stored()).lastError, undefined);
      assert.equal(await checkpointOf(mailbox), "");
    });
  }

  it("are told on the mailbox where they last, until they end", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one");
    harness.graph.controls.endlessPages = "same-page";
    await harness.run(mailbox);
    harness.clock.advance(HOUR_MS);
    await harness.run(mailbox);
    const { lastError } = await mailbox.stored();
    assert.equal(lastError?.code, "CHANGES_WITHOUT_END");
    assert.match(lastError?.message ?? "", /since 2026-11-23T12:00/);
    harness.graph.controls.endlessPages = undefined;
    harness.clock.advance(HOUR_MS);
    mailbox.receive("two");
    await harness.run(mailbox);
    assert.equal((await mailbox.stored()).lastError, undefined);
    assert.equal(times("changes read again"), 1);
    assert.deepEqual(harness.taken(), ["one", "two"]);
  });

  it("are not taken for such where a round holds some empty pages", async () => {
    const mailbox = await harness.connect();
    harness.graph.controls.emptyPages = 100;
    mailbox.receive("one");
    assert.partialDeepStrictEqual(await discoverIn(mailbox), { discovered: 1, pages: 101 });
    assert.equal(times("changes refused, listing"), 0);
  });
});
