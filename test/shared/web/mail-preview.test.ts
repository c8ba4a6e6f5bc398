import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type MailPreview, readPreview } from "../../../shared/web/mail-preview.ts";

const MEGABYTE = 1024 * 1024;

function preview(...parts: (string | Uint8Array)[]): Promise<MailPreview> {
  return readPreview(ReadableStream.from(parts.map((part) => Buffer.from(part))));
}

describe("the preview of a mail", () => {
  it("shows the text and the headers, decoded, and names attachments", async () => {
    const mail = await preview(
      "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nX-Long: one\r\n two\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n",
      "--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGuten=20Tag\r\n",
      "--b\r\nContent-Type: text/html\r\n\r\n<script>alert(1)</script>\r\n",
      "--b\r\nContent-Disposition: attachment; filename=a.pdf\r\nContent-Type: application/pdf\r\n\r\nx\r\n--b--\r\n",
    );
    assert.deepEqual(mail.headers.slice(0, 2), [
      { name: "Subject", value: "Grüße" },
      { name: "X-Long", value: "one two" },
    ]);
    assert.equal(mail.text?.trim(), "Guten Tag");
    assert.deepEqual(mail.attachments, ["a.pdf"]);
    assert.equal(mail.cut, false);
  });

  it("makes nothing of HTML", async () => {
    const mail = await preview("Content-Type: text/html\r\n\r\n<img src=https://example.org/pixel>");
    assert.equal(mail.text, undefined);
  });

  it("leaves out control characters and those that turn the direction", async () => {
    const mail = await preview("Subject: a\u202Eb\u0000c\u001B[31m\r\n\r\nx\u202Ey\u2066z\u0007\n\tw");
    assert.equal(mail.headers[0]?.value, "abc[31m");
    assert.equal(mail.text?.trim(), "xyz\n\tw");
  });

  it("reads the beginning of a large mail alone, and lets go of the rest", async () => {
    let isLetGo = false;
    let readBytes = 0;
    async function* endless() {
      try {
        yield Buffer.from("Subject: large\r\n\r\n");
        for (;;) {
          yield Buffer.alloc(MEGABYTE / 4, "a line of text\r\n");
          readBytes += MEGABYTE / 4;
        }
      } finally {
        isLetGo = true;
      }
    }
    const mail = await readPreview(ReadableStream.from(endless()));
    assert.equal(mail.text?.length, 20_000);
    assert.equal(mail.cut, true);
    assert.equal(isLetGo, true);
    assert.ok(readBytes < 2 * MEGABYTE, `${readBytes} bytes were read`);
  });

  it("shows what there is of something that is no mail", async () => {
    for (const bytes of ["", "\u0000\u0001", "no header at all", `a: ${"x".repeat(3 * MEGABYTE)}`]) {
      const { headers } = await preview(bytes);
      assert.ok(headers.every(({ value }) => value.length <= 2_000));
    }
    assert.equal((await preview("h: 1\r\n".repeat(5_000))).headers.length, 100);
  });
});
