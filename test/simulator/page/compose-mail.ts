import { randomUUID } from "node:crypto";

interface WrittenMail {
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** An encoded word may have 75 characters in all; base64 makes four of three bytes. */
const MAX_ENCODED_BYTES = 45;
const BASE64_LINE = 76;

/** Makes a mail of what a person wrote into a form. */
export function composeMail({ from, to, subject, text }: WrittenMail): Buffer {
  const body = Buffer.from(text.replace(/\r?\n/g, "\r\n")).toString("base64");
  const lines = [
    `From: ${oneLine(from)}`,
    `To: ${oneLine(to)}`,
    `Subject: ${encodedWords(oneLine(subject))}`,
    `Date: ${new Date().toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: <${randomUUID()}@example.org>`,
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: base64",
    "",
    ...(body.match(new RegExp(`.{1,${BASE64_LINE}}`, "g")) ?? []),
    "",
  ];
  return Buffer.from(lines.join("\r\n"));
}

/** Nobody writes a further header through a form field. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

/** https://www.rfc-editor.org/rfc/rfc2047 */
function encodedWords(text: string): string {
  if (/^[ -~]{0,900}$/.test(text)) return text;
  const words: string[] = [];
  let word = "";
  for (const character of text) {
    if (Buffer.byteLength(word + character) > MAX_ENCODED_BYTES) {
      words.push(word);
      word = "";
    }
    word += character;
  }
  return [...words, word].map((part) => `=?utf-8?B?${Buffer.from(part).toString("base64")}?=`).join("\r\n ");
}
