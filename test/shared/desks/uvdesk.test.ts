import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, afterEach, before, describe, it } from "node:test";
import type { Desk, DeskAnswer } from "../../../shared/desks/desk.ts";
import { createUvdesk } from "../../../shared/desks/uvdesk.ts";
import { readUvdeskAnswer } from "../../../shared/desks/uvdesk-answer.ts";
import { startUvdesk, type Uvdesk } from "../../simulator/desks/uvdesk.ts";
import { MAILBOX, mailWith } from "../../simulator/mails/example-mail.ts";
import { sampleMails } from "../../simulator/mails/sample-mails.ts";
import { deliveryOf } from "./delivery-of.ts";

const now = () => new Date();

let uvdesk: Uvdesk;
let older: Uvdesk;
let desk: Desk;
let olderDesk: Desk;

before(async () => {
  uvdesk = await startUvdesk({ port: 0, mailboxes: [MAILBOX] });
  older = await startUvdesk({ port: 0, mailboxes: [MAILBOX], version: "1.1.3" });
  desk = createUvdesk({ url: uvdesk.origin, now });
  olderDesk = createUvdesk({ url: older.origin, now });
});
afterEach(() => {
  uvdesk.mode = "ok";
  uvdesk.standIn.clearFaults();
});
after(async () => {
  await uvdesk.stop();
  await older.stop();
});

const deliver = (bytes: Buffer) => desk.deliver(deliveryOf(bytes));
const arrived = (at: Uvdesk = uvdesk) => at.received.at(-1)?.bytes ?? assert.fail("Nothing arrived");

/** Fails unless the bytes end with the mail, unchanged; gives what stands before it. */
function prefixOf(bytes: Buffer, mail: Buffer): string {
  const start = bytes.byteLength - mail.byteLength;
  assert.ok(start >= 0 && bytes.subarray(start).equals(mail), "the mail itself has changed");
  return bytes.subarray(0, start).toString("latin1");
}

describe("what UVdesk says", () => {
  for (const version of ["1.1.3", "1.1.4"]) {
    const places = () => (version === "1.1.3" ? { at: older, to: olderDesk } : { at: uvdesk, to: desk });
    const say = (bytes: Buffer): Promise<DeskAnswer> => places().to.deliver(deliveryOf(bytes));

    it(`is read as accepted, with the ticket of a reply (${version})`, async () => {
      const first = mailWith({ "Message-ID": `<first-${version}@customer.test>` });
      assert.partialDeepStrictEqual(await say(first), { kind: "accepted", reference: undefined });
      const ticket = places().at.tickets.length;
      const reply = mailWith({ "In-Reply-To": `<first-${version}@customer.test>` });
      assert.partialDeepStrictEqual(await say(reply), { kind: "accepted", reference: String(ticket) });
      assert.equal(places().at.tickets.length, ticket);
    });

    it(`is read as a duplicate, of a first mail and of a reply (${version})`, async () => {
      const first = mailWith({ "Message-ID": `<twice-${version}@customer.test>` });
      await say(first);
      assert.partialDeepStrictEqual(await say(first), { kind: "duplicate" });
      const reply = mailWith({ "In-Reply-To": `<twice-${version}@customer.test>` });
      await say(reply);
      assert.partialDeepStrictEqual(await say(reply), { kind: "duplicate" });
    });

    it(`is read as refused, with the reason (${version})`, async () => {
      const { at } = places();
      at.blockedSenders.add("spammer@customer.test");
      const tickets = at.tickets.length;
      for (const [headers, code] of [
        [{ Precedence: "bulk" }, "LOOP_RISK"],
        [{ "Auto-Submitted": "auto-replied" }, "LOOP_RISK"],
        [{ From: MAILBOX }, "OWN_ADDRESS"],
        [{ From: "spammer@customer.test" }, "SENDER_BLOCKED"],
        [{ From: undefined }, "NO_SENDER"],
      ] as const) {
        assert.partialDeepStrictEqual(await say(mailWith(headers)), { kind: "refused", code });
      }
      assert.equal(at.tickets.length, tickets);
    });

    it(`is read as refused where the ticket is in the trash or spam, though the text says "processed" (${version})`, async () => {
      for (const state of ["trashed", "spam"] as const) {
        const id = `<${state}-${version}@customer.test>`;
        await say(mailWith({ "Message-ID": id }));
        const ticket = places().at.tickets.at(-1);
        assert.ok(ticket);
        ticket.state = state;
        const answer = await say(mailWith({ "In-Reply-To": id }));
        assert.partialDeepStrictEqual(answer, { kind: "refused", code: "TICKET_IN_TRASH" });
        assert.match(answer.words, new RegExp(`^Ticket ${ticket.number} is in the trash`));
      }
    });
  }

  it("is read as refused without a recipient, in the words of either version", () => {
    for (const text of [
      "No 'to' email addresses were found in the email.",
      "No recipient email addresses were found while",
    ]) {
      const response = {
        status: 200,
        isHtml: false,
        text: JSON.stringify({ success: true, message: text }),
        retryAfterMs: undefined,
      };
      assert.partialDeepStrictEqual(readUvdeskAnswer(response, 1), { kind: "refused", code: "NO_RECIPIENT" });
    }
  });

  it("never holds the sender's address, which is mail content", async () => {
    for (const headers of [{}, { Precedence: "bulk" }]) {
      const answer = await deliver(mailWith(headers));
      assert.doesNotMatch(answer.words, /ada@customer\.test|<\/?\w+>/);
    }
  });

  it("is read behind and in front of what PHP prints where display_errors is on", async () => {
    const notice =
      "<br />\n<b>Deprecated</b>:  Return type of {closure}() in <b>/srv/desk/x.php</b> on line <b>7</b><br />\n";
    const json =
      '{"success":true,"message":"Received email from \\u003Cinfo\\u003Ea@b.test\\u003C\\/info\\u003E. Inbound email processed successfully. "}';
    for (const body of [notice + json, json + notice, notice + json + notice]) {
      const answer = { status: 200, headers: { "content-type": "text/html; charset=UTF-8" }, body };
      uvdesk.standIn.plan(() => true, { kind: "answer", answer });
      assert.partialDeepStrictEqual(await deliver(mailWith()), { kind: "accepted" }, body);
    }
    // Which of two would be the answer, nobody knows.
    const answer = { status: 200, headers: { "content-type": "text/html" }, body: json + notice + json };
    uvdesk.standIn.plan(() => true, { kind: "answer", answer });
    assert.partialDeepStrictEqual(await deliver(mailWith()), { kind: "try-again", code: "NOT_THE_DESK" });
  });

  it("is asked for as it is: an answer that was compressed would be none", async () => {
    await deliver(mailWith());
    assert.equal(uvdesk.received.at(-1)?.headers["accept-encoding"], "identity");
  });

  it("is not what the sender's address says", () => {
    const said = (text: string) => {
      const message = `Received email from <info>${text}</info>. Received email where the sender email address is present in the block list. Skipping this email from further processing.`;
      const response = {
        status: 200,
        isHtml: false,
        text: JSON.stringify({ success: true, message }),
        retryAfterMs: undefined,
      };
      return readUvdeskAnswer(response, 1);
    };
    const expected = { kind: "refused", code: "SENDER_BLOCKED" };
    assert.partialDeepStrictEqual(said("Inbound email processed successfully.@customer.test"), expected);
    assert.partialDeepStrictEqual(said("[tickets/7]@customer.test"), expected);
  });

  it("is not taken for a yes because of its 200: nothing but the known texts counts", async () => {
    for (const [body, expected] of [
      ['{"success":true,"message":"Something new."}', { because: "message", code: "UNKNOWN_ANSWER", uncertain: true }],
      ['{"success":true}', { because: "desk", code: "NOT_THE_DESK", uncertain: true }],
      ['{"success":true,"message":"No answer: Inbound email processed successfully."}', { code: "UNKNOWN_ANSWER" }],
      ['{"success":true,"message":7}', { because: "desk", code: "NOT_THE_DESK" }],
      ["null", { because: "desk", code: "NOT_THE_DESK" }],
      ["[]", { because: "desk", code: "NOT_THE_DESK" }],
      ["Inbound email processed successfully.", { because: "desk", code: "NOT_THE_DESK" }],
      ["", { because: "desk", code: "NOT_THE_DESK" }],
    ] as const) {
      const headers = { "content-type": "application/json" };
      uvdesk.standIn.plan(() => true, { kind: "answer", answer: { status: 200, headers, body } });
      assert.partialDeepStrictEqual(await deliver(mailWith()), { kind: "try-again", ...expected }, body);
    }
  });
});

describe("a mail that UVdesk cannot take", () => {
  it("for the mailbox is none of UVdesk's is the message's fault, and may have arrived", async () => {
    const answer = await desk.deliver(deliveryOf(mailWith(), { mailboxAddress: "unknown@contoso.test" }));
    assert.partialDeepStrictEqual(answer, {
      kind: "try-again",
      because: "message",
      code: "DESK_ERROR",
      uncertain: true,
    });
    assert.match(answer.words, /its log names the PHP error/);
  });

  it("because it broke off half way is the message's fault; the next attempt brings the text to its ticket", async () => {
    const mail = mailWith();
    uvdesk.mode = "half-ticket";
    assert.partialDeepStrictEqual(await deliver(mail), {
      kind: "try-again",
      because: "message",
      code: "DESK_ERROR",
      words: "Unable to save the thread of the ticket.",
      uncertain: true,
    });
    const ticket = uvdesk.tickets.at(-1) ?? assert.fail("There is no half ticket");
    assert.equal(ticket.threads, 0);
    uvdesk.mode = "ok";
    const healed = await deliver(mail);
    assert.partialDeepStrictEqual(healed, { kind: "accepted", reference: String(ticket.number) });
    assert.match((healed as { doubt?: string }).doubt ?? "", /left the ticket without its text/);
    assert.equal(ticket.threads, 1);
    assert.partialDeepStrictEqual(await deliver(mail), { kind: "accepted", reference: String(ticket.number) });
    assert.deepEqual([ticket.threads, uvdesk.tickets.at(-1)], [1, ticket]);
  });

  it("because of PHP's post_max_size is impossible, and told with its size and the settings", async () => {
    const small = await startUvdesk({ port: 0, mailboxes: [MAILBOX], postMaxSizeBytes: 100_000 });
    try {
      const mail = mailWith({}, "x".repeat(150_000));
      const answer = await createUvdesk({ url: small.origin, now }).deliver(deliveryOf(mail));
      assert.partialDeepStrictEqual(answer, { kind: "impossible", code: "TOO_LARGE" });
      assert.match(answer.words, new RegExp(`the message has ${mail.byteLength} bytes; raise post_max_size`));
      assert.equal(small.received.length, 0);
    } finally {
      await small.stop();
    }
  });
});

describe("a web server in front of UVdesk", () => {
  it("that takes the content of each request away is not the fault of a small mail, which must not be quarantined", async () => {
    const emptied = await startUvdesk({ port: 0, mailboxes: [MAILBOX], postMaxSizeBytes: 0 });
    try {
      const answer = await createUvdesk({ url: emptied.origin, now }).deliver(deliveryOf(mailWith()));
      assert.partialDeepStrictEqual(answer, { kind: "try-again", because: "desk", code: "NOT_THE_DESK" });
      assert.match(answer.words, /empty form, though the message has \d+ bytes only/);
    } finally {
      await emptied.stop();
    }
  });

  it("that takes no request of this size makes the message impossible, and the desk not ill", async () => {
    const answer = {
      status: 413,
      headers: { "content-type": "text/html" },
      body: "<html>Request Entity Too Large</html>",
    };
    uvdesk.standIn.plan(() => true, { kind: "answer", answer });
    const said = await deliver(mailWith());
    assert.partialDeepStrictEqual(said, { kind: "impossible", code: "TOO_LARGE" });
    assert.match(said.words, /no request of \d+ bytes/);
  });
});

describe("a desk that is ill", () => {
  for (const [mode, expected] of [
    ["maintenance-html", { because: "desk", code: "NOT_THE_DESK", uncertain: true }],
    ["html-500", { because: "message", code: "DESK_ERROR", uncertain: true }],
    ["503", { because: "desk", code: "HTTP_503", retryAfterMs: 120_000, uncertain: false }],
    ["unreachable", { because: "desk", code: "NO_ANSWER", uncertain: true }],
  ] as const) {
    it(`lets the message wait: ${mode}`, async () => {
      uvdesk.mode = mode;
      const tickets = uvdesk.tickets.length;
      assert.partialDeepStrictEqual(await deliver(mailWith()), { kind: "try-again", ...expected });
      assert.equal(uvdesk.tickets.length, tickets);
    });
  }

  for (const [status, expected] of [
    [401, { because: "desk", uncertain: false }],
    [403, { because: "desk", uncertain: false }],
    [404, { because: "desk", uncertain: false }],
    [410, { because: "desk", uncertain: false }],
    [429, { because: "desk", uncertain: false }],
    // The gateway lost the desk's answer, or waited for it in vain: the desk may have the mail.
    [502, { because: "desk", uncertain: true }],
    [504, { because: "desk", uncertain: true }],
  ] as const) {
    it(`lets the message wait: HTTP ${status}`, async () => {
      const answer = { status, headers: { "retry-after": "30" }, body: "<h1>No</h1>" };
      uvdesk.standIn.plan(() => true, { kind: "answer", answer });
      const expectedAnswer = { kind: "try-again", code: `HTTP_${status}`, retryAfterMs: 30_000, ...expected } as const;
      assert.partialDeepStrictEqual(await deliver(mailWith()), expectedAnswer);
    });
  }

  it("that redirects, as from http to https, is told to be set by its new address, and the mail is sent nowhere", async () => {
    for (const status of [301, 302, 307, 308]) {
      const location = "https://elsewhere.test/mailbox/listener";
      uvdesk.standIn.plan(() => true, { kind: "answer", answer: { status, headers: { location } } });
      assert.partialDeepStrictEqual(await deliver(mailWith()), {
        kind: "try-again",
        because: "desk",
        code: "REDIRECT",
        words: `it redirects to ${location}: put that address into DESKS`,
        uncertain: false,
      });
    }
  });

  it("that nobody started cannot have the mail", async () => {
    const gone = await startUvdesk({ port: 0, mailboxes: [MAILBOX] });
    await gone.stop();
    const answer = await createUvdesk({ url: gone.origin, now }).deliver(deliveryOf(mailWith()));
    assert.partialDeepStrictEqual(answer, { kind: "try-again", because: "desk", code: "NO_ANSWER", uncertain: false });
    assert.match(answer.words, /ECONNREFUSED/);
  });

  it("whose answer got lost may have the mail: the next attempt finds out that it has", async () => {
    for (const fault of [{ kind: "cut-after" }, { kind: "cut-body", afterBytes: 20 }] as const) {
      const mail = mailWith();
      const tickets = uvdesk.tickets.length;
      uvdesk.standIn.plan(() => true, fault);
      assert.partialDeepStrictEqual(await deliver(mail), {
        kind: "try-again",
        because: "desk",
        code: "NO_ANSWER",
        uncertain: true,
      });
      assert.partialDeepStrictEqual(await deliver(mail), { kind: "duplicate" });
      assert.equal(uvdesk.tickets.length, tickets + 1);
    }
  });

  it("that is slow is waited for", async () => {
    uvdesk.mode = "slow";
    uvdesk.slowMs = 200;
    assert.partialDeepStrictEqual(await deliver(mailWith()), { kind: "accepted" });
  });

  it("that answers without end is not listened to for ever, and its words are kept short", async () => {
    const message = `Something new. ${"word ".repeat(1_000)}`;
    const headers = { "content-type": "application/json" };
    const long = { status: 200, headers, body: JSON.stringify({ success: true, message }) };
    uvdesk.standIn.plan(() => true, { kind: "answer", answer: long });
    assert.ok((await deliver(mailWith())).words.length < 400);
    const endless = { status: 200, headers: { "content-type": "text/html" }, body: endlessBody() };
    uvdesk.standIn.plan(() => true, { kind: "answer", answer: endless });
    assert.partialDeepStrictEqual(await deliver(mailWith()), { kind: "try-again", code: "NOT_THE_DESK" });
  });
});

async function* endlessBody(): AsyncGenerator<Uint8Array> {
  for (;;) yield Buffer.alloc(16_384, "x");
}

describe("what is put in front of a mail", () => {
  it("is the mailbox, so that UVdesk finds it for aliases, Bcc and lists", async () => {
    const mail = mailWith({ To: "undisclosed-recipients:;" });
    assert.partialDeepStrictEqual(await deliver(mail), { kind: "accepted" });
    assert.match(prefixOf(arrived(), mail), /^Delivered-To: help@contoso\.test\r\nIn-Reply-To: <[^\r\n]+>\r\n$/);
  });

  it("is a Message-ID where there is none: the same for each attempt, another for each message", async () => {
    const mail = mailWith({ "Message-ID": undefined });
    const first = deliveryOf(mail);
    assert.partialDeepStrictEqual(await desk.deliver(first), { kind: "accepted" });
    const prefix = prefixOf(arrived(), mail);
    assert.match(
      prefix,
      /^Delivered-To: help@contoso\.test\r\nMessage-ID: (<[0-9a-f]{40}@deskpost\.invalid>)\r\nIn-Reply-To: \1\r\n$/,
    );
    assert.partialDeepStrictEqual(await desk.deliver(first), { kind: "duplicate" });
    assert.equal(prefixOf(arrived(), mail), prefix);
    assert.partialDeepStrictEqual(await deliver(mail), { kind: "accepted" });
    assert.notEqual(prefixOf(arrived(), mail), prefix);
  });

  it("is In-Reply-To where a reply has References alone: it lands on its ticket instead of nowhere", async () => {
    await deliver(mailWith({ "Message-ID": "<thread-start@customer.test>" }));
    const ticket = uvdesk.tickets.at(-1);
    const mail = mailWith({ References: "<unknown@customer.test>\r\n <thread-start@customer.test>" });
    assert.partialDeepStrictEqual(await deliver(mail), { kind: "accepted", reference: String(ticket?.number) });
    assert.match(
      prefixOf(arrived(), mail),
      /^Delivered-To: [^\r\n]+\r\nIn-Reply-To: <thread-start@customer\.test>\r\nReferences: <[^ ]+@deskpost\.invalid> <unknown@customer\.test> <thread-start@customer\.test>\r\n$/,
    );
    assert.equal(ticket?.replies.length, 1);
  });

  it("is In-Reply-To also where a sender writes ids without brackets", async () => {
    await deliver(mailWith({ "Message-ID": "bare-start@customer.test" }));
    const mail = mailWith({ References: "bare-unknown@customer.test bare-start@customer.test" });
    assert.partialDeepStrictEqual(await deliver(mail), { kind: "accepted" });
    assert.match(
      prefixOf(arrived(), mail),
      /^Delivered-To: [^\r\n]+\r\nIn-Reply-To: <bare-start@customer\.test>\r\nReferences: <[^ ]+@deskpost\.invalid> <bare-unknown@customer\.test> <bare-start@customer\.test>\r\n$/,
    );
    assert.equal(uvdesk.tickets.at(-1)?.threads, 2);
  });

  it("is the name of nobody where a mail answers what is no whole message id: it gets no stranger's ticket", async () => {
    await deliver(mailWith({ "Message-ID": "<a-stranger@customer.test>" }));
    const nobody = "<[0-9a-f]{40}@deskpost\\.invalid>";
    for (const junk of ["none at all", "customer", "%@%", "<%@%>", "a-strang", "1", "<>", "<@>"]) {
      for (const headers of [
        { References: junk },
        { "In-Reply-To": junk },
        { "In-Reply-To": junk, References: junk },
      ]) {
        const tickets = uvdesk.tickets.length;
        const mail = mailWith(headers);
        assert.equal((await deliver(mail)).kind, "accepted", JSON.stringify(headers));
        assert.equal(uvdesk.tickets.length, tickets + 1, JSON.stringify(headers));
        const expected = new RegExp(
          `^Delivered-To: ${MAILBOX}\r\nIn-Reply-To: ${nobody}\r\nReferences: ${nobody}\r\n$`,
        );
        assert.match(prefixOf(arrived(), mail), expected);
      }
    }
  });

  for (const { name, bytes } of sampleMails()) {
    it(`leaves every byte of the mail as it is: ${name}`, async () => {
      const answer = await deliver(bytes);
      assert.notEqual(answer.kind, "impossible");
      const prefix = prefixOf(arrived(), bytes);
      const newline = name === "line-feeds-only.eml" ? "\n" : "\r\n";
      assert.match(prefix, /^(?:(?:Delivered-To|Message-ID|In-Reply-To|References): [^\r\n]+\r?\n){2,3}$/);
      assert.equal(prefix.split(newline)[0], `Delivered-To: ${MAILBOX}`);
      assert.equal(prefix.includes("Message-ID: "), name === "no-message-id.eml");
      const isReply = /^(?:In-Reply-To|References):/im.test(bytes.toString("latin1").split(/\r?\n\r?\n/)[0] ?? "");
      assert.equal(prefix.includes("References: "), isReply);
    });
  }

  for (const [name, bytes] of [
    ["an empty file", Buffer.alloc(0)],
    ["a text that is no mail", Buffer.from("just some words\nand more")],
    ["an empty line first", Buffer.from("\r\nFrom: ada@customer.test\r\n\r\nx")],
    ["a boundary of a form in it", Buffer.from("From: ada@customer.test\r\n\r\n--deskpost-\r\n\r\n----\r\n")],
    ["3 MB of random bytes", randomBytes(3_000_000)],
  ] as const) {
    it(`leaves every byte as it is: ${name}`, async () => {
      await deliver(bytes);
      const prefix = prefixOf(arrived(), bytes);
      assert.match(
        prefix,
        /^Delivered-To: help@contoso\.test\r?\nMessage-ID: <[0-9a-f]{40}@deskpost\.invalid>\r?\nIn-Reply-To: /,
      );
    });
  }

  it("goes along with the key by which a proxy or a log finds all attempts", async () => {
    const delivery = deliveryOf(mailWith());
    await desk.deliver(delivery);
    assert.equal(uvdesk.received.at(-1)?.headers["idempotency-key"], delivery.idempotencyKey);
  });
});
