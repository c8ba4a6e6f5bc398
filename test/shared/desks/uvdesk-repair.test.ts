import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import PostalMime from "postal-mime";
import type { Desk, DeskAnswer } from "../../../shared/desks/desk.ts";
import { createUvdesk } from "../../../shared/desks/uvdesk.ts";
import { startUvdesk, type Uvdesk } from "../../simulator/desks/uvdesk.ts";
import { MAILBOX } from "../../simulator/mails/example-mail.ts";
import { deliveryOf } from "./delivery-of.ts";

let uvdesk: Uvdesk;
let desk: Desk;

before(async () => {
  uvdesk = await startUvdesk({ port: 0, mailboxes: [MAILBOX] });
  desk = createUvdesk({ url: uvdesk.origin, now: () => new Date() });
});
afterEach(() => {
  uvdesk.mode = "ok";
});
after(() => uvdesk.stop());

let count = 0;

/** A mail in bytes: a character for each. Its headers are those given, and what is missing. */
function mail(headers: string, body = "hello"): Buffer {
  count += 1;
  const usual = [
    ["From", "Ann <ann@customer.test>"],
    ["Message-ID", `<repair-${count}@customer.test>`],
    ["Subject", "Printer"],
  ].filter(([name]) => !new RegExp(`^${name}:`, "im").test(headers));
  const lines = [...(headers === "" ? [] : [headers]), ...usual.map(([name, value]) => `${name}: ${value}`)];
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${body}`, "latin1");
}

/** Delivers it twice; gives the ticket that both made. */
async function ticketOf(bytes: Buffer) {
  const before = uvdesk.tickets.length;
  const delivery = deliveryOf(bytes);
  const first = await desk.deliver(delivery);
  assert.equal(first.kind, "accepted", first.words);
  const offered = arrived();
  assert.equal((await desk.deliver(delivery)).kind, "duplicate");
  assert.equal(uvdesk.tickets.length, before + 1);
  const ticket = uvdesk.tickets.at(-1);
  assert.ok(ticket?.threads === 1, "the ticket has no text");
  const read = await PostalMime.parse(offered);
  const firstOf = (name: string) => read.headers.find(({ key }) => key === name)?.value ?? "";
  return { ticket, offered, header: firstOf, first };
}

/** What stands before a mail that UVdesk reads as it is. */
function usualPrefix(bytes: Buffer): string {
  const id = /^Message-ID: (.*)$/m.exec(bytes.toString("latin1"))?.[1];
  return `Delivered-To: ${MAILBOX}\r\nIn-Reply-To: ${id}\r\n`;
}

const arrived = () => uvdesk.received.at(-1)?.bytes ?? assert.fail("Nothing arrived");
const latin1 = (text: string) => Buffer.from(text).toString("latin1");

describe("a sender that UVdesk would not find, or fail over, is put in front", () => {
  for (const [what, from, address, name] of [
    ["raw Latin-1", "J\xfcrgen M\xfcller <jm@customer.test>", "jm@customer.test", "Jürgen Müller"],
    ["raw Latin-1 in quotes", '"M\xfcller, J\xfcrgen" <jm@customer.test>', "jm@customer.test", "Müller, Jürgen"],
    ["raw Latin-1, folded", "J\xfcrgen\r\n\tM\xfcller\r\n <jm@customer.test>", "jm@customer.test", "Jürgen Müller"],
    [
      "an encoded word that is not what it says",
      "=?utf-8?Q?J=FCrgen?= <jm@customer.test>",
      "jm@customer.test",
      "Jürgen",
    ],
    ["an encoded word in no charset", "=?x-unknown?Q?J=FCrgen?= <jm@customer.test>", "jm@customer.test", "Jürgen"],
    ["two dots", "<john..doe@customer.test>", '"john..doe"@customer.test', ""],
    ["a dot at the end", "John <john.@customer.test>", '"john."@customer.test', "John"],
    ["a dot at the beginning", "John <.john@customer.test>", '".john"@customer.test', "John"],
    ["an IDN domain", latin1("<a@bücher.test>"), "a@xn--bcher-kva.test", ""],
    ["an IDN domain in Latin-1", "Ann <a@b\xfccher.test>", "a@xn--bcher-kva.test", "Ann"],
    ["words without brackets", "Ann Example ann@customer.test", "ann@customer.test", "Ann Example"],
    ["a group", "Team: Ann <ann@customer.test>, bob@customer.test;", "ann@customer.test", "Ann"],
    ["several, the first of no use", "nobody, J\xf6rg <j@customer.test>", "j@customer.test", "Jörg"],
    ["several", "J\xf6rg <j@customer.test>, ann@customer.test", "j@customer.test", "Jörg"],
    ["a comment in Latin-1", "ann@customer.test (\xc4nne)", "ann@customer.test", "Änne"],
    ["a name of 250 letters", `"${"N".repeat(250)}" <long@customer.test>`, "long@customer.test", "N".repeat(191)],
    [
      "a name of 250 letters in several bytes",
      latin1(`"${"é".repeat(190)}👩‍👩‍👧xy" <long@customer.test>`),
      "long@customer.test",
      "é".repeat(190),
    ],
    [
      "a long name in encoded words",
      Array.from({ length: 25 }, () => `=?UTF-8?B?${Buffer.from("日".repeat(10)).toString("base64")}?=`).join("\r\n "),
      "long@customer.test",
      "日".repeat(191),
    ],
  ] as const) {
    it(what, async () => {
      const field = from.includes("@") ? from : `${from} <long@customer.test>`;
      const { ticket, offered } = await ticketOf(mail(`From: ${field}`));
      assert.equal(ticket.from, address);
      const written = /^From: ([^\r\n]*(?:\r\n [^\r\n]*)*)/m.exec(offered.toString("latin1"))?.[1] ?? "";
      assert.match(written, /^[\x20-\x7e\r\n]*$/);
      const words = [...written.matchAll(/=\?UTF-8\?B\?([^?]*)\?=/g)].map(([, word = ""]) =>
        Buffer.from(word, "base64"),
      );
      assert.equal(Buffer.concat(words).toString(), name === "" ? "" : `"${name}"`);
    });
  }

  for (const from of [
    "ann@customer.test",
    "Ann <ann@customer.test>",
    '"Example, Ann" <ann@customer.test>',
    "ann@customer.test (Ann)",
    latin1("Jürgen <jm@customer.test>"),
    "=?ISO-8859-1?Q?J=FCrgen?= <jm@customer.test>",
    "=?UTF-8?Q?J=C3?= =?UTF-8?Q?=BCrgen?= <jm@customer.test>",
    `"${"é".repeat(191)}" <long@customer.test>`.replaceAll("é", latin1("é")),
  ]) {
    it(`but none that it reads as it is: ${from.slice(0, 40)}`, async () => {
      const bytes = mail(`From: ${from}`);
      const { offered } = await ticketOf(bytes);
      assert.equal(offered.toString("latin1"), usualPrefix(bytes) + bytes.toString("latin1"));
    });
  }

  it("and one that cannot be written in ASCII is refused, as before", async () => {
    for (const from of [
      "nobody",
      latin1("<jürgen@customer.test>"),
      "<ann@localhost>",
      `<${"x".repeat(65)}@customer.test>`,
    ])
      assert.partialDeepStrictEqual(await desk.deliver(deliveryOf(mail(`From: ${from}`))), {
        kind: "refused",
        code: "NO_SENDER",
      });
  });
});

describe("a subject that UVdesk's database would not take is put in front", () => {
  for (const [what, subject, charset, text] of [
    ["Latin-1", "Dr\xfccker kaputt", "", "Drücker kaputt"],
    ["Latin-1, folded", "Dr\xfccker\r\n kaputt", "", "Drücker kaputt"],
    ["the charset of the mail", "\xd0\xd2\xc9\xce\xd4\xc5\xd2", "koi8-r", "принтер"],
    ["Shift_JIS", "\x83v\x83\x8a\x83\x93\x83^", "Shift_JIS", "プリンタ"],
    ["a charset that the mail gives a wrong name", "caf\xe9", "utf-8", "café"],
    ["an encoded word with raw bytes", "=?us-ascii?Q?caf=E9?= au lait", "", "café au lait"],
    ["500 letters", "\xfc".repeat(500), "", "ü".repeat(500)],
  ] as const) {
    it(what, async () => {
      const type = charset === "" ? "" : `\r\nContent-Type: text/plain; charset="${charset}"`;
      const { ticket, offered } = await ticketOf(mail(`Subject: ${subject}${type}`));
      assert.equal(ticket.subject, text);
      const added = offered.toString("latin1").split("\r\n");
      assert.ok(added.every((line, index) => index > 12 || line.length <= 78 || !line.includes("=?UTF-8")));
    });
  }

  for (const subject of ["", latin1("Drücker 🖨"), "=?ISO-8859-1?Q?Dr=FCcker?="]) {
    it(`but none that it takes as it is: “${subject}”`, async () => {
      const bytes = mail(`Subject: ${subject}`);
      const { offered } = await ticketOf(bytes);
      assert.equal(offered.toString("latin1"), usualPrefix(bytes) + bytes.toString("latin1"));
    });
  }
});

describe("Cc that UVdesk's database would not take is rewritten, and nothing beside it", () => {
  for (const [what, cc, expected] of [
    ["raw Latin-1", "J\xfcrgen <jm@y.test>", '"Jürgen" <jm@y.test>'],
    [
      "raw Latin-1 and IDN",
      "J\xfcrgen <jm@b\xfccher.test>, ann@y.test",
      '"Jürgen" <jm@xn--bcher-kva.test>, <ann@y.test>',
    ],
    ["folded", "J\xfcrgen\r\n <jm@y.test>,\r\n\tann@y.test", '"Jürgen" <jm@y.test>, <ann@y.test>'],
    ["an encoded word that is not what it says", "=?utf-8?Q?J=FCrgen?= <jm@y.test>", '"Jürgen" <jm@y.test>'],
    ["a group", "Team: J\xfcrgen <jm@y.test>;", '"Jürgen" <jm@y.test>'],
  ] as const) {
    it(what, async () => {
      const bytes = mail(`X-Before: \xfc\r\nCc: ${cc}\r\nX-Behind: \xfc`, "body \xfc");
      const { offered } = await ticketOf(bytes);
      const written = /\r\nCc: ([^\r\n]*(?:\r\n [^\r\n]*)*)/.exec(offered.toString("latin1"))?.[1] ?? "";
      const read = written
        .replace(/\r\n /g, " ")
        .replace(/=\?UTF-8\?B\?([^?]*)\?=/g, (_, word: string) => Buffer.from(word, "base64").toString());
      assert.equal(read, expected);
      const rest = offered.toString("latin1").replace(`Cc: ${written}`, `Cc: ${cc}`);
      assert.equal(rest, usualPrefix(bytes) + bytes.toString("latin1"));
    });
  }

  it("Bcc, too, which UVdesk keeps as well", async () => {
    const { header } = await ticketOf(mail("Bcc: J\xfcrgen <jm@y.test>"));
    assert.equal(header("bcc"), `=?UTF-8?B?${Buffer.from('"Jürgen"').toString("base64")}?= <jm@y.test>`);
  });

  it("each of several by itself, and not one that is read as it is", async () => {
    const { offered } = await ticketOf(mail(`Cc: ann@y.test\r\nSubject: two\r\nCc: J\xfcrgen <jm@y.test>`));
    assert.match(
      offered.toString("latin1"),
      /\r\nCc: ann@y\.test\r\nSubject: two\r\nCc: =\?UTF-8\?B\?[^\r\n]*<jm@y\.test>\r\n/,
    );
  });
});

describe("ISO-2022-JP without encoded words, in which a letter may look like a bracket", () => {
  const yamada = "\x1b$B;3ED\x1b(B";

  it("hides no sender, and is read in From, Subject and Cc", async () => {
    const { header } = await ticketOf(
      mail(`From: ${yamada} <y@customer.test>\r\nSubject: ${yamada}\r\nCc: ${yamada} <z@customer.test>`),
    );
    const written = Buffer.from("山田").toString("base64");
    assert.equal(header("from"), `=?UTF-8?B?${Buffer.from('"山田"').toString("base64")}?= <y@customer.test>`);
    assert.equal(header("subject"), `=?UTF-8?B?${written}?=`);
    assert.equal(header("cc"), `=?UTF-8?B?${Buffer.from('"山田"').toString("base64")}?= <z@customer.test>`);
  });
});

describe("a Message-ID", () => {
  for (const id of [
    "<>",
    "<@>",
    '""',
    "(none)",
    "0",
    "<0>",
    "<0@0>",
    "<@host.test>",
    "<none>",
    "< >",
    "null",
    "<.@.>",
    "<000@x.test>",
    "<a>",
    "NaN",
    "<unknown>",
    "<[object Object]>",
    "<no message id>",
    "<$MESSAGE_ID>",
  ]) {
    it(`that names nothing counts as missing: two mails with ${id} make two tickets`, async () => {
      const one = await ticketOf(mail(`Message-ID: ${id}`));
      const two = await ticketOf(mail(`Message-ID: ${id}`));
      assert.notEqual(one.ticket.number, two.ticket.number);
      assert.match(one.header("message-id"), /^<[0-9a-f]{40}@deskpost\.invalid>$/);
    });
  }

  for (const id of ["<1@x.test>", "<x1>", "<nonesuch@x.test>", "<unknown@x.test>", '<"a b"@x.test>', "<0a@x.test>"]) {
    it(`that names something stays: ${id}`, async () => {
      const { offered } = await ticketOf(mail(`Message-ID: ${id.replace("<", `<${count}-`)}`));
      assert.doesNotMatch(offered.toString("latin1"), /deskpost\.invalid/);
    });
  }

  it("in Latin-1 is put in front in UTF-8, and what answers it finds its ticket", async () => {
    const { ticket } = await ticketOf(mail("Message-ID: <gr\xfc\xdfe@customer.test>"));
    await desk.deliver(deliveryOf(mail("In-Reply-To: <gr\xfc\xdfe@customer.test>")));
    assert.equal(ticket.threads, 2);
  });

  it("with &amp; in it is found by what answers it, which UVdesk decodes", async () => {
    const { ticket } = await ticketOf(mail("Message-ID: <a&amp;b@customer.test>"));
    await desk.deliver(deliveryOf(mail("In-Reply-To: <a&amp;b@customer.test>")));
    assert.equal(ticket.threads, 2);
  });
});

describe("what UVdesk may have lost without a word is told", () => {
  const part = (headers: string) => `--BB\r\n${headers}\r\n\r\ncontent\r\n`;
  const file = (name: string) =>
    part(`Content-Type: application/octet-stream\r\nContent-Disposition: attachment; ${name}`);
  const withFiles = (...files: string[]) =>
    mail(
      "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=BB",
      `${part("Content-Type: text/plain")}${files.join("")}--BB--\r\n`,
    );

  async function doubtOf(bytes: Buffer): Promise<string | undefined> {
    const tickets = uvdesk.tickets.length;
    const answer: DeskAnswer = await desk.deliver(deliveryOf(bytes));
    assert.ok(answer.kind === "accepted" || answer.kind === "duplicate", answer.words);
    assert.deepEqual([uvdesk.tickets.length, uvdesk.tickets.at(-1)?.threads], [tickets + 1, 1]);
    return answer.doubt;
  }

  for (const [what, files, expected] of [
    [
      "two files of one name",
      [file('filename="image001.png"'), file('filename="image001.png"')],
      /one file alone of the 2 .*image001\.png/,
    ],
    [
      "three of one name, each written another way",
      [
        file("filename=ä.png".replace("ä", "%C3%A4")),
        file("filename*=utf-8''%C3%A4.png"),
        file("filename*0*=utf-8''%C3%A4; filename*1=.png"),
        file('filename="=?utf-8?Q?=C3=A4.png?="'),
      ],
      /one file alone of the 3 .*“ä\.png”/,
    ],
    [
      "a name in Content-Type alone",
      [part('Content-Type: image/png; name="a.png"'), part('Content-Type: image/png; name="a.png"')],
      /one file alone of the 2/,
    ],
    ["a name above 255 bytes", [file(`filename="${"x".repeat(300)}.txt"`)], /name is too long/],
    ["a name above 255 bytes in several bytes", [file(`filename="${latin1("é".repeat(130))}"`)], /name is too long/],
    ["a name in Latin-1", [file('filename="Gr\xfc\xdfe.txt"')], /“Grüße\.txt”, whose name is in a charset/],
    ["a folded header", [file('\r\n filename="a.png"'), file('\r\n\tfilename="a.png"')], /one file alone of the 2/],
  ] as const) {
    it(what, async () => assert.match((await doubtOf(withFiles(...files))) ?? "", expected));
  }

  it("and nothing is told of files with names of their own, of a forwarded mail, or of a mail without files", async () => {
    const forwarded = part("Content-Type: message/rfc822\r\nContent-Disposition: attachment; filename=mail.eml");
    for (const bytes of [
      withFiles(file('filename="a.png"'), file('filename="b.png"'), file(`filename="${"x".repeat(255)}"`), forwarded),
      mail("", 'filename="a"\r\nfilename="a"\r\n'),
    ])
      assert.equal(await doubtOf(bytes), undefined);
  });

  it("in a forwarded mail, too", async () => {
    const inner = `Content-Type: multipart/mixed; boundary=CC\r\n\r\n--CC\r\nContent-Type: image/png; name=a.png\r\n\r\nx\r\n--CC\r\nContent-Type: image/png; name=a.png\r\n\r\ny\r\n--CC--\r\n`;
    const bytes = withFiles(`--BB\r\nContent-Type: message/rfc822\r\n\r\n${inner}`);
    assert.match((await doubtOf(bytes)) ?? "", /one file alone of the 2/);
  });
});

describe("a fault of UVdesk's database", () => {
  for (const [mode, expected] of [
    ["database-away", { kind: "try-again", because: "desk", code: "DATABASE_DOWN" }],
    ["database-locked", { kind: "try-again", because: "message", uncertain: true }],
    ["database-read-only", { kind: "try-again", because: "message", uncertain: true }],
  ] as const) {
    it(`is told apart: ${mode}`, async () => {
      const bytes = mail("");
      uvdesk.mode = mode;
      assert.partialDeepStrictEqual(await desk.deliver(deliveryOf(bytes)), expected);
      uvdesk.mode = "ok";
      await ticketOf(bytes);
    });
  }

  it("over this mail is hopeless at once, without the words of the mail, and leaves nothing that counts as delivered", async () => {
    const message =
      "An exception occurred while executing a query: SQLSTATE[22001]: String data, right truncated: 1406 Data too long for column 'subject' at row 1";
    const answer = {
      status: 500,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ success: false, message }),
    };
    uvdesk.standIn.plan(() => true, { kind: "answer", answer }, 2);
    const said = await desk.deliver(deliveryOf(mail("")));
    assert.partialDeepStrictEqual(said, { kind: "impossible", code: "DATABASE_REFUSES" });
    assert.match(said.words, /column subject.*SQLSTATE\[22001\]/);
  });

  it("over this mail that left half a ticket is told with the ticket's number", async () => {
    const bytes = mail("");
    uvdesk.mode = "half-ticket";
    const delivery = deliveryOf(bytes);
    await desk.deliver(delivery);
    uvdesk.mode = "ok";
    const message =
      "An exception occurred while executing a query: SQLSTATE[22007]: Invalid datetime format: 1366 Incorrect string value: '\\xFC' for column `uvdesk`.`uv_thread`.`message` at row 1";
    const answer = {
      status: 500,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ success: false, message }),
    };
    uvdesk.standIn.plan(() => true, { kind: "answer", answer });
    const said = await desk.deliver(delivery);
    assert.partialDeepStrictEqual(said, { kind: "impossible", code: "HALF_TICKET" });
    assert.match(
      said.words,
      new RegExp(`^Ticket ${uvdesk.tickets.at(-1)?.number} is there without this mail's text.*column message`),
    );
  });
});

it("a mail over which UVdesk's process dies ends the connection: the desk looks ill, and has nothing", async () => {
  const tickets = uvdesk.tickets.length;
  const answer = await desk.deliver(deliveryOf(mail("X-Kills-Parser: yes")));
  assert.partialDeepStrictEqual(answer, { kind: "try-again", because: "desk", code: "NO_ANSWER", uncertain: true });
  assert.equal(uvdesk.tickets.length, tickets);
});
