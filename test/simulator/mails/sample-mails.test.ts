import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import PostalMime from "postal-mime";
import { readMailFolder, sampleMails } from "./sample-mails.ts";

function bytesOf(name: string): Buffer {
  const mail = sampleMails().find((candidate) => candidate.name === name);
  assert.ok(mail, `no sample ${name}`);
  return mail.bytes;
}

describe("the sample mails", () => {
  for (const { name, bytes } of sampleMails()) {
    it(`${name} is a mail to the help desk`, async () => {
      const mail = await PostalMime.parse(bytes);
      assert.ok(mail.to?.some((recipient) => recipient.address === "help@example.com"));
      assert.ok(mail.subject);
      assert.ok(mail.text || mail.html);
      assert.ok(!bytes.includes("\uFFFD"));
    });

    it(`${name} has the line ends that mail needs, unless it says otherwise`, () => {
      const bareLineFeeds = bytes.toString("latin1").match(/(?<!\r)\n/g)?.length ?? 0;
      const carriageReturns = bytes.toString("latin1").match(/\r/g)?.length ?? 0;
      if (name === "line-feeds-only.eml") assert.equal(carriageReturns, 0);
      else assert.equal(bareLineFeeds, 0);
    });
  }

  it("has a body in Latin-1 whose bytes are no UTF-8", async () => {
    const bytes = bytesOf("latin-1-unencoded.eml");
    assert.ok(bytes.includes(Buffer.from([0x4b, 0xfc, 0x6e, 0x64]))); // "Künd"
    assert.ok(bytes.toString("utf8").includes("\uFFFD"));
    const mail = await PostalMime.parse(bytes);
    assert.equal(mail.subject, "Rückfrage zur Kündigung");
    assert.match(mail.text ?? "", /falsche Straße/);
  });

  it("has Japanese in ISO-2022-JP, with its escapes and in seven bits", async () => {
    const bytes = bytesOf("japanese-iso-2022-jp.eml");
    assert.ok(bytes.includes("\u001b$B"));
    assert.ok(bytes.every((byte) => byte < 0x80));
    const mail = await PostalMime.parse(bytes);
    assert.equal(mail.subject, "パスワードを忘れました");
    assert.match(mail.text ?? "", /再発行の手順/);
  });

  it("has Japanese in UTF-8 whose subject is cut into several encoded words", async () => {
    const bytes = bytesOf("japanese-utf-8-base64.eml");
    assert.ok((bytes.toString().match(/=\?UTF-8\?B\?/g) ?? []).length > 3);
    const mail = await PostalMime.parse(bytes);
    assert.equal(mail.subject, "注文番号12345の配送先住所の変更について、管理画面に変更ボタンが表示されない件");
    assert.match(mail.text ?? "", /😀/);
  });

  it("has raw UTF-8 in eight bits, and References without In-Reply-To", async () => {
    const bytes = bytesOf("reply-references-only.eml");
    assert.ok(bytes.includes("again – thank"));
    const mail = await PostalMime.parse(bytes);
    assert.equal(mail.inReplyTo, undefined);
    assert.match(mail.references ?? "", /ticket-1042\.reply-2@example\.com/);
  });

  it("has attachments: a PDF with an encoded name, a zip, an inline image, a mail", async () => {
    const files = await PostalMime.parse(bytesOf("attachments-pdf-zip.eml"));
    assert.deepEqual(
      files.attachments.map(({ filename, mimeType }) => [filename, mimeType]),
      [
        ["Vertrag Müller unterschrieben.pdf", "application/pdf"],
        ["logs.zip", "application/zip"],
      ],
    );
    const html = await PostalMime.parse(bytesOf("html-inline-image.eml"));
    assert.equal(html.attachments[0]?.contentId, "<logo@shop.example.net>");
    const forwarded = await PostalMime.parse(bytesOf("forwarded-message.eml"), { forceRfc822Attachments: true });
    assert.equal(forwarded.attachments[0]?.mimeType, "message/rfc822");
  });

  it("has an invitation, a bounce and an automatic reply", async () => {
    const invitation = await PostalMime.parse(bytesOf("calendar-invitation.eml"));
    assert.equal(invitation.attachments[0]?.mimeType, "text/calendar");
    assert.match(bytesOf("bounce.eml").toString(), /^Return-Path: <>\r\n[\s\S]*multipart\/report/);
    assert.match(bytesOf("auto-reply.eml").toString(), /\r\nAuto-Submitted: auto-replied\r\n/);
  });

  it("has a mail without Message-ID, one with lines above 998 bytes, one with odd headers", () => {
    assert.doesNotMatch(bytesOf("no-message-id.eml").toString(), /^message-id:/im);
    const lines = bytesOf("long-lines.eml").toString().split("\r\n");
    assert.equal(lines.filter((line) => Buffer.byteLength(line) > 998).length, 2);
    const odd = bytesOf("odd-headers.eml").toString();
    assert.equal(odd.match(/^subject:/gim)?.length, 2);
    assert.match(odd, /Subject: First of two\r\n subjects,\r\n\tfolded\r\n/);
  });
});

describe("readMailFolder", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "deskpost-mails-"));
  after(() => rmSync(folder, { recursive: true }));

  it("finds .eml files at every depth, sorted, and nothing else", () => {
    mkdirSync(path.join(folder, "b", "c"), { recursive: true });
    mkdirSync(path.join(folder, "folder.eml"));
    for (const name of ["b/c/2.EML", "a.eml", "b/1.Eml", "b/notes.txt"]) writeFileSync(path.join(folder, name), name);
    assert.deepEqual(
      readMailFolder(folder).map(({ name, bytes }) => [name, bytes.toString()]),
      [
        ["a.eml", "a.eml"],
        ["b/1.Eml", "b/1.Eml"],
        ["b/c/2.EML", "b/c/2.EML"],
      ],
    );
  });

  it("says which folder is missing", () => {
    assert.throws(
      () => readMailFolder(path.join(folder, "nowhere")),
      /There is no folder .*nowhere to read mails from/,
    );
  });
});
