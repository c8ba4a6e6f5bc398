import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { startUvdesk, type Uvdesk } from "./uvdesk.ts";

const MAILBOX = "help@contoso.test";
const BOUNDARY = "----form-boundary";

let desk: Uvdesk;

before(async () => {
  desk = await startUvdesk({ port: 0, mailboxes: [MAILBOX], postMaxSizeBytes: 100_000 });
});

after(() => desk.stop());

beforeEach(() => {
  desk.mode = "ok";
});

interface MailHeaders {
  [name: string]: string | undefined;
}

let mails = 0;

/** A mail that makes a new ticket, but for the headers given here; `undefined` leaves one out. */
function mail(headers: MailHeaders = {}, body = "Hello"): Buffer {
  mails += 1;
  const all: MailHeaders = {
    "Delivered-To": MAILBOX,
    From: "Ada <ada@customer.test>",
    To: MAILBOX,
    Subject: `Question ${mails}`,
    "Message-ID": `<mail-${mails}@customer.test>`,
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}\r\n`]));
  return Buffer.from(`${lines.join("")}\r\n${body}`, "latin1");
}

/** The multipart body, written as bytes: a FormData would re-encode the mail as UTF-8. */
function post(bytes: Buffer, { to = desk, disposition = 'form-data; name="email"' } = {}): Promise<Response> {
  const head = `--${BOUNDARY}\r\nContent-Disposition: ${disposition}\r\n\r\n`;
  return fetch(to.listenerUrl, {
    method: "POST",
    headers: { "content-type": `multipart/form-data; boundary=${BOUNDARY}` },
    body: new Uint8Array(Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)])),
  });
}

async function textOf(bytes: Buffer, to = desk): Promise<string> {
  const answer = await post(bytes, { to });
  assert.equal(answer.status, 200);
  const { success, message } = (await answer.json()) as { success: boolean; message: string };
  assert.equal(success, true);
  return message;
}

const RECEIVED = "Received email from <info>ada@customer.test</info>. ";
const PROCESSED = `${RECEIVED}Inbound email processed successfully.`;
const ALREADY = `${RECEIVED}The contents of this email has already been processed.`;
const last = () => desk.received.at(-1);

describe("UVdesk: the request", () => {
  it("keeps the mail byte for byte, 8-bit characters and broken line ends included", async () => {
    const bytes = mail({ Subject: "caf\xe9" }, "\x00\xff\r\r\n--not-the-boundary\n\xe9");
    await textOf(bytes);
    assert.deepEqual(last()?.bytes, bytes);
  });

  it("takes the urlencoded form as well, without harm to the bytes", async () => {
    const bytes = mail({}, "a+b &=% \xe9");
    const encoded = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const answer = await fetch(desk.listenerUrl, { method: "POST", headers, body: `other=1&email=${encoded}` });
    assert.equal(answer.status, 200);
    assert.deepEqual(last()?.bytes, bytes);
  });

  const missing = '{"success":false,"message":"Missing required email data in request content."}';

  it("counts a part with a file name, an empty part and a form too large as missing", async () => {
    const asFile = { disposition: 'form-data; name="email"; filename="mail.eml"' };
    for (const answer of [
      await post(mail(), asFile),
      await post(mail(), { disposition: 'form-data; name="mail"' }),
      await post(Buffer.alloc(0)),
      await post(mail({}, "x".repeat(100_000))),
      await fetch(desk.listenerUrl, { method: "POST", body: "no form at all" }),
    ]) {
      assert.deepEqual([answer.status, await answer.text()], [500, missing]);
    }
  });

  it("refuses any other method with 500", async () => {
    const answer = await fetch(desk.listenerUrl);
    assert.deepEqual(
      [answer.status, await answer.text()],
      [500, '{"success":false,"message":"Request not supported."}'],
    );
  });

  it("survives what is no mail at all", async () => {
    assert.equal(
      await textOf(Buffer.from([0xff, 0x00, 0x0a])),
      "No 'from' email address was found while processing contents of email.",
    );
  });

  it("writes JSON as Symfony does", async () => {
    const body = await (await post(mail({ From: "o'neil@customer.test" }))).text();
    assert.match(body, /Received email from \\u003Cinfo\\u003Eo\\u0027neil@customer\.test\\u003C\\\/info\\u003E\. Inb/);
  });
});

describe("UVdesk: new tickets", () => {
  it("does not tell the number of a new ticket", async () => {
    const before = desk.tickets.length;
    assert.equal(await textOf(mail({ Subject: "The printer" })), PROCESSED);
    assert.equal(desk.tickets.length, before + 1);
    assert.partialDeepStrictEqual(desk.tickets.at(-1), { subject: "The printer", from: "ada@customer.test" });
    assert.equal(last()?.outcome, "new");
  });

  it("says that a Message-ID is known, with a tag that names no thread", async () => {
    const bytes = mail();
    await textOf(bytes);
    const { number } = desk.tickets.at(-1) ?? {};
    assert.equal(await textOf(bytes), `${ALREADY} <comment>[tickets/${number}]</comment>`);
    assert.deepEqual([last()?.outcome, last()?.ticket], ["duplicate", number]);
  });

  it("makes two tickets of one mail that comes twice at the same time", async () => {
    const before = desk.tickets.length;
    const bytes = mail();
    const bothHere = Promise.withResolvers<void>();
    let here = 0;
    const run = () => {
      here += 1;
      if (here === 2) bothHere.resolve();
      return bothHere.promise;
    };
    desk.standIn.plan(() => true, { kind: "before", run }, 2);
    await Promise.all([post(bytes), post(bytes)]);
    assert.equal(desk.tickets.length, before + 2);
  });

  it("looks at Delivered-To alone where there is one, else at X-Forwarded-To, To and Cc", async () => {
    const elsewhere = { "Delivered-To": undefined, To: "list@other.test" };
    assert.equal(await textOf(mail({ To: "list@other.test" })), PROCESSED);
    assert.equal(await textOf(mail({ ...elsewhere, "X-Forwarded-To": MAILBOX })), PROCESSED);
    assert.equal(
      await textOf(mail({ "Delivered-To": undefined, To: undefined, Cc: MAILBOX.toUpperCase() })),
      PROCESSED,
    );
    assert.equal((await post(mail({ ...elsewhere, Cc: MAILBOX }))).status, 500);
  });

  it("breaks with an HTML page when no recipient is a mailbox of UVdesk, each time", async () => {
    const bytes = mail({ "Delivered-To": "alias@contoso.test" });
    for (const answer of [await post(bytes), await post(bytes)]) {
      assert.equal(answer.status, 500);
      assert.match(answer.headers.get("content-type") ?? "", /^text\/html/);
      assert.match(await answer.text(), /The server returned a "500 Internal Server Error"/);
    }
    assert.equal(last()?.outcome, "refused");
  });

  it("takes the first mail without a Message-ID and breaks on the next", async () => {
    const other = await startUvdesk({ port: 0, mailboxes: [MAILBOX] });
    assert.equal(await textOf(mail({ "Message-ID": undefined }), other), PROCESSED);
    assert.equal((await post(mail({ "Message-ID": undefined }), { to: other })).status, 500);
    await other.stop();
  });

  it("breaks on a mail without Message-ID once an agent has answered through Graph", async () => {
    const other = await startUvdesk({ port: 0, mailboxes: [MAILBOX] });
    await textOf(mail(), other);
    other.addAgentReply(1, undefined);
    assert.equal((await post(mail({ "Message-ID": undefined }), { to: other })).status, 500);
    await other.stop();
  });
});

describe("UVdesk: refusals that look like success", () => {
  const refused: [string, MailHeaders, string][] = [
    [
      "a mail without sender",
      { From: undefined },
      "No 'from' email address was found while processing contents of email.",
    ],
    ["an unusable sender", { From: "nobody" }, "No 'from' email address was found while processing contents of email."],
    [
      "a mail without recipients",
      { "Delivered-To": undefined, To: undefined },
      `${RECEIVED}No 'to' email addresses were found in the email.`,
    ],
    ...[
      { Precedence: "list" },
      { "X-Autoreply": "yes" },
      { "X-Autorespond": "1" },
      { "Auto-Submitted": "auto-replied" },
    ].map((headers): [string, MailHeaders, string] => [
      `the header ${Object.keys(headers)[0]}`,
      headers,
      `${RECEIVED}Received an auto-forwarded email which can lead to possible infinite loop of email exchanges. Skipping email from further processing.`,
    ]),
    [
      "a mail from one of its own mailboxes",
      { From: MAILBOX },
      `Received email from <info>${MAILBOX}</info>. Received a self-referencing email where the sender email address matches one of the configured mailbox address. Skipping email from further processing.`,
    ],
  ];

  for (const [what, headers, text] of refused) {
    it(`answers 200 and stores nothing: ${what}`, async () => {
      const before = desk.tickets.length;
      assert.equal(await textOf(mail(headers)), text);
      assert.equal(desk.tickets.length, before);
      assert.equal(last()?.outcome, "refused");
    });
  }

  it("skips senders on the block list", async () => {
    desk.blockedSenders.add("ada@customer.test");
    assert.equal(
      await textOf(mail()),
      `${RECEIVED}Received email where the sender email address is present in the block list. Skipping this email from further processing.`,
    );
    desk.blockedSenders.clear();
  });

  it("takes the sender from Sender where there is no From", async () => {
    assert.equal(await textOf(mail({ From: undefined, Sender: "ada@customer.test" })), PROCESSED);
  });
});

describe("UVdesk: replies", () => {
  async function newTicket() {
    await textOf(mail());
    const ticket = desk.tickets.at(-1);
    assert.ok(ticket);
    return { ticket, "In-Reply-To": ticket.messageIds[0] };
  }

  it("puts a reply on its ticket and tells the number twice", async () => {
    const { ticket, ...reply } = await newTicket();
    assert.equal(
      await textOf(mail(reply)),
      `${PROCESSED} <comment>[tickets/${ticket.number}/#${ticket.number}]</comment>`,
    );
    assert.equal(ticket.replies.length, 1);
    assert.deepEqual(
      ticket.rawMails.map(({ outcome }) => outcome),
      ["new", "reply"],
    );
  });

  it("knows a reply that comes again", async () => {
    const { ticket, ...reply } = await newTicket();
    const bytes = mail(reply);
    await textOf(bytes);
    assert.equal(await textOf(bytes), `${ALREADY} <comment>[tickets/${ticket.number}/#${ticket.number}]</comment>`);
    assert.equal(ticket.replies.length, 1);
  });

  it("follows a reply to a reply, and does not mind to which mailbox it came", async () => {
    const { ticket, ...reply } = await newTicket();
    await textOf(mail({ ...reply, "Message-ID": "<second@customer.test>" }));
    await textOf(mail({ "In-Reply-To": "<second@customer.test>", "Delivered-To": "alias@contoso.test" }));
    assert.equal(ticket.replies.length, 2);
  });

  it("drops a reply that has References only, and calls it processed", async () => {
    const { ticket, ...reply } = await newTicket();
    const references = { References: `<elsewhere@customer.test>\r\n\t${reply["In-Reply-To"]}` };
    assert.equal(await textOf(mail(references)), `${ALREADY} <comment>[tickets/${ticket.number}]</comment>`);
    assert.equal(ticket.replies.length, 0);
    assert.equal(last()?.outcome, "refused");
  });

  it("drops mail for tickets in the trash or in spam, and calls it a success", async () => {
    for (const state of ["trashed", "spam"] as const) {
      const { ticket, ...reply } = await newTicket();
      ticket.state = state;
      assert.equal(await textOf(mail(reply)), `${PROCESSED} <comment>[tickets/${ticket.number}]</comment>`);
      assert.equal(ticket.replies.length, 0);
    }
  });

  it("leaves half a ticket behind when it fails in between, and calls the next attempt processed", async () => {
    const bytes = mail();
    desk.mode = "half-ticket";
    const failed = await post(bytes);
    assert.equal(failed.status, 500);
    assert.equal(((await failed.json()) as { success: boolean }).success, false);
    desk.mode = "ok";
    assert.match(await textOf(bytes), /already been processed\. <comment>\[tickets\/\d+\]<\/comment>$/);
  });
});

describe("UVdesk 1.1.3", () => {
  let old: Uvdesk;
  before(async () => {
    old = await startUvdesk({ port: 0, mailboxes: [MAILBOX], version: "1.1.3" });
  });
  after(() => old.stop());

  it("spells success its own way and tags with the number of the thread", async () => {
    assert.equal(
      await textOf(mail({ "Message-ID": "<first@old.test>" }), old),
      `${RECEIVED}Inbound email processsed successfully.`,
    );
    await textOf(mail({ "Message-ID": "<other@old.test>" }), old);
    assert.equal(
      await textOf(mail({ "In-Reply-To": "<first@old.test>" }), old),
      `${RECEIVED}Inbound email processsed successfully. <comment>[tickets/1/#3]</comment>`,
    );
  });

  it("takes To and Cc besides Delivered-To, and refuses a Reply-To that is its own mailbox", async () => {
    const aside = { "Delivered-To": "alias@contoso.test", To: MAILBOX };
    assert.match(await textOf(mail(aside), old), /processsed/);
    assert.match(await textOf(mail({ "Reply-To": MAILBOX }), old), /self-referencing/);
    assert.equal(
      await textOf(mail({ From: undefined }), old),
      "No sender email addresses were found while processing contents of email.",
    );
  });
});

describe("UVdesk: bad days", () => {
  it("is unreachable, in maintenance, broken or overloaded on demand", async () => {
    desk.mode = "unreachable";
    await assert.rejects(post(mail()));
    desk.mode = "maintenance-html";
    const maintenance = await post(mail());
    assert.deepEqual([maintenance.status, maintenance.headers.get("content-type")], [200, "text/html; charset=utf-8"]);
    desk.mode = "html-500";
    assert.equal((await post(mail())).status, 500);
    desk.mode = "503";
    assert.equal((await post(mail())).status, 503);
    desk.mode = "ok";
    assert.equal((await post(mail())).status, 200);
  });

  it("stores a mail whose sender did not wait for the answer", async () => {
    desk.mode = "slow";
    desk.slowMs = 60;
    const before = desk.tickets.length;
    const body = new URLSearchParams({ email: mail().toString("latin1") });
    await assert.rejects(fetch(desk.listenerUrl, { method: "POST", body, signal: AbortSignal.timeout(20) }));
    while (desk.tickets.length === before) await setTimeout(5);
  });

  it("loses its answer, but not the mail, when a cut is planned", async () => {
    const before = desk.tickets.length;
    desk.standIn.plan(({ method }) => method === "POST", { kind: "cut-after" });
    const bytes = mail();
    await assert.rejects(post(bytes));
    assert.equal(desk.tickets.length, before + 1);
    assert.match(await textOf(bytes), /already been processed/);
  });

  it("lists its tickets, newest first and harmless", async () => {
    await textOf(mail({ Subject: "<img src=x onerror=alert(1)>" }));
    const page = await (await fetch(desk.origin)).text();
    assert.match(page, /&lt;img src=x/);
    assert.doesNotMatch(page, /<img/);
    assert.ok(page.indexOf(`#${desk.tickets.length}`) < page.indexOf("#1<"));
  });
});
