import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createCircuitBreaker } from "../../../shared/desks/circuit-breaker-table.ts";
import { createOverview, type MailboxView } from "../../../shared/health/overview.ts";
import { COUNTED_AT_MOST } from "../../../shared/mail/ledger/ledger.ts";
import { at, deskThat, FAULT_OF_DESK } from "../mail/fake-desk.ts";
import { MINUTE_MS, NOON, now, useMailHarness } from "../mail/mail-harness.ts";

const harness = useMailHarness();

function overview() {
  const { registry, ledger, activity, tables, log } = harness;
  return createOverview({
    registry,
    waiting: ledger.waiting,
    tokens: async () => new Map(),
    openCircuits: createCircuitBreaker({ tables, log, now }).list,
    mailPerHour: activity.mailPerHour,
    now,
  })();
}

function viewOf(views: readonly MailboxView[], id: string): MailboxView {
  return views.find(({ mailbox }) => mailbox.id === id) ?? assert.fail("it is not in the overview");
}

describe("the overview", () => {
  it("says of each mailbox what waits, what is wrong and which circuit is open, with the mail per hour", async () => {
    await harness.registry.recordTick(NOON);
    const well = await harness.connect();
    const failing = await harness.connect({ address: "second@example.com", desk: "uvdesk" });
    well.receive("one", "two");
    failing.receive("three");
    await harness.run(well);
    await harness.run(failing, at(deskThat(() => FAULT_OF_DESK)));

    const { mailboxes, mailPerHour } = await overview();
    assert.partialDeepStrictEqual(viewOf(mailboxes, well.id), {
      pending: 0,
      quarantined: 0,
      health: { colour: "good", remedyAction: "none" },
      openCircuit: undefined,
    });
    const { pending, health, openCircuit } = viewOf(mailboxes, failing.id);
    assert.equal(pending, 1);
    assert.deepEqual([health.colour, health.remedyAction], ["warn", "fetch"]);
    assert.match(health.wrong ?? "", /The desk "uvdesk" takes no mail since 2026-11-23T12:00.*\(NO_ANSWER\)/);
    assert.ok(openCircuit && openCircuit.until.getTime() > NOON.getTime());
    assert.equal(mailPerHour.total.at(-1), 2);
    assert.equal(mailPerHour.byMailbox.get(well.id)?.at(-1), 2);
  });

  it("names the next fetch: not before Graph allows it, and none while nothing is fetched", async () => {
    const throttledUntil = new Date(NOON.getTime() + 5 * MINUTE_MS);
    const throttled = await harness.connect({ throttledUntil });
    const paused = await harness.connect({ address: "second@example.com", status: "paused" });
    const { mailboxes } = await overview();
    assert.deepEqual(viewOf(mailboxes, throttled.id).nextFetchAt, throttledUntil);
    assert.equal(viewOf(mailboxes, paused.id).nextFetchAt, undefined);
  });

  it("counts no further than a thousand, so that a flood costs one query", async () => {
    const mailbox = await harness.connect();
    const leased = await harness.lease(mailbox);
    const flood = Array.from({ length: COUNTED_AT_MOST + 20 }, (_, index) => ({
      messageId: `message-${index}`,
      receivedAt: NOON,
    }));
    await leased.record(flood, { link: "next" });
    const { mailboxes } = await overview();
    assert.equal(viewOf(mailboxes, mailbox.id).pending, COUNTED_AT_MOST);
  });
});
