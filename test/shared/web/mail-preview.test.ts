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

  const multipart = (type: string, encoding: string, body: string | Buffer) => [
    'Subject: x\r\nContent-Type: multipart/mixed;\r\n boundary="b c"\r\n\r\npreamble\r\n--b c\r\n',
    `Content-Type: ${type}\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`,
    body,
    "\r\n--b c\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße\r\n--b c--\r\n",
  ];
  for (const [charset, bytes, words] of [
    ["cp850", "84 94 81 e1 9b", "äöüßø"],
    ["IBM850", "84", "ä"],
    ["cp-850", "84", "ä"],
    ["csPC850Multilingual", "84", "ä"],
    ["ibm437", "84 9b e0", "ä¢α"],
    ["cp437", "84", "ä"],
    ["cp858", "d5", "€"],
    ["iso-2022-kr", "1b 24 29 43 48 69 20 0e 47 51 31 5b 0f 21", "Hi 한글!"],
    ["ISO-2022-KR", "1b 24 29 43 0d 0a 0e 3e 48 33 67 0f 0d 0a 4f 4b", "\n안녕\nOK"],
    ["utf-7", "48 69 20 2b 41 4f 51 41 39 67 44 38 2d 21", "Hi äöü!"],
    ["unicode-1-1-utf-7", "2b 41 4f 51 2d", "ä"],
    ["utf-16", "fe ff 00 e4 d8 3d de 00", "ä😀"],
    ["utf-16", "ff fe e4 00 3d d8 00 de", "ä😀"],
    ["utf-16be", "00 e4 00 21", "ä!"],
    ["UTF-16LE", "e4 00 21 00", "ä!"],
    ["iso-2022-jp", "1b 24 42 46 7c 4b 5c 1b 28 42", "日本"],
    ["x-euc-jp", "c6 fc cb dc", "日本"],
    ["windows-1252", "80", "€"],
    ["koi8-r", "f0", "П"],
  ] as const) {
    it(`reads ${charset}, in a body alone, in a part, and in a subject: ${words.replace(/\s/g, " ")}`, async () => {
      const raw = Buffer.from(bytes.replaceAll(" ", ""), "hex");
      const base64 = raw.toString("base64");
      const quoted = bytes
        .replaceAll(" ", "")
        .toUpperCase()
        .replace(/../g, "=$&")
        .replace(/=0D=0A/g, "=0D=0A=\r\n");
      const type = `text/plain;\r\n charset="${charset}"; format=fixed`;
      const alone = await preview(
        `Subject: =?${charset}?B?${base64}?= =?${charset}?Q?=41?=\r\nContent-Type: ${type}\r\ncontent-transfer-encoding: BASE64\r\n\r\n${base64}\r\n`,
      );
      assert.equal(alone.text?.trim(), words.trim());
      if (!/16/.test(charset) && !words.includes("\n")) assert.equal(alone.headers[0]?.value, `${words}A`);
      const parts = await preview(...multipart(type, "quoted-printable", quoted));
      assert.deepEqual(
        parts.text?.trim().split(/\n+(?=Grüße)/),
        [words, "Grüße"].map((text) => text.trim()),
      );
      if (charset === "cp850") {
        const eightBit = await preview(...multipart(`text/plain; charset=${charset}`, "8bit", raw));
        assert.match(eightBit.text ?? "", new RegExp(`^${words}\\s+Grüße`));
      }
    });
  }

  for (const charset of ["hz-gb-2312", "iso-2022-cn", "x-unknown", "replacement"]) {
    it(`says so where it cannot read ${charset}, rather than showing something else`, async () => {
      const body = Buffer.from("~{<:Ky2;~}").toString("base64");
      const mail = await preview(
        `Subject: =?${charset}?B?${body}?=\r\nContent-Type: text/plain; charset=${charset}\r\nContent-Transfer-Encoding: base64\r\n\r\n${body}\r\n`,
      );
      const sentence = `[This is written in ${charset}, which cannot be shown here: download the message]`;
      assert.equal(mail.text?.trim(), sentence);
      assert.equal(mail.headers[0]?.value, sentence);
    });
  }

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
