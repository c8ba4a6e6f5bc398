import { isUtf8 } from "node:buffer";
import PostalMime, { addressParser } from "postal-mime";

/** What UVdesk looks at in a mail. */
export interface UvdeskMail {
  /** The first usable address of From, or of Sender where there is no From. */
  readonly from: string | undefined;
  readonly recipients: readonly string[];
  readonly replyTo: readonly string[];
  readonly subject: string;
  readonly messageId: string | undefined;
  readonly inReplyTo: string | undefined;
  readonly references: readonly string[];
  /** Says of itself that it is an automatic answer or list mail. */
  readonly isAutomatic: boolean;
  readonly attachments: readonly UvdeskAttachment[];
  /** What the database says to a part of it that it does not take. */
  readonly refused: Readonly<Partial<Record<"customer" | "ticket" | "thread", string>>>;
  /** PHP's mail parser dies over it; which mails do that is not known, so this one says so of itself. */
  readonly killsParser: boolean;
}

export interface UvdeskAttachment {
  readonly name: string;
  /** The database takes its name. */
  readonly isStorable: boolean;
}

export type UvdeskVersion = "1.1.3" | "1.1.4";

const NAME_LIMIT = 191;
/** Of a file system. */
const FILE_NAME_LIMIT_BYTES = 255;

/** Reads a mail, or whatever was sent as a mail. Never throws. */
export async function readMail(bytes: Buffer, version: UvdeskVersion): Promise<UvdeskMail> {
  const headers = rawHeaders(bytes);
  // Where a header comes twice, PHP's mail parser takes the first; To and Cc it joins.
  const raw = (name: string) => headers.filter((header) => header.name === name).map(({ value }) => value);
  const joined = (name: string) => decodeAsPhp(raw(name).join(", "));
  const header = (name: string) => decodeAsPhp(raw(name)[0] ?? "");
  const text = (name: string) => header(name).toString("utf8").trim() || undefined;
  const addresses = (name: string) =>
    addressesIn((name === "to" || name === "cc" ? joined(name) : header(name)).toString("utf8"));

  const from = text("from") === undefined ? parse(text("sender")) : parse(text("from"));
  const name = from[0]?.name.split("@")[0]?.trim() ?? "";
  const incorrect = (column: string, value: Buffer) => (isUtf8(value) ? undefined : incorrectString(column));
  return {
    from: from.map(({ address }) => address).find(isAddress),
    replyTo: addresses("reply-to"),
    recipients: version === "1.1.3" ? allRecipients(addresses) : firstRecipients(addresses),
    subject: text("subject") ?? "",
    messageId: phpTruth(text("message-id")),
    inReplyTo: phpTruth(htmlDecode(text("in-reply-to"))),
    references: phpTruth(htmlDecode(text("references")))?.split(" ") ?? [],
    isAutomatic:
      text("precedence") !== undefined ||
      text("x-autoreply") !== undefined ||
      text("x-autorespond") !== undefined ||
      text("auto-submitted") === "auto-replied",
    attachments: await attachmentsIn(bytes, header("content-type").toString("latin1")),
    refused: withoutUndefined({
      customer:
        incorrect("uv_user.first_name", header("from")) ??
        ([...name].length > NAME_LIMIT ? tooLong("first_name") : undefined),
      ticket:
        incorrect("uv_ticket.subject", header("subject")) ?? incorrect("uv_ticket.reference_ids", header("message-id")),
      thread: incorrect("uv_thread.cc", joined("cc")) ?? incorrect("uv_thread.bcc", header("bcc")),
    }),
    killsParser: text("x-kills-parser") !== undefined,
  };
}

function withoutUndefined<Values extends object>(
  values: { [Key in keyof Values]: Values[Key] | undefined },
): Partial<Values> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<Values>;
}

export function incorrectString(column: string): string {
  return `An exception occurred while executing a query: SQLSTATE[22007]: Invalid datetime format: 1366 Incorrect string value: '\\xFCrgen ...' for column \`uvdesk\`.${column.replace(/\w+/g, "`$&`")} at row 1`;
}

function tooLong(column: string): string {
  return `An exception occurred while executing a query: SQLSTATE[22001]: String data, right truncated: 1406 Data too long for column '${column}' at row 1`;
}

/** PHP counts "0" as nothing. */
function phpTruth(text: string | undefined): string | undefined {
  return text === "0" ? undefined : text;
}

/** PHP's `htmlspecialchars_decode`, which UVdesk applies to what a mail answers and not to its Message-ID. */
function htmlDecode(text: string | undefined): string | undefined {
  const characters: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"' };
  return text?.replace(/&(amp|lt|gt|quot);|&#0*39;/g, (_, name: string) => characters[name] ?? "'");
}

/** A character for each byte. */
function rawHeaders(bytes: Buffer): { name: string; value: string }[] {
  const lines = headersOf(bytes)
    .toString("latin1")
    .replace(/\r?\n[ \t]+/g, " ")
    .split(/\r?\n/);
  return lines.flatMap((line) => {
    const colon = line.indexOf(":");
    return colon > 0 ? [{ name: line.slice(0, colon).trim().toLowerCase(), value: line.slice(colon + 1).trim() }] : [];
  });
}

/**
 * The bytes that php-mime-mail-parser makes of a header: encoded words in UTF-8, in ASCII or in a charset that it does
 * not know are taken as they are. https://github.com/php-mime-mail-parser/php-mime-mail-parser/blob/main/src/Charset.php
 */
function decodeAsPhp(value: string): Buffer {
  const decoded = value
    .replace(/(\?=)\s+(?==\?)/g, "$1")
    .replace(/=\?([^?]+)\?([bq])\?([^?]*)\?=/gi, (_, charset: string, encoding: string, content: string) => {
      const bytes =
        encoding.toLowerCase() === "b"
          ? Buffer.from(content, "base64")
          : Buffer.from(
              content
                .replaceAll("_", " ")
                .replace(/=([0-9a-f]{2})/gi, (_escape, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
              "latin1",
            );
      return convert(bytes, charset.toLowerCase()).toString("latin1");
    });
  return Buffer.from(decoded, "latin1");
}

function convert(bytes: Buffer, charset: string): Buffer {
  if (["utf-8", "utf8", "us-ascii", "ascii"].includes(charset)) return bytes;
  try {
    return Buffer.from(new TextDecoder(charset).decode(bytes));
  } catch {
    return bytes;
  }
}

type AddressesOf = (header: string) => string[];

/** Since 1.1.4: Delivered-To alone counts where it exists, then X-Forwarded-To or To, then Cc. */
function firstRecipients(addresses: AddressesOf): string[] {
  for (const header of ["delivered-to", "x-forwarded-to", "to", "cc"]) {
    const found = addresses(header);
    if (found.length > 0) return found;
  }
  return [];
}

function allRecipients(addresses: AddressesOf): string[] {
  return ["to", "delivered-to", "cc"].flatMap(addresses);
}

function addressesIn(value: string): string[] {
  return parse(value).flatMap(({ address, name }) => {
    // "undisclosed-recipients" and the like: PHP reports a lone word as an address, too.
    const found = address || name;
    return found ? [found] : [];
  });
}

/** As `mailparse_rfc822_parse_addresses` does: a group is one entry, and words around an address without brackets join it. */
function parse(value: string | undefined): { name: string; address: string }[] {
  if (value === undefined) return [];
  return addressParser(value).map(({ name, address }) => {
    const isBare = address !== undefined && !value.includes("<") && !value.includes("(") && name !== "";
    return { name, address: isBare ? `${name} ${address}` : (address ?? "") };
  });
}

/** FILTER_VALIDATE_EMAIL of PHP. https://github.com/php/php-src/blob/master/ext/filter/logical_filters.c */
function isAddress(text: string): boolean {
  const at = text.lastIndexOf("@");
  const [local, domain] = [text.slice(0, at), text.slice(at + 1)];
  const atom = String.raw`[\x21\x23-\x27\x2a\x2b\x2d\x2f-\x39\x3d\x3f\x5e-\x7eA-Z]+`;
  const quoted = String.raw`"(?:[\x01-\x08\x0b\x0c\x0e-\x1f\x21\x23-\x5b\x5d-\x7f]|\\[\x00-\x7f])*"`;
  const isLocal = new RegExp(`^(?:${atom}|${quoted})(?:\\.(?:${atom}|${quoted}))*$`).test(local);
  const isDomain =
    /^(?:[a-z0-9]+(?:-+[a-z0-9]+)*\.)+(?:[a-z][a-z0-9]*|xn--[a-z0-9]+)(?:-+[a-z0-9]+)*$/i.test(domain) ||
    /^\[(?:\d{1,3}\.){3}\d{1,3}\]$/.test(domain);
  const isShort = local.length <= 64 && domain.split(".").every((label) => label.length <= 63);
  return at > 0 && isLocal && isDomain && isShort;
}

/** By name, as they lie in the folder of a thread: the last of one name is kept. */
async function attachmentsIn(bytes: Buffer, contentType: string): Promise<UvdeskAttachment[]> {
  if (!/^multipart\//i.test(contentType)) return [];
  const { attachments } = await PostalMime.parse(bytes, { forceRfc822Attachments: true });
  const named = attachments.map(({ filename }) => filename ?? "");
  return [...new Set(named)]
    .filter((name) => Buffer.byteLength(name) <= FILE_NAME_LIMIT_BYTES)
    .map((name) => ({ name, isStorable: !name.includes("\uFFFD") }));
}

/** Up to the empty line. */
function headersOf(bytes: Buffer): Buffer {
  const ends = ["\r\n\r\n", "\n\n"].map((gap) => bytes.indexOf(gap)).filter((end) => end !== -1);
  return ends.length === 0 ? bytes : bytes.subarray(0, Math.min(...ends));
}
