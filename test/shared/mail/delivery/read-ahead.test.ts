import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { describe, it } from "node:test";
import type { Desk } from "../../../../shared/desks/desk.ts";
import { withTimeout } from "../../../../shared/platform/with-timeout.ts";
import { json } from "../../../simulator/stand-in.ts";
import { ACCEPTED, at, deskThat, FAULT_OF_DESK, FAULT_OF_MESSAGE } from "../fake-desk.ts";
import {
  type ConnectedMailbox,
  HOUR_MS,
  MINUTE_MS,
  mail,
  now,
  readsContent,
  SECOND_MS,
  useMailHarness,
} from "../mail-harness.ts";
import { useOwnTemporaryFolder } from "../own-temporary-folder.ts";

/** A read that does not come is waited for so long; real time, where the test fails alone. */
const READ_LIMIT_MS = 5_000;

describe("a desk that takes one message at a time", () => {
  useOwnTemporaryFolder();
  const harness = useMailHarness();

  /** Resolves when Graph is asked for the message. */
  function isRead(messageId: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    harness.graph.server.plan(readsContent(messageId), { kind: "before", run: () => resolve() });
    return withTimeout(READ_LIMIT_MS, promise);
  }

  /** So many small mails, one a second: they are due in their order. */
  function receive(mailbox: ConnectedMailbox, ...names: string[]): string[] {
    return names.flatMap((name) => {
      harness.clock.advance(SECOND_MS);
      return mailbox.receive(name);
    });
  }

  const timesRead = (messageId: string) => harness.graph.server.requests.filter(readsContent(messageId)).length;
  const files = async () => (await readdir(tmpdir())).filter((name) => /^deskpost-.*\.eml$/.test(name));

  it("gets the next one without a wait: it is read meanwhile, and claimed when its turn comes", async () => {
    const mailbox = await harness.connect();
    const [, second = ""] = receive(mailbox, "one", "two", "three");
    const secondIsRead = isRead(second);
    const plain = deskThat(() => ACCEPTED);
    const desk: Desk = {
      concurrency: 1,
      async deliver(delivery) {
        await secondIsRead;
        if (plain.offered.length === 0) {
          const { attempts, claimedUntil } = await harness.entry(mailbox, second);
          assert.deepEqual({ attempts, claimedUntil }, { attempts: 0, claimedUntil: undefined });
        }
        return plain.deliver(delivery);
      },
    };
    await harness.run(mailbox, at(desk));
    assert.deepEqual(plain.offered, ["one", "two", "three"]);
    assert.equal(timesRead(second), 1);
  });

  it("fails, and the message that was read meanwhile is as it was, and leaves no file", async () => {
    const mailbox = await harness.connect();
    receive(mailbox, "one");
    harness.clock.advance(SECOND_MS);
    const { immutableId } = mailbox.graph.deliver(mail("two", "a line of text\r\n".repeat(100_000)));
    const before = await files();
    const secondIsRead = isRead(immutableId);
    const failing: Desk = { concurrency: 1, deliver: () => secondIsRead.then(() => FAULT_OF_DESK) };
    await harness.run(mailbox, at(failing));
    const { attempts, claimedUntil, answer } = await harness.entry(mailbox, immutableId);
    assert.deepEqual({ attempts, claimedUntil, answer }, { attempts: 0, claimedUntil: undefined, answer: "" });
    assert.deepEqual(await files(), before);
  });

  it("is not kept from the others by one that cannot be read, which alone is to blame", async () => {
    const mailbox = await harness.connect();
    const [first = "", second = "", third = ""] = receive(mailbox, "one", "two", "three");
    const broken = json(500, { error: { code: "ErrorMimeContentConversionFailed" } });
    harness.graph.server.plan(readsContent(second), { kind: "answer", answer: broken }, 10);
    const plain = deskThat(() => ACCEPTED);
    const desk: Desk = {
      concurrency: 1,
      async deliver(delivery) {
        // It has failed before anybody asks for it.
        while (timesRead(second) === 0) await harness.entry(mailbox, second);
        for (let look = 0; look < 5; look += 1) await harness.entry(mailbox, second);
        return plain.deliver(delivery);
      },
    };
    await harness.run(mailbox, at(desk));
    assert.deepEqual(plain.offered, ["one", "three"]);
    const attempts = await Promise.all(
      [first, second, third].map(async (id) => (await harness.entry(mailbox, id)).attempts),
    );
    assert.deepEqual(attempts, [1, 1, 1]);
    assert.equal(timesRead(second), 1);
  });

  it("is tried with one message while its circuit is half-open, and none is read besides", async () => {
    const mailbox = await harness.connect();
    const [, second = ""] = receive(mailbox, "one", "two");
    await harness.run(mailbox, at(deskThat(() => FAULT_OF_DESK)));
    harness.clock.advance(60_000);
    harness.graph.server.requests.length = 0;
    await harness.run(mailbox, at(deskThat(() => FAULT_OF_DESK)));
    assert.equal(harness.graph.server.requests.filter(readsContent()).length, 1);
    assert.equal(timesRead(second), 1);
  });

  it("has the time of its run, and nothing is read that will not be offered", async () => {
    const mailbox = await harness.connect();
    const [, second = ""] = receive(mailbox, "one", "two");
    harness.graph.server.plan(readsContent(), { kind: "before", run: () => harness.clock.advance(MINUTE_MS) });
    await harness.run(mailbox, { ...at(deskThat(() => ACCEPTED)), budgetMs: MINUTE_MS });
    assert.equal(timesRead(second), 0);
  });

  it("gets a message over which a run has died alone: nothing is read besides", async () => {
    const mailbox = await harness.connect();
    const [first = ""] = receive(mailbox, "one");
    await harness.run(mailbox, at(deskThat(() => FAULT_OF_MESSAGE)));
    harness.clock.advance(HOUR_MS);
    const dead = await harness.lease(mailbox);
    const [entry = assert.fail("it is not due")] = await dead.due(now(), 1);
    await dead.claim(entry, new Date(Date.now() + MINUTE_MS));
    await dead.release();
    harness.clock.advance(2 * MINUTE_MS);
    receive(mailbox, "two", "three");
    harness.graph.server.requests.length = 0;
    const desk = deskThat(() => ACCEPTED);
    await harness.run(mailbox, at(desk));
    assert.deepEqual(desk.offered, ["two", "three", "one"]);
    assert.equal(timesRead(first), 1);
    assert.equal(harness.graph.server.requests.filter(readsContent()).length, 3);
  });
});
