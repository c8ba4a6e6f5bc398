import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MINUTE_MS, useMailHarness } from "../mail-harness.ts";

/** What a mailbox costs in requests to storage; infra/README.md reckons with it. */
describe("requests to storage", () => {
  const harness = useMailHarness();

  it("are eight where there is nothing new, and one more where the mailbox was on the queue", async () => {
    const mailbox = await harness.connect();
    // Of a process that has opened its tables.
    const deps = harness.deps();
    await harness.run(mailbox, { deps });
    const costOfRun = async () => {
      const before = harness.storage.requestCount;
      await harness.run(mailbox, { deps });
      return harness.storage.requestCount - before;
    };
    assert.equal(await costOfRun(), 8);
    await deps.registry.markQueued([mailbox.id], new Date(Date.now() + MINUTE_MS));
    assert.equal(await costOfRun(), 9);
  });

  it("are four for each mail", async () => {
    const mailbox = await harness.connect();
    const deps = harness.deps();
    mailbox.receive("one");
    await harness.run(mailbox, { deps });
    const costOf = async (mails: number) => {
      const before = harness.storage.requestCount;
      mailbox.receive(...Array.from({ length: mails }, (_, mail) => `${mails}-${mail}`));
      await harness.run(mailbox, { deps });
      return harness.storage.requestCount - before;
    };
    assert.equal((await costOf(20)) - (await costOf(10)), 40);
  });
});
