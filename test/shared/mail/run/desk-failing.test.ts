import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ACCEPTED, at, deskThat, FAULT_OF_MESSAGE } from "../fake-desk.ts";
import { type ConnectedMailbox, HOUR_MS, MINUTE_MS, useMailHarness } from "../mail-harness.ts";

const harness = useMailHarness();

/** For so many minutes, one run each; the codes of the trouble that the mailbox had after each. */
async function troublesOf(mailbox: ConnectedMailbox, minutes: number): Promise<(string | undefined)[]> {
  const codes: (string | undefined)[] = [];
  for (let minute = 0; minute < minutes; minute += 1) {
    await harness.run(mailbox);
    codes.push((await mailbox.stored()).lastError?.code);
    harness.clock.advance(MINUTE_MS);
  }
  return codes;
}

describe("a desk that answers each mail with a fault", () => {
  it("is told within half an hour and until it takes something, also between the attempts", async () => {
    const mailbox = await harness.connect({ desk: "uvdesk" });
    mailbox.receive("one", "two");
    harness.uvdesk.mode = "html-500";
    const codes = await troublesOf(mailbox, 40);
    const first = codes.indexOf("DESK_FAILING");
    assert.ok(first > 0 && first < 30, codes.join());
    assert.ok(
      codes.slice(first).every((code) => code === "DESK_FAILING"),
      codes.join(),
    );
    const { lastError, lastSuccessAt, lastFetchAt } = await mailbox.stored();
    assert.match(lastError?.message ?? "", /"uvdesk" answers each mail with a fault.*DESK_ERROR: HTTP 500/);
    assert.ok((lastSuccessAt?.getTime() ?? 0) < (lastFetchAt?.getTime() ?? 0) - 10 * MINUTE_MS, "it is late");

    harness.uvdesk.mode = "ok";
    harness.clock.advance(HOUR_MS);
    await harness.run(mailbox);
    assert.equal(harness.uvdesk.tickets.length, 2);
    assert.equal((await mailbox.stored()).lastError, undefined);
  });

  it("is not to blame where it takes other mail of the mailbox", async () => {
    const mailbox = await harness.connect({ desk: "uvdesk" });
    mailbox.receive("poison");
    const page = { status: 500, headers: { "content-type": "text/html" }, body: "<h1>Oops</h1>" };
    harness.uvdesk.standIn.plan(
      ({ body }) => body.includes("Subject: poison"),
      { kind: "answer", answer: page },
      1_000,
    );
    for (let hour = 0; hour < 4; hour += 1) {
      for (let run = 0; run < 12; run += 1) {
        // Most runs try the poison alone.
        if (run % 2 === 0) mailbox.receive(`fine-${hour}-${run}`);
        await harness.run(mailbox);
        assert.equal((await mailbox.stored()).lastError, undefined);
        harness.clock.advance(5 * MINUTE_MS);
      }
    }
  });

  it("is not to blame where it takes other mail at the same moment", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("poison");
    const desk = { ...deskThat((name) => (name === "poison" ? FAULT_OF_MESSAGE : ACCEPTED)), concurrency: 2 };
    await harness.runs(mailbox, 40, at(desk));
    assert.equal((await mailbox.stored()).lastError?.code, "DESK_FAILING");
    mailbox.receive("fine");
    harness.clock.advance(HOUR_MS);
    await harness.run(mailbox, at(desk));
    assert.deepEqual(desk.offered.slice(-2).toSorted(), ["fine", "poison"]);
    assert.equal((await mailbox.stored()).lastError, undefined);
  });

  it("is told no more once its last mail is in quarantine", async () => {
    const mailbox = await harness.connect({ desk: "uvdesk" });
    mailbox.receive("one");
    harness.uvdesk.mode = "html-500";
    for (let hour = 0; hour < 80; hour += 1) {
      await harness.run(mailbox);
      harness.clock.advance(HOUR_MS);
    }
    assert.equal((await harness.ledger.waiting(mailbox.id)).quarantined, 1);
    assert.equal((await mailbox.stored()).lastError, undefined);
  });
});
