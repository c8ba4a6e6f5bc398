import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ADDRESS, HOUR_MS, MINUTE_MS, mail, OWNER, useMailHarness } from "../mail-harness.ts";

const harness = useMailHarness();

/** A mailbox whose folder Support, in the inbox, has been fetched once, with one mail. */
async function withSupport() {
  const graph = harness.graph.addMailbox({ address: ADDRESS, ownerOid: OWNER });
  graph.addFolder({ displayName: "Support", parent: "inbox" });
  const mailbox = await harness.connect({ folder: "Support" });
  mailbox.receive("one");
  assert.equal((await harness.run(mailbox)).kind, "fetched");
  harness.clock.advance(MINUTE_MS);
  return mailbox;
}

describe("a folder that is named", () => {
  it("is found in the inbox, and followed without looking for it again", async () => {
    const mailbox = await withSupport();
    assert.deepEqual(harness.taken(), ["one"]);
    harness.graph.server.requests.length = 0;
    await harness.run(mailbox);
    assert.equal(harness.graph.server.requests.length, 1);
  });

  it("is found at the top, whatever letters it has", async () => {
    const graph = harness.graph.addMailbox({ address: ADDRESS, ownerOid: OWNER });
    graph.addFolder({ displayName: "Kund*innen & Co. 100 %" });
    const mailbox = await harness.connect({ folder: "Kund*innen & Co. 100 %" });
    mailbox.receive("one");
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["one"]);
  });

  it("is found while changes are refused", async () => {
    harness.graph.controls.deltaRefusal = 405;
    await withSupport();
    assert.deepEqual(harness.taken(), ["one"]);
  });

  it("and there twice is followed in neither place: somebody must say which", async () => {
    const graph = harness.graph.addMailbox({ address: ADDRESS, ownerOid: OWNER });
    graph.addFolder({ displayName: "Support" });
    graph.addFolder({ displayName: "support", parent: "inbox" });
    const mailbox = await harness.connect({ folder: "Support" });
    assert.deepEqual(await harness.run(mailbox), { kind: "failed", code: "FOLDER_NOT_FOUND" });
    assert.match((await mailbox.stored()).lastError?.message ?? "", /more than once.* id of the folder/);
  });
});

describe("a folder that goes", () => {
  it("is told with what to do, and what was found before is delivered", async () => {
    const mailbox = await withSupport();
    mailbox.receive("two");
    harness.webhook.standIn.setDown(true);
    await harness.run(mailbox);
    harness.webhook.standIn.setDown(false);
    harness.clock.advance(MINUTE_MS);
    const [, two] = mailbox.graph.messages("Support");
    mailbox.graph.move(two?.immutableId ?? "", "archive");
    mailbox.graph.removeFolder("Support");
    assert.deepEqual(await harness.run(mailbox), { kind: "failed", code: "FOLDER_NOT_FOUND" });
    assert.deepEqual(harness.taken(), ["one", "two"]);
    const { lastError, status } = await mailbox.stored();
    assert.match(lastError?.message ?? "", /"Support" of help@example.com is not there: make it again/);
    assert.equal(status, "connected");
  });

  it("and is made again under its name is found, and nothing is doubled", async () => {
    const mailbox = await withSupport();
    const [one] = mailbox.graph.messages("Support");
    mailbox.graph.move(one?.immutableId ?? "", "archive");
    mailbox.graph.removeFolder("Support");
    await harness.run(mailbox);
    mailbox.graph.addFolder({ displayName: "Support", parent: "inbox" });
    mailbox.graph.move(one?.immutableId ?? "", "Support");
    mailbox.receive("two");
    assert.equal((await harness.run(mailbox)).kind, "fetched");
    assert.deepEqual(harness.taken(), ["one", "two"]);
    assert.equal((await mailbox.stored()).lastError, undefined);
    assert.equal(harness.events.filter(({ event }) => event === "changes refused, listing").length, 0);
  });

  it("into the bin, from where Graph still gives changes, is noticed within the hour", async () => {
    const mailbox = await withSupport();
    mailbox.graph.moveFolder("Support", "deleteditems");
    await harness.run(mailbox);
    assert.equal((await mailbox.stored()).lastError, undefined);
    harness.clock.advance(HOUR_MS);
    assert.deepEqual(await harness.run(mailbox), { kind: "failed", code: "FOLDER_NOT_FOUND" });
  });

  it("into the bin, with another in its place, is left for that one within the hour", async () => {
    const mailbox = await withSupport();
    mailbox.graph.moveFolder("Support", "deleteditems");
    const { id } = mailbox.graph.addFolder({ displayName: "Support", parent: "inbox" });
    mailbox.graph.deliver(mail("two"), { folder: id });
    harness.clock.advance(HOUR_MS);
    await harness.run(mailbox);
    mailbox.graph.deliver(mail("three"), { folder: id });
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["one", "two", "three"]);
    assert.equal(harness.events.filter(({ event }) => event === "folder replaced").length, 1);
    harness.clock.advance(HOUR_MS);
    await harness.run(mailbox);
    assert.equal(harness.events.filter(({ event }) => event === "folder replaced").length, 1);
  });

  it("and was named by its id is told, too", async () => {
    const graph = harness.graph.addMailbox({ address: ADDRESS, ownerOid: OWNER });
    const { id } = graph.addFolder({ displayName: "Support", parent: "inbox" });
    const mailbox = await harness.connect({ folder: id });
    mailbox.receive("one");
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["one"]);
    graph.removeFolder(id);
    assert.deepEqual(await harness.run(mailbox), { kind: "failed", code: "FOLDER_NOT_FOUND" });
  });
});
