import assert from "node:assert/strict";
import { readdir, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, it } from "node:test";
import type { Desk, DeskAnswer } from "../../../../shared/desks/desk.ts";
import { sampleMails } from "../../../simulator/mails/sample-mails.ts";
import { json } from "../../../simulator/stand-in.ts";
import { ACCEPTED, at, deskThat, FAULT_OF_DESK, FAULT_OF_MESSAGE } from "../fake-desk.ts";
import {
  ADDRESS,
  type ConnectedMailbox,
  HOUR_MS,
  MINUTE_MS,
  mail,
  readsContent,
  useMailHarness,
} from "../mail-harness.ts";
import { useOwnTemporaryFolder } from "../own-temporary-folder.ts";

useOwnTemporaryFolder();
const harness = useMailHarness();

async function stateOf(mailbox: ConnectedMailbox, messageId = ""): Promise<string> {
  return (await harness.entry(mailbox, messageId)).state;
}

describe("a message that Graph does not give", () => {
  it("is gone where it is not found twice, ten minutes apart", async () => {
    const mailbox = await harness.connect();
    const [id = ""] = mailbox.receive("deleted", "fine");
    await discoverOnly(mailbox);
    mailbox.graph.remove(id);
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["fine"]);
    assert.equal(await stateOf(mailbox, id), "pending");
    harness.clock.advance(5 * MINUTE_MS);
    await harness.run(mailbox);
    assert.equal(await stateOf(mailbox, id), "pending");
    harness.clock.advance(6 * MINUTE_MS);
    await harness.run(mailbox);
    assert.equal(await stateOf(mailbox, id), "gone");
  });

  it("is delivered where the second look finds it", async () => {
    const mailbox = await harness.connect();
    const [id = ""] = mailbox.receive("behind");
    const notFound = json(404, { error: { code: "ErrorItemNotFound", message: "Not found." } });
    harness.graph.server.plan(readsContent(), { kind: "answer", answer: notFound });
    await harness.run(mailbox);
    harness.clock.advance(11 * MINUTE_MS);
    await harness.run(mailbox);
    assert.equal(await stateOf(mailbox, id), "delivered");
  });

  it("is delivered from another folder, where it was moved meanwhile", async () => {
    const mailbox = await harness.connect();
    const [id = ""] = mailbox.receive("moved");
    await discoverOnly(mailbox);
    mailbox.graph.move(id, "archive");
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["moved"]);
  });

  it("because it is corrupt, blocks no other, and goes into quarantine", async () => {
    const mailbox = await harness.connect();
    const [id = ""] = mailbox.receive("corrupt", "fine");
    mailbox.graph.corrupt(id);
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["fine"]);
    for (let hour = 0; hour < 9; hour += 1) {
      mailbox.receive(`fine-${hour}`);
      harness.clock.advance(HOUR_MS);
      await harness.run(mailbox);
    }
    assert.equal(await stateOf(mailbox, id), "quarantined");
    assert.equal((await mailbox.stored()).lastError, undefined);
  });

  for (const [words, answer, remedy] of [
    ["cannot make MIME of it", json(500, { error: { code: "ErrorMimeContentConversionFailed" } }), /S\/MIME.*Outlook/],
    ["fails over it", { status: 500 }, /Outlook.*replay/],
    ["gives something other than mail", json(200, { error: {} }), /Outlook.*replay/],
  ] as const) {
    it(`because Graph ${words}, goes into quarantine with what a person can do, and without a promise`, async () => {
      const mailbox = await harness.connect();
      const [id = ""] = mailbox.receive("signed");
      harness.graph.server.plan(readsContent(id), { kind: "answer", answer }, 1_000);
      for (let hour = 0; hour < 9; hour += 1) {
        mailbox.receive(`fine-${hour}`);
        await harness.run(mailbox);
        harness.clock.advance(HOUR_MS);
      }
      const said = (await harness.entry(mailbox, id)).answer ?? "";
      assert.match(said, remedy);
      assert.doesNotMatch(said, /next run|later|passes by itself/);
    });
  }

  for (const [words, fault] of [
    ["breaks the connection off", { kind: "cut-before" }],
    ["answers 403", { kind: "answer", answer: json(403, { error: { code: "ErrorAccessDenied" } }) }],
    ["asks to wait", { kind: "answer", answer: { status: 503, headers: { "retry-after": "30" } } }],
    ["answers 504", { kind: "answer", answer: { status: 504 } }],
  ] as const) {
    it(`because Graph ${words} over it each time, blocks no other`, async () => {
      const mailbox = await harness.connect({ desk: "uvdesk" });
      const [id = ""] = mailbox.receive("poison", "two", "three");
      harness.graph.server.plan(readsContent(id), fault, 1_000);
      for (let minute = 0; minute < 10; minute += 1) {
        if (minute === 5) mailbox.receive("later");
        await harness.run(mailbox);
        harness.clock.advance(MINUTE_MS);
      }
      assert.deepEqual(harness.uvdesk.tickets.map(({ subject }) => subject).toSorted(), ["later", "three", "two"]);
      assert.equal(await stateOf(mailbox, id), "pending");
    });
  }

  it("and neither the two after it, means that Graph is failing: the run ends", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one", "two", "three", "four", "five", "six", "seven");
    harness.graph.server.plan(readsContent(), { kind: "answer", answer: { status: 503 } }, 1_000);
    assert.deepEqual(await harness.run(mailbox), { kind: "failed", code: "GRAPH_UNAVAILABLE" });
    assert.ok(harness.graph.server.requests.filter(readsContent()).length <= 5);
    harness.graph.server.clearFaults();
    harness.clock.advance(2 * MINUTE_MS);
    await harness.run(mailbox);
    assert.equal(harness.taken().length, 7);
  });
});

async function discoverOnly(mailbox: ConnectedMailbox): Promise<void> {
  const desk = deskThat(() => FAULT_OF_DESK);
  await harness.run(mailbox, at(desk));
  harness.clock.advance(MINUTE_MS);
}

describe("the bytes of a message", () => {
  it("reach the webhook as Graph gives them, whatever they are", async () => {
    const mailbox = await harness.connect();
    const samples = sampleMails();
    for (const { bytes } of samples) mailbox.graph.deliver(bytes);
    await harness.run(mailbox);
    const hex = (mails: readonly { bytes: Buffer }[]) => mails.map(({ bytes }) => bytes.toString("hex")).sort();
    assert.deepEqual(hex(harness.webhook.received), hex(samples));
  });

  it("are never offered where the body broke off, and arrive whole later", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("other");
    const whole = mail("cut", "x".repeat(100_000));
    const { immutableId } = mailbox.graph.deliver(whole);
    harness.graph.server.plan(readsContent(immutableId), { kind: "cut-body", afterBytes: 50_000 });
    await harness.run(mailbox);
    assert.deepEqual(harness.taken(), ["other"]);
    harness.clock.advance(2 * MINUTE_MS);
    await harness.run(mailbox);
    assert.ok(harness.webhook.received.at(-1)?.bytes.equals(whole));
  });

  it("are offered where there are none only after Graph has said so for two hours", async () => {
    const mailbox = await harness.connect();
    const [id = "", another = ""] = mailbox.receive("one", "another");
    const empty = { kind: "answer", answer: { status: 200 } } as const;
    harness.graph.server.plan(readsContent(id), empty, 7);
    harness.graph.server.plan(readsContent(another), empty, 1_000);
    const runUntil = async (minutes: number) => {
      for (let minute = 0; minute < minutes; minute += 10) {
        await harness.run(mailbox);
        harness.clock.advance(10 * MINUTE_MS);
      }
    };
    await runUntil(120);
    assert.equal(harness.webhook.received.length, 0);
    assert.equal(await stateOf(mailbox, id), "pending");

    await runUntil(120);
    assert.deepEqual([await stateOf(mailbox, id), await stateOf(mailbox, another)], ["delivered", "delivered"]);
    const sizes = harness.webhook.received.map(({ bytes }) => bytes.byteLength).toSorted((a, b) => a - b);
    assert.deepEqual(sizes, [0, mail("one").byteLength]);
  });

  it("are never offered where they are an error or a page of a proxy that came with 200", async () => {
    const mailbox = await harness.connect();
    const [id = ""] = mailbox.receive("one");
    const error = json(200, { error: { code: "ErrorInternalServerError", message: "Try again." } });
    const page = { status: 200, headers: { "content-type": "text/html; charset=utf-8" }, body: "<h1>Sign in</h1>" };
    for (const answer of [error, page]) {
      harness.graph.server.plan(readsContent(), { kind: "answer", answer });
      await harness.run(mailbox);
      assert.deepEqual([harness.webhook.received.length, await stateOf(mailbox, id)], [0, "pending"]);
      harness.clock.advance(5 * MINUTE_MS);
    }
    await harness.run(mailbox);
    assert.equal(await stateOf(mailbox, id), "delivered");
  });

  it("of 5 MB go through a file, which is removed afterwards, also when the desk fails", async () => {
    const mailbox = await harness.connect();
    const large = mail("large", "a line of text\r\n".repeat(328_000));
    mailbox.graph.deliver(large);
    const filesDuring: number[] = [];
    const answers: DeskAnswer[] = [FAULT_OF_MESSAGE, ACCEPTED];
    const desk: Desk = {
      concurrency: 1,
      async deliver({ mail: blob }) {
        filesDuring.push(await temporaryFilesOf(large.byteLength));
        assert.ok(Buffer.from(await blob.arrayBuffer()).equals(large));
        return answers.shift() ?? assert.fail("offered too often");
      },
    };
    await harness.run(mailbox, at(desk));
    assert.equal(await temporaryFilesOf(large.byteLength), 0);
    harness.clock.advance(MINUTE_MS + 1_000);
    await harness.run(mailbox, at(desk));
    assert.deepEqual(filesDuring, [1, 1]);
    assert.equal(await temporaryFilesOf(large.byteLength), 0);
  });

  it("of 40 MB arrive as they are", async () => {
    const mailbox = await harness.connect();
    const huge = mail("huge", "a line of text\r\n".repeat(2_621_440));
    mailbox.graph.deliver(huge);
    await harness.run(mailbox);
    assert.ok(harness.webhook.received[0]?.bytes.equals(huge));
    assert.equal(await temporaryFilesOf(huge.byteLength), 0);
  });
});

/** How many temporary files have this size. */
async function temporaryFilesOf(bytes: number): Promise<number> {
  const names = (await readdir(tmpdir())).filter((name) => /^deskpost-.*\.eml$/.test(name));
  const sizes = await Promise.all(names.map((name) => stat(path.join(tmpdir(), name)).catch(() => undefined)));
  return sizes.filter((found) => found?.size === bytes).length;
}

describe("what concerns the whole mailbox", () => {
  it("a token that ends in the middle of the run is replaced once, and the run goes on", async () => {
    const mailbox = await harness.connect({ desk: "uvdesk" });
    mailbox.receive("one", "two", "three");
    const endToken = { kind: "before", run: () => harness.tokens.accepted.delete("token-1") } as const;
    harness.graph.server.plan(readsContent(), { ...endToken, run: () => void endToken.run() });
    assert.deepEqual(await harness.run(mailbox), { kind: "fetched", more: false, delivered: 3 });
    assert.deepEqual(harness.tokens.rejected, ["token-1"]);
  });

  it("a token that Graph refuses for good fails the run and blames no message", async () => {
    const mailbox = await harness.connect();
    const [id = ""] = mailbox.receive("one");
    const refused = json(401, { error: { code: "InvalidAuthenticationToken" } });
    harness.graph.server.plan(readsContent(), { kind: "answer", answer: refused }, 10);
    assert.deepEqual(await harness.run(mailbox), { kind: "failed", code: "GRAPH_REFUSED" });
    const { attempts, state } = await harness.entry(mailbox, id);
    assert.deepEqual({ attempts, state }, { attempts: 0, state: "pending" });
  });

  it("Graph's limit of requests side by side is kept", async () => {
    const mailbox = await harness.connect();
    mailbox.receive(...Array.from({ length: 12 }, (_, index) => `mail-${index}`));
    harness.graph.controls.latencyMs = 5;
    await harness.run(mailbox);
    assert.equal(harness.taken().length, 12);
    assert.ok(harness.graph.peakConcurrency(ADDRESS) <= 4);
    assert.ok(harness.graph.peakConcurrency(ADDRESS) > 1);
  });

  it("the deadline stops the run between messages, and says that work is left", async () => {
    const mailbox = await harness.connect({ desk: "uvdesk" });
    mailbox.receive("one", "two", "three", "four");
    harness.uvdesk.standIn.plan(() => true, { kind: "before", run: () => harness.clock.advance(10_000) }, 100);
    assert.deepEqual(await harness.run(mailbox, { budgetMs: 15_000 }), { kind: "fetched", more: true, delivered: 2 });
    assert.deepEqual(await harness.run(mailbox), { kind: "fetched", more: false, delivered: 2 });
  });

  it("a deadline that discovery used up leaves work, and says so", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one");
    harness.graph.server.plan(() => true, { kind: "before", run: () => harness.clock.advance(MINUTE_MS) });
    assert.deepEqual(await harness.run(mailbox, { budgetMs: 30_000 }), { kind: "fetched", more: true, delivered: 0 });
  });
});
