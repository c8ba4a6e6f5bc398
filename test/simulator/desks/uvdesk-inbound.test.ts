import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { MAILBOX, type MailHeaders } from "../mails/example-mail.ts";
import { startUvdesk, type Uvdesk } from "./uvdesk.ts";
import { ticketMail, useUvdesk } from "./uvdesk-harness.ts";

const bed = useUvdesk();
const { last, post, textOf } = bed;

const RECEIVED = "Received email from <info>ada@customer.test</info>. ";
const PROCESSED = `${RECEIVED}Inbound email processed successfully.`;
const ALREADY = `${RECEIVED}The contents of this email has already been processed.`;

describe("UVdesk: new tickets", () => {
  it("does not tell the number of a new ticket", async () => {
    const before = bed.desk.tickets.length;
    assert.equal(await textOf(ticketMail({ Subject: "The printer" })), PROCESSED);
    assert.equal(bed.desk.tickets.length, before + 1);
    assert.partialDeepStrictEqual(bed.desk.tickets.at(-1), { subject: "The printer", from: "ada@customer.test" });
    assert.equal(last()?.outcome, "new");
  });

  it("says that a Message-ID is known, with a tag that names no thread", async () => {
    const bytes = ticketMail();
    await textOf(bytes);
    const { number } = bed.desk.tickets.at(-1) ?? {};
    assert.equal(await textOf(bytes), `${ALREADY} <comment>[tickets/${number}]</comment>`);
    assert.deepEqual([last()?.outcome, last()?.ticket], ["duplicate", number]);
  });

  it("makes two tickets of one mail that comes twice at the same time", async () => {
    const before = bed.desk.tickets.length;
    const bytes = ticketMail();
    const bothHere = Promise.withResolvers<void>();
    let here = 0;
    const run = () => {
      here += 1;
      if (here === 2) bothHere.resolve();
      return bothHere.promise;
    };
    bed.desk.standIn.plan(() => true, { kind: "before", run }, 2);
    await Promise.all([post(bytes), post(bytes)]);
    assert.equal(bed.desk.tickets.length, before + 2);
  });

  it("looks at Delivered-To alone where there is one, else at X-Forwarded-To, To and Cc", async () => {
    const elsewhere = { "Delivered-To": undefined, To: "list@other.test" };
    assert.equal(await textOf(ticketMail({ To: "list@other.test" })), PROCESSED);
    assert.equal(await textOf(ticketMail({ ...elsewhere, "X-Forwarded-To": MAILBOX })), PROCESSED);
    assert.equal(
      await textOf(ticketMail({ "Delivered-To": undefined, To: undefined, Cc: MAILBOX.toUpperCase() })),
      PROCESSED,
    );
    assert.equal((await post(ticketMail({ ...elsewhere, Cc: MAILBOX }))).status, 500);
  });

  it("breaks with an HTML page when no recipient is a mailbox of UVdesk, each time", async () => {
    const bytes = ticketMail({ "Delivered-To": "alias@contoso.test" });
    for (const answer of [await post(bytes), await post(bytes)]) {
      assert.equal(answer.status, 500);
      assert.match(answer.headers.get("content-type") ?? "", /^text\/html/);
      assert.match(await answer.text(), /The server returned a "500 Internal Server Error"/);
    }
    assert.equal(last()?.outcome, "refused");
  });

  it("takes the first mail without a Message-ID and breaks on the next", async () => {
    const other = await startUvdesk({ port: 0, mailboxes: [MAILBOX] });
    assert.equal(await textOf(ticketMail({ "Message-ID": undefined }), other), PROCESSED);
    assert.equal((await post(ticketMail({ "Message-ID": undefined }), { to: other })).status, 500);
    await other.stop();
  });

  it("breaks on a mail without Message-ID once an agent has answered through Graph", async () => {
    const other = await startUvdesk({ port: 0, mailboxes: [MAILBOX] });
    await textOf(ticketMail(), other);
    other.addAgentReply(1, undefined);
    assert.equal((await post(ticketMail({ "Message-ID": undefined }), { to: other })).status, 500);
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
      const before = bed.desk.tickets.length;
      assert.equal(await textOf(ticketMail(headers)), text);
      assert.equal(bed.desk.tickets.length, before);
      assert.equal(last()?.outcome, "refused");
    });
  }

  it("skips senders on the block list", async () => {
    bed.desk.blockedSenders.add("ada@customer.test");
    assert.equal(
      await textOf(ticketMail()),
      `${RECEIVED}Received email where the sender email address is present in the block list. Skipping this email from further processing.`,
    );
    bed.desk.blockedSenders.clear();
  });

  it("takes the sender from Sender where there is no From", async () => {
    assert.equal(await textOf(ticketMail({ From: undefined, Sender: "ada@customer.test" })), PROCESSED);
  });
});

describe("UVdesk: replies", () => {
  async function newTicket() {
    await textOf(ticketMail());
    const ticket = bed.desk.tickets.at(-1);
    assert.ok(ticket);
    return { ticket, "In-Reply-To": ticket.messageIds[0] };
  }

  it("puts a reply on its ticket and tells the number twice", async () => {
    const { ticket, ...reply } = await newTicket();
    assert.equal(
      await textOf(ticketMail(reply)),
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
    const bytes = ticketMail(reply);
    await textOf(bytes);
    assert.equal(await textOf(bytes), `${ALREADY} <comment>[tickets/${ticket.number}/#${ticket.number}]</comment>`);
    assert.equal(ticket.replies.length, 1);
  });

  it("follows a reply to a reply, and does not mind to which mailbox it came", async () => {
    const { ticket, ...reply } = await newTicket();
    await textOf(ticketMail({ ...reply, "Message-ID": "<second@customer.test>" }));
    await textOf(ticketMail({ "In-Reply-To": "<second@customer.test>", "Delivered-To": "alias@contoso.test" }));
    assert.equal(ticket.replies.length, 2);
  });

  it("drops a reply that has References only, and calls it processed", async () => {
    const { ticket, ...reply } = await newTicket();
    const references = { References: `<elsewhere@customer.test>\r\n\t${reply["In-Reply-To"]}` };
    assert.equal(await textOf(ticketMail(references)), `${ALREADY} <comment>[tickets/${ticket.number}]</comment>`);
    assert.equal(ticket.replies.length, 0);
    assert.equal(last()?.outcome, "refused");
  });

  it("drops mail for tickets in the trash or in spam, and calls it a success", async () => {
    for (const state of ["trashed", "spam"] as const) {
      const { ticket, ...reply } = await newTicket();
      ticket.state = state;
      assert.equal(await textOf(ticketMail(reply)), `${PROCESSED} <comment>[tickets/${ticket.number}]</comment>`);
      assert.equal(ticket.replies.length, 0);
    }
  });

  it("leaves half a ticket behind when it fails in between, and calls the next attempt processed", async () => {
    const bytes = ticketMail();
    bed.desk.mode = "half-ticket";
    const failed = await post(bytes);
    assert.equal(failed.status, 500);
    assert.equal(((await failed.json()) as { success: boolean }).success, false);
    bed.desk.mode = "ok";
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
      await textOf(ticketMail({ "Message-ID": "<first@old.test>" }), old),
      `${RECEIVED}Inbound email processsed successfully.`,
    );
    await textOf(ticketMail({ "Message-ID": "<other@old.test>" }), old);
    assert.equal(
      await textOf(ticketMail({ "In-Reply-To": "<first@old.test>" }), old),
      `${RECEIVED}Inbound email processsed successfully. <comment>[tickets/1/#3]</comment>`,
    );
  });

  it("takes To and Cc besides Delivered-To, and refuses a Reply-To that is its own mailbox", async () => {
    const aside = { "Delivered-To": "alias@contoso.test", To: MAILBOX };
    assert.match(await textOf(ticketMail(aside), old), /processsed/);
    assert.match(await textOf(ticketMail({ "Reply-To": MAILBOX }), old), /self-referencing/);
    assert.equal(
      await textOf(ticketMail({ From: undefined }), old),
      "No sender email addresses were found while processing contents of email.",
    );
  });
});
