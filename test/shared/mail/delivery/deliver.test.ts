import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { DeskAnswer } from "../../../../shared/desks/desk.ts";
import { CLAIM_MS } from "../../../../shared/mail/delivery/deliver.ts";
import { idempotencyKey, messageKey } from "../../../../shared/mail/message.ts";
import { ACCEPTED, at, DUPLICATE, deskThat, FAULT_OF_DESK, FAULT_OF_MESSAGE, REFUSED } from "../fake-desk.ts";
import { ADDRESS, type ConnectedMailbox, DAY_MS, HOUR_MS, MINUTE_MS, mail, useMailHarness } from "../mail-harness.ts";

const harness = useMailHarness();

async function stateOf(mailbox: ConnectedMailbox, messageId = ""): Promise<string> {
  return (await harness.entry(mailbox, messageId)).state;
}

describe("the desk's answer", () => {
  it("accepted: the message is delivered, with its ticket", async () => {
    const mailbox = await harness.connect();
    const [id] = mailbox.receive("one");
    const desk = deskThat(() => ({ kind: "accepted", words: "taken", reference: "17" }));
    assert.deepEqual(await harness.run(mailbox, at(desk)), { kind: "fetched", more: false, delivered: 1 });
    const { state, answer, attempts } = await harness.entry(mailbox, id ?? "");
    assert.deepEqual({ state, answer, attempts }, { state: "delivered", answer: "ticket 17", attempts: 1 });
    await harness.run(mailbox, at(desk));
    assert.deepEqual(desk.offered, ["one"]);
  });

  it("duplicate: the message is delivered", async () => {
    const mailbox = await harness.connect();
    const [id] = mailbox.receive("one");
    await harness.run(mailbox, at(deskThat(() => DUPLICATE)));
    assert.equal(await stateOf(mailbox, id), "delivered");
  });

  it("taken with a doubt: the message is delivered, and its entry says what the desk may lack", async () => {
    const mailbox = await harness.connect();
    const [id] = mailbox.receive("one");
    const desk = deskThat(() => ({
      kind: "accepted",
      words: "taken",
      reference: "17",
      doubt: "a file may be missing",
    }));
    await harness.run(mailbox, at(desk));
    const { state, answer } = await harness.entry(mailbox, id ?? "");
    assert.deepEqual({ state, answer }, { state: "delivered", answer: "ticket 17; a file may be missing" });
  });

  it("duplicate after an attempt that broke off: the desk has looked that it is whole", async () => {
    const mailbox = await harness.connect();
    const [id = ""] = mailbox.receive("one");
    const answers: DeskAnswer[] = [FAULT_OF_MESSAGE, DUPLICATE];
    await harness.runs(mailbox, 2, at(deskThat(() => answers.shift() ?? ACCEPTED)));
    assert.match((await harness.entry(mailbox, id)).answer, /^known$/);
  });

  it("refused: the message is not offered again, the others go on, and the log names the code alone", async () => {
    const mailbox = await harness.connect();
    const [id] = mailbox.receive("auto-reply", "fine");
    const desk = deskThat((name) => (name === "auto-reply" ? REFUSED : ACCEPTED));
    await harness.runs(mailbox, 2, at(desk));
    assert.deepEqual(desk.offered.toSorted(), ["auto-reply", "fine"]);
    assert.equal(await stateOf(mailbox, id), "refused");
    assert.equal((await mailbox.stored()).refused, 1);
    const logged = harness.events.find(({ event }) => event === "desk refused");
    assert.equal(logged?.code, "LOOP_RISK");
    assert.doesNotMatch(JSON.stringify(logged), /auto-reply/);
  });

  it("impossible: the message goes into quarantine at once, and the others go on", async () => {
    const mailbox = await harness.connect();
    const [id] = mailbox.receive("huge", "fine");
    const desk = deskThat((name) =>
      name === "huge" ? { kind: "impossible", code: "TOO_LARGE", words: "too large" } : ACCEPTED,
    );
    await harness.runs(mailbox, 2, at(desk));
    assert.deepEqual(desk.offered.toSorted(), ["fine", "huge"]);
    assert.equal(await stateOf(mailbox, id), "quarantined");
    assert.deepEqual(await harness.ledger.waiting(mailbox.id), { pending: 0, quarantined: 1 });
  });

  it("a throw is a fault of ours: the run fails, and the message is as it was", async () => {
    const mailbox = await harness.connect();
    const [id = ""] = mailbox.receive("one");
    const desk = deskThat(() => assert.fail("the signing secret is missing"));
    assert.equal((await harness.run(mailbox, at(desk))).kind, "failed");
    const { state, attempts, claimedUntil, uncertain } = await harness.entry(mailbox, id);
    assert.deepEqual(
      { state, attempts, claimedUntil, uncertain },
      {
        state: "pending",
        attempts: 0,
        claimedUntil: undefined,
        uncertain: false,
      },
    );
  });

  it("the same idempotency key goes with every attempt, and with no other message", async () => {
    const mailbox = await harness.connect();
    const [one = "", two = ""] = mailbox.receive("one", "two");
    const desk = deskThat(() => FAULT_OF_MESSAGE);
    await harness.runs(mailbox, 4, at(desk));
    assert.ok(desk.offered.length > 2);
    const keys = new Set(desk.deliveries.map((delivery) => delivery.idempotencyKey));
    assert.deepEqual(keys, new Set([one, two].map((id) => idempotencyKey(mailbox.id, messageKey(id)))));
    assert.ok(desk.deliveries.every(({ mailboxAddress }) => mailboxAddress === ADDRESS));
  });
});

describe("a message that fails", () => {
  it("waits 1, 2 and 4 minutes while the others go on", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("broken", "fine");
    const desk = deskThat((name) => (name === "broken" ? FAULT_OF_MESSAGE : ACCEPTED));
    const times: number[] = [];
    for (let minute = 0; minute < 10; minute += 1) {
      const before = desk.offered.filter((name) => name === "broken").length;
      await harness.run(mailbox, at(desk));
      if (desk.offered.filter((name) => name === "broken").length > before) times.push(minute);
      harness.clock.advance(MINUTE_MS);
    }
    assert.deepEqual(times, [0, 1, 3, 7]);
    assert.equal(desk.offered.filter((name) => name === "fine").length, 1);
    assert.equal((await mailbox.stored()).lastError, undefined);
  });

  it("waits for as long as the desk asks, where that is longer", async () => {
    const mailbox = await harness.connect();
    const [id = ""] = mailbox.receive("one");
    await harness.run(mailbox, at(deskThat(() => ({ ...FAULT_OF_MESSAGE, retryAfterMs: 5 * MINUTE_MS }))));
    const { dueAt } = await harness.entry(mailbox, id);
    assert.equal(Math.round((dueAt.getTime() - Date.now()) / MINUTE_MS), 5);
  });

  it("goes into quarantine after eight attempts where the desk took another meanwhile", async () => {
    const mailbox = await harness.connect();
    const [id = ""] = mailbox.receive("broken");
    const desk = deskThat((name) => (name === "broken" ? FAULT_OF_MESSAGE : ACCEPTED));
    for (let hour = 0; hour < 12 && (await stateOfKnown(mailbox, id)) !== "quarantined"; hour += 1) {
      mailbox.receive(`fine-${hour}`);
      await harness.run(mailbox, at(desk));
      harness.clock.advance(HOUR_MS);
    }
    const { state, attempts } = await harness.entry(mailbox, id);
    assert.deepEqual({ state, attempts }, { state: "quarantined", attempts: 8 });
  });

  it("waits for three days where nothing proves that the desk works, and then goes into quarantine", async () => {
    const mailbox = await harness.connect();
    const [id = ""] = mailbox.receive("broken");
    const desk = deskThat(() => FAULT_OF_MESSAGE);
    for (let hour = 0; hour < 72; hour += 1) {
      await harness.run(mailbox, at(desk));
      harness.clock.advance(HOUR_MS);
    }
    assert.equal(await stateOf(mailbox, id), "pending");
    harness.clock.advance(HOUR_MS);
    await harness.run(mailbox, at(desk));
    assert.equal(await stateOf(mailbox, id), "quarantined");
  });
});

async function stateOfKnown(mailbox: ConnectedMailbox, id: string): Promise<string | undefined> {
  return (await harness.ledger.entries(mailbox.id)).find(({ messageId }) => messageId === id)?.state;
}

describe("a desk that fails", () => {
  it("ends the run: nothing more is offered, no message is blamed, everything arrives later", async () => {
    const mailbox = await harness.connect();
    const ids = mailbox.receive("one", "two", "three");
    let isDown = true;
    const desk = deskThat(() => (isDown ? FAULT_OF_DESK : ACCEPTED));
    await harness.run(mailbox, at(desk));
    assert.equal(desk.offered.length, 1);
    for (const id of ids) {
      const { state, attempts } = await harness.entry(mailbox, id);
      assert.deepEqual({ state, attempts }, { state: "pending", attempts: 0 });
    }
    assert.equal((await mailbox.stored()).lastError?.code, "DESK_UNAVAILABLE");

    harness.clock.advance(4 * DAY_MS);
    await harness.runs(mailbox, 2, at(desk));
    isDown = false;
    await harness.runs(mailbox, 2, at(desk));
    for (const id of ids) assert.equal(await stateOf(mailbox, id), "delivered");
    assert.equal((await mailbox.stored()).lastError, undefined);
  });

  it("is left alone for as long as it asks", async () => {
    const mailbox = await harness.connect({ desk: "uvdesk" });
    mailbox.receive("one");
    harness.uvdesk.mode = "503";
    await harness.run(mailbox);
    const asked = harness.uvdesk.standIn.requests.length;
    harness.clock.advance(MINUTE_MS);
    assert.deepEqual(await harness.run(mailbox), { kind: "fetched", more: false, delivered: 0 });
    assert.equal(harness.uvdesk.standIn.requests.length, asked);
    harness.uvdesk.mode = "ok";
    harness.clock.advance(MINUTE_MS + 1_000);
    await harness.run(mailbox);
    assert.equal(harness.uvdesk.tickets.length, 1);
  });

  for (const mode of ["unreachable", "maintenance-html", "503"] as const) {
    it(`loses and doubles nothing when UVdesk is back (${mode})`, async () => {
      const mailbox = await harness.connect({ desk: "uvdesk" });
      mailbox.receive("one", "two");
      harness.uvdesk.mode = mode;
      await harness.runs(mailbox, 3);
      assert.equal(harness.uvdesk.tickets.length, 0);
      harness.uvdesk.mode = "ok";
      harness.clock.advance(HOUR_MS);
      await harness.run(mailbox);
      assert.deepEqual(harness.uvdesk.tickets.map(({ subject }) => subject).toSorted(), ["one", "two"]);
    });
  }

  for (const [words, fault] of [
    ["cuts the connection", { kind: "cut-before" }],
    ["answers 502", { kind: "answer", answer: { status: 502 } }],
  ] as const) {
    it(`over one message alone (it ${words}) does not keep the others from arriving`, async () => {
      const mailbox = await harness.connect({ desk: "uvdesk" });
      mailbox.receive("poison", "two", "three");
      harness.uvdesk.standIn.plan(({ body }) => body.includes("Subject: poison"), fault, 1_000);
      for (let minute = 0; minute < 10; minute += 1) {
        if (minute === 5) mailbox.receive("later");
        await harness.run(mailbox);
        harness.clock.advance(MINUTE_MS);
      }
      assert.deepEqual(harness.uvdesk.tickets.map(({ subject }) => subject).toSorted(), ["later", "three", "two"]);
    });
  }
});

describe("an answer that is lost", () => {
  it("leaves the message uncertain; UVdesk then knows it, and has it once", async () => {
    const mailbox = await harness.connect({ desk: "uvdesk" });
    const [id = ""] = mailbox.receive("one");
    harness.uvdesk.standIn.plan(() => true, { kind: "cut-after" });
    await harness.run(mailbox);
    const { state, uncertain, attempts } = await harness.entry(mailbox, id);
    assert.deepEqual({ state, uncertain, attempts }, { state: "pending", uncertain: true, attempts: 0 });
    harness.clock.advance(MINUTE_MS);
    await harness.run(mailbox);
    assert.equal(await stateOf(mailbox, id), "delivered");
    assert.equal(harness.uvdesk.tickets.length, 1);
    assert.deepEqual(
      harness.uvdesk.received.map(({ outcome }) => outcome),
      ["new", "duplicate"],
    );
  });

  it("reaches a webhook again under the same id", async () => {
    const mailbox = await harness.connect();
    const [id = ""] = mailbox.receive("one");
    harness.webhook.standIn.plan(() => true, { kind: "cut-after" });
    await harness.runs(mailbox, 2);
    assert.equal(harness.webhook.timesSeen(idempotencyKey(mailbox.id, messageKey(id))), 2);
    assert.equal(await stateOf(mailbox, id), "delivered");
  });

  it("is remembered of a run that died: its claim ends, and the attempt counts as uncertain", async () => {
    const mailbox = await harness.connect();
    const [id = ""] = mailbox.receive("one");
    const failing = deskThat(() => FAULT_OF_DESK);
    await harness.run(mailbox, at(failing));
    const dead = await harness.lease(mailbox);
    const [entry] = await dead.due(new Date(), 1);
    await dead.claim(entry ?? assert.fail("nothing is due"), new Date(Date.now() + CLAIM_MS));
    await dead.release();

    const desk = deskThat(() => FAULT_OF_DESK);
    await harness.run(mailbox, at(desk));
    assert.deepEqual(desk.offered, []);
    harness.clock.advance(CLAIM_MS + MINUTE_MS);
    await harness.run(mailbox, at(desk));
    assert.deepEqual(desk.offered, ["one"]);
    assert.equal((await harness.entry(mailbox, id)).uncertain, true);
  });
});

describe("a message that is larger than the desk takes", () => {
  it("is not offered, but quarantined with the limit, and delivered when it is replayed after the limit was raised", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("small");
    const large = mailbox.graph.deliver(mail("large", "x".repeat(1_000))).immutableId;
    const size = (await harness.source().content(large))?.blob.size ?? 0;
    const desk = deskThat(() => ACCEPTED);
    await harness.run(mailbox, at({ ...desk, maxMessageBytes: size - 1 }));
    assert.deepEqual(desk.offered, ["small"]);
    const entry = await harness.entry(mailbox, large);
    assert.equal(entry.state, "quarantined");
    assert.match(entry.answer, new RegExp(`has ${size} bytes, and the desk takes ${size - 1}`));

    await harness.ledger.replay(mailbox.id, entry, new Date());
    await harness.run(mailbox, at({ ...desk, maxMessageBytes: size }));
    assert.deepEqual(desk.offered, ["small", "large"]);
  });
});

describe("two mailboxes with one desk", () => {
  it("leave it alone together while its circuit is open, and one message tries it for both", async () => {
    const [one, other] = [await harness.connect(), await harness.connect({ address: "second@example.com" })];
    one.receive("1", "2", "3");
    other.receive("4", "5", "6");
    let isDown = true;
    const desk = { ...deskThat(() => (isDown ? FAULT_OF_DESK : ACCEPTED)), concurrency: 3 };
    await harness.run(one, at(desk));
    const offered = desk.offered.length;
    await harness.run(other, at(desk));
    assert.equal(desk.offered.length, offered);
    assert.equal((await other.stored()).lastError?.code, "DESK_UNAVAILABLE");

    harness.clock.advance(MINUTE_MS);
    await Promise.all([harness.run(one, at(desk)), harness.run(other, at(desk))]);
    assert.equal(desk.offered.length, offered + 1);

    isDown = false;
    harness.clock.advance(2 * MINUTE_MS);
    await harness.run(one, at(desk));
    await harness.run(other, at(desk));
    assert.deepEqual(
      (await harness.ledger.counts(one.id)).delivered + (await harness.ledger.counts(other.id)).delivered,
      6,
    );
  });

  it("prove to each other that it is well: mail that it never answers ends in quarantine", async () => {
    const [poisoned, healthy] = [await harness.connect(), await harness.connect({ address: "second@example.com" })];
    const [poison = ""] = poisoned.receive("poison");
    const desk = deskThat((name) => (name === "poison" ? FAULT_OF_DESK : ACCEPTED));
    for (let minute = 0; minute < 400; minute += 1) {
      if (minute % 5 === 0) healthy.receive(`fine-${minute}`);
      await harness.run(healthy, at(desk));
      await harness.run(poisoned, at(desk));
      harness.clock.advance(MINUTE_MS);
    }
    assert.equal(await stateOf(poisoned, poison), "quarantined");
    assert.equal((await harness.ledger.counts(healthy.id)).delivered, 80);
  });
});
