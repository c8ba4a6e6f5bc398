import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MINUTE_MS, useMailBed } from "../mail-harness.ts";

/** What a mailbox costs in requests to storage; infra/README.md reckons with it. */
describe("requests to storage", () => {
  const bed = useMailBed();

  it("are eight where there is nothing new, and one more where the mailbox was on the queue", async () => {
    const mailbox = await bed.connect();
    // Of a process that has opened its tables.
    const deps = bed.deps();
    await bed.run(mailbox, { deps });
    const costOfRun = async () => {
      const before = bed.azurite.requestCount;
      await bed.run(mailbox, { deps });
      return bed.azurite.requestCount - before;
    };
    assert.equal(await costOfRun(), 8);
    await deps.registry.markQueued([mailbox.id], new Date(Date.now() + MINUTE_MS));
    assert.equal(await costOfRun(), 9);
  });

  it("are four for each mail", async () => {
    const mailbox = await bed.connect();
    const deps = bed.deps();
    mailbox.receive("one");
    await bed.run(mailbox, { deps });
    const costOf = async (mails: number) => {
      const before = bed.azurite.requestCount;
      mailbox.receive(...Array.from({ length: mails }, (_, mail) => `${mails}-${mail}`));
      await bed.run(mailbox, { deps });
      return bed.azurite.requestCount - before;
    };
    assert.equal((await costOf(20)) - (await costOf(10)), 40);
  });
});
