import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import { readMailHeader } from "../../../shared/desks/mail-header.ts";
import { sampleMails } from "../../simulator/mails/sample-mails.ts";

const headerOf = (text: string) => readMailHeader(new Blob([Buffer.from(text, "latin1")]));

describe("the header of a mail", () => {
  it("gives a value by its name, in any case", async () => {
    const header = await headerOf("Message-ID: <a@b.test>\r\nSUBJECT:  Hello \r\n\r\nbody");
    assert.equal(header.get("message-id"), "<a@b.test>");
    assert.equal(header.get("Subject"), "Hello");
    assert.equal(header.get("In-Reply-To"), undefined);
  });

  it("gives a folded value in one line", async () => {
    const header = await headerOf(
      "References: <1@b.test>\r\n <2@b.test>\r\n\t<3@b.test>\r\nMessage-ID:\r\n <4@b.test>\r\n\r\n",
    );
    assert.equal(header.get("References"), "<1@b.test> <2@b.test> <3@b.test>");
    assert.equal(header.get("Message-ID"), "<4@b.test>");
  });

  it("gives the first of several", async () => {
    const header = await headerOf("Subject: one\r\nSubject: two\r\n\r\n");
    assert.equal(header.get("Subject"), "one");
  });

  it("has no value where there is only a name", async () => {
    const header = await headerOf("Message-ID:\r\nIn-Reply-To:   \r\nSubject: x\r\n\r\n");
    assert.equal(header.get("Message-ID"), undefined);
    assert.equal(header.get("In-Reply-To"), undefined);
  });

  it("ends at the empty line: what the body says does not count", async () => {
    for (const newline of ["\r\n", "\n"]) {
      const header = await headerOf(["Subject: x", "", "Message-ID: <body@b.test>", ""].join(newline));
      assert.equal(header.get("Message-ID"), undefined);
      assert.equal((await headerOf(`${newline}Subject: x`)).get("Subject"), undefined);
    }
  });

  it("takes a blank before the colon, and is not fooled by a name that stands in a value", async () => {
    const header = await headerOf("X-Note: In-Reply-To: <x@b.test>\r\nMessage-ID : <a@b.test>\r\n\r\n");
    assert.equal(header.get("Message-ID"), "<a@b.test>");
    assert.equal(header.get("In-Reply-To"), undefined);
  });

  it("tells how lines end", async () => {
    assert.equal((await headerOf("Subject: x\r\n\r\n")).newline, "\r\n");
    assert.equal((await headerOf("Subject: x\n\n")).newline, "\n");
    assert.equal((await headerOf("")).newline, "\r\n");
  });

  it("is read of every sample", async () => {
    const ids = await Promise.all(
      sampleMails().map(async ({ name, bytes }) => {
        const header = await readMailHeader(new Blob([new Uint8Array(bytes)]));
        return [name, header.get("Message-ID") !== undefined] as const;
      }),
    );
    assert.deepEqual(
      ids.filter(([, has]) => !has).map(([name]) => name),
      ["no-message-id.eml"],
    );
  });

  it("is empty of what is no mail", async () => {
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.alloc(1_000),
      randomBytes(3_000_000),
      Buffer.from(":\r\n: x\r\n\r\n"),
    ]) {
      assert.equal((await readMailHeader(new Blob([new Uint8Array(bytes)]))).get("Message-ID"), undefined);
    }
  });
});
