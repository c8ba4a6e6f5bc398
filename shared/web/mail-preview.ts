import PostalMime, { decodeWords } from "postal-mime";
import { cutText } from "../platform/cut-text.ts";
import { readableMail } from "./readable-mail.ts";

/** Of a larger mail, only the beginning is read. */
const READ_LIMIT_BYTES = 1024 * 1024;
const TEXT_LIMIT = 20_000;
const HEADER_LIMIT = 2_000;
const HEADERS_LIMIT = 100;

/** What may be shown of a mail: words alone. Nothing of it is markup, and nothing is loaded for it. */
export interface MailPreview {
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  /** Its plain text; `undefined` where it has none, or none that could be read. */
  readonly text: string | undefined;
  /** Names of what is attached. */
  readonly attachments: readonly string[];
  /** True where there is more of the mail than was read or is shown. */
  readonly cut: boolean;
}

/** Reads a mail for a person to look at. What cannot be read is left out: the mail may be in quarantine for just that. */
export async function readPreview(body: ReadableStream<Uint8Array>): Promise<MailPreview> {
  const { bytes: written, complete } = await beginningOf(body);
  const bytes = await readableMail(written);
  const head = headersOf(bytes);
  try {
    const mail = await PostalMime.parse(bytes, { forceRfc822Attachments: true });
    const text = mail.text === undefined ? undefined : harmless(mail.text);
    return {
      headers: head,
      text: text && cutText(text, TEXT_LIMIT, ""),
      attachments: mail.attachments.map(({ filename, mimeType }) =>
        cutText(harmless(filename ?? mimeType), HEADER_LIMIT),
      ),
      cut: !complete || (text !== undefined && text.length > TEXT_LIMIT),
    };
  } catch {
    // Not a mail as anybody knows them; its headers are shown all the same.
    return { headers: head, text: undefined, attachments: [], cut: !complete };
  }
}

async function beginningOf(body: ReadableStream<Uint8Array>): Promise<{ bytes: Uint8Array; complete: boolean }> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    length += chunk.byteLength;
    if (length > READ_LIMIT_BYTES)
      return { bytes: Buffer.concat(chunks).subarray(0, READ_LIMIT_BYTES), complete: false };
  }
  return { bytes: Buffer.concat(chunks), complete: true };
}

/** Line by line as they are written, in their order; continued lines are put together. */
function headersOf(bytes: Uint8Array): { name: string; value: string }[] {
  const text = Buffer.from(bytes).toString("utf8");
  const [head = ""] = text.split(/\r?\n\r?\n/, 1);
  const lines = head.replaceAll(/\r?\n(?=[ \t])/g, "").split(/\r?\n/);
  return lines.slice(0, HEADERS_LIMIT).map((line) => {
    const colon = line.indexOf(":");
    const [name, value] = colon === -1 ? ["", line] : [line.slice(0, colon), line.slice(colon + 1)];
    return { name: cutText(harmless(name), 100), value: cutText(harmless(decoded(value)).trim(), HEADER_LIMIT) };
  });
}

function decoded(value: string): string {
  try {
    return decodeWords(value);
  } catch {
    return value;
  }
}

/** Without control characters, and without those that turn the direction of what stands after them. */
function harmless(text: string): string {
  return text.replaceAll(/[^\P{C}\n\t]/gu, "");
}
