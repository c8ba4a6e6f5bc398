import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ActivityEvent, ticketRanges } from "../../../shared/activity/activity.ts";
import { createActivity } from "../../../shared/activity/activity-table.ts";
import { inWords } from "../../../shared/activity/activity-words.ts";
import type { Tables } from "../../../shared/platform/tables-azure.ts";
import { ACCEPTED, at, deskThat, FAULT_OF_DESK } from "../mail/fake-desk.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, NOON, now, useMailHarness } from "../mail/mail-harness.ts";

const harness = useMailHarness();

async function told(mailboxId: string): Promise<string[]> {
  return (await harness.activity.list(mailboxId, 100)).map(inWords).reverse();
}

describe("what is told of a mailbox", () => {
  it("names the mails of a run and their tickets, and nothing of a run without any", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one", "two", "three");
    let ticket = 811;
    const desk = deskThat(() => {
      ticket += 1;
      return { ...ACCEPTED, reference: `${ticket}` };
    });
    await harness.run(mailbox, at(desk));
    await harness.run(mailbox, at(desk));
    assert.deepEqual(await told(mailbox.id), ["3 mails delivered as tickets 812–814"]);
    const [noted] = await harness.activity.list(mailbox.id, 1);
    assert.ok(noted && Math.abs(noted.at.getTime() - NOON.getTime()) < MINUTE_MS);
  });

  it("names tickets as those of all mails only where each mail has one", () => {
    const told = (count: number, named: number, tickets: string) =>
      inWords({ kind: "delivered", count, tickets, named });
    assert.equal(told(1, 1, "12"), "1 mail delivered as ticket 12");
    assert.equal(told(13, 1, "12"), "13 mails delivered, among them ticket 12");
    assert.equal(told(13, 13, "12"), "13 mails delivered, all to ticket 12");
    assert.equal(told(13, 3, "12–14"), "13 mails delivered, among them tickets 12–14");
    assert.equal(told(13, 0, ""), "13 mails delivered");
    // As an earlier version noted it.
    assert.equal(inWords({ kind: "delivered", count: 2, tickets: "12" }), "2 mails delivered, among them ticket 12");
  });

  it("gives codes for what a desk refuses or can never take, and not its words, which may quote the mail", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one", "two", "three");
    const answers = [
      { kind: "refused", code: "SENDER_BLOCKED", words: "customer@example.org is blocked" },
      { kind: "impossible", code: "TOO_LARGE", words: "Subject: one" },
      { kind: "impossible", code: "TOO_LARGE", words: "Subject: two" },
    ] as const;
    let offered = 0;
    await harness.run(mailbox, at(deskThat(() => answers[offered++] ?? ACCEPTED)));
    assert.deepEqual(await told(mailbox.id), [
      "1 mail refused by the desk: its sender is on the desk's block list (SENDER_BLOCKED)",
      "2 mails quarantined: it is larger than the desk takes (TOO_LARGE)",
    ]);
    for await (const row of (await harness.tables("Activity")).listEntities())
      assert.doesNotMatch(JSON.stringify(row), /customer|Subject|blocked/);
  });

  it("tells of a desk that goes down and comes back once each, however long that takes", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one");
    await harness.runs(mailbox, 4, at(deskThat(() => FAULT_OF_DESK)));
    harness.clock.advance(10 * MINUTE_MS);
    await harness.runs(mailbox, 2);
    assert.deepEqual(await told(mailbox.id), [
      "the desk is down; mail waits",
      "1 mail delivered",
      "the desk takes mail again",
    ]);
  });

  it("lists the newest first, and no more than was asked for", async () => {
    const kinds = ["added", "connected", "paused", "resumed"] as const;
    for (const kind of kinds) {
      await harness.activity.note("some-mailbox", { kind });
      harness.clock.advance(1);
    }
    await harness.activity.note("another", { kind: "added" });
    const listed = await harness.activity.list("some-mailbox", 3);
    assert.deepEqual(
      listed.map(({ kind }) => kind),
      ["resumed", "paused", "connected"],
    );
  });

  it("is forgotten after 30 days, also of a mailbox that is gone, and beyond the newest 500", async () => {
    await harness.activity.note("gone", { kind: "added" });
    harness.clock.advance(31 * DAY_MS);
    const many = Array.from({ length: 90 }, (): ActivityEvent => ({ kind: "paused" }));
    for (let times = 0; times < 6; times += 1) {
      await harness.activity.note("busy", ...many);
      harness.clock.advance(1);
    }
    await harness.activity.note("quiet", { kind: "added" });
    assert.equal(await harness.activity.purge(), 1 + 40);
    assert.deepEqual(await harness.activity.list("gone", 10), []);
    assert.equal((await harness.activity.list("busy", 1_000)).length, 500);
    assert.equal((await harness.activity.list("quiet", 10)).length, 1);
    await harness.activity.forget("busy");
    assert.deepEqual(await harness.activity.list("busy", 10), []);
  });

  it("costs no mail where it cannot be written, or hangs", async () => {
    const fails: Tables = () => Promise.reject(new Error("storage is away"));
    const hangs: Tables = () => new Promise(() => {});
    for (const tables of [fails, hangs]) {
      const mailbox = await harness.connect({ folder: tables === fails ? "inbox" : "archive" });
      mailbox.receive("one");
      const activity = createActivity({ tables, noteLimitMs: 50, log: harness.log, now });
      const outcome = await harness.run(mailbox, { deps: { activity } });
      assert.partialDeepStrictEqual(outcome, { kind: "fetched", delivered: 1 });
    }
    const logged = harness.events.filter(({ event }) => event === "activity not noted");
    assert.deepEqual(
      logged.map(({ code }) => code),
      ["Error", "TIME_LIMIT"],
    );
  });
});

describe("mail per hour", () => {
  it("shows 24 hours over all mailboxes and for each, in one query", async () => {
    const delivered = (mailboxId: string, count: number) =>
      harness.activity.note(mailboxId, { kind: "delivered", count, tickets: "" });
    await delivered("long-ago", 9);
    await delivered("first", 7);
    harness.clock.advance(23 * HOUR_MS);
    await delivered("first", 1);
    await delivered("second", 2);
    harness.clock.advance(HOUR_MS);
    await Promise.all([delivered("second", 3), delivered("second", 4)]);

    const { hours, total, byMailbox } = await harness.activity.mailPerHour();
    assert.equal(hours.length, 24);
    assert.equal(hours.at(-1)?.toISOString(), "2026-11-24T12:00:00.000Z");
    assert.deepEqual(total.slice(-2), [3, 7]);
    assert.equal(total.slice(0, -2).join(""), "0".repeat(22));
    assert.deepEqual([...byMailbox.keys()], ["first", "second"]);
    assert.deepEqual(byMailbox.get("second")?.slice(-2), [2, 7]);
    await harness.activity.purge();
    const rows: string[] = [];
    for await (const { rowKey } of (await harness.tables("Activity")).listEntities({
      queryOptions: { filter: "PartitionKey eq 'mail-per-hour'" },
    }))
      rows.push(String(rowKey));
    assert.deepEqual(rows, ["first", "second"]);
  });
});

describe("ticket ranges", () => {
  it("are short", () => {
    assert.equal(ticketRanges([]), "");
    assert.equal(ticketRanges(["9"]), "9");
    assert.equal(ticketRanges(["12", "9", "10", "10", "11", "20"]), "9–12, 20");
    assert.equal(ticketRanges(["ABC-1", "3"]), "3, ABC-1");
    assert.ok(ticketRanges(Array.from({ length: 500 }, (_, index) => `${index * 2}`)).length <= 200);
  });
});
