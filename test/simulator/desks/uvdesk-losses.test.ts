import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { ticketMail, useUvdesk } from "./uvdesk-harness.ts";

const harness = useUvdesk();
const { post, textOf } = harness;

async function failureOf(mail: Buffer): Promise<string> {
  const answer = await post(mail);
  assert.equal(answer.status, 500);
  return ((await answer.json()) as { message: string }).message;
}

const lastTicket = () => harness.desk.tickets.at(-1) ?? assert.fail("There is no ticket");
let ticketsBefore = 0;
beforeEach(() => {
  ticketsBefore = harness.desk.tickets.length;
});
const made = () => harness.desk.tickets.length - ticketsBefore;

describe("UVdesk loses", () => {
  it("the text of a mail with raw bytes in Bcc, which it keeps as well", async () => {
    assert.match(
      await failureOf(ticketMail({ Bcc: "J\xfcrgen <j@customer.test>" })),
      /SQLSTATE\[22007\].*`uv_thread`\.`bcc`/,
    );
  });

  it("the text of a mail with raw bytes in Cc, and calls the next attempt processed", async () => {
    const mail = ticketMail({ Cc: "ann@customer.test\r\nCc: J\xfcrgen <j@customer.test>" });
    assert.match(await failureOf(mail), /SQLSTATE\[22007\].*`uv_thread`\.`cc`/);
    assert.deepEqual([made(), lastTicket().threads], [1, 0]);
    assert.match(await textOf(mail), /already been processed\. <comment>\[tickets\/\d+\]<\/comment>$/);
    assert.equal(lastTicket().threads, 0);
  });

  it("a file with raw bytes in its name, and calls the next attempt processed", async () => {
    const headers = { "Content-Type": "multipart/mixed; boundary=B" };
    const file = (name: string) => `--B\r\nContent-Disposition: attachment; filename="${name}"\r\n\r\nx\r\n`;
    const mail = ticketMail(headers, `--B\r\n\r\ntext\r\n${file("a.txt")}${file("Gr\xfcn.txt")}--B--\r\n`);
    assert.match(await failureOf(mail), /SQLSTATE\[22007\].*uv_ticket_attachments/);
    assert.deepEqual([lastTicket().threads, lastTicket().attachments], [1, ["a.txt"]]);
    assert.match(await textOf(mail), /already been processed/);

    const same = ticketMail(
      headers,
      `--B\r\n\r\ntext\r\n${file("a.txt")}${file("a.txt")}${file("x".repeat(300))}--B--\r\n`,
    );
    assert.match(await textOf(same), /processed successfully/);
    assert.deepEqual(lastTicket().attachments, ["a.txt"]);
  });

  it("nothing, but never takes a mail with raw bytes in From, Subject or Message-ID, or with a name that is too long", async () => {
    for (const headers of [
      { From: "J\xfcrgen <j@customer.test>" },
      { From: "=?utf-8?Q?J=FCrgen?= <j@customer.test>" },
      { Subject: "Dr\xfccker" },
      { "Message-ID": "<gr\xfcn@customer.test>" },
      { From: `"${"N".repeat(192)}" <n@customer.test>` },
    ]) {
      assert.match(await failureOf(ticketMail(headers)), /SQLSTATE\[22/);
    }
    assert.equal(made(), 0);
  });

  it("mail whose sender PHP does not take for an address", async () => {
    for (const from of [
      "<john..doe@customer.test>",
      "<a@b\xc3\xbccher.test>",
      "Ann ann@customer.test",
      "T: ann@customer.test;",
    ])
      assert.match(await textOf(ticketMail({ From: from })), /No 'from' email address/);
    for (const from of ["<ann@[192.0.2.1]>", '<"john..doe"@customer.test>', "ann@customer.test (Ann)"])
      assert.match(await textOf(ticketMail({ From: from })), /processed successfully/);
  });

  it("a mail on a stranger's ticket, where what it answers is a part of an id", async () => {
    await textOf(ticketMail({ "Message-ID": "<a-stranger@customer.test>" }));
    for (const part of ["a-strang", "A_STRANGER", "<%@%>"]) await textOf(ticketMail({ "In-Reply-To": part }));
    assert.equal(made(), 1);
  });
});

describe("UVdesk: how it reads a header", () => {
  it("takes the first of several, and decodes &amp; in what a mail answers alone", async () => {
    await textOf(ticketMail({ Subject: "one\r\nSubject: two", "Message-ID": "<a&amp;b@customer.test>" }));
    assert.equal(lastTicket().subject, "one");
    await textOf(ticketMail({ "In-Reply-To": "<a&amp;b@customer.test>" }));
    assert.equal(made(), 2);
    await textOf(ticketMail({ "In-Reply-To": "<a&amp;amp;b@customer.test>" }));
    assert.equal(made(), 2);
  });

  it("names the thread of a known mail that answers itself, and nothing where there is a ticket alone", async () => {
    const id = "<answers-itself@customer.test>";
    const mail = ticketMail({ "Message-ID": id, "In-Reply-To": id });
    harness.desk.mode = "half-ticket";
    await failureOf(mail);
    harness.desk.mode = "ok";
    assert.match(await textOf(mail), /already been processed\.$/);
    await textOf(ticketMail({ "In-Reply-To": id, "Message-ID": "<heals@customer.test>" }));
    assert.deepEqual([made(), lastTicket().threads], [1, 1]);
    const whole = ticketMail({ "Message-ID": "<whole@customer.test>", "In-Reply-To": "<whole@customer.test>" });
    await textOf(whole);
    assert.match(await textOf(whole), /already been processed\. <comment>\[tickets\/\d+\/#\d+\]<\/comment>$/);
  });
});

describe("UVdesk: bad days of its database and of PHP", () => {
  it("tells three kinds of fault by their text", async () => {
    for (const [mode, text] of [
      ["database-away", /^An exception occurred in the driver:/],
      ["database-locked", /SQLSTATE\[HY000\].* 1205 /],
      ["database-read-only", /SQLSTATE\[HY000\].* 1290 /],
    ] as const) {
      harness.desk.mode = mode;
      assert.match(await failureOf(ticketMail()), text);
    }
    assert.equal(made(), 0);
  });

  it("ends the connection without an answer over a mail that kills the process", async () => {
    await assert.rejects(post(ticketMail({ "X-Kills-Parser": "yes" })));
    assert.equal(made(), 0);
  });
});
