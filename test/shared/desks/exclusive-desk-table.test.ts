import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Delivery, Desk } from "../../../shared/desks/desk.ts";
import { createExclusiveDesk } from "../../../shared/desks/exclusive-desk-table.ts";
import { type Azurite, startAzurite } from "../../simulator/azurite.ts";
import { azuriteTables } from "../azurite-tables.ts";

const noon = new Date("2026-03-02T12:00:00Z");
const delivery: Delivery = {
  mailboxAddress: "help@contoso.example",
  idempotencyKey: "k",
  mail: new Blob(["x"]),
  offerUntil: new Date("2026-03-03T12:00:00Z"),
};
const turnToOthers = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("oneAtATime", () => {
  let azurite: Azurite;

  before(async () => {
    azurite = await startAzurite({ tablePort: 0, queuePort: 0 });
  });
  after(() => azurite.stop());

  /** An instance of the app, with a desk that notices when it is given two messages at once. */
  function instance(url: string, deliver: Desk["deliver"], now: () => Date = () => noon): Desk {
    const tables = azuriteTables(azurite);
    return createExclusiveDesk({
      desk: { concurrency: 1, deliver },
      url,
      tables,
      now,
      random: () => 0.5,
      sleep: turnToOthers,
    });
  }

  it("hands the desk one message at a time, whichever instances deliver", async () => {
    let under = 0;
    let most = 0;
    const deliver: Desk["deliver"] = async () => {
      under += 1;
      most = Math.max(most, under);
      await turnToOthers();
      under -= 1;
      return { kind: "accepted", words: "", reference: undefined };
    };
    const instances = [1, 2, 3].map(() => instance("several", deliver));
    await Promise.all(instances.flatMap((one) => [1, 2, 3].map(() => untilAccepted(one))));
    assert.equal(most, 1);
  });

  it("leaves the message to the next run while another instance holds the desk, and goes on after that one has died", async () => {
    let now = noon;
    const dead = instance("held", () => new Promise(() => {}));
    void dead.deliver(delivery);
    const alive = instance(
      "held",
      async () => ({ kind: "accepted", words: "", reference: "1" }),
      () => now,
    );
    await assertBusyEventually(alive);
    now = new Date(noon.getTime() + 151_000);
    assert.equal((await alive.deliver(delivery)).kind, "accepted");
  });

  it("waits for no lock that an instance with a wrong clock has taken for years", async () => {
    const yearsAhead = new Date(noon.getTime() + 10 * 365 * 24 * 3_600_000);
    const taken = Promise.withResolvers<void>();
    const dies: Desk["deliver"] = () => {
      taken.resolve();
      return new Promise(() => {});
    };
    const offerUntil = new Date(yearsAhead.getTime() + 60_000);
    void instance("wrong clock", dies, () => yearsAhead).deliver({ ...delivery, offerUntil });
    await taken.promise;
    const next = instance("wrong clock", async () => ({ kind: "accepted", words: "", reference: undefined }));
    assert.equal((await next.deliver(delivery)).kind, "accepted");
  });

  it("does not offer a message any more whose claim is about to end", async () => {
    const desk = instance("late", async () => assert.fail("offered too late"));
    const answer = await desk.deliver({ ...delivery, offerUntil: noon });
    assert.equal(answer.kind === "try-again" && answer.code, "BUSY");
  });

  it("does not use a lock that storage was so slow to give that it could end before the desk's answer", async () => {
    let now = noon;
    const later = (ms: number) => {
      now = new Date(now.getTime() + ms);
      return now;
    };
    const began: number[] = [];
    const desk = instance(
      "slow-storage",
      async () => {
        began.push(now.getTime());
        return { kind: "accepted", words: "", reference: undefined };
      },
      // When the claim is looked at, when the lock is asked for, until when it is held, when it is there.
      () => later(began.length === 0 && now.getTime() < noon.getTime() + 100_000 ? 20_000 : 0),
    );
    assert.equal((await desk.deliver(delivery)).kind, "accepted");
    assert.ok((began[0] ?? 0) > noon.getTime() + 80_000, "the first lock was used, 40 s after it was asked for");
  });

  it("releases the lock after a failure of its own", async () => {
    const failing = instance("failing", async () => {
      throw new Error("a fault of ours");
    });
    await assert.rejects(failing.deliver(delivery), /a fault of ours/);
    const next = instance("failing", async () => ({ kind: "accepted", words: "", reference: undefined }));
    assert.equal((await next.deliver(delivery)).kind, "accepted");
  });

  /** As the runs after this one would do it. */
  async function untilAccepted(desk: Desk): Promise<void> {
    while ((await desk.deliver(delivery)).kind !== "accepted") await turnToOthers();
  }

  /** The other instance takes the lock over the network, so the first call may come before it. */
  async function assertBusyEventually(desk: Desk): Promise<void> {
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const answer = await desk.deliver(delivery);
      if (answer.kind === "try-again") {
        assert.deepEqual([answer.because, answer.code, answer.uncertain], ["desk", "BUSY", false]);
        return;
      }
    }
    assert.fail("the desk was free all the time");
  }
});
