import { addressParser, decodeWords } from "postal-mime";

export interface MailAddress {
  readonly name: string;
  readonly address: string;
}

/** What the JSON of a message says about its MIME. */
export interface MailHeaders {
  readonly subject: string;
  readonly from: MailAddress | undefined;
  readonly to: readonly MailAddress[];
  readonly internetMessageId: string | undefined;
  readonly sentAt: Date | undefined;
  readonly contentType: string;
  readonly all: readonly { readonly name: string; readonly value: string }[];
}

/** Nobody writes longer ones, and a binary file without any line end must not take long. */
const MAX_HEADER_BYTES = 256 * 1024;
const MAX_VALUE_CHARACTERS = 8 * 1024;

/** Reads the header block of anything, a mail or not, and never throws; the body is not looked at. */
export function readMailHeaders(mime: Buffer): MailHeaders {
  const all = splitHeaders(headerBlock(mime));
  const first = (name: string) => all.find((header) => header.name.toLowerCase() === name)?.value ?? "";
  const sentAt = new Date(first("date"));
  return {
    subject: decodedWords(first("subject")),
    from: readAddresses(first("from"))[0],
    to: readAddresses(first("to")),
    internetMessageId: first("message-id") || undefined,
    sentAt: Number.isNaN(sentAt.getTime()) ? undefined : sentAt,
    contentType: first("content-type"),
    all,
  };
}

function headerBlock(mime: Buffer): string {
  const start = mime.subarray(0, MAX_HEADER_BYTES);
  const end = start.toString("latin1").search(/\r?\n\r?\n/);
  const block = end < 0 ? start : start.subarray(0, end);
  const text = block.toString("utf8");
  return text.includes("\uFFFD") ? block.toString("latin1") : text;
}

function splitHeaders(block: string): { name: string; value: string }[] {
  const headers: { name: string; value: string }[] = [];
  for (const line of block.replace(/\r?\n[ \t]+/g, " ").split(/\r?\n/)) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).trimEnd();
    if (colon > 0 && /^[!-~]+$/.test(name)) {
      headers.push({ name, value: line.slice(colon + 1, colon + 1 + MAX_VALUE_CHARACTERS).trim() });
    }
  }
  return headers;
}

function decodedWords(value: string): string {
  try {
    return decodeWords(value);
  } catch {
    return value;
  }
}

function readAddresses(value: string): MailAddress[] {
  try {
    return addressParser(value, { flatten: true }).flatMap(({ name, address }) =>
      address === undefined ? [] : [{ name: decodedWords(name), address }],
    );
  } catch {
    return [];
  }
}
