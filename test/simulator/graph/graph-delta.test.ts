import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { INBOX_DELTA, idsOf, useDelta } from "./graph-delta-harness.ts";
import { errorOf, HOUR_MS, IMMUTABLE, NOON } from "./graph-test-harness.ts";

/** Random moods, when a test gives some; 1 means none. */
let moods: number[] = [];
const { harness, page, round } = useDelta(() => moods.shift() ?? 1);

describe("delta", () => {
  it("gives every existing item first, then only what came since", async () => {
    const old = harness.deliver(23);
    const first = await round(INBOX_DELTA);
    assert.deepEqual(idsOf(first.items), old.toSorted());
    const [added] = harness.deliver(1);
    const second = await round(first.link);
    assert.deepEqual(idsOf(second.items), [added]);
    assert.deepEqual((await round(second.link)).items, []);
  });

  it("pages by ten unless each request says otherwise", async () => {
    harness.deliver(25);
    const first = await page(INBOX_DELTA, `${IMMUTABLE}, odata.maxpagesize=12`);
    assert.equal(first.value.length, 12);
    const second = await page(first.next ?? "");
    assert.equal(second.value.length, 10);
    assert.match(first.next ?? "", /^https:\/\/127\.0\.0\.1:\d+\/v1\.0\/users\/.*\?\$skiptoken=/);
    assert.equal((await harness.get(INBOX_DELTA)).headers.get("preference-applied"), "odata.track-changes");
  });

  it("takes $top as a cap on the whole round", async () => {
    harness.deliver(15);
    const { items, link } = await round(`${INBOX_DELTA}?$top=12`);
    assert.equal(items.length, 12);
    assert.deepEqual((await round(link)).items, []);
  });

  it("remembers $select and $filter in its links", async () => {
    harness.mailbox.deliver(Buffer.from("Subject: old"), { receivedAt: new Date("2026-11-01T00:00:00Z") });
    const first = await round(`${INBOX_DELTA}?$select=subject&$filter=receivedDateTime ge 2026-11-20T00:00:00Z`);
    assert.deepEqual(first.items, []);
    harness.mailbox.deliver(Buffer.from("Subject: old too"), { receivedAt: new Date("2026-11-02T00:00:00Z") });
    harness.mailbox.deliver(Buffer.from("Subject: new"));
    const second = await round(first.link);
    assert.deepEqual(
      second.items.map((item) => Object.keys(item).sort()),
      [["@odata.etag", "@odata.type", "id", "subject"]],
    );
    assert.equal(second.items[0]?.subject, "new");
  });

  it("gives at most 5,000 items with a filter", async () => {
    harness.deliver(5_003);
    const filtered = `${INBOX_DELTA}?$select=id&$filter=receivedDateTime ge 2026-11-20T00:00:00Z`;
    assert.equal((await round(filtered, "odata.maxpagesize=1000")).items.length, 5_000);
    assert.equal((await round(`${INBOX_DELTA}?$select=id`, "odata.maxpagesize=1000")).items.length, 5_003);
  });

  it("refuses other filters and orders", async () => {
    for (const query of ["$filter=receivedDateTime le 2026-11-20T00:00:00Z", "$orderby=subject", "$search=x"]) {
      const error = await errorOf(await harness.get(`${INBOX_DELTA}?${query}`));
      assert.partialDeepStrictEqual(error, { status: 400, code: "ErrorInvalidUrlQuery" });
    }
  });

  it("tells removals and moves out as deleted, with and without immutable ids", async () => {
    const [a = "", b = ""] = harness.deliver(2);
    const regular = harness.mailbox.messages().map(({ id }) => id);
    const immutable = await round(INBOX_DELTA);
    const plain = await round(INBOX_DELTA, "");
    harness.mailbox.move(a, "archive");
    harness.mailbox.remove(b);
    const removed = (await round(immutable.link)).items;
    assert.deepEqual(idsOf(removed), [a, b].sort());
    assert.ok(removed.every((item) => item["@removed"]?.reason === "deleted"));
    assert.deepEqual(idsOf((await round(plain.link, "")).items), regular.sort());
  });

  it("tells read toggles in part, if isRead was selected, even those that the filter leaves out", async () => {
    const { immutableId } = harness.mailbox.deliver(Buffer.from("Subject: a"), {
      receivedAt: new Date("2020-01-01T00:00:00Z"),
    });
    const filter = "$filter=receivedDateTime ge 2026-11-20T00:00:00Z";
    const withFlag = await round(`${INBOX_DELTA}?$select=subject,isRead&${filter}`);
    const withoutFlag = await round(`${INBOX_DELTA}?$select=subject`);
    const onlyCreated = await round(`${INBOX_DELTA}?changeType=created`);
    harness.mailbox.setRead(immutableId, true);
    const [toggle] = (await round(withFlag.link)).items;
    assert.deepEqual(Object.keys(toggle ?? {}).sort(), [
      "@odata.etag",
      "@odata.type",
      "id",
      "isRead",
      "parentFolderId",
    ]);
    assert.equal(toggle?.isRead, true);
    assert.deepEqual((await round(withoutFlag.link)).items, []);
    assert.deepEqual((await round(onlyCreated.link)).items, []);
  });

  it("tells what was moved in twice in one round", async () => {
    const { link } = await round(INBOX_DELTA);
    const { immutableId } = harness.mailbox.deliver(Buffer.from("Subject: a"), { folder: "archive" });
    harness.mailbox.move(immutableId, "inbox");
    assert.deepEqual(idsOf((await round(link)).items), [immutableId, immutableId]);
  });

  it("may leave out what was moved in when only created items are asked for", async () => {
    harness.graph.controls.movedInCountsAsCreated = false;
    const { link } = await round(`${INBOX_DELTA}?changeType=created`);
    const { immutableId } = harness.mailbox.deliver(Buffer.from("Subject: a"), { folder: "archive" });
    harness.mailbox.move(immutableId, "inbox");
    assert.deepEqual((await round(link)).items, []);
  });

  it("loses a message that went out and back between two polls, with immutable ids", async () => {
    const [a = ""] = harness.deliver(1);
    const immutable = await round(INBOX_DELTA);
    const plain = await round(INBOX_DELTA, "");
    harness.mailbox.move(a, "archive");
    harness.mailbox.move(a, "inbox");
    const lost = await round(immutable.link);
    assert.deepEqual(
      lost.items.map((item) => [item.id, item["@removed"]?.reason]),
      [[a, "deleted"]],
    );
    const nothing = await round(lost.link);
    assert.deepEqual(nothing.items, []);
    harness.mailbox.setRead(a, true);
    assert.deepEqual(idsOf((await round(nothing.link)).items), [a]);
    // With regular ids it comes back, as another message.
    const seen = (await round(plain.link, "")).items.filter((item) => !item["@removed"]);
    assert.ok(seen.some((item) => item.id === harness.mailbox.messages()[0]?.id));
  });

  it("tells of a message that left while the round went on", async () => {
    harness.deliver(15);
    const first = await page(INBOX_DELTA);
    const sent = idsOf(first.value);
    const left = harness.mailbox.messages().find(({ immutableId }) => !sent.includes(immutableId))?.immutableId ?? "";
    harness.mailbox.remove(left);
    const second = await page(first.next ?? "");
    assert.equal(second.value.find((item) => item.id === left)?.["@removed"]?.reason, "deleted");
  });

  it("shows late arrivals late, with their old time", async () => {
    const [a = ""] = harness.deliver(1);
    harness.mailbox.setHiddenUntil(a, new Date(NOON.getTime() + HOUR_MS));
    assert.equal((await harness.get(`/messages/${a}`)).status, 404);
    const first = await round(INBOX_DELTA);
    assert.deepEqual(first.items, []);
    harness.clock.advance(2 * HOUR_MS);
    const second = await round(first.link);
    assert.deepEqual(idsOf(second.items), [a]);
    assert.equal(second.items[0]?.receivedDateTime, "2026-11-23T12:00:00Z");
  });

  it("replays what it told already", async () => {
    const [a = ""] = harness.deliver(1);
    const { link } = await round(`${INBOX_DELTA}?changeType=created`);
    harness.mailbox.replay(a);
    assert.deepEqual(idsOf((await round(link)).items), [a]);
  });

  it("answers the same link with the same changes", async () => {
    harness.deliver(12);
    const first = await page(INBOX_DELTA);
    const [one, two] = await Promise.all([page(first.next ?? ""), page(first.next ?? "")]);
    assert.deepEqual(one.value, two.value);
    assert.notEqual(one.end, two.end);
  });

  it("may send empty pages with a nextLink", async () => {
    const all = harness.deliver(3);
    harness.graph.controls.emptyPages = 2;
    const first = await page(INBOX_DELTA);
    assert.deepEqual(first.value, []);
    assert.ok(first.next);
    assert.deepEqual(idsOf((await round(first.next)).items), all.toSorted());
  });

  it("sends empty pages of its own accord where it was given random moods", async () => {
    const all = harness.deliver(15);
    moods = [1, 0, 1];
    const first = await page(INBOX_DELTA);
    const second = await page(first.next ?? "");
    assert.deepEqual([first.value.length, second.value.length], [10, 0]);
    const third = await page(second.next ?? "");
    assert.deepEqual(idsOf([...first.value, ...third.value]), all.toSorted());
  });

  it("may send the same page for ever", async () => {
    harness.deliver(12);
    harness.graph.controls.endlessPages = "same-page";
    const first = await page(INBOX_DELTA);
    const second = await page(first.next ?? "");
    assert.deepEqual(first.value, second.value);
    assert.notEqual(first.next, second.next);
    harness.graph.controls.endlessPages = undefined;
    assert.equal((await round(second.next ?? "")).items.length, 12);
  });

  it("may go around and around over all pages, or empty ones, or through a page that leads to itself", async () => {
    harness.deliver(25);
    harness.graph.controls.endlessPages = "cycle";
    const pages = [await page(INBOX_DELTA)];
    for (let asked = 0; asked < 5; asked += 1) pages.push(await page(pages.at(-1)?.next ?? ""));
    assert.deepEqual(
      pages.slice(3).map(({ value }) => value),
      pages.slice(0, 3).map(({ value }) => value),
    );
    assert.equal(new Set(pages.map(({ next }) => next)).size, 6);

    harness.graph.controls.endlessPages = "empty";
    assert.deepEqual((await page(INBOX_DELTA)).value, []);

    harness.graph.controls.endlessPages = "own-link";
    const { next } = await page(INBOX_DELTA);
    assert.equal((await page(next ?? "")).next, next);
  });

  it("may not exist, in three ways of saying so", async () => {
    for (const status of [400, 405, 501] as const) {
      harness.graph.controls.deltaRefusal = status;
      assert.equal((await errorOf(await harness.get(INBOX_DELTA))).status, status);
    }
    assert.equal((await harness.get("/mailFolders/inbox/messages")).status, 200);
  });

  it("may never mention a message that is there", async () => {
    const [id = ""] = harness.deliver(1);
    const { link } = await round(INBOX_DELTA);
    const [overlooked = ""] = harness.deliver(1);
    harness.mailbox.overlook(overlooked);
    assert.deepEqual((await round(link)).items, []);
    assert.deepEqual(idsOf((await round(INBOX_DELTA)).items), [id, overlooked].toSorted());
  });

  it("fails in a full mailbox, where everything else works", async () => {
    harness.mailbox.setFull(true);
    assert.partialDeepStrictEqual(await errorOf(await harness.get(INBOX_DELTA)), {
      status: 403,
      code: "ErrorQuotaExceeded",
    });
    assert.equal((await harness.get("/mailFolders/inbox/messages")).status, 200);
  });

  it("has pages that are too heavy", async () => {
    harness.graph.controls.heaviestPage = 100;
    const response = await harness.get(INBOX_DELTA, { prefer: "odata.maxpagesize=500" });
    assert.equal(response.headers.get("retry-after"), null);
    assert.deepEqual(await errorOf(response), { status: 504, code: "UnknownError", message: "" });
    assert.equal((await harness.get(INBOX_DELTA, { prefer: "odata.maxpagesize=100" })).status, 200);
  });
});
