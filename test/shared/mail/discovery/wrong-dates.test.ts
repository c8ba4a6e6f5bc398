import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LEDGER_MEMORY_MS } from "../../../../shared/mail/ledger/ledger.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, mail, NOON } from "../mail-harness.ts";
import { useDiscovery } from "./discovery-harness.ts";

const { harness, discoverIn, known, checkpointOf, planPage } = useDiscovery();

/** As of a sender, an importer or a restored archive whose clock was wrong. */
const FAR_FUTURE = new Date("2099-01-01T00:00:00.000Z");

const purgeLedger = (mailboxId: string) => harness.ledger.purge(mailboxId, new Date(Date.now() - LEDGER_MEMORY_MS));

describe("a mail with a date of the future", () => {
  it("is delivered at once", async () => {
    const mailbox = await harness.connect();
    mailbox.graph.deliver(mail("future"), { receivedAt: FAR_FUTURE });
    mailbox.graph.deliver(mail("by a clock ahead of ours"), { receivedAt: new Date(NOON.getTime() + MINUTE_MS) });
    await harness.run(mailbox);
    assert.deepEqual(harness.taken().sort(), ["by a clock ahead of ours", "future"]);
  });

  it("that the changes overlook is found by the sweep", async () => {
    const mailbox = await harness.connect();
    await harness.run(mailbox);
    const { immutableId } = mailbox.graph.deliver(mail("future"), { receivedAt: FAR_FUTURE });
    mailbox.graph.overlook(immutableId);
    harness.clock.advance(HOUR_MS);
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["future"]);
  });

  it("is not purged, and with it everything that comes until then", async () => {
    const mailbox = await harness.connect();
    mailbox.graph.deliver(mail("future"), { receivedAt: FAR_FUTURE });
    mailbox.receive("usual");
    await harness.run(mailbox);
    harness.clock.advance(LEDGER_MEMORY_MS + DAY_MS);
    assert.equal(await purgeLedger(mailbox.id), 1);
    mailbox.receive("months later");
    mailbox.graph.expireSyncState();
    await harness.run(mailbox);
    assert.deepEqual(harness.taken().sort(), ["future", "months later", "usual"]);
  });

  it("at the end of the last page that a run can list hides nothing from the next run", async () => {
    harness.graph.controls.deltaRefusal = 405;
    harness.graph.controls.heaviestPage = 62;
    const mailbox = await harness.connect();
    mailbox.receive(...Array.from({ length: 61 }, (_, index) => `mail-${index}`));
    mailbox.graph.deliver(mail("future"), { receivedAt: FAR_FUTURE });
    harness.clock.advance(MINUTE_MS);
    assert.partialDeepStrictEqual(await discoverIn(mailbox, { deadline: new Date() }), { discovered: 62, more: true });
    const [id = ""] = mailbox.receive("today");
    harness.clock.advance(MINUTE_MS);
    await discoverIn(mailbox);
    assert.ok((await known(mailbox)).includes(id));
  });
});

describe("a mail without a date", () => {
  for (const receivedDateTime of [null, "0001-01-01T00:00:00Z"]) {
    it(`(${receivedDateTime}) counts as received when it was put there`, async () => {
      const mailbox = await harness.connect();
      await discoverIn(mailbox);
      const [id = ""] = mailbox.receive("dateless");
      planPage([{ id, receivedDateTime }], await checkpointOf(mailbox));
      harness.graph.server.plan(({ path, query }) => path.endsWith(encodeURIComponent(id)) && query.has("$select"), {
        kind: "answer",
        answer: { status: 200, body: JSON.stringify({ id, receivedDateTime, createdDateTime: NOON.toISOString() }) },
      });
      assert.equal((await discoverIn(mailbox)).discovered, 1);
      assert.deepEqual((await harness.entry(mailbox, id)).receivedAt, NOON);
    });
  }
});
